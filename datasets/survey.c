/* SPDX-License-Identifier: Apache-2.0 */
#include "datasets/survey.h"

#include "datasets/cell.h"
#include "datasets/csv.h"
#include "datasets/table_header.h"

#include <float.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define SLOTS (4 * BG_SURVEY_VALUES) /* a power of two */

/* Usual marks of a missing value. */
static const char *const marks[] = {"?", "NA", "N/A", "null", "NULL", "none", "None"};
#define MARK_COUNT (sizeof marks / sizeof *marks)

/* A column while it is read: sums, and its texts by hash. */
struct column {
    struct bg_survey_column *facts;
    double squares; /* of deviations from the running mean */
    double last;
    bool has_last;
    uint16_t slots[SLOTS]; /* value + 1; 0 is free */
};

struct reading {
    struct bg_survey *survey;
    struct column *columns;
    bool marked[MARK_COUNT];
    struct bg_error *error;
};

const char *bg_survey_type_name(enum bg_survey_type type)
{
    static const char *const names[] = {
        [BG_SURVEY_EMPTY] = "empty",       [BG_SURVEY_CONSTANT] = "constant", [BG_SURVEY_ID] = "id",
        [BG_SURVEY_INTEGER] = "integer",   [BG_SURVEY_REAL] = "real",         [BG_SURVEY_TIME] = "time",
        [BG_SURVEY_CATEGORY] = "category", [BG_SURVEY_TEXT] = "text",
    };
    return names[type];
}

/* ---- fields ---- */

static enum bg_status no_memory(const char *path, struct bg_error *error)
{
    return bg_fail(error, BG_NO_MEMORY, "%s: no memory to survey it", path);
}

static bool is_mark(struct reading *reading, const struct bg_csv_field *field)
{
    for (size_t i = 0; i < MARK_COUNT; i++)
        if (strlen(marks[i]) == field->size && memcmp(marks[i], field->text, field->size) == 0) {
            reading->marked[i] = true;
            return true;
        }
    return false;
}

/* Three to nine groups of digits with what separates dates and times between: 2017-07-06 12:39, 1/2/17, 11:59:59. */
static bool is_time(const struct bg_csv_field *field)
{
    size_t groups = 0;
    for (size_t i = 0; i < field->size; i++) {
        char c = field->text[i];
        bool digit = c >= '0' && c <= '9';
        if (!digit && !strchr("-/:. TZ+,AMPamp", c))
            return false;
        groups += digit && (i == 0 || !(field->text[i - 1] >= '0' && field->text[i - 1] <= '9'));
    }
    bool separated = memchr(field->text, ':', field->size) || memchr(field->text, '/', field->size) ||
                     memchr(field->text, '-', field->size);
    return groups >= 3 && groups <= 9 && field->size >= 6 && separated;
}

static bool count_value(struct reading *reading, struct column *column, const struct bg_csv_field *field)
{
    struct bg_survey_column *facts = column->facts;
    if (field->size >= BG_SURVEY_TEXT_BYTES || memchr(field->text, '\0', field->size)) {
        facts->more_values = true;
        return true;
    }
    uint64_t hash = 0xcbf29ce484222325u;
    for (size_t i = 0; i < field->size; i++)
        hash = (hash ^ (unsigned char)field->text[i]) * 0x100000001b3u;
    size_t at = (size_t)(hash ^ hash >> 32) % SLOTS;
    for (; column->slots[at]; at = (at + 1) % SLOTS) {
        struct bg_survey_value *value = &facts->values[column->slots[at] - 1];
        if (strncmp(value->text, field->text, field->size) == 0 && value->text[field->size] == '\0') {
            value->rows++;
            return true;
        }
    }
    if (facts->value_count == BG_SURVEY_VALUES) {
        facts->more_values = true;
        return true;
    }
    char *text = bg_arena_alloc(&reading->survey->memory, field->size + 1, 1);
    if (!text)
        return false;
    memcpy(text, field->text, field->size);
    facts->values[facts->value_count++] = (struct bg_survey_value){text, 1};
    column->slots[at] = (uint16_t)facts->value_count;
    return true;
}

static void count_number(struct column *column, double value)
{
    struct bg_survey_column *facts = column->facts;
    facts->least = facts->numbers ? fmin(facts->least, value) : value;
    facts->most = facts->numbers ? fmax(facts->most, value) : value;
    facts->whole += floor(value) == value;
    facts->steps += column->has_last && value == column->last + 1;
    facts->numbers++;
    double before = value - facts->mean;
    facts->mean += before / (double)facts->numbers;
    column->squares += before * (value - facts->mean);
    facts->mean_size += (fabs(value) - facts->mean_size) / (double)facts->numbers;
    column->last = value;
    column->has_last = true;
}

static bool count_field(struct reading *reading, struct column *column, const struct bg_csv_field *field)
{
    struct bg_survey_column *facts = column->facts;
    double value;
    if (is_mark(reading, field)) {
        facts->missing++;
        return true;
    }
    switch (bg_cell_read(field->text, field->size, &value)) {
    case BG_CELL_MISSING:
        facts->missing++;
        return true;
    case BG_CELL_NAN:
        facts->nans++;
        return true;
    case BG_CELL_FINITE:
        if (fabs(value) <= (double)FLT_MAX) {
            count_number(column, value);
            break;
        }
        facts->infinite++;
        return true;
    case BG_CELL_INFINITE:
        facts->infinite++;
        return true;
    default:
        facts->texts++;
        facts->times += is_time(field);
        break;
    }
    return count_value(reading, column, field);
}

/* ---- what comes before the rows ---- */

static bool is_number(const struct bg_csv_field *field)
{
    double value;
    return bg_cell_read(field->text, field->size, &value) == BG_CELL_FINITE;
}

static bool has_number(const struct bg_csv_record *record)
{
    size_t i = 0;
    while (i < record->count && !is_number(&record->fields[i]))
        i++;
    return i < record->count;
}

/* The one that occurs most in the line, outside of quotes. */
static char find_delimiter(const char *line, size_t size)
{
    static const char candidates[] = BG_CSV_DELIMITERS;
    size_t counts[sizeof candidates] = {0};
    bool quoted = false;
    for (size_t i = 0; i < size; i++) {
        quoted ^= line[i] == '"';
        const char *found = line[i] && !quoted ? strchr(candidates, line[i]) : NULL;
        if (found)
            counts[found - candidates]++;
    }
    size_t best = 0, blank = sizeof candidates - 2;
    for (size_t i = 1; i < blank; i++)
        best = counts[i] > counts[best] ? i : best;
    return counts[best] == 0 && counts[blank] > 0 ? ' ' : candidates[best];
}

/* Adds a column; `name` NULL: by its number. `earlier` columns have the same name, as in table.h. */
static enum bg_status add_column(struct reading *reading, const char *path, const struct bg_csv_field *name,
                                 size_t earlier)
{
    struct bg_survey *survey = reading->survey;
    struct bg_survey_column *column = &survey->columns[survey->column_count];
    size_t room = (name ? name->size : 0) + 32;
    char *text = bg_arena_alloc(&survey->memory, room, 1);
    column->values = BG_ARENA_ARRAY(&survey->memory, struct bg_survey_value, BG_SURVEY_VALUES);
    if (!text || !column->values)
        return no_memory(path, reading->error);
    if (!name)
        snprintf(text, room, "column %zu", survey->column_count + 1);
    else if (earlier == 0)
        memcpy(text, name->text, name->size);
    else
        snprintf(text, room, "%.*s.%zu", (int)name->size, name->text, earlier);
    column->name = text;
    reading->columns[survey->column_count++].facts = column;
    return BG_OK;
}

static enum bg_status make_room(struct reading *reading, const char *path)
{
    reading->columns = calloc(BG_CSV_FIELD_LIMIT, sizeof *reading->columns);
    reading->survey->columns = BG_ARENA_ARRAY(&reading->survey->memory, struct bg_survey_column, BG_CSV_FIELD_LIMIT);
    return reading->columns && reading->survey->columns ? BG_OK : no_memory(path, reading->error);
}

static enum bg_status read_attributes(struct reading *reading, struct bg_csv *csv)
{
    for (;;) {
        const char *line;
        size_t size;
        struct bg_csv_field name;
        enum bg_status status = bg_csv_next_line(csv, reading->error, &line, &size);
        if (status)
            return status;
        if (!line)
            return bg_fail(reading->error, BG_DATA, "%s: no \"@data\" line, which every ARFF file has",
                           bg_csv_path(csv));
        if (bg_arff_is_data(line, size))
            return BG_OK;
        if (bg_arff_attribute(line, size, &name) && reading->survey->column_count < BG_CSV_FIELD_LIMIT)
            status = add_column(reading, bg_csv_path(csv), &name, 0);
        else if (!bg_arff_is_other(line, size))
            status = bg_fail(reading->error, BG_DATA, "%s: a header line that is neither @relation, @attribute nor "
                                                      "@data", bg_csv_path(csv));
        if (status)
            return status;
    }
}

/* Copies a record, which the next one overwrites. */
static bool copy_record(struct reading *reading, const struct bg_csv_record *record, struct bg_csv_record *ret)
{
    struct bg_arena *memory = &reading->survey->memory;
    struct bg_csv_field *fields = BG_ARENA_ARRAY(memory, struct bg_csv_field, record->count);
    for (size_t i = 0; fields && i < record->count; i++) {
        char *text = bg_arena_alloc(memory, record->fields[i].size + 1, 1);
        if (!text)
            return false;
        memcpy(text, record->fields[i].text, record->fields[i].size);
        fields[i] = (struct bg_csv_field){.text = text, .size = record->fields[i].size};
    }
    *ret = (struct bg_csv_record){.fields = fields, .count = record->count, .line = record->line};
    return fields;
}

/* ---- rows ---- */

static enum bg_status count_row(struct reading *reading, const char *path, const struct bg_csv_record *record)
{
    struct bg_survey *survey = reading->survey;
    size_t before = survey->row_names, filled = 0;
    for (size_t i = 0; i < record->count; i++)
        filled += record->fields[i].size > 0;
    if (filled == 0) {
        survey->empty_rows++;
        return BG_OK;
    }
    if (record->count != survey->column_count + before) {
        survey->first_other = survey->other_rows++ ? survey->first_other : record->line;
        return BG_OK;
    }
    survey->rows++;
    for (size_t i = 0; i < survey->column_count; i++)
        if (!count_field(reading, &reading->columns[i], &record->fields[i + before]))
            return no_memory(path, reading->error);
    return BG_OK;
}

/* The first two records tell whether there is a header: it has no number, where the row after it has one. */
static enum bg_status read_names(struct reading *reading, struct bg_csv *csv)
{
    struct bg_survey *survey = reading->survey;
    const char *path = bg_csv_path(csv);
    struct bg_csv_record first, second;
    enum bg_status status = bg_csv_next(csv, reading->error, &first);
    if (!status && !copy_record(reading, &first, &first))
        status = no_memory(path, reading->error);
    if (!status)
        status = bg_csv_next(csv, reading->error, &second);
    if (status)
        return status;
    bool named = !has_number(&first);
    survey->header = named ? BG_HEADER_YES : BG_HEADER_NO;
    survey->row_names = named && second.count == first.count + 1;
    for (size_t i = 0; !status && i < first.count; i++)
        status = add_column(reading, path, named ? &first.fields[i] : NULL, bg_field_repeats(&first, i));
    if (!status && !named)
        status = count_row(reading, path, &first);
    if (!status && second.count > 0)
        status = count_row(reading, path, &second);
    return status;
}

static enum bg_status peek(struct reading *reading, const char *path)
{
    struct bg_survey *survey = reading->survey;
    struct bg_csv *csv;
    const char *line;
    size_t size;
    enum bg_status status = bg_csv_open(path, reading->error, &csv);
    if (status)
        return status;
    status = bg_csv_next_line(csv, reading->error, &line, &size);
    if (!status && !line)
        status = bg_fail(reading->error, BG_DATA, "%s: the file is empty", path);
    if (!status) {
        bool attributes = size > 0 && (*line == '@' || *line == '%');
        survey->header = attributes ? BG_HEADER_ARFF : BG_HEADER_YES;
        survey->delimiter = attributes ? ',' : find_delimiter(line, size);
    }
    bg_csv_destroy(&csv);
    return status;
}

static enum bg_status read_rows(struct reading *reading, const char *path)
{
    struct bg_csv *csv;
    enum bg_status status = bg_csv_open(path, reading->error, &csv);
    if (status)
        return status;
    bg_csv_set_delimiter(csv, reading->survey->delimiter);
    status = reading->survey->header == BG_HEADER_ARFF ? read_attributes(reading, csv) : read_names(reading, csv);
    while (!status) {
        struct bg_csv_record record;
        status = bg_csv_next(csv, reading->error, &record);
        if (!status && record.count == 0)
            break;
        if (!status)
            status = count_row(reading, path, &record);
    }
    bg_csv_destroy(&csv);
    if (!status && reading->survey->rows == 0)
        return bg_fail(reading->error, BG_DATA, "%s: no rows", path);
    return status;
}

/* ---- conclusions ---- */

static enum bg_survey_type type_of(const struct bg_survey_column *column, size_t rows)
{
    size_t values = column->numbers + column->texts;
    bool whole = column->texts == 0 && column->whole == column->numbers && column->infinite == 0;
    if (values + column->nans + column->infinite == 0)
        return BG_SURVEY_EMPTY;
    if (column->value_count == 1 && !column->more_values && values == rows)
        return BG_SURVEY_CONSTANT;
    if (whole && rows > 2 && column->steps == rows - 1)
        return BG_SURVEY_ID;
    if (column->texts == 0)
        return whole ? BG_SURVEY_INTEGER : BG_SURVEY_REAL;
    if (column->times == column->texts && column->numbers == 0)
        return BG_SURVEY_TIME;
    return column->more_values ? BG_SURVEY_TEXT : BG_SURVEY_CATEGORY;
}

static int compare_values(const void *a, const void *b)
{
    const struct bg_survey_value *left = a, *right = b;
    if (left->rows != right->rows)
        return left->rows < right->rows ? 1 : -1;
    return strcmp(left->text, right->text);
}

static enum bg_status conclude(struct reading *reading, const char *path)
{
    struct bg_survey *survey = reading->survey;
    survey->missing = BG_ARENA_ARRAY(&survey->memory, const char *, MARK_COUNT);
    if (!survey->missing)
        return no_memory(path, reading->error);
    for (size_t i = 0; i < MARK_COUNT; i++)
        if (reading->marked[i])
            survey->missing[survey->missing_count++] = marks[i];
    for (size_t i = 0; i < survey->column_count; i++) {
        struct bg_survey_column *facts = &survey->columns[i];
        if (facts->numbers > 0)
            facts->deviation = sqrt(reading->columns[i].squares / (double)facts->numbers);
        facts->type = type_of(facts, survey->rows);
        qsort(facts->values, facts->value_count, sizeof *facts->values, compare_values);
    }
    return BG_OK;
}

void bg_survey_finish(struct bg_survey *survey)
{
    bg_arena_finish(&survey->memory);
    *survey = (struct bg_survey){0};
}

enum bg_status bg_survey_read(const char *path, struct bg_error *error, struct bg_survey *ret_survey)
{
    struct bg_survey survey = {0};
    struct reading reading = {.survey = &survey, .error = error};
    bg_arena_init(&survey.memory, SIZE_MAX);
    enum bg_status status = make_room(&reading, path);
    if (!status)
        status = peek(&reading, path);
    if (!status)
        status = read_rows(&reading, path);
    if (!status)
        status = conclude(&reading, path);
    free(reading.columns);
    if (status) {
        bg_survey_finish(&survey);
        return status;
    }
    *ret_survey = survey;
    return BG_OK;
}
