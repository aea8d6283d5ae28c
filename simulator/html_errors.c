/* SPDX-License-Identifier: Apache-2.0 */
/* What is taken for what. */
#include "simulator/html_parts.h"

#include <math.h>

#define MOST_MATRIX 24
#define MOST_NARROW 8 /* columns that leave room for a neighbour */
#define MOST_CLASSES 100

/* A hit is as dark as its share of the row; a miss darker than that, so that few of them are seen. */
static void write_cell(const struct bg_page *page, uint32_t truth, uint32_t predicted, uint64_t truths)
{
    const struct bg_confusion *confusion = page->report->confusion;
    uint64_t count = confusion->counts[(size_t)truth * confusion->classes + predicted];
    double share = truths ? (double)count / (double)truths : 0;
    double shade = truth == predicted ? share : sqrt(share);
    if (!count) {
        fputs("<td class=\"none\">&#183;</td>", page->out);
        return;
    }
    fprintf(page->out, "<td class=\"%s%s\" style=\"--v:%.3f\" title=\"%.2f %% of ", truth == predicted ? "hit" : "miss",
            shade > 0.55 ? " deep" : "", 0.06 + 0.94 * shade, 100 * share);
    bg_markup_text(page->out, page->report->data->dataset.class_names[truth]);
    fputs(truth == predicted ? ", found" : ", taken for ", page->out);
    if (truth != predicted)
        bg_markup_text(page->out, page->report->data->dataset.class_names[predicted]);
    fprintf(page->out, "\">%llu</td>", (unsigned long long)count);
}

static void write_matrix(const struct bg_page *page)
{
    const struct bg_confusion *confusion = page->report->confusion;
    const char *const *names = page->report->data->dataset.class_names;
    fprintf(page->out, "<figure%s>\n<figcaption>Confusion matrix: rows are the truth, columns the model's answer; "
          "shaded by share of the row</figcaption>\n<div class=\"scroll\"><table class=\"matrix\">\n"
          "<thead><tr><th></th>",
            confusion->classes > MOST_NARROW ? " class=\"wide\"" : "");
    for (uint32_t c = 0; c < confusion->classes; c++) {
        fputs("<th scope=\"col\"><span>", page->out);
        bg_markup_text(page->out, names[c]);
        fputs("</span></th>", page->out);
    }
    fputs("</tr></thead>\n<tbody>\n", page->out);
    for (uint32_t truth = 0; truth < confusion->classes; truth++) {
        uint64_t truths = bg_confusion_class(confusion, truth).truths;
        fputs("<tr><th scope=\"row\">", page->out);
        bg_markup_text(page->out, names[truth]);
        fputs("</th>", page->out);
        for (uint32_t predicted = 0; predicted < confusion->classes; predicted++)
            write_cell(page, truth, predicted, truths);
        fputs("</tr>\n", page->out);
    }
    fputs("</tbody></table></div>\n</figure>\n", page->out);
}

static void write_bar(const struct bg_page *page, double share)
{
    fprintf(page->out, "<td class=\"bar\"><i style=\"width:%.1f%%\"></i><b>%.2f %%</b></td>", 100 * share, 100 * share);
}

static void write_classes(const struct bg_page *page)
{
    const struct bg_confusion *confusion = page->report->confusion, *central = page->report->central;
    uint32_t shown = confusion->classes < MOST_CLASSES ? confusion->classes : MOST_CLASSES;
    fprintf(page->out, "<figure>\n<figcaption>Class by class</figcaption>\n"
                       "<div class=\"scroll\"><table class=\"classes\">\n<thead><tr><th>class</th><th>rows</th>"
                       "<th>precision</th><th>recall</th><th>F1</th>%s</tr></thead>\n<tbody>\n",
            central ? "<th>F1, pooled data</th>" : "");
    for (uint32_t c = 0; c < shown; c++) {
        struct bg_class_score score = bg_confusion_class(confusion, c);
        fputs("<tr><th scope=\"row\">", page->out);
        bg_markup_text(page->out, page->report->data->dataset.class_names[c]);
        fprintf(page->out, "</th><td>%llu</td>", (unsigned long long)score.truths);
        write_bar(page, score.precision);
        write_bar(page, score.recall);
        write_bar(page, score.f1);
        if (central)
            write_bar(page, bg_confusion_class(central, c).f1);
        fputs("</tr>\n", page->out);
    }
    fputs("</tbody></table></div>\n", page->out);
    if (shown < confusion->classes)
        fprintf(page->out, "<p class=\"note\">The first %u of %u classes.</p>\n", shown, confusion->classes);
    fputs("</figure>\n", page->out);
}

void bg_html_errors(const struct bg_page *page)
{
    const struct bg_confusion *confusion = page->report->confusion;
    fprintf(page->out, "<section>\n<h2>What is taken for what</h2>\n<p>The final model on %llu %s rows that no client "
                       "trained on.</p>\n<div class=\"charts\">\n",
            (unsigned long long)bg_confusion_examples(confusion), page->report->data->on_validation ? "validation"
                                                                                                      : "test");
    if (confusion->classes <= MOST_MATRIX)
        write_matrix(page);
    write_classes(page);
    fputs("</div>\n</section>\n", page->out);
}
