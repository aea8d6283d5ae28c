/* SPDX-License-Identifier: Apache-2.0 */
/* In place of tools/bench_baseline_window.c where there is no OpenSSL: windows cannot be created. */
#include "tools/bench_baseline_window.h"

#include <assert.h>

enum bg_status bg_baseline_window_create(const mpz_t base, const mpz_t modulus, size_t exponent_bits,
                                         struct bg_baseline_window **ret_window)
{
    (void)base, (void)modulus, (void)exponent_bits, (void)ret_window;
    return BG_UNSUPPORTED;
}

void bg_baseline_window_destroy(struct bg_baseline_window **window)
{
    assert(!*window);
}

size_t bg_baseline_window_bytes(const struct bg_baseline_window *window)
{
    (void)window;
    return 0;
}

enum bg_status bg_baseline_window_power(struct bg_baseline_window *window, const uint8_t *exponent, const mpz_t factor)
{
    (void)window, (void)exponent, (void)factor;
    return BG_UNSUPPORTED;
}

void bg_baseline_window_result(const struct bg_baseline_window *window, mpz_t ret)
{
    (void)window;
    mpz_set_ui(ret, 0);
}
