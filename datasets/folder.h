/* SPDX-License-Identifier: Apache-2.0 */
/* The CSV files that a path stands for. */
#pragma once

#include "base/error.h"

#include <stddef.h>

struct bg_file_list {
    char **paths;
    size_t count;
};

/* `path` itself if it is not a folder; otherwise the *.csv, *.csv.gz, *.csv.xz and *.csv.zst (in any case) of
 * `path`/`subfolder` if that is a folder, else of `path`, in the byte order of their names. BG_NOT_FOUND if
 * there is none, BG_IO, BG_NO_MEMORY. */
BG_MUST_CHECK enum bg_status bg_file_list_find(const char *path, const char *subfolder,
                                               struct bg_error *error, struct bg_file_list *ret_list);
/* Accepts a zeroed list. */
void bg_file_list_finish(struct bg_file_list *list);
