/* SPDX-License-Identifier: Apache-2.0 */
#include "base/status.h"

#include <stddef.h>

struct row {
    enum bg_status status;
    int http;
    int exit_code;
    const char *name;
    const char *text;
};

static const struct row rows[] = {
    {BG_OK, 200, 0, "OK", "ok"},
#define X(name, value, http, exit, text) {BG_##name, http, exit, #name, text},
    BG_STATUS_MAP(X)
#undef X
};

static const struct row unknown = {BG_INVALID, 500, 70, "UNKNOWN", "unknown status"};

static const struct row *find(enum bg_status status)
{
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++)
        if (rows[i].status == status)
            return &rows[i];
    return &unknown;
}

const char *bg_status_name(enum bg_status status)
{
    return find(status)->name;
}

const char *bg_status_text(enum bg_status status)
{
    return find(status)->text;
}

int bg_status_http(enum bg_status status)
{
    return find(status)->http;
}

int bg_status_exit_code(enum bg_status status)
{
    return find(status)->exit_code;
}
