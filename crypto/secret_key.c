/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/secret_key.h"

#include "crypto/comb.h"
#include "crypto/decrypt.h"
#include "crypto/secret_parts.h"
#include "crypto/wipe.h"

#include <stdlib.h>

#define SMALL_FACTOR_LIMIT 1000
#define LEAST_DISTANCE_MARGIN 100
/* Of mpz_probab_prime_p, which runs Baillie–PSW and from there on rounds of Miller–Rabin. */
#define BAILLIE_PSW_REPS 24
#define MILLER_RABIN_ROUNDS 40
#define ZEROS_BYTES ((size_t)256 << 10)

void bg_secret_clear(mpz_t x)
{
    bg_big_wipe(x);
    mpz_clear(x);
}

static const char *find_flaw(const mpz_t prime, int reps)
{
    if (mpz_fdiv_ui(prime, 4) != 3)
        return "is not 3 modulo 4";
    /* (prime−1)/2 is odd here, so odd divisors suffice; trying composite ones changes nothing. */
    for (unsigned long factor = 3; factor < SMALL_FACTOR_LIMIT; factor += 2) {
        unsigned long rest = mpz_fdiv_ui(prime, factor);
        if (rest == 0)
            return "is not prime";
        if (rest == 1)
            return "minus 1, halved, has a factor below 1000";
    }
    return mpz_probab_prime_p(prime, reps) ? NULL : "is not prime";
}

const char *bg_secret_candidate_flaw(const mpz_t prime)
{
    return find_flaw(prime, BAILLIE_PSW_REPS);
}

const char *bg_secret_prime_flaw(const mpz_t prime)
{
    return find_flaw(prime, BAILLIE_PSW_REPS + MILLER_RABIN_ROUNDS);
}

const char *bg_secret_pair_flaw(const mpz_t p, const mpz_t q, uint32_t bits)
{
    const char *flaw = NULL;
    mpz_t a, b, n;

    mpz_inits(a, b, n, NULL);
    mpz_mul(n, p, q);
    mpz_sub_ui(a, p, 1);
    mpz_sub_ui(b, q, 1);
    mpz_mul(b, a, b);
    mpz_gcd(b, b, n);
    /* Primes of one length cannot fail it; checked because decryption rests on it. */
    if (mpz_cmp_ui(b, 1) != 0) {
        flaw = "gcd(n, (p−1)(q−1)) is not 1";
        goto out;
    }
    if (mpz_sizeinbase(n, 2) != bits) {
        flaw = "p·q is shorter than the key";
        goto out;
    }
    mpz_sub(b, p, q);
    mpz_abs(b, b);
    mpz_set_ui(n, 1);
    mpz_mul_2exp(n, n, bits / 2 - LEAST_DISTANCE_MARGIN);
    if (mpz_cmp(b, n) <= 0) {
        flaw = "p and q are too close together";
        goto out;
    }
    mpz_sub_ui(b, q, 1);
    mpz_gcd(b, a, b);
    if (mpz_cmp_ui(b, 2) != 0)
        flaw = "gcd(p−1, q−1) is not 2";
out:
    bg_secret_clear(a);
    bg_secret_clear(b);
    bg_secret_clear(n);
    return flaw;
}

void bg_secret_evaluate(const struct bg_secret_half *half, uint32_t s, const mpz_t u, mpz_t ret)
{
    mpz_set(ret, half->series[s]);
    for (uint32_t k = s - 1; k >= 1; k--) {
        mpz_mul(ret, ret, u);
        mpz_add(ret, ret, half->series[k]);
        mpz_mod(ret, ret, half->power);
    }
    mpz_mul(ret, ret, u);
    mpz_mod(ret, ret, half->power);
}

void bg_secret_join(const mpz_t a, const mpz_t m, const mpz_t b, const mpz_t n, const mpz_t join, mpz_t ret)
{
    mpz_sub(ret, b, a);
    mpz_mul(ret, ret, join);
    mpz_mod(ret, ret, n);
    mpz_mul(ret, ret, m);
    mpz_add(ret, ret, a);
}

static void init_half(struct bg_secret_half *half)
{
    mpz_inits(half->prime, half->order, half->power, NULL);
    for (size_t k = 0; k <= BG_KEY_MOST_S; k++)
        mpz_init(half->series[k]);
}

static void finish_half(struct bg_secret_half *half)
{
    bg_secret_clear(half->prime);
    bg_secret_clear(half->order);
    bg_secret_clear(half->power);
    for (size_t k = 0; k <= BG_KEY_MOST_S; k++)
        bg_secret_clear(half->series[k]);
    bg_adic_destroy(&half->adic);
}

/* Everything mod powers of half->prime; other is the other prime. */
static enum bg_status derive_half(struct bg_secret_half *half, const mpz_t other, uint32_t s)
{
    mpz_t u, scale;

    mpz_inits(u, scale, NULL);
    mpz_sub_ui(half->order, half->prime, 1);
    mpz_pow_ui(half->power, half->prime, s);
    for (uint32_t k = 1; k <= s; k++) {
        mpz_set_si(u, k % 2 ? (long)k : -(long)k);
        mpz_invert(half->series[k], u, half->power);
        mpz_pow_ui(u, half->prime, k - 1);
        mpz_mul(half->series[k], half->series[k], u);
        mpz_mod(half->series[k], half->series[k], half->power);
    }
    /* log(1+n)/p, as 1+n = 1 + p·other */
    mpz_mod(u, other, half->power);
    bg_secret_evaluate(half, s, u, scale);
    mpz_mul(scale, scale, half->order);
    mpz_invert(scale, scale, half->power);
    for (uint32_t k = 1; k <= s; k++) {
        mpz_mul(half->series[k], half->series[k], scale);
        mpz_mod(half->series[k], half->series[k], half->power);
    }
    bg_secret_clear(u);
    bg_secret_clear(scale);
    return bg_adic_create(half->prime, s + 1, &half->adic);
}

/* ret = x^(p^s) mod p^(s+1), a (p−1)th root of 1, as is r^(n^s) for another r. y^p mod p^(i+1) depends on y mod p^i
 * only, so each digit of the result takes one power with p. ret_modulus = p^(s+1) */
static void root_of_unity(const struct bg_secret_half *half, uint32_t s, const mpz_t x, mpz_t ret_modulus, mpz_t ret)
{
    mpz_set(ret, x);
    mpz_set(ret_modulus, half->prime);
    for (uint32_t i = 1; i <= s; i++) {
        mpz_mul(ret_modulus, ret_modulus, half->prime);
        mpz_powm_sec(ret, ret, half->prime, ret_modulus);
    }
}

/* Both halves of an encryption of 0 joined. Nothing that leaves the key depends on which one it is. */
static enum bg_status derive_zeros(struct bg_secret_key *key)
{
    const struct bg_adic *ring = key->public_key->adic;
    const struct bg_random random = bg_random_system();
    const struct bg_comb_settings settings = {.exponent_bits = BG_SECRET_BLIND_BITS, .memory_bytes = ZEROS_BYTES};
    size_t words = bg_adic_compact_words(ring, ring->digits);
    uint64_t *number = calloc(words, sizeof *number);
    uint32_t s = key->public_key->s;
    mpz_t x, a, b, p_modulus, q_modulus, join;

    mpz_inits(x, a, b, p_modulus, q_modulus, join, NULL);
    enum bg_status status = number ? bg_big_random_unit(&random, key->public_key->power[1], x) : BG_NO_MEMORY;
    if (status == BG_OK) {
        root_of_unity(&key->p, s, x, p_modulus, a);
        root_of_unity(&key->q, s, x, q_modulus, b);
        mpz_invert(join, p_modulus, q_modulus);
        bg_secret_join(a, p_modulus, b, q_modulus, join, x);
        bg_adic_from_big(ring, ring->digits, x, number);
        status = bg_comb_create(key->public_key, &settings, number, &key->zeros);
    }
    if (number)
        bg_wipe(number, words * sizeof *number);
    free(number);
    bg_secret_clear(x);
    bg_secret_clear(a);
    bg_secret_clear(b);
    bg_secret_clear(p_modulus);
    bg_secret_clear(q_modulus);
    bg_secret_clear(join);
    return status;
}

static enum bg_status derive(struct bg_secret_key *key, uint32_t s, struct bg_error *error)
{
    enum bg_status status = derive_half(&key->p, key->q.prime, s);
    if (status == BG_OK)
        status = derive_half(&key->q, key->p.prime, s);
    mpz_invert(key->join, key->p.power, key->q.power);
    if (status == BG_OK)
        status = derive_zeros(key);
    if (status != BG_OK)
        return bg_fail(error, status, "secret key: %s", status == BG_RANDOM ? "no random bytes" : "out of memory");
    return BG_OK;
}

static enum bg_status check_primes(const struct bg_secret_key *key, uint32_t bits, struct bg_error *error)
{
    const char *flaw = bg_secret_pair_flaw(key->p.prime, key->q.prime, bits);
    if (flaw)
        return bg_fail(error, BG_BAD_KEY, "secret key: %s", flaw);
    flaw = bg_secret_prime_flaw(key->p.prime);
    if (flaw)
        return bg_fail(error, BG_BAD_KEY, "secret key: p %s", flaw);
    flaw = bg_secret_prime_flaw(key->q.prime);
    if (flaw)
        return bg_fail(error, BG_BAD_KEY, "secret key: q %s", flaw);
    return BG_OK;
}

static enum bg_status create_public(struct bg_secret_key *key, uint32_t bits, uint32_t s, bool allow_insecure,
                                    struct bg_error *error)
{
    uint8_t n_bytes[BG_KEY_MOST_BYTES];
    mpz_t n;

    mpz_init(n);
    mpz_mul(n, key->p.prime, key->q.prime);
    bg_big_to_bytes(n, n_bytes, bits / 8);
    mpz_clear(n);
    return bg_public_key_create((struct bg_span){n_bytes, bits / 8}, bits, s, allow_insecure, error,
                                &key->public_key);
}

enum bg_status bg_secret_key_create(struct bg_span p, struct bg_span q, uint32_t bits, uint32_t s,
                                    bool allow_insecure, struct bg_error *error,
                                    struct bg_secret_key **ret_key)
{
    if (bits < BG_KEY_LEAST_BITS || bits > BG_KEY_MOST_BITS || bits % BG_SECRET_KEY_BITS_STEP)
        return bg_fail(error, BG_BAD_KEY, "secret key: %u bits; a key has %d to %d, a multiple of %d", bits,
                       BG_KEY_LEAST_BITS, BG_KEY_MOST_BITS, BG_SECRET_KEY_BITS_STEP);
    if (p.size != bits / 16 || q.size != bits / 16)
        return bg_fail(error, BG_BAD_KEY, "secret key: primes of %zu and %zu bytes where %u bits need %u",
                       p.size, q.size, bits, bits / 16);

    struct bg_secret_key *key = calloc(1, sizeof *key);
    if (!key)
        return bg_fail(error, BG_NO_MEMORY, "secret key: out of memory");
    init_half(&key->p);
    init_half(&key->q);
    mpz_init(key->join);
    bg_big_from_bytes(p, key->p.prime);
    bg_big_from_bytes(q, key->q.prime);

    enum bg_status status = check_primes(key, bits, error);
    if (status == BG_OK)
        status = create_public(key, bits, s, allow_insecure, error);
    if (status == BG_OK) {
        status = derive(key, s, error);
        if (status == BG_OK)
            status = bg_decrypt_known_answer(key, error);
    }
    if (status != BG_OK) {
        bg_secret_key_destroy(&key);
        return status;
    }
    *ret_key = key;
    return BG_OK;
}

void bg_secret_key_destroy(struct bg_secret_key **key)
{
    if (!*key)
        return;
    bg_comb_destroy(&(*key)->zeros); /* borrows the public key's ring */
    bg_public_key_destroy(&(*key)->public_key);
    finish_half(&(*key)->p);
    finish_half(&(*key)->q);
    bg_secret_clear((*key)->join);
    free(*key);
    *key = NULL;
}

const struct bg_public_key *bg_secret_key_public(const struct bg_secret_key *key)
{
    return key->public_key;
}
