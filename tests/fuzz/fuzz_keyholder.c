/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a root asks of a key holder, which trusts nobody: releases with manifests and blocks, plans, epochs; signatures
 * always verify. A group's clients are opened once per round: an answer that was given is given again, and it is the
 * same; nothing is answered any more once the key holder is locked.
 */
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/keyholder_world.h"

#include <stdlib.h>
#include <string.h>

#define MOST_REQUESTS 4
#define PLAN_ID_AT 40

static struct fixture world;

/* Frames in a release are under the plan in force, wherever they are. */
static void name_plan(uint8_t *bytes, size_t size)
{
    for (size_t i = 0; i + BG_FRAME_HEADER_BYTES <= size; i++)
        if (memcmp(bytes + i, "BRGE", 4) == 0)
            memcpy(bytes + i + PLAN_ID_AT, world.plan_id.bytes, BG_DIGEST_BYTES);
}

/* Sends with memory enough: what carries a request is not under test. */
static enum bg_status request(enum bg_route route, struct bg_span body, struct answer *answer)
{
    world.error.text[0] = '\0';
    fuzz_pause_memory(true);
    send_as(&world, bg_identity_digest(world.root), route, body, answer);
    fuzz_pause_memory(false);
    run_all(&world);
    FUZZ_REQUIRE(answer->given, "no answer to %s", bg_route_name(route));
    return answer->bytes.status == BG_OK ? answer->status : BG_NO_MEMORY;
}

static enum bg_status ask_twice(enum bg_route route, struct bg_span body)
{
    struct answer first, second;
    enum bg_status status = request(route, body, &first);
    enum bg_status again = status == BG_OK ? request(route, body, &second) : BG_NO_MEMORY;
    if (again != BG_NO_MEMORY)
        FUZZ_REQUIRE(again == BG_OK && bg_span_equal(bg_writer_span(&first.bytes), bg_writer_span(&second.bytes)),
                     "%s, then %s", bg_status_name(status), bg_status_name(again));
    if (status == BG_OK)
        bg_writer_finish(&second.bytes);
    bg_writer_finish(&first.bytes);
    return status == BG_OK && again == BG_NO_MEMORY ? again : status;
}

static enum bg_status serve(struct bg_reader *r)
{
    bool locked = bg_keyholder_locked(world.keyholder);
    static const enum bg_route routes[] = {BG_ROUTE_RELEASE, BG_ROUTE_SIGNED_PLAN, BG_ROUTE_EPOCH};
    unsigned route = bg_read_u8(r) % WORLD_ROUTES;
    struct bg_span body = bg_read_span(r, bg_read_u16(r));
    uint8_t *copy = r->status == BG_OK ? malloc(body.size ? body.size : 1) : NULL;
    if (r->status != BG_OK)
        return BG_OK;
    if (!copy)
        return BG_NO_MEMORY;
    if (body.size)
        memcpy(copy, body.data, body.size);
    if (route == WORLD_RELEASE)
        name_plan(copy, body.size);
    enum bg_status status = ask_twice(routes[route], (struct bg_span){copy, body.size});
    free(copy);
    FUZZ_REQUIRE(!locked || route != WORLD_RELEASE || status != BG_OK, "a locked key holder opens");
    return status;
}

static enum bg_status check(struct bg_span input)
{
    struct bg_reader r;
    enum bg_status status = BG_OK;
    fuzz_pause_memory(true);
    world_begin(&world);
    fuzz_pause_memory(false);
    bg_reader_init(&r, input);
    for (size_t i = 0; i < MOST_REQUESTS && status != BG_NO_MEMORY && r.status == BG_OK && r.offset < r.size; i++)
        status = serve(&r);
    world_end(&world);
    return status;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    return fuzz_run(check, data, size);
}
