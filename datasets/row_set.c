/* SPDX-License-Identifier: Apache-2.0 */
#include "datasets/row_set.h"

#include "base/checked.h"

#include <stdlib.h>
#include <string.h>

static const float *features_of(const struct bg_row_set *set, uint32_t row)
{
    return set->examples->features + row * set->examples->columns;
}

static bool same_features(const struct bg_row_set *set, uint32_t a, uint32_t b)
{
    return memcmp(features_of(set, a), features_of(set, b), set->examples->columns * sizeof(float)) == 0;
}

/* Only the speed of a look-up depends on it, never its result. */
static size_t first_slot(const struct bg_row_set *set, uint32_t row)
{
    const float *features = features_of(set, row);
    uint64_t hash = 0;
    for (size_t j = 0; j < set->examples->columns; j++) {
        uint32_t bits;
        memcpy(&bits, &features[j], sizeof bits);
        hash = (hash ^ bits) * 0x9e3779b97f4a7c15u;
        hash ^= hash >> 29;
    }
    return (size_t)hash & set->mask;
}

enum bg_status bg_row_set_init(struct bg_row_set *set, const struct bg_examples *examples)
{
    size_t least, slots = 16;
    if (!bg_size_multiply(examples->count, 2, &least))
        return BG_NO_MEMORY;
    while (slots < least)
        if (!bg_size_multiply(slots, 2, &slots))
            return BG_NO_MEMORY;
    *set = (struct bg_row_set){.examples = examples, .mask = slots - 1};
    set->slots = calloc(slots, sizeof *set->slots);
    return set->slots ? BG_OK : BG_NO_MEMORY;
}

void bg_row_set_finish(struct bg_row_set *set)
{
    free(set->slots);
    *set = (struct bg_row_set){0};
}

void bg_row_set_add(struct bg_row_set *set, uint32_t row)
{
    const uint16_t *labels = set->examples->labels;
    size_t at = first_slot(set, row);
    for (; set->slots[at]; at = (at + 1) & set->mask) {
        uint32_t present = set->slots[at] - 1;
        if (labels[present] == labels[row] && same_features(set, present, row))
            return;
    }
    set->slots[at] = row + 1;
}

struct bg_row_match bg_row_set_find(const struct bg_row_set *set, uint32_t row)
{
    const uint16_t *labels = set->examples->labels;
    struct bg_row_match match = {false, false};
    for (size_t at = first_slot(set, row); set->slots[at]; at = (at + 1) & set->mask) {
        uint32_t present = set->slots[at] - 1;
        if (!same_features(set, present, row))
            continue;
        match.same_label |= labels[present] == labels[row];
        match.other_label |= labels[present] != labels[row];
    }
    return match;
}
