/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/adic.h"

#include "base/checked.h"
#include "base/cpu.h"
#include "crypto/adic_select.h"
#include "crypto/big.h"
#include "crypto/kernel.h"
#include "crypto/wipe.h"

#include <assert.h>
#include <stdlib.h>

/* Compact numbers are the bytes of the wire. */
_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "numbers in memory are little-endian");

#define WORDS_ALIGNED (BG_ADIC_ALIGNMENT / sizeof(uint64_t))

const struct bg_adic_kernel *const bg_adic_kernels[] = {
#if defined(__aarch64__)
    &bg_adic_neon,
#elif defined(__x86_64__)
    &bg_adic_ifma,
#endif
    &bg_adic_portable,
    NULL,
};

bool bg_crypto_kernel_at(size_t index, struct bg_crypto_kernel *ret_kernel)
{
    for (size_t i = 0; i <= index; i++)
        if (!bg_adic_kernels[i])
            return false;
    const struct bg_adic_kernel *kernel = bg_adic_kernels[index];
    *ret_kernel = (struct bg_crypto_kernel){kernel->name, kernel->needs, kernel->lanes};
    return true;
}

static const struct bg_adic_kernel *first_usable(void)
{
    size_t i = 0;
    while (!bg_cpu_has(bg_adic_kernels[i]->needs))
        i++;
    return bg_adic_kernels[i];
}

static size_t round_up(size_t words)
{
    return bg_divide_up(words, WORDS_ALIGNED) * WORDS_ALIGNED;
}

/* Memory of GMP's functions, which never give NULL: the secure heap of a process that has one. How far the aligned
 * memory lies from the block's start is in the byte before it. */
static uint64_t *allocate(size_t words)
{
    void *(*take)(size_t size);
    mp_get_memory_functions(&take, NULL, NULL);
    uint8_t *block = take(words * sizeof(uint64_t) + BG_ADIC_ALIGNMENT);
    size_t shift = BG_ADIC_ALIGNMENT - (uintptr_t)block % BG_ADIC_ALIGNMENT;
    uint64_t *memory = (uint64_t *)(void *)(block + shift);
    block[shift - 1] = (uint8_t)shift;
    memset(memory, 0, words * sizeof *memory);
    return memory;
}

static void release(uint64_t *memory, size_t words)
{
    void (*give_back)(void *block, size_t size);
    if (!memory)
        return;
    mp_get_memory_functions(NULL, NULL, &give_back);
    uint8_t *start = (uint8_t *)memory;
    bg_wipe(memory, words * sizeof *memory);
    give_back(start - start[-1], words * sizeof *memory + BG_ADIC_ALIGNMENT);
}

/* −1/b mod 2^64 by Newton's iteration, which doubles the bits that are right: b itself is 1/b mod 8. */
static uint64_t negative_inverse(uint64_t b)
{
    uint64_t inverse = b;
    for (int bits = 3; bits < 64; bits *= 2)
        inverse *= 2 - b * inverse;
    return -inverse;
}

void bg_adic_from_big(const struct bg_adic *ring, uint32_t digits, const mpz_t x, uint64_t *ret_number)
{
    mpz_t base, rest, digit;

    mpz_inits(base, rest, digit, NULL);
    mpz_import(base, ring->digit_words, -1, sizeof *ring->base, 0, 0, ring->base);
    mpz_set(rest, x);
    memset(ret_number, 0, bg_adic_compact_words(ring, digits) * sizeof *ret_number);
    for (uint32_t i = 0; i < digits; i++) {
        mpz_tdiv_qr(rest, digit, rest, base);
        mpz_export(ret_number + i * ring->digit_words, NULL, -1, sizeof *ret_number, 0, 0, digit);
    }
    assert(mpz_sgn(rest) == 0);
    bg_big_wipe(base);
    bg_big_wipe(digit);
    mpz_clears(base, rest, digit, NULL);
}

void bg_adic_to_big(const struct bg_adic *ring, uint32_t digits, const uint64_t *number, mpz_t ret)
{
    mpz_t base, digit;

    mpz_inits(base, digit, NULL);
    mpz_import(base, ring->digit_words, -1, sizeof *ring->base, 0, 0, ring->base);
    mpz_set_ui(ret, 0);
    for (uint32_t i = digits; i-- > 0;) {
        mpz_import(digit, ring->digit_words, -1, sizeof *number, 0, 0, number + i * ring->digit_words);
        mpz_mul(ret, ret, base);
        mpz_add(ret, ret, digit);
    }
    bg_big_wipe(base);
    bg_big_wipe(digit);
    mpz_clears(base, digit, NULL);
}

/* ret = number in every lane. */
static void load_everywhere(const struct bg_adic *ring, const uint64_t *number, uint64_t *ret)
{
    const uint64_t *numbers[BG_ADIC_MOST_LANES];
    for (unsigned i = 0; i < ring->kernel->lanes; i++)
        numbers[i] = number;
    ring->kernel->load(ring, ring->digits, numbers, ret);
}

static void split(const struct bg_adic *ring, const mpz_t x, uint64_t *ret_limbs)
{
    unsigned bits = ring->kernel->limb_bits;
    mpz_t rest, limb;

    mpz_init_set(rest, x);
    mpz_init(limb);
    for (size_t i = 0; i < ring->limbs; i++) {
        mpz_tdiv_r_2exp(limb, rest, bits);
        mpz_export(&ret_limbs[i], NULL, -1, sizeof *ret_limbs, 0, 0, limb);
        mpz_tdiv_q_2exp(rest, rest, bits);
    }
    bg_big_wipe(rest);
    bg_big_wipe(limb);
    mpz_clears(rest, limb, NULL);
}

static void split_base(struct bg_adic *ring, const mpz_t base)
{
    unsigned bits = ring->kernel->limb_bits;
    mpz_t multiple;

    mpz_export(ring->base, NULL, -1, sizeof *ring->base, 0, 0, base);
    ring->inverse = negative_inverse(ring->base[0]);
    mpz_init(multiple);
    mpz_import(multiple, 1, -1, sizeof ring->inverse, 0, 0, &ring->inverse);
    mpz_tdiv_r_2exp(multiple, multiple, bits);
    mpz_mul(multiple, multiple, base);
    mpz_cdiv_q_2exp(multiple, multiple, bits);
    split(ring, base, ring->base_limbs);
    for (size_t i = 0; i < ring->limbs; i++)
        ring->complement_limbs[i] = ring->base_limbs[i] ^ (UINT64_MAX >> (64 - bits));
    split(ring, multiple, ring->multiple_limbs);
    bg_big_wipe(multiple);
    mpz_clear(multiple);
}

/* The vectors 1, R and R² mod b^e; `number` has room for one compact number. */
static void compute_constants(struct bg_adic *ring, const mpz_t base, uint64_t *number)
{
    mp_bitcnt_t radix_bits = (mp_bitcnt_t)ring->kernel->limb_bits * ring->limbs;
    uint64_t *const vectors[] = {ring->unit, ring->one, ring->radix};
    mpz_t modulus, power;

    mpz_inits(modulus, power, NULL);
    mpz_pow_ui(modulus, base, ring->digits);
    for (mp_bitcnt_t i = 0; i < sizeof vectors / sizeof *vectors; i++) {
        mpz_set_ui(power, 1);
        mpz_mul_2exp(power, power, i * radix_bits);
        mpz_mod(power, power, modulus);
        bg_adic_from_big(ring, ring->digits, power, number);
        load_everywhere(ring, number, vectors[i]);
    }
    bg_big_wipe(modulus);
    bg_big_wipe(power);
    mpz_clears(modulus, power, NULL);
}

static size_t constant_words(const struct bg_adic *ring)
{
    return round_up(ring->digit_words) + 3 * round_up(ring->limbs + 1) + 3 * ring->vector_words +
           round_up(bg_adic_compact_words(ring, ring->digits));
}

enum bg_status bg_adic_create(const mpz_t base, uint32_t digits, struct bg_adic **ret_ring)
{
    assert(mpz_odd_p(base) && digits >= 1 && digits <= BG_ADIC_MOST_DIGITS);
    struct bg_adic *ring = calloc(1, sizeof *ring);
    if (!ring)
        return BG_NO_MEMORY;
    const struct bg_adic_kernel *kernel = first_usable();
    uint32_t bits = (uint32_t)mpz_sizeinbase(base, 2);
    assert(bits <= BG_KEY_MOST_BITS);
    *ring = (struct bg_adic){.kernel = kernel,
                             .base_bits = bits,
                             .digits = digits,
                             .digit_words = bg_divide_up(bits, 64),
                             .limbs = kernel->limbs(bits)};
    ring->vector_words = round_up(digits * ring->limbs * kernel->lanes);
    ring->scratch_words = round_up(kernel->scratch_words(ring));
    ring->memory = allocate(constant_words(ring));
    ring->unit = ring->memory;
    ring->one = ring->unit + ring->vector_words;
    ring->radix = ring->one + ring->vector_words;
    ring->base = ring->radix + ring->vector_words;
    ring->base_limbs = ring->base + round_up(ring->digit_words);
    ring->complement_limbs = ring->base_limbs + round_up(ring->limbs + 1);
    ring->multiple_limbs = ring->complement_limbs + round_up(ring->limbs + 1);
    split_base(ring, base);
    compute_constants(ring, base, ring->multiple_limbs + round_up(ring->limbs + 1));
    *ret_ring = ring;
    return BG_OK;
}

void bg_adic_destroy(struct bg_adic **ring)
{
    if (!*ring)
        return;
    release((*ring)->memory, constant_words(*ring));
    bg_wipe(*ring, sizeof **ring);
    free(*ring);
    *ring = NULL;
}

void bg_adic_view(const uint8_t *bytes, size_t stride, unsigned count, size_t words, uint64_t *ret_copies,
                  const uint64_t *ret_numbers[])
{
    bool aligned = (uintptr_t)bytes % sizeof *ret_copies == 0 && stride % sizeof *ret_copies == 0;
    for (unsigned i = 0; i < count; i++) {
        if (!aligned)
            memcpy(ret_copies + i * words, bytes + i * stride, words * sizeof *ret_copies);
        ret_numbers[i] = aligned ? (const uint64_t *)(const void *)(bytes + i * stride) : ret_copies + i * words;
    }
}

enum bg_status bg_adic_space_init(struct bg_adic_space *space, const struct bg_adic *ring, size_t vectors)
{
    size_t words = vectors * ring->vector_words + ring->scratch_words;
    uint64_t *memory = allocate(words);
    *space = (struct bg_adic_space){ring, memory, vectors, words * sizeof *memory};
    return BG_OK;
}

void bg_adic_space_finish(struct bg_adic_space *space)
{
    release(space->memory, space->bytes / sizeof *space->memory);
    *space = (struct bg_adic_space){0};
}

uint64_t *bg_adic_vector(const struct bg_adic_space *space, size_t index)
{
    assert(index < space->vectors);
    return space->memory + index * space->ring->vector_words;
}

static uint64_t *scratch(const struct bg_adic_space *space)
{
    return space->memory + space->vectors * space->ring->vector_words;
}

void bg_adic_multiply(const struct bg_adic_space *space, uint32_t digits, const uint64_t *x, const uint64_t *y,
                      uint64_t *ret)
{
    space->ring->kernel->multiply(space->ring, digits, x, y, ret, scratch(space));
}

void bg_adic_square(const struct bg_adic_space *space, uint32_t digits, const uint64_t *x, uint64_t *ret)
{
    space->ring->kernel->square(space->ring, digits, x, ret, scratch(space));
}

void bg_adic_scale(const struct bg_adic_space *space, uint32_t digits, const uint64_t *x, const uint64_t *y,
                   uint64_t *ret)
{
    space->ring->kernel->scale(space->ring, digits, x, y, ret, scratch(space));
}

void bg_adic_add(const struct bg_adic_space *space, uint32_t digits, const uint64_t *x, const uint64_t *y,
                 uint64_t *ret)
{
    space->ring->kernel->add(space->ring, digits, x, y, ret, scratch(space));
}

void bg_adic_enter(const struct bg_adic_space *space, uint32_t digits, const uint64_t *x, uint64_t *ret)
{
    bg_adic_multiply(space, digits, x, space->ring->radix, ret);
}

void bg_adic_leave(const struct bg_adic_space *space, uint32_t digits, const uint64_t *x, uint64_t *ret)
{
    bg_adic_multiply(space, digits, x, space->ring->unit, ret);
}

void bg_adic_load(const struct bg_adic_space *space, uint32_t digits, const uint64_t *const numbers[], unsigned count,
                  uint64_t *ret)
{
    const struct bg_adic *ring = space->ring;
    const uint64_t *lanes[BG_ADIC_MOST_LANES];

    assert(count >= 1 && count <= ring->kernel->lanes);
    for (unsigned i = 0; i < ring->kernel->lanes; i++)
        lanes[i] = numbers[i < count ? i : count - 1];
    ring->kernel->load(ring, digits, lanes, ret);
}

void bg_adic_store(const struct bg_adic_space *space, uint32_t digits, const uint64_t *x, unsigned count,
                   uint64_t *const ret_numbers[])
{
    assert(count <= space->ring->kernel->lanes);
    space->ring->kernel->store(space->ring, digits, x, count, ret_numbers, scratch(space));
}

void bg_adic_select(const struct bg_adic_space *space, const uint64_t *vectors, size_t count, size_t wanted,
                    uint64_t *ret)
{
    const struct bg_adic *ring = space->ring;

    if (ring->kernel->select)
        ring->kernel->select(vectors, ring->vector_words, count, wanted, ret);
    else
        bg_adic_select_words(vectors, ring->vector_words, count, wanted, ret);
}
