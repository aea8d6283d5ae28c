/* SPDX-License-Identifier: Apache-2.0 */
#include "datasets/table_header.h"

#include "datasets/embedded.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define NAME_BYTES ((size_t)300)

/* A file's columns while they are matched with a schema's. */
struct matching {
    const struct bg_schema *schema;
    const char *path;
    struct bg_error *error;
    struct bg_table_header header;
    bool seen[BG_CSV_FIELD_LIMIT]; /* by column of the schema */
};

static bool is_called(const char *name, const char *text, size_t size)
{
    return strlen(name) == size && strncasecmp(name, text, size) == 0;
}

static size_t find_column(const struct bg_schema *schema, const char *text, size_t size)
{
    size_t i = 0;
    while (i < schema->column_count && !is_called(schema->columns[i].name, text, size))
        i++;
    return i;
}

static bool is_needed(const struct bg_schema_column *column)
{
    return column->use != BG_COLUMN_DROP && column->use != BG_COLUMN_KEY;
}

static bool fits(const struct bg_csv_record *record, const struct bg_schema *schema)
{
    for (size_t i = 0; i < schema->column_count; i++) {
        size_t field = 0;
        while (field < record->count && is_needed(&schema->columns[i]) &&
               !is_called(schema->columns[i].name, record->fields[field].text, record->fields[field].size))
            field++;
        if (field == record->count)
            return false;
    }
    return true;
}

/* The embedded schema whose columns a header has, or NULL. */
static const char *find_kind(const struct bg_csv_record *record, const char *but)
{
    for (const struct bg_embedded_file *file = bg_schema_files; file->name; file++) {
        struct bg_schema schema;
        const struct bg_schema_settings settings = {.labels = ""};
        if (strcmp(file->name, but) == 0 || bg_schema_load(file->name, &settings, NULL, &schema))
            continue;
        bool found = fits(record, &schema);
        bg_schema_finish(&schema);
        if (found)
            return file->name;
    }
    return NULL;
}

const char *bg_table_separator(const struct bg_csv_record *record)
{
    static const char others[] = ";|\t";
    static const char *const names[] = {";", "|", "\\t"};
    for (size_t i = 0; record->count == 1 && i < sizeof names / sizeof *names; i++)
        if (record->fields[0].size && memchr(record->fields[0].text, others[i], record->fields[0].size))
            return names[i];
    return NULL;
}

static enum bg_status missing(const struct matching *matching, const struct bg_csv_record *record, const char *name)
{
    const char *kind = find_kind(record, matching->schema->name);
    if (kind)
        return bg_fail(matching->error, BG_DATA,
                       "%s:%zu: no column \"%s\" of the schema %s: the file is of the kind %s", matching->path,
                       record->line, name, matching->schema->name, kind);
    const char *separator = bg_table_separator(record);
    if (separator)
        return bg_fail(matching->error, BG_DATA,
                       "%s:%zu: the column \"%s\" of the schema %s is missing; fields seem to be separated by \"%s\": "
                       "set the schema's \"delimiter\"",
                       matching->path, record->line, name, matching->schema->name, separator);
    return bg_fail(matching->error, BG_DATA,
                   "%s:%zu: the column \"%s\" of the schema %s is missing: add it, or take it out of the schema",
                   matching->path, record->line, name, matching->schema->name);
}

static enum bg_status surplus(const struct matching *matching, const struct bg_csv_record *record,
                              const struct bg_csv_field *field)
{
    char shown[BG_CSV_SHOWN_BYTES];
    bool known = find_column(matching->schema, field->text, field->size) < matching->schema->column_count;
    return bg_fail(matching->error, BG_DATA,
                   "%s:%zu:%zu: the schema %s has %s column \"%s\"%s: %s there, with \"drop\" if it is of no use",
                   matching->path, record->line, field->column, matching->schema->name, known ? "only one" : "no",
                   bg_csv_show(field, shown), known ? ", the file another" : "",
                   known ? "name it with .1 behind the name" : "name it");
}

size_t bg_field_repeats(const struct bg_csv_record *record, size_t field)
{
    const struct bg_csv_field *name = &record->fields[field];
    size_t earlier = 0;
    for (size_t i = 0; i < field; i++)
        earlier += record->fields[i].size == name->size &&
                   strncasecmp(record->fields[i].text, name->text, name->size) == 0;
    return earlier;
}

/* The column that a field names, counting repeated names. */
static size_t name_field(const struct bg_csv_record *record, size_t field, const struct bg_schema *schema)
{
    const struct bg_csv_field *name = &record->fields[field];
    size_t earlier = bg_field_repeats(record, field);
    char numbered[NAME_BYTES];
    if (earlier == 0)
        return find_column(schema, name->text, name->size);
    int size = snprintf(numbered, sizeof numbered, "%.*s.%zu", (int)(name->size < NAME_BYTES ? name->size : NAME_BYTES),
                        name->text, earlier);
    return (size_t)size < sizeof numbered ? find_column(schema, numbered, (size_t)size) : schema->column_count;
}

/* Gives field `field` of the rows to the schema's column; false if that is taken or does not exist. */
static bool assign(struct matching *matching, size_t field, size_t column)
{
    if (column >= matching->schema->column_count || matching->seen[column])
        return false;
    matching->seen[column] = true;
    matching->header.columns[field] = (uint16_t)column;
    if (matching->schema->columns[column].use == BG_COLUMN_LABEL)
        matching->header.label = field;
    return true;
}

/* Rows have `named` fields, behind an unnamed one if the schema says so. */
static enum bg_status set_fields(struct matching *matching, size_t named)
{
    size_t fields = named + matching->schema->row_names;
    if (fields > BG_CSV_FIELD_LIMIT)
        return bg_fail(matching->error, BG_TOO_LARGE, "%s: rows of more than %zu fields", matching->path,
                       BG_CSV_FIELD_LIMIT);
    matching->header.columns[0] = BG_FIELD_UNNAMED;
    matching->header.fields = fields;
    return BG_OK;
}

static enum bg_status match_names(struct matching *matching, const struct bg_csv_record *record)
{
    const struct bg_schema *schema = matching->schema;
    const struct bg_csv_field *foreign = NULL;
    size_t before = schema->row_names;
    enum bg_status status = set_fields(matching, record->count);
    if (status)
        return status;
    for (size_t i = 0; i < record->count; i++)
        if (!assign(matching, i + before, name_field(record, i, schema)) && !foreign)
            foreign = &record->fields[i];
    for (size_t i = 0; i < schema->column_count; i++)
        if (is_needed(&schema->columns[i]) && !matching->seen[i])
            return missing(matching, record, schema->columns[i].name);
    return foreign ? surplus(matching, record, foreign) : BG_OK;
}

/* Without names, rows hold the schema's columns in their order. */
static enum bg_status match_order(struct matching *matching)
{
    const struct bg_schema *schema = matching->schema;
    enum bg_status status = set_fields(matching, schema->column_count);
    for (size_t i = 0; !status && i < schema->column_count; i++)
        assign(matching, i + schema->row_names, i);
    return status;
}

static bool names_columns(const struct bg_csv_record *record, const struct bg_schema *schema)
{
    size_t known = 0;
    for (size_t i = 0; i < record->count; i++)
        known += find_column(schema, record->fields[i].text, record->fields[i].size) < schema->column_count;
    return 2 * known >= record->count;
}

static enum bg_status read_names(struct matching *matching, struct bg_csv *csv, struct bg_csv_record *record)
{
    const struct bg_schema *schema = matching->schema;
    enum bg_status status = bg_csv_next(csv, matching->error, record);
    if (status)
        return status;
    if (record->count == 0)
        return bg_fail(matching->error, BG_DATA, "%s: the file is empty", matching->path);
    bool named = schema->header == BG_HEADER_YES ||
                 (schema->header == BG_HEADER_OPTIONAL && names_columns(record, schema));
    matching->header.has_row = !named;
    return named ? match_names(matching, record) : match_order(matching);
}

/* ---- attribute headers ---- */

static bool begins(const char *line, size_t size, const char *word)
{
    size_t length = strlen(word);
    return size >= length && strncasecmp(line, word, length) == 0;
}

bool bg_arff_attribute(const char *line, size_t size, struct bg_csv_field *ret_name)
{
    static const char word[] = "@attribute";
    size_t at = sizeof word - 1;
    if (size <= at || !begins(line, size, word) || (line[at] != ' ' && line[at] != '\t'))
        return false;
    while (at < size && (line[at] == ' ' || line[at] == '\t'))
        at++;
    char quote = at < size && (line[at] == '"' || line[at] == '\'') ? line[at] : 0;
    size_t begin = at += quote != 0;
    while (at < size && (quote ? line[at] != quote : line[at] != ' ' && line[at] != '\t'))
        at++;
    *ret_name = (struct bg_csv_field){.text = line + begin, .size = at - begin, .column = begin + 1};
    return at > begin && (!quote || at < size);
}

bool bg_arff_is_data(const char *line, size_t size)
{
    return begins(line, size, "@data");
}

bool bg_arff_is_other(const char *line, size_t size)
{
    return size == 0 || *line == '%' || begins(line, size, "@relation");
}

static enum bg_status add_attribute(struct matching *matching, const struct bg_csv_field *name, size_t line)
{
    struct bg_csv_record record = {.fields = name, .count = 1, .line = line};
    if (matching->header.fields == BG_CSV_FIELD_LIMIT)
        return bg_fail(matching->error, BG_TOO_LARGE, "%s:%zu: more than %zu attributes", matching->path, line,
                       BG_CSV_FIELD_LIMIT);
    if (!assign(matching, matching->header.fields, find_column(matching->schema, name->text, name->size)))
        return surplus(matching, &record, name);
    matching->header.fields++;
    return BG_OK;
}

static enum bg_status read_attributes(struct matching *matching, struct bg_csv *csv)
{
    const struct bg_schema *schema = matching->schema;
    for (size_t line_number = 1;; line_number++) {
        const char *line;
        size_t size;
        struct bg_csv_field name;
        enum bg_status status = bg_csv_next_line(csv, matching->error, &line, &size);
        if (status)
            return status;
        if (!line)
            return bg_fail(matching->error, BG_DATA, "%s: no \"@data\" line, which every ARFF file has",
                           matching->path);
        if (bg_arff_is_data(line, size))
            break;
        if (bg_arff_attribute(line, size, &name))
            status = add_attribute(matching, &name, line_number);
        else if (!bg_arff_is_other(line, size))
            return bg_fail(matching->error, BG_DATA,
                           "%s:%zu: neither @relation, @attribute NAME TYPE, @data nor a %% comment", matching->path,
                           line_number);
        if (status)
            return status;
    }
    for (size_t i = 0; i < schema->column_count; i++)
        if (is_needed(&schema->columns[i]) && !matching->seen[i])
            return bg_fail(matching->error, BG_DATA, "%s: no attribute \"%s\", which the schema %s has", matching->path,
                           schema->columns[i].name, schema->name);
    return BG_OK;
}

enum bg_status bg_table_header_read(struct bg_csv *csv, const struct bg_schema *schema, struct bg_error *error,
                                    struct bg_csv_record *ret_record, struct bg_table_header *ret_header)
{
    struct matching *matching = calloc(1, sizeof *matching);
    if (!matching)
        return bg_fail(error, BG_NO_MEMORY, "%s: no memory to read it", bg_csv_path(csv));
    *matching = (struct matching){.schema = schema, .path = bg_csv_path(csv), .error = error};
    bg_csv_set_delimiter(csv, schema->delimiter);
    enum bg_status status = schema->header == BG_HEADER_ARFF ? read_attributes(matching, csv)
                                                             : read_names(matching, csv, ret_record);
    if (!status)
        *ret_header = matching->header;
    free(matching);
    return status;
}
