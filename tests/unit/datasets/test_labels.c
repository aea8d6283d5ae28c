/* SPDX-License-Identifier: Apache-2.0 */
#include "datasets/labels.h"

#include "datasets/embedded.h"
#include "tests/unit/datasets/folder_fixture.h"
#include "tests/unit/no_leaks.h"

#include <criterion/criterion.h>
#include <string.h>

TestSuite(labels, .init = folder_make, .fini = folder_remove);

/* Name of a label's class, "dropped" or "unknown". */
static const char *class_of(const struct bg_label_map *map, const char *label)
{
    uint16_t class;
    if (bg_label_map_find(map, label, strlen(label), &class))
        return "unknown";
    return class == BG_LABEL_DROPPED ? "dropped" : map->class_names[class];
}

static struct bg_label_map load(const char *name)
{
    struct bg_label_map map;
    struct bg_error error;
    cr_assert_eq(bg_label_map_load(name, &error, &map), BG_OK, "%s", error.text);
    return map;
}

Test(labels, papers7_has_six_families_and_benign)
{
    struct bg_label_map map = load("papers7");
    static const char *const classes[] = {"BENIGN",      "DoS",        "DDoS", "PortScan",
                                          "Brute Force", "Web Attack", "Bot"};
    cr_assert_eq(map.classes, 7);
    for (size_t i = 0; i < 7; i++)
        cr_assert_str_eq(map.class_names[i], classes[i]);
    cr_assert_str_eq(class_of(&map, "DoS Hulk"), "DoS");
    cr_assert_str_eq(class_of(&map, "DoS slowloris"), "DoS");
    cr_assert_str_eq(class_of(&map, "DDoS"), "DDoS");
    cr_assert_str_eq(class_of(&map, "Portscan"), "PortScan");
    cr_assert_str_eq(class_of(&map, "Infiltration - Portscan"), "PortScan");
    cr_assert_str_eq(class_of(&map, "FTP-Patator"), "Brute Force");
    cr_assert_str_eq(class_of(&map, "Botnet"), "Bot");
    cr_assert_str_eq(class_of(&map, "Infiltration"), "dropped");
    cr_assert_str_eq(class_of(&map, "Heartbleed"), "dropped");
    bg_label_map_finish(&map);
    NO_LEAKS();
}

Test(labels, families7_and_binary_drop_nothing)
{
    struct bg_label_map families = load("families7");
    cr_assert_eq(families.classes, 7);
    cr_assert_str_eq(class_of(&families, "DDoS"), "DoS");
    cr_assert_str_eq(class_of(&families, "Heartbleed"), "Infiltration");
    struct bg_label_map binary = load("binary");
    cr_assert_eq(binary.classes, 2);
    cr_assert_str_eq(class_of(&binary, "benign"), "BENIGN");
    cr_assert_eq(binary.label_count, families.label_count);
    for (size_t i = 0; i < binary.label_count; i++) {
        cr_assert_str_eq(binary.labels[i].text, families.labels[i].text);
        cr_assert_eq(binary.labels[i].class == 0, families.labels[i].class == 0);
    }
    bg_label_map_finish(&binary);
    bg_label_map_finish(&families);
}

Test(labels, every_embedded_map_loads_under_its_name)
{
    size_t count = 0;
    for (const struct bg_embedded_file *file = bg_label_files; file->name; file++, count++) {
        struct bg_label_map map = load(file->name);
        cr_assert_str_eq(map.name, file->name);
        bg_label_map_finish(&map);
    }
    cr_assert_eq(count, 3);
}

Test(labels, compares_letters_and_digits_only)
{
    struct bg_label_map map = load("papers7");
    static const char *const forms[] = {"Web Attack \x96 XSS", "Web Attack \xef\xbf\xbd XSS",
                                        "Web Attack - XSS",    "web attack  xss ",
                                        "WEB_ATTACK_XSS",      " Web\tAttack-XSS"};
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++)
        cr_assert_str_eq(class_of(&map, forms[i]), "Web Attack", "%s", forms[i]);
    static const char *const unknown[] = {"",        " - ",       "WebAttackXSS",       "DoS Hulk 2",
                                          "BENIGN2", "Attempted", "Nothing - Attempted"};
    for (size_t i = 0; i < sizeof unknown / sizeof *unknown; i++)
        cr_assert_str_eq(class_of(&map, unknown[i]), "unknown", "%s", unknown[i]);
    char endless[5000];
    memset(endless, 'a', sizeof endless);
    uint16_t class;
    cr_assert_eq(bg_label_map_find(&map, endless, sizeof endless, &class), BG_NOT_FOUND);
    bg_label_map_finish(&map);
}

Test(labels, takes_attempted_attacks_as_benign)
{
    struct bg_label_map map = load("papers7");
    cr_assert_str_eq(class_of(&map, "DoS Slowloris - Attempted"), "BENIGN");
    cr_assert_str_eq(class_of(&map, "Web Attack - SQL Injection - Attempted"), "BENIGN");
    cr_assert_str_eq(class_of(&map, "Infiltration - Attempted"), "BENIGN");
    bg_label_map_finish(&map);
}

static struct bg_span span(const char *text)
{
    return (struct bg_span){(const uint8_t *)text, strlen(text)};
}

Test(labels, reads_a_users_map)
{
    struct bg_label_map map = load(write_text("own.json",
                                              "{\"classes\": [{\"name\": \"calm\", \"labels\": [\"A\"]},"
                                              "{\"name\": \"storm\", \"labels\": [\"B-1\", \"B-2\"]}],"
                                              "\"drop\": [\"C\"], \"attempted\": \"drop\"}"));
    cr_assert_str_eq(class_of(&map, "a"), "calm");
    cr_assert_str_eq(class_of(&map, "b 2"), "storm");
    cr_assert_str_eq(class_of(&map, "c"), "dropped");
    cr_assert_str_eq(class_of(&map, "B-1 - Attempted"), "dropped");
    bg_label_map_finish(&map);
    NO_LEAKS();
}

Test(labels, refuses_what_is_no_map)
{
    static const struct {
        const char *text;
        const char *says;
    } cases[] = {
        {"7", "must be of type"},
        {"[\"a\"]", "2 to 1024 classes"},
        {"[\"a\", \"A\"]", "occurs twice"},
        {"{\"drop\": []}", "\"classes\" is missing"},
        {"{\"classes\": {}, \"drop\": [], \"attempted\": \"drop\"}", "\"classes\" must be of type"},
        {"{\"classes\": [], \"drop\": [], \"attempted\": \"drop\"}", "2 to 1024 classes"},
        {"{\n\"klasses\": [], \"drop\": [], \"attempted\": \"drop\"}",
         "own:2: a label map has no key \"klasses\""},
        {"{\"classes\": [{\"name\":\"A\",\"labels\":[\"a\"]},{\"name\":\"A\",\"labels\":[\"b\"]}], \"drop\": [],"
         "\"attempted\": \"drop\"}",
         "two classes"},
        {"{\"classes\": [{\"name\":\"A\",\"labels\":[\"a\"]},{\"name\":\"B\",\"labels\":[\"A!\"]}], \"drop\": [],"
         "\"attempted\": \"drop\"}",
         "occurs twice"},
        {"{\"classes\": [{\"name\":\"A\",\"labels\":[\"a\"]},{\"name\":\"B\",\"labels\":[\"b\"]}], \"drop\": [],"
         "\"attempted\": \"C\"}",
         "name of a class"},
        {"{\"classes\": [{\"name\":\"A\",\"labels\":[\"a\"]},{\"name\":\"B\",\"labels\":[7]}], \"drop\": [],"
         "\"attempted\": \"A\"}",
         "labels are strings"},
        {"{\"classes\": [{\"name\":\"A\",\"labels\":[\"a\"]},{\"name\":\"B\",\"labels\":\"b\"}], \"drop\": [],"
         "\"attempted\": \"A\"}",
         "must be of type"},
        {"{\"classes\": [{\"name\":\"A\",\"labels\":[\"a\"]}, 5], \"drop\": [], \"attempted\": \"A\"}",
         "must be of type"},
        {"{\"classes\": [{\"name\":\"A\",\"labels\":[\"a\"]},{\"name\":\"drop\",\"labels\":[\"b\"]}], \"drop\": [],"
         "\"attempted\": \"A\"}",
         "cannot be called"},
        {"{\"classes\": [{\"name\":\"A\",\"labels\":[\"a\"]},{\"name\":\"B\",\"labels\":[\"-\"]}], \"drop\": [],"
         "\"attempted\": \"A\"}",
         "1 to 127"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct bg_error error;
        struct bg_label_map map;
        cr_assert_eq(bg_label_map_parse(span(cases[i].text), "own", &error, &map), BG_DATA, "%s",
                     cases[i].text);
        cr_assert_not_null(strstr(error.text, cases[i].says), "%s", error.text);
        cr_assert_not_null(strstr(error.text, "own"), "%s", error.text);
    }
    NO_LEAKS();
}

Test(labels, names_the_maps_it_knows)
{
    struct bg_error error;
    struct bg_label_map map;
    cr_assert_eq(bg_label_map_load("papers8", &error, &map), BG_NOT_FOUND);
    cr_assert_not_null(strstr(error.text, "papers8"));
    cr_assert_not_null(strstr(error.text, "papers7"));
    cr_assert_eq(bg_label_map_load("no/such.json", &error, &map), BG_NOT_FOUND);
    cr_assert_not_null(strstr(error.text, "no/such.json"));
    cr_assert_eq(bg_label_map_load(write_text("bad.json", "{"), &error, &map), BG_DECODE);
    cr_assert_not_null(strstr(error.text, "bad.json"));
    NO_LEAKS();
}
