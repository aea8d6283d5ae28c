/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The plan: everything that all members of a population must agree on before a vote can be added to another.
 * Two parts with two signers: the key holder answers for who is added up under which key, the root for what is
 * learnt. A client refuses a plan that lacks either signature. The plan id is the digest of both parts as sent
 * (protocol/envelope.h).
 *
 * Body of a plan frame:
 *   u64 size, key part | 64 bytes signature of the key holder | u64 size, root part | 64 bytes signature of root
 */
#pragma once

#include "base/arena.h"
#include "base/layout.h"
#include "wire/frame.h"

enum bg_plan_encryption {
    BG_PLAN_PAILLIER = 1, /* Damgård–Jurik ciphertexts */
    BG_PLAN_NULL = 2,     /* same frames and sizes, plaintexts added mod n^s */
    BG_PLAN_OFF = 3,      /* plain vectors, TLS only; no pads, no key holder */
};

/* Signed by the key holder. */
struct bg_key_part {
    struct bg_population population;
    uint64_t epoch;
    enum bg_plan_encryption encryption;
    uint32_t key_bits;      /* |n|, multiple of 64 */
    uint32_t s;             /* 1 to BG_MAX_EXPONENT_S */
    bool insecure;          /* a test key: everything made with it is marked */
    bool mixed_radix;       /* slots of radix k_max·max+2 instead of whole bits */
    bool knowledge_tags;    /* manifests carry sealed knowledge tags */
    struct bg_digest key_id;
    struct bg_span modulus; /* n, key_bits/8 bytes, little-endian; empty with encryption off */
    uint32_t group_size;    /* k, wanted */
    uint32_t group_least;   /* k_min */
    uint32_t group_most;    /* k_max: bounds every slot */
    uint32_t group_count;
    struct bg_digest roster; /* of the epoch (protocol/partition.h) */
    struct bg_digest groups; /* SHA-256 of the groups frame's body */
    uint8_t sealing_key[BG_PUBLIC_POINT_BYTES]; /* knowledge tags are sealed to it; zero without them */
};

/* Codec modes, scale bases and centres as in compress/codec.h; values are the wire's. */
enum bg_plan_codec_mode {
    BG_PLAN_CODEC_EF = 1,
    BG_PLAN_CODEC_MEDIAN = 2,
    BG_PLAN_CODEC_SIGN = 3,
    BG_PLAN_CODEC_DENSE = 4,
};

struct bg_plan_codec {
    enum bg_plan_codec_mode mode;
    bool scale_from_residual; /* own scale = RMS(p) instead of 2·mean|Δ| */
    bool centre_median;       /* centre fields travel */
    double clip;              /* C, > 0 */
    double growth;            /* largest growth of a scale per round, ≥ 1 */
    uint32_t growth_from;     /* round after which the growth limit holds */
    double percentile;        /* of the groups' scales, 0 to 1 */
    double decay;             /* of a residual per missed round, 0 to 1 */
    double client_momentum;   /* in front of the sign; 0: none */
    double server_momentum;   /* modes sign and median */
    double server_step;       /* modes sign and median */
};

enum bg_plan_optimizer {
    BG_PLAN_SGD = 1,
    BG_PLAN_ADAMW = 2,
};

enum bg_plan_class_weights {
    BG_PLAN_WEIGHTS_NONE = 1,
    BG_PLAN_WEIGHTS_INVERSE_SQRT = 2, /* of the client's own classes */
    BG_PLAN_WEIGHTS_FEDERATED_INVERSE_SQRT = 3,
    BG_PLAN_WEIGHTS_FEDERATED_BALANCED = 4,
};

struct bg_plan_training {
    enum bg_plan_optimizer optimizer;
    enum bg_plan_class_weights class_weights;
    double momentum;
    double weight_decay;
    double clip_norm;   /* 0: none */
    double proximal_mu; /* FedProx, 0: none */
    double drift_memory;    /* FedDyn, with proximal mu; 0: none */
    double own_prior;       /* weight of the client's own class shares in the loss, 0: none */
    double federated_prior; /* of the federation's, which the model file has */
    uint32_t batch;
};

/* Signed by the root. */
struct bg_root_part {
    char model[BG_NAME_BYTES];     /* specification, e.g. "mlp:128-64" */
    char label_map[BG_NAME_BYTES];
    size_t feature_count;
    const char *const *features;   /* names, in the order of the columns */
    size_t class_count;
    const char *const *classes;
    struct bg_layout layout;       /* trainable parameters */
    struct bg_plan_codec codec;
    struct bg_plan_training training;
    uint8_t sealing_key[BG_PUBLIC_POINT_BYTES]; /* pad seeds are sealed to it */
};

struct bg_plan {
    struct bg_key_part key;
    struct bg_root_part root;
    struct bg_span key_bytes;  /* as sent, what the signatures cover */
    struct bg_span root_bytes;
    struct bg_span key_signature;
    struct bg_span root_signature;
};

/* Canonical bytes of a part, without frame or signature. */
void bg_key_part_encode(const struct bg_key_part *part, struct bg_writer *w);
void bg_root_part_encode(const struct bg_root_part *part, struct bg_writer *w);

/* Whole frame from the two encoded parts and their signatures. */
void bg_plan_encode(struct bg_writer *w, const struct bg_population *population, const struct bg_digest *plan_id,
                    struct bg_span key_bytes, const uint8_t key_signature[static BG_SIGNATURE_BYTES],
                    struct bg_span root_bytes, const uint8_t root_signature[static BG_SIGNATURE_BYTES]);

/* Decodes a plan frame: every field within its range, reals finite, names printable, population of the frame and
 * of the key part equal. Arrays come from `arena`; spans keep the frame's bytes. Signatures and plan id are not
 * checked here (protocol/envelope.h). bg_plan_finish releases the layout (heap). */
BG_MUST_CHECK enum bg_status bg_plan_decode(const struct bg_frame *frame, struct bg_arena *arena,
                                            struct bg_error *error, struct bg_plan *ret);
/* The parts alone: what each signer reads back before signing. */
BG_MUST_CHECK enum bg_status bg_key_part_decode(struct bg_span bytes, struct bg_error *error,
                                                struct bg_key_part *ret);
BG_MUST_CHECK enum bg_status bg_root_part_decode(struct bg_span bytes, struct bg_arena *arena,
                                                 struct bg_error *error, struct bg_root_part *ret);
void bg_plan_finish(struct bg_plan *plan);
