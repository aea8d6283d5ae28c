/* SPDX-License-Identifier: Apache-2.0 */
/* What was learnt from, who held it, and what went wrong on purpose. */
#include "simulator/html_parts.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define MOST_CLIENTS 100
#define MOST_ROWS 32 /* classes of the picture */
#define NAMES 112.0

static void write_facts(const struct bg_page *page)
{
    const struct bg_simulator_data *data = page->report->data;
    const struct bg_dataset *dataset = &data->dataset;
    fputs("<figure>\n<figcaption>Data</figcaption>\n<table class=\"facts\">\n", page->out);
    bg_html_fact(page, "source", "%s%s", dataset->provenance ? dataset->provenance : "unknown",
                 dataset->synthetic ? " (synthetic)" : "");
    bg_html_fact(page, "rows", "%zu of %zu features", dataset->rows, dataset->columns);
    if (dataset->training_rows < dataset->rows)
        bg_html_fact(page, "test source", "%zu rows of its own", dataset->rows - dataset->training_rows);
    bg_html_fact(page, "to train on", "%zu", data->training.count);
    bg_html_fact(page, data->on_validation ? "to validate on" : "to test on",
                 page->report->config->data_keep_repeats ? "%zu (%zu of them repeat a training row)"
                                                         : "%zu (%zu repeated a training row and were left out)",
                 data->test.count, data->repeats);
    for (enum bg_refusal reason = 0; reason < BG_REFUSAL_COUNT; reason++)
        if (dataset->refused[reason].rows)
            bg_html_fact(page, "refused", "%zu rows: %s", dataset->refused[reason].rows, bg_refusal_text(reason));
    fputs("</table>\n</figure>\n", page->out);
}

static const char *choice_of(const struct bg_page *page, const char *key, char ret_text[static BG_OPTION_TEXT_BYTES])
{
    for (size_t i = 0; i < bg_simulator_option_count; i++)
        if (strcmp(bg_simulator_options[i].key, key) == 0)
            bg_option_text(&bg_simulator_options[i], page->report->config, ret_text);
    return ret_text;
}

static void write_adversity(const struct bg_page *page)
{
    const struct bg_simulator_config *c = page->report->config;
    char text[BG_OPTION_TEXT_BYTES] = "";
    size_t byzantine = bg_federation_byzantine(page->report->federation);
    fputs("<figure>\n<figcaption>Adversity</figcaption>\n<table class=\"facts\">\n", page->out);
    if (byzantine)
        bg_html_fact(page, "attackers", "%zu of %u clients: %s", byzantine,
                     page->report->data->partition.clients,
                     choice_of(page, "attack.kind", text));
    else
        bg_html_fact(page, "attackers", "none");
    bg_html_fact(page, "dropout", "%.4g %% of clients a round", 100 * c->dropout);
    if (c->straggler > 0)
        bg_html_fact(page, "stragglers", "%.4g %% of clients a round, %.4g times slower", 100 * c->straggler,
                     c->straggler_factor);
    bg_html_fact(page, "links", "%.4g Mbit/s up, %.4g Mbit/s down, %.4g ms + up to %.4g ms, %.4g %% lost",
                 c->uplink_mbit, c->downlink_mbit, c->latency_ms, c->jitter_ms, 100 * c->loss);
    fputs("</table>\n</figure>\n", page->out);
}

static void draw_classes(const struct bg_page *page, const size_t *totals)
{
    const struct bg_dataset *dataset = &page->report->data->dataset;
    uint32_t shown = dataset->classes < MOST_ROWS ? dataset->classes : MOST_ROWS;
    size_t most = 1;
    char amount[48];
    for (uint32_t c = 0; c < shown; c++)
        most = totals[c] > most ? totals[c] : most;
    fputs("<figure>\n<figcaption>Training rows of each class</figcaption>\n", page->out);
    bg_svg_begin(page->out, 20.0 * shown + 8, "Training rows of each class");
    for (uint32_t c = 0; c < shown; c++) {
        double width = (BG_PLOT_WIDTH - NAMES - 64) * (double)totals[c] / (double)most, y = 4 + 20.0 * c;
        snprintf(amount, sizeof amount, "%zu", totals[c]);
        bg_svg_name(page->out, NAMES - 8, y + 13, "end", NAMES, dataset->class_names[c]);
        bg_svg_rectangle(page->out, "fill c", NAMES, y + 3, totals[c] && width < 1 ? 1 : width, 14, 1, NULL);
        bg_svg_text(page->out, NAMES + width + 6, y + 13, "start", amount);
    }
    bg_svg_end(page->out);
    fputs("</figure>\n", page->out);
}

/* counts: (clients, classes). Shade: square root of the count over that of the largest, so that few rows are seen. */
static void draw_partition(const struct bg_page *page, const size_t *counts)
{
    const struct bg_dataset *dataset = &page->report->data->dataset;
    uint32_t clients = page->report->data->partition.clients;
    uint32_t shown = dataset->classes < MOST_ROWS ? dataset->classes : MOST_ROWS;
    double width = (BG_PLOT_WIDTH - NAMES - 4) / clients, cell = shown <= 12 ? 18 : 14;
    size_t most = 1;
    char tooltip[256];
    for (size_t i = 0; i < (size_t)clients * dataset->classes; i++)
        most = counts[i] > most ? counts[i] : most;
    fputs("<figure>\n<figcaption>Who holds what: clients across, classes down</figcaption>\n", page->out);
    bg_svg_begin(page->out, cell * shown + 30, "Training rows of each class at each client");
    for (uint32_t c = 0; c < shown; c++) {
        bg_svg_name(page->out, NAMES - 8, cell * (c + 0.5) + 4, "end", NAMES, dataset->class_names[c]);
        for (uint32_t client = 0; client < clients; client++) {
            size_t count = counts[(size_t)client * dataset->classes + c];
            snprintf(tooltip, sizeof tooltip, "client %u: %zu rows of %.150s", client + 1, count,
                     dataset->class_names[c]);
            if (count)
                bg_svg_rectangle(page->out, "fill a", NAMES + width * client, cell * c, width * 0.94, cell * 0.94,
                                 0.06 + 0.94 * sqrt((double)count / (double)most), tooltip);
        }
    }
    snprintf(tooltip, sizeof tooltip, "%u clients", clients);
    bg_svg_text(page->out, NAMES + (BG_PLOT_WIDTH - NAMES) / 2, cell * shown + 20, "middle", tooltip);
    bg_svg_end(page->out);
    fprintf(page->out, "<p class=\"note\">The stronger the colour the more rows, up to %zu.</p>\n</figure>\n", most);
}

static int by_size(const void *a, const void *b)
{
    size_t x = *(const size_t *)a, y = *(const size_t *)b;
    return (x > y) - (x < y);
}

static void write_sizes(const struct bg_page *page)
{
    const struct bg_partition *partition = &page->report->data->partition;
    uint64_t asked = page->report->config->clients;
    size_t *sizes = calloc((size_t)partition->clients + 1, sizeof *sizes);
    for (uint32_t i = 0; sizes && i < partition->clients; i++)
        sizes[i] = partition->first[i + 1] - partition->first[i];
    if (sizes && partition->clients) {
        qsort(sizes, partition->clients, sizeof *sizes, by_size);
        fprintf(page->out, "<p>%u clients hold %zu to %zu training rows, half of them at most %zu.</p>\n",
                partition->clients, sizes[0], sizes[partition->clients - 1], sizes[partition->clients / 2]);
        if (partition->clients < asked)
            fprintf(page->out, "<p>%llu of the %llu clients asked for have no rows and do not take part.</p>\n",
                    (unsigned long long)(asked - partition->clients), (unsigned long long)asked);
    }
    free(sizes);
}

void bg_html_data(const struct bg_page *page)
{
    const struct bg_simulator_data *data = page->report->data;
    uint32_t clients = data->partition.clients, classes = data->dataset.classes;
    bool each = clients && clients <= MOST_CLIENTS;
    size_t *counts = calloc((size_t)(each ? clients : 1) * classes + classes, sizeof *counts);
    fputs("<section>\n<h2>Data and adversity</h2>\n", page->out);
    write_sizes(page);
    fputs("<div class=\"charts\">\n", page->out);
    write_facts(page);
    write_adversity(page);
    if (counts) {
        size_t *totals = counts + (size_t)(each ? clients : 1) * classes;
        for (uint32_t i = 0; i < clients; i++) {
            struct bg_examples own = bg_partition_examples(&data->training, &data->partition, i);
            for (size_t j = 0; j < own.count; j++) {
                totals[bg_example_label(&own, j)]++;
                if (each)
                    counts[(size_t)i * classes + bg_example_label(&own, j)]++;
            }
        }
        draw_classes(page, totals);
        if (each)
            draw_partition(page, counts);
    }
    free(counts);
    fputs("</div>\n</section>\n", page->out);
}
