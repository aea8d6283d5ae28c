/* SPDX-License-Identifier: Apache-2.0 */
#include "base/options.h"

#include "base/file.h"
#include "base/json.h"

#include "tests/unit/no_leaks.h"

#include <math.h>
#include <stdlib.h>
#include <unistd.h>

TestSuite(options);

struct config {
    bool verbose;
    uint64_t seed;
    uint64_t quorum;
    double rate;
    double step;
    char folder[BG_OPTION_TEXT_BYTES];
    char token[BG_OPTION_TEXT_BYTES];
    uint32_t mode;
};

static const char *const modes[] = {"ef", "sign", "median", NULL};

static const struct bg_option table[] = {
    {"run.verbose", BG_OPTION_BOOL, offsetof(struct config, verbose), "false", .help = "say more"},
    {"run.seed", BG_OPTION_U64, offsetof(struct config, seed), "1", .help = "seed of everything random"},
    {"round.quorum", BG_OPTION_U64, offsetof(struct config, quorum), "8", 1, 64, .unit = "groups",
     .help = "complete groups that close a round"},
    {"codec.mode", BG_OPTION_CHOICE, offsetof(struct config, mode), "ef", .choices = modes, .help = "update codec"},
    {"train.rate", BG_OPTION_REAL, offsetof(struct config, rate), "0.1", 0, 1, .help = "learning rate"},
    {"round.step", BG_OPTION_REAL, offsetof(struct config, step), "1", 0.5, INFINITY, .help = "server step"},
    {"data.dir", BG_OPTION_TEXT, offsetof(struct config, folder), "data", .help = "folder of the data sets"},
    {"run.token", BG_OPTION_TEXT, offsetof(struct config, token), "", .help = "enrolment token"},
};
#define COUNT (sizeof table / sizeof *table)

static struct config defaults(void)
{
    struct config config;
    bg_options_defaults(table, COUNT, &config);
    return config;
}

static char path[64];

static void make_path(void)
{
    strcpy(path, "/tmp/burgee-test-options-XXXXXX");
    close(mkstemp(path));
}

static void remove_path(void)
{
    unlink(path);
}

static enum bg_status load(const char *text, struct config *config, struct bg_error *error)
{
    cr_assert_eq(bg_file_write(path, (struct bg_span){(const uint8_t *)text, strlen(text)}, 0600, NULL), BG_OK);
    return bg_options_load(table, COUNT, path, config, error);
}

/* The sentence must be "path" + expected. */
static void refused(const char *text, const char *expected)
{
    struct config config = defaults();
    struct bg_error error;
    cr_assert_eq(load(text, &config, &error), BG_CONFIG, "%s", text);
    cr_assert_eq(error.status, BG_CONFIG);
    cr_assert_eq(strncmp(error.text, path, strlen(path)), 0);
    cr_assert_str_eq(error.text + strlen(path), expected);
    cr_assert_eq(load(text, &config, NULL), BG_CONFIG);
}

Test(options, defaults_fill_every_field)
{
    struct config config = defaults();
    cr_assert_not(config.verbose);
    cr_assert_eq(config.seed, 1);
    cr_assert_eq(config.quorum, 8);
    cr_assert_eq(config.rate, 0.1);
    cr_assert_eq(config.mode, 0);
    cr_assert_str_eq(config.folder, "data");
    cr_assert_str_eq(config.token, "");
}

Test(options, a_file_sets_what_it_names, .init = make_path, .fini = remove_path)
{
    struct config config = defaults();
    cr_assert_eq(load("{\"run\": {\"verbose\": true, \"seed\": 18446744073709551615, \"token\": \"\"},\n"
                      " \"codec\": {\"mode\": \"median\"}, \"train\": {\"rate\": 5e-1}, \"data\": {}}",
                      &config, NULL),
                 BG_OK);
    cr_assert(config.verbose);
    cr_assert_eq(config.seed, UINT64_MAX);
    cr_assert_eq(config.mode, 2);
    cr_assert_eq(config.rate, 0.5);
    cr_assert_eq(config.quorum, 8);
    cr_assert_str_eq(config.folder, "data");
    NO_LEAKS();
}

Test(options, a_file_with_unknown_keys_is_refused, .init = make_path, .fini = remove_path)
{
    refused("{\"round\": {\n\"qourum\": 3}}", ":2: unknown key round.qourum: --help lists the keys");
    refused("{\n\n\"rounds\": {}}", ":3: unknown key rounds: --help lists the keys");
    refused("{\"run.seed\": 3}", ":1: unknown key run.seed: --help lists the keys");
    refused("{\"ru\": {\"n.seed\": 3}}", ":1: unknown key ru: --help lists the keys");
    refused("{\"run\": {\"see\": 3}}", ":1: unknown key run.see: --help lists the keys");
    NO_LEAKS();
}

Test(options, a_file_with_wrong_types_is_refused, .init = make_path, .fini = remove_path)
{
    refused("[]", ":1: expected an object, found an array");
    refused("{\"run\":\n 3}", ":2: run: expected an object, found a number");
    refused("{\"run\": {\n\"seed\": \"3\"}}", ":2: run.seed: expected a number, found a string");
    refused("{\"run\": {\"verbose\": 1}}", ":1: run.verbose: expected true or false, found a number");
    refused("{\"train\": {\"rate\": null}}", ":1: train.rate: expected a number, found null");
    refused("{\"data\": {\"dir\": [\"x\"]}}", ":1: data.dir: expected a string, found an array");
    refused("{\"codec\": {\"mode\": {}}}", ":1: codec.mode: expected a string, found an object");
    refused("{\"run\": {\"seed\": 1.5}}", ":1: run.seed: \"1.5\" is not a whole number of 0 or more");
    refused("{\"run\": {\"seed\": -1}}", ":1: run.seed: \"-1\" is not a whole number of 0 or more");
    NO_LEAKS();
}

Test(options, a_file_with_values_out_of_range_is_refused, .init = make_path, .fini = remove_path)
{
    char text[700] = "{\"data\": {\"dir\": \"";
    refused("{\"round\": {\n\n\"quorum\": 65}}", ":3: round.quorum: 65 is out of range: 1 to 64");
    refused("{\"round\": {\"quorum\": 0}}", ":1: round.quorum: 0 is out of range: 1 to 64");
    refused("{\"round\": {\"step\": 0.25}}", ":1: round.step: 0.25 is out of range: at least 0.5");
    refused("{\"train\": {\"rate\": 1.01}}", ":1: train.rate: 1.01 is out of range: 0 to 1");
    refused("{\"run\": {\"seed\": 18446744073709551616}}",
            ":1: run.seed: 18446744073709551616 is out of range of its type");
    refused("{\"codec\": {\"mode\": \"EF\"}}", ":1: codec.mode: \"EF\" is not one of ef, sign, median");
    refused("{\"data\": {\"dir\": \"\"}}", ":1: data.dir: may not be empty");
    size_t size = strlen(text);
    memset(text + size, 'x', 512);
    strcpy(text + size + 512, "\"}}");
    refused(text, ":1: data.dir: 512 bytes of text, the limit is 511");
    NO_LEAKS();
}

Test(options, a_file_that_is_not_json_is_refused, .init = make_path, .fini = remove_path)
{
    refused("{\"run\": {\"seed\": 1},}", ":1:21: comma without a member after it");
    refused("{\"run\": {\"seed\": 1,\n\"seed\": 2}}", ":2:1: this key appears twice in its object: seed");
    struct config config = defaults();
    struct bg_error error;
    cr_assert_eq(bg_options_load(table, COUNT, "/nonexistent/burgee.json", &config, &error), BG_NOT_FOUND);
    cr_assert_not_null(strstr(error.text, "/nonexistent/burgee.json"));
    NO_LEAKS();
}

static void set_refused(const char *assignment, const char *expected)
{
    struct config config = defaults();
    struct bg_error error;
    cr_assert_eq(bg_options_set(table, COUNT, assignment, &config, &error), BG_CONFIG);
    cr_assert_str_eq(error.text, expected);
}

Test(options, set_overrides_one_key)
{
    struct config config = defaults();
    cr_assert_eq(bg_options_set(table, COUNT, "run.seed=42", &config, NULL), BG_OK);
    cr_assert_eq(config.seed, 42);
    cr_assert_eq(bg_options_set(table, COUNT, "run.verbose=true", &config, NULL), BG_OK);
    cr_assert(config.verbose);
    cr_assert_eq(bg_options_set(table, COUNT, "data.dir=a=b c", &config, NULL), BG_OK);
    cr_assert_str_eq(config.folder, "a=b c");
    cr_assert_eq(bg_options_set(table, COUNT, "run.token=", &config, NULL), BG_OK);
    cr_assert_eq(bg_options_set(table, COUNT, "codec.mode=sign", &config, NULL), BG_OK);
    cr_assert_eq(config.mode, 1);
    cr_assert_eq(bg_options_set(table, COUNT, "round.step=1e300", &config, NULL), BG_OK);
    cr_assert_eq(config.step, 1e300);
}

Test(options, values_have_the_text_that_sets_them)
{
    static const char *const assignments[] = {"run.verbose=true", "run.seed=18446744073709551615", "round.quorum=3",
                                              "codec.mode=median", "train.rate=0.3", "round.step=1e+300",
                                              "data.dir=a=b c", "run.token=x"};
    struct config config = defaults(), other = defaults();
    for (size_t i = 0; i < sizeof assignments / sizeof *assignments; i++) {
        char text[BG_OPTION_TEXT_BYTES];
        size_t option = 0, key = strcspn(assignments[i], "=");
        while (strncmp(table[option].key, assignments[i], key) != 0)
            option++;
        cr_assert(bg_option_same(&table[option], &config, &other));
        cr_assert_eq(bg_options_set(table, COUNT, assignments[i], &config, NULL), BG_OK);
        bg_option_text(&table[option], &config, text);
        cr_assert_str_eq(text, assignments[i] + key + 1);
        cr_assert_not(bg_option_same(&table[option], &config, &other));
    }
}

Test(options, set_refuses_with_the_key)
{
    set_refused("run.seed", "--set: \"run.seed\" is not of the form key=value");
    set_refused("", "--set: \"\" is not of the form key=value");
    set_refused("=3", "--set: unknown key : --help lists the keys");
    set_refused("run.sed=3", "--set: unknown key run.sed: --help lists the keys");
    set_refused("run.seed=", "--set: run.seed: \"\" is not a whole number of 0 or more");
    set_refused("run.seed=3 ", "--set: run.seed: \"3 \" is not a whole number of 0 or more");
    set_refused("run.verbose=yes", "--set: run.verbose: \"yes\" is not true or false");
    set_refused("round.quorum=100", "--set: round.quorum: 100 is out of range: 1 to 64");
    set_refused("train.rate=fast", "--set: train.rate: \"fast\" is not a number");
    set_refused("train.rate=nan", "--set: train.rate: \"nan\" is not a number");
    set_refused("codec.mode=", "--set: codec.mode: \"\" is not one of ef, sign, median");
    set_refused("data.dir=", "--set: data.dir: may not be empty");
}

Test(options, what_is_printed_loads_back, .init = make_path, .fini = remove_path)
{
    struct config config = defaults(), again = defaults();
    config.verbose = true;
    config.seed = UINT64_MAX - 1;
    config.rate = 1.0 / 3;
    config.mode = 1;
    strcpy(config.folder, "a \"b\"\tc");
    struct bg_json *object = bg_json_object();
    bg_options_to_json(table, COUNT, &config, object);
    cr_assert_eq(bg_json_count(object), 5, "one member per section");
    cr_assert_eq(bg_json_count(bg_json_get(object, "run")), 3);
    cr_assert_eq(bg_json_count(bg_json_get(object, "round")), 2);
    char *text = bg_json_print(object, true);
    bg_json_destroy(&object);
    cr_assert_eq(load(text, &again, NULL), BG_OK);
    free(text);
    cr_assert(again.verbose && again.seed == config.seed && again.quorum == config.quorum);
    cr_assert(again.rate == config.rate && again.step == config.step && again.mode == config.mode);
    cr_assert_str_eq(again.folder, config.folder);
    cr_assert_str_eq(again.token, "");
    NO_LEAKS();
}

Test(options, what_is_saved_is_read_back_under_assignments, .init = make_path, .fini = remove_path)
{
    struct config config = defaults(), again;
    struct bg_error error;
    char *const assignments[] = {"run.seed=3", "run.seed=4", "round.quorum=65"};
    config.seed = 2;
    config.rate = 0.25;
    cr_assert_eq(bg_options_save(table, COUNT, &config, path, &error), BG_OK);
    cr_assert_eq(bg_options_read(table, COUNT, path, assignments, 2, &again, &error), BG_OK, "%s", error.text);
    cr_assert(again.seed == 4 && again.rate == 0.25 && again.quorum == 8);
    cr_assert_eq(bg_options_read(table, COUNT, NULL, NULL, 0, &again, &error), BG_OK);
    cr_assert(again.seed == 1 && again.rate == 0.1);
    cr_assert_eq(bg_options_read(table, COUNT, path, assignments, 3, &again, &error), BG_CONFIG);
    cr_assert_not_null(strstr(error.text, "round.quorum"));
    cr_assert_eq(bg_options_read(table, COUNT, "/absent/file", NULL, 0, &again, &error), BG_NOT_FOUND);
    cr_assert_eq(bg_options_save(table, COUNT, &config, "/absent/file", &error), BG_NOT_FOUND);
    NO_LEAKS();
}

Test(options, help_lists_defaults_ranges_and_units)
{
    char *text = NULL;
    size_t size;
    FILE *out = open_memstream(&text, &size);
    bg_options_help(table, COUNT, out);
    fclose(out);
    cr_assert_str_eq(text,
                     "  run.verbose=false  say more [true or false]\n"
                     "  run.seed=1         seed of everything random\n"
                     "  round.quorum=8     complete groups that close a round [1 to 64 groups]\n"
                     "  codec.mode=ef      update codec [one of ef, sign, median]\n"
                     "  train.rate=0.1     learning rate [0 to 1]\n"
                     "  round.step=1       server step [at least 0.5]\n"
                     "  data.dir=data      folder of the data sets\n"
                     "  run.token=         enrolment token\n");
    free(text);
    NO_LEAKS();
}
