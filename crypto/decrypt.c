/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/decrypt.h"

#include "base/checked.h"
#include "crypto/cipher.h"
#include "crypto/comb.h"
#include "crypto/embed.h"
#include "crypto/ladder.h"
#include "crypto/secret_parts.h"
#include "crypto/weigh.h"
#include "crypto/wipe.h"

#include <stdlib.h>
#include <string.h>

#define WEIGHT_BYTES 8

/* `count` ciphertexts and then the check, each an item. */
struct batch {
    const struct bg_secret_key *key;
    const struct bg_adic *ring; /* base n */
    size_t count;
    size_t blind_bytes;
    uint8_t *blinds;          /* blind_bytes per item */
    uint8_t *weights;         /* WEIGHT_BYTES per item, the check's unused */
    size_t number_words;
    uint64_t *numbers;        /* compact, base n, per item; re-randomised in place */
    mpz_t *residues;          /* two per item: m mod p^s, which becomes m, and m mod q^s */
    enum bg_status *statuses; /* per job, of which there are at most two per item */
};

static size_t items_of(const struct batch *batch)
{
    return batch->count + 1;
}

static uint64_t *number_of(const struct batch *batch, size_t item)
{
    return batch->numbers + item * batch->number_words;
}

/* Items that are computed side by side. */
struct group {
    size_t first;
    unsigned count;
};

static size_t groups_of(const struct batch *batch)
{
    return bg_divide_up(items_of(batch), batch->ring->kernel->lanes);
}

static struct group group_at(const struct batch *batch, size_t index)
{
    unsigned lanes = batch->ring->kernel->lanes;
    size_t first = index * lanes, left = items_of(batch) - first;
    return (struct group){first, left < lanes ? (unsigned)left : lanes};
}

static void blind_group(void *context, size_t index)
{
    const struct batch *batch = context;
    struct group group = group_at(batch, index);
    uint32_t digits = batch->ring->digits;
    struct bg_adic_space space = {0};
    const uint8_t *exponents[BG_ADIC_MOST_LANES];
    uint64_t *numbers[BG_ADIC_MOST_LANES];

    batch->statuses[index] = bg_adic_space_init(&space, batch->ring, BG_COMB_VECTORS);
    if (batch->statuses[index] != BG_OK)
        return;
    for (unsigned i = 0; i < group.count; i++) {
        exponents[i] = batch->blinds + (group.first + i) * batch->blind_bytes;
        numbers[i] = number_of(batch, group.first + i);
    }
    uint64_t *mask = bg_adic_vector(&space, 0), *c = bg_adic_vector(&space, 1);
    bg_comb_power(batch->key->zeros, &space, exponents, group.count);
    bg_adic_load(&space, digits, (const uint64_t *const *)numbers, group.count, c);
    bg_adic_multiply(&space, digits, c, mask, c);
    bg_adic_store(&space, digits, c, group.count, numbers);
    bg_adic_space_finish(&space);
}

/* The low digits of c in base p. */
static void split(const struct bg_secret_half *half, mpz_t c, uint64_t *ret_number)
{
    const struct bg_adic *ring = half->adic;
    mpz_t digit;

    mpz_init(digit);
    memset(ret_number, 0, bg_adic_compact_words(ring, ring->digits) * sizeof *ret_number);
    for (uint32_t d = 0; d < ring->digits; d++) {
        mpz_tdiv_qr(c, digit, c, half->prime);
        mpz_export(ret_number + d * ring->digit_words, NULL, -1, sizeof *ret_number, 0, 0, digit);
    }
    bg_secret_clear(digit);
}

/* numbers = numbers^(p−1), one per lane, base p. */
static void raise(const struct bg_secret_half *half, const struct bg_adic_space *space, uint64_t *const numbers[],
                  unsigned count)
{
    uint32_t digits = half->adic->digits;
    uint64_t *x = bg_adic_vector(space, 0);

    bg_adic_load(space, digits, (const uint64_t *const *)numbers, count, x);
    bg_adic_enter(space, digits, x, x);
    bg_ladder_power(space, half->order, half->adic->base_bits);
    bg_adic_leave(space, digits, x, x);
    bg_adic_store(space, digits, x, count, numbers);
}

/* m mod p^s from x^(p−1). False after a fault that leaves a low digit other than 1. */
static bool read_residue(const struct bg_secret_half *half, const uint64_t *number, mpz_t ret)
{
    uint32_t s = half->adic->digits - 1;
    uint64_t wrong = number[0] ^ 1;
    mpz_t u;

    for (size_t i = 1; i < half->adic->digit_words; i++)
        wrong |= number[i];
    mpz_init(u);
    bg_adic_to_big(half->adic, s, number + half->adic->digit_words, u);
    bg_secret_evaluate(half, s, u, ret);
    bg_secret_clear(u);
    return wrong == 0;
}

static void open_half(void *context, size_t index)
{
    const struct batch *batch = context;
    struct group group = group_at(batch, index / 2);
    const struct bg_secret_half *half = index % 2 ? &batch->key->q : &batch->key->p;
    const struct bg_adic *ring = half->adic;
    size_t words = bg_adic_compact_words(ring, ring->digits);
    struct bg_adic_space space = {0};
    uint64_t *numbers[BG_ADIC_MOST_LANES];
    uint64_t *memory = malloc(group.count * words * sizeof *memory);
    enum bg_status status = BG_NO_MEMORY;
    mpz_t c;

    mpz_init(c);
    if (!memory || bg_adic_space_init(&space, ring, bg_ladder_vectors(ring, ring->base_bits)) != BG_OK)
        goto out;
    for (unsigned i = 0; i < group.count; i++) {
        numbers[i] = memory + i * words;
        bg_adic_to_big(batch->ring, batch->ring->digits, number_of(batch, group.first + i), c);
        split(half, c, numbers[i]);
    }
    raise(half, &space, numbers, group.count);
    status = BG_OK;
    for (unsigned i = 0; i < group.count; i++)
        if (!read_residue(half, numbers[i], batch->residues[2 * (group.first + i) + index % 2]))
            status = BG_FAULT;
out:
    batch->statuses[index] = status;
    bg_adic_space_finish(&space);
    if (memory)
        bg_wipe(memory, group.count * words * sizeof *memory);
    free(memory);
    bg_secret_clear(c);
}

static void join_item(void *context, size_t item)
{
    const struct batch *batch = context;
    const struct bg_secret_key *key = batch->key;
    mpz_t *a = &batch->residues[2 * item], *b = a + 1, m;

    mpz_init(m);
    bg_secret_join(*a, key->p.power, *b, key->q.power, key->join, m);
    mpz_swap(*a, m);
    batch->statuses[item] = mpz_cmp(*a, key->public_key->power[key->public_key->s]) < 0 ? BG_OK : BG_FAULT;
    bg_secret_clear(m);
}

/* Gives the first status that is not BG_OK. */
static enum bg_status run(struct batch *batch, struct bg_workers *workers, size_t jobs,
                          void (*body)(void *context, size_t index))
{
    if (workers)
        bg_workers_for(workers, jobs, body, batch);
    else
        for (size_t i = 0; i < jobs; i++)
            body(batch, i);
    for (size_t i = 0; i < jobs; i++)
        if (batch->statuses[i] != BG_OK)
            return batch->statuses[i];
    return BG_OK;
}

/* number *= (1+n)^r */
static enum bg_status multiply_by_power(const struct bg_public_key *key, const mpz_t r, uint64_t *number)
{
    struct bg_adic_space space;
    enum bg_status status = bg_adic_space_init(&space, key->adic, 5);
    if (status != BG_OK)
        return status;
    uint64_t *m = bg_adic_vector(&space, 0), *f = bg_adic_vector(&space, 1), *spare = bg_adic_vector(&space, 2);
    uint64_t *form = bg_adic_vector(&space, 3), *x = bg_adic_vector(&space, 4);

    bg_adic_from_big(key->adic, key->s, r, spare);
    bg_adic_load(&space, key->s, &(const uint64_t *){spare}, 1, m);
    bg_embed(key, &space, m, spare, f);
    bg_adic_load(&space, key->s + 1, &(const uint64_t *){number}, 1, x);
    bg_adic_enter(&space, key->s, x, form);
    bg_embed_multiply(key, &space, form, f, x);
    bg_adic_store(&space, key->s + 1, x, 1, &number);
    bg_adic_space_finish(&space);
    return BG_OK;
}

/* The last number = (1+n)^r ∏ C_t^(e_t). */
static enum bg_status prepare_check(struct batch *batch, const mpz_t r, struct bg_workers *workers)
{
    uint64_t *number = number_of(batch, batch->count);
    enum bg_status status = BG_OK;

    memset(number, 0, batch->number_words * sizeof *number);
    number[0] = 1;
    if (batch->count)
        status = bg_weigh(batch->ring, batch->numbers, batch->weights, WEIGHT_BYTES, batch->count, workers, number);
    return status == BG_OK ? multiply_by_power(batch->key->public_key, r, number) : status;
}

/* The last value is r + Σ e_t V_t. */
static bool passes_check(const struct batch *batch, const mpz_t r)
{
    const struct bg_public_key *public_key = batch->key->public_key;
    mpz_t sum, weight;

    mpz_init_set(sum, r);
    mpz_init(weight);
    for (size_t t = 0; t < batch->count; t++) {
        bg_big_from_bytes((struct bg_span){batch->weights + t * WEIGHT_BYTES, WEIGHT_BYTES}, weight);
        mpz_addmul(sum, weight, batch->residues[2 * t]);
    }
    mpz_mod(sum, sum, public_key->power[public_key->s]);
    bool same = mpz_cmp(sum, batch->residues[2 * batch->count]) == 0;
    bg_secret_clear(sum);
    mpz_clear(weight);
    return same;
}

static enum bg_status open_batch(struct batch *batch, const mpz_t r, struct bg_workers *workers)
{
    enum bg_status status = prepare_check(batch, r, workers);
    if (status == BG_OK)
        status = run(batch, workers, groups_of(batch), blind_group);
    if (status == BG_OK)
        status = run(batch, workers, 2 * groups_of(batch), open_half);
    if (status == BG_OK)
        status = run(batch, workers, items_of(batch), join_item);
    if (status == BG_OK && !passes_check(batch, r))
        status = BG_FAULT;
    return status;
}

/* A size that cannot be allocated would not have fitted into memory as ciphertexts. */
static enum bg_status begin(struct batch *batch, const struct bg_secret_key *key, size_t count)
{
    const struct bg_adic *ring = key->public_key->adic;
    *batch = (struct batch){
        .key = key,
        .ring = ring,
        .count = count,
        .blind_bytes = bg_comb_exponent_bytes(key->zeros),
        .number_words = bg_adic_compact_words(ring, ring->digits),
    };
    size_t items = items_of(batch);
    batch->blinds = malloc(items * batch->blind_bytes);
    batch->weights = malloc(items * WEIGHT_BYTES);
    batch->numbers = malloc(items * batch->number_words * sizeof *batch->numbers);
    batch->residues = malloc(2 * items * sizeof *batch->residues);
    batch->statuses = malloc(2 * items * sizeof *batch->statuses);
    for (size_t i = 0; batch->residues && i < 2 * items; i++)
        mpz_init(batch->residues[i]);
    return batch->blinds && batch->weights && batch->numbers && batch->residues && batch->statuses ? BG_OK
                                                                                                   : BG_NO_MEMORY;
}

static void finish(struct batch *batch)
{
    size_t items = items_of(batch);
    for (size_t i = 0; batch->residues && i < 2 * items; i++)
        bg_secret_clear(batch->residues[i]);
    if (batch->blinds)
        bg_wipe(batch->blinds, items * batch->blind_bytes);
    if (batch->numbers)
        bg_wipe(batch->numbers, items * batch->number_words * sizeof *batch->numbers);
    free(batch->blinds);
    free(batch->weights);
    free(batch->numbers);
    free(batch->residues);
    free(batch->statuses);
}

static enum bg_status draw(struct batch *batch, const struct bg_random *random, mpz_t ret_r)
{
    const struct bg_public_key *public_key = batch->key->public_key;
    enum bg_status status = bg_random_fill(random, batch->blinds, items_of(batch) * batch->blind_bytes);
    if (status == BG_OK)
        status = bg_random_fill(random, batch->weights, batch->count * WEIGHT_BYTES);
    if (status == BG_OK)
        status = bg_big_random_below(random, public_key->power[public_key->s], ret_r);
    return status;
}

static enum bg_status check_input(const struct bg_public_key *key, struct bg_span ciphertexts, size_t count,
                                  struct bg_error *error)
{
    const struct bg_cipher cipher = {.mode = BG_ENCRYPTION_PAILLIER, .key = key};
    size_t expected, bad = 0;

    if (!bg_size_multiply(count, bg_public_key_ciphertext_bytes(key), &expected) || ciphertexts.size != expected)
        return bg_fail(error, BG_INVALID, "decryption: %zu bytes are not %zu ciphertexts of this key",
                       ciphertexts.size, count);
    enum bg_status status = bg_cipher_check(&cipher, ciphertexts, count, &bad);
    if (status == BG_BAD_CIPHERTEXT)
        return bg_fail(error, status, "decryption: ciphertext %zu of %zu has a digit of n or more, or is not "
                       "coprime to n", bad, count);
    if (status != BG_OK)
        return bg_fail(error, status, "decryption: %s", bg_status_text(status));
    return BG_OK;
}

enum bg_status bg_decrypt(const struct bg_secret_key *key, struct bg_span ciphertexts, size_t count,
                          const struct bg_random *random, struct bg_workers *workers, struct bg_error *error,
                          uint8_t *ret_plaintexts)
{
    const struct bg_public_key *public_key = key->public_key;
    size_t plaintext_bytes = bg_public_key_plaintext_bytes(public_key);
    struct batch batch;
    mpz_t r;

    enum bg_status status = check_input(public_key, ciphertexts, count, error);
    if (status != BG_OK || count == 0)
        return status;
    mpz_init(r);
    status = begin(&batch, key, count);
    if (status == BG_OK) {
        memcpy(batch.numbers, ciphertexts.data, ciphertexts.size);
        status = draw(&batch, random, r);
    }
    if (status == BG_OK)
        status = open_batch(&batch, r, workers);
    if (status == BG_OK)
        for (size_t t = 0; t < count; t++)
            bg_big_to_digits(public_key, batch.residues[2 * t], public_key->s, ret_plaintexts + t * plaintext_bytes);
    else
        bg_wipe(ret_plaintexts, count * plaintext_bytes);
    finish(&batch);
    bg_secret_clear(r);
    if (status == BG_FAULT)
        return bg_fail(error, status, "decryption of %zu ciphertexts failed its check, nothing was released; check "
                       "the machine and the key file", count);
    if (status != BG_OK)
        return bg_fail(error, status, "decryption: %s", status == BG_RANDOM ? "no random bytes" : "out of memory");
    return BG_OK;
}

enum bg_status bg_decrypt_known_answer(const struct bg_secret_key *key, struct bg_error *error)
{
    struct batch batch;
    mpz_t m;

    mpz_init(m);
    mpz_fdiv_q_ui(m, key->public_key->power[key->public_key->s], 3);
    enum bg_status status = begin(&batch, key, 0);
    if (status == BG_OK) {
        memset(batch.blinds, 0x5a, batch.blind_bytes);
        status = open_batch(&batch, m, NULL);
    }
    finish(&batch);
    mpz_clear(m);
    if (status == BG_FAULT)
        return bg_fail(error, status, "secret key: a known ciphertext decrypts to something else");
    return status == BG_OK ? BG_OK : bg_fail(error, status, "secret key: out of memory");
}
