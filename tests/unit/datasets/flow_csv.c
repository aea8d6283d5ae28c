/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/datasets/flow_csv.h"

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

void flow_csv_begin(struct flow_csv *csv, enum bg_cicids2017_release release)
{
    csv->release = release;
    csv->size = 0;
    bool original = release == BG_CICIDS2017_ORIGINAL;
    size_t count;
    const char *const *features = bg_cicids2017_features(release, false, &count);
    flow_csv_add(csv, original ? "" : "id,");
    for (size_t i = 0; i < count; i++) {
        flow_csv_add(csv, original ? " " : "");
        flow_csv_add(csv, features[i]);
        flow_csv_add(csv, ",");
    }
    flow_csv_add(csv, original ? " Fwd Header Length, Label\n" : "Label\n");
}

void flow_csv_row(struct flow_csv *csv, unsigned base, const char *column, const char *cell,
                  const char *label)
{
    bool original = csv->release == BG_CICIDS2017_ORIGINAL;
    size_t count;
    const char *const *features = bg_cicids2017_features(csv->release, false, &count);
    flow_csv_add(csv, original ? "" : "x-1,");
    for (size_t i = 0; i < count; i++) {
        char number[16];
        snprintf(number, sizeof number, "%u", base + (unsigned)i);
        flow_csv_add(csv, column && strcmp(column, features[i]) == 0 ? cell : number);
        flow_csv_add(csv, ",");
    }
    flow_csv_add(csv, original ? "0," : "");
    flow_csv_add(csv, label);
    flow_csv_add(csv, "\n");
}
