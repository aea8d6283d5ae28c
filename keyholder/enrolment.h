/* SPDX-License-Identifier: Apache-2.0 */
/* The roster that counts: who is enrolled, in which cell. Nobody is ever taken off it. */
#pragma once

#include "base/digest_table.h"
#include "protocol/partition.h"

struct bg_enrolment {
    struct bg_roster_entry *entries;
    size_t count;
    size_t capacity;
    bool sorted;
    struct bg_digest_table indices; /* client id → index in order of enrolment, which never changes */
};

/* As bg_digest_table_init. */
void bg_enrolment_init(struct bg_enrolment *enrolment, uint64_t seed);
void bg_enrolment_finish(struct bg_enrolment *enrolment);

/* BG_BAD_KEY: not a point of the curve; BG_INVALID: not a cell label; BG_DUPLICATE: enrolled in another cell. In the
 * same cell: BG_OK, and *ret_news is false. */
BG_MUST_CHECK enum bg_status bg_enrolment_add(struct bg_enrolment *enrolment,
                                              const uint8_t point[static BG_PUBLIC_POINT_BYTES], const char *cell,
                                              struct bg_error *error, bool *ret_news);
/* Sorted by client id; borrowed until the next addition. */
struct bg_roster bg_enrolment_roster(struct bg_enrolment *enrolment);
