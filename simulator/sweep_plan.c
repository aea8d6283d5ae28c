/* SPDX-License-Identifier: Apache-2.0 */
/* From a command line to the list of runs. */
#include "simulator/sweep.h"

#include "base/checked.h"
#include "base/json.h"

#include <stdlib.h>
#include <string.h>

#define MOST_VALUES 1000

/* A list separated by commas: pieces of one copy. */
struct list {
    char **items;
    size_t count;
};

static enum bg_status no_memory(struct bg_error *error)
{
    return bg_fail(error, BG_NO_MEMORY, "sweep: out of memory");
}

static enum bg_status split(struct bg_arena *arena, const char *text, struct bg_error *error, struct list *ret_list)
{
    size_t count = 1;
    for (const char *c = text; *c; c++)
        count += *c == ',';
    char *copy = bg_arena_text(arena, text);
    char **items = BG_ARENA_ARRAY(arena, char *, count);
    if (!copy || !items)
        return no_memory(error);
    for (size_t i = 0; i < count; i++)
        items[i] = strsep(&copy, ",");
    *ret_list = (struct list){items, count};
    return BG_OK;
}

static enum bg_status set(struct bg_simulator_config *config, const char *flag, const char *assignment,
                          struct bg_error *error)
{
    enum bg_status status =
        bg_options_set(bg_simulator_options, bg_simulator_option_count, assignment, config, error);
    return status == BG_OK ? status : bg_fail_in(error, status, "%s", flag);
}

/* ---- the axes of the grid ---- */

struct axis {
    const char *key;
    struct list values;
};

static enum bg_status read_axis(struct bg_arena *arena, const char *text, struct bg_error *error, struct axis *ret_axis)
{
    const char *equals = strchr(text, '=');
    if (!equals || equals == text || !equals[1])
        return bg_fail(error, BG_CONFIG, "--grid %s: write key=value,value,…", text);
    char *key = bg_arena_text(arena, text);
    if (!key)
        return no_memory(error);
    key[equals - text] = '\0';
    ret_axis->key = key;
    if (strcmp(key, "simulation.seed") == 0)
        return bg_fail(error, BG_CONFIG, "--grid %s: seeds are given by --seeds", text);
    return split(arena, equals + 1, error, &ret_axis->values);
}

static enum bg_status read_axes(struct bg_sweep *sweep, const struct bg_sweep_plan *plan, struct bg_error *error,
                                struct axis **ret_axes)
{
    struct axis *axes = BG_ARENA_ARRAY(&sweep->arena, struct axis, plan->grid_count);
    sweep->axes = BG_ARENA_ARRAY(&sweep->arena, const char *, plan->grid_count);
    if (!axes || !sweep->axes)
        return no_memory(error);
    for (size_t i = 0; i < plan->grid_count; i++) {
        enum bg_status status = read_axis(&sweep->arena, plan->grids[i], error, &axes[i]);
        if (status != BG_OK)
            return status;
        for (size_t j = 0; j < i; j++)
            if (strcmp(axes[j].key, axes[i].key) == 0)
                return bg_fail(error, BG_CONFIG, "--grid %s: this key has an axis already", plan->grids[i]);
        sweep->axes[i] = axes[i].key;
    }
    sweep->axis_count = plan->grid_count;
    *ret_axes = axes;
    return BG_OK;
}

/* ---- seeds ---- */

static enum bg_status read_seeds(struct bg_sweep *sweep, const struct bg_sweep_plan *plan, struct bg_error *error)
{
    struct list list = {NULL, 1};
    uint64_t most = 0;
    enum bg_status status = plan->seeds ? split(&sweep->arena, plan->seeds, error, &list) : BG_OK;
    if (status != BG_OK)
        return status;
    bool counted = plan->seeds && list.count == 1;
    if (counted && bg_parse_u64(plan->seeds, 1, MOST_VALUES, &most) != BG_OK)
        return bg_fail(error, BG_CONFIG, "--seeds %s: write how many (1 to %d), or a list such as 1,2,5", plan->seeds,
                       MOST_VALUES);
    size_t count = counted ? (size_t)most : list.count;
    sweep->seeds = BG_ARENA_ARRAY(&sweep->arena, uint64_t, count);
    if (!sweep->seeds)
        return no_memory(error);
    sweep->seed_count = count;
    for (size_t i = 0; i < count; i++) {
        sweep->seeds[i] = counted ? i + 1 : plan->base->seed;
        if (!counted && plan->seeds && bg_parse_u64(list.items[i], 0, UINT64_MAX, &sweep->seeds[i]) != BG_OK)
            return bg_fail(error, BG_CONFIG, "--seeds %s: \"%s\" is not a whole number", plan->seeds, list.items[i]);
        for (size_t j = 0; j < i; j++)
            if (sweep->seeds[j] == sweep->seeds[i])
                return bg_fail(error, BG_CONFIG, "--seeds %s: %llu is there twice", plan->seeds,
                               (unsigned long long)sweep->seeds[i]);
    }
    return BG_OK;
}

/* ---- combinations ---- */

static enum bg_status apply_variant(struct bg_sweep *sweep, const char *text, struct bg_error *error,
                                    struct bg_sweep_combination *combination)
{
    const char *colon = strchr(text, ':'), *equals = strchr(text, '=');
    if (!colon || colon == text || (equals && equals < colon))
        return bg_fail(error, BG_CONFIG, "--variant %s: write name:key=value,key=value,…", text);
    char *name = bg_arena_text(&sweep->arena, text);
    struct list list = {NULL, 0};
    if (!name)
        return no_memory(error);
    name[colon - text] = '\0';
    combination->variant = name;
    enum bg_status status = colon[1] ? split(&sweep->arena, colon + 1, error, &list) : BG_OK;
    for (size_t i = 0; i < list.count && status == BG_OK; i++) {
        size_t key = strcspn(list.items[i], "=");
        for (size_t axis = 0; axis < sweep->axis_count; axis++)
            if (strncmp(list.items[i], sweep->axes[axis], key) == 0 && !sweep->axes[axis][key])
                return bg_fail(error, BG_CONFIG, "--variant %s: %s is an axis of the grid", text, sweep->axes[axis]);
        status = set(&combination->config, "--variant", list.items[i], error);
    }
    return status;
}

/* The i-th point of the grid, the last axis running fastest. */
static enum bg_status apply_point(struct bg_sweep *sweep, const struct axis *axes, size_t point,
                                  struct bg_error *error, struct bg_sweep_combination *combination)
{
    combination->values = BG_ARENA_ARRAY(&sweep->arena, const char *, sweep->axis_count);
    if (!combination->values)
        return no_memory(error);
    for (size_t i = sweep->axis_count; i-- > 0;) {
        combination->values[i] = axes[i].values.items[point % axes[i].values.count];
        point /= axes[i].values.count;
    }
    for (size_t i = 0; i < sweep->axis_count; i++) {
        char *assignment;
        if (asprintf(&assignment, "%s=%s", axes[i].key, combination->values[i]) < 0)
            return no_memory(error);
        enum bg_status status = set(&combination->config, "--grid", assignment, error);
        free(assignment);
        if (status != BG_OK)
            return status;
    }
    return BG_OK;
}

static enum bg_status name_combination(struct bg_sweep *sweep, struct bg_error *error,
                                       struct bg_sweep_combination *combination)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    if (!out)
        return no_memory(error);
    fputs(combination->variant, out);
    for (size_t i = 0; i < sweep->axis_count; i++)
        fprintf(out, "%s%s=%s", i || *combination->variant ? " " : "", sweep->axes[i], combination->values[i]);
    if (!*combination->variant && !sweep->axis_count)
        fputs("settings", out);
    combination->name = fclose(out) == 0 ? bg_arena_text(&sweep->arena, text) : NULL;
    free(text);
    return combination->name ? BG_OK : no_memory(error);
}

static enum bg_status make_combinations(struct bg_sweep *sweep, const struct bg_sweep_plan *plan,
                                        const struct axis *axes, struct bg_error *error)
{
    size_t points = 1, count, runs;
    for (size_t i = 0; i < sweep->axis_count; i++)
        if (!bg_size_multiply(points, axes[i].values.count, &points))
            points = SIZE_MAX;
    size_t variants = plan->variant_count ? plan->variant_count : 1;
    if (!bg_size_multiply(points, variants, &count) || !bg_size_multiply(count, sweep->seed_count, &runs) ||
        runs > BG_SWEEP_MOST_RUNS)
        return bg_fail(error, BG_TOO_LARGE, "sweep: more than %zu runs", BG_SWEEP_MOST_RUNS);
    sweep->combinations = BG_ARENA_ARRAY(&sweep->arena, struct bg_sweep_combination, count);
    if (!sweep->combinations)
        return no_memory(error);
    sweep->combination_count = count;
    for (size_t i = 0; i < count; i++) {
        struct bg_sweep_combination *combination = &sweep->combinations[i];
        combination->config = *plan->base;
        combination->variant = "";
        enum bg_status status = BG_OK;
        if (plan->variant_count)
            status = apply_variant(sweep, plan->variants[i / points], error, combination);
        if (status == BG_OK)
            status = apply_point(sweep, axes, i % points, error, combination);
        if (status == BG_OK)
            status = name_combination(sweep, error, combination);
        if (status != BG_OK)
            return status;
        combination->refusal.status =
            bg_simulator_config_check(&combination->config, plan->insecure_test_key, &combination->refusal);
    }
    return BG_OK;
}

static enum bg_status refuse_twins(const struct bg_sweep *sweep, struct bg_error *error)
{
    for (size_t i = 0; i < sweep->combination_count; i++)
        for (size_t j = 0; j < i; j++)
            if (strcmp(sweep->combinations[i].name, sweep->combinations[j].name) == 0)
                return bg_fail(error, BG_CONFIG, "sweep: \"%s\" is there twice", sweep->combinations[i].name);
    return BG_OK;
}

/* ---- runs ---- */

static enum bg_status identify(const struct bg_simulator_config *config, struct bg_digest *ret_identity)
{
    struct bg_simulator_config plain = *config;
    plain.threads = 0;
    struct bg_json *object = bg_json_object();
    bg_options_to_json(bg_simulator_options, bg_simulator_option_count, &plain, object);
    char *text = bg_json_print(object, false);
    bg_json_destroy(&object);
    if (!text)
        return BG_NO_MEMORY;
    bg_sha256((struct bg_span){(const uint8_t *)text, strlen(text)}, ret_identity);
    free(text);
    return BG_OK;
}

static enum bg_status make_runs(struct bg_sweep *sweep, struct bg_error *error)
{
    sweep->run_count = sweep->combination_count * sweep->seed_count;
    sweep->runs = BG_ARENA_ARRAY(&sweep->arena, struct bg_sweep_run, sweep->run_count);
    if (!sweep->runs)
        return no_memory(error);
    for (size_t i = 0; i < sweep->run_count; i++) {
        struct bg_sweep_run *run = &sweep->runs[i];
        run->combination = i / sweep->seed_count;
        run->seed = sweep->seeds[i % sweep->seed_count];
        struct bg_simulator_config config = sweep->combinations[run->combination].config;
        config.seed = run->seed;
        if (identify(&config, &run->identity) != BG_OK)
            return no_memory(error);
        const struct bg_error *refusal = &sweep->combinations[run->combination].refusal;
        if (refusal->status != BG_OK) {
            run->state = BG_SWEEP_FAILED;
            run->failure = refusal->text;
        }
    }
    return BG_OK;
}

enum bg_status bg_sweep_init(const struct bg_sweep_plan *plan, struct bg_error *error, struct bg_sweep *ret_sweep)
{
    struct bg_sweep sweep = {
        .base = *plan->base, .insecure_test_key = plan->insecure_test_key, .has_variants = plan->variant_count > 0};
    struct axis *axes = NULL;
    bg_arena_init(&sweep.arena, SIZE_MAX);
    enum bg_status status = read_axes(&sweep, plan, error, &axes);
    if (status == BG_OK)
        status = read_seeds(&sweep, plan, error);
    if (status == BG_OK)
        status = make_combinations(&sweep, plan, axes, error);
    if (status == BG_OK)
        status = refuse_twins(&sweep, error);
    if (status == BG_OK)
        status = make_runs(&sweep, error);
    if (status != BG_OK) {
        bg_sweep_finish(&sweep);
        return status;
    }
    *ret_sweep = sweep;
    return BG_OK;
}

void bg_sweep_finish(struct bg_sweep *sweep)
{
    for (size_t i = 0; i < sweep->run_count && sweep->runs; i++)
        bg_json_destroy(&sweep->runs[i].summary);
    bg_arena_finish(&sweep->arena);
    *sweep = (struct bg_sweep){0};
}
