/* SPDX-License-Identifier: Apache-2.0 */
/* The label maps of datasets/labels/ and the schemas of datasets/schemas/, which embed.py puts into the library. */
#pragma once

struct bg_embedded_file {
    const char *name; /* NULL ends the list */
    const char *text; /* JSON */
};

extern const struct bg_embedded_file bg_label_files[];
extern const struct bg_embedded_file bg_schema_files[];
