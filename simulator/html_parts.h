/* SPDX-License-Identifier: Apache-2.0 */
/* The sections of a run's page, each written by a file html_*.c, and the frame that the page of a sweep has too. */
#pragma once

#include "simulator/report.h"
#include "simulator/svg.h"

/* What sections share. Rounds are counted so that the first learning round is 1. */
struct bg_page {
    FILE *out;
    const struct bg_report *report;
    size_t first_learning; /* index of the first learning round; round_count without one */
    size_t coordinates;    /* of the model */
    const double *rounds;  /* (round_count) their numbers */
    double *x, *y, *z;     /* (round_count + 1) room for the points of a chart */
};

void bg_html_learning(const struct bg_page *page);
void bg_html_errors(const struct bg_page *page);
void bg_html_bytes(const struct bg_page *page);
void bg_html_time(const struct bg_page *page);
void bg_html_groups(const struct bg_page *page);
void bg_html_data(const struct bg_page *page);
void bg_html_settings(const struct bg_page *page);

/* "round 3", or the name of its stage, for tooltips. */
void bg_html_round_name(const struct bg_page *page, size_t index, char *ret_text, size_t size);
/* One row of a table of facts: its name, and what printf would write. */
void bg_html_fact(const struct bg_page *page, const char *name, const char *format, ...) BG_PRINTF(3, 4);
/* One entry of a chart's legend, drawn in a colour of the style sheet. */
void bg_html_key(const struct bg_page *page, const char *css, const char *format, ...) BG_PRINTF(3, 4);
/* An axis over all rounds. */
struct bg_axis bg_html_round_axis(const struct bg_page *page);

/* html.c: head, style and heading of a page, and what closes it. */
void bg_html_begin(FILE *out, const char *title);
void bg_html_end(FILE *out);
/* html_style.c: the content of <style> in pieces, NULL-terminated. */
extern const char *const bg_html_style[];
