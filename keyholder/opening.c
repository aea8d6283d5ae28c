/* SPDX-License-Identifier: Apache-2.0 */
#include "keyholder/opening.h"

#include "base/checked.h"
#include "crypto/digest.h"
#include "crypto/opening.h"
#include "crypto/product.h"
#include "crypto/tail.h"
#include "crypto/wipe.h"
#include "keyholder/records.h"
#include "protocol/envelope.h"
#include "protocol/knowledge_tags.h"
#include "wire/block.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void bg_opening_init(struct bg_opening *opening, const struct bg_keyholder_settings *settings)
{
    *opening = (struct bg_opening){.settings = settings};
    bg_arena_init(&opening->arena, SIZE_MAX);
}

void bg_opening_finish(struct bg_opening *opening)
{
    bg_arena_finish(&opening->arena);
    free(opening->sums);
    opening->sums = NULL;
}

static struct bg_cipher cipher_of(const struct bg_opening *opening)
{
    const struct bg_keyholder_settings *settings = opening->settings;
    return (struct bg_cipher){.mode = settings->encryption == BG_PLAN_PAILLIER ? BG_ENCRYPTION_PAILLIER
                                                                               : BG_ENCRYPTION_NULL,
                              .key = settings->public_key};
}

/* "round 7, group 2: <why>" */
static enum bg_status refuse(const struct bg_opening *opening, enum bg_status status, const char *why,
                             struct bg_error *error)
{
    return bg_fail(error, status, "round %llu, group %u: %s", (unsigned long long)opening->release.round,
                   opening->release.group, why);
}

/* "round 7, group 2: client 3f…: <why>" */
static enum bg_status refuse_client(const struct bg_opening *opening, const struct bg_digest *client,
                                    enum bg_status status, const char *why, struct bg_error *error)
{
    char hex[2 * BG_DIGEST_BYTES + 1];
    bg_digest_to_hex(client, hex);
    return bg_fail(error, status, "round %llu, group %u: client %s: %s", (unsigned long long)opening->release.round,
                   opening->release.group, hex, why);
}

/* ---- reading: manifests ---- */

/* What a member signed must be what is asked for, and the same as what the first member signed. */
static enum bg_status check_manifest(const struct bg_opening *opening, const struct bg_frame *frame,
                                     const struct bg_manifest *manifest, struct bg_error *error)
{
    const struct bg_release *release = &opening->release;
    const struct bg_digest *client = &manifest->client;
    const struct bg_manifest *first = &opening->members[0].manifest;
    if (!bg_population_equal(&frame->population, &opening->settings->population))
        return refuse_client(opening, client, BG_WRONG_POPULATION, "its manifest is of another population", error);
    if (!bg_digest_equal(&frame->plan_id, &opening->frame.plan_id))
        return refuse_client(opening, client, BG_STALE_PLAN, "its manifest is under another plan than the release",
                             error);
    if (manifest->epoch != release->epoch)
        return refuse_client(opening, client, BG_STALE_PLAN, "its manifest is of another epoch", error);
    if (manifest->round != release->round || manifest->attempt != release->attempt)
        return refuse_client(opening, client, BG_WRONG_ROUND, "its manifest is of another round or attempt", error);
    if (manifest->group != release->group)
        return refuse_client(opening, client, BG_REFUSED, "its manifest is of another group", error);
    if (!bg_digest_equal(&manifest->key_id, bg_public_key_id(opening->settings->public_key)))
        return refuse_client(opening, client, BG_REFUSED, "its manifest is under another key", error);
    if (!bg_digest_equal(&manifest->model, &first->model))
        return refuse_client(opening, client, BG_REFUSED, "it started from another model than the first member",
                             error);
    if (!bg_digest_equal(&manifest->task, &first->task))
        return refuse_client(opening, client, BG_REFUSED, "it voted for another task than the first member", error);
    if (manifest->positions != release->positions)
        return refuse_client(opening, client, BG_REFUSED, "its update has another number of positions", error);
    if (opening->knows != (manifest->sealed_tags.size > 0))
        return refuse_client(opening, client, BG_REFUSED,
                             opening->knows ? "its knowledge tags are missing" : "it has knowledge tags without need",
                             error);
    return BG_OK;
}

/* Its place in the group; members come in ascending order, so none comes twice. */
static enum bg_status find_member(struct bg_opening *opening, const struct bg_group *group,
                                  const struct bg_digest *client, struct bg_error *error)
{
    uint64_t *members = &opening->request.members;
    for (uint32_t m = 0; m < group->member_count; m++) {
        if (!bg_digest_equal(&group->members[m], client))
            continue;
        if (*members >> m & 1)
            return refuse_client(opening, client, BG_DUPLICATE, "it is named twice", error);
        if (*members >> m)
            return refuse_client(opening, client, BG_DECODE, "members must be in the group's order", error);
        *members |= (uint64_t)1 << m;
        return BG_OK;
    }
    return refuse_client(opening, client, BG_UNKNOWN_CLIENT, "it is not a member of the group in this epoch", error);
}

static enum bg_status read_members(struct bg_opening *opening, const struct bg_group *group,
                                   const struct bg_enrolment *enrolment, struct bg_error *error)
{
    const struct bg_release *release = &opening->release;
    opening->members = BG_ARENA_ARRAY(&opening->arena, struct bg_opening_member, release->member_count);
    if (!opening->members)
        return refuse(opening, BG_NO_MEMORY, "out of memory", error);
    for (uint32_t i = 0; i < release->member_count; i++) {
        struct bg_opening_member *member = &opening->members[i];
        struct bg_frame frame;
        enum bg_status status = bg_frame_expect(release->manifests[i], BG_FRAME_MANIFEST, error, &frame);
        if (status == BG_OK)
            status = bg_manifest_decode(&frame, error, &member->manifest);
        if (status != BG_OK)
            return bg_fail_in(error, status, "round %llu, group %u", (unsigned long long)release->round,
                              release->group);
        status = find_member(opening, group, &member->manifest.client, error);
        if (status == BG_OK)
            status = check_manifest(opening, &frame, &member->manifest, error);
        if (status != BG_OK)
            return status;
        const struct bg_device *device = bg_enrolment_find(enrolment, &member->manifest.client);
        if (!device)
            return refuse_client(opening, &member->manifest.client, BG_UNKNOWN_CLIENT, "it is not enrolled", error);
        memcpy(member->point, device->point, sizeof member->point);
    }
    return BG_OK;
}

/* ---- reading: blocks ---- */

static uint32_t positions_of(const struct bg_opening *opening, size_t block)
{
    uint64_t left = opening->release.positions - (uint64_t)block * BG_BLOCK_POSITIONS;
    return left < BG_BLOCK_POSITIONS ? (uint32_t)left : BG_BLOCK_POSITIONS;
}

/* Bytes of a block's ciphertexts. */
static size_t payload_bytes(const struct bg_opening *opening, size_t block)
{
    return positions_of(opening, block) * bg_public_key_ciphertext_bytes(opening->settings->public_key)
        - (block + 1 == opening->blocks ? opening->tail_lacks : 0);
}

static bool is_asked_for(const struct bg_opening *opening, const struct bg_frame *frame, const struct bg_block *block,
                         const struct bg_digest *client, size_t index)
{
    const struct bg_release *release = &opening->release;
    return bg_population_equal(&frame->population, &opening->frame.population) &&
           bg_digest_equal(&frame->plan_id, &opening->frame.plan_id) && block->round == release->round &&
           block->attempt == release->attempt && block->group == release->group &&
           bg_digest_equal(&block->client, client) && block->index == index &&
           block->positions == positions_of(opening, index);
}

static enum bg_status read_member_blocks(struct bg_opening *opening, struct bg_opening_member *member,
                                         struct bg_span *rest, struct bg_error *error)
{
    const struct bg_digest *client = &member->manifest.client;
    member->payloads = BG_ARENA_ARRAY(&opening->arena, struct bg_span, opening->blocks);
    if (!member->payloads)
        return refuse(opening, BG_NO_MEMORY, "out of memory", error);
    for (size_t b = 0; b < opening->blocks; b++) {
        struct bg_frame frame;
        struct bg_block block;
        if (!rest->size)
            return refuse_client(opening, client, BG_NOT_FOUND, "blocks are missing from the challenge", error);
        enum bg_status status = bg_frame_decode(*rest, error, &frame, rest);
        if (status == BG_OK)
            status = bg_block_decode(&frame, error, &block);
        if (status != BG_OK)
            return bg_fail_in(error, status, "round %llu, group %u", (unsigned long long)opening->release.round,
                              opening->release.group);
        if (!is_asked_for(opening, &frame, &block, client, b))
            return refuse_client(opening, client, BG_NOT_FOUND,
                                 "another block stands where one of its own is challenged", error);
        if (block.payload.size != payload_bytes(opening, b)) {
            char why[96];
            snprintf(why, sizeof why, "block %zu has %zu bytes where the product has %zu", b, block.payload.size,
                     payload_bytes(opening, b));
            return refuse_client(opening, client, BG_NOT_FOUND, why, error);
        }
        member->payloads[b] = block.payload;
    }
    return BG_OK;
}

static enum bg_status read_blocks(struct bg_opening *opening, struct bg_span rest, struct bg_error *error)
{
    size_t frames;
    const struct bg_release *release = &opening->release;
    opening->blocks = bg_manifest_blocks(release->positions);
    if (!bg_tail_find(opening->settings->public_key, release->positions, release->product.size,
                      &opening->tail_lacks))
        return refuse(opening, BG_DECODE, "the product is not one ciphertext per position", error);
    if (!bg_size_multiply(release->member_count, opening->blocks, &frames) ||
        frames > rest.size / BG_FRAME_HEADER_BYTES)
        return refuse(opening, BG_NOT_FOUND, "blocks are missing from the challenge", error);
    for (uint32_t i = 0; i < release->member_count; i++) {
        enum bg_status status = read_member_blocks(opening, &opening->members[i], &rest, error);
        if (status != BG_OK)
            return status;
    }
    return rest.size ? refuse(opening, BG_DECODE, "bytes follow the challenged blocks", error) : BG_OK;
}

/* Uniform below `bound`, by rejection. */
static enum bg_status draw_below(const struct bg_random *random, uint32_t bound, uint32_t *ret)
{
    uint32_t value, most = UINT32_MAX - UINT32_MAX % bound;
    do {
        enum bg_status status = bg_random_fill(random, &value, sizeof value);
        if (status != BG_OK)
            return status;
    } while (value >= most);
    *ret = value % bound;
    return BG_OK;
}

/* Which blocks are multiplied: all, or a selection that nobody could foresee (Knuth's algorithm S). */
static enum bg_status draw_challenge(struct bg_opening *opening, struct bg_error *error)
{
    size_t wanted = opening->settings->release_blocks;
    if (!wanted || wanted > opening->blocks)
        wanted = opening->blocks;
    opening->challenged = BG_ARENA_ARRAY(&opening->arena, uint32_t, wanted);
    if (!opening->challenged)
        return refuse(opening, BG_NO_MEMORY, "out of memory", error);
    for (size_t b = 0; opening->challenged_count < wanted; b++) {
        uint32_t left = (uint32_t)(opening->blocks - b), place = 0;
        if (left > wanted - opening->challenged_count) {
            enum bg_status status = draw_below(&opening->settings->random, left, &place);
            if (status != BG_OK)
                return refuse(opening, status, "no random bytes for the challenge", error);
        }
        if (place < wanted - opening->challenged_count)
            opening->challenged[opening->challenged_count++] = (uint32_t)b;
    }
    return BG_OK;
}

enum bg_status bg_opening_read(struct bg_opening *opening, const struct bg_epochs *epochs,
                               const struct bg_enrolment *enrolment, struct bg_span body, struct bg_error *error)
{
    struct bg_span rest;
    struct bg_release *release = &opening->release;
    enum bg_status status = bg_frame_decode(body, error, &opening->frame, &rest);
    if (status == BG_OK)
        status = bg_release_decode(&opening->frame, &opening->arena, error, release);
    if (status != BG_OK)
        return status;
    if (!bg_population_equal(&opening->frame.population, &opening->settings->population))
        return refuse(opening, BG_WRONG_POPULATION, "of another population", error);
    if (opening->settings->encryption == BG_PLAN_OFF)
        return refuse(opening, BG_REFUSED, "there is nothing to open with encryption off", error);
    if (!epochs->epoch || release->epoch != epochs->epoch)
        return bg_fail(error, BG_STALE_PLAN, "round %llu, group %u: of epoch %llu, the key holder is in epoch %llu",
                       (unsigned long long)release->round, release->group, (unsigned long long)release->epoch,
                       (unsigned long long)epochs->epoch);
    if (release->group >= epochs->groups.count)
        return refuse(opening, BG_REFUSED, "the epoch has no such group", error);
    opening->knows = epochs->key_part.knowledge_tags;
    opening->request = (struct bg_policy_request){.plan_id = opening->frame.plan_id,
                                                  .epoch = release->epoch,
                                                  .round = release->round,
                                                  .group = release->group};
    status = read_members(opening, &epochs->groups.groups[release->group], enrolment, error);
    if (status == BG_OK)
        status = read_blocks(opening, rest, error);
    if (status == BG_OK)
        status = draw_challenge(opening, error);
    opening->record = (struct bg_record){.epoch = release->epoch,
                                         .round = release->round,
                                         .attempt = release->attempt,
                                         .group = release->group,
                                         .members = opening->request.members};
    return status;
}

/* ---- arithmetic ---- */

enum bg_status bg_opening_verify(struct bg_opening *opening, struct bg_error *error)
{
    const struct bg_release *release = &opening->release;
    for (uint32_t i = 0; i < release->member_count; i++) {
        const struct bg_opening_member *member = &opening->members[i];
        const struct bg_manifest *manifest = &member->manifest;
        enum bg_status status =
            bg_envelope_verify(member->point, BG_SIGNED_MANIFEST, manifest->signed_bytes, manifest->signature);
        if (status != BG_OK)
            return refuse_client(opening, &manifest->client, status, "its manifest is not signed by its enrolled key",
                                 error);
    }
    opening->record.manifests = bg_manifests_digest(release->manifests, release->member_count);
    bg_sha256(release->product, &opening->record.product);
    bg_sha256(opening->frame.bytes, &opening->request.digest);
    return BG_OK;
}

/* Multiplies one block of every member and compares. `scratch` has room for one block. */
static enum bg_status challenge_block(const struct bg_opening *opening, const struct bg_cipher *cipher, size_t block,
                                      struct bg_product *product, uint8_t *scratch, struct bg_error *error)
{
    uint32_t positions = positions_of(opening, block);
    size_t size = payload_bytes(opening, block), whole = positions * bg_public_key_ciphertext_bytes(cipher->key);
    bg_product_reset(product);
    for (uint32_t i = 0; i < opening->release.member_count; i++) {
        const struct bg_opening_member *member = &opening->members[i];
        struct bg_span payload = member->payloads[block];
        struct bg_digest digest, signed_digest = bg_manifest_block_digest(&member->manifest, block);
        bg_sha256(payload, &digest);
        if (!bg_digest_equal(&digest, &signed_digest))
            return refuse_client(opening, &member->manifest.client, BG_BAD_DIGEST,
                                 "a challenged block is not the one it signed", error);
        struct bg_span ciphertexts = {memcpy(scratch, payload.data, size), whole};
        memset(scratch + size, 0, whole - size);
        enum bg_status status = bg_cipher_check(cipher, ciphertexts, positions, NULL);
        if (status == BG_OK && !bg_tail_is_cut(cipher, whole - size, scratch, positions))
            status = BG_BAD_CIPHERTEXT;
        if (status != BG_OK)
            return refuse_client(opening, &member->manifest.client, status, bg_status_text(status), error);
        status = bg_product_multiply(product, 0, positions, ciphertexts);
        if (status != BG_OK)
            return refuse_client(opening, &member->manifest.client, status, bg_status_text(status), error);
    }
    enum bg_status status = bg_product_write(product, 0, positions, scratch);
    if (status != BG_OK)
        return refuse(opening, status, bg_status_text(status), error);
    bg_tail_cut(cipher, whole - size, scratch, positions);
    size_t at = block * BG_BLOCK_POSITIONS * bg_public_key_ciphertext_bytes(cipher->key);
    if (memcmp(scratch, opening->release.product.data + at, size) != 0)
        return refuse(opening, BG_REFUSED, "the product is not that of the members' blocks", error);
    return BG_OK;
}

enum bg_status bg_opening_challenge(const struct bg_opening *opening, struct bg_error *error)
{
    struct bg_cipher cipher = cipher_of(opening);
    struct bg_product *product = NULL;
    uint8_t *scratch = malloc(BG_BLOCK_POSITIONS * bg_public_key_ciphertext_bytes(cipher.key));
    enum bg_status status = BG_NO_MEMORY;
    if (scratch)
        status = bg_product_create(&cipher, BG_BLOCK_POSITIONS, &product);
    if (status != BG_OK)
        refuse(opening, status, bg_status_text(status), error);
    for (size_t i = 0; i < opening->challenged_count && status == BG_OK; i++)
        status = challenge_block(opening, &cipher, opening->challenged[i], product, scratch, error);
    bg_product_destroy(&product);
    free(scratch);
    return status;
}

/* Checks of one member, behind the group's product: a ciphertext per challenged block, and its tail if that lacks
 * digits and is in one of them. */
static size_t checks_of(const struct bg_opening *opening)
{
    bool last = opening->challenged[opening->challenged_count - 1] + 1 == opening->blocks;
    return opening->challenged_count + (last && opening->tail_lacks);
}

static enum bg_status know_block(const struct bg_opening *opening, const struct bg_opening_member *member, size_t block,
                                 struct bg_knowledge *ret)
{
    struct bg_digest digest = bg_manifest_block_digest(&member->manifest, block);
    return bg_knowledge_of_block(ret, &opening->settings->population, &opening->frame.plan_id, &member->manifest,
                                 (uint32_t)block, &digest);
}

/* Positions of a block that lack nothing. */
static size_t whole_positions(const struct bg_opening *opening, size_t block)
{
    return positions_of(opening, block) - (block + 1 == opening->blocks && opening->tail_lacks);
}

static enum bg_status weigh_member(const struct bg_opening *opening, const struct bg_cipher *cipher,
                                   const struct bg_opening_member *member, uint8_t *ret_ciphertexts)
{
    size_t width = bg_public_key_ciphertext_bytes(cipher->key);
    for (size_t i = 0; i < opening->challenged_count; i++) {
        struct bg_knowledge knowledge;
        size_t block = opening->challenged[i], whole = whole_positions(opening, block);
        enum bg_status status = know_block(opening, member, block, &knowledge);
        if (status == BG_OK)
            status = bg_weigh_ciphertexts(cipher, member->payloads[block].data, knowledge.weights, whole,
                                          opening->settings->workers, ret_ciphertexts);
        if (status != BG_OK)
            return status;
        ret_ciphertexts += width;
        if (whole < positions_of(opening, block)) /* the rest of the tail is zero already */
            memcpy(ret_ciphertexts, member->payloads[block].data + whole * width, width - opening->tail_lacks);
    }
    return BG_OK;
}

static enum bg_status compare_tags(const struct bg_opening *opening, const struct bg_opening_member *member,
                                   const uint8_t *plaintexts, struct bg_error *error)
{
    const struct bg_digest *client = &member->manifest.client;
    size_t width = bg_public_key_plaintext_bytes(opening->settings->public_key);
    uint8_t *tags = malloc(opening->blocks * BG_KNOWLEDGE_TAG_BYTES), tag[BG_KNOWLEDGE_TAG_BYTES];
    if (!tags)
        return refuse(opening, BG_NO_MEMORY, "out of memory", error);
    enum bg_status status =
        bg_knowledge_tags_open(opening->settings->sealing_key, &member->manifest, &opening->frame.plan_id, tags);
    if (status != BG_OK && status != BG_NO_MEMORY)
        status = refuse_client(opening, client, BG_BAD_KNOWLEDGE,
                               "its knowledge tags are not sealed to this key holder", error);
    for (size_t i = 0; status == BG_OK && i < opening->challenged_count; i++) {
        struct bg_knowledge knowledge;
        size_t block = opening->challenged[i];
        bool tail = whole_positions(opening, block) < positions_of(opening, block);
        status = know_block(opening, member, block, &knowledge);
        if (status != BG_OK)
            break;
        bg_knowledge_tag(&knowledge, (struct bg_span){plaintexts, width},
                         (struct bg_span){plaintexts + width, tail ? width - opening->tail_lacks : 0}, tag);
        if (!bg_constant_time_equal(tag, tags + block * sizeof tag, sizeof tag))
            status = refuse_client(opening, client, BG_BAD_KNOWLEDGE,
                                   "it does not know what it sent: ciphertexts of somebody else, or made of them",
                                   error);
        plaintexts += width;
    }
    bg_wipe(tags, opening->blocks * BG_KNOWLEDGE_TAG_BYTES);
    free(tags);
    return status == BG_NO_MEMORY ? refuse(opening, status, "out of memory", error) : status;
}

/* The product, the tail with zeros for what it lacks, then the members' checks. */
static enum bg_status gather(const struct bg_opening *opening, const struct bg_cipher *cipher, size_t checks,
                             uint8_t *ret_ciphertexts)
{
    size_t width = bg_public_key_ciphertext_bytes(cipher->key);
    enum bg_status status = BG_OK;
    memcpy(ret_ciphertexts, opening->release.product.data, opening->release.product.size);
    ret_ciphertexts += (size_t)opening->release.positions * width;
    for (uint32_t i = 0; status == BG_OK && checks && i < opening->release.member_count; i++)
        status = weigh_member(opening, cipher, &opening->members[i], ret_ciphertexts + i * checks * width);
    return status;
}

enum bg_status bg_opening_open(struct bg_opening *opening, bool again, struct bg_error *error)
{
    struct bg_cipher cipher = cipher_of(opening);
    const struct bg_keyholder_settings *settings = opening->settings;
    size_t positions = (size_t)opening->release.positions, width = bg_public_key_plaintext_bytes(cipher.key);
    size_t checks = opening->knows && !again ? checks_of(opening) : 0;
    size_t count = positions + checks * opening->release.member_count;
    struct bg_span products = {NULL, count * bg_public_key_ciphertext_bytes(cipher.key)};
    uint8_t *ciphertexts = calloc(1, products.size);
    opening->sums = malloc(count * width);
    enum bg_status status = BG_NO_MEMORY;
    if (ciphertexts && opening->sums)
        status = gather(opening, &cipher, checks, ciphertexts);
    if (status != BG_OK) {
        free(ciphertexts);
        return refuse(opening, status, bg_status_text(status), error);
    }
    products.data = ciphertexts;
    status = bg_open_products(&cipher, settings->secret_key, products, count, &settings->blinding, settings->workers,
                              error, opening->sums);
    free(ciphertexts);
    if (status != BG_OK)
        return bg_fail_in(error, status, "round %llu, group %u", (unsigned long long)opening->release.round,
                          opening->release.group);
    uint8_t *opened = opening->sums + positions * width;
    for (uint32_t i = 0; status == BG_OK && checks && i < opening->release.member_count; i++)
        status = compare_tags(opening, &opening->members[i], opened + i * checks * width, error);
    bg_wipe(opened, (count - positions) * width);
    bg_wipe(opened - opening->tail_lacks, opening->tail_lacks);
    if (status != BG_OK)
        bg_wipe(opening->sums, positions * width);
    return status;
}

size_t bg_opening_sum_bytes(const struct bg_opening *opening)
{
    return (size_t)opening->release.positions * bg_public_key_plaintext_bytes(opening->settings->public_key)
        - opening->tail_lacks;
}

void bg_opening_answer(const struct bg_opening *opening, struct bg_writer *w)
{
    const struct bg_release *release = &opening->release;
    struct bg_sums sums = {.round = release->round,
                           .attempt = release->attempt,
                           .group = release->group,
                           .positions = release->positions,
                           .sums = {opening->sums, bg_opening_sum_bytes(opening)},
                           .record = opening->record};
    bg_sums_encode(w, &opening->settings->population, &opening->frame.plan_id, &sums);
}
