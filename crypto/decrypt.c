/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/decrypt.h"

#include "base/checked.h"
#include "crypto/cipher.h"
#include "crypto/secret_parts.h"
#include "crypto/wipe.h"

#include <stdlib.h>

#define SLICE 16 /* ciphertexts that one worker takes at a time */
#define BLIND_BYTES 16
#define WEIGHT_BYTES 8
#define WEIGHT_BITS (8 * WEIGHT_BYTES)

/* m mod p^s of the unit c. False after a fault that leaves c^(p−1) other than 1 mod p. */
static bool decrypt_half(const struct bg_secret_half *half, uint32_t s, const mpz_t c, mpz_t ret)
{
    mpz_t x, u;

    mpz_inits(x, u, NULL);
    mpz_mod(x, c, half->modulus);
    mpz_powm_sec(x, x, half->order, half->modulus);
    mpz_sub_ui(x, x, 1);
    mpz_fdiv_qr(u, x, x, half->prime);
    bool ok = mpz_sgn(x) == 0;
    if (ok) {
        bg_secret_log(half, s, u, ret);
        mpz_mul(ret, ret, half->scale);
        mpz_mod(ret, ret, half->power);
    }
    bg_secret_clear(x);
    bg_secret_clear(u);
    return ok;
}

static bool decrypt_one(const struct bg_secret_key *key, const mpz_t c, mpz_t ret)
{
    uint32_t s = key->public_key->s;
    mpz_t a, b;

    mpz_inits(a, b, NULL);
    bool ok = decrypt_half(&key->p, s, c, a) && decrypt_half(&key->q, s, c, b);
    if (ok) {
        bg_secret_join(a, key->p.power, b, key->q.power, key->plaintext_join, ret);
        ok = mpz_cmp(ret, key->public_key->power[s]) < 0;
    }
    bg_secret_clear(a);
    bg_secret_clear(b);
    return ok;
}

/* x^(p^s) mod p^(s+1) is a (p−1)th root of 1, as is r^(n^s) for another r: both halves joined encrypt 0. */
static enum bg_status draw_zero(const struct bg_secret_key *key, const struct bg_random *random, mpz_t ret)
{
    mpz_t x, a, b;

    mpz_inits(x, a, b, NULL);
    enum bg_status status = bg_big_random_unit(random, key->public_key->power[1], x);
    if (status == BG_OK) {
        mpz_powm_sec(a, x, key->p.power, key->p.modulus);
        mpz_powm_sec(b, x, key->q.power, key->q.modulus);
        bg_secret_join(a, key->p.modulus, b, key->q.modulus, key->ciphertext_join, ret);
    }
    bg_secret_clear(x);
    bg_secret_clear(a);
    bg_secret_clear(b);
    return status;
}

static void rerandomise(const struct bg_secret_key *key, const mpz_t zero, const uint8_t *exponent, mpz_t c)
{
    const struct bg_public_key *public_key = key->public_key;
    mpz_t a;

    mpz_init(a);
    bg_big_from_bytes((struct bg_span){exponent, BLIND_BYTES}, a);
    mpz_setbit(a, 8 * BLIND_BYTES);
    mpz_powm_sec(a, zero, a, public_key->power[public_key->s + 1]);
    mpz_mul(c, c, a);
    mpz_mod(c, c, public_key->power[public_key->s + 1]);
    bg_secret_clear(a);
}

/* One call of bg_decrypt. */
struct batch {
    const struct bg_secret_key *key;
    struct bg_span ciphertexts;
    size_t count;
    mpz_t zero;
    uint8_t *blinds;  /* (count + 1) of BLIND_BYTES; the last for the check */
    uint8_t *weights; /* count of WEIGHT_BYTES */
    uint8_t *ret_plaintexts;
    struct slice *slices;
};

struct slice {
    bool failed;
    mpz_t product; /* ∏ C_t^(e_t) mod n^(s+1) */
    mpz_t sum;     /* Σ e_t V_t */
};

/* ret = ∏ bases[i]^weights[i] mod modulus, all exponents scanned together from their top bits. */
static void weigh(mpz_t *bases, const uint8_t *weights, size_t count, const mpz_t modulus, mpz_t ret)
{
    mpz_set_ui(ret, 1);
    for (size_t bit = WEIGHT_BITS; bit-- > 0;) {
        mpz_mul(ret, ret, ret);
        mpz_mod(ret, ret, modulus);
        for (size_t i = 0; i < count; i++) {
            if (!(weights[i * WEIGHT_BYTES + bit / 8] >> bit % 8 & 1))
                continue;
            mpz_mul(ret, ret, bases[i]);
            mpz_mod(ret, ret, modulus);
        }
    }
}

static void open_slice(void *context, size_t index)
{
    const struct batch *batch = context;
    const struct bg_public_key *public_key = batch->key->public_key;
    struct slice *slice = &batch->slices[index];
    size_t first = index * SLICE;
    size_t count = batch->count - first < SLICE ? batch->count - first : SLICE;
    size_t plaintext_bytes = bg_public_key_plaintext_bytes(public_key);
    size_t ciphertext_bytes = bg_public_key_ciphertext_bytes(public_key);
    mpz_t bases[SLICE], c, value, weight;

    mpz_inits(c, value, weight, NULL);
    for (size_t i = 0; i < SLICE; i++)
        mpz_init(bases[i]);
    for (size_t i = 0; i < count; i++) {
        size_t t = first + i;
        const uint8_t *digits = batch->ciphertexts.data + t * ciphertext_bytes;
        bg_big_from_digits(public_key, digits, public_key->s + 1, bases[i]);
        mpz_set(c, bases[i]);
        rerandomise(batch->key, batch->zero, batch->blinds + t * BLIND_BYTES, c);
        slice->failed = !decrypt_one(batch->key, c, value);
        if (slice->failed)
            break;
        bg_big_to_digits(public_key, value, public_key->s, batch->ret_plaintexts + t * plaintext_bytes);
        bg_big_from_bytes((struct bg_span){batch->weights + t * WEIGHT_BYTES, WEIGHT_BYTES}, weight);
        mpz_addmul(slice->sum, weight, value);
    }
    if (!slice->failed)
        weigh(bases, batch->weights + first * WEIGHT_BYTES, count, public_key->power[public_key->s + 1],
              slice->product);
    bg_secret_clear(c);
    bg_secret_clear(value);
    bg_secret_clear(weight);
    for (size_t i = 0; i < SLICE; i++)
        mpz_clear(bases[i]);
}

static enum bg_status check_batch(const struct batch *batch, const struct bg_random *random)
{
    const struct bg_public_key *public_key = batch->key->public_key;
    uint32_t s = public_key->s;
    mpz_t c, expected, value;

    mpz_inits(c, expected, value, NULL);
    enum bg_status status = bg_big_random_below(random, public_key->power[s], expected);
    if (status != BG_OK)
        goto out;
    bg_big_embed(public_key, expected, c);
    for (size_t i = 0; i < bg_divide_up(batch->count, SLICE); i++) {
        mpz_mul(c, c, batch->slices[i].product);
        mpz_mod(c, c, public_key->power[s + 1]);
        mpz_add(expected, expected, batch->slices[i].sum);
    }
    mpz_mod(expected, expected, public_key->power[s]);
    rerandomise(batch->key, batch->zero, batch->blinds + batch->count * BLIND_BYTES, c);
    if (!decrypt_one(batch->key, c, value) || mpz_cmp(value, expected) != 0)
        status = BG_FAULT;
out:
    bg_secret_clear(c);
    bg_secret_clear(expected);
    bg_secret_clear(value);
    return status;
}

static enum bg_status run_batch(struct batch *batch, const struct bg_random *random,
                                struct bg_workers *workers, struct bg_error *error)
{
    size_t slices = bg_divide_up(batch->count, SLICE);
    enum bg_status status = draw_zero(batch->key, random, batch->zero);
    if (status == BG_OK)
        status = bg_random_fill(random, batch->blinds, (batch->count + 1) * BLIND_BYTES);
    if (status == BG_OK)
        status = bg_random_fill(random, batch->weights, batch->count * WEIGHT_BYTES);
    if (status != BG_OK)
        return bg_fail(error, status, "decryption: no random bytes");

    if (workers)
        bg_workers_for(workers, slices, open_slice, batch);
    else
        for (size_t i = 0; i < slices; i++)
            open_slice(batch, i);

    for (size_t i = 0; i < slices && status == BG_OK; i++)
        status = batch->slices[i].failed ? BG_FAULT : BG_OK;
    if (status == BG_OK)
        status = check_batch(batch, random);
    if (status != BG_OK)
        return bg_fail(error, status, "decryption of %zu ciphertexts failed its check, nothing was released; "
                       "check the machine and the key file", batch->count);
    return BG_OK;
}

enum bg_status bg_decrypt(const struct bg_secret_key *key, struct bg_span ciphertexts, size_t count,
                          const struct bg_random *random, struct bg_workers *workers, struct bg_error *error,
                          uint8_t *ret_plaintexts)
{
    size_t expected;
    if (!bg_size_multiply(count, bg_public_key_ciphertext_bytes(key->public_key), &expected) ||
        ciphertexts.size != expected)
        return bg_fail(error, BG_INVALID, "decryption: %zu bytes are not %zu ciphertexts of this key",
                       ciphertexts.size, count);
    if (count == 0)
        return BG_OK;

    struct bg_cipher cipher = {.mode = BG_ENCRYPTION_PAILLIER, .key = key->public_key};
    size_t bad = 0;
    enum bg_status status = bg_cipher_check(&cipher, ciphertexts, count, &bad);
    if (status != BG_OK)
        return bg_fail(error, status, "decryption: ciphertext %zu of %zu has a digit of n or more, or is not "
                       "coprime to n", bad, count);

    /* The ciphertexts are in memory and longer than what is allocated here: no product overflows. */
    size_t slices = bg_divide_up(count, SLICE);
    struct batch batch = {
        .key = key,
        .ciphertexts = ciphertexts,
        .count = count,
        .blinds = malloc((count + 1) * BLIND_BYTES),
        .weights = malloc(count * WEIGHT_BYTES),
        .ret_plaintexts = ret_plaintexts,
        .slices = calloc(slices, sizeof *batch.slices),
    };
    status = bg_fail(error, BG_NO_MEMORY, "decryption: out of memory");
    mpz_init(batch.zero);
    for (size_t i = 0; batch.slices && i < slices; i++)
        mpz_inits(batch.slices[i].product, batch.slices[i].sum, NULL);
    if (batch.blinds && batch.weights && batch.slices)
        status = run_batch(&batch, random, workers, error);

    for (size_t i = 0; batch.slices && i < slices; i++) {
        mpz_clear(batch.slices[i].product);
        bg_secret_clear(batch.slices[i].sum);
    }
    bg_secret_clear(batch.zero);
    if (batch.blinds)
        bg_wipe(batch.blinds, (count + 1) * BLIND_BYTES);
    free(batch.blinds);
    free(batch.weights);
    free(batch.slices);
    if (status != BG_OK)
        bg_wipe(ret_plaintexts, count * bg_public_key_plaintext_bytes(key->public_key));
    return status;
}

enum bg_status bg_decrypt_known_answer(const struct bg_secret_key *key, struct bg_error *error)
{
    const struct bg_public_key *public_key = key->public_key;
    const mpz_t *plain_modulus = &public_key->power[public_key->s];
    const mpz_t *cipher_modulus = &public_key->power[public_key->s + 1];
    mpz_t m, c, mask;

    mpz_inits(m, c, mask, NULL);
    mpz_fdiv_q_ui(m, *plain_modulus, 3);
    bg_big_embed(public_key, m, c);
    mpz_set_ui(mask, 2);
    mpz_powm(mask, mask, *plain_modulus, *cipher_modulus);
    mpz_mul(c, c, mask);
    mpz_mod(c, c, *cipher_modulus);
    bool ok = decrypt_one(key, c, mask) && mpz_cmp(mask, m) == 0;
    mpz_clears(m, c, mask, NULL);
    return ok ? BG_OK : bg_fail(error, BG_FAULT, "secret key: a known ciphertext decrypts to something else");
}
