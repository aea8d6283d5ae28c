/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Label maps. Every label of a map that loads is found, in its class, however it is written; nothing is encoded: a map
 * does not keep how its labels were spelt.
 */
#include "datasets/labels.h"
#include "tests/fuzz/fuzz.h"

#include <string.h>

static enum bg_status check(struct bg_span input)
{
    struct bg_label_map map = {0};
    struct bg_error error;
    uint16_t found = 0;
    enum bg_status status = bg_label_map_parse(input, "map.json", &error, &map);
    if (status != BG_OK)
        return fuzz_refused(status, &error);
    FUZZ_REQUIRE(map.classes > 0, "a map without classes");
    for (size_t i = 0; i < map.label_count; i++) {
        const struct bg_label *label = &map.labels[i];
        FUZZ_REQUIRE(label->class < map.classes || label->class == BG_LABEL_DROPPED, "%s: class %u", label->text,
                     (unsigned)label->class);
        FUZZ_REQUIRE(bg_label_map_find(&map, label->text, strlen(label->text), &found) == BG_OK &&
                         found == label->class,
                     "%s is not found", label->text);
    }
    /* Anything is a label that somebody's file may hold. */
    status = bg_label_map_find(&map, (const char *)input.data, input.size, &found);
    FUZZ_REQUIRE(status == BG_NOT_FOUND || (status == BG_OK && (found < map.classes || found == BG_LABEL_DROPPED)),
                 "%s, class %u", bg_status_name(status), (unsigned)found);
    bg_label_map_finish(&map);
    return BG_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    return fuzz_run(check, data, size);
}
