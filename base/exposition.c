/* SPDX-License-Identifier: Apache-2.0 */
#include "base/exposition.h"

#include "base/clock.h"

#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define TEXT_BYTES 512

static void write_format(struct bg_writer *w, const char *format, ...) BG_PRINTF(2, 3);

static void write_format(struct bg_writer *w, const char *format, ...)
{
    char text[TEXT_BYTES];
    va_list arguments;
    va_start(arguments, format);
    int length = vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    if (length > 0)
        bg_write_bytes(w, text, (size_t)length < sizeof text ? (size_t)length : sizeof text - 1);
}

static void write_label_value(struct bg_writer *w, const char *value)
{
    for (; *value; value++) {
        const char *escaped = *value == '\\' ? "\\\\" : *value == '"' ? "\\\"" : *value == '\n' ? "\\n" : NULL;
        bg_write_bytes(w, escaped ? escaped : value, escaped ? 2 : 1);
    }
}

static void write_name(struct bg_writer *w, const char *name, struct bg_label label)
{
    bg_write_bytes(w, name, strlen(name));
    if (label.name) {
        write_format(w, "{%s=\"", label.name);
        write_label_value(w, label.value);
        bg_write_bytes(w, "\"}", 2);
    }
    bg_write_u8(w, ' ');
}

/* Without zeros at the end; 1.5e9 is "1.5". */
static void format_seconds(uint64_t ns, char ret_text[static 32])
{
    int length = snprintf(ret_text, 32, "%" PRIu64 ".%09" PRIu64, ns / BG_SECOND, ns % BG_SECOND);
    while (ret_text[length - 1] == '0')
        ret_text[--length] = '\0';
    if (ret_text[length - 1] == '.')
        ret_text[length - 1] = '\0';
}

void bg_expose_family(struct bg_writer *w, const char *name, const char *type, const char *help)
{
    write_format(w, "# HELP %s %s\n# TYPE %s %s\n", name, help, name, type);
}

void bg_expose_number(struct bg_writer *w, const char *name, struct bg_label label, uint64_t value)
{
    write_name(w, name, label);
    write_format(w, "%" PRIu64 "\n", value);
}

void bg_expose_seconds(struct bg_writer *w, const char *name, struct bg_label label, uint64_t ns)
{
    char text[32];
    format_seconds(ns, text);
    write_name(w, name, label);
    write_format(w, "%s\n", text);
}

void bg_expose_counter(struct bg_writer *w, const char *name, const char *help, uint64_t value)
{
    bg_expose_family(w, name, "counter", help);
    bg_expose_number(w, name, (struct bg_label){NULL, NULL}, value);
}

void bg_expose_gauge(struct bg_writer *w, const char *name, const char *help, uint64_t value)
{
    bg_expose_family(w, name, "gauge", help);
    bg_expose_number(w, name, (struct bg_label){NULL, NULL}, value);
}

void bg_histogram_observe(struct bg_histogram *histogram, uint64_t ns)
{
    size_t i = 0;
    while (i < histogram->count && ns > histogram->bounds_ns[i])
        i++;
    histogram->buckets[i]++;
    histogram->sum_ns += ns;
}

void bg_expose_histogram(struct bg_writer *w, const char *name, const char *help,
                         const struct bg_histogram *histogram)
{
    uint64_t total = 0;
    bg_expose_family(w, name, "histogram", help);
    for (size_t i = 0; i <= histogram->count; i++) {
        char bound[32] = "+Inf";
        if (i < histogram->count)
            format_seconds(histogram->bounds_ns[i], bound);
        total += histogram->buckets[i];
        write_format(w, "%s_bucket{le=\"%s\"} %" PRIu64 "\n", name, bound, total);
    }
    char sum[32];
    format_seconds(histogram->sum_ns, sum);
    write_format(w, "%s_sum %s\n%s_count %" PRIu64 "\n", name, sum, name, total);
}
