/* SPDX-License-Identifier: Apache-2.0 */
#include "net/http_routes.h"

#include <criterion/criterion.h>
#include <string.h>

#define POPULATION "pi-lab"

static struct bg_span body_of(enum bg_route_argument argument, uint8_t *bytes)
{
    static const size_t sizes[] = {[BG_ARGUMENT_NONE] = 0,
                                   [BG_ARGUMENT_BODY] = 5,
                                   [BG_ARGUMENT_DIGEST] = BG_DIGEST_BYTES,
                                   [BG_ARGUMENT_NUMBER] = 8};
    for (size_t i = 0; i < sizes[argument]; i++)
        bytes[i] = (uint8_t)(0xf0 + 7 * i);
    return (struct bg_span){bytes, sizes[argument]};
}

Test(http_routes, every_route_has_a_path_that_leads_back_to_it)
{
    for (enum bg_route route = 1; route < BG_ROUTE_COUNT; route++) {
        uint8_t bytes[BG_DIGEST_BYTES];
        char path[BG_ROUTE_PATH_BYTES];
        struct bg_http_target target;
        const struct bg_http_route *known = bg_http_route(route);
        if (!known)
            continue;
        struct bg_span body = body_of(known->argument, bytes);
        cr_assert_eq(bg_http_route_path(route, POPULATION, body, path), BG_OK);
        cr_assert_eq(strncmp(path, "/v1/" POPULATION "/", strlen("/v1/" POPULATION "/")), 0);
        cr_assert(bg_http_target_read(path, &target));
        cr_assert_eq(target.route, route, "%s", path);
        cr_assert_eq(target.population_size, strlen(POPULATION));
        cr_assert_eq(strncmp(target.population, POPULATION, target.population_size), 0);
        if (known->argument == BG_ARGUMENT_BODY)
            cr_assert_eq(target.argument_size, 0);
        else
            cr_assert(bg_span_equal((struct bg_span){target.argument, target.argument_size}, body));
    }
}

Test(http_routes, paths_are_as_documented)
{
    static const struct {
        enum bg_route route;
        const char *path;
    } paths[] = {
        {BG_ROUTE_PLAN, "/v1/lab/plan"},
        {BG_ROUTE_GROUPS, "/v1/lab/groups"},
        {BG_ROUTE_TASK, "/v1/lab/task"},
        {BG_ROUTE_MODEL, "/v1/lab/models/f0f7fe050c131a21282f363d444b525960676e757c838a91989fa6adb4bbc2c9"},
        {BG_ROUTE_UPDATE, "/v1/lab/updates"},
        {BG_ROUTE_RECEIPT, "/v1/lab/receipts/2385239895007229936"},
        {BG_ROUTE_EPOCH, "/v1/lab/epochs"},
        {BG_ROUTE_SIGNED_PLAN, "/v1/lab/plans"},
        {BG_ROUTE_RELEASE, "/v1/lab/releases"},
        {BG_ROUTE_SUMS, "/v1/lab/sums"},
        {BG_ROUTE_REPORT, "/v1/lab/reports"},
        {BG_ROUTE_ROSTER, "/v1/lab/roster/2385239895007229936"},
    };
    for (size_t i = 0; i < sizeof paths / sizeof *paths; i++) {
        uint8_t bytes[BG_DIGEST_BYTES];
        char path[BG_ROUTE_PATH_BYTES];
        const struct bg_http_route *known = bg_http_route(paths[i].route);
        cr_assert_eq(bg_http_route_path(paths[i].route, "lab", body_of(known->argument, bytes), path), BG_OK);
        cr_assert_str_eq(path, paths[i].path);
    }
}

Test(http_routes, a_body_that_a_route_does_not_take_has_no_path)
{
    static const uint8_t bytes[33] = {0};
    char path[BG_ROUTE_PATH_BYTES];
    cr_assert_eq(bg_http_route_path(BG_ROUTE_PLAN, "lab", (struct bg_span){bytes, 1}, path), BG_INVALID);
    for (size_t size = 0; size <= sizeof bytes; size++) {
        struct bg_span body = {bytes, size};
        cr_assert_eq(bg_http_route_path(BG_ROUTE_MODEL, "lab", body, path), size == 32 ? BG_OK : BG_INVALID);
        cr_assert_eq(bg_http_route_path(BG_ROUTE_RECEIPT, "lab", body, path), size == 8 ? BG_OK : BG_INVALID);
    }
    cr_assert_eq(bg_http_route_path(0, "lab", (struct bg_span){0}, path), BG_INVALID);
    cr_assert_eq(bg_http_route_path(BG_ROUTE_COUNT, "lab", (struct bg_span){0}, path), BG_INVALID);
}

Test(http_routes, a_path_that_is_no_route_is_none)
{
    static const char *const none[] = {"", "/", "/v1", "/v1/", "/v1/lab", "/v1//plan", "/v2/lab/plan", "/metrics"};
    static const char *const other[] = {
        "/v1/lab/",           "/v1/lab/pla",       "/v1/lab/plans/",      "/v1/lab/plan/1",     "/v1/lab/plan/",
        "/v1/lab/receipts",   "/v1/lab/receipts/", "/v1/lab/receipts/1x", "/v1/lab/receipts/-1",
        "/v1/lab/receipts/18446744073709551616",   "/v1/lab/receipts/+1", "/v1/lab/receipts/1/2", "/v1/lab/receipts/01",
        "/v1/lab/roster/00",
        "/v1/lab/models/00",  "/v1/lab/models/",   "/v1/lab/Plan",        "/v1/lab//plan",      "/v1/lab/updates/7",
        "/v1/lab/models/F0F7fe050c131a21282f363d444b525960676e757c838a91989fa6adb4bbc2c9",
        "/v1/lab/models/f0f7fe050c131a21282f363d444b525960676e757c838a91989fa6adb4bbc2c9/"};
    struct bg_http_target target;
    for (size_t i = 0; i < sizeof none / sizeof *none; i++)
        cr_assert_not(bg_http_target_read(none[i], &target), "%s", none[i]);
    for (size_t i = 0; i < sizeof other / sizeof *other; i++) {
        cr_assert(bg_http_target_read(other[i], &target), "%s", other[i]);
        cr_assert_eq(target.route, 0, "%s", other[i]);
        cr_assert_eq(target.argument_size, 0);
    }
    cr_assert_str_eq(target.rest, other[sizeof other / sizeof *other - 1] + strlen("/v1/lab/"));
}

Test(http_routes, every_status_has_a_name_of_its_own)
{
    static const enum bg_status statuses[] = {
        BG_OK,
#define STATUS(name, number, http, code, text) BG_##name,
        BG_STATUS_MAP(STATUS)
#undef STATUS
    };
    enum bg_status back;
    for (size_t i = 0; i < sizeof statuses / sizeof *statuses; i++) {
        char value[BG_STATUS_FIELD_BYTES];
        bg_status_to_field(statuses[i], value);
        cr_assert_eq(strspn(value, "abcdefghijklmnopqrstuvwxyz-"), strlen(value), "%s", value);
        cr_assert(bg_status_from_field(value, &back));
        cr_assert_eq(back, statuses[i]);
    }
    char value[BG_STATUS_FIELD_BYTES];
    bg_status_to_field(BG_STALE_PLAN, value);
    cr_assert_str_eq(value, "stale-plan");
    cr_assert_not(bg_status_from_field("", &back));
    cr_assert_not(bg_status_from_field("STALE_PLAN", &back));
    cr_assert_not(bg_status_from_field("unknown", &back));
}
