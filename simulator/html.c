/* SPDX-License-Identifier: Apache-2.0 */
#include "simulator/html.h"

#include "base/file.h"
#include "crypto/cipher.h"
#include "simulator/html_parts.h"
#include "simulator/run.h"

#include <math.h>
#include <stdarg.h>
#include <stdlib.h>

/* ---- what sections share ---- */

void bg_html_round_name(const struct bg_page *page, size_t index, char *ret_text, size_t size)
{
    const struct bg_round_result *round = &page->report->rounds[index];
    if (round->stage == BG_STAGE_LEARNING)
        snprintf(ret_text, size, "round %.0f", page->rounds[index]);
    else
        snprintf(ret_text, size, "%s", bg_task_stage_name(round->stage));
}

void bg_html_fact(const struct bg_page *page, const char *name, const char *format, ...)
{
    char text[1200];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    fprintf(page->out, "<tr><th scope=\"row\">%s</th><td>", name);
    bg_markup_text(page->out, text);
    fputs("</td></tr>\n", page->out);
}

void bg_html_key(const struct bg_page *page, const char *css, const char *format, ...)
{
    char text[300];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    fprintf(page->out, "<span><i class=\"%s\"></i>", css);
    bg_markup_text(page->out, text);
    fputs("</span>", page->out);
}

struct bg_axis bg_html_round_axis(const struct bg_page *page)
{
    size_t count = page->report->round_count;
    double first = count ? page->rounds[0] : 1, last = count ? page->rounds[count - 1] : 1;
    struct bg_axis axis = bg_axis_cover(first, last, 8);
    if (axis.step < 1) {
        axis.step = 1;
        axis.digits = 0;
    }
    axis.first = axis.step * ceil(first / axis.step);
    axis.min = first - 0.5;
    axis.max = last + 0.5;
    return axis;
}

/* ---- the top of the page ---- */

static void write_verdict(const struct bg_page *page)
{
    const struct bg_report *report = page->report;
    size_t learning = 0;
    double bytes = 0;
    char text[32];
    for (size_t i = 0; i < report->round_count; i++)
        if (report->rounds[i].stage == BG_STAGE_LEARNING) {
            learning++;
            bytes += (double)report->rounds[i].uplink_bytes;
        }
    double accuracy = 100 * bg_confusion_accuracy(report->confusion);
    double f1 = 100 * bg_confusion_macro_f1(report->confusion);
    fputs("<p class=\"verdict\">", page->out);
    bg_markup_format(page->out, "%u clients reach %.2f %% accuracy and %.2f %% macro-F1 after %zu rounds",
                     report->data->partition.clients, accuracy, f1, learning);
    if (report->central)
        bg_markup_format(page->out, ", %.2f and %.2f points below the same model on pooled data",
                         100 * bg_confusion_accuracy(report->central) - accuracy,
                         100 * bg_confusion_macro_f1(report->central) - f1);
    if (learning && bytes > 0) {
        bg_format_bytes(bytes / (double)learning, text, sizeof text);
        bg_markup_format(page->out, "; each sends %s a round, %.1f times less than float32", text,
                         4.0 * (double)page->coordinates * (double)learning / bytes);
    }
    fputs(".</p>\n", page->out);
}

static void write_banners(const struct bg_page *page)
{
    const struct bg_report *report = page->report;
    const struct bg_simulator_config *c = report->config;
    if (report->insecure_test_key && c->encryption != BG_ENCRYPTION_OFF && c->key_bits < BG_KEY_SECURE_BITS)
        fprintf(page->out, "<p class=\"banner bad\">INSECURE: a key of %llu bits protects nothing.</p>\n",
                (unsigned long long)c->key_bits);
    if (c->encryption == BG_ENCRYPTION_NULL)
        fputs("<p class=\"banner\">Encryption null: nothing was hidden. With encryption the same settings give the "
              "same model.</p>\n",
              page->out);
    if (c->encryption == BG_ENCRYPTION_OFF)
        fputs("<p class=\"banner\">Encryption off: nothing was hidden.</p>\n", page->out);
    if (report->data->dataset.synthetic)
        fputs("<p class=\"banner\">Synthetic data: these numbers say nothing about real traffic.</p>\n", page->out);
    if (report->data->on_validation)
        fputs("<p class=\"banner\">Results are on validation rows, not on test rows.</p>\n", page->out);
    if (report->round_count < bg_run_planned_rounds(c))
        fprintf(page->out, "<p class=\"banner\">Interrupted after %zu of %llu rounds.</p>\n", report->round_count,
                (unsigned long long)bg_run_planned_rounds(c));
}

static void write_tile(const struct bg_page *page, const char *name, const char *format, ...) BG_PRINTF(3, 4);

static void write_tile(const struct bg_page *page, const char *name, const char *format, ...)
{
    char text[200];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    fputs("<div><b>", page->out);
    bg_markup_text(page->out, text);
    fprintf(page->out, "</b><span>%s</span></div>\n", name);
}

static void write_tiles(const struct bg_page *page)
{
    const struct bg_report *report = page->report;
    const struct bg_simulator_config *c = report->config;
    size_t committed = 0, held = 0, learning = 0;
    double bits = 0;
    char text[48];
    for (size_t i = 0; i < report->round_count; i++) {
        committed += report->rounds[i].committed;
        held += report->rounds[i].held;
        learning += report->rounds[i].stage == BG_STAGE_LEARNING;
        bits += report->rounds[i].stage == BG_STAGE_LEARNING ? report->rounds[i].bits_per_coordinate : 0;
    }
    fputs("<div class=\"tiles\">\n", page->out);
    write_tile(page, "accuracy", "%.2f %%", 100 * bg_confusion_accuracy(report->confusion));
    write_tile(page, "macro-F1", "%.2f %%", 100 * bg_confusion_macro_f1(report->confusion));
    write_tile(page, "clients in groups", "%u in %zu", report->data->partition.clients,
               bg_federation_groups(report->federation));
    write_tile(page, "rounds committed, held, abandoned", "%zu, %zu, %zu", committed, held,
               report->round_count - committed - held);
    write_tile(page, "bits per coordinate and round", "%.2f", learning ? bits / (double)learning : 0);
    bg_format_seconds((double)bg_federation_virtual_ns(report->federation) / 1e9, text, sizeof text);
    write_tile(page, "of virtual time", "%s", text);
    snprintf(text, sizeof text, "encryption, %llu bits", (unsigned long long)c->key_bits);
    write_tile(page, c->encryption == BG_ENCRYPTION_OFF ? "encryption" : text, "%s",
               bg_encryption_names[c->encryption]);
    write_tile(page, "codec, rule", "%s, %s", bg_codec_mode_names[c->learning.codec_mode],
               bg_rule_name((enum bg_rule)(c->learning.rule + 1)));
    fputs("</div>\n", page->out);
}

void bg_html_begin(FILE *out, const char *title)
{
    fputs("<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\"/>\n"
          "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\n"
          "<meta name=\"color-scheme\" content=\"light dark\"/>\n",
          out);
    fprintf(out, "<title>%s</title>\n<style>\n", title);
    for (const char *const *piece = bg_html_style; *piece; piece++)
        fputs(*piece, out);
    fprintf(out, "</style>\n</head>\n<body>\n<main>\n<h1>%s</h1>\n", title);
}

void bg_html_end(FILE *out)
{
    fprintf(out, "<footer>burgee-simulator %s</footer>\n</main>\n</body>\n</html>\n", BG_VERSION);
}

static void write_page(const struct bg_page *page)
{
    bg_html_begin(page->out, "burgee simulation");
    write_verdict(page);
    write_banners(page);
    write_tiles(page);
    bg_html_learning(page);
    bg_html_errors(page);
    bg_html_bytes(page);
    bg_html_groups(page);
    bg_html_time(page);
    bg_html_data(page);
    bg_html_settings(page);
    bg_html_end(page->out);
}

enum bg_status bg_report_write_html(const struct bg_report *report, const char *path, struct bg_error *error)
{
    size_t count = report->round_count, size = 0, first = 0;
    char *text = NULL;
    double *numbers = calloc(4 * (count + 1), sizeof *numbers);
    FILE *out = open_memstream(&text, &size);
    enum bg_status status = BG_OK;
    if (numbers && out) {
        while (first < count && report->rounds[first].stage != BG_STAGE_LEARNING)
            first++;
        for (size_t i = 0; i < count; i++)
            numbers[i] = (double)i + 1 - (double)first;
        struct bg_page page = {.out = out,
                               .report = report,
                               .first_learning = first,
                               .coordinates = bg_federation_model(report->federation)->model->layout.coordinates,
                               .rounds = numbers,
                               .x = numbers + (count + 1),
                               .y = numbers + 2 * (count + 1),
                               .z = numbers + 3 * (count + 1)};
        write_page(&page);
    } else {
        status = BG_NO_MEMORY;
    }
    if (out && (fclose(out) != 0 || status != BG_OK))
        status = BG_NO_MEMORY;
    status = status == BG_OK ? bg_file_write(path, (struct bg_span){(const uint8_t *)text, size}, 0644, error)
                             : bg_fail(error, status, "%s: out of memory", path);
    free(text);
    free(numbers);
    return status;
}
