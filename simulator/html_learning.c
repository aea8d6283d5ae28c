/* SPDX-License-Identifier: Apache-2.0 */
/* How well the model does, round after round. */
#include "simulator/html_parts.h"

#define MOST_DOTS 60
#define ZOOM_POINTS 6 /* fewer need no second look */

/* Points in page->x, y, z: accuracy and macro-F1 in per cent of learning rounds that were evaluated. */
static size_t gather(const struct bg_page *page)
{
    size_t count = 0;
    for (size_t i = page->first_learning; i < page->report->round_count; i++) {
        const struct bg_round_result *round = &page->report->rounds[i];
        if (!round->evaluated || round->stage != BG_STAGE_LEARNING)
            continue;
        page->x[count] = (double)(i + 1 - page->first_learning);
        page->y[count] = 100 * round->accuracy;
        page->z[count++] = 100 * round->macro_f1;
    }
    return count;
}

static void widen(const double *values, size_t count, double *low, double *high)
{
    for (size_t i = 0; i < count; i++) {
        *low = values[i] < *low ? values[i] : *low;
        *high = values[i] > *high ? values[i] : *high;
    }
}

static void draw_scores(const struct bg_page *page, size_t first, size_t count, const char *summary)
{
    const struct bg_confusion *central = page->report->central;
    struct bg_plot plot;
    char tooltip[96];
    double low = 100, high = 0;
    widen(page->y + first, count - first, &low, &high);
    widen(page->z + first, count - first, &low, &high);
    if (central) {
        double levels[] = {100 * bg_confusion_accuracy(central), 100 * bg_confusion_macro_f1(central)};
        widen(levels, 2, &low, &high);
    }
    struct bg_axis y = bg_axis_cover(low, high, 6);
    y.max = y.max > 100 && high <= 100 ? 100 : y.max;
    bg_plot_begin(&plot, page->out, 270, bg_axis_cover(first ? page->x[first] : 0, page->x[count - 1], 8), y, "round",
                  "%", summary);
    if (central) {
        bg_plot_level(&plot, "line a dashed", 100 * bg_confusion_accuracy(central));
        bg_plot_level(&plot, "line b dashed", 100 * bg_confusion_macro_f1(central));
    }
    bg_plot_line(&plot, "line a", page->x + first, page->y + first, count - first);
    bg_plot_line(&plot, "line b", page->x + first, page->z + first, count - first);
    for (size_t i = first; i < count && count - first <= MOST_DOTS; i++) {
        snprintf(tooltip, sizeof tooltip, "round %.0f: accuracy %.2f %%, macro-F1 %.2f %%", page->x[i], page->y[i],
                 page->z[i]);
        bg_plot_dot(&plot, "fill a", page->x[i], page->y[i], tooltip);
        bg_plot_dot(&plot, "fill b", page->x[i], page->z[i], tooltip);
    }
    bg_plot_end(&plot);
}

static void write_key(const struct bg_page *page)
{
    const struct bg_report *report = page->report;
    fputs("<p class=\"key\">", page->out);
    bg_html_key(page, "a", "accuracy, %.2f %% in the end", 100 * bg_confusion_accuracy(report->confusion));
    bg_html_key(page, "b", "macro-F1, %.2f %%", 100 * bg_confusion_macro_f1(report->confusion));
    if (report->central)
        bg_html_key(page, "dash", "the same model on pooled data: %.2f %% and %.2f %%",
                    100 * bg_confusion_accuracy(report->central), 100 * bg_confusion_macro_f1(report->central));
    fputs("</p>\n", page->out);
}

static void draw_losses(const struct bg_page *page)
{
    const struct bg_report *report = page->report;
    struct bg_plot plot;
    size_t count = 0;
    double high = 0;
    for (size_t i = page->first_learning; i < report->round_count; i++) {
        if (report->rounds[i].stage != BG_STAGE_LEARNING || !report->rounds[i].updates)
            continue;
        page->x[count] = (double)(i + 1 - page->first_learning);
        page->y[count++] = report->rounds[i].mean_loss;
    }
    widen(page->y, count, &(double){0}, &high);
    if (!count)
        return;
    fputs("<figure>\n<figcaption>Loss of local training</figcaption>\n", page->out);
    bg_plot_begin(&plot, page->out, 200, bg_axis_cover(0, page->x[count - 1], 8), bg_axis_cover(0, high, 5), "round",
                  "mean over clients and steps", "Mean loss of local training per round");
    bg_plot_line(&plot, "line c", page->x, page->y, count);
    bg_plot_end(&plot);
    fputs("</figure>\n", page->out);
}

/* The last round before which the curve was more than a point below its end, plus one. */
static double settled(const double *rounds, const double *values, size_t count)
{
    size_t i = count - 1;
    while (i > 0 && values[i - 1] > values[count - 1] - 1)
        i--;
    return rounds[i];
}

static size_t best(const double *values, size_t count)
{
    size_t index = 0;
    for (size_t i = 1; i < count; i++)
        index = values[i] > values[index] ? i : index;
    return index;
}

static void write_marks(const struct bg_page *page, size_t count)
{
    size_t accuracy = best(page->y, count), f1 = best(page->z, count);
    fputs("<figure>\n<figcaption>Marks on the way</figcaption>\n<table class=\"facts\">\n", page->out);
    bg_html_fact(page, "best accuracy", "%.2f %%, round %.0f", page->y[accuracy], page->x[accuracy]);
    bg_html_fact(page, "best macro-F1", "%.2f %%, round %.0f", page->z[f1], page->x[f1]);
    bg_html_fact(page, "accuracy settled", "within a point of its end, or above, from round %.0f on",
                 settled(page->x, page->y, count));
    bg_html_fact(page, "macro-F1 settled", "from round %.0f on", settled(page->x, page->z, count));
    fputs("</table>\n</figure>\n", page->out);
}

void bg_html_learning(const struct bg_page *page)
{
    size_t count = gather(page), half = count / 2;
    double low = 100, high = 0, late_low = 100, late_high = 0;
    fputs("<section>\n<h2>Learning</h2>\n", page->out);
    if (!count)
        fputs("<p>No round was evaluated.</p>\n", page->out);
    fputs("<div class=\"charts\">\n", page->out);
    if (count) {
        widen(page->y, count, &low, &high);
        widen(page->z, count, &low, &high);
        widen(page->y + half, count - half, &late_low, &late_high);
        widen(page->z + half, count - half, &late_low, &late_high);
        fputs("<figure>\n<figcaption>Accuracy and macro-F1</figcaption>\n", page->out);
        draw_scores(page, 0, count, "Accuracy and macro-F1 per round");
        write_key(page);
        fputs("</figure>\n", page->out);
    }
    if (count >= ZOOM_POINTS && late_high - late_low < (high - low) / 2) {
        fputs("<figure>\n<figcaption>The second half, closer</figcaption>\n", page->out);
        draw_scores(page, half, count, "Accuracy and macro-F1 of the second half of the rounds");
        fputs("</figure>\n", page->out);
    }
    draw_losses(page);
    if (count)
        write_marks(page, gather(page));
    fputs("</div>\n</section>\n", page->out);
}
