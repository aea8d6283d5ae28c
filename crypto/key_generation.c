/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/key_generation.h"

#include "crypto/secret_parts.h"
#include "crypto/wipe.h"

/* Rejection keeps the accepted primes uniform: a search upwards from one number would prefer those after a
 * gap. The key's own check adds the rounds of Miller–Rabin. */
static enum bg_status draw_prime(uint32_t bits, const struct bg_random *random, mpz_t ret)
{
    enum bg_status status;

    do {
        status = bg_big_random_bits(random, bits, ret);
        mpz_setbit(ret, bits - 1);
        mpz_setbit(ret, bits - 2);
        mpz_setbit(ret, 1);
        mpz_setbit(ret, 0);
    } while (status == BG_OK && bg_secret_candidate_flaw(ret));
    return status;
}

static bool allowed(uint32_t bits, bool allow_insecure)
{
    if (bits == 2048 || bits == 3072)
        return true;
    return allow_insecure && bits >= BG_KEY_LEAST_BITS && bits <= BG_KEY_MOST_BITS &&
           bits % BG_SECRET_KEY_BITS_STEP == 0;
}

enum bg_status bg_secret_key_generate(uint32_t bits, uint32_t s, bool allow_insecure,
                                      const struct bg_random *random, struct bg_error *error,
                                      struct bg_secret_key **ret_key)
{
    if (!allowed(bits, allow_insecure))
        return bg_fail(error, BG_INVALID, "key generation: %u bits; choose 2048 or 3072%s", bits,
                       allow_insecure ? ", or a multiple of 64 from 512 to 8192" : "");
    if (s < 1 || s > BG_KEY_MOST_S)
        return bg_fail(error, BG_INVALID, "key generation: s = %u is not in 1 … %d", s, BG_KEY_MOST_S);

    uint8_t p_bytes[BG_KEY_MOST_BYTES / 2], q_bytes[BG_KEY_MOST_BYTES / 2];
    mpz_t p, q;
    enum bg_status status;

    mpz_inits(p, q, NULL);
    do {
        status = draw_prime(bits / 2, random, p);
        if (status == BG_OK)
            status = draw_prime(bits / 2, random, q);
    } while (status == BG_OK && bg_secret_pair_flaw(p, q, bits));
    if (status != BG_OK) {
        status = bg_fail(error, status, "key generation: no random bytes");
        goto out;
    }
    bg_big_to_bytes(p, p_bytes, bits / 16);
    bg_big_to_bytes(q, q_bytes, bits / 16);
    status = bg_secret_key_create((struct bg_span){p_bytes, bits / 16}, (struct bg_span){q_bytes, bits / 16},
                                  bits, s, allow_insecure, error, ret_key);
out:
    bg_wipe(p_bytes, sizeof p_bytes);
    bg_wipe(q_bytes, sizeof q_bytes);
    bg_secret_clear(p);
    bg_secret_clear(q);
    return status;
}
