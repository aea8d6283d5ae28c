/* SPDX-License-Identifier: Apache-2.0 */
/* Everything that is needed to run it again. */
#include "simulator/html_parts.h"

#include "crypto/digest.h"

#include <string.h>

#ifdef __clang__
#define COMPILER "clang " __clang_version__
#else
#define COMPILER "gcc " __VERSION__
#endif

/* A word of a shell: in quotes unless it has nothing to quote. */
static void write_word(FILE *out, const char *text)
{
    static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-=/:,+";
    bool quoted = text[strspn(text, plain)] != '\0';
    if (quoted)
        bg_markup_text(out, "'");
    while (*text) {
        size_t size = strcspn(text, "'");
        bg_markup_format(out, "%.*s%s", (int)size, text, text[size] ? "'\\''" : "");
        text += size + (text[size] != '\0');
    }
    if (quoted)
        bg_markup_text(out, "'");
}

static bool is_default(const struct bg_option *option, const void *config)
{
    static struct bg_simulator_config defaults;
    bg_options_defaults(bg_simulator_options, bg_simulator_option_count, &defaults);
    return bg_option_same(option, config, &defaults);
}

static void write_command(const struct bg_page *page)
{
    const struct bg_report *report = page->report;
    char assignment[BG_OPTION_TEXT_BYTES + 128], value[BG_OPTION_TEXT_BYTES];
    fputs("<pre>burgee-simulator", page->out);
    for (size_t i = 0; i < bg_simulator_option_count; i++) {
        const struct bg_option *option = &bg_simulator_options[i];
        if (is_default(option, report->config))
            continue;
        bg_option_text(option, report->config, value);
        snprintf(assignment, sizeof assignment, "%s=%s", option->key, value);
        fputs(" \\\n    --set ", page->out);
        write_word(page->out, assignment);
    }
    if (report->insecure_test_key)
        fputs(" \\\n    --insecure-test-key", page->out);
    fputs("</pre>\n", page->out);
}

static void write_option(const struct bg_page *page, const struct bg_option *option)
{
    char value[BG_OPTION_TEXT_BYTES];
    bool usual = is_default(option, page->report->config);
    bg_option_text(option, page->report->config, value);
    fprintf(page->out, "<tr%s><th scope=\"row\">", usual ? "" : " class=\"changed\"");
    bg_markup_text(page->out, option->key);
    fputs("</th><td>", page->out);
    bg_markup_text(page->out, *value ? value : "(empty)");
    if (option->unit) {
        fputc(' ', page->out);
        bg_markup_text(page->out, option->unit);
    }
    fputs("</td><td>", page->out);
    bg_markup_text(page->out, usual ? "" : *option->standard ? option->standard : "(empty)");
    fputs("</td><td class=\"help\">", page->out);
    bg_markup_text(page->out, option->help);
    fputs("</td></tr>\n", page->out);
}

static void write_origin(const struct bg_page *page)
{
    const struct bg_report *report = page->report;
    const struct bg_simulator_config *c = report->config;
    char hex[2 * BG_DIGEST_BYTES + 1], text[32];
    struct bg_digest digest = bg_federation_model_digest(report->federation);
    bg_digest_to_hex(&digest, hex);
    fputs("<table class=\"facts\">\n", page->out);
    bg_html_fact(page, "program", "burgee-simulator %s, built with %s", BG_VERSION, COMPILER);
    bg_html_fact(page, "model", "%s, %zu parameters", bg_federation_model(report->federation)->model->spec,
                 page->coordinates);
    bg_html_fact(page, "model digest", "%s", hex);
    bg_html_fact(page, "seeds", "%llu of the run, %llu of the data's split", (unsigned long long)c->seed,
                 (unsigned long long)c->data_seed);
    bg_format_seconds((double)report->wall_ns / 1e9, text, sizeof text);
    bg_html_fact(page, "took", "%s with %u threads", text, report->threads);
    bg_html_fact(page, "warnings", "%llu", (unsigned long long)report->warnings);
    fputs("</table>\n", page->out);
}

void bg_html_settings(const struct bg_page *page)
{
    size_t changed = 0;
    for (size_t i = 0; i < bg_simulator_option_count; i++)
        changed += !is_default(&bg_simulator_options[i], page->report->config);
    fputs("<section>\n<h2>To run it again</h2>\n", page->out);
    write_origin(page);
    fputs("<p>Same settings, same model, on any machine and for any number of threads:</p>\n", page->out);
    write_command(page);
    fprintf(page->out, "<details>\n<summary>All %zu settings; %zu are not the default</summary>\n"
                       "<div class=\"scroll\"><table class=\"settings\">\n<thead><tr><th>setting</th><th>value</th>"
                       "<th>default</th><th>what it is</th></tr></thead>\n<tbody>\n",
            bg_simulator_option_count, changed);
    for (size_t i = 0; i < bg_simulator_option_count; i++)
        write_option(page, &bg_simulator_options[i]);
    fputs("</tbody></table></div>\n</details>\n</section>\n", page->out);
}
