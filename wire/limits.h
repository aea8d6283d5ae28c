/* SPDX-License-Identifier: Apache-2.0 */
/* Upper bounds of everything a message may claim. A decoder checks them before it allocates. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#define BG_PROTOCOL_VERSION 1u      /* spoken */
#define BG_PROTOCOL_OLDEST 1u       /* still accepted */
#define BG_POPULATION_BYTES 32      /* name, NUL-padded; at most 31 of [a-z0-9._-] */
#define BG_CELL_BYTES 32            /* label, NUL-padded, same alphabet */
#define BG_NAME_BYTES 128           /* class, feature, model names with their NUL */
#define BG_SIGNATURE_BYTES 64       /* P-256, r ‖ s */
#define BG_PUBLIC_POINT_BYTES 65    /* P-256, uncompressed */
#define BG_SEED_BYTES 32
#define BG_SEALED_SEED_BYTES (BG_PUBLIC_POINT_BYTES + BG_SEED_BYTES + 16)
#define BG_SEALED_TAG_BYTES 16      /* of each block, in the sealed knowledge tags */
#define BG_BLOCK_POSITIONS 64u      /* ciphertexts of one block; the last block may hold fewer */
#define BG_MAX_POSITIONS ((size_t)1 << 22)
#define BG_MAX_BLOCKS (BG_MAX_POSITIONS / BG_BLOCK_POSITIONS)
#define BG_LEAST_KEY_BITS 512u
#define BG_MAX_KEY_BITS 8192u
#define BG_MAX_EXPONENT_S 4u
#define BG_MAX_POSITION_BYTES ((BG_MAX_EXPONENT_S + 1) * (BG_MAX_KEY_BITS / 8)) /* one ciphertext */
#define BG_MAX_GROUP_MEMBERS 64u
#define BG_MAX_GROUPS ((size_t)1 << 20)
#define BG_MAX_CLIENTS ((size_t)1 << 22)
#define BG_MAX_CLASSES 1024u
#define BG_MAX_FEATURES 65536u
#define BG_MAX_BATCH 65536u         /* examples in a minibatch */
#define BG_MAX_STEPS (1u << 20)     /* local steps of a round */
#define BG_MAX_PACE_NS ((uint64_t)604800 * 1000000000) /* a week: longest wait that a server may ask for */
#define BG_MAX_BODY_BYTES ((uint64_t)1 << 32)
