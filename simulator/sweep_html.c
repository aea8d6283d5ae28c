/* SPDX-License-Identifier: Apache-2.0 */
/* The table of a sweep as a page. */
#include "simulator/sweep.h"

#include "base/file.h"
#include "base/json.h"
#include "simulator/html_parts.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define ROW 42.0
#define MOST_ROWS 200 /* combinations in a chart */

struct metric {
    const char *key, *head;
    double factor;
    int digits;
};

static const struct metric columns[] = {{"accuracy", "accuracy, %", 100, 2},
                                        {"macro_f1", "macro-F1, %", 100, 2},
                                        {"central_accuracy", "pooled accuracy, %", 100, 2},
                                        {"central_macro_f1", "pooled macro-F1, %", 100, 2},
                                        {"rounds_committed", "rounds committed", 1, 1},
                                        {"uplink_bytes_per_client", "sent by a client, kB", 1e-3, 1},
                                        {"bits_per_coordinate", "bits per coordinate", 1, 2},
                                        {"virtual_seconds", "virtual time, s", 1, 1},
                                        {"wall_seconds", "real time, s", 1, 1}};
#define COLUMNS (sizeof columns / sizeof *columns)

static bool is_known(const struct bg_sweep *sweep, const char *key)
{
    for (size_t i = 0; i < sweep->combination_count; i++)
        if (bg_sweep_spread(sweep, i, key).count)
            return true;
    return false;
}

static void write_cells(FILE *out, const struct bg_sweep *sweep, size_t combination, const bool *known)
{
    for (size_t c = 0; c < COLUMNS; c++) {
        struct bg_spread spread = bg_sweep_spread(sweep, combination, columns[c].key);
        double factor = columns[c].factor;
        if (!known[c])
            continue;
        if (!spread.count)
            fputs("<td class=\"none\">&#183;</td>", out);
        else if (spread.count == 1)
            fprintf(out, "<td>%.*f</td>", columns[c].digits, factor * spread.mean);
        else
            fprintf(out, "<td title=\"%.*f to %.*f\">%.*f &#177; %.*f</td>", columns[c].digits, factor * spread.min,
                    columns[c].digits, factor * spread.max, columns[c].digits, factor * spread.mean,
                    columns[c].digits, factor * spread.sd);
    }
}

static void write_table(FILE *out, const struct bg_sweep *sweep)
{
    bool known[COLUMNS];
    fputs("<section>\n<h2>Mean &#177; standard deviation over seeds</h2>\n<div class=\"scroll\">"
          "<table class=\"classes sweep\">\n<thead><tr><th>settings</th><th>runs</th>",
          out);
    for (size_t c = 0; c < COLUMNS; c++) {
        known[c] = is_known(sweep, columns[c].key);
        if (known[c])
            fprintf(out, "<th>%s</th>", columns[c].head);
    }
    fputs("</tr></thead>\n<tbody>\n", out);
    for (size_t i = 0; i < sweep->combination_count; i++) {
        fputs("<tr><th scope=\"row\">", out);
        bg_markup_text(out, sweep->combinations[i].name);
        fprintf(out, "</th><td>%zu of %zu</td>", bg_sweep_count(sweep, i, BG_SWEEP_FINISHED), sweep->seed_count);
        write_cells(out, sweep, i, known);
        fputs("</tr>\n", out);
    }
    fputs("</tbody></table></div>\n</section>\n", out);
}

/* A name, and under it the range, a dot per seed and a bar at the mean. */
static void draw_row(const struct bg_plot *plot, const struct bg_sweep *sweep, size_t combination,
                     const struct metric *metric, double y)
{
    struct bg_spread spread = bg_sweep_spread(sweep, combination, metric->key);
    char tooltip[96];
    double value;
    bg_svg_name(plot->out, 2, y - 12, "start", BG_PLOT_WIDTH, sweep->combinations[combination].name);
    if (!spread.count)
        return;
    double low = bg_plot_x(plot, metric->factor * spread.min), high = bg_plot_x(plot, metric->factor * spread.max);
    bg_svg_rectangle(plot->out, "fill a", low, y - 1.5, high - low, 3, 0.35, NULL);
    for (size_t i = 0; i < sweep->seed_count; i++) {
        const struct bg_sweep_run *run = &sweep->runs[combination * sweep->seed_count + i];
        if (!bg_sweep_metric(run, metric->key, &value))
            continue;
        snprintf(tooltip, sizeof tooltip, "seed %llu: %.*f", (unsigned long long)run->seed, metric->digits,
                 metric->factor * value);
        fprintf(plot->out, "<circle class=\"fill a\" cx=\"%.2f\" cy=\"%.2f\" r=\"3.2\" fill-opacity=\"0.75\"><title>",
                bg_plot_x(plot, metric->factor * value), y);
        bg_markup_text(plot->out, tooltip);
        fputs("</title></circle>\n", plot->out);
    }
    snprintf(tooltip, sizeof tooltip, "mean %.*f", metric->digits, metric->factor * spread.mean);
    bg_svg_rectangle(plot->out, "fill b", bg_plot_x(plot, metric->factor * spread.mean) - 1.25, y - 8, 2.5, 16, 1,
                     tooltip);
}

static void draw_metric(FILE *out, const struct bg_sweep *sweep, const struct metric *metric)
{
    double low = INFINITY, high = -INFINITY;
    size_t rows = sweep->combination_count < MOST_ROWS ? sweep->combination_count : MOST_ROWS;
    char label[BG_AXIS_LABEL_BYTES];
    for (size_t i = 0; i < rows; i++) {
        struct bg_spread spread = bg_sweep_spread(sweep, i, metric->key);
        low = spread.count ? fmin(low, metric->factor * spread.min) : low;
        high = spread.count ? fmax(high, metric->factor * spread.max) : high;
    }
    struct bg_axis axis = bg_axis_cover(low, high, 5);
    struct bg_plot plot = {.out = out, .left = 14, .right = BG_PLOT_WIDTH - 16, .x = axis};
    double bottom = ROW * (double)rows + 4;
    fprintf(out, "<figure>\n<figcaption>%s</figcaption>\n", metric->head);
    bg_svg_begin(out, bottom + 26, metric->head);
    for (size_t i = 0; i < bg_axis_labels(&axis); i++) {
        double x = bg_plot_x(&plot, bg_axis_label(&axis, i, label));
        fprintf(out, "<path class=\"grid\" d=\"M%.2f 2V%.2f\"/>\n", x, bottom);
        bg_svg_text(out, x, bottom + 18, "middle", label);
    }
    for (size_t i = 0; i < rows; i++)
        draw_row(&plot, sweep, i, metric, ROW * (double)i + 27);
    bg_svg_end(out);
    fputs("<p class=\"key\"><span><i class=\"a\"></i>one seed</span><span><i class=\"b\"></i>mean</span></p>\n"
          "</figure>\n",
          out);
}

static void write_failures(FILE *out, const struct bg_sweep *sweep)
{
    bool any = false;
    for (size_t i = 0; i < sweep->run_count; i++) {
        const struct bg_sweep_run *run = &sweep->runs[i];
        if (run->state != BG_SWEEP_FAILED)
            continue;
        if (!any)
            fputs("<section>\n<h2>Failed</h2>\n<table class=\"facts\">\n", out);
        any = true;
        fputs("<tr><th scope=\"row\">", out);
        bg_markup_text(out, sweep->combinations[run->combination].name);
        fprintf(out, ", seed %llu</th><td>", (unsigned long long)run->seed);
        bg_markup_text(out, run->failure);
        fputs("</td></tr>\n", out);
    }
    if (any)
        fputs("</table>\n</section>\n", out);
}

static bool has_truth(const struct bg_sweep *sweep, const char *key)
{
    for (size_t i = 0; i < sweep->run_count; i++) {
        const struct bg_json *summary = sweep->runs[i].summary ? bg_json_get(sweep->runs[i].summary, "summary") : NULL;
        const struct bg_json *value = summary ? bg_json_get(summary, key) : NULL;
        if (value && bg_json_type(value) == BG_JSON_BOOL && bg_json_bool(value))
            return true;
    }
    return false;
}

static void write_verdict(FILE *out, const struct bg_sweep *sweep)
{
    size_t best = 0;
    double most = -1;
    for (size_t i = 0; i < sweep->combination_count; i++) {
        struct bg_spread spread = bg_sweep_spread(sweep, i, "macro_f1");
        if (spread.count && spread.mean > most) {
            most = spread.mean;
            best = i;
        }
    }
    fputs("<p class=\"verdict\">", out);
    bg_markup_format(out, "%zu %s with %zu %s each.", sweep->combination_count,
                     sweep->combination_count == 1 ? "setting" : "settings", sweep->seed_count,
                     sweep->seed_count == 1 ? "seed" : "seeds");
    if (most >= 0)
        bg_markup_format(out, " Best mean macro-F1: %.2f %%, %s.", 100 * most, sweep->combinations[best].name);
    fputs("</p>\n", out);
    if (has_truth(sweep, "insecure_test_key"))
        fputs("<p class=\"banner bad\">INSECURE: test keys were allowed.</p>\n", out);
    if (has_truth(sweep, "synthetic"))
        fputs("<p class=\"banner\">Synthetic data: these numbers say nothing about real traffic.</p>\n", out);
}

enum bg_status bg_sweep_write_html(const struct bg_sweep *sweep, const char *path, struct bg_error *error)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    if (!out)
        return bg_fail(error, BG_NO_MEMORY, "%s: out of memory", path);
    bg_html_begin(out, "burgee sweep");
    write_verdict(out, sweep);
    fputs("<section>\n<h2>Seed by seed</h2>\n<div class=\"charts\">\n", out);
    draw_metric(out, sweep, &columns[0]);
    draw_metric(out, sweep, &columns[1]);
    fputs("</div>\n</section>\n", out);
    write_table(out, sweep);
    write_failures(out, sweep);
    bg_html_end(out);
    enum bg_status status = fclose(out) == 0
                                ? bg_file_write(path, (struct bg_span){(const uint8_t *)text, size}, 0644, error)
                                : bg_fail(error, BG_NO_MEMORY, "%s: out of memory", path);
    free(text);
    return status;
}
