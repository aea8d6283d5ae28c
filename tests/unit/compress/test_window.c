/* SPDX-License-Identifier: Apache-2.0 */
#include "compress/window.h"

#include "codec_fixture.h"

#include "tests/vectors/codec_vectors.h"

Test(window, phases_are_those_of_splitmix64)
{
    for (size_t i = 0; i < sizeof vector_phases / sizeof *vector_phases; i++)
        cr_assert_eq(bg_window_phase(i), vector_phases[i], "coordinate %zu", i);
}

Test(window, has_everything_when_nothing_rests)
{
    struct bg_window window = {.first = 12345, .rest = 0};
    cr_assert_eq(bg_window_share(&window), 1);
    for (size_t i = 0; i < 1000; i++)
        cr_assert(bg_window_has(&window, i));
    window = bg_window_of_round(1, UINT64_MAX);
    cr_assert_eq(window.rest, 0);
}

Test(window, is_an_arc_that_may_pass_phase_0)
{
    uint32_t phase = bg_window_phase(0);
    struct bg_window one = {.first = phase, .rest = UINT32_MAX};
    cr_assert(bg_window_has(&one, 0), "one phase is left, its own");
    one.first = phase - 1;
    cr_assert_not(bg_window_has(&one, 0));
    struct bg_window wide = {.first = phase + 1, .rest = 1}; /* all but one phase */
    cr_assert_not(bg_window_has(&wide, 0));
    cr_assert(bg_window_has(&wide, 1));
    wide.first = phase + 2;
    cr_assert(bg_window_has(&wide, 0));
}

/* From any round on, ceil(1/q) rounds vote on every coordinate, once or twice. */
Test(window, every_coordinate_has_its_turn)
{
    static const double shares[] = {1, 0.99, 0.5, 1.0 / 3, 0.25, 0.22, 0.2, 0.07, 0.001};
    enum {
        COUNT = 3000
    };
    for (size_t s = 0; s < sizeof shares / sizeof *shares; s++) {
        size_t turn = (size_t)ceil(1 / shares[s]);
        for (size_t begin = 0; begin < 3; begin++) {
            uint8_t votes[COUNT] = {0};
            for (size_t r = begin * 77; r < begin * 77 + turn; r++) {
                struct bg_window window = bg_window_of_round(shares[s], r);
                for (size_t i = 0; i < COUNT; i++)
                    votes[i] += bg_window_has(&window, i);
            }
            for (size_t i = 0; i < COUNT; i++)
                cr_assert(votes[i] == 1 || votes[i] == 2, "share %g, coordinate %zu: %u votes", shares[s], i,
                          votes[i]);
        }
    }
}

Test(window, a_power_of_two_goes_round_exactly)
{
    for (size_t i = 0; i < 1000; i++) {
        size_t votes = 0;
        for (uint64_t r = 5; r < 13; r++) {
            struct bg_window window = bg_window_of_round(0.125, r);
            votes += bg_window_has(&window, i);
        }
        cr_assert_eq(votes, 1);
    }
}

Test(window, counts_about_its_share_of_a_tensor)
{
    struct bg_layout layout;
    make_layout(&layout, 2, (const uint32_t[]){7, 100000});
    struct bg_window window = bg_window_of_round(0.2, 3);
    cr_assert_float_eq(bg_window_share(&window), 0.2, 1e-9);
    cr_assert_float_eq((double)bg_window_count(&window, &layout.tensors[1]), 20000, 500);
    size_t small = 0;
    for (size_t i = 0; i < 7; i++)
        small += bg_window_has(&window, i);
    cr_assert_eq(bg_window_count(&window, &layout.tensors[0]), small);
    bg_layout_finish(&layout);
}

Test(window, tells_of_many_coordinates_in_words)
{
    const struct bg_window windows[] = {{0}, bg_window_of_round(0.3, 2), bg_window_of_round(0.9, 1)};
    for (size_t w = 0; w < 3; w++)
        for (size_t count = 0; count <= 200; count++) {
            uint64_t words[4] = {0};
            size_t first = 1000 + 7 * count;
            bg_window_words(&windows[w], first, count, words);
            for (size_t i = 0; i < 256; i++)
                cr_assert_eq(words[i / 64] >> i % 64 & 1, i < count && bg_window_has(&windows[w], first + i));
        }
}

Test(window, of_the_smallest_share_is_not_empty)
{
    struct bg_window window = bg_window_of_round(1e-300, 9);
    cr_assert_eq(window.first, 9);
    cr_assert_eq(window.rest, UINT32_MAX);
    cr_assert_gt(bg_window_share(&window), 0);
}
