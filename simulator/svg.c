/* SPDX-License-Identifier: Apache-2.0 */
#include "simulator/svg.h"

#include "base/utf8.h"

#include <math.h>
#include <stdarg.h>
#include <stdint.h>
#include <string.h>

#define COLUMNS 240 /* of a line with very many points */

/* ---- text ---- */

static void write_point(FILE *out, const char *text, size_t size, uint32_t point)
{
    switch (point) {
    case '<': fputs("&lt;", out); return;
    case '>': fputs("&gt;", out); return;
    case '&': fputs("&amp;", out); return;
    case '"': fputs("&quot;", out); return;
    case '\'': fputs("&#39;", out); return;
    case '\t':
    case '\n': fputc(' ', out); return;
    default: break;
    }
    if (point < 0x20 || (point >= 0x7f && point < 0xa0) || point == 0xfffe || point == 0xffff)
        fputs("\xef\xbf\xbd", out);
    else
        fwrite(text, 1, size, out);
}

void bg_markup_text(FILE *out, const char *text)
{
    size_t size = strlen(text), step;
    uint32_t point;
    for (size_t i = 0; i < size; i += step) {
        step = bg_utf8_next((const uint8_t *)text + i, size - i, &point);
        if (step == 0) {
            step = 1;
            point = 0;
        }
        write_point(out, text + i, step, point);
    }
}

void bg_markup_format(FILE *out, const char *format, ...)
{
    char text[1000];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    bg_markup_text(out, text);
}

void bg_format_bytes(double bytes, char *ret_text, size_t size)
{
    static const char *const units[] = {"bytes", "kB", "MB", "GB", "TB"};
    size_t unit = 0;
    for (; bytes >= 999.95 && unit + 1 < sizeof units / sizeof *units; unit++)
        bytes /= 1000;
    snprintf(ret_text, size, "%.*f %s", unit ? (bytes < 9.995 ? 2 : 1) : 0, bytes, units[unit]);
}

void bg_format_seconds(double seconds, char *ret_text, size_t size)
{
    unsigned long long whole = seconds > 0 && seconds < 1e15 ? (unsigned long long)(seconds + 0.5) : 0;
    if (whole >= 3600)
        snprintf(ret_text, size, "%llu h %02llu min", whole / 3600, whole / 60 % 60);
    else if (whole >= 120)
        snprintf(ret_text, size, "%llu min %02llu s", whole / 60, whole % 60);
    else if (seconds >= 9.95)
        snprintf(ret_text, size, "%.1f s", seconds);
    else if (seconds >= 0.9995)
        snprintf(ret_text, size, "%.2f s", seconds);
    else
        snprintf(ret_text, size, "%.*f ms", seconds < 0.00995 ? 1 : 0, 1e3 * seconds);
}

/* ---- axes ---- */

static double round_step(double least, int *ret_digits)
{
    double power = 1;
    int digits = 0;
    while (power * 10 <= least) {
        power *= 10;
        digits--;
    }
    while (power > least) {
        power /= 10;
        digits++;
    }
    double step = power >= least ? power : 2 * power >= least ? 2 * power : 5 * power >= least ? 5 * power : 10 * power;
    *ret_digits = digits - (step >= 10 * power);
    if (*ret_digits < 0)
        *ret_digits = 0;
    return step;
}

struct bg_axis bg_axis_cover(double min, double max, unsigned most)
{
    struct bg_axis axis;
    if (!isfinite(min) || !isfinite(max) || min > max || fabs(min) > 1e15 || fabs(max) > 1e15) {
        min = 0;
        max = 1;
    }
    double least = 1e-9 * (fabs(min) + fabs(max)) + 1e-9;
    if (max - min < least) {
        double around = min != 0 ? fabs(min) / 10 : 0.5;
        min -= around;
        max += around;
    }
    double wanted = (max - min) / most;
    do {
        axis.step = round_step(wanted, &axis.digits);
        axis.min = axis.step * floor(min / axis.step + 1e-9);
        axis.max = axis.step * ceil(max / axis.step - 1e-9);
        wanted = axis.step * 1.01;
    } while ((axis.max - axis.min) / axis.step > most + 0.5);
    axis.first = axis.min;
    return axis;
}

size_t bg_axis_labels(const struct bg_axis *axis)
{
    return (size_t)((axis->max - axis->first) / axis->step + 1e-6) + 1;
}

double bg_axis_label(const struct bg_axis *axis, size_t i, char ret_text[static BG_AXIS_LABEL_BYTES])
{
    double value = axis->first + (double)i * axis->step;
    snprintf(ret_text, BG_AXIS_LABEL_BYTES, "%.*f", axis->digits, fabs(value) < axis->step / 2 ? 0.0 : value);
    return value;
}

size_t bg_per_bar(size_t count, size_t most)
{
    size_t per_bar = count / most + (count % most != 0);
    return per_bar ? per_bar : 1;
}

/* ---- elements ---- */

void bg_svg_begin(FILE *out, double height, const char *summary)
{
    fprintf(out, "<svg viewBox=\"0 0 %.0f %.0f\" role=\"img\" aria-label=\"", BG_PLOT_WIDTH, height);
    bg_markup_text(out, summary);
    fputs("\">\n", out);
}

void bg_svg_end(FILE *out)
{
    fputs("</svg>\n", out);
}

void bg_svg_rectangle(FILE *out, const char *css, double x, double y, double width, double height, double opacity,
                      const char *tooltip)
{
    if (!(width > 0) || !(height > 0) || !isfinite(x + y + width + height))
        return;
    fprintf(out, "<rect class=\"%s\" x=\"%.2f\" y=\"%.2f\" width=\"%.2f\" height=\"%.2f\"", css, x, y, width, height);
    if (opacity < 1)
        fprintf(out, " fill-opacity=\"%.3f\"", opacity > 0 ? opacity : 0);
    if (!tooltip) {
        fputs("/>\n", out);
        return;
    }
    fputs("><title>", out);
    bg_markup_text(out, tooltip);
    fputs("</title></rect>\n", out);
}

void bg_svg_text(FILE *out, double x, double y, const char *anchor, const char *text)
{
    fprintf(out, "<text x=\"%.2f\" y=\"%.2f\" text-anchor=\"%s\">", x, y, anchor);
    bg_markup_text(out, text);
    fputs("</text>\n", out);
}

void bg_svg_name(FILE *out, double x, double y, const char *anchor, double width, const char *text)
{
    const double character = 7; /* on a narrow screen, where letters are larger than elsewhere */
    size_t room = (size_t)(width / character), size = strlen(text), at = 0, step;
    uint32_t point;
    for (size_t i = 0; i < room && at < size; i++) {
        step = bg_utf8_next((const uint8_t *)text + at, size - at, &point);
        at += step ? step : 1;
    }
    fprintf(out, "<text x=\"%.2f\" y=\"%.2f\" text-anchor=\"%s\"><title>", x, y, anchor);
    bg_markup_text(out, text);
    fputs("</title>", out);
    bg_markup_format(out, "%.*s%s", (int)at, text, at < size ? "\xe2\x80\xa6" : "");
    fputs("</text>\n", out);
}

/* ---- plots ---- */

double bg_plot_x(const struct bg_plot *plot, double value)
{
    return plot->left + (plot->right - plot->left) * (value - plot->x.min) / (plot->x.max - plot->x.min);
}

double bg_plot_y(const struct bg_plot *plot, double value)
{
    return plot->bottom - (plot->bottom - plot->top) * (value - plot->y.min) / (plot->y.max - plot->y.min);
}

static void draw_axes(const struct bg_plot *plot)
{
    FILE *out = plot->out;
    char label[BG_AXIS_LABEL_BYTES];
    for (size_t i = 0; i < bg_axis_labels(&plot->y); i++) {
        double y = bg_plot_y(plot, bg_axis_label(&plot->y, i, label));
        fprintf(out, "<path class=\"%s\" d=\"M%.2f %.2fH%.2f\"/>\n", i ? "grid" : "axis", plot->left, y, plot->right);
        bg_svg_text(out, plot->left - 6, y + 4, "end", label);
    }
    for (size_t i = 0; i < bg_axis_labels(&plot->x); i++) {
        double x = bg_plot_x(plot, bg_axis_label(&plot->x, i, label));
        fprintf(out, "<path class=\"axis\" d=\"M%.2f %.2fv4\"/>\n", x, plot->bottom);
        bg_svg_text(out, x, plot->bottom + 17, "middle", label);
    }
}

void bg_plot_begin(struct bg_plot *plot, FILE *out, double height, struct bg_axis x, struct bg_axis y,
                   const char *x_title, const char *y_title, const char *summary)
{
    *plot = (struct bg_plot){.out = out,
                             .height = height,
                             .left = 48,
                             .right = BG_PLOT_WIDTH - 14,
                             .top = 24,
                             .bottom = height - 38,
                             .x = x,
                             .y = y};
    bg_svg_begin(out, height, summary);
    draw_axes(plot);
    bg_svg_text(out, 2, 12, "start", y_title);
    bg_svg_text(out, (plot->left + plot->right) / 2, height - 5, "middle", x_title);
}

void bg_plot_end(struct bg_plot *plot)
{
    bg_svg_end(plot->out);
}

static void line_to(const struct bg_plot *plot, double x, double y, bool *drawing)
{
    if (!isfinite(x) || !isfinite(y)) {
        *drawing = false;
        return;
    }
    fprintf(plot->out, "%c%.2f %.2f", *drawing ? 'L' : 'M', bg_plot_x(plot, x), bg_plot_y(plot, y));
    *drawing = true;
}

void bg_plot_line(const struct bg_plot *plot, const char *css, const double *x, const double *y, size_t count)
{
    size_t per_column = bg_per_bar(count, COLUMNS);
    bool drawing = false;
    fprintf(plot->out, "<path class=\"%s\" d=\"M0 0", css);
    for (size_t first = 0; first < count; first += per_column) {
        size_t end = first + per_column < count ? first + per_column : count, low = first, high = first;
        for (size_t i = first; i < end; i++) {
            low = y[i] < y[low] || !isfinite(y[low]) ? i : low;
            high = y[i] > y[high] || !isfinite(y[high]) ? i : high;
        }
        size_t one = low < high ? low : high, other = low < high ? high : low;
        line_to(plot, x[one], y[one], &drawing);
        if (other != one)
            line_to(plot, x[other], y[other], &drawing);
    }
    fputs("\"/>\n", plot->out);
}

void bg_plot_dot(const struct bg_plot *plot, const char *css, double x, double y, const char *tooltip)
{
    if (!isfinite(x) || !isfinite(y))
        return;
    fprintf(plot->out, "<circle class=\"%s\" cx=\"%.2f\" cy=\"%.2f\" r=\"2.8\"><title>", css, bg_plot_x(plot, x),
            bg_plot_y(plot, y));
    bg_markup_text(plot->out, tooltip);
    fputs("</title></circle>\n", plot->out);
}

void bg_plot_level(const struct bg_plot *plot, const char *css, double y)
{
    if (isfinite(y) && y >= plot->y.min && y <= plot->y.max)
        fprintf(plot->out, "<path class=\"%s\" d=\"M%.2f %.2fH%.2f\"/>\n", css, plot->left, bg_plot_y(plot, y),
                plot->right);
}
