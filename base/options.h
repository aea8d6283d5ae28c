/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One table per program gives its configuration file, --set overrides, defaults, range checks, --help and
 * --print-config. A key is "section.name"; the JSON file nests them ({"section": {"name": …}}). Unknown keys,
 * wrong types and values out of range are refused with file, line and key.
 */
#pragma once

#include "base/error.h"
#include "base/number.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

struct bg_json;

enum bg_option_type {
    BG_OPTION_BOOL = 1, /* bool */
    BG_OPTION_U64,      /* uint64_t, min..max */
    BG_OPTION_REAL,     /* double, min..max */
    BG_OPTION_TEXT,     /* char[BG_OPTION_TEXT_BYTES]; "" allowed only if the default is "" */
    BG_OPTION_CHOICE,   /* uint32_t: index into `choices` */
};

#define BG_OPTION_TEXT_BYTES 512

struct bg_option {
    const char *key;            /* "section.name" */
    enum bg_option_type type;
    size_t offset;              /* of the field in the program's config struct: offsetof(...) */
    const char *standard;       /* default, as it would be written after --set key= */
    double min, max;            /* inclusive, may be infinite; both 0: no bound beyond the type's */
    const char *const *choices; /* NULL-terminated, for BG_OPTION_CHOICE */
    const char *unit;           /* NULL if none */
    const char *help;           /* one line */
};

/* Fills every field with its default. A bad default is a bug (assert). */
void bg_options_defaults(const struct bg_option *table, size_t count, void *config);
/* Reads a JSON file over *config. BG_CONFIG, or what kept the file from being read; *config is then partly set. */
BG_MUST_CHECK enum bg_status bg_options_load(const struct bg_option *table, size_t count, const char *path,
                                             void *config, struct bg_error *error);
/* One "key=value". BG_CONFIG. */
BG_MUST_CHECK enum bg_status bg_options_set(const struct bg_option *table, size_t count, const char *assignment,
                                            void *config, struct bg_error *error);
/* Defaults, then the file if `path` is not NULL, then the assignments. Errors of load and set. */
BG_MUST_CHECK enum bg_status bg_options_read(const struct bg_option *table, size_t count, const char *path,
                                             char *const *assignments, size_t assignment_count, void *config,
                                             struct bg_error *error);
/* Whether two configurations have the same value. */
bool bg_option_same(const struct bg_option *option, const void *a, const void *b);
/* The value as it would be written after --set key=; texts hold any. */
void bg_option_text(const struct bg_option *option, const void *config, char ret_text[static BG_OPTION_TEXT_BYTES]);
/* Appends the effective configuration, nested by section, to an object. */
void bg_options_to_json(const struct bg_option *table, size_t count, const void *config, struct bg_json *object);
/* The same as text: what --print-config shows, and a file that load reads back. */
void bg_options_print(const struct bg_option *table, size_t count, const void *config, FILE *out);
BG_MUST_CHECK enum bg_status bg_options_save(const struct bg_option *table, size_t count, const void *config,
                                             const char *path, struct bg_error *error);
/* The table as aligned text for --help: key=default, help, range and unit. */
void bg_options_help(const struct bg_option *table, size_t count, FILE *out);
