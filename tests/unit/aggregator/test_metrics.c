/* SPDX-License-Identifier: Apache-2.0 */
#include "aggregator/metrics.h"

#include "base/clock.h"
#include "base/json.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const uint64_t phases[BG_PHASE_COUNT] = {[BG_PHASE_FOLD] = 1500000000};
static const struct bg_metrics_now now = {.usage = {4096, 1024, 7, BG_SECOND},
                                          .phases_ns = phases,
                                          .requests = 12,
                                          .connections_open = 3,
                                          .bytes_in = 100,
                                          .bytes_out = 200,
                                          .clients = 8,
                                          .round = 5};

static struct bg_round_summary summary(uint64_t round, enum bg_verdict verdict)
{
    return (struct bg_round_summary){.round = round,
                                     .stage = BG_STAGE_LEARNING,
                                     .verdict = verdict,
                                     .reason = verdict == BG_VERDICT_COMMITTED ? BG_OK : BG_MARGIN,
                                     .duration_ns = BG_SECOND + BG_SECOND / 2,
                                     .groups_invited = 3,
                                     .groups_used = 2,
                                     .updates = 12,
                                     .margin = 0.25,
                                     .model = {{0xab}}};
}

static char *text_of(const struct bg_metrics *metrics)
{
    struct bg_writer w;
    bg_writer_init(&w);
    bg_metrics_write(metrics, &now, &w);
    bg_write_u8(&w, 0);
    cr_assert_eq(w.status, BG_OK);
    return (char *)w.data;
}

static void expect_line(const char *text, const char *line)
{
    char wanted[200];
    snprintf(wanted, sizeof wanted, "\n%s\n", line);
    cr_assert_not_null(strstr(text, wanted), "no line %s in\n%s", line, text);
}

Test(metrics, count_rounds_updates_and_phases)
{
    static struct bg_metrics metrics;
    struct bg_round_summary committed = summary(1, BG_VERDICT_COMMITTED), held = summary(2, BG_VERDICT_HELD);
    bg_metrics_init(&metrics);
    bg_metrics_recall_round(&metrics, &committed);
    bg_metrics_add_round(&metrics, &committed);
    bg_metrics_add_round(&metrics, &held);
    bg_metrics_count_update(&metrics, BG_UPDATE_REFUSED);
    char *text = text_of(&metrics);
    expect_line(text, "burgee_rounds_total{outcome=\"committed\"} 1");
    expect_line(text, "burgee_rounds_total{outcome=\"held\"} 1");
    expect_line(text, "burgee_rounds_total{outcome=\"abandoned\"} 0");
    expect_line(text, "burgee_updates_total{result=\"refused\"} 1");
    expect_line(text, "burgee_round_seconds_bucket{le=\"1\"} 0");
    expect_line(text, "burgee_round_seconds_bucket{le=\"2.5\"} 2");
    expect_line(text, "burgee_round_seconds_sum 3");
    expect_line(text, "burgee_phase_seconds_total{phase=\"fold\"} 1.5");
    expect_line(text, "burgee_http_requests_total 12");
    expect_line(text, "burgee_bytes_total{direction=\"out\"} 200");
    expect_line(text, "burgee_build_info{version=\"" BG_VERSION "\"} 1");
    expect_line(text, "process_open_fds 7");
    expect_line(text, "process_cpu_seconds_total 1");
    free(text);
}

/* As the format demands: a sample belongs to the family declared above it, and no family comes twice. */
Test(metrics, every_sample_belongs_to_its_family)
{
    static struct bg_metrics metrics;
    char family[100] = "", *families[64];
    size_t count = 0;
    bg_metrics_init(&metrics);
    char *text = text_of(&metrics), *rest = text;
    for (char *line; (line = strsep(&rest, "\n")) && *line;) {
        if (strncmp(line, "# TYPE ", 7) == 0) {
            snprintf(family, sizeof family, "%.*s", (int)strcspn(line + 7, " "), line + 7);
            for (size_t i = 0; i < count; i++)
                cr_assert_str_neq(families[i], family);
            cr_assert_lt(count, 64);
            families[count++] = strdup(family);
        } else if (line[0] != '#') {
            cr_assert_eq(strncmp(line, family, strlen(family)), 0, "%s under %s", line, family);
        }
    }
    cr_assert_gt(count, 12);
    while (count)
        free(families[--count]);
    free(text);
}

static struct bg_json *rounds_of(const struct bg_metrics *metrics, size_t limit)
{
    struct bg_json *root;
    char *text = bg_metrics_rounds(metrics, &now, "boats", limit);
    struct bg_span span = {(const uint8_t *)text, strlen(text)};
    cr_assert_eq(bg_json_parse(span, "rounds", NULL, &root), BG_OK);
    free(text);
    return root;
}

Test(metrics, rounds_are_listed_newest_first_and_the_oldest_forgotten)
{
    static struct bg_metrics metrics;
    bg_metrics_init(&metrics);
    for (uint64_t i = 1; i <= BG_ROUNDS_KEPT + 2; i++) {
        struct bg_round_summary round = summary(i, i % 2 ? BG_VERDICT_COMMITTED : BG_VERDICT_HELD);
        bg_metrics_add_round(&metrics, &round);
    }
    struct bg_json *root = rounds_of(&metrics, SIZE_MAX);
    const struct bg_json *rounds = bg_json_get(root, "rounds");
    const struct bg_json *first = bg_json_at(rounds, 0), *last = bg_json_at(rounds, BG_ROUNDS_KEPT - 1);
    cr_assert_eq(bg_json_count(rounds), BG_ROUNDS_KEPT);
    cr_assert_eq(bg_json_number(bg_json_get(first, "round")), BG_ROUNDS_KEPT + 2);
    cr_assert_eq(bg_json_number(bg_json_get(last, "round")), 3);
    cr_assert_str_eq(bg_json_string(bg_json_get(first, "outcome")), "held");
    cr_assert_not_null(bg_json_get(first, "reason"));
    cr_assert_null(bg_json_get(last, "reason"));
    cr_assert_eq(bg_json_number(bg_json_get(last, "seconds")), 1.5);
    cr_assert_eq(bg_json_number(bg_json_get(last, "margin")), 0.25);
    cr_assert_eq(bg_json_number(bg_json_get(bg_json_get(last, "groups"), "used")), 2);
    cr_assert_eq(strncmp(bg_json_string(bg_json_get(last, "model")), "ab00", 4), 0);
    bg_json_destroy(&root);
    root = rounds_of(&metrics, 2);
    cr_assert_eq(bg_json_count(bg_json_get(root, "rounds")), 2);
    cr_assert_str_eq(bg_json_string(bg_json_get(root, "population")), "boats");
    bg_json_destroy(&root);
}

Test(metrics, health_is_bad_without_store_or_key_holder)
{
    static const struct {
        struct bg_health health;
        unsigned http;
        const char *text;
    } cases[] = {
        {{true, true, 4}, 200, "{\"status\":\"ok\",\"store\":true,\"key_holder\":true,\"round\":4}"},
        {{false, true, 0}, 503, "{\"status\":\"failing\",\"store\":false,\"key_holder\":true,\"round\":0}"},
        {{true, false, 0}, 503, "{\"status\":\"failing\",\"store\":true,\"key_holder\":false,\"round\":0}"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        unsigned http = 0;
        char *text = bg_health_text(&cases[i].health, &http);
        cr_assert_str_eq(text, cases[i].text);
        cr_assert_eq(http, cases[i].http);
        free(text);
    }
}
