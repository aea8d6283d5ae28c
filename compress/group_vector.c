/* SPDX-License-Identifier: Apache-2.0 */
#include "compress/group_vector.h"

#include <stdbool.h>
#include <stdlib.h>

enum bg_status bg_group_vector_init(struct bg_group_vector *vector, const uint16_t *counts, size_t count,
                                    uint32_t members, struct bg_error *error)
{
    *vector = (struct bg_group_vector){0};
    if (members == 0 || members > BG_GROUP_VECTOR_MAX_MEMBERS)
        return bg_fail(error, BG_INVALID, "a group of %u members is not within 1 to %d", (unsigned)members,
                       BG_GROUP_VECTOR_MAX_MEMBERS);
    int16_t *votes = calloc(count ? count : 1, sizeof *votes);
    if (!votes)
        return bg_fail(error, BG_NO_MEMORY, "no memory for a group vector of %zu votes", count);
    bool good = true;
    for (size_t i = 0; i < count; i++) {
        good &= counts[i] <= members;
        votes[i] = (int16_t)(2 * (int32_t)counts[i] - (int32_t)members);
    }
    if (!good) {
        size_t bad = 0;
        while (counts[bad] <= members)
            bad++;
        free(votes);
        return bg_fail(error, BG_OUT_OF_RANGE, "position %zu counts %u votes of %u members", bad,
                       (unsigned)counts[bad], (unsigned)members);
    }
    *vector = (struct bg_group_vector){votes, count, members};
    return BG_OK;
}

void bg_group_vector_finish(struct bg_group_vector *vector)
{
    free(vector->votes);
    *vector = (struct bg_group_vector){0};
}
