/* SPDX-License-Identifier: Apache-2.0 */
#include "up/deal.h"

#include "base/file.h"
#include "base/json.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LABEL "label"

enum bg_status bg_deal_schema(const struct bg_dataset *dataset, const char *path, struct bg_error *error)
{
    struct bg_json *root = bg_json_object();
    struct bg_json *columns = bg_json_add_object(root, "columns");
    for (size_t i = 0; i < dataset->columns; i++)
        bg_json_add_string(columns, dataset->feature_names[i], "number");
    bg_json_add_string(columns, LABEL, "label");
    struct bg_json *labels = bg_json_add_array(root, "labels");
    for (uint32_t c = 0; c < dataset->classes; c++)
        bg_json_add_string(labels, NULL, dataset->class_names[c]);
    char *text = bg_json_print(root, true);
    bg_json_destroy(&root);
    enum bg_status status = text ? bg_file_write(path, (struct bg_span){(uint8_t *)text, strlen(text)}, 0644, error)
                                 : bg_fail(error, BG_NO_MEMORY, "%s: out of memory", path);
    free(text);
    return status;
}

/* Quoted, so that it may hold anything but the end of a line. */
static void write_text(struct bg_writer *w, const char *text)
{
    bg_write_u8(w, '"');
    for (; *text; text++) {
        if (*text == '"')
            bg_write_u8(w, '"');
        bg_write_u8(w, (uint8_t)*text);
    }
    bg_write_u8(w, '"');
}

static void write_row(struct bg_writer *w, const struct bg_dataset *dataset, const float *features, uint32_t class)
{
    char number[32];
    for (size_t i = 0; i < dataset->columns; i++) {
        int length = snprintf(number, sizeof number, "%.9g,", (double)features[i]);
        bg_write_bytes(w, number, (size_t)length);
    }
    write_text(w, dataset->class_names[class]);
    bg_write_u8(w, '\n');
}

enum bg_status bg_deal_rows(const struct bg_dataset *dataset, const struct bg_examples *examples, bool flipped,
                            const char *path, struct bg_error *error)
{
    struct bg_writer w;
    bg_writer_init(&w);
    for (size_t i = 0; i < dataset->columns; i++) {
        write_text(&w, dataset->feature_names[i]);
        bg_write_u8(&w, ',');
    }
    write_text(&w, LABEL);
    bg_write_u8(&w, '\n');
    for (size_t i = 0; i < examples->count; i++) {
        uint32_t class = bg_example_label(examples, i);
        write_row(&w, dataset, bg_example_features(examples, i), flipped ? examples->classes - 1 - class : class);
    }
    enum bg_status status = w.status == BG_OK ? bg_file_write(path, bg_writer_span(&w), 0600, error)
                                              : bg_fail(error, BG_NO_MEMORY, "%s: out of memory", path);
    bg_writer_finish(&w);
    return status;
}
