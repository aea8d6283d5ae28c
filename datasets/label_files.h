/* SPDX-License-Identifier: Apache-2.0 */
/* The label maps of datasets/labels/, embedded by labels/embed.py when the project is built. */
#pragma once

struct bg_label_file {
    const char *name; /* NULL ends the list */
    const char *text; /* JSON */
};

extern const struct bg_label_file bg_label_files[];
