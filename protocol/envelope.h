/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who signed what. A signature covers an ASCII label, one NUL byte, then the bytes as sent, so that no signed
 * message can be taken for another kind.
 */
#pragma once

#include "crypto/identity.h"
#include "wire/plan.h"

enum bg_signed_kind {
    BG_SIGNED_KEY_PART = 0, /* "burgee key part" */
    BG_SIGNED_ROOT_PART,    /* "burgee root part" */
    BG_SIGNED_TASK,         /* "burgee task" */
    BG_SIGNED_MANIFEST,     /* "burgee manifest" */
    BG_SIGNED_RECEIPT,      /* "burgee receipt" */
    BG_SIGNED_RECORD,       /* "burgee record" */
    BG_SIGNED_EPOCH_REVEAL, /* "burgee epoch reveal" */
    BG_SIGNED_REPORT,       /* "burgee report" */
    BG_SIGNED_ROSTER,       /* "burgee roster" */
    BG_SIGNED_VERDICT,      /* "burgee verdict" */
    BG_SIGNED_COUNT
};

BG_MUST_CHECK enum bg_status bg_envelope_sign(const struct bg_identity *identity, enum bg_signed_kind kind,
                                              struct bg_span message,
                                              uint8_t ret_signature[static BG_SIGNATURE_BYTES]);
/* `point` is the signer's public key. BG_BAD_SIGNATURE, also for a signature that is not 64 bytes. */
BG_MUST_CHECK enum bg_status bg_envelope_verify(const uint8_t point[static BG_PUBLIC_POINT_BYTES],
                                                enum bg_signed_kind kind, struct bg_span message,
                                                struct bg_span signature);
/* Signs what was written since `start` (where a frame begins) and appends the signature: completes the messages of
 * wire/ whose encoders end in _unsigned. */
BG_MUST_CHECK enum bg_status bg_envelope_close(const struct bg_identity *identity, enum bg_signed_kind kind,
                                               struct bg_writer *w, size_t start);
/* Checks a decoded frame that ends in its signature. BG_TRUNCATED: it is too short for one. */
BG_MUST_CHECK enum bg_status bg_envelope_verify_frame(const uint8_t point[static BG_PUBLIC_POINT_BYTES],
                                                      enum bg_signed_kind kind, const struct bg_frame *frame);

/* SHA-256 of "burgee plan" NUL ‖ u64 size ‖ key part ‖ u64 size ‖ root part. */
struct bg_digest bg_plan_id(struct bg_span key_bytes, struct bg_span root_bytes);

/* What a record of the key holder says of the members: SHA-256 of the concatenated SHA-256 of each manifest frame, in
 * member order. */
struct bg_digest bg_manifests_digest(const struct bg_span *manifests, size_t count);

/* That both signers vouch for a decoded plan, that its id is the frame's, and that its group size protects someone
 * (k_min ≥ 2 unless encryption is off): BG_BAD_SIGNATURE, BG_BAD_DIGEST, BG_REFUSED. */
BG_MUST_CHECK enum bg_status bg_plan_verify(const struct bg_frame *frame, const struct bg_plan *plan,
                                            const uint8_t key_holder[static BG_PUBLIC_POINT_BYTES],
                                            const uint8_t root[static BG_PUBLIC_POINT_BYTES],
                                            struct bg_error *error);
