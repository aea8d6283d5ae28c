/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Products of ciphertexts, position by position: the sums of their plaintexts (crypto/cipher.h, both modes).
 *
 * Memory and calls go by runs of BG_PRODUCT_RUN positions, the first at position 0. Calls that have no run in common
 * may be made on different threads; within a run any range of positions may be named.
 */
#pragma once

#include "crypto/cipher.h"

#define BG_PRODUCT_RUN 8

struct bg_product;

/* Every position neutral: the product of no ciphertexts. Copies *cipher. */
BG_MUST_CHECK enum bg_status bg_product_create(const struct bg_cipher *cipher, size_t positions,
                                               struct bg_product **ret_product);
void bg_product_destroy(struct bg_product **product);
void bg_product_reset(struct bg_product *product);
/* Multiplies `count` checked ciphertexts into positions first … first+count−1. BG_INVALID: another size, or
 * positions that do not exist; BG_NO_MEMORY; then nothing has changed. */
BG_MUST_CHECK enum bg_status bg_product_multiply(struct bg_product *product, size_t first, size_t count,
                                                 struct bg_span ciphertexts);
/* Writes positions first … first+count−1 as ciphertexts. BG_INVALID: positions that do not exist; BG_NO_MEMORY. */
BG_MUST_CHECK enum bg_status bg_product_write(const struct bg_product *product, size_t first, size_t count,
                                              uint8_t *ret_ciphertexts);
size_t bg_product_positions(const struct bg_product *product);
