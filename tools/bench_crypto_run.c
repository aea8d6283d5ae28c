/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/bench_crypto_run.h"

#include "base/prng.h"
#include "base/sign_bits.h"
#include "crypto/key_generation.h"
#include "crypto/wipe.h"
#include "tools/bench_baseline.h"
#include "tools/bench_crypto_kernel.h"
#include "tools/bench_rounds.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define MOST_KERNELS 4

struct contender {
    struct bg_crypto_kernel kernel;
    const char *absent; /* why, NULL: it is there */
    struct bg_bench_kernel objects;
};

/* One width of slots. */
struct coordinates {
    char group[24]; /* "coordinate-8" */
    struct bg_packing packing;
    struct bg_slots votes;
};

/* How a row gets its time: from a task, or from another row. */
struct plan {
    struct bg_bench_task task; /* without run: from row `source` */
    size_t source;
    double operations; /* per run; in the row's unit per operation of the source */
    struct baseline_task {
        struct bg_baseline *baseline;
        enum bg_baseline_scheme scheme;
        size_t times;
    } baseline;
    struct votes_task {
        struct bg_bench_kernel *kernel;
        const struct coordinates *coordinates;
    } votes;
};

struct bench {
    const struct bg_bench_crypto_settings *settings;
    struct bg_random random;
    struct bg_secret_key *key;
    struct bg_baseline *baseline;
    struct contender contenders[MOST_KERNELS];
    size_t contender_count;
    struct coordinates coordinates[BG_BENCH_MOST_WIDTHS];
    struct bg_sign_bits votes;
    struct plan plans[BG_BENCH_MOST_ROWS];
    struct bg_bench_rows *rows;
};

/* Tasks. */

static enum bg_status generate_key(void *context, struct bg_error *error)
{
    struct bench *b = context;
    bg_secret_key_destroy(&b->key);
    return bg_secret_key_generate(b->settings->bits, b->settings->s, false, &b->random, error, &b->key);
}

static enum bg_status encrypt_votes(void *context, struct bg_error *error)
{
    const struct votes_task *task = context;
    return bg_bench_kernel_encrypt_votes(task->kernel, &task->coordinates->packing, &task->coordinates->votes, error);
}

static enum bg_status draw_plaintext(void *context, struct bg_error *error)
{
    return bg_baseline_draw(((const struct baseline_task *)context)->baseline, error);
}

static enum bg_status encrypt_plainly(void *context, struct bg_error *error)
{
    const struct baseline_task *task = context;
    enum bg_status status = BG_OK;
    for (size_t i = 0; i < task->times && status == BG_OK; i++)
        status = bg_baseline_encrypt(task->baseline, task->scheme, error);
    return status;
}

static enum bg_status encrypt_once(void *context, struct bg_error *error)
{
    return bg_baseline_encrypt(((const struct baseline_task *)context)->baseline, BG_BASELINE_DJN_POWM, error);
}

static enum bg_status decrypt_plainly(void *context, struct bg_error *error)
{
    (void)error;
    const struct baseline_task *task = context;
    for (size_t i = 0; i < task->times; i++)
        bg_baseline_decrypt(task->baseline);
    return BG_OK;
}

static enum bg_status add_plainly(void *context, struct bg_error *error)
{
    (void)error;
    const struct baseline_task *task = context;
    for (size_t i = 0; i < task->times; i++)
        bg_baseline_add(task->baseline);
    return BG_OK;
}

/* Rows. */

static struct plan *add_row(struct bench *b, const char *what, const char *who, const char *group)
{
    assert(b->rows->count < BG_BENCH_MOST_ROWS);
    struct bg_bench_row *row = &b->rows->rows[b->rows->count];
    *row = (struct bg_bench_row){0};
    snprintf(row->group, sizeof row->group, "%s", group);
    snprintf(row->name, sizeof row->name, "%s%s%s", what, who ? "/" : "", who ? who : "");
    return &b->plans[b->rows->count++];
}

static struct bg_bench_row *row_of(struct bench *b, const struct plan *plan)
{
    return &b->rows->rows[plan - b->plans];
}

static void add_kernel_rows(struct bench *b, const char *what, const char *group, struct bg_bench_task task,
                            size_t operations)
{
    for (size_t i = 0; i < b->contender_count; i++) {
        struct contender *c = &b->contenders[i];
        struct plan *plan = add_row(b, what, c->kernel.name, group);
        struct bg_bench_row *row = row_of(b, plan);
        row->absent = c->absent;
        row->ours = true;
        if (c->absent)
            continue;
        row->table_bytes = strcmp(group, "encrypt") == 0 ? bg_mask_table_bytes(c->objects.table) : 0;
        row->bytes = strcmp(group, "add") == 0 ? (double)c->objects.ciphertext_bytes : 0;
        plan->task = (struct bg_bench_task){task.prepare, task.run, &c->objects};
        plan->operations = (double)operations;
    }
}

static void add_gmp_row(struct bench *b, const char *group, struct bg_bench_task task, size_t times, size_t operations)
{
    struct plan *plan = add_row(b, group, "gmp", group);
    plan->baseline = (struct baseline_task){.baseline = b->baseline, .times = times};
    plan->task = (struct bg_bench_task){task.prepare, task.run, &plan->baseline};
    plan->operations = (double)(times * operations);
}

/* Gives the first of BG_BASELINE_SCHEMES rows. */
static size_t add_scheme_rows(struct bench *b)
{
    const size_t times[] = {[BG_BASELINE_TEXTBOOK] = 1, [BG_BASELINE_DJN_POWM] = 2, [BG_BASELINE_WINDOW] = 64};
    size_t first = b->rows->count;
    for (enum bg_baseline_scheme scheme = 0; scheme < BG_BASELINE_SCHEMES; scheme++) {
        struct plan *plan = add_row(b, "encrypt", bg_baseline_names[scheme], "encrypt");
        plan->baseline = (struct baseline_task){b->baseline, scheme, times[scheme]};
        plan->task = (struct bg_bench_task){draw_plaintext, encrypt_plainly, &plan->baseline};
        plan->operations = (double)times[scheme];
        row_of(b, plan)->absent = bg_baseline_has(b->baseline, scheme) ? NULL : "built without OpenSSL";
        row_of(b, plan)->table_bytes = bg_baseline_table_bytes(b->baseline, scheme);
    }
    return first;
}

static void add_derived_row(struct bench *b, const struct coordinates *c, const char *who, size_t source,
                            double coordinates_each)
{
    struct plan *plan = add_row(b, c->group, who, c->group);
    struct bg_bench_row *row = row_of(b, plan);
    const struct bg_public_key *key = bg_secret_key_public(b->key);
    plan->source = source;
    plan->operations = coordinates_each;
    row->absent = b->rows->rows[source].absent;
    row->table_bytes = b->rows->rows[source].table_bytes;
    row->coordinate = true;
    row->bytes = (double)bg_public_key_ciphertext_bytes(key) / coordinates_each;
}

/* Kernels pack and encrypt a whole update. Of the baselines the encryption alone counts. */
static void add_coordinate_rows(struct bench *b, const struct coordinates *c, size_t schemes)
{
    double each = (double)c->packing.slots / (double)c->packing.positions;
    size_t first = b->rows->count;
    add_kernel_rows(b, c->group, c->group, (struct bg_bench_task){.run = encrypt_votes}, c->packing.slots);
    for (size_t i = 0; i < b->contender_count; i++) {
        struct plan *plan = &b->plans[first + i];
        struct bg_bench_row *row = row_of(b, plan);
        row->coordinate = true;
        if (row->absent)
            continue;
        plan->votes = (struct votes_task){&b->contenders[i].objects, c};
        plan->task.context = &plan->votes;
        row->table_bytes = bg_mask_table_bytes(b->contenders[i].objects.table);
        row->bytes = (double)b->contenders[i].objects.ciphertext_bytes / each;
    }
    add_derived_row(b, c, "textbook-single", schemes + BG_BASELINE_TEXTBOOK, 1);
    for (enum bg_baseline_scheme scheme = 0; scheme < BG_BASELINE_SCHEMES; scheme++)
        add_derived_row(b, c, bg_baseline_names[scheme], schemes + scheme, each);
}

static void add_rows(struct bench *b)
{
    add_kernel_rows(b, "encrypt", "encrypt", (struct bg_bench_task){.run = bg_bench_kernel_encrypt},
                    BG_BENCH_ENCRYPTIONS);
    size_t schemes = add_scheme_rows(b);
    add_kernel_rows(b, "encrypt-pool", "encrypt",
                    (struct bg_bench_task){bg_bench_kernel_fill_pool, bg_bench_kernel_encrypt_from_pool, NULL},
                    BG_BENCH_BATCH);
    add_kernel_rows(b, "add", "add", (struct bg_bench_task){.run = bg_bench_kernel_add}, BG_BENCH_ADDITIONS);
    add_gmp_row(b, "add", (struct bg_bench_task){.run = add_plainly}, 1, BG_BASELINE_POSITIONS);
    add_kernel_rows(b, "decrypt", "decrypt", (struct bg_bench_task){.run = bg_bench_kernel_decrypt}, BG_BENCH_BATCH);
    add_gmp_row(b, "decrypt", (struct bg_bench_task){encrypt_once, decrypt_plainly, NULL}, 4, 1);
    for (size_t w = 0; w < b->settings->width_count; w++)
        add_coordinate_rows(b, &b->coordinates[w], schemes);
}

/* Set-up. */

static enum bg_status measure_keygen(struct bench *b, struct bg_error *error)
{
    struct plan *plan = add_row(b, "keygen", NULL, "keygen");
    plan->task = (struct bg_bench_task){.run = generate_key, .context = b};
    return bg_bench_rounds(&plan->task, 1, b->settings->rounds, error, &row_of(b, plan)->seconds);
}

/* Kernels of this build, and those that results name in any case. */
static void find_kernels(struct bench *b)
{
    struct bg_crypto_kernel kernel;
    bool ifma = false;
    for (size_t i = 0; bg_crypto_kernel_at(i, &kernel); i++)
        ifma |= strcmp(kernel.name, "ifma") == 0;
    if (!ifma)
        b->contenders[b->contender_count++] = (struct contender){{.name = "ifma"}, .absent = "not in this build"};
    for (size_t i = 0; bg_crypto_kernel_at(i, &kernel); i++) {
        assert(b->contender_count < MOST_KERNELS);
        b->contenders[b->contender_count++] = (struct contender){
            .kernel = kernel, .absent = bg_bench_kernel_usable(&kernel) ? NULL : "not on this processor"};
    }
}

static enum bg_status create_kernels(struct bench *b, struct bg_error *error)
{
    uint8_t p[BG_KEY_MOST_BYTES / 2], q[BG_KEY_MOST_BYTES / 2];
    size_t size = b->settings->bits / 16;
    enum bg_status status = BG_OK;

    find_kernels(b);
    bg_baseline_primes(b->key, p, q);
    for (size_t i = 0; i < b->contender_count && status == BG_OK; i++) {
        struct contender *c = &b->contenders[i];
        if (c->absent)
            continue;
        status = bg_bench_kernel_init(&c->objects, &c->kernel, (struct bg_span){p, size}, (struct bg_span){q, size},
                                      b->settings->s, &b->settings->masks, error);
        if (status == BG_OK && !bg_baseline_agrees(b->baseline, c->objects.ciphertexts, c->objects.plaintexts))
            status = bg_fail(error, BG_FAULT, "%s: GMP decrypts to something else", c->kernel.name);
    }
    bg_wipe(p, sizeof p);
    bg_wipe(q, sizeof q);
    return status;
}

/* A slot of w bits holds sums of up to 2^w − 2 votes. */
static enum bg_status create_coordinates(struct bench *b, struct bg_error *error)
{
    const struct bg_bench_crypto_settings *settings = b->settings;
    struct bg_packing_field field = {.count = settings->coordinates, .max = 1};
    struct bg_prng prng;
    enum bg_status status = BG_OK;

    if (bg_sign_bits_init(&b->votes, settings->coordinates) != BG_OK)
        return bg_fail(error, BG_NO_MEMORY, "out of memory for %zu coordinates", settings->coordinates);
    bg_prng_init(&prng, 1);
    for (size_t i = 0; i < settings->coordinates; i++)
        bg_sign_bit_set(&b->votes, i, bg_prng_next(&prng) >> 63);
    for (size_t w = 0; w < settings->width_count && status == BG_OK; w++) {
        struct coordinates *c = &b->coordinates[w];
        struct bg_packing_spec spec = {.bits = settings->bits,
                                       .s = settings->s,
                                       .k_max = (uint32_t)(((uint64_t)1 << settings->widths[w]) - 2),
                                       .radix = BG_RADIX_BITS,
                                       .fields = &field,
                                       .field_count = 1};
        snprintf(c->group, sizeof c->group, "coordinate-%u", settings->widths[w]);
        c->votes = (struct bg_slots){BG_SLOTS_BITS, b->votes.words};
        status = bg_packing_init(&c->packing, &spec, error);
    }
    return status;
}

static enum bg_status measure(struct bench *b, size_t first, struct bg_error *error)
{
    struct bg_bench_task tasks[BG_BENCH_MOST_ROWS];
    double seconds[BG_BENCH_MOST_ROWS];
    size_t measured[BG_BENCH_MOST_ROWS], count = 0;

    for (size_t i = first; i < b->rows->count; i++)
        if (!b->rows->rows[i].absent && b->plans[i].task.run) {
            tasks[count] = b->plans[i].task;
            measured[count++] = i;
        }
    enum bg_status status = bg_bench_rounds(tasks, count, b->settings->rounds, error, seconds);
    if (status != BG_OK)
        return status;
    for (size_t k = 0; k < count; k++)
        b->rows->rows[measured[k]].seconds = seconds[k] / b->plans[measured[k]].operations;
    for (size_t i = first; i < b->rows->count; i++)
        if (!b->plans[i].task.run)
            b->rows->rows[i].seconds = b->rows->rows[b->plans[i].source].seconds / b->plans[i].operations;
    return BG_OK;
}

static void bench_finish(struct bench *b)
{
    for (size_t i = 0; i < b->contender_count; i++)
        bg_bench_kernel_finish(&b->contenders[i].objects);
    for (size_t w = 0; w < b->settings->width_count; w++)
        bg_packing_finish(&b->coordinates[w].packing);
    bg_baseline_destroy(&b->baseline);
    bg_secret_key_destroy(&b->key);
    bg_sign_bits_finish(&b->votes);
}

enum bg_status bg_bench_crypto_run(const struct bg_bench_crypto_settings *settings, struct bg_error *error,
                                   struct bg_bench_rows *ret_rows)
{
    struct bench b = {.settings = settings, .random = bg_random_system(), .rows = ret_rows};

    ret_rows->count = 0;
    enum bg_status status = measure_keygen(&b, error);
    if (status == BG_OK)
        status = bg_baseline_create(b.key, settings->masks.exponent_bits, &b.random, error, &b.baseline);
    if (status == BG_OK)
        status = bg_baseline_check(b.baseline, error);
    if (status == BG_OK)
        status = create_kernels(&b, error);
    if (status == BG_OK)
        status = create_coordinates(&b, error);
    if (status == BG_OK) {
        size_t first = ret_rows->count;
        add_rows(&b);
        status = measure(&b, first, error);
    }
    bench_finish(&b);
    return status;
}
