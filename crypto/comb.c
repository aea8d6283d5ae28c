/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/comb.h"

#include "base/checked.h"
#include "crypto/wipe.h"

#include <assert.h>
#include <stdlib.h>

#define LINE_BYTES 64

/* In products. A squaring leaves out the mixed half of the digits' products, not their reductions. */
#define SQUARE_COST 0.75
/* Masking one word of an entry, against multiplying two words and adding the product. */
#define SELECT_COST 0.5

struct bg_comb {
    const struct bg_adic *ring;
    struct bg_comb_shape shape;
    bool uniform_reads;
    size_t entry_words;
    uint64_t *entries; /* the Montgomery forms, compact */
};

/* ---- the shape ---- */

/* Of e digits of k words: a product takes e(e+1)/2 + e times k² products of words, an entry has e·k words. */
static double selection_cost(const struct bg_adic *ring)
{
    return SELECT_COST * 2 / ((double)(ring->digits + 3) * (double)ring->digit_words);
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

static double shape_cost(const struct bg_comb_shape *shape, double per_entry)
{
    double cost = (double)shape->products + SQUARE_COST * (double)shape->squares;
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
            double cost = shape_cost(&shape, per_entry);
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

static uint64_t *allocate(size_t entries, size_t entry_words)
{
    size_t bytes;
    if (!bg_size_multiply(entries, entry_words * sizeof(uint64_t), &bytes) ||
        !bg_size_round_up(bytes, LINE_BYTES, &bytes))
        return NULL;
    return aligned_alloc(LINE_BYTES, bytes);
}

enum bg_status bg_comb_create(const struct bg_adic *ring, const struct bg_comb_settings *settings,
                              const uint64_t *base, struct bg_comb **ret_comb)
{
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
    *comb = (struct bg_comb){ring, shape, settings->uniform_reads, entry_words, entries};
    fill_table(comb, &space, base);
    bg_adic_space_finish(&space);
    *ret_comb = comb;
    return BG_OK;
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

const struct bg_comb_shape *bg_comb_shape(const struct bg_comb *comb)
{
    return &comb->shape;
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

static void select_entry(const struct bg_comb *comb, const struct bg_comb_block *block, size_t rows, uint64_t *ret)
{
    memset(ret, 0, comb->entry_words * sizeof *ret);
    for (size_t m = 0; m < (size_t)1 << block->rows; m++) {
        const uint64_t *from = entry(comb, block, m);
        uint64_t difference = m ^ rows;
        uint64_t mask = ((difference | -difference) >> 63) - 1;
        __asm__("" : "+r"(mask));
        for (size_t w = 0; w < comb->entry_words; w++)
            ret[w] |= from[w] & mask;
    }
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
        for (size_t w = 0; w < comb->entry_words; w += LINE_BYTES / sizeof(uint64_t))
            __builtin_prefetch(ret_entries[i] + w);
    }
}

void bg_comb_power(const struct bg_comb *comb, const struct bg_adic_space *space, const uint8_t *const exponents[],
                   unsigned count)
{
    uint32_t digits = comb->ring->digits;
    uint64_t *power = bg_adic_vector(space, 0), *factor = bg_adic_vector(space, 1);
    uint64_t *selected = bg_adic_vector(space, 2);
    const uint64_t *entries[BG_ADIC_MOST_LANES];
    struct lookup at = {comb->shape.width, comb->shape.block_count - 1};

    assert(count >= 1 && count <= comb->ring->kernel->lanes);
    (void)next_lookup(&comb->shape, &at);
    find_entries(comb, &at, exponents, count, selected, entries);
    bg_adic_load(space, digits, entries, count, power);
    size_t column = at.column;
    bool more = next_lookup(&comb->shape, &at);
    if (more)
        find_entries(comb, &at, exponents, count, selected, entries);
    while (more) {
        for (; column > at.column; column--)
            bg_adic_square(space, digits, power, power);
        bg_adic_load(space, digits, entries, count, factor);
        more = next_lookup(&comb->shape, &at);
        if (more)
            find_entries(comb, &at, exponents, count, selected, entries);
        bg_adic_multiply(space, digits, power, factor, power);
    }
    bg_wipe(entries, sizeof entries);
}
