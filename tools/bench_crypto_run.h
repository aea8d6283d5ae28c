/* SPDX-License-Identifier: Apache-2.0 */
/* The measurement behind `burgee-bench crypto`: one key, all kernels of this machine and all baselines, in turns. */
#pragma once

#include "base/error.h"
#include "crypto/mask.h"
#include "tools/bench_crypto_rows.h"

#include <stdint.h>

#define BG_BENCH_MOST_WIDTHS 3

struct bg_bench_crypto_settings {
    uint32_t bits, s;
    uint32_t widths[BG_BENCH_MOST_WIDTHS]; /* bits of a slot, 2 … 31 */
    size_t width_count;
    size_t coordinates; /* of one update, > 0 */
    struct bg_mask_settings masks; /* with exponent_bits that are not 0 */
    size_t rounds;      /* > 0 */
};

/* Generates a key and measures everything with it. What the machine or the build lacks becomes an absent row. */
BG_MUST_CHECK enum bg_status bg_bench_crypto_run(const struct bg_bench_crypto_settings *settings,
                                                 struct bg_error *error, struct bg_bench_rows *ret_rows);
