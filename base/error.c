/* SPDX-License-Identifier: Apache-2.0 */
#include "base/error.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>

enum bg_status bg_fail(struct bg_error *error, enum bg_status status, const char *format, ...)
{
    if (error) {
        /* Arguments may point into error->text itself. */
        char text[sizeof error->text];
        va_list arguments;
        va_start(arguments, format);
        vsnprintf(text, sizeof text, format, arguments);
        va_end(arguments);
        error->status = status;
        memcpy(error->text, text, sizeof text);
    }
    return status;
}

enum bg_status bg_fail_in(struct bg_error *error, enum bg_status status, const char *format, ...)
{
    if (!error)
        return status;
    char text[sizeof error->text];
    va_list arguments;
    va_start(arguments, format);
    int used = vsnprintf(text, sizeof text, format, arguments);
    va_end(arguments);
    if (used >= 0 && (size_t)used < sizeof text)
        snprintf(text + used, sizeof text - (size_t)used, ": %s", error->text);
    memcpy(error->text, text, sizeof text);
    error->status = status;
    return status;
}
