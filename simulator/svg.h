/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Charts as inline SVG. Sizes are in units of a viewBox that the page scales; colours are CSS classes, so that one
 * chart serves light and dark. What is written is well-formed XML whatever the texts are; numbers that are not finite
 * are left out.
 */
#pragma once

#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

/* Writes text with what means something to XML escaped; control characters and bytes that are not UTF-8 become
 * U+FFFD. */
void bg_markup_text(FILE *out, const char *text);
/* The same for what printf would write, cut to 1,000 bytes. */
void bg_markup_format(FILE *out, const char *format, ...) BG_PRINTF(2, 3);

#define BG_AXIS_LABEL_BYTES 48

/* A range, min < max, with labels at first, first + step, … up to max. */
struct bg_axis {
    double min, max, first, step;
    int digits; /* of a label behind its point */
};

/* From one label to another: at most `most` ≥ 2 steps of 1, 2 or 5 times a power of ten. Values that
 * are not finite, or in the wrong order, become 0 and 1; a range of nearly nothing is widened. */
struct bg_axis bg_axis_cover(double min, double max, unsigned most);

size_t bg_axis_labels(const struct bg_axis *axis);
/* The value of the i-th label, and its text. */
double bg_axis_label(const struct bg_axis *axis, size_t i, char ret_text[static BG_AXIS_LABEL_BYTES]);

#define BG_PLOT_WIDTH 480.0

/* The rectangle of a chart between its axes. */
struct bg_plot {
    FILE *out;
    double height;
    double left, right, top, bottom; /* of the rectangle, in units of the viewBox */
    struct bg_axis x, y;
};

/* Opens <svg>, draws the grid, ticks and titles of both axes. `summary` says in words what is drawn. */
void bg_plot_begin(struct bg_plot *plot, FILE *out, double height, struct bg_axis x, struct bg_axis y,
                   const char *x_title, const char *y_title, const char *summary);
void bg_plot_end(struct bg_plot *plot);
double bg_plot_x(const struct bg_plot *plot, double value);
double bg_plot_y(const struct bg_plot *plot, double value);
/* A line through (count) points in order of x; one that is not finite is a gap. More points than a screen has columns
 * are drawn as the extremes of each column. */
void bg_plot_line(const struct bg_plot *plot, const char *css, const double *x, const double *y, size_t count);
/* A dot with a tooltip. */
void bg_plot_dot(const struct bg_plot *plot, const char *css, double x, double y, const char *tooltip);
/* A line across at y. */
void bg_plot_level(const struct bg_plot *plot, const char *css, double y);

/* A chart without axes. */
void bg_svg_begin(FILE *out, double height, const char *summary);
void bg_svg_end(FILE *out);
/* opacity 0 to 1; tooltip NULL: none. Nothing is drawn where width or height is not above 0. */
void bg_svg_rectangle(FILE *out, const char *css, double x, double y, double width, double height, double opacity,
                      const char *tooltip);
/* anchor: "start", "middle", "end". */
void bg_svg_text(FILE *out, double x, double y, const char *anchor, const char *text);
/* A name, cut to what fits a width; whole as a tooltip. */
void bg_svg_name(FILE *out, double x, double y, const char *anchor, double width, const char *text);

/* How many neighbours share a bar so that `count` of them make at most `most` bars; at least 1. */
size_t bg_per_bar(size_t count, size_t most);
/* "12.3 kB", "3.0 MB": units of 1000. */
void bg_format_bytes(double bytes, char *ret_text, size_t size);
/* "35 ms", "2.35 s", "3 min 05 s", "2 h 07 min". */
void bg_format_seconds(double seconds, char *ret_text, size_t size);
