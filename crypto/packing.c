/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/packing.h"

#include "base/checked.h"
#include "crypto/big.h"
#include "crypto/packing_digit.h"

#include <assert.h>
#include <stdlib.h>

#define ZERO_BITS 64

static unsigned ceil_log2(uint64_t x)
{
    return x > 1 ? 64 - (unsigned)__builtin_clzll(x - 1) : 0;
}

static enum bg_status check_spec(const struct bg_packing_spec *spec, struct bg_error *error)
{
    if (spec->bits < BG_KEY_LEAST_BITS || spec->bits > BG_KEY_MOST_BITS || spec->bits % 64)
        return bg_fail(error, BG_INVALID, "packing: %u key bits are not a multiple of 64 in %d … %d",
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
    unsigned width = ceil_log2(largest + 2);
    if (field->wide)
        *ret_run = bg_packing_run(first, field->count, field->max, 0, 64);
    else if (spec->radix == BG_RADIX_BITS)
        *ret_run = bg_packing_run(first, field->count, field->max, (uint64_t)1 << width, width);
    else
        *ret_run = bg_packing_run(first, field->count, field->max, largest + 2, 0);
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
    packing->tail = (uint32_t)(digits - (packing->positions - 1) * packing->s);
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
        .kernel = bg_slots_kernel(),
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

static bool has_range(const struct bg_packing *packing, size_t begin, size_t end)
{
    return begin <= end && end <= packing->positions;
}

static void check_key(const struct bg_packing *packing, const struct bg_public_key *key)
{
    assert(key->bits == packing->bits && key->s == packing->s);
}

/* Values of a field's array, but for the widest radix that its type takes. */
static void check_types(const struct bg_packing *packing, const struct bg_slots *ret_fields)
{
    for (size_t i = 0; i < packing->field_count; i++) {
        const struct bg_packing_run *run = &packing->fields[i];
        assert(ret_fields[i].type == BG_SLOTS_U64
               || (ret_fields[i].type == BG_SLOTS_U16 && run->width != 64 && run->radix <= UINT16_MAX + 1));
    }
}

enum bg_status bg_pack(const struct bg_packing *packing, const struct bg_public_key *key,
                       const struct bg_slots *fields, size_t begin, size_t end, uint8_t *ret_plaintexts)
{
    uint8_t *digit = ret_plaintexts;

    check_key(packing, key);
    if (!has_range(packing, begin, end))
        return BG_INVALID;
    for (size_t d = begin * packing->s; d < end * packing->s; d++, digit += key->digit_bytes)
        if (!bg_packing_write_digit(packing, fields, packing->digit_slot[d], packing->digit_slot[d + 1], digit))
            return BG_INVALID;
    return BG_OK;
}

enum bg_status bg_unpack(const struct bg_packing *packing, const struct bg_public_key *key,
                         struct bg_span sums, size_t begin, size_t end, const struct bg_slots *ret_fields,
                         size_t *reterr_position)
{
    const uint8_t *digit = sums.data;
    size_t bytes;

    check_key(packing, key);
    check_types(packing, ret_fields);
    if (!has_range(packing, begin, end)
        || !bg_size_multiply(end - begin, bg_public_key_plaintext_bytes(key), &bytes) || sums.size != bytes)
        return BG_INVALID;
    for (size_t d = begin * packing->s; d < end * packing->s; d++, digit += key->digit_bytes)
        if (!bg_packing_read_digit(packing, digit, packing->digit_slot[d], packing->digit_slot[d + 1], ret_fields)) {
            if (reterr_position)
                *reterr_position = d / packing->s;
            return BG_OUT_OF_RANGE;
        }
    return BG_OK;
}

/* The first of the values begin … end−1 over `most`; end if there is none. Whole arrays are looked at at once: that
 * there is one is the rare case. */
static size_t first_above(const struct bg_slots *from, size_t begin, size_t end, uint64_t most)
{
    const uint16_t *narrow = from->values;
    const uint64_t *wide = from->values;
    bool above = false;

    if (from->type == BG_SLOTS_U16) {
        for (size_t i = begin; i < end; i++)
            above |= narrow[i] > most;
        while (above && narrow[begin] <= most)
            begin++;
    } else {
        for (size_t i = begin; i < end; i++)
            above |= wide[i] > most;
        while (above && wide[begin] <= most)
            begin++;
    }
    return above ? begin : end;
}

enum bg_status bg_packing_check_sums(const struct bg_packing *packing, const struct bg_slots *fields, size_t begin,
                                     size_t end, uint32_t members, size_t *reterr_position)
{
    if (!has_range(packing, begin, end) || !members || members > packing->k_max)
        return BG_INVALID;
    check_types(packing, fields);
    size_t slot = bg_packing_first_slot(packing, begin), stop = bg_packing_first_slot(packing, end);
    for (const struct bg_packing_run *run = bg_packing_run_of(packing, slot); slot < stop; run++) {
        size_t last = stop < run->end ? stop : run->end;
        size_t found = run->first + first_above(&fields[run - packing->fields], slot - run->first,
                                                last - run->first, members * run->max);
        if (found < last) {
            if (reterr_position)
                *reterr_position = bg_packing_position(packing, found);
            return BG_OUT_OF_RANGE;
        }
        slot = last;
    }
    return BG_OK;
}
