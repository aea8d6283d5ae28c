/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/mask.h"

#include "base/checked.h"
#include "crypto/big.h"
#include "crypto/mask_draw.h"
#include "crypto/wipe.h"

#include <assert.h>
#include <stdlib.h>
#include <sys/mman.h>

#define MOST_TEETH 16

/*
 * An exponent of `bits` bits is a matrix of `teeth` rows by `columns`, the columns cut into `blocks` of
 * `width`: bit (j, k·width + i) has weight 2^(j·columns + k·width + i). With
 *   T[k][m] = ∏_{j in m} h^(2^(j·columns + k·width))       m a non-empty set of rows
 * h^e = ∏_i (∏_k T[k][rows set in column k·width + i])^(2^i): width − 1 squarings and at most `columns`
 * products.
 */
struct comb {
    size_t bits, teeth, columns, blocks, width;
};

struct bg_mask_table {
    const struct bg_public_key *key;
    struct comb comb;
    size_t entry_limbs;
    size_t entries;
    mp_limb_t *limbs; /* entry (k, m) at k·(2^teeth − 1) + m − 1 */
};

static size_t comb_entries(const struct comb *comb)
{
    return comb->blocks * (((size_t)1 << comb->teeth) - 1);
}

static size_t comb_products(const struct comb *comb)
{
    return comb->width - 1 + comb->columns;
}

/* teeth is 0 if no comb has at most `most_entries`. */
static struct comb choose_comb(size_t bits, size_t most_entries)
{
    struct comb best = {.bits = bits};

    for (size_t teeth = 1; teeth <= MOST_TEETH; teeth++) {
        size_t columns = bg_divide_up(bits, teeth);
        for (size_t width = columns; width > 0; width--) {
            struct comb comb = {bits, teeth, columns, bg_divide_up(columns, width), width};
            size_t entries = comb_entries(&comb);
            if (entries > most_entries)
                break;
            if (!best.teeth || comb_products(&comb) < comb_products(&best)
                || (comb_products(&comb) == comb_products(&best) && entries < comb_entries(&best)))
                best = comb;
        }
    }
    return best;
}

static mp_limb_t *entry(const struct bg_mask_table *table, size_t block, size_t rows)
{
    return table->limbs + (block * (((size_t)1 << table->comb.teeth) - 1) + rows - 1) * table->entry_limbs;
}

static void store(const struct bg_mask_table *table, size_t block, size_t rows, const mpz_t x)
{
    mp_limb_t *limbs = entry(table, block, rows);
    size_t used = mpz_size(x);
    assert(used <= table->entry_limbs);
    memcpy(limbs, mpz_limbs_read(x), used * sizeof *limbs);
    memset(limbs + used, 0, (table->entry_limbs - used) * sizeof *limbs);
}

static mpz_srcptr load(const struct bg_mask_table *table, size_t block, size_t rows, mpz_t view)
{
    return mpz_roinit_n(view, entry(table, block, rows), (mp_size_t)table->entry_limbs);
}

/* ret = (−x²)^(n^s) mod n^(s+1) */
static enum bg_status draw_base(const struct bg_public_key *key, const struct bg_random *random, mpz_t ret)
{
    enum bg_status status = bg_big_random_unit(random, key->power[1], ret);
    if (status != BG_OK)
        return status;
    mpz_mul(ret, ret, ret);
    mpz_neg(ret, ret);
    mpz_mod(ret, ret, key->power[1]);
    /* y mod n suffices: y ≡ z (mod n) gives y^(n^s) ≡ z^(n^s) (mod n^(s+1)). */
    mpz_powm(ret, ret, key->power[key->s], key->power[key->s + 1]);
    return BG_OK;
}

/* Consumes base. */
static void fill_table(const struct bg_mask_table *table, mpz_t base)
{
    const struct comb *comb = &table->comb;
    const mpz_t *modulus = &table->key->power[table->key->s + 1];
    mpz_t product, view;

    for (size_t j = 0; j < comb->teeth; j++)
        for (size_t c = 0; c < comb->columns; c++) {
            if (c % comb->width == 0)
                store(table, c / comb->width, (size_t)1 << j, base);
            mpz_mul(base, base, base);
            mpz_mod(base, base, *modulus);
        }
    mpz_init(product);
    for (size_t k = 0; k < comb->blocks; k++)
        for (size_t rows = 1; rows < (size_t)1 << comb->teeth; rows++) {
            size_t others = rows & (rows - 1);
            if (!others)
                continue;
            mpz_set(product, load(table, k, others, view));
            mpz_mul(product, product, load(table, k, rows ^ others, view));
            mpz_mod(product, product, *modulus);
            store(table, k, rows, product);
        }
    bg_big_wipe(product);
    mpz_clear(product);
}

enum bg_status bg_mask_table_create(const struct bg_public_key *key, const struct bg_random *random,
                                    size_t memory_bytes, struct bg_mask_table **ret_table)
{
    size_t entry_limbs = mpz_size(key->power[key->s + 1]);
    struct comb comb = choose_comb(key->bits / 2, memory_bytes / (entry_limbs * sizeof(mp_limb_t)));
    if (!comb.teeth)
        return BG_INVALID;

    struct bg_mask_table *table = malloc(sizeof *table);
    mp_limb_t *limbs = calloc(comb_entries(&comb), entry_limbs * sizeof *limbs);
    mpz_t base;
    enum bg_status status = BG_NO_MEMORY;
    mpz_init(base);
    if (!table || !limbs)
        goto out;
    *table = (struct bg_mask_table){key, comb, entry_limbs, comb_entries(&comb), limbs};
    status = draw_base(key, random, base);
    if (status != BG_OK)
        goto out;
    fill_table(table, base);
    *ret_table = table;
out:
    bg_big_wipe(base);
    mpz_clear(base);
    if (status != BG_OK) {
        free(limbs);
        free(table);
    }
    return status;
}

void bg_mask_table_destroy(struct bg_mask_table **table)
{
    if (!*table)
        return;
    bg_wipe((*table)->limbs, bg_mask_table_bytes(*table));
    free((*table)->limbs);
    free(*table);
    *table = NULL;
}

size_t bg_mask_table_bytes(const struct bg_mask_table *table)
{
    return table->entries * table->entry_limbs * sizeof(mp_limb_t);
}

size_t bg_mask_table_products(const struct bg_mask_table *table)
{
    return comb_products(&table->comb);
}

static size_t rows_in_column(const struct comb *comb, const mpz_t exponent, size_t column)
{
    size_t rows = 0;
    for (size_t j = 0; j < comb->teeth; j++)
        rows |= (size_t)mpz_tstbit(exponent, j * comb->columns + column) << j;
    return rows;
}

void bg_big_mask_power(const struct bg_mask_table *table, const mpz_t exponent, mpz_t ret)
{
    const struct comb *comb = &table->comb;
    const mpz_t *modulus = &table->key->power[table->key->s + 1];
    mpz_t view;

    assert(mpz_sgn(exponent) == 0 || mpz_sizeinbase(exponent, 2) <= comb->bits);
    mpz_set_ui(ret, 1);
    for (size_t i = comb->width; i-- > 0;) {
        if (i + 1 < comb->width) {
            mpz_mul(ret, ret, ret);
            mpz_mod(ret, ret, *modulus);
        }
        for (size_t k = 0; k < comb->blocks; k++) {
            size_t column = k * comb->width + i;
            size_t rows = column < comb->columns ? rows_in_column(comb, exponent, column) : 0;
            if (rows) {
                mpz_mul(ret, ret, load(table, k, rows, view));
                mpz_mod(ret, ret, *modulus);
            }
        }
    }
}

/* The level lies in the memory that a fork wipes, so a child starts with an empty pool. */
struct pool {
    size_t level;
    uint64_t masks[];
};

struct bg_mask_source {
    const struct bg_mask_table *table;
    struct bg_random random;
    struct pool *pool; /* NULL: none */
    size_t pool_bytes;
    size_t capacity;
    size_t mask_bytes;
    uint64_t drawn;
    uint64_t hits;
};

static struct pool *map_pool(size_t bytes)
{
    void *memory = mmap(NULL, bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (memory == MAP_FAILED)
        return NULL;
    if (madvise(memory, bytes, MADV_WIPEONFORK) == 0 && madvise(memory, bytes, MADV_DONTDUMP) == 0)
        return memory;
    munmap(memory, bytes);
    return NULL;
}

enum bg_status bg_mask_source_create(const struct bg_mask_table *table, const struct bg_random *random,
                                     size_t pool_capacity, struct bg_mask_source **ret_source)
{
    size_t mask_bytes = bg_mask_words(table->key) * sizeof(uint64_t), pool_bytes;
    if (!bg_size_multiply(pool_capacity, mask_bytes, &pool_bytes)
        || !bg_size_add(pool_bytes, sizeof(struct pool), &pool_bytes))
        return BG_NO_MEMORY;
    struct bg_mask_source *source = calloc(1, sizeof *source);
    if (!source)
        return BG_NO_MEMORY;
    *source = (struct bg_mask_source){.table = table, .random = *random, .mask_bytes = mask_bytes};
    if (pool_capacity)
        source->pool = map_pool(pool_bytes);
    if (source->pool) {
        source->pool_bytes = pool_bytes;
        source->capacity = pool_capacity;
    }
    *ret_source = source;
    return BG_OK;
}

void bg_mask_source_destroy(struct bg_mask_source **source)
{
    if (!*source)
        return;
    if ((*source)->pool) {
        bg_wipe((*source)->pool, (*source)->pool_bytes);
        munmap((*source)->pool, (*source)->pool_bytes);
    }
    free(*source);
    *source = NULL;
}

size_t bg_mask_words(const struct bg_public_key *key)
{
    return bg_adic_compact_words(key->adic, 2 * key->s + 1);
}

static enum bg_status write_mask(const struct bg_public_key *key, const mpz_t power, uint64_t *ret_mask)
{
    struct bg_adic_space space;
    uint64_t *form = ret_mask + bg_adic_compact_words(key->adic, key->s + 1);
    enum bg_status status = bg_adic_space_init(&space, key->adic, 1);

    if (status != BG_OK)
        return status;
    bg_adic_from_big(key->adic, key->s + 1, power, ret_mask);
    bg_adic_load(&space, key->s, &(const uint64_t *){ret_mask}, 1, bg_adic_vector(&space, 0));
    bg_adic_enter(&space, key->s, bg_adic_vector(&space, 0), bg_adic_vector(&space, 0));
    bg_adic_store(&space, key->s, bg_adic_vector(&space, 0), 1, &form);
    bg_adic_space_finish(&space);
    return BG_OK;
}

static enum bg_status compute_mask(const struct bg_mask_source *source, uint64_t *ret_mask)
{
    mpz_t exponent, power;

    mpz_inits(exponent, power, NULL);
    enum bg_status status = bg_big_random_bits(&source->random, source->table->comb.bits, exponent);
    if (status == BG_OK) {
        bg_big_mask_power(source->table, exponent, power);
        status = write_mask(source->table->key, power, ret_mask);
    }
    bg_big_wipe(exponent);
    bg_big_wipe(power);
    mpz_clears(exponent, power, NULL);
    return status;
}

enum bg_status bg_mask_source_fill(struct bg_mask_source *source, size_t count)
{
    for (size_t i = 0; i < count && source->pool && source->pool->level < source->capacity; i++) {
        enum bg_status status =
            compute_mask(source, source->pool->masks + source->pool->level * bg_mask_words(source->table->key));
        if (status != BG_OK)
            return status;
        source->pool->level++;
    }
    return BG_OK;
}

static enum bg_status draw_one(struct bg_mask_source *source, uint64_t *ret_mask)
{
    enum bg_status status = BG_OK;

    if (source->pool && source->pool->level) {
        uint64_t *mask = source->pool->masks + --source->pool->level * bg_mask_words(source->table->key);
        memcpy(ret_mask, mask, source->mask_bytes);
        bg_wipe(mask, source->mask_bytes);
        source->hits++;
    } else {
        status = compute_mask(source, ret_mask);
    }
    source->drawn += status == BG_OK;
    return status;
}

enum bg_status bg_mask_draw(struct bg_mask_source *source, size_t count, uint64_t *ret_masks)
{
    enum bg_status status = BG_OK;

    for (size_t i = 0; i < count && status == BG_OK; i++)
        status = draw_one(source, ret_masks + i * bg_mask_words(source->table->key));
    if (status != BG_OK)
        bg_wipe(ret_masks, count * source->mask_bytes);
    return status;
}

struct bg_mask_stats bg_mask_source_stats(const struct bg_mask_source *source)
{
    return (struct bg_mask_stats){
        .capacity = source->capacity,
        .level = source->pool ? source->pool->level : 0,
        .drawn = source->drawn,
        .hits = source->hits,
    };
}
