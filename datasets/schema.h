/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the columns of a delimited text file are for. A schema is a JSON document that a user can write, or let
 * burgee-inspect suggest; docs/DATASETS.md has every key and an example. Those of the data sets that burgee knows are
 * in datasets/schemas/ and embedded.
 *
 * Features come in the order of the schema's columns, whatever the order in the file. A one-hot column yields a feature
 * "column=value" per listed value and, unless rows with other values are refused, "column=*" for these. The values are
 * listed rather than found, because every device of a federation must make the same features from its own rows.
 */
#pragma once

#include "base/arena.h"
#include "base/error.h"
#include "base/span.h"
#include "datasets/labels.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define BG_SCHEMA_MAX_BYTES ((size_t)4 << 20)
#define BG_SCHEMA_MAX_KEYS ((size_t)8)
#define BG_SCHEMA_LABELS "labels" /* what the map made of a schema's list of labels is called */

enum bg_column_use {
    BG_COLUMN_DROP = 0, /* known, and not looked at; may be absent */
    BG_COLUMN_NUMBER,
    BG_COLUMN_LOG, /* a number of which the model takes sign(x) · log(1 + |x|) */
    BG_COLUMN_ONE_HOT,
    BG_COLUMN_KEY, /* where the row comes from; may be absent */
    BG_COLUMN_LABEL,
};

struct bg_schema_column {
    const char *name;
    enum bg_column_use use;
    bool fills;           /* a missing value becomes `fill` (one-hot: an unlisted value); else the row is refused */
    float fill;
    size_t feature;       /* index of its first feature */
    const char **values;  /* (value_count) of a one-hot column */
    size_t value_count;
    bool refuses_unlisted; /* rows with other values; else they have the feature after the values' */
    size_t key;            /* index of its key */
    size_t key_bytes;      /* the key is this many bytes of the text at most; 0: all */
};

enum bg_schema_header {
    BG_HEADER_YES = 0,  /* the first line names the columns */
    BG_HEADER_NO,       /* rows hold the schema's columns in their order */
    BG_HEADER_OPTIONAL, /* either: it names them if half its fields or more are names of columns */
    BG_HEADER_ARFF,     /* "@attribute NAME …" lines up to "@data" */
};

struct bg_schema {
    const char *name; /* embedded name, or the file's path */
    const char *description;
    const char *folder; /* subfolder of a folder of data that is preferred; "" if none */
    char delimiter;
    enum bg_schema_header header;
    bool row_names; /* rows begin with a field that the header does not name */
    bool refuses_unlabelled; /* rows without label; else they are an error */
    struct bg_schema_column *columns;
    size_t column_count;
    const char **feature_names;
    bool *logged; /* per feature */
    size_t feature_count;
    const char *key_names[BG_SCHEMA_MAX_KEYS];
    size_t key_count;
    const char **missing; /* (missing_count) texts that stand for a missing value, besides none at all */
    size_t missing_count;
    struct bg_label_map labels;
    struct bg_arena memory;
};

struct bg_schema_settings {
    const char *labels; /* a map of the schema, an embedded one, or a .json file; "" for the schema's choice */
    bool drop_port;     /* leave out the column that the schema calls its port */
};

/* An embedded schema by its name, or a file if the text has a slash or ends in ".json". BG_NOT_FOUND, BG_IO,
 * BG_DECODE (not JSON), BG_DATA (not a schema: names file, line and key). */
BG_MUST_CHECK enum bg_status bg_schema_load(const char *name_or_path, const struct bg_schema_settings *settings,
                                            struct bg_error *error, struct bg_schema *ret_schema);
/* `name` is what errors and the schema call the document. */
BG_MUST_CHECK enum bg_status bg_schema_parse(struct bg_span text, const char *name,
                                             const struct bg_schema_settings *settings, struct bg_error *error,
                                             struct bg_schema *ret_schema);
/* Accepts a zeroed schema. */
void bg_schema_finish(struct bg_schema *schema);
