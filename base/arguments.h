/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What stands behind a program's name, by one table of flags. A flag sets a switch, keeps the next word or every next
 * word, or is a setting (base/options.h) by a shorter name; everything else is a word. After "--" everything is a word.
 */
#pragma once

#include "base/error.h"

#include <stdbool.h>
#include <stddef.h>

/* Room for as many words as the command line has, the caller's. */
struct bg_words {
    const char **at;
    size_t count;
};

/* Exactly one of the four meanings. */
struct bg_flag {
    const char *name;    /* "--quiet" */
    bool *on;            /* becomes true */
    const char **value;  /* becomes the next word */
    struct bg_words *words; /* gets the next word appended */
    const char *setting; /* "key=value"; the next word completes "key=" and "" */
};

struct bg_arguments {
    const char **words; /* borrowed from argv; NULL behind the last */
    size_t word_count;
    char **settings; /* "key=value" in order */
    size_t setting_count;
};

/* argv[0] is passed over. BG_INVALID names a word that is no flag, or a flag without its value. */
BG_MUST_CHECK enum bg_status bg_arguments_parse(int argc, char **argv, const struct bg_flag *flags, size_t count,
                                                struct bg_error *error, struct bg_arguments *ret_arguments);
/* Accepts zeroed ones. */
void bg_arguments_finish(struct bg_arguments *arguments);
