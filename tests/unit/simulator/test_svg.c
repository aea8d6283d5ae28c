/* SPDX-License-Identifier: Apache-2.0 */
#include "simulator/svg.h"

#include "tests/unit/no_leaks.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

static char *text;
static size_t size;
static FILE *out;

static void open_text(void)
{
    out = open_memstream(&text, &size);
}

static const char *written(void)
{
    fflush(out);
    return text;
}

static void close_text(void)
{
    fclose(out);
    free(text);
}

TestSuite(svg, .init = open_text, .fini = close_text);

static size_t count(const char *what)
{
    size_t found = 0;
    for (const char *at = written(); (at = strstr(at, what)); at++)
        found++;
    return found;
}

Test(svg, escapes_what_means_something)
{
    bg_markup_text(out, "<script>alert(\"a\" & 'b')</script>");
    cr_assert_str_eq(written(), "&lt;script&gt;alert(&quot;a&quot; &amp; &#39;b&#39;)&lt;/script&gt;");
}

Test(svg, replaces_what_no_document_may_hold)
{
    bg_markup_text(out, "a\x01" "b\xff" "c\xc3(d\xe2\x82" "e\x7f" "f\xef\xbf\xbe" "g\th\xc2\x85 é");
#define GONE "\xef\xbf\xbd"
    cr_assert_str_eq(written(), "a" GONE "b" GONE "c" GONE "(d" GONE GONE "e" GONE "f" GONE "g h" GONE " é");
}

Test(svg, formats_are_escaped_as_a_whole)
{
    bg_markup_format(out, "<%s>", "&");
    cr_assert_str_eq(written(), "&lt;&amp;&gt;");
}

Test(svg, names_are_cut_between_characters_and_kept_whole_aside)
{
    bg_svg_name(out, 32, 0, "end", 35, "ééééééé<");
    cr_assert_not_null(strstr(written(), "<title>ééééééé&lt;</title>"));
    cr_assert_not_null(strstr(written(), ">ééééé…</text>"));
}

Test(svg, axes_cover_their_range_with_few_round_steps)
{
    static const double ranges[][2] = {{0, 1},       {0, 100},      {99.71, 99.83}, {-3.2, 4.9},  {0, 12145},
                                       {1e-9, 3e-9}, {0, 1e12},     {1, 1000},      {-1e-3, 0},   {0.95, 1},
                                       {0, 1e-7},    {-500, -499},  {0, 7},         {2.28, 2.34}, {1e6, 1e6 + 1}};
    for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++)
        for (unsigned most = 2; most <= 10; most++) {
            struct bg_axis axis = bg_axis_cover(ranges[i][0], ranges[i][1], most);
            double slack = 1e-6 * axis.step, lead = axis.step;
            cr_assert(axis.min <= ranges[i][0] + slack && axis.max >= ranges[i][1] - slack, "%zu", i);
            cr_assert(axis.min > ranges[i][0] - axis.step - slack && axis.max < ranges[i][1] + axis.step + slack);
            cr_assert_leq((axis.max - axis.min) / axis.step, most + 0.01, "range %zu, most %u", i, most);
            cr_assert_geq(bg_axis_labels(&axis), 2);
            while (lead < 0.999)
                lead *= 10;
            while (lead > 9.99)
                lead /= 10;
            cr_assert(fabs(lead - 1) < 1e-6 || fabs(lead - 2) < 1e-6 || fabs(lead - 5) < 1e-6, "step %g", axis.step);
        }
}

Test(svg, labels_of_an_axis_differ_and_have_no_digit_too_many)
{
    char label[BG_AXIS_LABEL_BYTES];
    struct bg_axis axis = bg_axis_cover(99.71, 99.83, 6);
    cr_assert_eq(axis.digits, 2);
    cr_assert_eq(bg_axis_label(&axis, 0, label), axis.min);
    cr_assert_str_eq(label, "99.70");
    axis = bg_axis_cover(-0.2, 0.3, 5);
    for (size_t i = 0; i < bg_axis_labels(&axis); i++) {
        bg_axis_label(&axis, i, label);
        cr_assert_str_neq(label, "-0.0");
    }
    axis = bg_axis_cover(0, 12145, 5);
    cr_assert_eq(axis.digits, 0);
    cr_assert_eq(axis.step, 5000);
}

Test(svg, ranges_that_are_none_get_one)
{
    static const double ranges[][2] = {{0, 0}, {5, 5}, {-2, -2}, {NAN, 1}, {0, NAN}, {0, INFINITY}, {-INFINITY, 0},
                                       {3, 1}, {0, 1e300}, {1e15, 1e15}, {0, 5e-324}};
    for (size_t i = 0; i < sizeof ranges / sizeof *ranges; i++) {
        struct bg_axis axis = bg_axis_cover(ranges[i][0], ranges[i][1], 6);
        cr_assert(isfinite(axis.min) && isfinite(axis.max) && axis.min < axis.max && axis.step > 0, "%zu", i);
        cr_assert_leq(bg_axis_labels(&axis), 8);
    }
}

static void begin(struct bg_plot *plot, double x_max, double y_max)
{
    bg_plot_begin(plot, out, 200, bg_axis_cover(0, x_max, 5), bg_axis_cover(0, y_max, 5), "x <", "y", "a \"test\"");
}

Test(svg, values_lie_where_the_axes_say)
{
    struct bg_plot plot;
    begin(&plot, 10, 100);
    cr_assert_eq(bg_plot_x(&plot, 0), plot.left);
    cr_assert_eq(bg_plot_x(&plot, 10), plot.right);
    cr_assert_eq(bg_plot_x(&plot, 5), (plot.left + plot.right) / 2);
    cr_assert_eq(bg_plot_y(&plot, 0), plot.bottom);
    cr_assert_eq(bg_plot_y(&plot, 100), plot.top);
    bg_plot_end(&plot);
    cr_assert_not_null(strstr(written(), "aria-label=\"a &quot;test&quot;\""));
    cr_assert_not_null(strstr(written(), ">x &lt;</text>"));
    NO_LEAKS();
}

Test(svg, lines_have_gaps_where_numbers_are_missing)
{
    struct bg_plot plot;
    const double x[] = {1, 2, 3, 4, 5}, y[] = {1, 2, NAN, 3, 4};
    begin(&plot, 5, 5);
    size_t before = strlen(written());
    bg_plot_line(&plot, "line a", x, y, 5);
    const char *path = written() + before;
    cr_assert_not_null(strstr(path, "M0 0M"));
    size_t moves = 0, lines = 0;
    for (; *path; path++) {
        moves += *path == 'M';
        lines += *path == 'L';
    }
    cr_assert_eq(moves, 3);
    cr_assert_eq(lines, 2);
    cr_assert_null(strstr(written(), "nan"));
}

Test(svg, a_line_of_very_many_points_keeps_its_extremes)
{
    enum { MANY = 100000 };
    struct bg_plot plot;
    double *x = calloc(MANY, sizeof *x), *y = calloc(MANY, sizeof *y);
    char highest[32];
    for (size_t i = 0; i < MANY; i++) {
        x[i] = (double)i;
        y[i] = i == 77777 ? 9 : 1 + (double)(i % 7) / 7;
    }
    begin(&plot, MANY, 10);
    size_t before = strlen(written());
    bg_plot_line(&plot, "line a", x, y, MANY);
    cr_assert_lt(strlen(written()) - before, 10000);
    snprintf(highest, sizeof highest, "L%.2f %.2f", bg_plot_x(&plot, 77777), bg_plot_y(&plot, 9));
    cr_assert_not_null(strstr(written() + before, highest));
    free(x);
    free(y);
}

Test(svg, nothing_is_drawn_of_what_is_no_number)
{
    struct bg_plot plot;
    begin(&plot, 5, 5);
    size_t before = strlen(written());
    bg_svg_rectangle(out, "fill a", 1, 1, 0, 5, 1, NULL);
    bg_svg_rectangle(out, "fill a", 1, 1, 5, -5, 1, NULL);
    bg_svg_rectangle(out, "fill a", NAN, 1, 5, 5, 1, NULL);
    bg_svg_rectangle(out, "fill a", 1, INFINITY, 5, 5, 1, "x");
    bg_plot_dot(&plot, "fill a", NAN, 1, "x");
    bg_plot_level(&plot, "line a", NAN);
    bg_plot_level(&plot, "line a", 1000);
    cr_assert_eq(strlen(written()), before);
    bg_svg_rectangle(out, "fill a", 1, 1, 5, 5, 0.5, "<5>");
    cr_assert_eq(count("fill-opacity=\"0.500\"><title>&lt;5&gt;</title></rect>"), 1);
}

Test(svg, bars_share_room)
{
    cr_assert_eq(bg_per_bar(0, 120), 1);
    cr_assert_eq(bg_per_bar(120, 120), 1);
    cr_assert_eq(bg_per_bar(121, 120), 2);
    cr_assert_eq(bg_per_bar(1000, 120), 9);
}

Test(svg, amounts_are_told_in_their_own_unit)
{
    static const struct {
        double value;
        const char *bytes, *seconds;
    } cases[] = {{0, "0 bytes", "0.0 ms"},          {0.0042, "0 bytes", "4.2 ms"},    {0.35, "0 bytes", "350 ms"},
                 {2.345, "2 bytes", "2.35 s"},      {12.34, "12 bytes", "12.3 s"},    {999, "999 bytes", "16 min 39 s"},
                 {12145, "12.1 kB", "3 h 22 min"},  {999999, "1.00 MB", "277 h 46 min"}};
    char told[32];
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        bg_format_bytes(cases[i].value, told, sizeof told);
        cr_expect_str_eq(told, cases[i].bytes, "%s: %s", told, cases[i].bytes);
        bg_format_seconds(cases[i].value, told, sizeof told);
        cr_expect_str_eq(told, cases[i].seconds, "%s: %s", told, cases[i].seconds);
    }
}
