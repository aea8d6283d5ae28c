/* SPDX-License-Identifier: Apache-2.0 */
#include "protocol/envelope.h"

#include "crypto/digest.h"

#include <string.h>

static const char *const labels[BG_SIGNED_COUNT] = {
    [BG_SIGNED_KEY_PART] = "burgee key part", [BG_SIGNED_ROOT_PART] = "burgee root part",
    [BG_SIGNED_TASK] = "burgee task",         [BG_SIGNED_MANIFEST] = "burgee manifest",
    [BG_SIGNED_RECEIPT] = "burgee receipt",   [BG_SIGNED_RECORD] = "burgee record",
    [BG_SIGNED_EPOCH_REVEAL] = "burgee epoch reveal", [BG_SIGNED_REPORT] = "burgee report",
    [BG_SIGNED_ROSTER] = "burgee roster",
    [BG_SIGNED_VERDICT] = "burgee verdict",
};

static struct bg_span label_span(const char *label)
{
    return (struct bg_span){(const uint8_t *)label, strlen(label) + 1};
}

/* ECDSA signs SHA-256 of its message; here that message is the 32-byte digest of label and bytes, which saves a copy
 * of messages that may be large. */
static struct bg_digest labelled_digest(enum bg_signed_kind kind, struct bg_span message)
{
    struct bg_sha256_state state;
    struct bg_digest digest;
    bg_sha256_init(&state);
    bg_sha256_update(&state, label_span(labels[kind]));
    bg_sha256_update(&state, message);
    bg_sha256_finish(&state, &digest);
    return digest;
}

enum bg_status bg_envelope_sign(const struct bg_identity *identity, enum bg_signed_kind kind, struct bg_span message,
                                uint8_t ret_signature[static BG_SIGNATURE_BYTES])
{
    struct bg_digest digest = labelled_digest(kind, message);
    return bg_identity_sign(identity, (struct bg_span){digest.bytes, sizeof digest.bytes}, ret_signature);
}

enum bg_status bg_envelope_verify(const uint8_t point[static BG_PUBLIC_POINT_BYTES], enum bg_signed_kind kind,
                                  struct bg_span message, struct bg_span signature)
{
    if (signature.size != BG_SIGNATURE_BYTES)
        return BG_BAD_SIGNATURE;
    struct bg_digest digest = labelled_digest(kind, message);
    return bg_point_verify(point, (struct bg_span){digest.bytes, sizeof digest.bytes}, signature.data);
}

enum bg_status bg_envelope_close(const struct bg_identity *identity, enum bg_signed_kind kind, struct bg_writer *w,
                                 size_t start)
{
    uint8_t signature[BG_SIGNATURE_BYTES];
    if (w->status != BG_OK)
        return w->status;
    struct bg_span message = {w->data + start, w->size - start};
    enum bg_status status = bg_envelope_sign(identity, kind, message, signature);
    if (status != BG_OK)
        return status;
    bg_write_bytes(w, signature, sizeof signature);
    return w->status;
}

enum bg_status bg_envelope_verify_frame(const uint8_t point[static BG_PUBLIC_POINT_BYTES], enum bg_signed_kind kind,
                                        const struct bg_frame *frame)
{
    if (frame->body.size < BG_SIGNATURE_BYTES)
        return BG_TRUNCATED;
    size_t signed_size = frame->bytes.size - BG_SIGNATURE_BYTES;
    return bg_envelope_verify(point, kind, (struct bg_span){frame->bytes.data, signed_size},
                              (struct bg_span){frame->bytes.data + signed_size, BG_SIGNATURE_BYTES});
}

static void hash_sized(struct bg_sha256_state *state, struct bg_span bytes)
{
    uint8_t size[8];
    for (size_t i = 0; i < sizeof size; i++)
        size[i] = (uint8_t)((uint64_t)bytes.size >> (8 * i));
    bg_sha256_update(state, (struct bg_span){size, sizeof size});
    bg_sha256_update(state, bytes);
}

struct bg_digest bg_plan_id(struct bg_span key_bytes, struct bg_span root_bytes)
{
    struct bg_sha256_state state;
    struct bg_digest id;
    bg_sha256_init(&state);
    bg_sha256_update(&state, label_span("burgee plan"));
    hash_sized(&state, key_bytes);
    hash_sized(&state, root_bytes);
    bg_sha256_finish(&state, &id);
    return id;
}

struct bg_digest bg_manifests_digest(const struct bg_span *manifests, size_t count)
{
    struct bg_sha256_state state;
    struct bg_digest digest;
    bg_sha256_init(&state);
    for (size_t i = 0; i < count; i++) {
        bg_sha256(manifests[i], &digest);
        bg_sha256_update(&state, (struct bg_span){digest.bytes, sizeof digest.bytes});
    }
    bg_sha256_finish(&state, &digest);
    return digest;
}

enum bg_status bg_plan_verify(const struct bg_frame *frame, const struct bg_plan *plan,
                              const uint8_t key_holder[static BG_PUBLIC_POINT_BYTES],
                              const uint8_t root[static BG_PUBLIC_POINT_BYTES], struct bg_error *error)
{
    struct bg_digest id = bg_plan_id(plan->key_bytes, plan->root_bytes);
    if (!bg_digest_equal(&id, &frame->plan_id))
        return bg_fail(error, BG_BAD_DIGEST, "plan: its parts do not match the plan id of its frame");
    enum bg_status status =
        bg_envelope_verify(key_holder, BG_SIGNED_KEY_PART, plan->key_bytes, plan->key_signature);
    if (status != BG_OK)
        return bg_fail(error, status, "plan: the key part is not signed by the key holder this client trusts");
    status = bg_envelope_verify(root, BG_SIGNED_ROOT_PART, plan->root_bytes, plan->root_signature);
    if (status != BG_OK)
        return bg_fail(error, status, "plan: the root part is not signed by the root this client trusts");
    if (plan->key.encryption != BG_PLAN_OFF && plan->key.group_least < 2)
        return bg_fail(error, BG_REFUSED, "plan: k_min is %u, so single updates could be opened; it must be at least 2",
                       plan->key.group_least);
    return BG_OK;
}
