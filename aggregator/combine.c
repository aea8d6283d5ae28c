/* SPDX-License-Identifier: Apache-2.0 */
#include "aggregator/combine.h"

#include "base/checked.h"
#include "compress/step.h"
#include "robust/combine.h"
#include "robust/gram.h"

#include <stdlib.h>
#include <string.h>

void bg_combination_finish(struct bg_combination *combination)
{
    free(combination->used);
    *combination = (struct bg_combination){0};
}

/* The columns a rule sees, and the memory behind them. */
struct columns {
    struct bg_columns view;
    const void *data[BG_COLUMNS_MAX];
    double factors[BG_COLUMNS_MAX];
    int32_t *added; /* (view.count, length) where several groups share a column */
};

/* Adds the votes of groups first … last−1. |Σ v| ≤ Σ k', so int32 holds it and bg_gram checks its own bound. */
static uint32_t add_votes(const struct bg_group_sum *sums, size_t first, size_t last, size_t length, int32_t *total)
{
    uint32_t members = 0;
    for (size_t g = first; g < last; g++) {
        members += sums[g].members;
        for (size_t i = 0; i < length; i++)
            total[i] += sums[g].votes.votes[i];
    }
    return members;
}

static enum bg_status columns_init(struct columns *columns, const struct bg_shape *shape,
                                   const struct bg_group_sum *sums, size_t count, size_t bucket,
                                   struct bg_error *error)
{
    size_t size;
    *columns = (struct columns){0};
    columns->view = (struct bg_columns){.type = shape->dense ? BG_COLUMN_FLOAT32 : BG_COLUMN_INT16,
                                        .count = bg_divide_up(count, bucket),
                                        .length = shape->vote_count,
                                        .data = columns->data,
                                        .factors = columns->factors};
    if (bucket > 1) {
        if (shape->dense)
            return bg_fail(error, BG_UNSUPPORTED, "mode dense takes at most %d groups: raise groups.size or use "
                                                  "fewer clients", BG_COLUMNS_MAX);
        columns->view.type = BG_COLUMN_INT32;
        columns->added = bg_size_multiply(columns->view.count, shape->vote_count, &size)
                             ? calloc(size, sizeof *columns->added)
                             : NULL;
        if (!columns->added)
            return bg_fail(error, BG_NO_MEMORY, "aggregation: out of memory");
    }
    for (size_t c = 0; c < columns->view.count; c++) {
        size_t first = c * bucket;
        size_t last = first + bucket < count ? first + bucket : count;
        if (shape->dense) {
            columns->data[c] = sums[c].mean;
            columns->factors[c] = 1;
        } else if (bucket == 1) {
            columns->data[c] = sums[c].votes.votes;
            columns->factors[c] = 1.0 / sums[c].members;
        } else {
            int32_t *total = columns->added + c * shape->vote_count;
            columns->factors[c] = 1.0 / add_votes(sums, first, last, shape->vote_count, total);
            columns->data[c] = total;
        }
    }
    return BG_OK;
}

/* The aggregate y on the scale of the step (vote_count floats to free). */
static enum bg_status aggregate(const struct bg_combine_settings *settings, const struct columns *columns,
                                struct bg_error *error, struct bg_rule_result *ret_rule, float **ret_y)
{
    size_t count = columns->view.count;
    double *gram = malloc(count * count * sizeof *gram);
    float *y = malloc(columns->view.length * sizeof *y);
    double weights[BG_COLUMNS_MAX];
    enum bg_status status = gram && y ? BG_OK : bg_fail(error, BG_NO_MEMORY, "aggregation: out of memory");
    if (status == BG_OK)
        status = bg_gram(&columns->view, settings->workers, error, gram);
    if (status == BG_OK) {
        struct bg_rule_input input = bg_rule_input_standard(settings->rule, count, gram);
        input.faulty = settings->faulty;
        status = bg_rule_apply(&input, error, ret_rule);
    }
    if (status == BG_OK) {
        bg_rule_step_weights(ret_rule, weights);
        bg_combine_float(&columns->view, weights, settings->workers, y);
        *ret_y = y;
        y = NULL;
    }
    free(gram);
    free(y);
    return status;
}

/* Field sums of the used groups, scattered from travelling tensors to all tensors. */
struct fields {
    struct bg_field_sums *groups;
    uint64_t *sums; /* (groups, tensors) */
    size_t count;
};

static void fields_fill(struct fields *fields, const struct bg_task *task, const struct bg_group_sum *sums,
                        const bool *used, size_t count, size_t first_field)
{
    fields->count = 0;
    for (size_t g = 0; g < count; g++) {
        if (!used[g])
            continue;
        uint64_t *row = fields->sums + fields->count * task->tensor_count;
        size_t field = first_field;
        for (size_t tensor = 0; tensor < task->tensor_count; tensor++)
            if (task->travels[tensor])
                row[tensor] = sums[g].fields[field++];
        fields->groups[fields->count++] = (struct bg_field_sums){.sums = row, .members = sums[g].members};
    }
}

static enum bg_status fields_init(struct fields *fields, const struct bg_task *task, const struct bg_group_sum *sums,
                                  const bool *used, size_t count, size_t first_field)
{
    size_t numbers;
    if (!bg_size_multiply(count, task->tensor_count, &numbers))
        return BG_NO_MEMORY;
    *fields = (struct fields){.groups = calloc(count, sizeof *fields->groups),
                              .sums = calloc(numbers, sizeof *fields->sums)};
    if (!fields->groups || !fields->sums)
        return BG_NO_MEMORY;
    fields_fill(fields, task, sums, used, count, first_field);
    return BG_OK;
}

static void fields_finish(struct fields *fields)
{
    free(fields->groups);
    free(fields->sums);
}

/* s_T of this round and c_T of the next, from the used groups: both, or neither. */
static enum bg_status update_fields(const struct bg_upload_terms *terms, const struct bg_group_sum *sums,
                                    const bool *used, size_t count, uint64_t round, struct bg_server_state *state,
                                    struct bg_error *error)
{
    const struct bg_layout *layout = &terms->plan->root.layout;
    struct bg_codec_settings codec = bg_plan_codec_settings(&terms->plan->root.codec);
    struct bg_codec_round codec_round = bg_task_codec_round(terms->task);
    struct fields fields = {0};
    bool scaled = terms->shape->scale_count > 0, centred = terms->shape->centre_count > 0;
    size_t tensors = layout->tensor_count;
    if (!scaled)
        return BG_OK;
    double *scales = calloc(tensors, sizeof *scales), *centres = calloc(tensors, sizeof *centres);
    enum bg_status status = scales && centres ? BG_OK : BG_NO_MEMORY;
    if (status == BG_OK)
        status = fields_init(&fields, terms->task, sums, used, count, terms->shape->scales_at);
    if (status == BG_OK)
        status = bg_codec_scales(&codec, layout, &codec_round, round, fields.groups, fields.count, error, scales);
    if (status == BG_OK && centred) {
        fields_fill(&fields, terms->task, sums, used, count, terms->shape->centres_at);
        status = bg_codec_centres(layout, &codec_round, fields.groups, fields.count, error, centres);
    }
    if (status == BG_NO_MEMORY)
        bg_fail(error, status, "aggregation: out of memory");
    if (status == BG_OK)
        memcpy(state->scales, scales, tensors * sizeof *scales);
    if (status == BG_OK && centred)
        memcpy(state->centres, centres, tensors * sizeof *centres);
    fields_finish(&fields);
    free(scales);
    free(centres);
    return status;
}

static enum bg_status step(const struct bg_combine_settings *settings, const struct bg_upload_terms *terms,
                           const struct bg_group_sum *sums, size_t count, uint64_t round, uint64_t learning_round,
                           struct bg_server_state *state, struct bg_error *error, struct bg_combination *combination)
{
    struct bg_codec_settings codec = bg_plan_codec_settings(&terms->plan->root.codec);
    struct bg_codec_round codec_round = bg_task_codec_round(terms->task);
    struct columns columns = {0};
    float *y = NULL;
    combination->bucket = bg_divide_up(count, BG_COLUMNS_MAX);
    enum bg_status status = columns_init(&columns, terms->shape, sums, count, combination->bucket, error);
    if (status == BG_OK)
        status = aggregate(settings, &columns, error, &combination->rule, &y);
    free(columns.added);
    if (status != BG_OK)
        return status;
    for (size_t g = 0; g < count; g++)
        combination->used[g] = combination->rule.coefficients[g / combination->bucket] > 0;
    status = update_fields(terms, sums, combination->used, count, round, state, error);
    if (status == BG_OK) {
        struct bg_server_optimizer server =
            bg_codec_optimizer(&codec, &settings->server, learning_round, settings->rounds);
        bg_codec_step(&codec, &terms->plan->root.layout, &codec_round, state->scales, y, &server, state->momentum,
                      state->squares, state->parameters);
    }
    free(y);
    return status;
}

enum bg_status bg_combine_round(const struct bg_combine_settings *settings, const struct bg_upload_terms *terms,
                                const struct bg_group_sum *sums, size_t count, uint64_t round,
                                uint64_t learning_round, struct bg_server_state *state, struct bg_error *error,
                                struct bg_combination *ret_combination)
{
    struct bg_combination combination = {.bucket = 1, .used = calloc(count ? count : 1, sizeof(bool))};
    enum bg_status status;
    if (!combination.used)
        return bg_fail(error, BG_NO_MEMORY, "aggregation: out of memory");
    if (terms->shape->vote_count == 0) {
        for (size_t g = 0; g < count; g++)
            combination.used[g] = true;
        status = update_fields(terms, sums, combination.used, count, round, state, error);
    } else {
        status = step(settings, terms, sums, count, round, learning_round, state, error, &combination);
    }
    if (status != BG_OK && status != BG_MARGIN) {
        bg_combination_finish(&combination);
        return status;
    }
    *ret_combination = combination;
    return status;
}
