/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/keyholder_world.h"
#include "tests/fuzz/seeds.h"

static void write_request(struct bg_writer *w, enum world_route route, const struct bg_writer *body)
{
    FUZZ_REQUIRE(body->size <= UINT16_MAX, "%zu bytes", body->size);
    bg_write_u8(w, (uint8_t)route);
    bg_write_u16(w, (uint16_t)body->size);
    bg_write_bytes(w, body->data, body->size);
}

static void write_release(struct bg_writer *w, struct fixture *f, struct wish wish)
{
    struct bg_writer body;
    wish.positions = 1;
    bg_writer_init(&body);
    make_release(f, &wish, &body);
    write_request(w, WORLD_RELEASE, &body);
    bg_writer_finish(&body);
}

void seed_requests(void)
{
    static struct fixture f;
    struct bg_writer w, request;
    world_begin(&f);
    struct bg_roster roster = bg_keyholder_roster(f.keyholder);
    struct bg_epoch_request next = {.epoch = 2, .roster = bg_roster_digest(&roster), .nonce = {{2}}};
    bg_writer_init(&w);
    bg_writer_init(&request);
    write_release(&w, &f, (struct wish){.round = 3, .members = ALL});
    seed("keyholder", "release", bg_writer_span(&w));
    write_request(&w, WORLD_PLAN, &f.plan);
    bg_epoch_request_encode(&request, &f.settings.population, &next);
    write_request(&w, WORLD_EPOCH, &request);
    seed("keyholder", "release_plan_epoch", bg_writer_span(&w));
    w.size = 0;
    write_release(&w, &f, (struct wish){.round = 3, .members = ALL, .flipped = 1});
    seed("keyholder", "false_block", bg_writer_span(&w));
    bg_writer_finish(&w);
    bg_writer_finish(&request);
    world_end(&f);
    fixture_finish(&f);
}
