/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/inspect.h"

#include "datasets/suggest.h"
#include "datasets/table.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define VALUES_SHOWN 10 /* most frequent ones */
#define VALUES_IN_LINE 4

/* ---- without a schema ---- */

static void add_values(const struct bg_survey_column *column, struct bg_json *parent)
{
    struct bg_json *values = bg_json_add_object(parent, "values");
    for (size_t i = 0; i < column->value_count && i < VALUES_SHOWN; i++) {
        const struct bg_json *last = bg_json_add_u64(values, column->values[i].text, column->values[i].rows);
        /* Texts that differ in bytes that are not UTF-8 may have become one. */
        if (last && bg_json_get(values, bg_json_key(last)) != last)
            bg_json_drop_last(values);
    }
}

static void add_count(struct bg_json *parent, const char *key, size_t count)
{
    if (count > 0)
        bg_json_add_u64(parent, key, count);
}

static void add_column(const struct bg_survey_column *column, struct bg_json *columns)
{
    struct bg_json *object = bg_json_add_object(columns, NULL);
    bg_json_add_string(object, "name", column->name);
    bg_json_add_string(object, "type", bg_survey_type_name(column->type));
    bg_json_add_u64(object, "different", column->value_count);
    bg_json_add_bool(object, "more", column->more_values);
    add_count(object, "missing", column->missing);
    add_count(object, "nan", column->nans);
    add_count(object, "infinite", column->infinite);
    if (column->numbers > 0) {
        bg_json_add_number(object, "least", column->least);
        bg_json_add_number(object, "most", column->most);
        bg_json_add_number(object, "mean", column->mean);
        bg_json_add_number(object, "deviation", column->deviation);
    }
    if (column->type != BG_SURVEY_TIME && (column->texts > 0 || column->value_count <= VALUES_SHOWN))
        add_values(column, object);
}

static void add_survey(const struct bg_survey *survey, struct bg_json *facts)
{
    static const char *const headers[] = {
        [BG_HEADER_YES] = "names of columns", [BG_HEADER_NO] = "none", [BG_HEADER_ARFF] = "attributes"};
    const char delimiter[] = {survey->delimiter, '\0'};
    bg_json_add_string(facts, "delimiter", survey->delimiter == '\t' ? "tab" : delimiter);
    bg_json_add_string(facts, "header", headers[survey->header]);
    if (survey->row_names)
        bg_json_add_bool(facts, "row_names", true);
    bg_json_add_u64(facts, "rows", survey->rows);
    add_count(facts, "empty_rows", survey->empty_rows);
    add_count(facts, "rows_of_another_length", survey->other_rows);
    add_count(facts, "first_of_another_length_in_line", survey->first_other);
    struct bg_json *columns = bg_json_add_array(facts, "columns");
    for (size_t i = 0; i < survey->column_count; i++)
        add_column(&survey->columns[i], columns);
}

/* Checks that the draft is a schema before anybody gets it. */
static enum bg_status check_draft(const struct bg_json *draft, const char *path, struct bg_error *error)
{
    const struct bg_schema_settings settings = {.labels = ""};
    struct bg_schema schema;
    char *text = bg_json_print(draft, true);
    if (!text)
        return bg_fail(error, BG_NO_MEMORY, "%s: no memory for a schema", path);
    enum bg_status status = bg_schema_parse((struct bg_span){(const uint8_t *)text, strlen(text)}, "suggested schema",
                                            &settings, error, &schema);
    free(text);
    if (status == BG_OK)
        bg_schema_finish(&schema);
    return status;
}

static enum bg_status survey_file(const char *path, const struct bg_inspect_data_settings *settings,
                                  struct bg_json *facts, struct bg_error *error)
{
    struct bg_survey survey;
    struct bg_error why = {0};
    enum bg_status status = bg_survey_read(path, error, &survey);
    if (status != BG_OK)
        return status;
    if (!settings->suggest)
        add_survey(&survey, facts);
    struct bg_json *draft = settings->suggest ? facts : bg_json_add_object(facts, "suggested_schema");
    status = bg_schema_suggest(&survey, settings->label, draft, &why);
    if (status == BG_OK)
        status = check_draft(draft, path, &why);
    if (status != BG_OK && (settings->suggest || settings->label))
        bg_fail(error, status, "%s: %s", path, why.text);
    else if (status != BG_OK) {
        bg_json_drop_last(facts);
        bg_json_add_string(facts, "no_schema_because", why.text);
    }
    bg_survey_finish(&survey);
    return status != BG_OK && (settings->suggest || settings->label) ? status : BG_OK;
}

/* ---- as text ---- */

static const char *text_of(const struct bg_json *object, const char *key)
{
    const struct bg_json *value = object ? bg_json_get(object, key) : NULL;
    return value && bg_json_type(value) == BG_JSON_STRING ? bg_json_string(value) : "";
}

static double number_of(const struct bg_json *object, const char *key)
{
    const struct bg_json *value = bg_json_get(object, key);
    return value && bg_json_type(value) == BG_JSON_NUMBER ? bg_json_number(value) : 0;
}

/* What the suggested schema does with a column. */
static const char *use_of(const struct bg_json *schema, const char *column)
{
    const struct bg_json *columns = schema ? bg_json_get(schema, "columns") : NULL;
    const char *use = text_of(columns, column);
    return *use ? use : text_of(columns ? bg_json_get(columns, column) : NULL, "use");
}

static void print_column(const struct bg_json *column, const struct bg_json *schema, FILE *out)
{
    const char *name = text_of(column, "name");
    const struct bg_json *more = bg_json_get(column, "more"), *values = bg_json_get(column, "values");
    fprintf(out, "%-28s %-9s %-8s %s%-5.0f %-8.0f", name, text_of(column, "type"), use_of(schema, name),
            more && bg_json_bool(more) ? ">" : " ", number_of(column, "different"),
            number_of(column, "missing") + number_of(column, "nan") + number_of(column, "infinite"));
    if (bg_json_get(column, "least"))
        fprintf(out, "%.6g … %.6g, mean %.4g ± %.4g", number_of(column, "least"), number_of(column, "most"),
                number_of(column, "mean"), number_of(column, "deviation"));
    size_t shown = 0;
    for (const struct bg_json *value = values ? bg_json_at(values, 0) : NULL; value && shown < VALUES_IN_LINE;
         value = bg_json_next(value), shown++)
        fprintf(out, "%s%s (%.0f)", shown ? ", " : bg_json_get(column, "least") ? ": " : "", bg_json_key(value),
                bg_json_number(value));
    fputs(values && bg_json_count(values) > shown ? ", …\n" : "\n", out);
}

/* What a schema made of the file. */
static void print_rows(const struct bg_json *facts, FILE *out)
{
    const struct bg_json *classes = bg_json_get(facts, "classes"), *refused = bg_json_get(facts, "refused");
    const struct bg_json *features = bg_json_get(facts, "features");
    for (const struct bg_json *c = classes ? bg_json_at(classes, 0) : NULL; c; c = bg_json_next(c))
        fprintf(out, "  %9.0f  %s\n", bg_json_number(c), bg_json_key(c));
    for (const struct bg_json *r = refused ? bg_json_at(refused, 0) : NULL; r; r = bg_json_next(r))
        fprintf(out, "  %9.0f  refused: %s (first in line %.0f)\n", number_of(r, "rows"), text_of(r, "because_of"),
                number_of(r, "first_line"));
    if (features)
        fprintf(out, "\n%-40s %-4s %s\n", "feature", "log", "range");
    for (const struct bg_json *f = features ? bg_json_at(features, 0) : NULL; f; f = bg_json_next(f))
        fprintf(out, "%-40s %-4s %.6g … %.6g\n", bg_json_key(f), bg_json_bool(bg_json_get(f, "log")) ? "yes" : "",
                number_of(f, "least"), number_of(f, "most"));
}

void bg_inspect_data_print(const struct bg_json *facts, FILE *out)
{
    const struct bg_json *columns = bg_json_get(facts, "columns"), *schema = bg_json_get(facts, "suggested_schema");
    const struct bg_json *fact = bg_json_at(facts, 0);
    for (; fact && bg_json_type(fact) != BG_JSON_OBJECT && bg_json_type(fact) != BG_JSON_ARRAY;
         fact = bg_json_next(fact))
        bg_facts_print_member(fact, out);
    if (!columns) {
        print_rows(facts, out);
        return;
    }
    fprintf(out, "\n%-28s %-9s %-8s %-6s %-8s\n", "column", "type", "use", "values", "unusable");
    for (const struct bg_json *column = bg_json_at(columns, 0); column; column = bg_json_next(column))
        print_column(column, schema, out);
    const char *why = text_of(facts, "no_schema_because");
    if (*why)
        fprintf(out, "\nno schema to suggest: %s\n", why);
    else
        fprintf(out, "\n\"use\" is a suggestion: --suggest prints it as a schema for data.schema\n");
}

/* ---- with a schema ---- */

struct rows {
    size_t *of_class;
    size_t columns;
    float *least, *most;
    size_t count;
};

static void count_row(void *context, const float *features, uint16_t class)
{
    struct rows *rows = context;
    rows->of_class[class]++;
    for (size_t i = 0; i < rows->columns; i++) {
        rows->least[i] = rows->count == 0 || features[i] < rows->least[i] ? features[i] : rows->least[i];
        rows->most[i] = rows->count == 0 || features[i] > rows->most[i] ? features[i] : rows->most[i];
    }
    rows->count++;
}

static void add_refused(const struct bg_dataset *dataset, struct bg_json *facts)
{
    struct bg_json *refused = bg_json_add_object(facts, "refused");
    for (size_t i = 0; i < BG_REFUSAL_COUNT; i++)
        if (dataset->refused[i].rows > 0) {
            struct bg_json *entry = bg_json_add_object(refused, bg_refusal_name((enum bg_refusal)i));
            bg_json_add_string(entry, "because_of", bg_refusal_text((enum bg_refusal)i));
            bg_json_add_u64(entry, "rows", dataset->refused[i].rows);
            bg_json_add_u64(entry, "first_line", dataset->refused[i].first_line);
        }
}

static void add_rows(const struct bg_schema *schema, const struct rows *rows, const struct bg_dataset *dataset,
                     struct bg_json *facts)
{
    bg_json_add_string(facts, "schema", schema->name);
    bg_json_add_string(facts, "label_map", schema->labels.name);
    bg_json_add_u64(facts, "rows", rows->count);
    struct bg_json *classes = bg_json_add_object(facts, "classes");
    for (uint32_t c = 0; c < schema->labels.classes; c++)
        bg_json_add_u64(classes, schema->labels.class_names[c], rows->of_class[c]);
    add_refused(dataset, facts);
    struct bg_json *features = bg_json_add_object(facts, "features");
    for (size_t i = 0; i < schema->feature_count && rows->count > 0; i++) {
        struct bg_json *feature = bg_json_add_object(features, schema->feature_names[i]);
        bg_json_add_number(feature, "least", (double)rows->least[i]);
        bg_json_add_number(feature, "most", (double)rows->most[i]);
        bg_json_add_bool(feature, "log", schema->logged[i]);
    }
}

static enum bg_status read_with(const struct bg_schema *schema, const char *path, struct bg_json *facts,
                                struct bg_error *error)
{
    struct bg_dataset dataset;
    struct rows rows = {
        .of_class = calloc(schema->labels.classes, sizeof *rows.of_class),
        .columns = schema->feature_count,
        .least = calloc(schema->feature_count, sizeof *rows.least),
        .most = calloc(schema->feature_count, sizeof *rows.most),
    };
    enum bg_status status = BG_OK;
    if (!rows.of_class || !rows.least || !rows.most)
        status = bg_fail(error, BG_NO_MEMORY, "%s: out of memory", path);
    if (status == BG_OK)
        status = bg_table_begin(schema, error, &dataset);
    if (status == BG_OK) {
        const struct bg_table_settings settings = {.schema = schema, .visit = count_row, .context = &rows};
        status = bg_table_read(&path, 1, &settings, error, &dataset);
        add_rows(schema, &rows, &dataset, facts);
        bg_dataset_finish(&dataset);
    }
    free(rows.of_class);
    free(rows.least);
    free(rows.most);
    return status;
}

enum bg_status bg_inspect_data(const char *path, const struct bg_inspect_data_settings *settings,
                               struct bg_json *facts, struct bg_error *error)
{
    if (!settings->suggest) {
        bg_json_add_string(facts, "file", path);
        bg_json_add_string(facts, "kind", "data");
    }
    if (!settings->schema)
        return survey_file(path, settings, facts, error);
    const struct bg_schema_settings choices = {.labels = ""};
    struct bg_schema schema;
    enum bg_status status = bg_schema_load(settings->schema, &choices, error, &schema);
    if (status != BG_OK)
        return status;
    status = read_with(&schema, path, facts, error);
    bg_schema_finish(&schema);
    return status;
}
