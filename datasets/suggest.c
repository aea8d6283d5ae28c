/* SPDX-License-Identifier: Apache-2.0 */
#include "datasets/suggest.h"

#include "base/json.h"
#include "base/utf8.h"
#include "datasets/dataset.h"
#include "datasets/labels.h"

#include <string.h>
#include <strings.h>

#define MOST_LABELS ((size_t)100)
#define MOST_INDICATORS ((size_t)64)
#define HEAVY_LEAST 20
#define HEAVY_RATIO 10

static bool is_one_of(const char *name, const char *const *names)
{
    while (*names && strcasecmp(*names, name) != 0)
        names++;
    return *names;
}

static bool is_label_like(const char *name)
{
    static const char *const parts[] = {"label", "class", "categor", "attack", "family", "target", "activity"};
    for (size_t i = 0; i < sizeof parts / sizeof *parts; i++)
        if (strcasestr(name, parts[i]))
            return true;
    return false;
}

static bool is_key_like(const char *name)
{
    static const char *const names[] = {"user",      "user_id", "userid",   "user id", "host",   "hostname",  "device",
                                        "device_id", "subject", "source",   "src ip",  "src_ip", "source ip", "client",
                                        "node",      "site",    "location", NULL};
    return is_one_of(name, names);
}

static bool is_id_like(const char *name)
{
    static const char *const names[] = {"id", "index", "uuid", NULL};
    size_t size = strlen(name);
    return is_one_of(name, names) ||
           (size > 3 && strcasecmp(name + size - 2, "id") == 0 && (name[size - 3] == '_' || name[size - 3] == ' '));
}

static bool is_utf8(const char *text)
{
    uint32_t point;
    for (size_t size = strlen(text); size > 0;) {
        size_t used = bg_utf8_next((const uint8_t *)text, size, &point);
        if (used == 0)
            return false;
        text += used;
        size -= used;
    }
    return true;
}

/* Labels as they are compared, each once, in the order of the values. */
struct labels {
    char forms[MOST_LABELS][BG_LABEL_TEXT_BYTES];
    const char *texts[MOST_LABELS];
    size_t count;
};

/* False if the column cannot be a label: too many values, or one that is no label. */
static bool collect_labels(const struct bg_survey_column *column, struct labels *labels)
{
    labels->count = 0;
    if (column->more_values || column->value_count > MOST_LABELS || column->nans + column->infinite > 0)
        return false;
    for (size_t i = 0; i < column->value_count; i++) {
        char *form = labels->forms[labels->count];
        const char *text = column->values[i].text;
        if (!bg_label_form(text, strlen(text), form) || strcasecmp(text, "drop") == 0)
            return false;
        size_t j = 0;
        while (j < labels->count && strcmp(labels->forms[j], form) != 0)
            j++;
        if (j == labels->count)
            labels->texts[labels->count++] = text;
    }
    return labels->count >= 2;
}

/* Behind the label there may be a number, how difficult the row is. */
static size_t guess_by_place(const struct bg_survey *survey, struct labels *labels)
{
    size_t count = survey->column_count;
    const struct bg_survey_column *columns = survey->columns;
    if (count > 1 && columns[count - 1].type != BG_SURVEY_CATEGORY && columns[count - 2].type == BG_SURVEY_CATEGORY &&
        collect_labels(&columns[count - 2], labels))
        return count - 2;
    return collect_labels(&columns[count - 1], labels) ? count - 1 : count;
}

static size_t guess_label(const struct bg_survey *survey, struct labels *labels)
{
    size_t best = survey->column_count, most = 0;
    for (size_t i = 0; i < survey->column_count; i++)
        if (is_label_like(survey->columns[i].name) && collect_labels(&survey->columns[i], labels) &&
            labels->count > most) {
            best = i;
            most = labels->count;
        }
    return best < survey->column_count ? best : guess_by_place(survey, labels);
}

static enum bg_status find_label(const struct bg_survey *survey, const char *name, struct labels *labels,
                                 struct bg_error *error, size_t *ret_label)
{
    size_t label = 0;
    if (!name || !*name) {
        label = guess_label(survey, labels);
        if (label == survey->column_count)
            return bg_fail(error, BG_INVALID, "no column looks like the label: name it with --label COLUMN");
    } else {
        while (label < survey->column_count && strcasecmp(survey->columns[label].name, name) != 0)
            label++;
        if (label == survey->column_count)
            return bg_fail(error, BG_NOT_FOUND, "no column is called \"%s\"", name);
    }
    if (!collect_labels(&survey->columns[label], labels))
        return bg_fail(error, BG_INVALID,
                       "the column \"%s\" cannot be the label: it needs 2 to %zu different texts of letters and digits",
                       survey->columns[label].name, MOST_LABELS);
    *ret_label = label;
    return BG_OK;
}

static bool is_heavy(const struct bg_survey_column *column)
{
    double size = column->most > -column->least ? column->most : -column->least;
    return size > HEAVY_LEAST && size > HEAVY_RATIO * column->mean_size;
}

static void suggest_one_hot(const struct bg_survey_column *column, struct bg_json *columns)
{
    struct bg_json *object = bg_json_add_object(columns, column->name);
    bg_json_add_string(object, "use", "one_hot");
    struct bg_json *values = bg_json_add_array(object, "values");
    for (size_t i = 0; i < column->value_count && i < MOST_INDICATORS; i++)
        if (is_utf8(column->values[i].text))
            bg_json_add_string(values, NULL, column->values[i].text);
    bg_json_add_string(object, "unlisted", "other");
    if (column->missing > 0)
        bg_json_add_number(object, "missing", 0);
}

static void suggest_number(const struct bg_survey_column *column, struct bg_json *columns)
{
    const char *use = is_heavy(column) ? "log" : "number";
    if (column->missing == 0) {
        bg_json_add_string(columns, column->name, use);
        return;
    }
    struct bg_json *object = bg_json_add_object(columns, column->name);
    bg_json_add_string(object, "use", use);
    bg_json_add_number(object, "missing", 0);
}

static bool is_listable(const struct bg_survey_column *column)
{
    return column->value_count > 0 && is_utf8(column->values[0].text);
}

static size_t features_of(const struct bg_survey_column *column)
{
    if (is_label_like(column->name) || is_id_like(column->name))
        return 0;
    if (column->type == BG_SURVEY_INTEGER || column->type == BG_SURVEY_REAL)
        return 1;
    if (column->type == BG_SURVEY_CATEGORY && is_listable(column))
        return (column->value_count < MOST_INDICATORS ? column->value_count : MOST_INDICATORS) + 1;
    return 0;
}

/* What a schema has room for. */
struct room {
    size_t features, keys;
};

static void suggest_column(const struct bg_survey_column *column, struct room *room, struct bg_json *columns)
{
    size_t features = features_of(column);
    if (is_key_like(column->name) && column->type != BG_SURVEY_REAL && room->keys > 0) {
        bg_json_add_string(columns, column->name, "key");
        room->keys--;
    } else if (features == 0 || features > room->features) {
        bg_json_add_string(columns, column->name, "drop");
    } else {
        if (column->type == BG_SURVEY_CATEGORY)
            suggest_one_hot(column, columns);
        else
            suggest_number(column, columns);
        room->features -= features;
    }
}

static void suggest_form(const struct bg_survey *survey, struct bg_json *object)
{
    const char delimiter[] = {survey->delimiter, '\0'};
    bg_json_add_string(object, "delimiter", delimiter);
    if (survey->header == BG_HEADER_ARFF)
        bg_json_add_string(object, "header", "arff");
    else
        bg_json_add_bool(object, "header", survey->header == BG_HEADER_YES);
    if (survey->row_names)
        bg_json_add_bool(object, "row_names", true);
    if (survey->missing_count > 0) {
        struct bg_json *tokens = bg_json_add_array(object, "missing_tokens");
        for (size_t i = 0; i < survey->missing_count; i++)
            bg_json_add_string(tokens, NULL, survey->missing[i]);
    }
}

enum bg_status bg_schema_suggest(const struct bg_survey *survey, const char *label, struct bg_json *object,
                                 struct bg_error *error)
{
    struct labels labels;
    struct room room = {.features = BG_DATASET_MAX_COLUMNS, .keys = BG_SCHEMA_MAX_KEYS};
    size_t chosen = 0;
    for (size_t i = 0; i < survey->column_count; i++)
        if (!is_utf8(survey->columns[i].name))
            return bg_fail(error, BG_INVALID, "the name of column %zu is not UTF-8, as a schema has to be", i + 1);
    enum bg_status status = find_label(survey, label, &labels, error, &chosen);
    if (status)
        return status;
    suggest_form(survey, object);
    if (survey->columns[chosen].missing > 0)
        bg_json_add_string(object, "missing_label", "refuse");
    struct bg_json *columns = bg_json_add_object(object, "columns");
    for (size_t i = 0; i < survey->column_count; i++)
        if (i == chosen)
            bg_json_add_string(columns, survey->columns[i].name, "label");
        else
            suggest_column(&survey->columns[i], &room, columns);
    struct bg_json *list = bg_json_add_array(object, "labels");
    for (size_t i = 0; i < labels.count; i++)
        bg_json_add_string(list, NULL, labels.texts[i]);
    if (room.features == BG_DATASET_MAX_COLUMNS)
        return bg_fail(error, BG_INVALID, "no column is left that could be a feature");
    return BG_OK;
}
