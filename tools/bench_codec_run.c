/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/bench_codec_run.h"

#include "base/cpu.h"
#include "base/prng.h"
#include "compress/codec.h"
#include "compress/median.h"
#include "crypto/packing.h"
#include "tools/bench_rounds.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A run shorter than this many coordinates is repeated: no clock sees it alone. */
#define LEAST ((size_t)4000000)

/* Of the plaintexts that votes are packed into: slots of 3 bits. */
#define KEY_BITS 2048
#define KEY_S 2
#define MEMBERS 4
/* Share of the coordinates that are voted on where votes take turns. */
#define TURN 0.25

/* One client's update: what the tasks work on, whatever the kernel. */
struct update {
    size_t count, repeats;
    struct bg_layout layout;
    struct bg_codec_settings settings;
    double scale;
    struct bg_codec_update codec;
    float *delta, *residual, *workspace;
    double median; /* so that it is not left out */
    struct bg_public_key *key;
    struct bg_packing packing;
    uint8_t *plaintexts;
    uint16_t *values;
};

struct task {
    const char *name;
    double bytes; /* read and written per coordinate, 0: not of interest */
    void (*run)(struct update *update, const struct bg_codec_kernel *kernel);
    void (*before)(struct update *update, const struct bg_codec_kernel *kernel); /* not timed; may be NULL */
};

/* A task with a kernel. */
struct trial {
    const struct task *task;
    struct update *update;
    const struct bg_codec_kernel *kernel;
    uint32_t limit; /* of base/cpu.h, for what chooses its own kernel */
};

static void copy(struct update *update, const struct bg_codec_kernel *kernel)
{
    (void)kernel;
    memcpy(update->workspace, update->delta, update->count * sizeof *update->delta);
}

/* Runs as the codec takes them; no ties in this update. */
static void take_signs(struct update *update, const struct bg_codec_kernel *kernel)
{
    uint64_t equal[BG_CODEC_RUN / 64];
    for (size_t begin = 0; begin < update->count; begin += BG_CODEC_RUN)
        kernel->compare(update->residual + begin, bg_codec_run(update->count, begin), 0,
                        update->codec.bits.words + begin / 64, equal);
}

static void take_residual(struct update *update, const struct bg_codec_kernel *kernel)
{
    uint64_t voted[BG_CODEC_RUN / 64];
    memset(voted, 0xff, sizeof voted);
    for (size_t begin = 0; begin < update->count; begin += BG_CODEC_RUN)
        kernel->settle(update->residual + begin, bg_codec_run(update->count, begin), voted,
                       update->codec.bits.words + begin / 64, 0, (float)update->scale, (float)(4 * update->scale),
                       update->residual + begin);
}

static void take_both(struct update *update, const struct bg_codec_kernel *kernel)
{
    take_signs(update, kernel);
    take_residual(update, kernel);
}

static uint64_t no_ties(void *context, uint64_t index)
{
    (void)context;
    return index;
}

/* As clients do: the residual and p share one array. */
static void encode_round(struct update *update, const struct bg_codec_round *round)
{
    struct bg_codec_input input = {.delta = update->delta,
                                   .residual = update->codec.sums,
                                   .ties = {no_ties, NULL},
                                   .workspace = update->workspace};
    enum bg_status status =
        bg_codec_encode(&update->settings, &update->layout, round, &input, NULL, &update->codec);
    assert(status == BG_OK); /* the update is finite */
    (void)status;
}

static void commit_round(struct update *update, const struct bg_codec_round *round)
{
    bg_codec_commit(&update->settings, &update->layout, round, &update->scale, &update->codec, update->codec.sums);
}

static void encode(struct update *update, const struct bg_codec_kernel *kernel)
{
    (void)kernel;
    encode_round(update, &(struct bg_codec_round){.scales = &update->scale});
}

static void commit(struct update *update, const struct bg_codec_kernel *kernel)
{
    (void)kernel;
    commit_round(update, &(struct bg_codec_round){.scales = &update->scale});
}

static void encode_turn(struct update *update, const struct bg_codec_kernel *kernel)
{
    (void)kernel;
    encode_round(update, &(struct bg_codec_round){.scales = &update->scale, .window = bg_window_of_round(TURN, 0)});
}

static void commit_turn(struct update *update, const struct bg_codec_kernel *kernel)
{
    (void)kernel;
    commit_round(update, &(struct bg_codec_round){.scales = &update->scale, .window = bg_window_of_round(TURN, 0)});
}

static void take_median(struct update *update, const struct bg_codec_kernel *kernel)
{
    (void)kernel;
    update->median += bg_median(update->delta, update->count, update->workspace);
}

static void pack(struct update *update, const struct bg_codec_kernel *kernel)
{
    (void)kernel;
    const struct bg_slots field = {BG_SLOTS_BITS, update->codec.bits.words};
    enum bg_status status =
        bg_pack(&update->packing, update->key, &field, 0, update->packing.positions, update->plaintexts);
    assert(status == BG_OK); /* bits fit any slot */
    (void)status;
}

static void unpack(struct update *update, const struct bg_codec_kernel *kernel)
{
    (void)kernel;
    const struct bg_slots field = {BG_SLOTS_U16, update->values};
    size_t positions = update->packing.positions;
    struct bg_span sums = {update->plaintexts, positions * bg_public_key_plaintext_bytes(update->key)};
    enum bg_status status = bg_unpack(&update->packing, update->key, sums, 0, positions, &field, NULL);
    assert(status == BG_OK); /* they are what was packed, or zero */
    (void)status;
}

static const struct task memory_task = {"memcpy", 8, copy, NULL};
static const struct task tasks[] = {
    {"sign", 4 + 0.125, take_signs, NULL},
    {"residual", 4 + 0.125 + 4, take_residual, NULL},
    {"sign+residual", 8 + 0.25 + 4, take_both, NULL},
    {"encode", 0, encode, NULL},
    {"commit", 0, commit, encode},
    {"encode-turn", 0, encode_turn, NULL},
    {"commit-turn", 0, commit_turn, encode_turn},
    {"median", 0, take_median, NULL},
    {"pack", 0, pack, NULL},
    {"unpack", 0, unpack, NULL},
};
#define TASKS (sizeof tasks / sizeof *tasks)

/* A packing keeps the kernel that it was made with. */
static enum bg_status make_packing(struct update *update, struct bg_error *error)
{
    const struct bg_packing_field field = {.count = update->count, .max = 1};
    const struct bg_packing_spec spec = {.bits = KEY_BITS,
                                         .s = KEY_S,
                                         .k_max = MEMBERS,
                                         .radix = BG_RADIX_BITS,
                                         .fields = &field,
                                         .field_count = 1};
    bg_packing_finish(&update->packing);
    return bg_packing_init(&update->packing, &spec, error);
}

static enum bg_status prepare_trial(void *context, struct bg_error *error)
{
    const struct trial *trial = context;
    bg_cpu_limit(trial->limit);
    if (trial->task->before)
        trial->task->before(trial->update, trial->kernel);
    return make_packing(trial->update, error);
}

static enum bg_status run_trial(void *context, struct bg_error *error)
{
    (void)error;
    const struct trial *trial = context;
    for (size_t i = 0; i < trial->update->repeats; i++)
        trial->task->run(trial->update, trial->kernel);
    return BG_OK;
}

/* Any modulus does: nothing is encrypted. */
static enum bg_status make_key(struct bg_prng *prng, struct bg_error *error, struct bg_public_key **ret_key)
{
    uint8_t n[KEY_BITS / 8];
    enum bg_status status;
    do {
        for (size_t i = 0; i < sizeof n; i++)
            n[i] = (uint8_t)bg_prng_below(prng, 256);
        n[0] |= 1;
        n[sizeof n - 1] |= 0x80;
        status = bg_public_key_create((struct bg_span){n, sizeof n}, KEY_BITS, KEY_S, false, error, ret_key);
    } while (status == BG_BAD_KEY);
    return status;
}

static enum bg_status make_plaintexts(struct update *update, struct bg_prng *prng, struct bg_error *error)
{
    enum bg_status status = make_key(prng, error, &update->key);
    if (status == BG_OK)
        status = make_packing(update, error);
    if (status != BG_OK)
        return status;
    update->plaintexts = calloc(update->packing.positions, bg_public_key_plaintext_bytes(update->key));
    update->values = calloc(update->count, sizeof *update->values);
    return update->plaintexts && update->values ? BG_OK : bg_fail(error, BG_NO_MEMORY, "no memory for plaintexts");
}

static enum bg_status update_init(struct update *update, size_t count, struct bg_error *error)
{
    *update = (struct update){.count = count,
                              .repeats = (LEAST + count - 1) / count,
                              .scale = 0.01,
                              .settings = {.mode = BG_CODEC_EF,
                                           .scale_basis = BG_SCALE_FROM_DELTA,
                                           .centre = BG_CENTRE_ZERO,
                                           .clip = 4,
                                           .decay = 1}};
    bg_layout_init(&update->layout);
    enum bg_status status = bg_layout_add(&update->layout, "update", 1, &(uint32_t){(uint32_t)count}, error);
    if (status == BG_OK)
        status = bg_codec_update_init(&update->codec, &update->layout);
    update->delta = calloc(count, sizeof *update->delta);
    update->residual = calloc(count, sizeof *update->residual);
    update->workspace = calloc(count, sizeof *update->workspace);
    if (status == BG_OK && (!update->delta || !update->residual || !update->workspace))
        status = bg_fail(error, BG_NO_MEMORY, "no memory for an update of %zu coordinates", count);
    if (status != BG_OK)
        return status;
    struct bg_prng prng;
    bg_prng_init(&prng, 1);
    for (size_t i = 0; i < count; i++) {
        update->delta[i] = (float)(0.01 * bg_prng_normal(&prng));
        update->residual[i] = (float)(0.02 * bg_prng_normal(&prng));
    }
    update->codec.bits.count = count;
    return make_plaintexts(update, &prng, error);
}

static void update_finish(struct update *update)
{
    free(update->delta);
    free(update->residual);
    free(update->workspace);
    free(update->plaintexts);
    free(update->values);
    bg_packing_finish(&update->packing);
    bg_public_key_destroy(&update->key);
    bg_codec_update_finish(&update->codec);
    bg_layout_finish(&update->layout);
}

/* The best kernel stands for all that the processor has, another one for what it and those after it need. */
static uint32_t limit_of(size_t kernel)
{
    uint32_t needs = BG_CPU_PORTABLE;
    for (size_t k = kernel; bg_codec_kernel_at(k); k++)
        needs |= bg_codec_kernel_at(k)->needs;
    return kernel == 0 ? BG_CPU_ALL : needs;
}

/* memcpy first, then every task with every kernel. */
static void add_rows(struct bg_bench_codec *bench, struct update *update, struct trial *ret_trials)
{
    const struct bg_codec_kernel *kernel;
    bench->rows[0] = (struct bg_bench_codec_row){.name = "memcpy", .bytes = memory_task.bytes};
    ret_trials[0] = (struct trial){&memory_task, update, bg_codec_kernel(), BG_CPU_ALL};
    bench->row_count = 1;
    for (size_t t = 0; t < TASKS; t++)
        for (size_t k = 0; (kernel = bg_codec_kernel_at(k)); k++) {
            assert(bench->row_count < BG_BENCH_CODEC_MOST_ROWS);
            struct bg_bench_codec_row *row = &bench->rows[bench->row_count];
            *row = (struct bg_bench_codec_row){.bytes = tasks[t].bytes, .absent = !bg_cpu_has(kernel->needs)};
            snprintf(row->name, sizeof row->name, "%s/%s", tasks[t].name, kernel->name);
            ret_trials[bench->row_count++] = (struct trial){&tasks[t], update, kernel, limit_of(k)};
        }
}

enum bg_status bg_bench_codec_run(struct bg_bench_codec *bench, struct bg_error *error)
{
    struct update update;
    struct trial trials[BG_BENCH_CODEC_MOST_ROWS];
    struct bg_bench_task timed[BG_BENCH_CODEC_MOST_ROWS];
    struct bg_bench_codec_row *rows[BG_BENCH_CODEC_MOST_ROWS];
    double seconds[BG_BENCH_CODEC_MOST_ROWS];
    size_t count = 0;

    add_rows(bench, &update, trials);
    for (size_t r = 0; r < bench->row_count; r++) {
        if (bench->rows[r].absent)
            continue;
        timed[count] = (struct bg_bench_task){prepare_trial, run_trial, &trials[r]};
        rows[count++] = &bench->rows[r];
    }
    enum bg_status status = update_init(&update, bench->coordinates, error);
    if (status == BG_OK)
        status = bg_bench_rounds(timed, count, bench->rounds, error, seconds);
    for (size_t i = 0; i < count && status == BG_OK; i++)
        rows[i]->seconds = seconds[i] / (double)update.repeats / (double)update.count;
    bg_cpu_limit(BG_CPU_ALL);
    update_finish(&update);
    return status;
}

double bg_bench_codec_of_memcpy(const struct bg_bench_codec *bench, const struct bg_bench_codec_row *row)
{
    const struct bg_bench_codec_row *memcpy_row = &bench->rows[0];
    return row->seconds > 0 ? row->bytes / row->seconds * memcpy_row->seconds / memcpy_row->bytes : 0;
}
