/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Schemas of data files. Whatever loads describes features that exist and labels that have classes; nothing is encoded:
 * a schema does not keep how it was written.
 */
#include "datasets/schema.h"
#include "tests/fuzz/fuzz.h"

#include <string.h>

static void require_sound(const struct bg_schema *schema)
{
    size_t features = 0, labels = 0;
    for (size_t i = 0; i < schema->column_count; i++) {
        const struct bg_schema_column *column = &schema->columns[i];
        bool one_hot = column->use == BG_COLUMN_ONE_HOT;
        bool number = column->use == BG_COLUMN_NUMBER || column->use == BG_COLUMN_LOG;
        FUZZ_REQUIRE(column->name && *column->name, "column %zu has no name", i);
        if (one_hot || number)
            FUZZ_REQUIRE(column->feature == features, "%s is feature %zu, not %zu", column->name, column->feature,
                         features);
        features += number ? 1 : one_hot ? column->value_count + !column->refuses_unlisted : 0;
        labels += column->use == BG_COLUMN_LABEL;
        FUZZ_REQUIRE(column->use != BG_COLUMN_KEY || column->key < schema->key_count, "%s is no key", column->name);
    }
    FUZZ_REQUIRE(features == schema->feature_count && features > 0, "%zu features, not %zu", schema->feature_count,
                 features);
    FUZZ_REQUIRE(labels == 1, "%zu labels", labels);
    for (size_t i = 0; i < features; i++)
        FUZZ_REQUIRE(schema->feature_names[i] && *schema->feature_names[i], "feature %zu has no name", i);
    for (size_t i = 0; i < schema->labels.label_count; i++)
        FUZZ_REQUIRE(schema->labels.labels[i].class < schema->labels.classes ||
                         schema->labels.labels[i].class == BG_LABEL_DROPPED,
                     "%s", schema->labels.labels[i].text);
}

static enum bg_status check_with(struct bg_span input, const struct bg_schema_settings *settings)
{
    struct bg_schema schema;
    struct bg_error error;
    enum bg_status status = bg_schema_parse(input, "input.json", settings, &error, &schema);
    if (status != BG_OK)
        return fuzz_refused(status, &error);
    require_sound(&schema);
    bg_schema_finish(&schema);
    return BG_OK;
}

static enum bg_status check(struct bg_span input)
{
    enum bg_status status = check_with(input, &(struct bg_schema_settings){.labels = ""});
    return status == BG_NO_MEMORY
               ? status
               : check_with(input, &(struct bg_schema_settings){.labels = "binary", .drop_port = true});
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    return fuzz_run(check, data, size);
}
