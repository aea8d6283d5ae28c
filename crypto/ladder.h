/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Powers with a secret exponent, of as many numbers at once as the ring's kernel has lanes. Fixed windows: how many
 * products there are, in what order, and which memory they read depends on the exponent's length alone. Entries of
 * the window's table are chosen by bg_adic_select.
 */
#pragma once

#include "crypto/adic.h"

/* Vectors of the space that bg_ladder_power computes in. */
size_t bg_ladder_vectors(const struct bg_adic *ring, size_t exponent_bits);
/* Vector 0, a number in Montgomery form per lane, becomes its power; all digits of the ring.
 * 0 ≤ exponent < 2^exponent_bits. */
void bg_ladder_power(const struct bg_adic_space *space, const mpz_t exponent, size_t exponent_bits);
