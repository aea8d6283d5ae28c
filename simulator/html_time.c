/* SPDX-License-Identifier: Apache-2.0 */
/* Where the time of a round goes. */
#include "simulator/html_parts.h"

#include <math.h>
#include <stdlib.h>

#define ROW 20.0
#define NAMES 92.0 /* width of the phases' names */

static int by_duration(const void *a, const void *b)
{
    const struct bg_round_result *x = *(const struct bg_round_result *const *)a;
    const struct bg_round_result *y = *(const struct bg_round_result *const *)b;
    int order = (x->virtual_ns > y->virtual_ns) - (x->virtual_ns < y->virtual_ns);
    return order ? order : (x->round > y->round) - (x->round < y->round);
}

/* The committed learning round of median duration, or else the last round; NULL without rounds. */
static const struct bg_round_result *typical_round(const struct bg_page *page)
{
    const struct bg_report *report = page->report;
    const struct bg_round_result *typical = report->round_count ? &report->rounds[report->round_count - 1] : NULL;
    const struct bg_round_result **all = calloc(report->round_count + 1, sizeof *all);
    size_t count = 0;
    for (size_t i = 0; all && i < report->round_count; i++)
        if (report->rounds[i].committed && report->rounds[i].stage == BG_STAGE_LEARNING)
            all[count++] = &report->rounds[i];
    if (count) {
        qsort(all, count, sizeof *all, by_duration);
        typical = all[count / 2];
    }
    free(all);
    return typical;
}

static void draw_waterfall(const struct bg_page *page, const struct bg_round_result *round)
{
    struct bg_axis axis = bg_axis_cover(0, (double)round->virtual_ns / 1e9, 7);
    struct bg_plot plot;
    size_t rows = 0;
    char name[48], tooltip[200], duration[32], busy[32], label[BG_AXIS_LABEL_BYTES];
    for (unsigned i = 0; i < BG_PHASE_COUNT; i++)
        rows += round->phases[i].marks > 0;
    bg_html_round_name(page, (size_t)(round - page->report->rounds), name, sizeof name);
    bg_format_seconds((double)round->virtual_ns / 1e9, duration, sizeof duration);
    fputs("<figure>\n<figcaption>", page->out);
    bg_markup_format(page->out, "From the first to the last of each phase: %s, %s", name, duration);
    fputs("</figcaption>\n", page->out);
    double height = ROW * (double)rows + 66;
    bg_svg_begin(page->out, height, "Virtual time of each phase of a round");
    plot = (struct bg_plot){.out = page->out, .left = NAMES, .right = BG_PLOT_WIDTH - 16, .x = axis};
    for (size_t i = 0; i < bg_axis_labels(&axis); i++) {
        double x = bg_plot_x(&plot, bg_axis_label(&axis, i, label));
        fprintf(page->out, "<path class=\"grid\" d=\"M%.2f 4V%.2f\"/>\n", x, height - 48);
        bg_svg_text(page->out, x, height - 30, "middle", label);
    }
    bg_svg_text(page->out, (plot.left + plot.right) / 2, height - 8, "middle", "virtual seconds since the round began");
    double y = 6;
    for (unsigned i = 0; i < BG_PHASE_COUNT; i++) {
        const struct bg_phase_sum *sum = &round->phases[i];
        if (!sum->marks)
            continue;
        double begin = bg_plot_x(&plot, (double)sum->begin_ns / 1e9), end = bg_plot_x(&plot, (double)sum->end_ns / 1e9);
        bg_format_seconds((double)(sum->end_ns - sum->begin_ns) / 1e9, duration, sizeof duration);
        bg_format_seconds((double)sum->busy_ns / 1e9, busy, sizeof busy);
        snprintf(tooltip, sizeof tooltip, "%s: from %.3f s to %.3f s (%s); all actors together %s, %zu times",
                 bg_phase_name(i), (double)sum->begin_ns / 1e9, (double)sum->end_ns / 1e9, duration, busy, sum->marks);
        bg_svg_text(page->out, NAMES - 8, y + 13, "end", bg_phase_name(i));
        bg_svg_rectangle(page->out, i <= BG_PHASE_UPLINK ? "fill a" : "fill b", begin, y + 3,
                         end - begin > 1.5 ? end - begin : 1.5, ROW - 6, 1, tooltip);
        y += ROW;
    }
    bg_svg_end(page->out);
    fputs("<p class=\"key\">", page->out);
    bg_html_key(page, "a", "at the clients and on their links");
    bg_html_key(page, "b", "at root and key holder");
    fputs("</p>\n", page->out);
    if (round->marks_lost)
        fprintf(page->out, "<p class=\"note\">%llu messages of this round are not in the picture.</p>\n",
                (unsigned long long)round->marks_lost);
    fputs("</figure>\n", page->out);
}

static void draw_cpu(const struct bg_page *page)
{
    double seconds[BG_PHASE_COUNT], most = 0;
    size_t rows = 0;
    char amount[32];
    for (unsigned i = 0; i < BG_PHASE_COUNT; i++) {
        seconds[i] = (double)bg_federation_cpu_ns(page->report->federation, i) / 1e9;
        most = seconds[i] > most ? seconds[i] : most;
        rows += seconds[i] > 0;
    }
    if (!rows)
        return;
    fputs("<figure>\n<figcaption>Arithmetic of the whole run, all threads together</figcaption>\n",
          page->out);
    bg_svg_begin(page->out, ROW * (double)rows + 10, "Processor time of each phase");
    double y = 4;
    for (unsigned i = 0; i < BG_PHASE_COUNT; i++) {
        if (!(seconds[i] > 0))
            continue;
        double width = (BG_PLOT_WIDTH - NAMES - 70) * seconds[i] / most;
        bg_format_seconds(seconds[i], amount, sizeof amount);
        bg_svg_text(page->out, NAMES - 8, y + 13, "end", bg_phase_name(i));
        bg_svg_rectangle(page->out, "fill c", NAMES, y + 3, width > 1 ? width : 1, ROW - 6, 1, NULL);
        bg_svg_text(page->out, NAMES + width + 6, y + 13, "start", amount);
        y += ROW;
    }
    bg_svg_end(page->out);
    fputs("</figure>\n", page->out);
}

/* One number of each round to page->y. */
static void gather(const struct bg_page *page, double (*number)(const struct bg_round_result *round))
{
    for (size_t i = 0; i < page->report->round_count; i++)
        page->y[i] = number(&page->report->rounds[i]);
}

static double duration_of(const struct bg_round_result *round)
{
    return (double)round->virtual_ns / 1e9;
}

static double deadline_of(const struct bg_round_result *round)
{
    return round->deadline_ns ? (double)round->deadline_ns / 1e9 : NAN;
}

static double half_of(const struct bg_round_result *round)
{
    return round->updates ? (double)round->arrivals_ns[0] / 1e9 : NAN;
}

/* A deadline far above everything else would press the rest flat: then it is left out, and a sentence tells it. */
static void draw_durations(const struct bg_page *page)
{
    const struct bg_report *report = page->report;
    struct bg_plot plot;
    double most = 0, deadline = 0;
    for (size_t i = 0; i < report->round_count; i++) {
        most = fmax(most, duration_of(&report->rounds[i]));
        deadline = fmax(deadline, deadline_of(&report->rounds[i]));
    }
    if (report->round_count < 2)
        return;
    bool in_sight = deadline > 0 && deadline < 4 * most;
    most = in_sight ? fmax(most, deadline) : most;
    fputs("<figure>\n<figcaption>How long rounds take</figcaption>\n", page->out);
    bg_plot_begin(&plot, page->out, 200, bg_html_round_axis(page), bg_axis_cover(0, most, 5), "round",
                  "virtual seconds", "Virtual duration of each round");
    gather(page, duration_of);
    bg_plot_line(&plot, "line a", page->rounds, page->y, report->round_count);
    gather(page, half_of);
    bg_plot_line(&plot, "line c", page->rounds, page->y, report->round_count);
    gather(page, deadline_of);
    if (in_sight)
        bg_plot_line(&plot, "line b dashed", page->rounds, page->y, report->round_count);
    bg_plot_end(&plot);
    fputs("<p class=\"key\">", page->out);
    bg_html_key(page, "a", "the round");
    bg_html_key(page, "c", "until half of its updates had arrived");
    if (in_sight)
        bg_html_key(page, "b", "its deadline");
    fputs("</p>\n</figure>\n", page->out);
}

static void write_durations(const struct bg_page *page, const struct bg_round_result *typical)
{
    const struct bg_report *report = page->report;
    uint64_t longest = 0, before = 0;
    char text[32];
    for (size_t i = 0; i < report->round_count; i++) {
        longest = report->rounds[i].virtual_ns > longest ? report->rounds[i].virtual_ns : longest;
        before += report->rounds[i].stage == BG_STAGE_LEARNING ? 0 : report->rounds[i].virtual_ns;
    }
    fputs("<figure>\n<figcaption>Durations</figcaption>\n<table class=\"facts\">\n", page->out);
    bg_format_seconds((double)typical->virtual_ns / 1e9, text, sizeof text);
    bg_html_fact(page, "typical round", "%s (virtual)", text);
    bg_format_seconds((double)longest / 1e9, text, sizeof text);
    bg_html_fact(page, "longest", "%s", text);
    bg_format_seconds((double)report->rounds[report->round_count - 1].deadline_ns / 1e9, text, sizeof text);
    bg_html_fact(page, "last deadline", "%s", text);
    if (before) {
        bg_format_seconds((double)before / 1e9, text, sizeof text);
        bg_html_fact(page, "before learning", "%s", text);
    }
    bg_format_seconds((double)bg_federation_virtual_ns(report->federation) / 1e9, text, sizeof text);
    bg_html_fact(page, "whole run", "%s", text);
    bg_format_seconds((double)report->wall_ns / 1e9, text, sizeof text);
    bg_html_fact(page, "on this machine", "%s with %u threads", text, report->threads);
    fputs("</table>\n</figure>\n", page->out);
}

void bg_html_time(const struct bg_page *page)
{
    const struct bg_round_result *round = typical_round(page);
    fputs("<section>\n<h2>Time</h2>\n<div class=\"charts\">\n", page->out);
    if (round)
        draw_waterfall(page, round);
    draw_durations(page);
    draw_cpu(page);
    if (round)
        write_durations(page, round);
    fputs("</div>\n</section>\n", page->out);
}
