/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/keyholder/keyholder_fixture.h"

#include "crypto/digest.h"
#include "crypto/product.h"
#include "crypto/tail.h"
#include "protocol/envelope.h"
#include "protocol/knowledge_tags.h"
#include "tests/unit/crypto/secret_fixture.h"

#include <string.h>

/* ---- loopback ---- */

static uint64_t no_delay(void *owner, const struct bg_request *request, size_t bytes, int upward)
{
    (void)owner, (void)request, (void)bytes, (void)upward;
    return 0;
}

static enum bg_status post(void *owner, uint64_t delay_ns, void (*run)(void *argument), void *argument)
{
    struct fixture *f = owner;
    (void)delay_ns;
    cr_assert_lt(f->posted_count, COUNT(f->posted));
    f->posted[(f->posted_first + f->posted_count++) % COUNT(f->posted)] = (struct posted){run, argument};
    return BG_OK;
}

static void on_reply(void *context, enum bg_status status, struct bg_span reply)
{
    struct answer *answer = context;
    cr_assert(!answer->given);
    answer->given = true;
    answer->status = status;
    if (reply.size)
        bg_write_bytes(&answer->bytes, reply.data, reply.size);
}

void send_as(struct fixture *f, const struct bg_digest *peer, enum bg_route route, struct bg_span body,
             struct answer *answer)
{
    struct bg_request request = {.route = route, .peer = *peer, .body = body};
    answer->given = false;
    bg_writer_init(&answer->bytes);
    cr_assert_eq(bg_transport_send(&f->loopback.transport, &request, on_reply, answer), BG_OK);
}

void deliver(struct fixture *f)
{
    while (f->posted_count) {
        struct posted posted = f->posted[f->posted_first];
        f->posted_first = (f->posted_first + 1) % COUNT(f->posted);
        f->posted_count--;
        posted.run(posted.argument);
    }
}

bool run_one_work(struct fixture *f)
{
    deliver(f);
    struct bg_work *work = bg_keyholder_work(f->keyholder);
    if (!work)
        return false;
    work->job.run(&work->job);
    bg_keyholder_tick(f->keyholder, 0);
    work->job.done(&work->job);
    deliver(f);
    return true;
}

void run_all(struct fixture *f)
{
    while (run_one_work(f))
        continue;
}

enum bg_status ask(struct fixture *f, enum bg_route route, struct bg_span body, struct answer *answer)
{
    f->error.text[0] = 0;
    send_as(f, bg_identity_digest(f->root), route, body, answer);
    run_all(f);
    cr_assert(answer->given);
    if (answer->status != BG_OK)
        cr_assert_eq(answer->bytes.size, 0);
    return answer->status;
}

/* ---- setting up ---- */

static void observe(void *context, const struct bg_keyholder_notice *notice)
{
    struct fixture *f = context;
    f->notice = *notice;
    if (notice->error)
        f->error = *notice->error;
}

static void init(struct fixture *f, enum bg_plan_encryption encryption, uint32_t s)
{
    struct bg_random random = bg_random_system();
    memset(f, 0, sizeof *f);
    bg_arena_init(&f->arena, SIZE_MAX);
    bg_writer_init(&f->epoch.bytes);
    bg_writer_init(&f->plan);
    cr_assert_eq(bg_identity_create(&random, &f->identity), BG_OK);
    cr_assert_eq(bg_identity_create(&random, &f->root), BG_OK);
    cr_assert_eq(bg_sealing_key_create(&random, &f->sealing), BG_OK);
    for (size_t i = 0; i < CLIENTS; i++)
        cr_assert_eq(bg_identity_create(&random, &f->clients[i]), BG_OK);
    f->settings = (struct bg_keyholder_settings){.group_size = 4,
                                                 .group_least = 3,
                                                 .full_rounds = 2,
                                                 .encryption = encryption,
                                                 .identity = f->identity,
                                                 .sealing_key = f->sealing,
                                                 .random = random,
                                                 .blinding = random,
                                                 .observe = observe,
                                                 .observe_context = f};
    cr_assert_eq(bg_population_set(&f->settings.population, "harbour"), BG_OK);
    memcpy(f->settings.root, bg_identity_point(f->root), BG_PUBLIC_POINT_BYTES);
    if (encryption != BG_PLAN_OFF) {
        f->secret = vector_key(0, s);
        f->settings.public_key = bg_secret_key_public(f->secret);
    }
    if (encryption == BG_PLAN_PAILLIER) {
        f->settings.secret_key = f->secret;
        struct bg_mask_settings masks = {.memory_bytes = 1 << 16};
        cr_assert_eq(bg_mask_table_create(f->settings.public_key, &random, &masks, &f->masks), BG_OK);
    }
}

void fixture_init(struct fixture *f, enum bg_plan_encryption encryption)
{
    init(f, encryption, 2);
}

void fixture_init_knowing(struct fixture *f, enum bg_plan_encryption encryption, uint32_t s)
{
    init(f, encryption, s);
    f->settings.knowledge_tags = true;
}

void fixture_connect(struct fixture *f)
{
    bg_loopback_init(&f->loopback, bg_keyholder_serve, f->keyholder, no_delay, post, f, 0);
}

void fixture_start(struct fixture *f)
{
    struct bg_error error = {0};
    cr_assert_eq(bg_keyholder_create(&f->settings, 0, &error, &f->keyholder), BG_OK, "%s", error.text);
    fixture_connect(f);
}

void fixture_restart(struct fixture *f)
{
    bg_keyholder_destroy(&f->keyholder);
    fixture_start(f);
}

void fixture_enrol_all(struct fixture *f)
{
    for (size_t i = 0; i < CLIENTS; i++) {
        struct bg_error error = {0};
        cr_assert_eq(bg_keyholder_enrol(f->keyholder, bg_identity_point(f->clients[i]), "pier", &error), BG_OK, "%s",
                     error.text);
    }
}

void fixture_begin(struct fixture *f)
{
    fixture_start(f);
    fixture_enrol_all(f);
    cr_assert_eq(ask_epoch(f, 1), BG_OK, "%s", f->error.text);
    make_plan(f, 16);
    cr_assert_eq(show_plan(f), BG_OK, "%s", f->error.text);
}

void fixture_ready(struct fixture *f, enum bg_plan_encryption encryption)
{
    fixture_init(f, encryption);
    fixture_begin(f);
}

void fixture_finish(struct fixture *f)
{
    bg_keyholder_destroy(&f->keyholder);
    bg_mask_table_destroy(&f->masks);
    bg_secret_key_destroy(&f->secret);
    bg_sealing_key_destroy(&f->sealing);
    for (size_t i = 0; i < CLIENTS; i++)
        bg_identity_destroy(&f->clients[i]);
    bg_identity_destroy(&f->root);
    bg_identity_destroy(&f->identity);
    bg_writer_finish(&f->epoch.bytes);
    bg_writer_finish(&f->plan);
    bg_arena_finish(&f->arena);
}

/* ---- epoch and plan ---- */

static void read_epoch(struct fixture *f)
{
    struct bg_frame frame;
    struct bg_span rest = bg_writer_span(&f->epoch.bytes);
    cr_assert_eq(bg_frame_decode(rest, NULL, &frame, &rest), BG_OK);
    cr_assert_eq(bg_envelope_verify_frame(bg_identity_point(f->identity), BG_SIGNED_EPOCH_REVEAL, &frame), BG_OK);
    cr_assert_eq(bg_epoch_reveal_decode(&frame, NULL, &f->reveal), BG_OK);
    cr_assert_eq(bg_frame_decode(rest, NULL, &frame, &rest), BG_OK);
    cr_assert_eq(bg_groups_decode(&frame, &f->arena, NULL, &f->groups), BG_OK);
    struct bg_reader r;
    bg_reader_init(&r, rest);
    f->key_bytes = bg_read_span(&r, bg_read_count(&r, SIZE_MAX, 1));
    f->key_signature = bg_read_span(&r, BG_SIGNATURE_BYTES);
    cr_assert_eq(bg_reader_end(&r), BG_OK);
    cr_assert_eq(bg_envelope_verify(bg_identity_point(f->identity), BG_SIGNED_KEY_PART, f->key_bytes,
                                    f->key_signature), BG_OK);
}

enum bg_status ask_epoch(struct fixture *f, uint64_t epoch)
{
    struct bg_roster roster = bg_keyholder_roster(f->keyholder);
    struct bg_epoch_request request = {
        .epoch = epoch, .roster = bg_roster_digest(&roster), .nonce = {{(uint8_t)epoch}}};
    struct bg_writer w;
    struct answer answer;
    bg_writer_init(&w);
    bg_epoch_request_encode(&w, &f->settings.population, &request);
    enum bg_status status = ask(f, BG_ROUTE_EPOCH, bg_writer_span(&w), &answer);
    bg_writer_finish(&w);
    if (status != BG_OK) {
        bg_writer_finish(&answer.bytes);
        return status;
    }
    bg_writer_finish(&f->epoch.bytes);
    f->epoch = answer;
    read_epoch(f);
    return BG_OK;
}

void make_plan(struct fixture *f, uint32_t batch)
{
    const char *features[] = {"duration", "bytes"}, *classes[] = {"benign", "attack"};
    struct bg_root_part part = {.model = "mlp:4", .label_map = "binary", .feature_count = 2, .features = features,
                                .class_count = 2, .classes = classes,
                                .codec = {.mode = BG_PLAN_CODEC_EF, .clip = 4, .growth = 1.2, .percentile = 0.25,
                                          .decay = 0.9, .server_step = 1},
                                .training = {.optimizer = BG_PLAN_SGD, .class_weights = BG_PLAN_WEIGHTS_NONE,
                                             .batch = batch}};
    struct bg_writer root;
    uint8_t signature[BG_SIGNATURE_BYTES];
    bg_layout_init(&part.layout);
    const uint32_t extents[] = {4, f->columns ? f->columns : 2};
    cr_assert_eq(bg_layout_add(&part.layout, "layer.weight", 2, extents, NULL), BG_OK);
    memcpy(part.sealing_key, bg_identity_point(f->root), sizeof part.sealing_key);
    bg_writer_init(&root);
    bg_root_part_encode(&part, &root);
    cr_assert_eq(bg_envelope_sign(f->root, BG_SIGNED_ROOT_PART, bg_writer_span(&root), signature), BG_OK);
    f->plan_id = bg_plan_id(f->key_bytes, bg_writer_span(&root));
    bg_writer_finish(&f->plan);
    bg_plan_encode(&f->plan, &f->settings.population, &f->plan_id, f->key_bytes, f->key_signature.data,
                   bg_writer_span(&root), signature);
    bg_writer_finish(&root);
    bg_layout_finish(&part.layout);
}

enum bg_status show_plan(struct fixture *f)
{
    struct answer answer;
    enum bg_status status = ask(f, BG_ROUTE_SIGNED_PLAN, bg_writer_span(&f->plan), &answer);
    cr_assert_eq(answer.bytes.size, 0);
    return status;
}

/* ---- releases ---- */

uint32_t client_of(const struct fixture *f, uint32_t group, uint32_t member)
{
    for (uint32_t i = 0; i < CLIENTS; i++)
        if (bg_digest_equal(&f->groups.groups[group].members[member], bg_identity_digest(f->clients[i])))
            return i;
    cr_assert_fail("a member that is no client");
    return 0;
}

uint64_t known_value(uint32_t client, uint64_t position, uint64_t seed)
{
    return (uint64_t)client * 1000000 + position * 1000 + seed;
}

static bool possible(const struct bg_public_key *key, size_t tail_lacks)
{
    return tail_lacks < bg_public_key_plaintext_bytes(key);
}

/* The ciphertexts of one client's known values, and these, in blocks to free(). */
static void make_payload(struct fixture *f, const struct wish *wish, uint32_t place, uint64_t positions,
                         struct update *update)
{
    uint32_t client = update->client;
    size_t tail_lacks = wish->tail_lacks;
    uint64_t seed = wish->seed;
    const struct bg_public_key *key = f->settings.public_key;
    struct bg_random random = bg_random_system();
    struct bg_cipher cipher = {f->masks ? BG_ENCRYPTION_PAILLIER : BG_ENCRYPTION_NULL, key};
    struct bg_mask_source *source = NULL;
    size_t plaintext = bg_public_key_plaintext_bytes(key), size = (size_t)positions * plaintext;
    uint8_t *plaintexts = calloc(1, size), *payload = malloc((size_t)positions * bg_public_key_ciphertext_bytes(key));
    cr_assert(plaintexts && payload);
    if (wish->fill)
        wish->fill(f, place, positions, plaintexts);
    for (uint64_t t = 0; !wish->fill && t < positions; t++)
        for (size_t i = 0; i < 8; i++)
            plaintexts[t * plaintext + i] = (uint8_t)(known_value(client, t, seed) >> (8 * i));
    if (f->masks)
        cr_assert_eq(bg_mask_source_create(f->masks, &random, NULL, &source), BG_OK);
    cr_assert_eq(bg_cipher_encrypt(&cipher, (struct bg_span){plaintexts, size}, (size_t)positions, source, payload),
                 BG_OK);
    if (possible(key, tail_lacks))
        bg_tail_cut(&cipher, tail_lacks, payload, (size_t)positions);
    bg_mask_source_destroy(&source);
    update->plaintexts = plaintexts;
    update->payload = payload;
}

static void make_tags(struct fixture *f, const struct wish *wish, const struct update *update,
                      const struct bg_digest *plan_id, const struct bg_manifest *manifest, uint8_t *ret_sealed)
{
    struct bg_random random = bg_random_system();
    size_t blocks = bg_manifest_blocks(manifest->positions);
    uint8_t tags[8 * BG_KNOWLEDGE_TAG_BYTES];
    cr_assert_lt(blocks, 9);
    for (size_t b = 0; b < blocks; b++) {
        struct bg_knowledge knowledge;
        struct bg_digest digest = bg_manifest_block_digest(manifest, b);
        size_t at = b * BG_BLOCK_POSITIONS, left = (size_t)manifest->positions - at;
        cr_assert_eq(bg_knowledge_of_block(&knowledge, &f->settings.population, plan_id, manifest, (uint32_t)b,
                                           &digest), BG_OK);
        bg_knowledge_prove(&knowledge, f->settings.public_key,
                           update->plaintexts + at * bg_public_key_plaintext_bytes(f->settings.public_key),
                           left < BG_BLOCK_POSITIONS ? left : BG_BLOCK_POSITIONS,
                           b + 1 == blocks && possible(f->settings.public_key, wish->tail_lacks) ? wish->tail_lacks : 0,
                           tags + b * BG_KNOWLEDGE_TAG_BYTES);
    }
    cr_assert_eq(bg_knowledge_tags_seal((struct bg_span){tags, blocks * BG_KNOWLEDGE_TAG_BYTES},
                                        bg_sealing_key_point(f->sealing), &manifest->client, plan_id, &random,
                                        ret_sealed), BG_OK);
}

static uint64_t block_bytes(const struct fixture *f, const struct wish *wish, uint64_t positions, size_t block,
                            size_t *ret_at)
{
    size_t ciphertext = bg_public_key_ciphertext_bytes(f->settings.public_key);
    uint64_t left = positions - block * BG_BLOCK_POSITIONS;
    *ret_at = block * BG_BLOCK_POSITIONS * ciphertext;
    return left > BG_BLOCK_POSITIONS ? BG_BLOCK_POSITIONS * ciphertext : left * ciphertext - wish->tail_lacks;
}

static void make_manifest(struct fixture *f, const struct wish *wish, uint32_t place, uint64_t positions,
                          struct update *update)
{
    size_t blocks = bg_manifest_blocks(positions);
    uint8_t *digests = malloc(blocks * BG_DIGEST_BYTES);
    struct bg_digest plan_id = f->plan_id;
    cr_assert(digests);
    for (size_t b = 0; b < blocks; b++) {
        size_t at, size = block_bytes(f, wish, positions, b, &at);
        struct bg_digest digest;
        bg_sha256((struct bg_span){update->payload + at, size}, &digest);
        memcpy(digests + b * BG_DIGEST_BYTES, digest.bytes, BG_DIGEST_BYTES);
    }
    struct bg_manifest manifest = {.key_id = *bg_public_key_id(f->settings.public_key),
                                   .model = {{7}},
                                   .task = {{9}},
                                   .epoch = wish->epoch ? wish->epoch : f->groups.epoch,
                                   .round = wish->round,
                                   .attempt = wish->attempt,
                                   .group = wish->group,
                                   .client = *bg_identity_digest(f->clients[update->client]),
                                   .positions = positions,
                                   .block_digests = {digests, blocks * BG_DIGEST_BYTES}};
    uint8_t sealed[512];
    if (wish->lie)
        wish->lie(&manifest, &plan_id, place);
    if (f->settings.knowledge_tags != (wish->untagged == place + 1)) {
        make_tags(f, wish, update, &plan_id, &manifest, sealed);
        manifest.sealed_tags = (struct bg_span){sealed, bg_manifest_tags_bytes(blocks)};
        sealed[70] ^= wish->unsealed == place + 1;
    }
    const struct bg_identity *signer = wish->forger == place + 1 ? f->root : f->clients[update->client];
    bg_writer_init(&update->manifest);
    bg_manifest_encode_unsigned(&update->manifest, &f->settings.population, &plan_id, &manifest);
    cr_assert_eq(bg_envelope_close(signer, BG_SIGNED_MANIFEST, &update->manifest, 0), BG_OK);
    free(digests);
}

static void write_blocks(struct fixture *f, const struct wish *wish, uint32_t place, uint64_t positions,
                         const struct bg_digest *plan_id, struct update *update, struct bg_writer *w)
{
    size_t blocks = bg_manifest_blocks(positions);
    for (size_t i = 0; i < blocks; i++) {
        size_t b = wish->swapped == place + 1 ? blocks - 1 - i : i;
        size_t at, size = block_bytes(f, wish, positions, b, &at);
        if (wish->missing == place + 1 && b + 1 == blocks)
            continue;
        update->payload[at] ^= wish->flipped == place + 1 && b == 0;
        struct bg_block block = {.round = wish->round,
                                 .attempt = wish->attempt,
                                 .group = wish->group,
                                 .client = *bg_identity_digest(f->clients[update->client]),
                                 .index = (uint32_t)b,
                                 .positions = b + 1 < blocks ? BG_BLOCK_POSITIONS
                                                             : (uint32_t)(positions - b * BG_BLOCK_POSITIONS),
                                 .payload = {update->payload + at, size}};
        if (b + 1 == blocks && wish->whole_tail == place + 1)
            block.payload.size += wish->tail_lacks;
        bg_block_encode(w, &f->settings.population, plan_id, &block);
    }
}

static uint8_t *make_product(struct fixture *f, const struct wish *wish, const struct update *updates, uint32_t count,
                             uint64_t positions)
{
    const struct bg_public_key *key = f->settings.public_key;
    struct bg_cipher cipher = {f->masks ? BG_ENCRYPTION_PAILLIER : BG_ENCRYPTION_NULL, key};
    struct bg_product *product = NULL;
    size_t size = (size_t)positions * bg_public_key_ciphertext_bytes(key);
    uint8_t *bytes = malloc(size);
    cr_assert(bytes);
    cr_assert_eq(bg_product_create(&cipher, (size_t)positions, &product), BG_OK);
    for (uint32_t i = 0; i < count; i++)
        for (int times = 0; times < 1 + (wish->doubled == i + 1); times++)
            cr_assert_eq(bg_product_multiply(product, 0, (size_t)positions,
                                             (struct bg_span){updates[i].payload, size}), BG_OK);
    cr_assert_eq(bg_product_write(product, 0, (size_t)positions, bytes), BG_OK);
    if (possible(key, wish->tail_lacks))
        bg_tail_cut(&cipher, wish->tail_lacks, bytes, (size_t)positions);
    bg_product_destroy(&product);
    return bytes;
}

static uint32_t choose_members(const struct fixture *f, const struct wish *wish, uint32_t *members)
{
    uint32_t count = 0;
    for (uint32_t i = 0; i < wish->order_count; i++)
        members[count++] = wish->order[i];
    for (uint32_t m = 0; !wish->order && m < f->groups.groups[wish->group].member_count; m++)
        if (wish->members >> m & 1)
            members[count++] = m;
    return count;
}

void make_release(struct fixture *f, const struct wish *wish, struct bg_writer *w)
{
    uint64_t positions = wish->positions ? wish->positions : POSITIONS;
    const struct bg_digest *plan_id = wish->plan_id ? wish->plan_id : &f->plan_id;
    struct update updates[BG_MAX_GROUP_MEMBERS];
    struct bg_span manifests[BG_MAX_GROUP_MEMBERS];
    uint32_t members[BG_MAX_GROUP_MEMBERS], count = choose_members(f, wish, members);
    for (uint32_t i = 0; i < count; i++) {
        uint32_t group = wish->stranger == i + 1 ? wish->group + 1 : wish->group;
        updates[i].client = client_of(f, group, members[i]);
        make_payload(f, wish, i, positions, &updates[i]);
    }
    if (wish->maul)
        wish->maul(f, updates, wish->mauler - 1, positions);
    for (uint32_t i = 0; i < count; i++) {
        make_manifest(f, wish, i, positions, &updates[i]);
        manifests[i] = bg_writer_span(&updates[i].manifest);
    }
    uint8_t *product = make_product(f, wish, updates, count, positions);
    uint64_t stated = positions - wish->cut_product;
    size_t ciphertext = bg_public_key_ciphertext_bytes(f->settings.public_key);
    struct bg_release release = {.round = wish->round,
                                 .attempt = wish->attempt,
                                 .epoch = wish->epoch ? wish->epoch : f->groups.epoch,
                                 .group = wish->group,
                                 .member_count = count,
                                 .manifests = manifests,
                                 .positions = stated,
                                 .product = {product, (size_t)stated * ciphertext - wish->tail_lacks}};
    bg_writer_init(w);
    bg_release_encode(w, &f->settings.population, plan_id, &release);
    for (uint32_t i = 0; i < count; i++) {
        write_blocks(f, wish, i, positions, plan_id, &updates[i], w);
        free(updates[i].payload);
        free(updates[i].plaintexts);
        bg_writer_finish(&updates[i].manifest);
    }
    free(product);
    if (wish->longer)
        bg_write_u8(w, 0);
    cr_assert_eq(w->status, BG_OK);
}

enum bg_status ask_release(struct fixture *f, const struct wish *wish, struct answer *answer)
{
    struct bg_writer w;
    make_release(f, wish, &w);
    enum bg_status status = ask(f, BG_ROUTE_RELEASE, bg_writer_span(&w), answer);
    bg_writer_finish(&w);
    return status;
}

struct bg_record expect_sums(const struct fixture *f, const struct answer *answer, const struct wish *wish)
{
    struct bg_frame frame;
    struct bg_sums sums;
    size_t plaintext = bg_public_key_plaintext_bytes(f->settings.public_key);
    cr_assert_eq(answer->status, BG_OK, "%s", f->error.text);
    cr_assert_eq(bg_frame_expect(bg_writer_span(&answer->bytes), BG_FRAME_SUMS, NULL, &frame), BG_OK);
    cr_assert_eq(bg_sums_decode(&frame, NULL, &sums), BG_OK);
    cr_assert(bg_digest_equal(&frame.plan_id, &f->plan_id));
    cr_assert_eq(sums.round, wish->round);
    cr_assert_eq(sums.attempt, wish->attempt);
    cr_assert_eq(sums.group, wish->group);
    cr_assert_eq(sums.sums.size, sums.positions * plaintext - wish->tail_lacks);
    for (uint64_t t = 0; t < sums.positions; t++) {
        uint64_t expected = 0, found = 0;
        const uint8_t *sum = sums.sums.data + t * plaintext;
        for (uint32_t m = 0; m < f->groups.groups[wish->group].member_count; m++)
            if (wish->members >> m & 1)
                expected += known_value(client_of(f, wish->group, m), t, wish->seed);
        for (size_t i = 0; i < 8; i++)
            found |= (uint64_t)sum[i] << (8 * i);
        cr_assert_eq(found, expected, "position %llu", (unsigned long long)t);
        cr_assert(all_zero(sum + 8, plaintext - 8 - (t + 1 < sums.positions ? 0 : wish->tail_lacks)));
    }
    cr_expect_eq(sums.record.members, wish->members);
    cr_expect_eq(sums.record.epoch, f->groups.epoch);
    cr_expect_eq(bg_envelope_verify(bg_identity_point(f->identity), BG_SIGNED_RECORD,
                                    (struct bg_span){sums.record_bytes.data, BG_RECORD_BYTES - BG_SIGNATURE_BYTES},
                                    (struct bg_span){sums.record.signature, BG_SIGNATURE_BYTES}), BG_OK);
    return sums.record;
}

bool names_client(const struct fixture *f, uint32_t client)
{
    char hex[2 * BG_DIGEST_BYTES + 1];
    bg_digest_to_hex(bg_identity_digest(f->clients[client]), hex);
    return strstr(f->error.text, hex) != NULL;
}

bool says(const struct fixture *f, const char *text)
{
    return strstr(f->error.text, text) != NULL;
}
