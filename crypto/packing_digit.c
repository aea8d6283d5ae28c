/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/packing_digit.h"

#include "crypto/wipe.h"

#include <gmp.h>
#include <string.h>

#define DIGIT_WORDS (BG_KEY_MOST_BITS / 64 + BG_SLOTS_SLACK_WORDS + 1)
#define DIGIT_LIMBS (BG_KEY_MOST_BITS / GMP_NUMB_BITS + 1)
#define LIMBS_PER_WIDE (64 / GMP_NUMB_BITS)

struct bg_packing_run bg_packing_run(size_t first, size_t count, uint64_t max, uint64_t radix, unsigned width)
{
    struct bg_packing_run run = {.first = first,
                                 .end = first + count,
                                 .max = max,
                                 .radix = radix,
                                 .width = width,
                                 .piece = 1,
                                 .step = 1,
                                 .piece_radix = radix};
    if (width)
        return run;
    for (; run.piece_radix * radix < 1 << 16; run.piece_radix *= radix)
        run.piece++;
    run.step = run.piece;
    run.step_radix = run.piece_radix;
    for (; run.step_radix <= GMP_NUMB_MAX / run.piece_radix; run.step_radix *= run.piece_radix)
        run.step += run.piece;
    return run;
}

const struct bg_packing_run *bg_packing_run_of(const struct bg_packing *packing, size_t slot)
{
    size_t low = 0, high = packing->field_count;

    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;
        if (packing->fields[middle].first <= slot)
            low = middle;
        else
            high = middle;
    }
    return &packing->fields[low];
}

/* ---- values of a field ---- */

static uint64_t value_at(const struct bg_slots *from, size_t i)
{
    switch (from->type) {
    case BG_SLOTS_BITS:
        return ((const uint64_t *)from->values)[i / 64] >> i % 64 & 1;
    case BG_SLOTS_U16:
        return ((const uint16_t *)from->values)[i];
    case BG_SLOTS_U64:
        break;
    }
    return ((const uint64_t *)from->values)[i];
}

static void set_value(const struct bg_slots *to, size_t i, uint64_t value)
{
    if (to->type == BG_SLOTS_U16)
        ((uint16_t *)to->values)[i] = (uint16_t)value;
    else
        ((uint64_t *)to->values)[i] = value;
}

static bool fits(const struct bg_packing_run *run, uint64_t value)
{
    return run->width == 64 || value < run->radix;
}

/* Bits first … first+count−1 from bit 0 up, and zero after them; count > 0. No word without one of them is read. */
static void copy_bits(const uint64_t *words, size_t first, size_t count, uint64_t *ret_words)
{
    const uint64_t *source = words + first / 64;
    unsigned down = first % 64;
    size_t last = (down + count - 1) / 64;

    for (size_t i = 0; 64 * i < count; i++) {
        uint64_t next = i < last ? source[i + 1] : 0;
        ret_words[i] = source[i] >> down | next << 1 << (63 - down);
    }
    if (count % 64)
        ret_words[count / 64] &= ((uint64_t)1 << count % 64) - 1;
}

/* ---- a digit of whole bits ---- */

static void load_words(const uint8_t *bytes, size_t size, uint64_t *ret_words)
{
    size_t i = 0;
    for (; i + 8 <= size; i += 8, bytes += 8)
        ret_words[i / 8] = bytes[0] | (uint64_t)bytes[1] << 8 | (uint64_t)bytes[2] << 16 | (uint64_t)bytes[3] << 24 |
                           (uint64_t)bytes[4] << 32 | (uint64_t)bytes[5] << 40 | (uint64_t)bytes[6] << 48 |
                           (uint64_t)bytes[7] << 56;
    for (size_t byte = 0; i < size; i++, byte++)
        ret_words[i / 8] |= (uint64_t)bytes[byte] << 8 * byte;
}

static void store_words(const uint64_t *words, uint8_t *ret_bytes, size_t size)
{
    size_t i = 0;
    for (; i + 8 <= size; i += 8)
        for (size_t byte = 0; byte < 8; byte++)
            ret_bytes[i + byte] = (uint8_t)(words[i / 8] >> 8 * byte);
    for (; i < size; i++)
        ret_bytes[i] = (uint8_t)(words[i / 8] >> 8 * (i % 8));
}

static void put(uint64_t *words, size_t bit, uint64_t value)
{
    words[bit / 64] |= value << bit % 64;
    words[bit / 64 + 1] |= value >> 1 >> (63 - bit % 64);
}

static uint64_t get(const uint64_t *words, size_t bit)
{
    return words[bit / 64] >> bit % 64 | words[bit / 64 + 1] << 1 << (63 - bit % 64);
}

/* Votes: `count` bits from `at` on become slots from `bit` on. */
static void put_votes(const struct bg_packing *packing, const uint64_t *bits, size_t at, size_t count, unsigned width,
                      uint64_t *words, size_t bit)
{
    uint64_t votes[BG_KEY_MOST_BITS / BG_SLOTS_LEAST_WIDTH / 64], slots[DIGIT_WORDS];

    copy_bits(bits, at, count, votes);
    if (bit % 64 == 0) {
        packing->kernel->spread(votes, count, width, words + bit / 64);
    } else {
        packing->kernel->spread(votes, count, width, slots);
        for (size_t i = 0; 64 * i < count * width; i++)
            put(words, bit + 64 * i, slots[i]);
        bg_wipe(slots, sizeof slots);
    }
    bg_wipe(votes, sizeof votes);
}

static bool write_bits(const struct bg_packing *packing, const struct bg_slots *fields, size_t first, size_t end,
                       uint8_t *ret_digit)
{
    uint64_t words[DIGIT_WORDS] = {0};
    const struct bg_packing_run *run = bg_packing_run_of(packing, first);
    size_t bit = 0;
    bool good = true;

    for (; first < end; run++) {
        const struct bg_slots *from = &fields[run - packing->fields];
        size_t at = first - run->first, count = (end < run->end ? end : run->end) - first;
        if (from->type == BG_SLOTS_BITS && run->width <= BG_SLOTS_MOST_WIDTH)
            put_votes(packing, from->values, at, count, run->width, words, bit);
        else
            for (size_t i = 0; i < count && good; i++) {
                uint64_t value = value_at(from, at + i);
                good = fits(run, value);
                put(words, bit + i * run->width, good ? value : 0);
            }
        bit += count * run->width;
        first += count;
    }
    store_words(words, ret_digit, packing->bits / 8);
    bg_wipe(words, sizeof words);
    return good;
}

/* Counts: `count` slots from `bit` on. */
static void get_counts(const struct bg_packing *packing, const uint64_t *words, size_t bit, size_t count,
                       unsigned width, uint16_t *ret_values)
{
    uint64_t slots[DIGIT_WORDS] = {0};

    if (bit % 64 == 0) {
        packing->kernel->gather(words + bit / 64, count, width, ret_values);
        return;
    }
    for (size_t i = 0; 64 * i < count * width; i++)
        slots[i] = get(words, bit + 64 * i);
    packing->kernel->gather(slots, count, width, ret_values);
    bg_wipe(slots, sizeof slots);
}

static bool read_bits(const struct bg_packing *packing, const uint8_t *digit, size_t first, size_t end,
                      const struct bg_slots *ret_fields)
{
    uint64_t words[DIGIT_WORDS] = {0}, excess = 0;
    const struct bg_packing_run *run = bg_packing_run_of(packing, first);
    size_t bit = 0;

    load_words(digit, packing->bits / 8, words);
    for (; first < end; run++) {
        const struct bg_slots *to = &ret_fields[run - packing->fields];
        size_t at = first - run->first, count = (end < run->end ? end : run->end) - first;
        uint64_t mask = UINT64_MAX >> (64 - run->width);
        if (to->type == BG_SLOTS_U16)
            get_counts(packing, words, bit, count, run->width, (uint16_t *)to->values + at);
        else
            for (size_t i = 0; i < count; i++)
                set_value(to, at + i, get(words, bit + i * run->width) & mask);
        bit += count * run->width;
        first += count;
    }
    words[bit / 64] &= UINT64_MAX << bit % 64;
    for (size_t i = bit / 64; i < DIGIT_WORDS; i++)
        excess |= words[i];
    bg_wipe(words, sizeof words);
    return excess == 0;
}

/* ---- a digit in mixed radix ---- */

struct number {
    mp_limb_t limbs[DIGIT_LIMBS];
    mp_size_t size; /* the top limb is not 0 */
};

static void multiply_add(struct number *x, mp_limb_t factor, mp_limb_t term)
{
    mp_limb_t carry = term;
    if (x->size) {
        carry = mpn_mul_1(x->limbs, x->limbs, x->size, factor);
        carry += mpn_add_1(x->limbs, x->limbs, x->size, term);
    }
    if (carry)
        x->limbs[x->size++] = carry;
}

static mp_limb_t divide(struct number *x, mp_limb_t divisor)
{
    if (!x->size)
        return 0;
    mp_limb_t rest = mpn_divrem_1(x->limbs, 0, x->limbs, x->size, divisor);
    x->size -= x->limbs[x->size - 1] == 0;
    return rest;
}

static void push_wide(struct number *x, uint64_t value)
{
    for (int i = LIMBS_PER_WIDE; i-- > 0;) {
        memmove(x->limbs + 1, x->limbs, (size_t)x->size * sizeof *x->limbs);
        x->limbs[0] = (mp_limb_t)(value >> i * GMP_NUMB_BITS);
        x->size += x->size || x->limbs[0];
    }
}

static uint64_t take_wide(struct number *x)
{
    uint64_t value = 0;
    for (int i = 0; i < LIMBS_PER_WIDE && x->size; i++) {
        value |= (uint64_t)x->limbs[0] << i * GMP_NUMB_BITS;
        memmove(x->limbs, x->limbs + 1, (size_t)--x->size * sizeof *x->limbs);
    }
    return value;
}

static mp_limb_t power_of(const struct bg_packing_run *run, size_t exponent)
{
    mp_limb_t power = 1;
    if (exponent == run->step)
        return (mp_limb_t)run->step_radix;
    while (exponent--)
        power *= (mp_limb_t)run->radix;
    return power;
}

/* What every four votes come to: Σ bit_i radix^i. */
static void sums_of_four(const struct bg_packing_run *run, mp_limb_t ret_sums[static 16])
{
    ret_sums[0] = 0;
    for (unsigned i = 0; i < 4; i++)
        for (unsigned nibble = 0; nibble < 1u << i; nibble++)
            ret_sums[(1u << i) + nibble] = ret_sums[nibble] + power_of(run, i);
}

static bool write_run(const struct bg_packing_run *run, const struct bg_slots *from, size_t at, size_t count,
                      struct number *number)
{
    bool votes = from->type == BG_SLOTS_BITS && run->step >= 4;
    mp_limb_t four_power = 0, four[16];
    uint64_t bits = 0;

    if (votes) {
        sums_of_four(run, four);
        four_power = power_of(run, 4);
    }
    while (count) {
        size_t step = count % run->step ? count % run->step : run->step;
        mp_limb_t sum = 0;
        count -= step;
        if (votes) {
            copy_bits(from->values, at + count, step, &bits);
            for (size_t i = (step + 3) / 4; i-- > 0;)
                sum = sum * four_power + four[bits >> 4 * i & 15];
        } else {
            for (size_t i = step; i-- > 0;) {
                uint64_t value = value_at(from, at + count + i);
                if (!fits(run, value))
                    return false;
                sum = sum * (mp_limb_t)run->radix + (mp_limb_t)value;
            }
        }
        multiply_add(number, power_of(run, step), sum);
    }
    bg_wipe(&bits, sizeof bits);
    return true;
}

static bool write_mixed(const struct bg_packing *packing, const struct bg_slots *fields, size_t first, size_t end,
                        uint8_t *ret_digit)
{
    struct number number = {.size = 0};
    size_t bytes = packing->bits / 8;
    bool good = true;

    for (const struct bg_packing_run *run = bg_packing_run_of(packing, end > first ? end - 1 : end); end > first;
         run--) {
        const struct bg_slots *from = &fields[run - packing->fields];
        size_t begin = first > run->first ? first : run->first, at = begin - run->first;
        if (run->width == 64)
            for (size_t i = end - begin; i-- > 0;)
                push_wide(&number, value_at(from, at + i));
        else if (!write_run(run, from, at, end - begin, &number)) {
            good = false;
            break;
        }
        end = begin;
    }
    memset(ret_digit, 0, bytes);
    for (size_t i = 0; i < bytes && i < (size_t)number.size * sizeof(mp_limb_t); i++)
        ret_digit[i] = (uint8_t)(number.limbs[i / sizeof(mp_limb_t)] >> 8 * (i % sizeof(mp_limb_t)));
    bg_wipe(&number, sizeof number);
    return good;
}

/*
 * The slots of one step, lowest first. A piece x < d = radix^piece < 2^16 is read from the top down as the fraction
 * x/d: times the radix its whole part is the next slot. 2^32/d rounded up to a whole number, at most 1 more, makes the
 * fraction too large by at most x < 2^32/d, that is by less than one unit of the lowest slot: no whole part changes.
 */
static void split_step(const struct bg_packing_run *run, uint64_t step, size_t count, const struct bg_slots *to,
                       size_t at)
{
    uint64_t unit = ((uint64_t)1 << 32) / run->piece_radix + 1;
    for (size_t done = 0; done < count; done += run->piece) {
        uint64_t piece = step % run->piece_radix, fraction = piece * unit;
        step /= run->piece_radix;
        if (run->piece == 1) {
            set_value(to, at + done, piece);
            continue;
        }
        for (size_t i = run->piece; i-- > 0;) {
            uint64_t product = (uint32_t)fraction * run->radix;
            fraction = product;
            if (done + i < count)
                set_value(to, at + done + i, product >> 32);
        }
    }
}

static void read_run(const struct bg_packing_run *run, struct number *number, const struct bg_slots *to, size_t at,
                     size_t count)
{
    for (size_t step; count; count -= step, at += step) {
        step = count < run->step ? count : run->step;
        split_step(run, divide(number, power_of(run, step)), step, to, at);
    }
}

static bool read_mixed(const struct bg_packing *packing, const uint8_t *digit, size_t first, size_t end,
                       const struct bg_slots *ret_fields)
{
    struct number number = {.size = 0};
    const struct bg_packing_run *run = bg_packing_run_of(packing, first);

    for (size_t i = 0; i < packing->bits / 8; i++) {
        number.limbs[i / sizeof(mp_limb_t)] |= (mp_limb_t)digit[i] << 8 * (i % sizeof(mp_limb_t));
        if (digit[i])
            number.size = (mp_size_t)(i / sizeof(mp_limb_t) + 1);
    }
    for (; first < end; run++) {
        const struct bg_slots *to = &ret_fields[run - packing->fields];
        size_t at = first - run->first, count = (end < run->end ? end : run->end) - first;
        if (run->width == 64)
            for (size_t i = 0; i < count; i++)
                set_value(to, at + i, take_wide(&number));
        else
            read_run(run, &number, to, at, count);
        first += count;
    }
    bool empty = number.size == 0;
    bg_wipe(&number, sizeof number);
    return empty;
}

bool bg_packing_write_digit(const struct bg_packing *packing, const struct bg_slots *fields, size_t first, size_t end,
                            uint8_t *ret_digit)
{
    return packing->radix == BG_RADIX_BITS ? write_bits(packing, fields, first, end, ret_digit)
                                           : write_mixed(packing, fields, first, end, ret_digit);
}

bool bg_packing_read_digit(const struct bg_packing *packing, const uint8_t *digit, size_t first, size_t end,
                           const struct bg_slots *ret_fields)
{
    return packing->radix == BG_RADIX_BITS ? read_bits(packing, digit, first, end, ret_fields)
                                           : read_mixed(packing, digit, first, end, ret_fields);
}
