/* SPDX-License-Identifier: Apache-2.0 */
#include "base/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static void BG_PRINTF(3, 0) fill(struct bg_error *error, enum bg_status status, const char *format, va_list arguments)
{
    /* Arguments may point into error->text itself. */
    char text[sizeof error->text];
    vsnprintf(text, sizeof text, format, arguments);
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
    return status;
}
