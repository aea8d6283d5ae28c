/* SPDX-License-Identifier: Apache-2.0 */
#include "base/phase.h"

#include <criterion/criterion.h>

TestSuite(phase);

Test(phase, every_phase_has_a_name_of_its_own)
{
    for (int i = 0; i < BG_PHASE_COUNT; i++)
        for (int j = i + 1; j < BG_PHASE_COUNT; j++)
            cr_assert_str_neq(bg_phase_name((enum bg_phase)i), bg_phase_name((enum bg_phase)j));
    cr_assert_str_eq(bg_phase_name(BG_PHASE_UPLINK), "uplink");
}

Test(phase, the_ring_keeps_the_newest_marks)
{
    struct bg_phase_mark marks[5];
    struct bg_phase_ring ring;
    bg_phase_ring_init(&ring, marks, 5);
    cr_assert_eq(bg_phase_ring_count(&ring), 0);
    for (uint64_t i = 0; i < 23; i++) {
        bg_phase_ring_add(&ring, (struct bg_phase_mark){.round = i});
        size_t count = i < 5 ? (size_t)i + 1 : 5;
        cr_assert_eq(bg_phase_ring_count(&ring), count);
        for (size_t j = 0; j < count; j++)
            cr_assert_eq(bg_phase_ring_at(&ring, j)->round, i + 1 - count + j);
    }
    cr_assert_eq(ring.written, 23);
}

Test(phase, marks_add_up_phase_by_phase)
{
    struct bg_phase_mark marks[4];
    struct bg_phase_ring ring;
    struct bg_phase_sum sums[BG_PHASE_COUNT];
    bg_phase_ring_init(&ring, marks, 4);
    bg_phase_ring_add(&ring, (struct bg_phase_mark){.begin_ns = 1, .end_ns = 999, .phase = BG_PHASE_FOLD});
    bg_phase_ring_add(&ring, (struct bg_phase_mark){.begin_ns = 30, .end_ns = 70, .phase = BG_PHASE_TRAINING});
    bg_phase_ring_add(
        &ring, (struct bg_phase_mark){.begin_ns = 70, .end_ns = 75, .bytes = 8, .phase = BG_PHASE_UPLINK});
    bg_phase_ring_add(&ring, (struct bg_phase_mark){.begin_ns = 20, .end_ns = 50, .phase = BG_PHASE_TRAINING});
    bg_phase_ring_add(
        &ring, (struct bg_phase_mark){.begin_ns = 80, .end_ns = 83, .bytes = 5, .phase = BG_PHASE_UPLINK});
    bg_phase_ring_sum(&ring, sums);
    cr_assert_eq(sums[BG_PHASE_FOLD].marks, 0, "the ring has lost this mark");
    cr_assert_eq(sums[BG_PHASE_FOLD].end_ns, 0);
    cr_assert_eq(sums[BG_PHASE_TRAINING].marks, 2);
    cr_assert_eq(sums[BG_PHASE_TRAINING].begin_ns, 20);
    cr_assert_eq(sums[BG_PHASE_TRAINING].end_ns, 70);
    cr_assert_eq(sums[BG_PHASE_TRAINING].busy_ns, 70);
    cr_assert_eq(sums[BG_PHASE_UPLINK].bytes, 13);
    cr_assert_eq(sums[BG_PHASE_UPLINK].busy_ns, 8);
}
