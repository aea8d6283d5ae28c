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
static void send(struct by_hand *h, size_t sender, struct bg_span bytes, enum bg_status expected)
{
    char hex[2 * BG_DIGEST_BYTES + 1];
    struct bg_digest id = id_of(h, sender);
    bg_digest_to_hex(bg_identity_digest(h->clients[0]), hex);
    enum bg_status status = bg_offline_ask(h->offline, BG_ROUTE_UPDATE, &id, bytes, &h->error, NULL);
    cr_assert_eq(status, expected, "%s instead of %s: %s", bg_status_name(status), bg_status_name(expected),
                 h->error.text);
    cr_assert(status == BG_OK || strstr(h->error.text, hex), "no client in \"%s\"", h->error.text);
}

/* The update with one byte changed. */
static void send_changed(struct by_hand *h, struct bg_span update, size_t at, uint8_t value, enum bg_status expected)
{
    uint8_t *bytes = malloc(update.size);
    memcpy(bytes, update.data, update.size);
    bytes[at] = value;
    send(h, 0, (struct bg_span){bytes, update.size}, expected);
    free(bytes);
}

static void send_damaged(struct by_hand *h, struct bg_span update)
{
    struct bg_frame manifest;
    struct bg_span blocks;
    cr_assert_eq(bg_frame_decode(update, &h->error, &manifest, &blocks), BG_OK, "%s", h->error.text);
    send(h, 0, (struct bg_span){NULL, 0}, BG_TRUNCATED);
    send(h, 0, (struct bg_span){update.data, update.size - 1}, BG_TRUNCATED);
    send(h, 0, manifest.bytes, BG_TRUNCATED);
    send(h, 0, blocks, BG_DECODE);
    send_changed(h, update, MAGIC, 'X', BG_BAD_MAGIC);
    send_changed(h, update, VERSION, 9, BG_BAD_VERSION);
    send_changed(h, update, BODY_SIZE + 7, 1, BG_TOO_LARGE);
    send_changed(h, update, PLAN_ID, (uint8_t)~update.data[PLAN_ID], BG_STALE_PLAN);
    send_changed(h, update, POPULATION, 'z', BG_WRONG_POPULATION);
    size_t signature = manifest.bytes.size - 1;
    send_changed(h, update, signature, (uint8_t)(update.data[signature] ^ 1), BG_BAD_SIGNATURE);
    send_changed(h, update, signature + 1 + MAGIC, 'X', BG_BAD_MAGIC);
    send_changed(h, update, update.size - 1, (uint8_t)(update.data[update.size - 1] ^ 1), BG_BAD_DIGEST);
    send(h, 1, update, BG_REFUSED);
}

Test(root, names_the_client_of_all_that_it_refuses_and_takes_the_update_after_it)
{
    struct by_hand h;
    by_hand_init(&h, BG_PLAN_PAILLIER, "ef");
    cr_assert_eq(agree_on_epoch(&h), BG_OK, "%s", h.error.text);
    cr_assert_eq(open_round(&h), BG_OK, "%s", h.error.text);
    make_update(&h, 1, 0, false);
    struct bg_writer update = read_file(h.file);
    make_update(&h, 1, 0, false);
    struct bg_writer second = read_file(h.file);
    cr_assert_eq(enter(&h), BG_OK, "%s", h.error.text);

    send_damaged(&h, bg_writer_span(&update));
    for (size_t repeat = 0; repeat < 2; repeat++)
        send(&h, 0, bg_writer_span(&update), BG_OK);
    send(&h, 0, bg_writer_span(&second), BG_DUPLICATE);
    send(&h, 0, bg_writer_span(&update), BG_OK);

    leave(&h);
    bg_writer_finish(&update);
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
