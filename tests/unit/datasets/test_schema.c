/* SPDX-License-Identifier: Apache-2.0 */
#include "datasets/schema.h"

#include "datasets/embedded.h"
#include "tests/unit/datasets/folder_fixture.h"
#include "tests/unit/no_leaks.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <string.h>

TestSuite(schema, .init = folder_make, .fini = folder_remove);

static struct bg_span span(const char *text)
{
    return (struct bg_span){(const uint8_t *)text, strlen(text)};
}

static struct bg_schema parse(const char *text, const char *labels, bool drop_port)
{
    struct bg_schema schema;
    struct bg_error error;
    const struct bg_schema_settings settings = {.labels = labels, .drop_port = drop_port};
    cr_assert_eq(bg_schema_parse(span(text), "own", &settings, &error, &schema), BG_OK, "%s", error.text);
    return schema;
}

static const char everything[] =
    "{\"description\": \"a house\", \"folder\": \"house/1\", \"delimiter\": \";\", \"header\": \"optional\","
    " \"row_names\": true, \"missing\": 7, \"missing_tokens\": [\"?\", \"NA\"], \"missing_label\": \"refuse\","
    " \"port\": \"port\", \"labels\": \"two\","
    " \"columns\": {"
    "   \"id\": \"drop\", \"port\": \"number\","
    "   \"proto\": {\"use\": \"one_hot\", \"values\": [\"tcp\", \"udp\"]},"
    "   \"room\": {\"use\": \"one_hot\", \"values\": [\"a\"], \"unlisted\": \"refuse\", \"missing\": \"refuse\"},"
    "   \"bytes\": {\"use\": \"log\", \"missing\": 0.5},"
    "   \"time\": {\"use\": \"key\", \"name\": \"day\", \"first\": 10}, \"user\": \"key\","
    "   \"what\": \"label\"},"
    " \"label_maps\": {"
    "   \"two\": {\"classes\": [{\"name\": \"A\", \"labels\": [\"a\"]}, {\"name\": \"B\", \"labels\": [\"b\", "
        "\"c\"]}]},"
    "   \"three\": [\"a\", \"b\", \"c\"]}}";

static void expect_features(const struct bg_schema *schema, const char *const *names, const char *logged)
{
    cr_assert_eq(schema->feature_count, strlen(logged));
    for (size_t i = 0; i < schema->feature_count; i++) {
        cr_assert_str_eq(schema->feature_names[i], names[i]);
        cr_assert_eq(schema->logged[i], logged[i] == 'l', "%s", names[i]);
    }
}

Test(schema, reads_every_key)
{
    struct bg_schema schema = parse(everything, "", false);
    expect_features(&schema, (const char *const[]){"port", "proto=tcp", "proto=udp", "proto=*", "room=a", "bytes"},
                    ".....l");
    cr_assert_eq(schema.delimiter, ';');
    cr_assert_eq(schema.header, BG_HEADER_OPTIONAL);
    cr_assert(schema.row_names && schema.refuses_unlabelled);
    cr_assert_str_eq(schema.folder, "house/1");
    cr_assert_eq(schema.missing_count, 2);
    cr_assert_eq(schema.column_count, 8);
    const struct bg_schema_column *columns = schema.columns;
    cr_assert(columns[1].fills && columns[1].fill == 7);
    cr_assert(columns[2].fills && !columns[2].refuses_unlisted && columns[2].feature == 1);
    cr_assert(!columns[3].fills && columns[3].refuses_unlisted && columns[3].feature == 4);
    cr_assert(columns[4].fills && columns[4].fill == 0.5f);
    cr_assert(columns[5].use == BG_COLUMN_KEY && columns[5].key == 0 && columns[5].key_bytes == 10);
    cr_assert(columns[6].use == BG_COLUMN_KEY && columns[6].key == 1 && columns[6].key_bytes == 0);
    cr_assert_eq(schema.key_count, 2);
    cr_assert_str_eq(schema.key_names[0], "day");
    cr_assert_str_eq(schema.key_names[1], "user");
    cr_assert_str_eq(schema.labels.name, "two");
    cr_assert_eq(schema.labels.classes, 2);
    bg_schema_finish(&schema);
    NO_LEAKS();
}

Test(schema, takes_the_settings_choices)
{
    struct bg_schema schema = parse(everything, "three", true);
    expect_features(&schema, (const char *const[]){"proto=tcp", "proto=udp", "proto=*", "room=a", "bytes"}, "....l");
    cr_assert_str_eq(schema.labels.name, "three");
    cr_assert_eq(schema.labels.classes, 3);
    bg_schema_finish(&schema);
    schema = parse(everything, "papers7", true);
    cr_assert_eq(schema.labels.classes, 7);
    bg_schema_finish(&schema);
    NO_LEAKS();
}

#define SMALL(columns, rest) "{\"columns\": {" columns "}, " rest "}"
#define LIST "\"labels\": [\"a\", \"b\"]"

Test(schema, makes_a_map_of_a_list)
{
    struct bg_schema schema =
        parse(SMALL("\"x\": \"number\", \"y\": \"label\"", "\"labels\": [\"-1\", \"1\"]"), NULL, false);
    cr_assert_str_eq(schema.labels.name, BG_SCHEMA_LABELS);
    uint16_t class;
    cr_assert_eq(bg_label_map_find(&schema.labels, "-1", 2, &class), BG_OK);
    cr_assert_eq(class, 0);
    cr_assert_eq(bg_label_map_find(&schema.labels, "1", 1, &class), BG_OK);
    cr_assert_eq(class, 1);
    cr_assert_eq(bg_label_map_find(&schema.labels, "1 attempted", 11, &class), BG_NOT_FOUND);
    bg_schema_finish(&schema);
    NO_LEAKS();
}

Test(schema, refuses_what_is_no_schema)
{
    static const struct {
        const char *text, *says;
    } cases[] = {
        {"[]", "a schema must be of type"},
        {"{}", "\"columns\" is missing"},
        {SMALL("\"x\": \"number\",\n \"y\": \"label\"", LIST ",\n\"colour\": 1"),
            "own:3: a schema has no key \"colour\""},
        {SMALL("\"x\": \"number\",\n \"y\": \"fun\"", LIST), "own:2: \"y\" must be"},
        {SMALL("\"x\": \"number\", \"y\": 3", LIST), "\"y\" must be"},
        {SMALL("\"x\": \"one_hot\", \"y\": \"label\"", LIST), "\"x\" must be"},
        {SMALL("\"x\": {\"use\": \"one_hot\"}, \"y\": \"label\"", LIST), "\"values\" is missing"},
        {SMALL("\"x\": {\"use\": \"one_hot\", \"values\": []}, \"y\": \"label\"", LIST), "1 to 1023 values"},
        {SMALL("\"x\": {\"use\": \"one_hot\", \"values\": [1]}, \"y\": \"label\"", LIST), "is a string"},
        {SMALL("\"x\": {\"use\": \"one_hot\", \"values\": [\"a\", \"a\"]}, \"y\": \"label\"", LIST), "listed twice"},
        {SMALL("\"x\": {\"use\": \"one_hot\", \"values\": [\"a\"], \"unlisted\": \"so\"}, \"y\": \"label\"", LIST),
         "\"unlisted\" must be"},
        {SMALL("\"x\": {\"use\": \"number\", \"values\": [\"a\"]}, \"y\": \"label\"", LIST),
            "x has no key \"values\""},
        {SMALL("\"x\": {\"use\": \"number\", \"missing\": \"zero\"}, \"y\": \"label\"", LIST), "\"missing\" must be"},
        {SMALL("\"x\": {\"use\": \"number\", \"missing\": 1e300}, \"y\": \"label\"", LIST), "\"missing\" must be"},
        {SMALL("\"x\": \"number\", \"k\": {\"use\": \"key\", \"first\": 0}, \"y\": \"label\"", LIST),
            "\"first\" must be"},
        {SMALL("\"x\": \"number\", \"k\": \"key\", \"l\": {\"use\": \"key\", \"name\": \"K\"}, \"y\": "
            "\"label\"", LIST),
         "two keys are called \"K\""},
        {SMALL("\"x\": \"number\", \"X\": \"drop\", \"y\": \"label\"", LIST), "two columns are called \"X\""},
        {SMALL("\"x\": \"number\", \"y\": \"number\"", LIST), "one column with the use \"label\", not 0"},
        {SMALL("\"x\": \"label\", \"y\": \"label\"", LIST), "one column with the use \"label\", not 2"},
        {SMALL("\"x\": \"drop\", \"y\": \"label\"", LIST), "1 to 1024 features, not 0"},
        {SMALL("\"y\": \"label\"", LIST), "2 to 1024 columns"},
        {SMALL("\"x\": \"number\", \"y\": \"label\"", "\"labels\": 4"), "\"labels\" must be"},
        {SMALL("\"x\": \"number\", \"y\": \"label\"", "\"header\": 1"), "\"header\" must be"},
        {SMALL("\"x\": \"number\", \"y\": \"label\"", "\"header\": \"maybe\""), "\"header\" must be"},
        {SMALL("\"x\": \"number\", \"y\": \"label\"", "\"delimiter\": \"ab\""), "\"delimiter\" must be"},
        {SMALL("\"x\": \"number\", \"y\": \"label\"", "\"delimiter\": \"\""), "\"delimiter\" must be"},
        {SMALL("\"x\": \"number\", \"y\": \"label\"", "\"missing_label\": \"zero\""), "\"missing_label\" must be"},
        {SMALL("\"x\": \"number\", \"y\": \"label\"", LIST ", \"port\": \"z\""), "\"port\" names no column"},
        {SMALL("\"x\": \"number\", \"y\": \"label\"", LIST ", \"label_maps\": {\"m\": {\"classes\": 4}}"),
         "\"classes\" must be of type"},
    };
    const struct bg_schema_settings settings = {.labels = ""};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct bg_error error;
        struct bg_schema schema;
        cr_assert_eq(bg_schema_parse(span(cases[i].text), "own", &settings, &error, &schema), BG_DATA, "%s",
                     cases[i].text);
        cr_assert_not_null(strstr(error.text, cases[i].says), "%s\n%s", error.text, cases[i].text);
        cr_assert_eq(strncmp(error.text, "own:", 4), 0, "%s", error.text);
    }
    NO_LEAKS();
}

Test(schema, embedded_ones_load_with_each_of_their_maps)
{
    size_t count = 0;
    for (const struct bg_embedded_file *file = bg_schema_files; file->name; file++, count++) {
        struct bg_schema schema;
        struct bg_error error;
        const struct bg_schema_settings settings = {.drop_port = true};
        cr_assert_eq(bg_schema_load(file->name, &settings, &error, &schema), BG_OK, "%s", error.text);
        cr_assert_str_eq(schema.name, file->name);
        bg_schema_finish(&schema);
    }
    cr_assert_eq(count, 7);
    struct bg_schema schema;
    cr_assert_eq(bg_schema_load("nsl-kdd", &(struct bg_schema_settings){.labels = "binary"}, NULL, &schema), BG_OK);
    cr_assert_eq(schema.labels.classes, 2);
    cr_assert_str_eq(schema.labels.class_names[0], "normal");
    bg_schema_finish(&schema);
    NO_LEAKS();
}

Test(schema, names_the_ones_it_knows)
{
    struct bg_error error;
    struct bg_schema schema;
    const struct bg_schema_settings settings = {.labels = "no such map"};
    cr_assert_eq(bg_schema_load("kdd99", &settings, &error, &schema), BG_NOT_FOUND);
    cr_assert_not_null(strstr(error.text, "kdd99"));
    cr_assert_not_null(strstr(error.text, "unsw-nb15"));
    cr_assert_eq(bg_schema_load("no/such.json", &settings, &error, &schema), BG_NOT_FOUND);
    cr_assert_not_null(strstr(error.text, "no/such.json"));
    cr_assert_eq(bg_schema_load("nsl-kdd", &settings, &error, &schema), BG_NOT_FOUND);
    cr_assert_not_null(strstr(error.text, "no such map"));
    cr_assert_eq(bg_schema_load(write_text("bad.json", "{"), &settings, &error, &schema), BG_DECODE);
    cr_assert_not_null(strstr(error.text, "bad.json"));
    NO_LEAKS();
}
