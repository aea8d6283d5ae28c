/* SPDX-License-Identifier: Apache-2.0 */
#include "base/log.h"

#include "base/utf8.h"

#include <assert.h>
#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define LINE_BYTES 4096
#define MESSAGE_BYTES 512

static atomic_int highest = BG_LOG_INFO;

void bg_log_set_level(enum bg_log_level level)
{
    atomic_store_explicit(&highest, (int)level, memory_order_relaxed);
}

/* The escaped form of the first character of text; gives how many bytes of text it stands for. */
static size_t escape(const char *text, char ret_form[static 5])
{
    static const char digits[] = "0123456789abcdef";
    uint32_t point;
    size_t size = bg_utf8_next((const uint8_t *)text, strlen(text), &point);
    if (size == 0 || point < 0x20 || (point >= 0x7f && point < 0xa0)) {
        uint8_t byte = (uint8_t)*text;
        memcpy(ret_form, (char[]){'\\', 'x', digits[byte >> 4], digits[byte & 15], '\0'}, 5);
        return 1;
    }
    size_t used = 0;
    if (*text == '"' || *text == '\\')
        ret_form[used++] = '\\';
    memcpy(ret_form + used, text, size);
    ret_form[used + size] = '\0';
    return size;
}

const char *bg_log_quote(const char *text, char *ret_quoted, size_t capacity)
{
    assert(capacity >= 3);
    char form[5];
    size_t used = 0;
    ret_quoted[used++] = '"';
    while (*text) {
        text += escape(text, form);
        if (used + strlen(form) + 2 > capacity)
            break;
        memcpy(ret_quoted + used, form, strlen(form));
        used += strlen(form);
    }
    memcpy(ret_quoted + used, "\"", 2);
    return ret_quoted;
}

static void write_line(char *line, size_t size)
{
    for (size_t i = 0; i < size; i++)
        if ((uint8_t)line[i] < 0x20 || line[i] == 0x7f)
            line[i] = '?';
    line[size++] = '\n';
    /* A log that cannot be written is not worth a failure. */
    ssize_t written;
    do
        written = write(STDERR_FILENO, line, size);
    while (written < 0 && errno == EINTR);
}

void bg_log(enum bg_log_level level, const char *message, const char *fields, ...)
{
    static const char *const names[] = {"error", "warn", "info", "debug"};
    if ((int)level > atomic_load_explicit(&highest, memory_order_relaxed))
        return;
    char line[LINE_BYTES + 1], quoted[MESSAGE_BYTES];
    size_t used = (size_t)snprintf(line, LINE_BYTES, "level=%s msg=%s ", names[level],
                                   bg_log_quote(message, quoted, sizeof quoted));
    va_list arguments;
    va_start(arguments, fields);
    int wanted = vsnprintf(line + used, LINE_BYTES - used, fields, arguments);
    va_end(arguments);
    if (wanted > 0)
        used += strlen(line + used);
    else
        used--;
    write_line(line, used);
}

void bg_log_error(enum bg_log_level level, const char *message, const struct bg_error *error)
{
    char quoted[2 * sizeof error->text];
    bg_log(level, message, "status=%s error=%s", bg_status_name(error->status),
           bg_log_quote(error->text, quoted, sizeof quoted));
}
