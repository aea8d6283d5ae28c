/* SPDX-License-Identifier: Apache-2.0 */
#include "base/exposition.h"

#include <criterion/criterion.h>

static const struct bg_label no_label = {NULL, NULL};

static void expect(struct bg_writer *w, const char *text)
{
    bg_write_u8(w, 0);
    cr_assert_eq(w->status, BG_OK);
    cr_assert_str_eq((const char *)w->data, text);
    bg_writer_finish(w);
}

Test(exposition, writes_a_family_and_its_samples)
{
    struct bg_writer w;
    bg_writer_init(&w);
    bg_expose_family(&w, "a_total", "counter", "How many.");
    bg_expose_number(&w, "a_total", (struct bg_label){"kind", "good"}, 3);
    bg_expose_number(&w, "a_total", no_label, UINT64_MAX);
    expect(&w, "# HELP a_total How many.\n# TYPE a_total counter\na_total{kind=\"good\"} 3\n"
               "a_total 18446744073709551615\n");
}

Test(exposition, escapes_values_of_labels)
{
    struct bg_writer w;
    bg_writer_init(&w);
    bg_expose_number(&w, "a", (struct bg_label){"x", "\"\\\n} 1"}, 0);
    expect(&w, "a{x=\"\\\"\\\\\\n} 1\"} 0\n");
}

Test(exposition, writes_durations_as_exact_seconds)
{
    struct bg_writer w;
    bg_writer_init(&w);
    bg_expose_seconds(&w, "t", no_label, 0);
    bg_expose_seconds(&w, "t", no_label, 1);
    bg_expose_seconds(&w, "t", no_label, 1500000000);
    bg_expose_seconds(&w, "t", no_label, UINT64_C(10000000000));
    expect(&w, "t 0\nt 0.000000001\nt 1.5\nt 10\n");
}

Test(exposition, a_histogram_is_cumulative_and_bounds_belong_to_their_bucket)
{
    static const uint64_t bounds[] = {500000000, 1000000000};
    uint64_t buckets[3] = {0};
    struct bg_histogram histogram = {.bounds_ns = bounds, .count = 2, .buckets = buckets};
    struct bg_writer w;
    bg_writer_init(&w);
    bg_histogram_observe(&histogram, 500000000);
    bg_histogram_observe(&histogram, 500000001);
    bg_histogram_observe(&histogram, 2000000000);
    bg_expose_histogram(&w, "h", "Times.", &histogram);
    expect(&w, "# HELP h Times.\n# TYPE h histogram\nh_bucket{le=\"0.5\"} 1\nh_bucket{le=\"1\"} 2\n"
               "h_bucket{le=\"+Inf\"} 3\nh_sum 3.000000001\nh_count 3\n");
}
