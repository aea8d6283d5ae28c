/* SPDX-License-Identifier: Apache-2.0 */
#include "datasets/suggest.h"

#include "base/json.h"
#include "base/prng.h"
#include "datasets/table.h"
#include "tests/unit/datasets/folder_fixture.h"
#include "tests/unit/no_leaks.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

TestSuite(survey, .init = folder_make, .fini = folder_remove);

static struct bg_survey read_survey(const char *text)
{
    struct bg_survey survey;
    struct bg_error error;
    cr_assert_eq(bg_survey_read(write_text("rows.csv", text), &error, &survey), BG_OK, "%s", error.text);
    return survey;
}

static const char mixed[] = "no;when;proto;bytes;rate;flag;note;state\n"
                            "7;2017-07-06 12:39:06;tcp;10;0.5;1;x;calm\n"
                            "8;2017-07-06 12:39:07;udp;-10;1.5;1;?;busy\n"
                            "9;2017-07-06 12:39:08;tcp;;nan;1;;calm\n"
                            "\n"
                            "1;2\n"
                            "10;2017-07-06 12:39:09;tcp;10;inf;1;?;calm\n";

Test(survey, tells_what_columns_hold)
{
    struct bg_survey survey = read_survey(mixed);
    static const enum bg_survey_type types[] = {BG_SURVEY_ID,       BG_SURVEY_TIME,     BG_SURVEY_CATEGORY,
                                                BG_SURVEY_INTEGER,  BG_SURVEY_REAL,     BG_SURVEY_CONSTANT,
                                                BG_SURVEY_CATEGORY, BG_SURVEY_CATEGORY};
    cr_assert_eq(survey.delimiter, ';');
    cr_assert_eq(survey.header, BG_HEADER_YES);
    cr_assert(survey.rows == 4 && survey.empty_rows == 1 && survey.other_rows == 1 && survey.first_other == 6);
    cr_assert_eq(survey.column_count, 8);
    for (size_t i = 0; i < 8; i++)
        cr_assert_eq(survey.columns[i].type, types[i], "%s: %s", survey.columns[i].name,
                     bg_survey_type_name(survey.columns[i].type));
    const struct bg_survey_column *bytes = &survey.columns[3], *rate = &survey.columns[4];
    cr_assert(bytes->least == -10 && bytes->most == 10 && bytes->missing == 1 && bytes->mean_size == 10);
    cr_assert_float_eq(bytes->mean, 10.0 / 3, 1e-12);
    cr_assert_float_eq(bytes->deviation, sqrt(800.0 / 9), 1e-12);
    cr_assert(rate->nans == 1 && rate->infinite == 1 && rate->numbers == 2);
    cr_assert(survey.columns[2].value_count == 2 && survey.columns[2].values[0].rows == 3);
    cr_assert_str_eq(survey.columns[2].values[0].text, "tcp");
    cr_assert_eq(survey.columns[6].missing, 3);
    cr_assert_eq(survey.missing_count, 1);
    cr_assert_str_eq(survey.missing[0], "?");
    bg_survey_finish(&survey);
    NO_LEAKS();
}

Test(survey, finds_the_form_of_a_file)
{
    static const struct {
        const char *text;
        char delimiter;
        enum bg_schema_header header;
        bool row_names;
        const char *second; /* column */
    } cases[] = {
        {"a,b\n1,2\n", ',', BG_HEADER_YES, false, "b"},
        {"a\tb\n1\t2\n", '\t', BG_HEADER_YES, false, "b"},
        {"a b, c|b|d\n1|2|x\n", '|', BG_HEADER_YES, false, "b"},
        {"a  b\n1  2\n", ' ', BG_HEADER_YES, false, "b"},
        {"1,2\n3,4\n", ',', BG_HEADER_NO, false, "column 2"},
        {"\"a;;;\",\"b\"\n\"1\",5,6\n", ',', BG_HEADER_YES, true, "b"},
        {"a,A,a\n1,2,3\n", ',', BG_HEADER_YES, false, "A.1"},
        {"@relation r\n@attribute a numeric\n@attribute 'b b' {x}\n@data\n1,x\n", ',', BG_HEADER_ARFF, false, "b b"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct bg_survey survey = read_survey(cases[i].text);
        cr_assert_eq(survey.delimiter, cases[i].delimiter, "%s", cases[i].text);
        cr_assert_eq(survey.header, cases[i].header, "%s", cases[i].text);
        cr_assert_eq(survey.row_names, cases[i].row_names, "%s", cases[i].text);
        cr_assert_str_eq(survey.columns[1].name, cases[i].second);
        bg_survey_finish(&survey);
    }
    NO_LEAKS();
}

Test(survey, refuses_files_without_rows)
{
    static const char *const texts[] = {"", "a,b\n", "\n\n", "@relation r\n", "@data\n", "a,\"b\n"};
    for (size_t i = 0; i < sizeof texts / sizeof *texts; i++) {
        struct bg_survey survey;
        struct bg_error error;
        cr_assert_eq(bg_survey_read(write_text("rows.csv", texts[i]), &error, &survey), BG_DATA, "%s", texts[i]);
        cr_assert_not_null(strstr(error.text, "rows.csv"));
    }
    NO_LEAKS();
}

Test(survey, keeps_memory_bounded)
{
    enum { ROWS = 20000 };
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    fputs("word,y\n", out);
    for (unsigned i = 0; i < ROWS; i++)
        fprintf(out, "w%u,%c\n", i, "ab"[i % 2]);
    fclose(out);
    struct bg_survey survey = read_survey(text);
    cr_assert_eq(survey.rows, ROWS);
    cr_assert_eq(survey.columns[0].value_count, BG_SURVEY_VALUES);
    cr_assert(survey.columns[0].more_values);
    cr_assert_eq(survey.columns[0].type, BG_SURVEY_TEXT);
    cr_assert_lt(survey.memory.used, (size_t)1 << 20);
    bg_survey_finish(&survey);
    free(text);
    NO_LEAKS();
}

/* The suggested schema as text; NULL and the reason if there is none. */
static char *suggest(const char *text, const char *label, struct bg_error *error)
{
    struct bg_survey survey = read_survey(text);
    struct bg_json *object = bg_json_object();
    char *schema = bg_schema_suggest(&survey, label, object, error) == BG_OK ? bg_json_print(object, true) : NULL;
    bg_json_destroy(&object);
    bg_survey_finish(&survey);
    return schema;
}

/* Reads the file as its suggestion says. */
static size_t read_back(const char *schema_text, const char *text, size_t *ret_refused)
{
    const char *path = write_text("rows.csv", text);
    struct bg_schema schema;
    struct bg_dataset dataset;
    struct bg_error error;
    const struct bg_schema_settings choices = {.labels = ""};
    cr_assert_eq(bg_schema_parse((struct bg_span){(const uint8_t *)schema_text, strlen(schema_text)}, "draft", &choices,
                                 &error, &schema),
                 BG_OK, "%s\n%s", error.text, schema_text);
    cr_assert_eq(bg_table_begin(&schema, &error, &dataset), BG_OK);
    cr_assert_eq(bg_table_read(&path, 1, &(struct bg_table_settings){.schema = &schema}, &error, &dataset), BG_OK,
                 "%s\n%s\n%s", error.text, schema_text, text);
    size_t rows = dataset.rows;
    *ret_refused = bg_dataset_refused(&dataset);
    bg_dataset_finish(&dataset);
    bg_schema_finish(&schema);
    return rows;
}

static void expect_use(const char *schema_text, const char *column, const char *use)
{
    struct bg_json *schema;
    cr_assert_eq(bg_json_parse((struct bg_span){(const uint8_t *)schema_text, strlen(schema_text)}, "draft", NULL,
                               &schema),
                 BG_OK);
    const struct bg_json *value = bg_json_get(bg_json_get(schema, "columns"), column);
    cr_assert_not_null(value, "%s", column);
    if (bg_json_type(value) == BG_JSON_OBJECT)
        value = bg_json_get(value, "use");
    cr_assert_str_eq(bg_json_string(value), use, "%s: %s", column, bg_json_string(value));
    bg_json_destroy(&schema);
}

Test(survey, suggests_a_use_for_each_column)
{
    static const char text[] = "id,user,when,proto,bytes,load,flag,attack_class,label\n"
                               "3,a,1/2/2017 5:55,tcp,1,0.5,1,dos,1\n3,b,1/2/2017 5:56,udp,2,0.25,1,none at all,0\n"
                               "4,a,1/2/2017 5:57,tcp,3,?,1,probe,1\n5,b,1/2/2017 5:58,tcp,900000,0.5,1,dos,1\n"
                               "4,a,1/2/2017 5:57,tcp,3,?,1,probe,1\n5,b,1/2/2017 5:58,tcp,1,0.5,1,dos,1\n"
                               "4,a,1/2/2017 5:57,tcp,3,?,1,probe,1\n5,b,1/2/2017 5:58,tcp,1,0.5,1,dos,1\n"
                               "4,a,1/2/2017 5:57,tcp,3,?,1,probe,1\n5,b,1/2/2017 5:58,tcp,1,0.5,1,dos,1\n"
                               "4,a,1/2/2017 5:57,tcp,3,?,1,probe,1\n5,b,1/2/2017 5:58,tcp,1,0.5,1,dos,1\n";
    static const char *const uses[][2] = {{"id", "drop"},      {"user", "key"},   {"when", "drop"},
                                          {"proto", "one_hot"}, {"bytes", "log"},  {"load", "number"},
                                          {"flag", "drop"},     {"attack_class", "label"}, {"label", "drop"}};
    struct bg_error error;
    char *schema = suggest(text, NULL, &error);
    cr_assert_not_null(schema, "%s", error.text);
    for (size_t i = 0; i < sizeof uses / sizeof *uses; i++)
        expect_use(schema, uses[i][0], uses[i][1]);
    size_t refused;
    cr_assert_eq(read_back(schema, text, &refused), 12);
    cr_assert_eq(refused, 0);
    free(schema);
    schema = suggest(text, "LABEL", &error);
    expect_use(schema, "label", "label");
    expect_use(schema, "attack_class", "drop");
    free(schema);
    cr_assert_null(suggest(text, "mood", &error));
    cr_assert_not_null(strstr(error.text, "mood"));
    cr_assert_null(suggest(text, "flag", &error));
    cr_assert_not_null(strstr(error.text, "cannot be the label"));
    cr_assert_null(suggest("a,b\n1,2.5\n2,-\n", NULL, &error));
    cr_assert_not_null(strstr(error.text, "--label"));
    cr_assert_null(suggest("id,b\n1,x\n2,y\n", NULL, &error));
    cr_assert_not_null(strstr(error.text, "no column is left"));
    NO_LEAKS();
}

/* A random field that may be anything a file could hold. */
static void add_field(struct bg_prng *prng, unsigned kind, FILE *out)
{
    static const char *const texts[] = {"tcp", "UDP", "a b", "\"q,\"\"r\"", "?", "", "NA", "nan", "1e9", "x-y"};
    switch (kind) {
    case 0:
        fprintf(out, "%u,", (unsigned)bg_prng_below(prng, 1000));
        break;
    case 1:
        fprintf(out, "%.3f,", bg_prng_normal(prng) * 100);
        break;
    case 2:
        fprintf(out, "%s,", texts[bg_prng_below(prng, 5)]);
        break;
    case 3:
        fprintf(out, "%s,", texts[bg_prng_below(prng, sizeof texts / sizeof *texts)]);
        break;
    case 4:
        fprintf(out, "2017-0%u-11,", (unsigned)bg_prng_below(prng, 9) + 1);
        break;
    default:
        fprintf(out, "t%u,", (unsigned)bg_prng_below(prng, 100000));
        break;
    }
}

#define MOST_FIELDS 10

static char *random_file(struct bg_prng *prng, unsigned rows)
{
    static const char *const labels[] = {"no", "yes", "YES", "-1"};
    unsigned columns = 2 + (unsigned)bg_prng_below(prng, MOST_FIELDS - 2), kinds[MOST_FIELDS];
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    for (unsigned c = 0; c < columns; c++) {
        kinds[c] = (unsigned)bg_prng_below(prng, 6);
        fprintf(out, "%s%u,", bg_prng_below(prng, 4) ? "Col " : "col ", (unsigned)bg_prng_below(prng, 20));
    }
    fputs("label\n", out);
    for (unsigned r = 0; r < rows; r++) {
        for (unsigned c = 0; c < columns; c++)
            add_field(prng, kinds[c], out);
        fprintf(out, "%s\n", labels[bg_prng_below(prng, 4)]);
    }
    fclose(out);
    return text;
}

Test(survey, every_suggestion_reads_the_file_it_was_made_for)
{
    struct bg_prng prng;
    bg_prng_init_stream(&prng, 7, "survey", 0);
    size_t used_files = 0;
    for (unsigned file = 0; file < 60; file++) {
        unsigned rows = 20 + (unsigned)bg_prng_below(&prng, 400);
        struct bg_error error;
        char *text = random_file(&prng, rows), *schema = suggest(text, NULL, &error);
        if (schema) {
            size_t refused, kept = read_back(schema, text, &refused);
            cr_assert_eq(kept + refused, rows, "%zu + %zu of %u", kept, refused, rows);
            used_files++;
        }
        free(schema);
        free(text);
    }
    cr_assert_gt(used_files, 40);
    NO_LEAKS();
}
