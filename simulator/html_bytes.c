/* SPDX-License-Identifier: Apache-2.0 */
/* What clients send, against what floats and bare signs would take. */
#include "simulator/html_parts.h"

#define MOST_BARS 120

struct traffic {
    size_t rounds;    /* of learning */
    double learning;  /* bytes of one client in all of them */
    double before;    /* and in the rounds before */
    double floats, signs; /* of one update */
};

static struct traffic measure(const struct bg_page *page)
{
    struct traffic traffic = {.floats = 4.0 * (double)page->coordinates, .signs = (double)page->coordinates / 8};
    for (size_t i = 0; i < page->report->round_count; i++) {
        const struct bg_round_result *round = &page->report->rounds[i];
        if (round->stage == BG_STAGE_LEARNING) {
            traffic.rounds++;
            traffic.learning += (double)round->uplink_bytes;
        } else {
            traffic.before += (double)round->uplink_bytes;
        }
    }
    return traffic;
}

static void draw_bar(const struct bg_page *page, int place, const char *css, const char *name, double bytes,
                     double most)
{
    char label[96], amount[32];
    double y = 8 + 44 * place, width = (BG_PLOT_WIDTH - 4) * bytes / most;
    bg_format_bytes(bytes, amount, sizeof amount);
    snprintf(label, sizeof label, "%s: %s, %.2f bits per coordinate", name, amount,
             page->coordinates ? 8 * bytes / (double)page->coordinates : 0);
    bg_svg_text(page->out, 2, y + 10, "start", label);
    bg_svg_rectangle(page->out, css, 2, y + 16, width > 1 ? width : 1, 16, 1, label);
}

static void draw_comparison(const struct bg_page *page, const struct traffic *traffic)
{
    double own = traffic->learning / (double)traffic->rounds;
    double most = own > traffic->floats ? own : traffic->floats;
    fputs("<figure>\n<figcaption>One update of one client</figcaption>\n", page->out);
    bg_svg_begin(page->out, 146, "Bytes of one update as float32, in this run, and as bare signs");
    draw_bar(page, 0, "fill soft", "float32", traffic->floats, most);
    draw_bar(page, 1, "fill a", "this run", own, most);
    draw_bar(page, 2, "fill c", "bare signs, nothing hidden", traffic->signs, most);
    bg_svg_end(page->out);
    fputs("</figure>\n", page->out);
}

static void draw_rounds(const struct bg_page *page, const struct traffic *traffic)
{
    const struct bg_report *report = page->report;
    size_t per_bar = bg_per_bar(report->round_count, MOST_BARS);
    struct bg_plot plot;
    double most = 0, scale = 1;
    const char *unit = "bytes";
    for (size_t i = 0; i < report->round_count; i++)
        most = (double)report->rounds[i].uplink_bytes > most ? (double)report->rounds[i].uplink_bytes : most;
    if (most >= 10000) {
        scale = most >= 1e7 ? 1e-6 : 1e-3;
        unit = most >= 1e7 ? "MB" : "kB";
    }
    fputs("<figure>\n<figcaption>Sent by a client, round by round</figcaption>\n", page->out);
    bg_plot_begin(&plot, page->out, 200, bg_html_round_axis(page), bg_axis_cover(0, scale * most, 5), "round", unit,
                  "Bytes that one client sends in each round");
    double slot = bg_plot_x(&plot, 1 + (double)per_bar) - bg_plot_x(&plot, 1);
    for (size_t first = 0; first < report->round_count; first += per_bar) {
        size_t count = report->round_count - first < per_bar ? report->round_count - first : per_bar;
        double sum = 0, middle = page->rounds[first] + ((double)count - 1) / 2;
        char name[48], amount[32], tooltip[96];
        for (size_t i = first; i < first + count; i++)
            sum += (double)report->rounds[i].uplink_bytes / (double)count;
        bg_html_round_name(page, first, name, sizeof name);
        bg_format_bytes(sum, amount, sizeof amount);
        snprintf(tooltip, sizeof tooltip, "%s: %s", name, amount);
        bg_svg_rectangle(page->out, "fill a", bg_plot_x(&plot, middle) - 0.4 * slot, bg_plot_y(&plot, scale * sum),
                         0.8 * slot, plot.bottom - bg_plot_y(&plot, scale * sum), 1, tooltip);
    }
    bg_plot_level(&plot, "line c dashed", scale * traffic->signs);
    bg_plot_end(&plot);
    fputs("<p class=\"key\">", page->out);
    bg_html_key(page, "a", "this run");
    bg_html_key(page, "c", "bare signs");
    fputs("</p>\n</figure>\n", page->out);
}

static void write_totals(const struct bg_page *page, const struct traffic *traffic)
{
    char text[32];
    double rounds = (double)traffic->rounds;
    fputs("<figure>\n<figcaption>In the whole run, one client</figcaption>\n<table class=\"facts\">\n", page->out);
    bg_format_bytes(traffic->learning, text, sizeof text);
    bg_html_fact(page, "learning", "%s in %zu rounds", text, traffic->rounds);
    if (traffic->before > 0) {
        bg_format_bytes(traffic->before, text, sizeof text);
        bg_html_fact(page, "before it", "%s for scales and statistics", text);
    }
    bg_format_bytes(traffic->floats * rounds, text, sizeof text);
    bg_html_fact(page, "as float32", "%s, %.1f times as much", text, traffic->floats * rounds / traffic->learning);
    bg_format_bytes(traffic->signs * rounds, text, sizeof text);
    bg_html_fact(page, "as bare signs", "%s, %.2f times as much", text, traffic->signs * rounds / traffic->learning);
    fputs("</table>\n<p class=\"note\">All that travels counts: ciphertexts, signatures, seals and headers. "
          "Transport around them does not.</p>\n</figure>\n",
          page->out);
}

static void write_level(const struct bg_page *page, size_t level, size_t levels)
{
    const struct bg_report *report = page->report;
    double up = 0, down = 0, rounds = (double)report->round_count;
    char name[64], above[32], below[32];
    for (size_t i = 0; i < report->round_count; i++) {
        up += (double)report->rounds[i].levels[level].bytes_up / rounds;
        down += (double)report->rounds[i].levels[level].bytes_down / rounds;
    }
    if (level)
        snprintf(name, sizeof name, "edges, level %zu of %zu", level, levels);
    bg_format_bytes(up, above, sizeof above);
    bg_format_bytes(down, below, sizeof below);
    bg_html_fact(page, level ? name : "root", "%s in, %s out", above, below);
}

/* What all clients and edges together load on each level. */
static void write_levels(const struct bg_page *page)
{
    const struct bg_report *report = page->report;
    size_t levels = bg_federation_levels(report->federation), moves = 0, down = 0;
    fputs("<figure>\n<figcaption>At the aggregators, mean of a round</figcaption>\n<table class=\"facts\">\n",
          page->out);
    for (size_t level = 0; level <= levels; level++)
        write_level(page, level, levels);
    for (size_t i = 0; i < report->round_count; i++) {
        moves += report->rounds[i].moves;
        down += report->rounds[i].edges_down;
    }
    if (down || moves)
        bg_html_fact(page, "faults", "edges were down %zu times in all, clients turned elsewhere %zu times", down,
                     moves);
    fputs("</table>\n</figure>\n", page->out);
}

static void draw_scores(const struct bg_page *page)
{
    const struct bg_report *report = page->report;
    struct bg_plot plot;
    size_t count = 0;
    double sent = 0, low = 100, high = 0;
    for (size_t i = 0; i < report->round_count; i++) {
        const struct bg_round_result *round = &report->rounds[i];
        sent += (double)round->uplink_bytes;
        if (!round->evaluated || round->stage != BG_STAGE_LEARNING)
            continue;
        page->x[count] = sent / 1e3;
        page->y[count] = 100 * round->accuracy;
        page->z[count] = 100 * round->macro_f1;
        low = page->y[count] < low ? page->y[count] : low;
        low = page->z[count] < low ? page->z[count] : low;
        high = page->y[count] > high ? page->y[count] : high;
        high = page->z[count] > high ? page->z[count] : high;
        count++;
    }
    if (!count)
        return;
    fputs("<figure>\n<figcaption>What the bytes bought</figcaption>\n", page->out);
    bg_plot_begin(&plot, page->out, 200, bg_axis_cover(0, page->x[count - 1], 7), bg_axis_cover(low, high, 5),
                  "kB sent by a client so far", "%", "Accuracy and macro-F1 against the bytes one client has sent");
    bg_plot_line(&plot, "line a", page->x, page->y, count);
    bg_plot_line(&plot, "line b", page->x, page->z, count);
    bg_plot_end(&plot);
    fputs("<p class=\"key\">", page->out);
    bg_html_key(page, "a", "accuracy");
    bg_html_key(page, "b", "macro-F1");
    fputs("</p>\n</figure>\n", page->out);
}

void bg_html_bytes(const struct bg_page *page)
{
    struct traffic traffic = measure(page);
    fputs("<section>\n<h2>Bytes</h2>\n", page->out);
    if (traffic.learning > 0) {
        fputs("<div class=\"charts\">\n", page->out);
        draw_comparison(page, &traffic);
        draw_rounds(page, &traffic);
        write_totals(page, &traffic);
        draw_scores(page);
        write_levels(page);
        fputs("</div>\n", page->out);
    } else {
        fputs("<p>No learning round was run.</p>\n", page->out);
    }
    fputs("</section>\n", page->out);
}
