/* SPDX-License-Identifier: Apache-2.0 */
#include "net/http_routes.h"

#include "base/number.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define SMALL ((uint64_t)64 << 10)     /* requests and answers of fixed parts */
#define DOCUMENT ((uint64_t)256 << 20) /* what grows with clients, classes or features */
#define VECTOR ((uint64_t)4 << 30)     /* what grows with the model */
#define SOON (60 * BG_SECOND)
#define WORKED_FOR (900 * BG_SECOND)   /* decryption, verification, a queue of others */

const struct bg_http_route *bg_http_route(enum bg_route route)
{
    static const struct bg_http_route routes[BG_ROUTE_COUNT] = {
        [BG_ROUTE_PLAN] = {BG_HTTP_GET, "plan", BG_ARGUMENT_NONE, 0, DOCUMENT, SOON},
        [BG_ROUTE_GROUPS] = {BG_HTTP_GET, "groups", BG_ARGUMENT_NONE, 0, DOCUMENT, SOON},
        [BG_ROUTE_TASK] = {BG_HTTP_GET, "task", BG_ARGUMENT_NONE, 0, DOCUMENT, SOON},
        [BG_ROUTE_MODEL] = {BG_HTTP_GET, "models", BG_ARGUMENT_DIGEST, 0, VECTOR, SOON},
        [BG_ROUTE_UPDATE] = {BG_HTTP_POST, "updates", BG_ARGUMENT_BODY, VECTOR, SMALL, SOON},
        [BG_ROUTE_RECEIPT] = {BG_HTTP_GET, "receipts", BG_ARGUMENT_NUMBER, 0, DOCUMENT, SOON},
        [BG_ROUTE_EPOCH] = {BG_HTTP_POST, "epochs", BG_ARGUMENT_BODY, SMALL, DOCUMENT, WORKED_FOR},
        [BG_ROUTE_SIGNED_PLAN] = {BG_HTTP_POST, "plans", BG_ARGUMENT_BODY, DOCUMENT, SMALL, WORKED_FOR},
        [BG_ROUTE_RELEASE] = {BG_HTTP_POST, "releases", BG_ARGUMENT_BODY, VECTOR, VECTOR, WORKED_FOR},
        [BG_ROUTE_SUMS] = {BG_HTTP_POST, "sums", BG_ARGUMENT_BODY, DOCUMENT, VECTOR, WORKED_FOR},
        [BG_ROUTE_REPORT] = {BG_HTTP_POST, "reports", BG_ARGUMENT_BODY, DOCUMENT, SMALL, WORKED_FOR},
        [BG_ROUTE_AUDIT] = {BG_HTTP_POST, "audits", BG_ARGUMENT_BODY, VECTOR, SMALL, WORKED_FOR},
        [BG_ROUTE_ROSTER] = {BG_HTTP_GET, "roster", BG_ARGUMENT_NUMBER, 0, DOCUMENT, 2 * SOON},
    };
    return route < BG_ROUTE_COUNT && routes[route].path ? &routes[route] : NULL;
}

static uint64_t number_of(struct bg_span body)
{
    uint64_t number = 0;
    for (size_t i = 0; i < body.size; i++)
        number |= (uint64_t)body.data[i] << (8 * i);
    return number;
}

enum bg_status bg_http_route_path(enum bg_route route, const char *population, struct bg_span body,
                                  char ret_path[static BG_ROUTE_PATH_BYTES])
{
    const struct bg_http_route *known = bg_http_route(route);
    char argument[2 * BG_DIGEST_BYTES + 2] = "";
    if (!known)
        return BG_INVALID;
    if (known->argument == BG_ARGUMENT_DIGEST) {
        struct bg_digest digest;
        if (body.size != sizeof digest.bytes)
            return BG_INVALID;
        memcpy(digest.bytes, body.data, sizeof digest.bytes);
        argument[0] = '/';
        bg_digest_to_hex(&digest, argument + 1);
    } else if (known->argument == BG_ARGUMENT_NUMBER) {
        if (body.size != sizeof(uint64_t))
            return BG_INVALID;
        snprintf(argument, sizeof argument, "/%" PRIu64, number_of(body));
    } else if (known->argument == BG_ARGUMENT_NONE && body.size) {
        return BG_INVALID;
    }
    int size = snprintf(ret_path, BG_ROUTE_PATH_BYTES, "/v1/%s/%s%s", population, known->path, argument);
    return size > 0 && size < BG_ROUTE_PATH_BYTES ? BG_OK : BG_INVALID;
}

/* Whether `rest` is the path of a route, with an argument where it takes one. What is asked for has one path. */
static bool read_argument(const struct bg_http_route *route, const char *rest, struct bg_http_target *target)
{
    size_t size = strlen(route->path);
    uint64_t number;
    struct bg_digest digest;
    if (strncmp(rest, route->path, size) != 0)
        return false;
    const char *argument = rest + size;
    switch (route->argument) {
    case BG_ARGUMENT_NONE:
    case BG_ARGUMENT_BODY:
        return *argument == '\0';
    case BG_ARGUMENT_DIGEST:
        if (*argument != '/' || bg_digest_from_hex(argument + 1, &digest) != BG_OK ||
            strpbrk(argument, "ABCDEF"))
            return false;
        memcpy(target->argument, digest.bytes, sizeof digest.bytes);
        target->argument_size = sizeof digest.bytes;
        return true;
    case BG_ARGUMENT_NUMBER:
        if (*argument != '/' || bg_parse_u64(argument + 1, 0, UINT64_MAX, &number) != BG_OK ||
            (argument[1] == '0' && argument[2]))
            return false;
        for (size_t i = 0; i < sizeof number; i++)
            target->argument[i] = (uint8_t)(number >> (8 * i));
        target->argument_size = sizeof number;
        return true;
    }
    return false;
}

bool bg_http_target_read(const char *path, struct bg_http_target *ret_target)
{
    static const char version[] = "/v1/";
    if (strncmp(path, version, strlen(version)) != 0)
        return false;
    const char *population = path + strlen(version), *slash = strchr(population, '/');
    if (!slash || slash == population)
        return false;
    *ret_target = (struct bg_http_target){
        .population = population, .population_size = (size_t)(slash - population), .rest = slash + 1};
    for (enum bg_route route = 1; route < BG_ROUTE_COUNT; route++) {
        const struct bg_http_route *known = bg_http_route(route);
        if (known && read_argument(known, ret_target->rest, ret_target)) {
            ret_target->route = route;
            break;
        }
    }
    return true;
}

static char to_field(char letter)
{
    if (letter >= 'A' && letter <= 'Z')
        return (char)(letter - 'A' + 'a');
    return letter == '_' ? '-' : letter;
}

void bg_status_to_field(enum bg_status status, char ret_value[static BG_STATUS_FIELD_BYTES])
{
    const char *name = bg_status_name(status);
    size_t i = 0;
    for (; name[i] && i < BG_STATUS_FIELD_BYTES - 1; i++)
        ret_value[i] = to_field(name[i]);
    ret_value[i] = '\0';
}

bool bg_status_from_field(const char *value, enum bg_status *ret_status)
{
    static const enum bg_status statuses[] = {
        BG_OK,
#define STATUS(name, number, http, code, text) BG_##name,
        BG_STATUS_MAP(STATUS)
#undef STATUS
    };
    for (size_t i = 0; i < sizeof statuses / sizeof *statuses; i++) {
        char name[BG_STATUS_FIELD_BYTES];
        bg_status_to_field(statuses[i], name);
        if (strcmp(name, value) == 0) {
            *ret_status = statuses[i];
            return true;
        }
    }
    return false;
}
