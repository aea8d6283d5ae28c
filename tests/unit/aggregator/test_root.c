/* SPDX-License-Identifier: Apache-2.0 */
/* What the root answers to messages that should not be. */
#include "aggregator/root.h"

#include "aggregator/offline_parts.h"
#include "by_hand.h"
#include "tests/unit/no_leaks.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

TestSuite(root, .timeout = 120);

enum {
    MAGIC = 3,
    VERSION = 4,
    POPULATION = 8,
    PLAN_ID = 40,
    BODY_SIZE = 72,
};

static struct bg_digest id_of(const struct by_hand *h, size_t client)
{
    return *bg_identity_digest(h->clients[client]);
}

/* Sends bytes as a client; what is refused must name that client. */
static void send(struct by_hand *h, enum bg_route route, size_t sender, struct bg_span bytes, enum bg_status expected)
{
    char hex[2 * BG_DIGEST_BYTES + 1];
    struct bg_digest id = id_of(h, sender);
    bg_digest_to_hex(bg_identity_digest(h->clients[0]), hex);
    enum bg_status status = bg_offline_ask(h->offline, route, &id, bytes, &h->error, NULL);
    cr_assert_eq(status, expected, "%s instead of %s: %s", bg_status_name(status), bg_status_name(expected),
                 h->error.text);
    cr_assert(status == BG_OK || strstr(h->error.text, hex), "no client in \"%s\"", h->error.text);
}

/* The frame with one byte changed. */
static void send_changed(struct by_hand *h, enum bg_route route, struct bg_span frame, size_t at, uint8_t value,
                         enum bg_status expected)
{
    uint8_t *bytes = malloc(frame.size);
    memcpy(bytes, frame.data, frame.size);
    bytes[at] = value;
    send(h, route, 0, (struct bg_span){bytes, frame.size}, expected);
    free(bytes);
}

static void send_damaged(struct by_hand *h, enum bg_route route, struct bg_span frame)
{
    send(h, route, 0, (struct bg_span){NULL, 0}, BG_TRUNCATED);
    send(h, route, 0, (struct bg_span){frame.data, frame.size - 1}, BG_TRUNCATED);
    send_changed(h, route, frame, MAGIC, 'X', BG_BAD_MAGIC);
    send_changed(h, route, frame, VERSION, 9, BG_BAD_VERSION);
    send_changed(h, route, frame, BODY_SIZE + 7, 1, BG_TOO_LARGE);
    send_changed(h, route, frame, PLAN_ID, (uint8_t)~frame.data[PLAN_ID], BG_STALE_PLAN);
    send(h, route == BG_ROUTE_BLOCK ? BG_ROUTE_MANIFEST : BG_ROUTE_BLOCK, 0, frame, BG_DECODE);
    send(h, route, 1, frame, BG_REFUSED);
}

/* Manifest and blocks of client 0's update, in h->file; the frames borrow from it. */
static size_t read_update(struct by_hand *h, struct bg_writer *file, struct bg_span frames[static 8])
{
    size_t count = 0;
    *file = read_file(h->file);
    for (struct bg_span rest = bg_writer_span(file); rest.size; count++) {
        struct bg_frame frame;
        cr_assert_lt(count, 8);
        cr_assert_eq(bg_frame_decode(rest, &h->error, &frame, &rest), BG_OK, "%s", h->error.text);
        frames[count] = frame.bytes;
    }
    cr_assert_gt(count, 1);
    return count;
}

Test(root, names_the_client_of_all_that_it_refuses_and_takes_the_update_after_it)
{
    struct by_hand h;
    struct bg_writer file, second;
    struct bg_span frames[8], others[8];
    by_hand_init(&h, BG_PLAN_PAILLIER, "ef");
    cr_assert_eq(agree_on_epoch(&h), BG_OK, "%s", h.error.text);
    cr_assert_eq(open_round(&h), BG_OK, "%s", h.error.text);
    make_update(&h, 1, 0, false);
    size_t count = read_update(&h, &file, frames);
    make_update(&h, 1, 0, false);
    read_update(&h, &second, others);
    cr_assert_eq(enter(&h), BG_OK, "%s", h.error.text);

    send(&h, BG_ROUTE_BLOCK, 0, frames[1], BG_NOT_FOUND);
    send_damaged(&h, BG_ROUTE_MANIFEST, frames[0]);
    send_changed(&h, BG_ROUTE_MANIFEST, frames[0], POPULATION, 'z', BG_WRONG_POPULATION);
    size_t last = frames[0].size - 1;
    send_changed(&h, BG_ROUTE_MANIFEST, frames[0], last, (uint8_t)(frames[0].data[last] ^ 1), BG_BAD_SIGNATURE);
    for (size_t repeat = 0; repeat < 2; repeat++)
        send(&h, BG_ROUTE_MANIFEST, 0, frames[0], BG_OK);
    send(&h, BG_ROUTE_MANIFEST, 0, others[0], BG_DUPLICATE);

    send_damaged(&h, BG_ROUTE_BLOCK, frames[1]);
    last = frames[1].size - 1;
    send_changed(&h, BG_ROUTE_BLOCK, frames[1], last, (uint8_t)(frames[1].data[last] ^ 1), BG_BAD_DIGEST);
    for (size_t repeat = 0; repeat < 2; repeat++)
        for (size_t i = 1; i < count; i++)
            send(&h, BG_ROUTE_BLOCK, 0, frames[i], BG_OK);
    send(&h, BG_ROUTE_MANIFEST, 0, others[0], BG_DUPLICATE);
    send(&h, BG_ROUTE_BLOCK, 0, others[1], BG_DUPLICATE);
    send(&h, BG_ROUTE_MANIFEST, 0, frames[0], BG_OK);

    leave(&h);
    bg_writer_finish(&file);
    bg_writer_finish(&second);
    by_hand_finish(&h);
    NO_LEAKS();
}

Test(root, enrols_a_client_once)
{
    struct by_hand h;
    char hex[2 * BG_DIGEST_BYTES + 1];
    by_hand_init(&h, BG_PLAN_NULL, "ef");
    cr_assert_eq(agree_on_epoch(&h), BG_OK, "%s", h.error.text);
    cr_assert_eq(enter(&h), BG_OK, "%s", h.error.text);
    struct bg_roster_entry entry = {.client = id_of(&h, 0)};
    bg_digest_to_hex(&entry.client, hex);
    cr_assert_eq(bg_root_enrol(h.offline->root, &entry, &h.error), BG_DUPLICATE);
    cr_assert(strstr(h.error.text, hex), "%s", h.error.text);
    entry.client.bytes[0] ^= 1;
    cr_assert_eq(bg_root_enrol(h.offline->root, &entry, &h.error), BG_OK);
    leave(&h);
    by_hand_finish(&h);
    NO_LEAKS();
}

Test(root, believes_in_the_roster_that_it_was_given_last)
{
    struct by_hand h;
    by_hand_init(&h, BG_PLAN_NULL, "ef");
    cr_assert_eq(agree_on_epoch(&h), BG_OK, "%s", h.error.text);
    cr_assert_eq(enter(&h), BG_OK, "%s", h.error.text);
    struct bg_roster_entry entries[2] = {{.client = id_of(&h, 0)}, {.client = id_of(&h, 0)}};
    cr_assert_eq(bg_root_set_roster(h.offline->root, entries, 2, &h.error), BG_DUPLICATE);
    cr_assert_eq(bg_root_enrol(h.offline->root, &entries[0], &h.error), BG_DUPLICATE, "the roster was lost");
    cr_assert_eq(bg_root_set_roster(h.offline->root, entries, 0, &h.error), BG_OK);
    cr_assert_eq(bg_root_enrol(h.offline->root, &entries[0], &h.error), BG_OK);
    leave(&h);
    by_hand_finish(&h);
    NO_LEAKS();
}
