/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The tail: the last of T positions, which may need only s' ≤ s digits (crypto/packing.h, rule 3). It is a position
 * under exponent s': plaintexts and pads are numbers mod n^s', ciphertexts mod n^(s'+1).
 *
 * An encryption c under s is one under s' when reduced: (1+n)^m mod n^(s'+1) depends on m mod n^s' alone, and n^s-th
 * powers are n^s'-th powers. So a tail is made by leaving off top digits. The other way round, every number mod n^(s+1)
 * that is c mod n^(s'+1) decrypts under s to something that is Dec_s'(c) mod n^s', by the same argument: products and
 * decryption may take a tail with zeros for the digits that it lacks, and what they give is cut again. What stands
 * above s' then comes from masks and zeros, and does not leave the key holder.
 *
 * In memory every position has the same width, with zeros where the tail lacks digits: the last bytes of plaintexts as
 * of ciphertexts. What travels, is digested and signed ends before them.
 *
 * In all of these `lacking` is the size of the s − s' digits that the tail lacks, and `ciphertexts` are `count` > 0 of
 * them in memory, the last one the tail.
 */
#pragma once

#include "crypto/cipher.h"

/* Which tail `size` bytes of `count` ciphertexts have; false where there can be none. */
BG_MUST_CHECK bool bg_tail_find(const struct bg_public_key *key, uint64_t count, size_t size, size_t *ret_lacking);
/* Reduces the tail of products mod n^(s'+1), in null mode mod n^s'. */
void bg_tail_cut(const struct bg_cipher *cipher, size_t lacking, uint8_t *ciphertexts, size_t count);
/* Whether that would change nothing. */
bool bg_tail_is_cut(const struct bg_cipher *cipher, size_t lacking, const uint8_t *ciphertexts, size_t count);
