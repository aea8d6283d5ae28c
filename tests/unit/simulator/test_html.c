/* SPDX-License-Identifier: Apache-2.0 */
/* The page of runs that are not as runs usually are. That it is well-formed and true, tests/scenarios/test_html.py. */
#include "simulator/html.h"

#include "base/file.h"
#include "simulator/run.h"
#include "tests/unit/no_leaks.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

TestSuite(html, .timeout = 60);

static struct bg_simulator_config config;
static struct bg_run *run;
static struct bg_report report; /* of the run; tests change it */

static void make_run(void)
{
    static const char *const settings[] = {"data.rows=400",   "model.spec=mlp:4",    "training.steps=1",
                                           "clients.count=8", "encryption.mode=off", "rounds.count=1",
                                           "data.least_rows=2"};
    struct bg_error error = {BG_OK, ""};
    bg_options_defaults(bg_simulator_options, bg_simulator_option_count, &config);
    config.threads = 1;
    for (size_t i = 0; i < sizeof settings / sizeof *settings; i++)
        cr_assert_eq(bg_options_set(bg_simulator_options, bg_simulator_option_count, settings[i], &config, &error),
                     BG_OK, "%s", error.text);
    struct bg_run_settings run_settings = {.config = &config};
    cr_assert_eq(bg_run_perform(&run_settings, &error, &run), BG_OK, "%s", error.text);
    report = *bg_run_report(run);
}

/* free() it. */
static char *page(void)
{
    char path[] = "/tmp/burgee-test-html-XXXXXX";
    struct bg_error error = {BG_OK, ""};
    uint8_t *data;
    size_t size;
    close(mkstemp(path));
    cr_assert_eq(bg_report_write_html(&report, path, &error), BG_OK, "%s", error.text);
    cr_assert_eq(bg_file_read(path, (size_t)1 << 24, &error, &data, &size), BG_OK, "%s", error.text);
    unlink(path);
    cr_assert_gt(size, 1000);
    cr_assert_eq(strncmp((char *)data, "<!DOCTYPE html>\n<html", 21), 0);
    cr_assert_str_eq((char *)data + size - 8, "</html>\n");
    cr_assert_null(strstr((char *)data, "nan"), "%.80s", strstr((char *)data, "nan") - 40);
    cr_assert_null(strstr((char *)data, "inf\""));
    return (char *)data;
}

static void finish(char *html)
{
    free(html);
    bg_run_destroy(&run);
    NO_LEAKS();
}

Test(html, of_a_run_without_rounds)
{
    make_run();
    report.round_count = 0;
    char *html = page();
    cr_assert_not_null(strstr(html, "No round was evaluated."));
    cr_assert_not_null(strstr(html, "Interrupted after 0 of"));
    finish(html);
}

Test(html, of_rounds_that_were_all_abandoned_and_never_evaluated)
{
    struct bg_round_result rounds[5];
    make_run();
    for (size_t i = 0; i < 5; i++)
        rounds[i] = (struct bg_round_result){
            .round = i + 1, .stage = BG_STAGE_LEARNING, .reason = BG_TOO_FEW, .groups_invited = 2, .groups_late = 2};
    report.rounds = rounds;
    report.round_count = 5;
    char *html = page();
    cr_assert_not_null(strstr(html, "<b>0, 0, 5</b>"));
    finish(html);
}

Test(html, of_a_thousand_rounds_is_not_much_longer)
{
    enum { MANY = 1000 };
    struct bg_round_result *rounds = calloc(MANY, sizeof *rounds);
    make_run();
    for (size_t i = 0; i < MANY; i++) {
        rounds[i] = bg_run_report(run)->rounds[report.round_count - 1];
        rounds[i].round = i + 1;
        rounds[i].evaluated = rounds[i].has_rule = rounds[i].committed = true;
        rounds[i].stage = BG_STAGE_LEARNING;
        rounds[i].accuracy = rounds[i].macro_f1 = 1 - 1 / (double)(i + 1);
        rounds[i].rule.count = BG_COLUMNS_MAX;
        rounds[i].rule.margin = i % 10 ? 1 : NAN;
        for (size_t j = 0; j < BG_COLUMNS_MAX; j++)
            rounds[i].rule.coefficients[j] = (double)j;
    }
    report.rounds = rounds;
    report.round_count = MANY;
    char *html = page();
    cr_assert_lt(strlen(html), 4000000);
    free(rounds);
    finish(html);
}

Test(html, of_one_class_and_one_row)
{
    struct bg_confusion one;
    make_run();
    cr_assert_eq(bg_confusion_init(&one, 1), BG_OK);
    bg_confusion_count(&one, 0, 0);
    report.confusion = report.central = &one;
    char *html = page();
    cr_assert_not_null(strstr(html, "100.00 %"));
    bg_confusion_finish(&one);
    finish(html);
}

Test(html, of_ten_thousand_clients_draws_no_cell_for_each)
{
    enum { CLIENTS = 10000 };
    struct bg_simulator_data data;
    make_run();
    data = *report.data;
    size_t *first = calloc(CLIENTS + 1, sizeof *first);
    for (size_t i = 1; i <= CLIENTS; i++)
        first[i] = i < data.training.count ? i : data.training.count;
    data.partition.clients = CLIENTS;
    data.partition.first = first;
    report.data = &data;
    char *html = page();
    cr_assert_null(strstr(html, "Who holds what"));
    cr_assert_not_null(strstr(html, "10000 clients hold 0 to 1 training rows"));
    cr_assert_lt(strlen(html), 200000);
    free(first);
    finish(html);
}

Test(html, marks_keys_that_protect_nothing)
{
    make_run();
    struct bg_simulator_config encrypted = *report.config;
    encrypted.encryption = 0;
    encrypted.key_bits = 512;
    report.config = &encrypted;
    report.insecure_test_key = true;
    char *html = page();
    cr_assert_not_null(strstr(html, "INSECURE: a key of 512 bits protects nothing"));
    cr_assert_not_null(strstr(html, "Synthetic data"));
    finish(html);
}

Test(html, says_where_it_cannot_be_written)
{
    struct bg_error error;
    make_run();
    cr_assert_neq(bg_report_write_html(&report, "/nonexistent/page.html", &error), BG_OK);
    cr_assert_not_null(strstr(error.text, "page.html"));
    finish(NULL);
}
