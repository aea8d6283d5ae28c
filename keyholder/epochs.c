/* SPDX-License-Identifier: Apache-2.0 */
#include "keyholder/epochs.h"

#include "crypto/digest.h"
#include "crypto/wipe.h"
#include "protocol/envelope.h"

#include <string.h>

#define EPOCH_MEMORY ((size_t)1 << 30)

void bg_epochs_init(struct bg_epochs *epochs, const struct bg_digest *nonce)
{
    *epochs = (struct bg_epochs){.nonce = *nonce};
    bg_writer_init(&epochs->entry);
    bg_arena_init(&epochs->arena, EPOCH_MEMORY);
}

void bg_epochs_finish(struct bg_epochs *epochs)
{
    bg_wipe(&epochs->nonce, sizeof epochs->nonce);
    if (epochs->entry.size)
        bg_wipe(epochs->entry.data, epochs->entry.size);
    bg_writer_finish(&epochs->entry);
    bg_arena_finish(&epochs->arena);
}

struct bg_digest bg_epochs_commitment(const struct bg_epochs *epochs)
{
    struct bg_digest commitment;
    bg_sha256((struct bg_span){epochs->nonce.bytes, BG_DIGEST_BYTES}, &commitment);
    return commitment;
}

bool bg_epochs_is_repeat(const struct bg_epochs *epochs, const struct bg_frame *frame)
{
    struct bg_digest digest;
    bg_sha256(frame->bytes, &digest);
    return epochs->epoch && bg_digest_equal(&digest, &epochs->request);
}

static void make_key_part(const struct bg_keyholder_settings *settings, const struct bg_groups *groups,
                          uint32_t group_most, const struct bg_digest *groups_digest, struct bg_key_part *ret)
{
    *ret = (struct bg_key_part){.population = settings->population,
                                .epoch = groups->epoch,
                                .encryption = settings->encryption,
                                .mixed_radix = settings->mixed_radix,
                                .group_size = settings->group_size,
                                .group_least = settings->group_least,
                                .group_most = group_most,
                                .group_count = (uint32_t)groups->count,
                                .roster = groups->roster,
                                .groups = *groups_digest};
    const struct bg_public_key *key = settings->public_key;
    if (settings->encryption == BG_PLAN_OFF)
        return;
    ret->key_bits = bg_public_key_bits(key);
    ret->s = bg_public_key_s(key);
    ret->insecure = bg_public_key_insecure(key);
    ret->key_id = *bg_public_key_id(key);
    ret->modulus = bg_public_key_n(key);
    ret->knowledge_tags = settings->knowledge_tags;
    if (ret->knowledge_tags)
        memcpy(ret->sealing_key, bg_sealing_key_point(settings->sealing_key), sizeof ret->sealing_key);
}

static enum bg_status write_key_part(struct bg_writer *entry, const struct bg_keyholder_settings *settings,
                                     const struct bg_key_part *part)
{
    struct bg_writer w;
    uint8_t signature[BG_SIGNATURE_BYTES];
    bg_writer_init(&w);
    bg_key_part_encode(part, &w);
    enum bg_status status = w.status;
    if (status == BG_OK)
        status = bg_envelope_sign(settings->identity, BG_SIGNED_KEY_PART, bg_writer_span(&w), signature);
    if (status == BG_OK) {
        bg_write_u64(entry, w.size);
        bg_write_bytes(entry, w.data, w.size);
        bg_write_bytes(entry, signature, sizeof signature);
        status = entry->status;
    }
    bg_writer_finish(&w);
    return status;
}

/* Reveal, groups, key part. */
static enum bg_status write_answer(struct bg_writer *entry, const struct bg_keyholder_settings *settings,
                                   const struct bg_epoch_reveal *reveal, const struct bg_groups *groups,
                                   uint32_t group_most)
{
    struct bg_digest digest;
    struct bg_key_part part;
    size_t at = entry->size;
    bg_epoch_reveal_encode_unsigned(entry, &settings->population, reveal);
    enum bg_status status = bg_envelope_close(settings->identity, BG_SIGNED_EPOCH_REVEAL, entry, at);
    if (status != BG_OK)
        return status;
    at = entry->size;
    bg_groups_encode(entry, &settings->population, groups);
    if (entry->status != BG_OK)
        return entry->status;
    bg_sha256((struct bg_span){entry->data + at + BG_FRAME_HEADER_BYTES, entry->size - at - BG_FRAME_HEADER_BYTES},
              &digest);
    make_key_part(settings, groups, group_most, &digest, &part);
    return write_key_part(entry, settings, &part);
}

enum bg_status bg_epochs_propose(const struct bg_epochs *epochs, const struct bg_keyholder_settings *settings,
                                 const struct bg_frame *frame, const struct bg_epoch_request *request,
                                 const struct bg_roster *roster, struct bg_error *error, struct bg_writer *ret_entry)
{
    struct bg_epoch_reveal reveal = {.epoch = request->epoch, .nonce = epochs->nonce};
    struct bg_digest own = bg_roster_digest(roster), digest, next, beacon;
    struct bg_groups groups;
    struct bg_arena arena;
    uint32_t most;
    bg_writer_init(ret_entry);
    if (!bg_digest_equal(&own, &request->roster))
        return bg_fail(error, BG_REFUSED, "epoch %llu: the root's roster differs from the %zu clients enrolled here",
                       (unsigned long long)request->epoch, roster->count);
    enum bg_status status = bg_random_fill(&settings->random, &next, sizeof next);
    if (status != BG_OK)
        return bg_fail(error, status, "epoch %llu: no random bytes", (unsigned long long)request->epoch);
    bg_sha256((struct bg_span){next.bytes, sizeof next.bytes}, &reveal.next_commitment);
    beacon = bg_beacon(&own, &request->nonce, &reveal.nonce);
    bg_arena_init(&arena, EPOCH_MEMORY);
    status = bg_partition(roster, &beacon, request->epoch, settings->group_size, settings->group_least, &arena, error,
                          &groups, &most);
    if (status == BG_OK) {
        bg_sha256(frame->bytes, &digest);
        bg_write_digest(ret_entry, &digest);
        bg_write_digest(ret_entry, &next);
        status = write_answer(ret_entry, settings, &reveal, &groups, most);
        if (status != BG_OK)
            bg_fail(error, status, "epoch %llu: %s", (unsigned long long)request->epoch, bg_status_text(status));
    }
    bg_arena_finish(&arena);
    bg_wipe(&next, sizeof next);
    return status;
}

static enum bg_status read_answer(struct bg_epochs *epochs, struct bg_error *error)
{
    struct bg_frame frame;
    struct bg_epoch_reveal reveal;
    struct bg_span rest;
    struct bg_reader r;
    enum bg_status status = bg_frame_decode(epochs->answer, error, &frame, &rest);
    if (status == BG_OK)
        status = bg_epoch_reveal_decode(&frame, error, &reveal);
    if (status == BG_OK)
        status = bg_frame_decode(rest, error, &frame, &rest);
    if (status == BG_OK)
        status = bg_groups_decode(&frame, &epochs->arena, error, &epochs->groups);
    if (status != BG_OK)
        return status;
    bg_reader_init(&r, rest);
    epochs->key_bytes = bg_read_span(&r, bg_read_count(&r, SIZE_MAX, 1));
    bg_read_span(&r, BG_SIGNATURE_BYTES);
    status = bg_reader_end(&r);
    if (status != BG_OK)
        return bg_fail(error, status, "key part: %s", bg_status_text(status));
    epochs->epoch = reveal.epoch;
    return bg_key_part_decode(epochs->key_bytes, error, &epochs->key_part);
}

enum bg_status bg_epochs_check_key(const struct bg_epochs *epochs, const struct bg_keyholder_settings *settings,
                                   struct bg_error *error)
{
    const struct bg_key_part *part = &epochs->key_part;
    bool same = part->encryption == settings->encryption;
    if (same && part->encryption != BG_PLAN_OFF)
        same = bg_digest_equal(&part->key_id, bg_public_key_id(settings->public_key)) &&
               part->s == bg_public_key_s(settings->public_key);
    if (!same)
        return bg_fail(error, BG_CONFIG,
                       "epoch %llu: made with another key, s or encryption.mode; rotate makes a new key",
                       (unsigned long long)part->epoch);
    if (part->knowledge_tags && (!settings->sealing_key || memcmp(part->sealing_key,
                                                                  bg_sealing_key_point(settings->sealing_key),
                                                                  sizeof part->sealing_key) != 0))
        return bg_fail(error, BG_CONFIG, "epoch %llu: its knowledge tags are sealed to another sealing key",
                       (unsigned long long)part->epoch);
    return BG_OK;
}

enum bg_status bg_epochs_adopt(struct bg_writer *entry, const struct bg_keyholder_settings *settings,
                               struct bg_error *error, struct bg_epochs *ret)
{
    struct bg_reader r;
    struct bg_epochs epochs;
    bg_reader_init(&r, bg_writer_span(entry));
    struct bg_digest request = bg_read_digest(&r);
    struct bg_digest nonce = bg_read_digest(&r);
    bg_epochs_init(&epochs, &nonce);
    bg_wipe(&nonce, sizeof nonce);
    epochs.request = request;
    epochs.answer = bg_read_span(&r, r.size - r.offset);
    enum bg_status status = read_answer(&epochs, error);
    if (status == BG_OK && !bg_population_equal(&epochs.key_part.population, &settings->population))
        status = bg_fail(error, BG_CONFIG, "epoch %llu: of population %s, the key holder is set up for %s",
                         (unsigned long long)epochs.epoch, epochs.key_part.population.name,
                         settings->population.name);
    if (status != BG_OK) {
        bg_epochs_finish(&epochs);
        return status;
    }
    epochs.entry = *entry;
    bg_writer_init(entry);
    *ret = epochs;
    return BG_OK;
}
