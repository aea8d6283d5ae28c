/* SPDX-License-Identifier: Apache-2.0 */
#include "base/error.h"

#include "base/utf8.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

/* Sentences quote what files and peers say: nothing of it may steer a terminal or end a line of a log. */
static void make_printable(char *text)
{
    size_t size = strlen(text), step;
    for (size_t i = 0; i < size; i += step) {
        uint32_t point = 0;
        step = bg_utf8_next((const uint8_t *)text + i, size - i, &point);
        bool good = step > 0 && point >= 0x20 && (point < 0x7f || point >= 0xa0);
        step = step ? step : 1;
        if (!good)
            memset(text + i, '?', step);
    }
}

static void BG_PRINTF(3, 0) fill(struct bg_error *error, enum bg_status status, const char *format, va_list arguments)
{
    /* Arguments may point into error->text itself. */
    char text[sizeof error->text];
    vsnprintf(text, sizeof text, format, arguments);
    make_printable(text);
    memcpy(error->text, text, sizeof text);
    error->status = status;
}

enum bg_status bg_fail(struct bg_error *error, enum bg_status status, const char *format, ...)
{
    if (error) {
        va_list arguments;
        va_start(arguments, format);
        fill(error, status, format, arguments);
        va_end(arguments);
    }
    return status;
}

/* Appends as much of `more` as fits; gives the new length. */
static size_t append(struct bg_error *error, size_t used, const char *more)
{
    size_t size = strnlen(more, sizeof error->text - 1 - used);
    memcpy(error->text + used, more, size);
    error->text[used + size] = '\0';
    return used + size;
}

enum bg_status bg_fail_in(struct bg_error *error, enum bg_status status, const char *format, ...)
{
    if (!error)
        return status;
    struct bg_error inner = *error;
    va_list arguments;
    va_start(arguments, format);
    fill(error, status, format, arguments);
    va_end(arguments);
    size_t used = append(error, strlen(error->text), ": ");
    append(error, used, inner.text);
    make_printable(error->text);
    return status;
}
