/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/datasets/flow_csv.h"

#include "datasets/schema.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

void flow_csv_add(struct flow_csv *csv, const char *text)
{
    size_t size = strlen(text);
    cr_assert_lt(csv->size + size, FLOW_CSV_BYTES);
    memcpy(csv->text + csv->size, text, size + 1);
    csv->size += size;
}

static struct bg_schema load_schema(bool original)
{
    struct bg_schema schema;
    const struct bg_schema_settings settings = {.labels = ""};
    cr_assert_eq(bg_schema_load(original ? "cicids2017-original" : "cicids2017", &settings, NULL, &schema), BG_OK);
    return schema;
}

void flow_csv_begin(struct flow_csv *csv, bool original)
{
    struct bg_schema schema = load_schema(original);
    csv->original = original;
    csv->size = 0;
    flow_csv_add(csv, original ? " Destination Port," : "id,");
    for (size_t i = 0; i < schema.feature_count; i++) {
        flow_csv_add(csv, original ? " " : "");
        flow_csv_add(csv, schema.feature_names[i]);
        flow_csv_add(csv, ",");
    }
    flow_csv_add(csv, original ? " Fwd Header Length, Label\n" : "Label\n");
    bg_schema_finish(&schema);
}

void flow_csv_row(struct flow_csv *csv, unsigned base, const char *column, const char *cell,
                  const char *label)
{
    struct bg_schema schema = load_schema(csv->original);
    flow_csv_add(csv, csv->original ? "0," : "x-1,");
    for (size_t i = 0; i < schema.feature_count; i++) {
        char number[16];
        snprintf(number, sizeof number, "%u", base + (unsigned)i);
        flow_csv_add(csv, column && strcmp(column, schema.feature_names[i]) == 0 ? cell : number);
        flow_csv_add(csv, ",");
    }
    flow_csv_add(csv, csv->original ? "0," : "");
    flow_csv_add(csv, label);
    flow_csv_add(csv, "\n");
    bg_schema_finish(&schema);
}
