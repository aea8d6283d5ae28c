/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/comb.h"

#include "base/checked.h"
#include "crypto/embed.h"
#include "crypto/wipe.h"

#include <assert.h>
#include <stdlib.h>

#define LINE_BYTES 64 /* of a cache */
#define LINE_WORDS (LINE_BYTES / sizeof(uint64_t))

/* Masking one word of an entry, against multiplying two words and adding the product on one lane. */
#define SELECT_COST 0.35

/* Entries whose low digits are inverted together in each lane. */
#define TOGETHER 64

struct bg_comb {
    const struct bg_public_key *key;
    const struct bg_adic *ring; /* the key's */
    struct bg_comb_shape shape;
    bool uniform_reads;
    size_t entry_words;
    uint64_t *entries; /* compact: y, then the digits of μ */
};

/* ---- the shape ---- */

/* Costs are in products with a digit: of e digits of k words, 2e products and reductions of k² words each. */

/* e(e+1)/2 products, of which half are one of another, and e reductions */
static double square_cost(const struct bg_adic *ring)
{
    return ((double)ring->digits + 5) / 8;
}

/* An entry has e·k words, which are masked one lane after the other. */
static double selection_cost(const struct bg_adic *ring)
{
    return SELECT_COST * ring->kernel->lanes / (2 * (double)ring->digit_words);
}

/* `count` blocks, `tall` of them of rows + 1 and the others of `rows` rows, as narrow as they may be: all of one
 * width, from which a column is taken off where the bits that are left still do, from short blocks first. */
static struct bg_comb_shape make_shape(size_t bits, size_t count, size_t rows, size_t tall)
{
    size_t all_rows = count * rows + tall, width = bg_divide_up(bits, all_rows), excess = width * all_rows - bits;
    struct bg_comb_shape shape = {.block_count = count, .width = width, .squares = width - 1};

    for (size_t k = 0; k < count; k++) {
        struct bg_comb_block *block = &shape.blocks[k];
        size_t here = rows + (k >= count - tall);
        bool narrow = excess >= here;
        excess -= narrow ? here : 0;
        *block = (struct bg_comb_block){here, width - narrow, shape.bits, shape.entries};
        shape.bits += block->rows * block->width;
        shape.entries += (size_t)1 << block->rows;
        shape.products += block->width;
    }
    shape.products--;
    return shape;
}

static double shape_cost(const struct bg_comb_shape *shape, double per_square, double per_entry)
{
    double cost = (double)shape->products + per_square * (double)shape->squares;
    for (size_t k = 0; k < shape->block_count; k++)
        cost += per_entry * (double)(shape->blocks[k].width << shape->blocks[k].rows);
    return cost;
}

enum bg_status bg_comb_choose(const struct bg_adic *ring, const struct bg_comb_settings *settings,
                              struct bg_comb_shape *ret_shape)
{
    size_t most_entries =
        settings->memory_bytes / (bg_adic_compact_words(ring, ring->digits) * sizeof(uint64_t));
    double per_entry = settings->uniform_reads ? selection_cost(ring) : 0, least = 0;
    bool found = false;

    assert(settings->exponent_bits >= 1);
    for (size_t count = 1; count <= BG_COMB_MOST_BLOCKS; count++)
        for (size_t all = count; all <= count * BG_COMB_MOST_ROWS && all <= settings->exponent_bits; all++) {
            size_t rows = all / count, tall = all % count;
            if ((count + tall) << rows > most_entries)
                break;
            struct bg_comb_shape shape = make_shape(settings->exponent_bits, count, rows, tall);
            double cost = shape_cost(&shape, square_cost(ring), per_entry);
            if (found && (cost > least || (cost == least && shape.entries >= ret_shape->entries)))
                continue;
            *ret_shape = shape;
            least = cost;
            found = true;
        }
    return found ? BG_OK : BG_INVALID;
}

/* ---- the table ---- */

static uint64_t *entry(const struct bg_comb *comb, const struct bg_comb_block *block, size_t rows)
{
    return comb->entries + (block->first_entry + rows) * comb->entry_words;
}

/* The entries that have row `row` as their last, from those before them, a lane each. Vector 0 is the row's power. */
static void fill_row(const struct bg_comb *comb, const struct bg_adic_space *space, const struct bg_comb_block *block,
                     size_t row)
{
    uint32_t digits = comb->ring->digits;
    size_t first = (size_t)1 << row, lanes = comb->ring->kernel->lanes;
    uint64_t *power = bg_adic_vector(space, 1), *factor = bg_adic_vector(space, 2);
    uint64_t *stored = entry(comb, block, first);

    bg_adic_store(space, digits, bg_adic_vector(space, 0), 1, &stored);
    bg_adic_load(space, digits, &(const uint64_t *){stored}, 1, power);
    for (size_t m = 1; m < first; m += lanes) {
        unsigned count = (unsigned)(first - m < lanes ? first - m : lanes);
        const uint64_t *before[BG_ADIC_MOST_LANES];
        uint64_t *with[BG_ADIC_MOST_LANES];
        for (unsigned i = 0; i < count; i++) {
            before[i] = entry(comb, block, m + i);
            with[i] = entry(comb, block, first + m + i);
        }
        bg_adic_load(space, digits, before, count, factor);
        bg_adic_multiply(space, digits, factor, power, factor);
        bg_adic_store(space, digits, factor, count, with);
    }
}

static void fill_table(const struct bg_comb *comb, const struct bg_adic_space *space, const uint64_t *base)
{
    uint32_t digits = comb->ring->digits;
    uint64_t *power = bg_adic_vector(space, 0);
    size_t at = 0;

    bg_adic_load(space, digits, &base, 1, power);
    bg_adic_enter(space, digits, power, power);
    for (size_t k = 0; k < comb->shape.block_count; k++) {
        const struct bg_comb_block *block = &comb->shape.blocks[k];
        uint64_t *one = entry(comb, block, 0);
        bg_adic_store(space, digits, comb->ring->one, 1, &one);
        for (size_t row = 0; row < block->rows; row++) {
            for (; at < block->first_bit + row * block->width; at++)
                bg_adic_square(space, digits, power, power);
            fill_row(comb, space, block, row);
        }
    }
}

/* ---- entries, from R·T to y and μ ---- */

/* What the entries of a run of lanes are split with. */
struct splitting {
    const struct bg_comb *comb;
    struct bg_adic_space space;
    uint64_t *coefficients; /* s vectors, see logarithm_coefficients */
    uint64_t *products;     /* TOGETHER vectors */
    uint64_t *running, *low, *x, *y;
    uint64_t *numbers;      /* one compact number per lane */
};

static uint32_t most_digits(const struct splitting *split)
{
    return split->comb->key->s;
}

static uint64_t *vector_at(const struct splitting *split, uint64_t *vectors, size_t index)
{
    return vectors + index * split->space.ring->vector_words;
}

/* μ with (1+n)^μ = 1 + n f is log(1 + n f) / log(1+n), both n-adic:
 *   μ = Σ_{1≤k≤s} c_k n^(k−1) f^k     c_k = (−1)^(k+1)/k / Σ_{1≤i≤s} (−1)^(i+1) n^(i−1)/i   mod n^s
 * Vector k−1 is c_k, not in Montgomery form. All factors of n exceed s. */
static void compute_coefficients(const struct splitting *split)
{
    const struct bg_public_key *key = split->comb->key;
    mpz_t sum, term;

    mpz_inits(sum, term, NULL);
    for (int last = 0; last < 2; last++)
        for (uint32_t k = 1; k <= key->s; k++) {
            mpz_set_si(term, k % 2 ? (long)k : -(long)k);
            mpz_invert(term, term, key->power[key->s]);
            if (last) {
                mpz_mul(term, term, sum);
                mpz_mod(term, term, key->power[key->s]);
                bg_adic_from_big(key->adic, key->s, term, split->numbers);
                bg_adic_load(&split->space, key->s, &(const uint64_t *){split->numbers}, 1,
                             vector_at(split, split->coefficients, k - 1));
                continue;
            }
            mpz_addmul(sum, term, key->power[k - 1]);
            if (k == key->s)
                mpz_invert(sum, sum, key->power[key->s]);
        }
    mpz_clears(sum, term, NULL);
}

static enum bg_status init_splitting(struct splitting *split, const struct bg_comb *comb)
{
    uint32_t s = comb->key->s;
    *split = (struct splitting){.comb = comb};
    enum bg_status status = bg_adic_space_init(&split->space, comb->ring, s + TOGETHER + 5);
    if (status != BG_OK)
        return status;
    split->coefficients = bg_adic_vector(&split->space, 0);
    split->products = bg_adic_vector(&split->space, s);
    split->running = bg_adic_vector(&split->space, s + TOGETHER);
    split->low = bg_adic_vector(&split->space, s + TOGETHER + 1);
    split->x = bg_adic_vector(&split->space, s + TOGETHER + 2);
    split->y = bg_adic_vector(&split->space, s + TOGETHER + 3);
    split->numbers = bg_adic_vector(&split->space, s + TOGETHER + 4);
    compute_coefficients(split);
    return BG_OK;
}

/* Entries first + i·lanes + lane; lanes past the end repeat the last entry. */
static unsigned entries_at(const struct splitting *split, size_t first, size_t i, uint64_t *ret_entries[])
{
    const struct bg_comb *comb = split->comb;
    size_t lanes = comb->ring->kernel->lanes, at = first + i * lanes;
    unsigned count = (unsigned)(comb->shape.entries - at < lanes ? comb->shape.entries - at : lanes);
    for (unsigned lane = 0; lane < count; lane++)
        ret_entries[lane] = comb->entries + (at + lane) * comb->entry_words;
    return count;
}

/* The low digits y of the entries as numbers of s digits. */
static void load_low(const struct splitting *split, uint64_t *const entries[], unsigned count)
{
    memset(split->low, 0, split->space.ring->vector_words * sizeof *split->low);
    bg_adic_load(&split->space, 1, (const uint64_t *const *)entries, count, split->low);
}

/* x ← 1/x mod n^s in every lane */
static void invert_lanes(const struct splitting *split, uint64_t *x)
{
    const struct bg_public_key *key = split->comb->key;
    unsigned lanes = key->adic->kernel->lanes;
    size_t words = bg_adic_compact_words(key->adic, key->s);
    uint64_t *numbers[BG_ADIC_MOST_LANES];
    mpz_t number;

    mpz_init(number);
    for (unsigned i = 0; i < lanes; i++)
        numbers[i] = split->numbers + i * words;
    bg_adic_store(&split->space, key->s, x, lanes, numbers);
    for (unsigned i = 0; i < lanes; i++) {
        bg_adic_to_big(key->adic, key->s, numbers[i], number);
        mpz_invert(number, number, key->power[key->s]);
        bg_adic_from_big(key->adic, key->s, number, numbers[i]);
    }
    bg_adic_load(&split->space, key->s, (const uint64_t *const *)numbers, lanes, x);
    bg_big_wipe(number);
    mpz_clear(number);
}

/* Replaces the upper digits Y of entries R·T = y + nY by μ, given x = R/y: f = Y/y. */
static void write_exponents(const struct splitting *split, uint64_t *x, uint64_t *const entries[], unsigned count)
{
    const struct bg_adic_space *space = &split->space;
    const struct bg_adic *ring = space->ring;
    uint32_t s = most_digits(split);
    uint64_t *upper[BG_ADIC_MOST_LANES];

    for (unsigned i = 0; i < count; i++)
        upper[i] = entries[i] + ring->digit_words;
    bg_adic_load(space, s, (const uint64_t *const *)upper, count, split->y);
    bg_adic_multiply(space, s, split->y, x, x);
    if (s > 1) {
        uint64_t *sum = split->y;
        bg_adic_enter(space, s, x, x);
        memcpy(sum, vector_at(split, split->coefficients, s - 1), ring->vector_words * sizeof *sum);
        for (uint32_t k = s - 1; k >= 1; k--) {
            bg_adic_multiply(space, s - k, x, sum, sum);
            memcpy(split->low, vector_at(split, split->coefficients, k - 1), ring->vector_words * sizeof *sum);
            uint64_t *above = bg_adic_upper(ring, split->low);
            bg_adic_add(space, s - k, above, sum, above);
            memcpy(sum, split->low, ring->vector_words * sizeof *sum);
        }
        bg_adic_multiply(space, s, x, sum, x);
    }
    bg_adic_store(space, s, x, count, upper);
}

/* Montgomery's trick: p_i = y_0 … y_i / R^i, and from 1/p_i the inverse of y_i and 1/p_{i−1}. */
static void split_run(const struct splitting *split, size_t first, size_t length)
{
    const struct bg_adic_space *space = &split->space;
    uint32_t s = most_digits(split);
    uint64_t *running = split->running, *entries[BG_ADIC_MOST_LANES];
    size_t vector_bytes = space->ring->vector_words * sizeof *running;

    for (size_t i = 0; i < length; i++) {
        load_low(split, entries, entries_at(split, first, i, entries));
        if (i)
            bg_adic_multiply(space, s, running, split->low, running);
        else
            memcpy(running, split->low, vector_bytes);
        memcpy(vector_at(split, split->products, i), running, vector_bytes);
    }
    invert_lanes(split, running);
    bg_adic_enter(space, s, running, running);
    for (size_t i = length; i-- > 0;) {
        unsigned count = entries_at(split, first, i, entries);
        load_low(split, entries, count);
        if (i) {
            bg_adic_multiply(space, s, running, vector_at(split, split->products, i - 1), split->x);
            bg_adic_multiply(space, s, running, split->low, running);
        } else {
            memcpy(split->x, running, vector_bytes);
        }
        write_exponents(split, split->x, entries, count);
    }
}

static enum bg_status split_entries(const struct bg_comb *comb)
{
    size_t lanes = comb->ring->kernel->lanes, vectors = bg_divide_up(comb->shape.entries, lanes);
    struct splitting split;
    enum bg_status status = init_splitting(&split, comb);
    if (status != BG_OK)
        return status;
    for (size_t first = 0; first < vectors; first += TOGETHER)
        split_run(&split, first * lanes, vectors - first < TOGETHER ? vectors - first : TOGETHER);
    bg_adic_space_finish(&split.space);
    return BG_OK;
}

static uint64_t *allocate(size_t entries, size_t entry_words)
{
    size_t bytes;
    if (!bg_size_multiply(entries, entry_words * sizeof(uint64_t), &bytes) ||
        !bg_size_round_up(bytes, LINE_BYTES, &bytes))
        return NULL;
    return aligned_alloc(LINE_BYTES, bytes);
}

enum bg_status bg_comb_create(const struct bg_public_key *key, const struct bg_comb_settings *settings,
                              const uint64_t *base, struct bg_comb **ret_comb)
{
    const struct bg_adic *ring = key->adic;
    struct bg_comb_shape shape;
    struct bg_adic_space space = {0};
    enum bg_status status = bg_comb_choose(ring, settings, &shape);
    if (status != BG_OK)
        return status;
    size_t entry_words = bg_adic_compact_words(ring, ring->digits);
    struct bg_comb *comb = malloc(sizeof *comb);
    uint64_t *entries = allocate(shape.entries, entry_words);
    if (!comb || !entries || bg_adic_space_init(&space, ring, BG_COMB_VECTORS) != BG_OK) {
        free(comb);
        free(entries);
        return BG_NO_MEMORY;
    }
    *comb = (struct bg_comb){key, ring, shape, settings->uniform_reads, entry_words, entries};
    fill_table(comb, &space, base);
    bg_adic_space_finish(&space);
    status = split_entries(comb);
    if (status != BG_OK)
        bg_comb_destroy(&comb);
    else
        *ret_comb = comb;
    return status;
}

void bg_comb_destroy(struct bg_comb **comb)
{
    if (!*comb)
        return;
    bg_wipe((*comb)->entries, bg_comb_bytes(*comb));
    free((*comb)->entries);
    free(*comb);
    *comb = NULL;
}

size_t bg_comb_bytes(const struct bg_comb *comb)
{
    return comb->shape.entries * comb->entry_words * sizeof *comb->entries;
}

size_t bg_comb_exponent_bytes(const struct bg_comb *comb)
{
    return bg_divide_up(comb->shape.bits, 8);
}

/* ---- powers ---- */

struct lookup {
    size_t column, block;
};

/* From the first column that counts most to the last; within a column through all blocks that have it. False at the
 * end. */
static bool next_lookup(const struct bg_comb_shape *shape, struct lookup *at)
{
    do {
        if (++at->block < shape->block_count)
            continue;
        if (at->column == 0)
            return false;
        at->column--;
        at->block = 0;
    } while (at->column >= shape->blocks[at->block].width);
    return true;
}

static size_t rows_in_column(const struct bg_comb_block *block, size_t column, const uint8_t *exponent)
{
    size_t rows = 0;
    for (size_t j = 0; j < block->rows; j++) {
        size_t bit = block->first_bit + j * block->width + column;
        rows |= (size_t)(exponent[bit / 8] >> bit % 8 & 1) << j;
    }
    return rows;
}

/* Words `at` to at + count − 1 of one entry; reads those of all. */
static inline void select_words(const struct bg_comb *comb, const struct bg_comb_block *block, size_t rows, size_t at,
                                size_t count, uint64_t *ret)
{
    const uint64_t *from = entry(comb, block, 0) + at;
    uint64_t sum[LINE_WORDS] = {0};

    for (size_t m = 0; m < (size_t)1 << block->rows; m++, from += comb->entry_words) {
        uint64_t difference = m ^ rows;
        uint64_t mask = ((difference | -difference) >> 63) - 1;
        __asm__("" : "+r"(mask));
        for (size_t w = 0; w < count; w++)
            sum[w] |= from[w] & mask;
    }
    memcpy(ret + at, sum, count * sizeof *sum);
}

static void select_entry(const struct bg_comb *comb, const struct bg_comb_block *block, size_t rows, uint64_t *ret)
{
    size_t at = 0;
    for (; at + LINE_WORDS <= comb->entry_words; at += LINE_WORDS)
        select_words(comb, block, rows, at, LINE_WORDS, ret);
    if (at < comb->entry_words)
        select_words(comb, block, rows, at, comb->entry_words - at, ret);
}

/* The entries for one lookup: where they are, on their way to the cache, or copies in `selected`. */
static void find_entries(const struct bg_comb *comb, const struct lookup *at, const uint8_t *const exponents[],
                         unsigned count, uint64_t *selected, const uint64_t *ret_entries[])
{
    const struct bg_comb_block *block = &comb->shape.blocks[at->block];
    for (unsigned i = 0; i < count; i++) {
        size_t rows = rows_in_column(block, at->column, exponents[i]);
        if (comb->uniform_reads) {
            select_entry(comb, block, rows, selected + i * comb->entry_words);
            ret_entries[i] = selected + i * comb->entry_words;
            continue;
        }
        ret_entries[i] = entry(comb, block, rows);
        for (size_t w = 0; w < comb->entry_words; w += LINE_WORDS)
            __builtin_prefetch(ret_entries[i] + w);
    }
}

/* What runs through the columns, X (1+n)^M, and how it is computed. */
struct running {
    const struct bg_comb *comb;
    const struct bg_adic_space *space;
    uint64_t *x, *m, *factor, *selected, *spare;
    unsigned count;
};

static void load_exponents(const struct running *run, const uint64_t *const entries[], uint64_t *ret)
{
    const uint64_t *exponents[BG_ADIC_MOST_LANES];
    for (unsigned i = 0; i < run->count; i++)
        exponents[i] = entries[i] + run->comb->ring->digit_words;
    bg_adic_load(run->space, run->comb->key->s, exponents, run->count, ret);
}

static void begin_with(const struct running *run, const uint64_t *const entries[])
{
    memset(run->x, 0, run->comb->ring->vector_words * sizeof *run->x);
    bg_adic_load(run->space, 1, entries, run->count, run->x);
    load_exponents(run, entries, run->m);
}

static void square(const struct running *run)
{
    bg_adic_square(run->space, run->comb->ring->digits, run->x, run->x);
    bg_adic_add(run->space, run->comb->key->s, run->m, run->m, run->m);
}

/* `entries` have been loaded into factor and spare. */
static void multiply(const struct running *run)
{
    bg_adic_scale(run->space, run->comb->ring->digits, run->x, run->factor, run->x);
    bg_adic_add(run->space, run->comb->key->s, run->m, run->spare, run->m);
}

/* X ← X (1+n)^M */
static void join(const struct running *run)
{
    const struct bg_public_key *key = run->comb->key;
    bg_embed(key, run->space, run->m, run->spare, run->factor);
    bg_adic_enter(run->space, key->s, run->x, run->spare);
    bg_embed_multiply(key, run->space, run->spare, run->factor, run->x);
}

void bg_comb_power(const struct bg_comb *comb, const struct bg_adic_space *space, const uint8_t *const exponents[],
                   unsigned count)
{
    const uint64_t *entries[BG_ADIC_MOST_LANES];
    struct lookup at = {comb->shape.width, comb->shape.block_count - 1};
    struct running run = {comb,
                          space,
                          bg_adic_vector(space, 0),
                          bg_adic_vector(space, 1),
                          bg_adic_vector(space, 2),
                          bg_adic_vector(space, 3),
                          bg_adic_vector(space, 4),
                          count};

    assert(count >= 1 && count <= comb->ring->kernel->lanes);
    (void)next_lookup(&comb->shape, &at);
    find_entries(comb, &at, exponents, count, run.selected, entries);
    begin_with(&run, entries);
    size_t column = at.column;
    bool more = next_lookup(&comb->shape, &at);
    if (more)
        find_entries(comb, &at, exponents, count, run.selected, entries);
    while (more) {
        for (; column > at.column; column--)
            square(&run);
        bg_adic_load(space, 1, entries, count, run.factor);
        load_exponents(&run, entries, run.spare);
        more = next_lookup(&comb->shape, &at);
        if (more)
            find_entries(comb, &at, exponents, count, run.selected, entries);
        multiply(&run);
    }
    join(&run);
    bg_wipe(entries, sizeof entries);
}
