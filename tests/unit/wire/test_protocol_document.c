/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The examples of docs/PROTOCOL.md (its blocks "hex NAME"), which tests/vectors/gen_protocol_page.py makes with a
 * second implementation, against what the roles' own code makes of the same values.
 */
#include "../flat_slots.h"
#include "../no_leaks.h"
#include "base/file.h"
#include "client/update.h"
#include "crypto/certificate.h"
#include "crypto/digest.h"
#include "crypto/identity_file.h"
#include "crypto/product.h"
#include "crypto/public_key_file.h"
#include "protocol/envelope.h"
#include "protocol/pad_seed.h"
#include "protocol/partition.h"
#include "protocol/token.h"
#include "wire/audit.h"
#include "wire/block.h"
#include "wire/epoch.h"
#include "wire/pace.h"
#include "wire/receipt.h"
#include "wire/report.h"
#include "wire/roster.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define EXAMPLE_BYTES 4096
#define BITS 512

/* ---- the page ---- */

static char *read_page(void)
{
    uint8_t *data;
    size_t size;
    cr_assert_eq(bg_file_read(BG_PROTOCOL_PAGE, 1 << 20, NULL, &data, &size), BG_OK);
    char *page = realloc(data, size + 1);
    cr_assert(page);
    page[size] = '\0';
    return page;
}

static bool hex_byte(const char *text, uint8_t *ret)
{
    static const char digits[] = "0123456789abcdef";
    const char *high = text[0] ? strchr(digits, text[0]) : NULL;
    const char *low = high && text[1] ? strchr(digits, text[1]) : NULL;
    if (!low)
        return false;
    *ret = (uint8_t)((high - digits) << 4 | (low - digits));
    return true;
}

/* The bytes of a block: of each line the hex digits that it begins with. */
static size_t example(const char *name, uint8_t ret_bytes[static EXAMPLE_BYTES])
{
    char fence[64];
    size_t size = 0;
    snprintf(fence, sizeof fence, "\n```hex %s\n", name);
    char *page = read_page();
    const char *at = strstr(page, fence);
    cr_assert(at, "the page has no example %s", name);
    for (at += strlen(fence); *at != '`'; at = strchr(at, '\n') + 1) {
        const char *digit = at;
        while (size < EXAMPLE_BYTES && hex_byte(digit, &ret_bytes[size])) {
            digit += 2;
            size++;
        }
        cr_assert(strchr(at, '\n'), "example %s does not end", name);
    }
    cr_assert(size > 0 && size < EXAMPLE_BYTES);
    free(page);
    return size;
}

static void expect_example(const char *name, struct bg_span ours)
{
    uint8_t bytes[EXAMPLE_BYTES];
    size_t size = example(name, bytes);
    for (size_t i = 0; i < size && i < ours.size; i++)
        cr_assert_eq(ours.data[i], bytes[i], "%s: byte %zu is %02x, the page has %02x", name, i, ours.data[i],
                     bytes[i]);
    cr_assert_eq(ours.size, size, "%s has %zu bytes, on the page %zu", name, ours.size, size);
}

/* ---- the story that the examples tell ---- */

struct story {
    struct bg_population population;
    struct bg_identity *key_holder, *root, *clients[2]; /* clients in the order of the group's members */
    struct bg_sealing_key *sealing, *key_holder_sealing;
    struct bg_public_key *key;
    struct bg_arena arena;
    struct bg_digest roster;
    struct bg_groups groups;
    struct bg_writer groups_frame, plan_frame;
    struct bg_frame frame; /* of the plan */
    struct bg_plan plan;
};

static struct bg_digest filled(uint8_t byte)
{
    struct bg_digest digest;
    memset(digest.bytes, byte, sizeof digest.bytes);
    return digest;
}

static struct bg_identity *identity(uint8_t byte)
{
    struct bg_identity *made;
    struct bg_digest secret = filled(byte);
    cr_assert_eq(bg_identity_from_secret(secret.bytes, &made), BG_OK);
    return made;
}

static void make_groups(struct story *s)
{
    struct bg_roster_entry entries[2] = {{.cell = {"west"}}, {.cell = {"west"}}};
    struct bg_digest root_nonce = filled(1), nonce = filled(2);
    uint32_t most;
    for (size_t i = 0; i < 2; i++)
        entries[i].client = *bg_identity_digest(s->clients[i]);
    cr_assert_eq(bg_roster_sort(entries, 2, NULL), BG_OK);
    struct bg_roster roster = {entries, 2};
    s->roster = bg_roster_digest(&roster);
    struct bg_digest beacon = bg_beacon(&s->roster, &root_nonce, &nonce);
    cr_assert_eq(bg_partition(&roster, &beacon, 1, 2, 2, &s->arena, NULL, &s->groups, &most), BG_OK);
    cr_assert_eq(most, 2);
    bg_groups_encode(&s->groups_frame, &s->population, &s->groups);
    if (!bg_digest_equal(&s->groups.groups[0].members[0], bg_identity_digest(s->clients[0]))) {
        struct bg_identity *first = s->clients[0];
        s->clients[0] = s->clients[1];
        s->clients[1] = first;
    }
}

static struct bg_key_part key_part(const struct story *s)
{
    struct bg_key_part part = {.population = s->population,
                               .epoch = 1,
                               .encryption = BG_PLAN_NULL,
                               .key_bits = BITS,
                               .s = 1,
                               .insecure = true,
                               .knowledge_tags = true,
                               .key_id = *bg_public_key_id(s->key),
                               .modulus = bg_public_key_n(s->key),
                               .group_size = 2,
                               .group_least = 2,
                               .group_most = 2,
                               .group_count = 1,
                               .roster = s->roster};
    struct bg_span frame = bg_writer_span(&s->groups_frame);
    bg_sha256((struct bg_span){frame.data + BG_FRAME_HEADER_BYTES, frame.size - BG_FRAME_HEADER_BYTES}, &part.groups);
    memcpy(part.sealing_key, bg_sealing_key_point(s->key_holder_sealing), sizeof part.sealing_key);
    return part;
}

static struct bg_root_part root_part(const struct story *s)
{
    static const char *const features[] = {"Flow Duration", "Flow Bytes/s"};
    static const char *const classes[] = {"BENIGN", "ATTACK"};
    static const uint32_t shape[] = {2, 2};
    struct bg_root_part part = {
        .model = "linear",
        .label_map = "binary",
        .feature_count = 2,
        .features = features,
        .class_count = 2,
        .classes = classes,
        .codec = {.mode = BG_PLAN_CODEC_EF, .clip = 4, .growth = 1.2, .growth_from = 5, .percentile = 0.25,
                  .decay = 0.9, .server_momentum = 0.9, .server_step = 0.001},
        .training = {.optimizer = BG_PLAN_SGD, .class_weights = BG_PLAN_WEIGHTS_INVERSE_SQRT, .momentum = 0.9,
                     .clip_norm = 1, .proximal_mu = 0.125, .drift_memory = 0.5, .own_prior = 1,
                     .federated_prior = 0.5, .batch = 64},
    };
    bg_layout_init(&part.layout);
    cr_assert_eq(bg_layout_add(&part.layout, "layers.0.weight", 2, shape, NULL), BG_OK);
    cr_assert_eq(bg_layout_add(&part.layout, "layers.0.bias", 1, shape, NULL), BG_OK);
    memcpy(part.sealing_key, bg_sealing_key_point(s->sealing), sizeof part.sealing_key);
    return part;
}

static void make_plan(struct story *s)
{
    struct bg_writer key, root;
    uint8_t key_signature[BG_SIGNATURE_BYTES], root_signature[BG_SIGNATURE_BYTES];
    struct bg_key_part ours = key_part(s);
    struct bg_root_part theirs = root_part(s);
    bg_writer_init(&key);
    bg_writer_init(&root);
    bg_key_part_encode(&ours, &key);
    bg_root_part_encode(&theirs, &root);
    struct bg_digest id = bg_plan_id(bg_writer_span(&key), bg_writer_span(&root));
    cr_assert_eq(bg_envelope_sign(s->key_holder, BG_SIGNED_KEY_PART, bg_writer_span(&key), key_signature), BG_OK);
    cr_assert_eq(bg_envelope_sign(s->root, BG_SIGNED_ROOT_PART, bg_writer_span(&root), root_signature), BG_OK);
    bg_plan_encode(&s->plan_frame, &s->population, &id, bg_writer_span(&key), key_signature, bg_writer_span(&root),
                   root_signature);
    bg_layout_finish(&theirs.layout);
    bg_writer_finish(&key);
    bg_writer_finish(&root);
    cr_assert_eq(bg_frame_expect(bg_writer_span(&s->plan_frame), BG_FRAME_PLAN, NULL, &s->frame), BG_OK);
    cr_assert_eq(bg_plan_decode(&s->frame, &s->arena, NULL, &s->plan), BG_OK);
}

static void story_init(struct story *s)
{
    uint8_t file[EXAMPLE_BYTES];
    struct bg_digest sealing_secret = filled(0x53);
    *s = (struct story){.key_holder = identity(0x4b),
                        .root = identity(0x52),
                        .clients = {identity(0xa1), identity(0xa2)}};
    cr_assert_eq(bg_population_set(&s->population, "lab"), BG_OK);
    cr_assert_eq(bg_sealing_key_from_secret(sealing_secret.bytes, &s->sealing), BG_OK);
    sealing_secret = filled(0x4c);
    cr_assert_eq(bg_sealing_key_from_secret(sealing_secret.bytes, &s->key_holder_sealing), BG_OK);
    example("public-key-file", file);
    cr_assert_eq(bg_public_key_create((struct bg_span){file + 12, BITS / 8}, BITS, 1, true, NULL, &s->key), BG_OK);
    bg_arena_init(&s->arena, SIZE_MAX);
    bg_writer_init(&s->groups_frame);
    bg_writer_init(&s->plan_frame);
    make_groups(s);
    make_plan(s);
}

static void story_finish(struct story *s)
{
    bg_plan_finish(&s->plan);
    bg_writer_finish(&s->plan_frame);
    bg_writer_finish(&s->groups_frame);
    bg_arena_finish(&s->arena);
    bg_public_key_destroy(&s->key);
    bg_sealing_key_destroy(&s->sealing);
    bg_sealing_key_destroy(&s->key_holder_sealing);
    bg_identity_destroy(&s->key_holder);
    bg_identity_destroy(&s->root);
    bg_identity_destroy(&s->clients[0]);
    bg_identity_destroy(&s->clients[1]);
}

static struct bg_task task_of_round(void)
{
    static const bool travels[] = {true, false};
    static const double scales[] = {0.5, 0.25}, centres[] = {0, 0};
    static const uint32_t invited[] = {0};
    return (struct bg_task){.round = 7,
                            .epoch = 1,
                            .model = filled(0x66),
                            .receipt = filled(0x55),
                            .learning_rate = 0.1,
                            .steps = 20,
                            .deadline_ns = 60000000000u,
                            .tensor_count = 2,
                            .travels = travels,
                            .scales = scales,
                            .centres = centres,
                            .invited_count = 1,
                            .invited = invited};
}

static struct bg_writer task_frame(const struct story *s)
{
    struct bg_writer w;
    struct bg_task task = task_of_round();
    bg_writer_init(&w);
    bg_task_encode_unsigned(&w, &s->population, &s->frame.plan_id, &task);
    cr_assert_eq(bg_envelope_close(s->root, BG_SIGNED_TASK, &w, 0), BG_OK);
    return w;
}

/* First the seed of the pads, then the ephemeral secrets of its seal and of the tags'. */
static enum bg_status fill_in_turn(void *context, void *data, size_t size)
{
    uint8_t *next = context;
    cr_assert_eq(size, 32);
    memset(data, next[0], size);
    next[0] = next[1];
    next[1] = next[2];
    return BG_OK;
}

static uint64_t slots[2][6] = {{1, 60, 1, 0, 1, 1}, {1, 70, 1, 1, 0, 1}};

static void build_update(const struct story *s, size_t member, struct bg_update *ret)
{
    static const uint8_t draws[2][3] = {{0x0a, 0xe1, 0xf1}, {0x0b, 0xe2, 0xf2}};
    uint8_t next[3] = {draws[member][0], draws[member][1], draws[member][2]};
    struct bg_task task = task_of_round();
    struct bg_shape shape;
    struct bg_digest task_digest;
    struct bg_cipher cipher = {BG_ENCRYPTION_NULL, s->key};
    struct bg_random random = {fill_in_turn, next};
    struct bg_writer frame = task_frame(s);
    bg_sha256(bg_writer_span(&frame), &task_digest);
    bg_writer_finish(&frame);
    cr_assert_eq(bg_shape_init(&s->plan, &task, NULL, &shape), BG_OK);
    cr_assert_eq(shape.slots, 6);
    cr_assert_eq(shape.positions, 1);
    struct bg_update_context context = {.plan = &s->plan, .plan_id = &s->frame.plan_id, .task = &task,
                                        .task_digest = &task_digest, .shape = &shape,
                                        .identity = s->clients[member], .cipher = &cipher, .random = &random};
    struct bg_values values = flat_values(&shape, slots[member]);
    cr_assert_eq(bg_update_build(&context, &values, NULL, NULL, ret), BG_OK);
    bg_shape_finish(&shape);
}

/* ---- limits ---- */

static const struct {
    const char *name;
    unsigned long long value;
} limits[] = {
#define LIMIT(name) {#name, name}
    LIMIT(BG_MAX_BODY_BYTES),     LIMIT(BG_NAME_BYTES),        LIMIT(BG_LAYOUT_MAX_TENSORS),
    LIMIT(BG_TENSOR_MAX_RANK),    LIMIT(BG_MAX_FEATURES),      LIMIT(BG_LAYOUT_MAX_COORDINATES),
    LIMIT(BG_MAX_CLASSES),        LIMIT(BG_MAX_BATCH),         LIMIT(BG_MAX_STEPS),
    LIMIT(BG_LEAST_KEY_BITS),     LIMIT(BG_MAX_KEY_BITS),      LIMIT(BG_MAX_EXPONENT_S),
    LIMIT(BG_MAX_POSITION_BYTES), LIMIT(BG_BLOCK_POSITIONS),   LIMIT(BG_MAX_POSITIONS),
    LIMIT(BG_MAX_BLOCKS),         LIMIT(BG_MAX_GROUP_MEMBERS), LIMIT(BG_MAX_GROUPS),
    LIMIT(BG_MAX_CLIENTS),        LIMIT(BG_MAX_PACE_NS),
#undef LIMIT
};

Test(protocol_document, states_the_limits_and_the_version)
{
    char row[96];
    char *page = read_page();
    for (size_t i = 0; i < sizeof limits / sizeof *limits; i++) {
        snprintf(row, sizeof row, "| `%s` | %llu | ", limits[i].name, limits[i].value);
        cr_assert(strstr(page, row), "the page has no row \"%s\"", row);
    }
    snprintf(row, sizeof row, "Protocol version: **%u**", BG_PROTOCOL_VERSION);
    cr_assert(strstr(page, row));
    for (unsigned type = BG_FRAME_PLAN; type <= BG_FRAME_AUDIT_VERDICT; type++) {
        snprintf(row, sizeof row, "\n| %u | %s | ", type, bg_frame_type_name(type));
        cr_assert(strstr(page, row), "the page has no row \"%s\"", row);
    }
    free(page);
    NO_LEAKS();
}

/* ---- epoch, plan, task ---- */

Test(protocol_document, has_the_epoch_as_the_code_makes_it)
{
    struct story s;
    struct bg_writer w;
    story_init(&s);
    bg_writer_init(&w);
    struct bg_epoch_request request = {.epoch = 1, .roster = s.roster, .nonce = filled(1)};
    bg_epoch_request_encode(&w, &s.population, &request);
    expect_example("epoch-request", bg_writer_span(&w));
    bg_writer_finish(&w);
    struct bg_digest next = filled(3);
    struct bg_epoch_reveal reveal = {.epoch = 1, .nonce = filled(2)};
    bg_sha256((struct bg_span){next.bytes, sizeof next.bytes}, &reveal.next_commitment);
    bg_epoch_reveal_encode_unsigned(&w, &s.population, &reveal);
    cr_assert_eq(bg_envelope_close(s.key_holder, BG_SIGNED_EPOCH_REVEAL, &w, 0), BG_OK);
    expect_example("epoch-reveal", bg_writer_span(&w));
    bg_writer_finish(&w);
    expect_example("groups", bg_writer_span(&s.groups_frame));
    story_finish(&s);
    NO_LEAKS();
}

Test(protocol_document, has_the_plan_as_the_code_makes_it)
{
    struct story s;
    story_init(&s);
    expect_example("plan", bg_writer_span(&s.plan_frame));
    cr_assert_eq(bg_plan_verify(&s.frame, &s.plan, bg_identity_point(s.key_holder), bg_identity_point(s.root), NULL),
                 BG_OK);
    story_finish(&s);
    NO_LEAKS();
}

Test(protocol_document, has_task_and_receipt_as_the_code_makes_them)
{
    struct story s;
    story_init(&s);
    struct bg_task task = task_of_round();
    struct bg_writer w = task_frame(&s);
    expect_example("task", bg_writer_span(&w));
    bg_writer_finish(&w);
    static const struct bg_receipt_group group = {.index = 0, .used = true, .members = 3};
    struct bg_receipt receipt = {.round = 7,
                                 .outcome = BG_ROUND_COMMITTED,
                                 .model = filled(0x77),
                                 .tensor_count = 2,
                                 .scales = task.scales,
                                 .group_count = 1,
                                 .groups = &group};
    bg_receipt_encode_unsigned(&w, &s.population, &s.frame.plan_id, &receipt);
    cr_assert_eq(bg_envelope_close(s.root, BG_SIGNED_RECEIPT, &w, 0), BG_OK);
    expect_example("receipt", bg_writer_span(&w));
    bg_writer_finish(&w);
    story_finish(&s);
    NO_LEAKS();
}

Test(protocol_document, has_the_pace_as_the_code_makes_it)
{
    struct story s;
    struct bg_writer w;
    story_init(&s);
    bg_writer_init(&w);
    struct bg_pace_window window = {.round = 7, .least_ns = 2000000000, .most_ns = 5000000000};
    bg_pace_window_encode(&w, &s.population, &window);
    expect_example("pace", bg_writer_span(&w));
    bg_writer_finish(&w);
    story_finish(&s);
    NO_LEAKS();
}

/* ---- updates ---- */

Test(protocol_document, has_the_updates_as_a_client_makes_them)
{
    static const char *const names[2][2] = {{"manifest", "block"}, {"manifest-1", "block-1"}};
    struct story s;
    story_init(&s);
    for (size_t member = 0; member < 2; member++) {
        struct bg_update update;
        struct bg_frame frame;
        struct bg_manifest manifest;
        uint8_t seed[BG_SEED_BYTES];
        struct bg_digest wanted = filled(member ? 0x0b : 0x0a);
        build_update(&s, member, &update);
        expect_example(names[member][0], bg_update_frame(&update, 0));
        expect_example(names[member][1], bg_update_frame(&update, 1));
        cr_assert_eq(bg_frame_decode(bg_update_frame(&update, 0), NULL, &frame, NULL), BG_OK);
        cr_assert_eq(bg_manifest_decode(&frame, NULL, &manifest), BG_OK);
        cr_assert_eq(bg_pad_seed_open(s.sealing, &manifest, "lab", &s.frame.plan_id, seed), BG_OK);
        cr_assert_eq(memcmp(seed, wanted.bytes, sizeof seed), 0);
        bg_update_finish(&update);
    }
    story_finish(&s);
    NO_LEAKS();
}

Test(protocol_document, has_pads_and_plaintexts_as_the_code_makes_them)
{
    struct story s;
    struct bg_shape shape;
    struct bg_writer pads, plaintexts;
    story_init(&s);
    bg_writer_init(&pads);
    bg_writer_init(&plaintexts);
    struct bg_task task = task_of_round();
    cr_assert_eq(bg_shape_init(&s.plan, &task, NULL, &shape), BG_OK);
    for (size_t member = 0; member < 2; member++) {
        struct bg_pad_keys keys;
        struct bg_position_key position;
        struct bg_digest seed = filled(member ? 0x0b : 0x0a);
        bg_pad_keys_of_task(&keys, seed.bytes, &s.plan, &s.frame.plan_id, &task);
        bg_pad_key_at(&keys, 0, &position);
        bg_write_bytes(&pads, position.bytes, sizeof position.bytes);
        cr_assert_eq(bg_pad_add(s.key, &position, bg_write_reserve(&pads, BITS / 8)), BG_OK); /* to a plaintext of 0 */
        uint8_t *plaintext = bg_write_reserve(&plaintexts, BITS / 8);
        cr_assert_eq(flat_pack(&shape, s.key, slots[member], plaintext), BG_OK);
        bg_pad_keys_finish(&keys);
    }
    uint64_t counts[6];
    for (size_t i = 0; i < 6; i++)
        counts[i] = slots[0][i] + slots[1][i];
    cr_assert_eq(flat_pack(&shape, s.key, counts, bg_write_reserve(&plaintexts, BITS / 8)), BG_OK);
    expect_example("pads", bg_writer_span(&pads));
    expect_example("plaintexts", bg_writer_span(&plaintexts));
    bg_writer_finish(&pads);
    bg_writer_finish(&plaintexts);
    bg_shape_finish(&shape);
    story_finish(&s);
    NO_LEAKS();
}

Test(protocol_document, has_the_plain_vector_as_the_code_makes_it)
{
    struct story s;
    struct bg_shape shape;
    uint8_t payload[BG_PLAIN_POSITION_BYTES];
    story_init(&s);
    s.plan.key.encryption = BG_PLAN_OFF;
    struct bg_task task = task_of_round();
    cr_assert_eq(bg_shape_init(&s.plan, &task, NULL, &shape), BG_OK);
    cr_assert_eq(shape.positions, 1);
    flat_plain_encode(&shape, slots[0], NULL, payload);
    expect_example("plain-vector", (struct bg_span){payload, sizeof payload});
    bg_shape_finish(&shape);
    story_finish(&s);
    NO_LEAKS();
}

/* ---- opening ---- */

/* The group's product and what its opening gives, from the updates of both members. */
static void open_group(const struct story *s, const struct bg_update updates[2], uint8_t product[2 * BITS / 8])
{
    struct bg_cipher cipher = {BG_ENCRYPTION_NULL, s->key};
    struct bg_product *folded;
    cr_assert_eq(bg_product_create(&cipher, 1, &folded), BG_OK);
    for (size_t member = 0; member < 2; member++) {
        struct bg_frame frame;
        struct bg_block block;
        cr_assert_eq(bg_frame_decode(bg_update_frame(&updates[member], 1), NULL, &frame, NULL), BG_OK);
        cr_assert_eq(bg_block_decode(&frame, NULL, &block), BG_OK);
        cr_assert_eq(bg_product_multiply(folded, 0, 1, block.payload), BG_OK);
    }
    cr_assert_eq(bg_product_write(folded, 0, 1, product), BG_OK);
    bg_product_destroy(&folded);
}

static struct bg_record record_of(const struct story *s, const struct bg_span manifests[2], struct bg_span product)
{
    struct bg_digest digests[2];
    struct bg_writer w;
    struct bg_record record = {.sequence = 1, .epoch = 1, .round = 7, .members = 3};
    for (size_t member = 0; member < 2; member++)
        bg_sha256(manifests[member], &digests[member]);
    bg_sha256((struct bg_span){digests[0].bytes, sizeof digests}, &record.manifests);
    bg_sha256(product, &record.product);
    bg_writer_init(&w);
    bg_record_encode(&w, &record);
    struct bg_span message = {w.data, BG_RECORD_BYTES - BG_SIGNATURE_BYTES};
    cr_assert_eq(bg_envelope_sign(s->key_holder, BG_SIGNED_RECORD, message, record.signature), BG_OK);
    bg_writer_finish(&w);
    return record;
}

/* Of position 0: the members' keys there and their lists, and a verdict that names the second. */
static void expect_audit(const struct story *s, const struct bg_span manifests[static 2],
                         const struct bg_record *record)
{
    static const uint8_t seeds[2] = {0x0a, 0x0b};
    struct bg_task task = task_of_round();
    struct bg_writer w, task_bytes = task_frame(s), record_bytes;
    struct bg_position_key keys[2];
    struct bg_digest lists[2];
    struct bg_audit_member members[2];
    for (size_t i = 0; i < 2; i++) {
        struct bg_pad_keys pads;
        struct bg_digest seed = filled(seeds[i]);
        bg_pad_keys_of_task(&pads, seed.bytes, &s->plan, &s->frame.plan_id, &task);
        bg_pad_key_at(&pads, 0, &keys[i]);
        bg_pad_list(&pads, 1, lists[i].bytes);
        members[i] = (struct bg_audit_member){manifests[i], {keys[i].bytes, 32}, {lists[i].bytes, 32}};
    }
    struct bg_audit_request request = {.epoch = 1, .round = 7, .member_count = 2, .members = members,
                                       .plan = bg_writer_span(&s->plan_frame), .task = bg_writer_span(&task_bytes)};
    bg_writer_init(&w);
    bg_audit_request_encode(&w, &s->population, &s->frame.plan_id, &request);
    expect_example("audit", bg_writer_span(&w));
    bg_writer_finish(&w);
    struct bg_audit_verdict verdict = {.epoch = 1, .round = 7, .named = 2};
    bg_writer_init(&record_bytes);
    bg_record_encode(&record_bytes, record);
    bg_sha256(bg_writer_span(&record_bytes), &verdict.record);
    bg_audit_verdict_encode_unsigned(&w, &s->population, &s->frame.plan_id, &verdict);
    cr_assert_eq(bg_envelope_close(s->key_holder, BG_SIGNED_VERDICT, &w, 0), BG_OK);
    expect_example("audit-verdict", bg_writer_span(&w));
    bg_writer_finish(&w);
    bg_writer_finish(&task_bytes);
    bg_writer_finish(&record_bytes);
}

Test(protocol_document, has_the_opening_as_the_code_makes_it)
{
    struct story s;
    struct bg_update updates[2];
    struct bg_writer w;
    uint8_t product[2 * BITS / 8];
    story_init(&s);
    bg_writer_init(&w);
    build_update(&s, 0, &updates[0]);
    build_update(&s, 1, &updates[1]);
    open_group(&s, updates, product);
    struct bg_span manifests[2] = {bg_update_frame(&updates[0], 0), bg_update_frame(&updates[1], 0)};
    struct bg_release release = {.round = 7, .epoch = 1, .member_count = 2, .manifests = manifests, .positions = 1,
                                 .product = {product, sizeof product}};
    bg_release_encode(&w, &s.population, &s.frame.plan_id, &release);
    expect_example("release", bg_writer_span(&w));
    bg_writer_finish(&w);
    struct bg_sums sums = {.round = 7,
                           .positions = 1,
                           .sums = {product, sizeof product / 2}, /* in mode null the low half is the sum */
                           .record = record_of(&s, manifests, release.product)};
    bg_sums_encode(&w, &s.population, &s.frame.plan_id, &sums);
    expect_example("sums", bg_writer_span(&w));
    bg_writer_finish(&w);
    struct bg_identity *edge = identity(0x45);
    struct bg_report report = {.edge = *bg_identity_digest(edge), .round = 7, .member_count = 2,
                               .manifests = manifests, .opened = true, .record = sums.record};
    bg_report_encode_unsigned(&w, &s.population, &s.frame.plan_id, &report);
    cr_assert_eq(bg_envelope_close(edge, BG_SIGNED_REPORT, &w, 0), BG_OK);
    expect_example("report", bg_writer_span(&w));
    bg_writer_finish(&w);
    bg_identity_destroy(&edge);
    expect_audit(&s, manifests, &sums.record);
    bg_update_finish(&updates[0]);
    bg_update_finish(&updates[1]);
    story_finish(&s);
    NO_LEAKS();
}

Test(protocol_document, has_the_roster_as_the_code_makes_it)
{
    struct bg_writer w;
    struct bg_population population;
    struct bg_roster_client clients[2] = {{.cell = {"west"}}, {.cell = {"west"}}};
    struct bg_roster_edge edge;
    struct bg_identity *parties[] = {identity(0xa1), identity(0xa2), identity(0x45), identity(0xa3), identity(0x4b)};
    memcpy(clients[0].point, bg_identity_point(parties[0]), sizeof clients[0].point);
    memcpy(clients[1].point, bg_identity_point(parties[1]), sizeof clients[1].point);
    memcpy(edge.point, bg_identity_point(parties[2]), sizeof edge.point);
    struct bg_roster_message message = {.version = 4,
                                        .client_count = 2,
                                        .clients = clients,
                                        .edge_count = 1,
                                        .edges = &edge,
                                        .revoked_count = 1,
                                        .revoked = bg_identity_digest(parties[3])};
    bg_writer_init(&w);
    cr_assert_eq(bg_population_set(&population, "lab"), BG_OK);
    bg_roster_message_encode_unsigned(&w, &population, &message);
    cr_assert_eq(bg_envelope_close(parties[4], BG_SIGNED_ROSTER, &w, 0), BG_OK);
    expect_example("roster", bg_writer_span(&w));
    bg_writer_finish(&w);
    for (size_t i = 0; i < sizeof parties / sizeof *parties; i++)
        bg_identity_destroy(&parties[i]);
    NO_LEAKS();
}

Test(protocol_document, has_the_token_as_the_code_makes_it)
{
    static const char digits[] = "abcdefghijklmnopqrstuvwxyz234567";
    char text[BG_TOKEN_TEXT_BYTES];
    uint8_t bytes[93] = {0};
    struct bg_identity *key_holder = identity(0x4b);
    struct bg_token token = {.expiry = 1800000000, .authority = filled(0xca)};
    for (uint8_t i = 0; i < sizeof token.secret; i++)
        token.secret[i] = i;
    bg_point_pin(bg_identity_point(key_holder), &token.key_holder);
    bg_token_encode(&token, text);
    cr_assert_eq(strncmp(text, "burgee-", 7), 0);
    for (size_t bit = 0; bit < 8 * sizeof bytes; bit++) {
        const char *digit = strchr(digits, text[7 + bit / 5]);
        cr_assert(digit && *digit);
        bytes[bit / 8] = (uint8_t)(bytes[bit / 8] << 1 | ((digit - digits) >> (4 - bit % 5) & 1));
    }
    expect_example("token", (struct bg_span){bytes, sizeof bytes});
    bg_identity_destroy(&key_holder);
    NO_LEAKS();
}

/* ---- files ---- */

/* Writes an example where a loader can find it; remove() it. */
static void put_file(const char *name, char path[static 32])
{
    uint8_t bytes[EXAMPLE_BYTES];
    size_t size = example(name, bytes);
    strcpy(path, "burgee-page-XXXXXX");
    int fd = mkstemp(path);
    cr_assert(fd >= 0 && write(fd, bytes, size) == (ssize_t)size && close(fd) == 0);
}

static void expect_file(const char *name, const char *path)
{
    uint8_t *data;
    size_t size;
    cr_assert_eq(bg_file_read(path, EXAMPLE_BYTES, NULL, &data, &size), BG_OK);
    expect_example(name, (struct bg_span){data, size});
    free(data);
    remove(path);
}

Test(protocol_document, has_key_files_as_the_code_reads_and_writes_them)
{
    char path[32];
    struct bg_public_key *key;
    uint8_t point[BG_PUBLIC_POINT_BYTES];
    put_file("public-key-file", path);
    cr_assert_eq(bg_public_key_load(path, 1, true, NULL, &key), BG_OK);
    cr_assert_eq(bg_public_key_save(key, path, NULL), BG_OK);
    expect_file("public-key-file", path);
    bg_public_key_destroy(&key);
    put_file("public-identity-file", path);
    cr_assert_eq(bg_point_load(BG_POINT_IDENTITY, path, NULL, point), BG_OK);
    cr_assert_eq(bg_point_save(BG_POINT_IDENTITY, point, path, NULL), BG_OK);
    expect_file("public-identity-file", path);
    NO_LEAKS();
}
