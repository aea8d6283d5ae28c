/* SPDX-License-Identifier: Apache-2.0 */
/* What became of the groups, and how the rule weighed them. */
#include "simulator/html_parts.h"

#include <math.h>
#include <string.h>

#define MOST_BARS 120
#define MOST_CELLS 160 /* rounds across the map of coefficients */
#define MOST_TOLD 2000 /* cells that have a tooltip */

/* Every invited group of a round is in one of these. */
enum fate { USED, LEFT_OUT, INVALID, LATE, REFUSED, HELD, ABANDONED, FATES };

static const struct {
    const char *css, *text;
} fates[FATES] = {
    [USED] = {"a", "used"},      [LEFT_OUT] = {"f", "left out by the rule"}, [INVALID] = {"b", "invalid"},
    [LATE] = {"e", "late"},      [REFUSED] = {"d", "refused"},               [HELD] = {"soft", "held with the round"},
    [ABANDONED] = {"x", "abandoned with the round"},
};

static void count_fates(const struct bg_round_result *round, double ret_counts[static FATES])
{
    size_t gone = round->groups_invalid + round->groups_late + round->groups_refused;
    size_t rest = round->groups_invited > gone ? round->groups_invited - gone : 0;
    memset(ret_counts, 0, FATES * sizeof *ret_counts);
    ret_counts[INVALID] = (double)round->groups_invalid;
    ret_counts[LATE] = (double)round->groups_late;
    ret_counts[REFUSED] = (double)round->groups_refused;
    if (round->committed) {
        ret_counts[USED] = (double)round->groups_used;
        ret_counts[LEFT_OUT] = rest > round->groups_used ? (double)(rest - round->groups_used) : 0;
    } else {
        ret_counts[round->held ? HELD : ABANDONED] = (double)rest;
    }
}

static void draw_bar(const struct bg_page *page, const struct bg_plot *plot, size_t first, size_t count, double slot,
                     bool seen[static FATES])
{
    double sums[FATES] = {0}, counts[FATES], low = 0;
    char name[48], tooltip[128];
    for (size_t i = first; i < first + count; i++) {
        count_fates(&page->report->rounds[i], counts);
        for (unsigned fate = 0; fate < FATES; fate++)
            sums[fate] += counts[fate] / (double)count;
    }
    double x = bg_plot_x(plot, page->rounds[first] + ((double)count - 1) / 2) - 0.4 * slot;
    bg_html_round_name(page, first, name, sizeof name);
    for (unsigned fate = 0; fate < FATES; fate++) {
        if (!(sums[fate] > 0))
            continue;
        char css[16];
        snprintf(css, sizeof css, "fill %s", fates[fate].css);
        snprintf(tooltip, sizeof tooltip, "%s%s: %.4g %s", name, count > 1 ? " and on, mean" : "", sums[fate],
                 fates[fate].text);
        double top = bg_plot_y(plot, low + sums[fate]);
        bg_svg_rectangle(page->out, css, x, top, 0.8 * slot, bg_plot_y(plot, low) - top, 1, tooltip);
        low += sums[fate];
        seen[fate] = true;
    }
}

static void draw_fates(const struct bg_page *page)
{
    const struct bg_report *report = page->report;
    size_t per_bar = bg_per_bar(report->round_count, MOST_BARS);
    bool seen[FATES] = {false};
    struct bg_plot plot;
    double most = 0;
    for (size_t i = 0; i < report->round_count; i++)
        most = (double)report->rounds[i].groups_invited > most ? (double)report->rounds[i].groups_invited : most;
    fputs("<figure>\n<figcaption>Groups of each round</figcaption>\n", page->out);
    bg_plot_begin(&plot, page->out, 240, bg_html_round_axis(page), bg_axis_cover(0, most, 6), "round", "groups",
                  "What became of the groups of each round");
    double slot = bg_plot_x(&plot, 1 + (double)per_bar) - bg_plot_x(&plot, 1);
    for (size_t first = 0; first < report->round_count; first += per_bar)
        draw_bar(page, &plot, first, report->round_count - first < per_bar ? report->round_count - first : per_bar,
                 slot, seen);
    bg_plot_end(&plot);
    fputs("<p class=\"key\">", page->out);
    for (unsigned fate = 0; fate < FATES; fate++)
        if (seen[fate])
            bg_html_key(page, fates[fate].css, "%s", fates[fate].text);
    fputs("</p>\n", page->out);
    if (per_bar > 1)
        fprintf(page->out, "<p class=\"note\">Each bar is the mean of %zu rounds.</p>\n", per_bar);
    fputs("</figure>\n", page->out);
}

/* ---- the rule ---- */

static void draw_margins(const struct bg_page *page)
{
    const struct bg_report *report = page->report;
    struct bg_plot plot;
    double low = 0, high = 0;
    size_t known = 0;
    for (size_t i = 0; i < report->round_count; i++) {
        const struct bg_round_result *round = &report->rounds[i];
        page->y[i] = round->has_rule ? round->rule.margin : NAN;
        known += round->has_rule && isfinite(round->rule.margin);
        low = page->y[i] < low ? page->y[i] : low;
        high = page->y[i] > high ? page->y[i] : high;
    }
    if (!known)
        return;
    fputs("<figure>\n<figcaption>Margin of the rule: agreement left over after its faulty groups</figcaption>\n",
          page->out);
    bg_plot_begin(&plot, page->out, 200, bg_html_round_axis(page), bg_axis_cover(low, high, 5), "round", "margin",
                  "Margin of the aggregation rule per round");
    bg_plot_level(&plot, "line b dashed", 0);
    bg_plot_line(&plot, "line a", page->rounds, page->y, report->round_count);
    bg_plot_end(&plot);
    fputs("<p class=\"key\">", page->out);
    bg_html_key(page, "b", "at 0 and below a round is held (flag+)");
    fputs("</p>\n</figure>\n", page->out);
}

struct map {
    size_t groups;  /* most columns of a rule */
    double most;    /* largest coefficient */
    size_t per_bar;
    double cell;    /* height of a row */
    bool told;      /* cells have tooltips */
};

static struct map measure_map(const struct bg_page *page)
{
    const struct bg_report *report = page->report;
    struct map map = {.per_bar = bg_per_bar(report->round_count, MOST_CELLS)};
    for (size_t i = 0; i < report->round_count; i++) {
        const struct bg_rule_result *rule = &report->rounds[i].rule;
        if (!report->rounds[i].has_rule)
            continue;
        map.groups = rule->count > map.groups ? rule->count : map.groups;
        for (size_t j = 0; j < rule->count; j++)
            map.most = isfinite(rule->coefficients[j]) && rule->coefficients[j] > map.most ? rule->coefficients[j]
                                                                                           : map.most;
    }
    map.told = map.groups * (report->round_count / map.per_bar) <= MOST_TOLD;
    map.cell = map.groups <= 12 ? 16 : 192 / (double)map.groups;
    return map;
}

static void draw_cell(const struct bg_page *page, const struct bg_plot *plot, const struct map *map, size_t first,
                      size_t group, double slot)
{
    double sum = 0;
    size_t counted = 0, unused = 0;
    char name[48], tooltip[128];
    for (size_t i = first; i < first + map->per_bar && i < page->report->round_count; i++) {
        const struct bg_round_result *round = &page->report->rounds[i];
        if (!round->has_rule || group >= round->rule.count)
            continue;
        counted++;
        unused += round->rule.fates[group] != BG_COLUMN_USED;
        sum += round->rule.coefficients[group] > 0 ? round->rule.coefficients[group] : 0;
    }
    if (!counted)
        return;
    double mean = sum / (double)counted, middle = page->rounds[first] + ((double)map->per_bar - 1) / 2;
    bg_html_round_name(page, first, name, sizeof name);
    snprintf(tooltip, sizeof tooltip, "%s, group %zu: %s%.3f", name, group + 1, unused == counted ? "not used, " : "",
             mean);
    bg_svg_rectangle(page->out, unused == counted ? "fill b" : "fill a", bg_plot_x(plot, middle) - slot / 2,
                     plot->top + map->cell * (double)group, slot * 0.94, map->cell * 0.94,
                     unused == counted ? 0.55 : map->most > 0 ? 0.05 + 0.95 * mean / map->most : 0.05,
                     map->told ? tooltip : NULL);
}

static void draw_map(const struct bg_page *page)
{
    const struct bg_report *report = page->report;
    struct map map = measure_map(page);
    struct bg_axis rounds = bg_html_round_axis(page);
    char label[48];
    if (!map.groups)
        return;
    double height = map.cell * (double)map.groups;
    struct bg_plot plot = {.out = page->out, .left = 48, .right = BG_PLOT_WIDTH - 14, .top = 22, .x = rounds};
    fputs("<figure>\n<figcaption>Weight that the rule gave each opened group, in order</figcaption>\n", page->out);
    bg_svg_begin(page->out, height + 62, "Coefficient of each group in each round");
    bg_svg_text(page->out, 2, 12, "start", "group");
    for (size_t group = 0; group < map.groups; group += map.groups <= 12 ? 1 : map.groups / 8) {
        snprintf(label, sizeof label, "%zu", group + 1);
        bg_svg_text(page->out, 40, plot.top + map.cell * ((double)group + 0.5) + 4, "end", label);
    }
    double slot = bg_plot_x(&plot, 1 + (double)map.per_bar) - bg_plot_x(&plot, 1);
    for (size_t first = 0; first < report->round_count; first += map.per_bar)
        for (size_t group = 0; group < map.groups; group++)
            draw_cell(page, &plot, &map, first, group, slot);
    for (size_t i = 0; i < bg_axis_labels(&rounds); i++) {
        double x = bg_plot_x(&plot, bg_axis_label(&rounds, i, label));
        bg_svg_text(page->out, x, plot.top + height + 16, "middle", label);
    }
    bg_svg_text(page->out, (plot.left + plot.right) / 2, height + 56, "middle", "round");
    bg_svg_end(page->out);
    fputs("<p class=\"key\">", page->out);
    bg_html_key(page, "a", "the stronger the colour the more weight, up to %.3g", map.most);
    bg_html_key(page, "b", "not used");
    fputs("</p>\n", page->out);
    fputs("</figure>\n", page->out);
}

static void write_totals(const struct bg_page *page)
{
    const struct bg_report *report = page->report;
    double sums[FATES] = {0}, counts[FATES], all = 0;
    for (size_t i = 0; i < report->round_count; i++) {
        count_fates(&report->rounds[i], counts);
        for (unsigned fate = 0; fate < FATES; fate++) {
            sums[fate] += counts[fate];
            all += counts[fate];
        }
    }
    fputs("<figure>\n<figcaption>All rounds together</figcaption>\n<table class=\"facts\">\n", page->out);
    bg_html_fact(page, "rule", "%s", bg_rule_name((enum bg_rule)(report->config->learning.rule + 1)));
    bg_html_fact(page, "invited", "%.0f groups", all);
    for (unsigned fate = 0; fate < FATES; fate++)
        if (sums[fate] > 0)
            bg_html_fact(page, fates[fate].text, "%.0f, %.1f %%", sums[fate], 100 * sums[fate] / all);
    fputs("</table>\n</figure>\n", page->out);
}

void bg_html_groups(const struct bg_page *page)
{
    fputs("<section>\n<h2>Groups and the rule</h2>\n", page->out);
    if (page->report->round_count) {
        fputs("<div class=\"charts\">\n", page->out);
        draw_fates(page);
        draw_map(page);
        draw_margins(page);
        write_totals(page);
        fputs("</div>\n", page->out);
    } else {
        fputs("<p>No round was run.</p>\n", page->out);
    }
    fputs("</section>\n", page->out);
}
