/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Label maps: which class a data set's label text belongs to. A map is a JSON document:
 *
 *   {"description": "…",
 *    "classes":     [{"name": "BENIGN", "labels": ["BENIGN"]}, …],   classes in order of their numbers
 *    "drop":        ["Heartbleed"],                                 labels whose rows are refused and counted
 *    "attempted":   "BENIGN"}                                       class of "X - Attempted", or "drop"
 *
 * or a list of labels, each its own class: ["normal", "attack"]. "drop" and "attempted" may be left out.
 *
 * Labels are compared by their ASCII letters and digits, in any case; whatever stands between them (blanks,
 * dashes, the byte 0x96, a replacement character) counts as one blank; a minus before a number counts. "X -
 * Attempted" is what the improved release of CIC-IDS2017 calls an attack without effect; its authors advise to
 * treat it as benign. It takes the map's "attempted" if the map knows X, also where X itself is dropped.
 */
#pragma once

#include "base/arena.h"
#include "base/error.h"
#include "base/span.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct bg_json;

#define BG_LABEL_DROPPED UINT16_MAX
#define BG_LABEL_TEXT_BYTES 128 /* of a compared label, with the NUL */
#define BG_LABEL_MAP_MAX_BYTES ((size_t)1 << 20)

struct bg_label {
    const char *text; /* as compared */
    uint16_t class;   /* or BG_LABEL_DROPPED */
};

struct bg_label_map {
    const char *name; /* "papers7", the file's path, or a name within a schema */
    const char **class_names;
    uint32_t classes;
    struct bg_label *labels; /* sorted by text */
    size_t label_count;
    uint16_t attempted; /* class of "X - Attempted", BG_LABEL_DROPPED, or beyond the classes: unknown */
    struct bg_arena memory;
};

/* An embedded map (datasets/embedded.h) by its name, or a file if the text has a slash or ends in ".json".
 * BG_NOT_FOUND, BG_IO, BG_DECODE (not JSON), BG_DATA (not a label map: names file, line and key). */
BG_MUST_CHECK enum bg_status bg_label_map_load(const char *name_or_path, struct bg_error *error,
                                               struct bg_label_map *ret_map);
/* `name` is what errors and the map call the document. */
BG_MUST_CHECK enum bg_status bg_label_map_parse(struct bg_span text, const char *name, struct bg_error *error,
                                                struct bg_label_map *ret_map);
/* From a value in the document `file`, which errors name. */
BG_MUST_CHECK enum bg_status bg_label_map_read(const struct bg_json *document, const char *file, const char *name,
                                               struct bg_error *error, struct bg_label_map *ret_map);
/* Accepts a zeroed map. */
void bg_label_map_finish(struct bg_label_map *map);
/* The form in which a label is compared; false if it is empty or too long. */
BG_MUST_CHECK bool bg_label_form(const char *label, size_t size, char ret_text[static BG_LABEL_TEXT_BYTES]);
/* Class of a label, or BG_LABEL_DROPPED. BG_NOT_FOUND if the map does not know it. */
BG_MUST_CHECK enum bg_status bg_label_map_find(const struct bg_label_map *map, const char *label, size_t size,
                                               uint16_t *ret_class);
