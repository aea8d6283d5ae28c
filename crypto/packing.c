/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/packing.h"

#include "base/checked.h"
#include "crypto/big.h"

#include <assert.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>

#define ZERO_BITS 64
/* Of a digit, and one more so that a slot may always be read from two words. */
#define DIGIT_WORDS (BG_KEY_MOST_BITS / 64 + 1)

struct bg_packing_run {
    size_t first; /* slot */
    size_t end;
    uint64_t max;
    uint64_t radix; /* unless width is set */
    unsigned width; /* radix = 2^width, 1 to 64; 0: radix is no matter of bits */
};

static unsigned ceil_log2(uint64_t x)
{
    return x > 1 ? 64 - (unsigned)__builtin_clzll(x - 1) : 0;
}

static enum bg_status check_spec(const struct bg_packing_spec *spec, struct bg_error *error)
{
    if (spec->bits < BG_KEY_LEAST_BITS || spec->bits > BG_KEY_MOST_BITS || spec->bits % 8)
        return bg_fail(error, BG_INVALID, "packing: %u key bits are not a multiple of 8 in %d … %d",
                       spec->bits, BG_KEY_LEAST_BITS, BG_KEY_MOST_BITS);
    if (spec->s < 1 || spec->s > BG_KEY_MOST_S)
        return bg_fail(error, BG_INVALID, "packing: exponent s = %u is not in 1 … %d", spec->s,
                       BG_KEY_MOST_S);
    if (!spec->k_max)
        return bg_fail(error, BG_INVALID, "packing: groups of no members (k_max = 0)");
    if (spec->radix != BG_RADIX_BITS && spec->radix != BG_RADIX_MIXED)
        return bg_fail(error, BG_INVALID, "packing: unknown radix mode %d", (int)spec->radix);
    if (!spec->field_count)
        return bg_fail(error, BG_INVALID, "packing: no fields");
    return BG_OK;
}

static enum bg_status init_run(const struct bg_packing_spec *spec, size_t i, size_t first,
                               struct bg_error *error, struct bg_packing_run *ret_run)
{
    const struct bg_packing_field *field = &spec->fields[i];
    uint64_t largest;
    size_t end;

    if (!field->count || !field->max)
        return bg_fail(error, BG_INVALID, "packing: field %zu has no values (count %zu, max %llu)", i,
                       field->count, (unsigned long long)field->max);
    if (__builtin_mul_overflow(field->max, (uint64_t)spec->k_max, &largest)
        || (!field->wide && largest >= UINT32_MAX - 1))
        return bg_fail(error, BG_INVALID, "packing: field %zu: %u members of at most %llu overflow a %s slot",
                       i, spec->k_max, (unsigned long long)field->max,
                       field->wide ? "wide" : "32-bit (make it wide)");
    if (!bg_size_add(first, field->count, &end) || end > BG_PACKING_MOST_SLOTS)
        return bg_fail(error, BG_TOO_LARGE, "packing: more than %zu slots", BG_PACKING_MOST_SLOTS);
    *ret_run = (struct bg_packing_run){
        .first = first,
        .end = end,
        .max = field->max,
        .radix = field->wide ? 0 : largest + 2,
        .width = field->wide ? 64 : spec->radix == BG_RADIX_BITS ? ceil_log2(largest + 2) : 0,
    };
    return BG_OK;
}

/* Slots of a digit that begins at `slot` of run `run`. */
static size_t digit_capacity(const struct bg_packing *packing, const struct bg_packing_run *run, size_t slot)
{
    size_t first = slot;
    mpz_t product, limit;

    mpz_init_set_ui(product, 1);
    mpz_init_set_ui(limit, 1);
    mpz_mul_2exp(limit, limit, packing->bits - ZERO_BITS);
    for (; slot < packing->slots; slot++) {
        if (slot == run->end)
            run++;
        if (run->width)
            mpz_mul_2exp(product, product, run->width);
        else
            mpz_mul_ui(product, product, (unsigned long)run->radix);
        if (mpz_cmp(product, limit) > 0)
            break;
    }
    mpz_clears(product, limit, NULL);
    return slot - first;
}

static bool append(size_t **values, size_t *count, size_t *capacity, size_t value)
{
    if (*count == *capacity) {
        size_t wanted = *capacity ? 2 * *capacity : 64;
        size_t *grown = reallocarray(*values, wanted, sizeof **values);
        if (!grown)
            return false;
        *values = grown;
        *capacity = wanted;
    }
    (*values)[(*count)++] = value;
    return true;
}

static enum bg_status place_slots(struct bg_packing *packing, struct bg_error *error)
{
    const struct bg_packing_run *run = packing->fields, *full = NULL;
    size_t digits = 0, room = 0, capacity = 0;

    for (size_t slot = 0; slot < packing->slots;) {
        if (!append(&packing->digit_slot, &digits, &room, slot))
            return bg_fail(error, BG_NO_MEMORY, "packing: out of memory");
        while (slot >= run->end)
            run++;
        /* Digits inside one field are alike. One is known to be, if a slot of the field is left after it. */
        size_t taken =
            full == run && run->end - slot > capacity ? capacity : digit_capacity(packing, run, slot);
        if (run->end - slot > taken) {
            full = run;
            capacity = taken;
        }
        slot += taken;
    }
    packing->positions = bg_divide_up(digits, packing->s);
    while (digits < packing->positions * packing->s + 1)
        if (!append(&packing->digit_slot, &digits, &room, packing->slots))
            return bg_fail(error, BG_NO_MEMORY, "packing: out of memory");
    return BG_OK;
}

enum bg_status bg_packing_init(struct bg_packing *packing, const struct bg_packing_spec *spec,
                               struct bg_error *error)
{
    enum bg_status status = check_spec(spec, error);
    if (status != BG_OK)
        return status;
    struct bg_packing made = {
        .bits = spec->bits,
        .s = spec->s,
        .k_max = spec->k_max,
        .radix = spec->radix,
        .fields = calloc(spec->field_count, sizeof *made.fields),
        .field_count = spec->field_count,
    };
    if (!made.fields)
        return bg_fail(error, BG_NO_MEMORY, "packing: out of memory");
    for (size_t i = 0; i < spec->field_count && status == BG_OK; i++) {
        status = init_run(spec, i, made.slots, error, &made.fields[i]);
        made.slots = made.fields[i].end;
    }
    if (status == BG_OK)
        status = place_slots(&made, error);
    if (status != BG_OK) {
        bg_packing_finish(&made);
        return status;
    }
    *packing = made;
    return BG_OK;
}

void bg_packing_finish(struct bg_packing *packing)
{
    free(packing->fields);
    free(packing->digit_slot);
    *packing = (struct bg_packing){0};
}

size_t bg_packing_first_slot(const struct bg_packing *packing, size_t t)
{
    assert(t <= packing->positions);
    return packing->digit_slot[t * packing->s];
}

size_t bg_packing_position(const struct bg_packing *packing, size_t slot)
{
    size_t low = 0, high = packing->positions;

    assert(slot < packing->slots);
    while (high - low > 1) {
        size_t middle = low + (high - low) / 2;
        if (packing->digit_slot[middle * packing->s] <= slot)
            low = middle;
        else
            high = middle;
    }
    return low;
}

/* The field of a slot; that of the last slot for packing->slots. */
static const struct bg_packing_run *run_of(const struct bg_packing *packing, size_t slot)
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

static bool fits(const struct bg_packing_run *run, uint64_t value)
{
    return run->width == 64 || value < (run->width ? (uint64_t)1 << run->width : run->radix);
}

static bool pack_bits(const struct bg_packing *packing, const uint64_t *slots, size_t first, size_t end,
                      uint8_t *ret_digit)
{
    uint64_t words[DIGIT_WORDS] = {0};
    const struct bg_packing_run *run = run_of(packing, first);
    size_t bit = 0, bytes = packing->bits / 8;

    for (size_t i = first; i < end; run++) {
        unsigned width = run->width;
        for (size_t stop = end < run->end ? end : run->end; i < stop; i++, bit += width) {
            if (!fits(run, slots[i]))
                return false;
            words[bit / 64] |= slots[i] << bit % 64;
            if (bit % 64 + width > 64)
                words[bit / 64 + 1] |= slots[i] >> (64 - bit % 64);
        }
    }
    for (size_t i = 0; i < bytes; i++)
        ret_digit[i] = (uint8_t)(words[i / 8] >> 8 * (i % 8));
    return true;
}

static bool unpack_bits(const struct bg_packing *packing, const uint8_t *digit, size_t first, size_t end,
                        uint64_t *ret_slots)
{
    uint64_t words[DIGIT_WORDS] = {0}, excess = 0;
    const struct bg_packing_run *run = run_of(packing, first);
    size_t bit = 0, bytes = packing->bits / 8;

    for (size_t i = 0; i < bytes; i++)
        words[i / 8] |= (uint64_t)digit[i] << 8 * (i % 8);
    for (size_t i = first; i < end; run++) {
        unsigned width = run->width;
        uint64_t mask = UINT64_MAX >> (64 - width);
        for (size_t stop = end < run->end ? end : run->end; i < stop; i++, bit += width) {
            uint64_t value = words[bit / 64] >> bit % 64;
            if (bit % 64 + width > 64)
                value |= words[bit / 64 + 1] << (64 - bit % 64);
            ret_slots[i] = value & mask;
        }
    }
    words[bit / 64] &= UINT64_MAX << bit % 64;
    for (size_t i = bit / 64; i < DIGIT_WORDS; i++)
        excess |= words[i];
    return excess == 0;
}

/* In mixed radix as many slots as fit in one unsigned long are one step of the long arithmetic. */
static bool pack_mixed(const struct bg_packing *packing, const uint64_t *slots, size_t first, size_t end,
                       uint8_t *ret_digit)
{
    const struct bg_packing_run *run = run_of(packing, end);
    unsigned long step = 0, step_radix = 1;
    bool good = true;
    mpz_t number, wide;

    mpz_inits(number, wide, NULL);
    for (size_t i = end; i-- > first && good;) {
        while (i < run->first)
            run--;
        good = fits(run, slots[i]);
        if (run->width == 64 || step_radix > ULONG_MAX / (unsigned long)run->radix) {
            mpz_mul_ui(number, number, step_radix);
            mpz_add_ui(number, number, step);
            step = 0;
            step_radix = 1;
        }
        if (run->width == 64) {
            mpz_import(wide, 1, -1, sizeof slots[i], 0, 0, &slots[i]);
            mpz_mul_2exp(number, number, 64);
            mpz_add(number, number, wide);
        } else {
            step = step * (unsigned long)run->radix + (unsigned long)slots[i];
            step_radix *= (unsigned long)run->radix;
        }
    }
    mpz_mul_ui(number, number, step_radix);
    mpz_add_ui(number, number, step);
    if (good)
        bg_big_to_bytes(number, ret_digit, packing->bits / 8);
    mpz_clears(number, wide, NULL);
    return good;
}

static uint64_t take_wide(mpz_t number, mpz_t scratch)
{
    uint64_t value = 0;
    mpz_tdiv_r_2exp(scratch, number, 64);
    mpz_export(&value, NULL, -1, sizeof value, 0, 0, scratch);
    mpz_tdiv_q_2exp(number, number, 64);
    return value;
}

static bool unpack_mixed(const struct bg_packing *packing, const uint8_t *digit, size_t first, size_t end,
                         uint64_t *ret_slots)
{
    const struct bg_packing_run *run = run_of(packing, first);
    mpz_t number, wide;

    mpz_inits(number, wide, NULL);
    bg_big_from_bytes((struct bg_span){digit, packing->bits / 8}, number);
    for (size_t i = first; i < end;) {
        if (i == run->end)
            run++;
        if (run->width == 64) {
            ret_slots[i++] = take_wide(number, wide);
            continue;
        }
        size_t stop = i, limit = end < run->end ? end : run->end;
        unsigned long radix = (unsigned long)run->radix, step_radix = 1;
        for (; stop < limit && step_radix <= ULONG_MAX / radix; stop++)
            step_radix *= radix;
        unsigned long step = mpz_tdiv_q_ui(number, number, step_radix);
        for (; i < stop; i++, step /= radix)
            ret_slots[i] = step % radix;
    }
    bool empty = mpz_sgn(number) == 0;
    mpz_clears(number, wide, NULL);
    return empty;
}

static bool has_range(const struct bg_packing *packing, size_t begin, size_t end)
{
    return begin <= end && end <= packing->positions;
}

static void check_key(const struct bg_packing *packing, const struct bg_public_key *key)
{
    assert(key->bits == packing->bits && key->s == packing->s);
}

enum bg_status bg_pack(const struct bg_packing *packing, const struct bg_public_key *key,
                       const uint64_t *slots, size_t begin, size_t end, uint8_t *ret_plaintexts)
{
    uint8_t *digit = ret_plaintexts;

    check_key(packing, key);
    if (!has_range(packing, begin, end))
        return BG_INVALID;
    for (size_t d = begin * packing->s; d < end * packing->s; d++, digit += key->digit_bytes) {
        const size_t *slot = &packing->digit_slot[d];
        if (!(packing->radix == BG_RADIX_BITS ? pack_bits(packing, slots, slot[0], slot[1], digit)
                                              : pack_mixed(packing, slots, slot[0], slot[1], digit)))
            return BG_INVALID;
    }
    return BG_OK;
}

enum bg_status bg_unpack(const struct bg_packing *packing, const struct bg_public_key *key,
                         struct bg_span sums, size_t begin, size_t end, uint64_t *ret_slots,
                         size_t *reterr_position)
{
    const uint8_t *digit = sums.data;
    size_t bytes;

    check_key(packing, key);
    if (!has_range(packing, begin, end)
        || !bg_size_multiply(end - begin, bg_public_key_plaintext_bytes(key), &bytes) || sums.size != bytes)
        return BG_INVALID;
    for (size_t d = begin * packing->s; d < end * packing->s; d++, digit += key->digit_bytes) {
        const size_t *slot = &packing->digit_slot[d];
        if (packing->radix == BG_RADIX_BITS ? unpack_bits(packing, digit, slot[0], slot[1], ret_slots)
                                            : unpack_mixed(packing, digit, slot[0], slot[1], ret_slots))
            continue;
        if (reterr_position)
            *reterr_position = d / packing->s;
        return BG_OUT_OF_RANGE;
    }
    return BG_OK;
}

enum bg_status bg_packing_check_sums(const struct bg_packing *packing, const uint64_t *slots, size_t begin,
                                     size_t end, uint32_t members, size_t *reterr_position)
{
    if (!has_range(packing, begin, end) || !members || members > packing->k_max)
        return BG_INVALID;
    size_t i = bg_packing_first_slot(packing, begin), stop = bg_packing_first_slot(packing, end);
    for (const struct bg_packing_run *run = run_of(packing, i); i < stop; run++)
        for (uint64_t most = members * run->max; i < stop && i < run->end; i++)
            if (slots[i] > most) {
                if (reterr_position)
                    *reterr_position = bg_packing_position(packing, i);
                return BG_OUT_OF_RANGE;
            }
    return BG_OK;
}
