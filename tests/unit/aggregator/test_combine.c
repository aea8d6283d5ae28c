/* SPDX-License-Identifier: Apache-2.0 */
#include "aggregator/combine.h"

#include "tests/unit/aggregator/one_group.h"
#include "tests/unit/no_leaks.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

TestSuite(combine);

#define COORDINATES 1040 /* of the layout of one_group.h */
#define MOST_GROUPS 140

/* Group sums under a task, and the state they step. */
struct fixture {
    struct one_group group;
    size_t count;
    struct bg_group_sum sums[MOST_GROUPS];
    float parameters[COORDINATES], momentum[COORDINATES], squares[COORDINATES], before[COORDINATES];
    double scales[TENSORS], centres[TENSORS];
    struct bg_server_state state;
    struct bg_combine_settings settings;
    struct bg_combination combination;
    struct bg_error error;
};

/* Groups that mostly agree, of 3 and 4 members by turns, with fields in the middle. */
static struct bg_group_sum agreeing_sum(struct fixture *f, uint32_t members)
{
    const struct bg_shape *shape = &f->group.shape;
    struct bg_group_sum sum = {.members = members};
    sum.fields = calloc(shape->votes_at, sizeof *sum.fields);
    cr_assert(sum.fields);
    sum.fields[0] = members;
    for (size_t i = shape->scales_at; i < shape->votes_at; i++)
        sum.fields[i] = members * 40 + bg_prng_below(&f->group.prng, members * 40);
    if (shape->dense) {
        sum.mean = calloc(shape->vote_count, sizeof *sum.mean);
        cr_assert(sum.mean);
        for (size_t i = 0; i < shape->vote_count; i++)
            sum.mean[i] = (float)((i % 3 ? 0.02 : -0.03) + 0.01 * bg_prng_normal(&f->group.prng));
        return sum;
    }
    uint16_t *counts = calloc(shape->vote_count ? shape->vote_count : 1, sizeof *counts);
    cr_assert(counts);
    for (size_t i = 0; i < shape->vote_count; i++)
        for (uint32_t m = 0; m < members; m++)
            counts[i] += (uint16_t)((i % 3 != 0) ^ (bg_prng_below(&f->group.prng, 5) == 0));
    if (shape->vote_count)
        cr_assert_eq(bg_group_vector_init(&sum.votes, counts, shape->vote_count, members, NULL), BG_OK);
    free(counts);
    return sum;
}

static void set_up(struct fixture *f, const struct group_terms *terms, size_t groups)
{
    *f = (struct fixture){.count = groups};
    one_group_init(&f->group, terms);
    cr_assert_eq(f->group.plan.root.layout.coordinates, COORDINATES);
    for (size_t g = 0; g < groups; g++)
        f->sums[g] = agreeing_sum(f, 3 + (uint32_t)g % 2);
    for (size_t i = 0; i < COORDINATES; i++) {
        f->parameters[i] = f->before[i] = (float)bg_prng_normal(&f->group.prng);
        f->momentum[i] = (float)bg_prng_normal(&f->group.prng);
    }
    memcpy(f->scales, f->group.scales, sizeof f->scales);
    f->state = (struct bg_server_state){f->parameters, f->momentum, f->squares, f->scales, f->centres};
    f->settings = (struct bg_combine_settings){.rule = BG_RULE_MEAN, .faulty = BG_FAULTY_UNSET, .rounds = 10};
}

static void tear_down(struct fixture *f)
{
    for (size_t g = 0; g < f->count; g++)
        bg_group_sum_finish(&f->sums[g]);
    bg_combination_finish(&f->combination);
    one_group_finish(&f->group);
}

static enum bg_status combine(struct fixture *f, uint64_t round, uint64_t learning_round)
{
    return bg_combine_round(&f->settings, &f->group.terms, f->sums, f->count, round, learning_round, &f->state,
                            &f->error, &f->combination);
}

/* ---- the same, written down once more ---- */

static double vote(const struct fixture *f, size_t g, size_t i)
{
    const struct bg_group_sum *sum = &f->sums[g];
    return f->group.shape.dense ? (double)sum->mean[i] : (double)sum->votes.votes[i] / sum->members;
}

static int ascending(const void *a, const void *b)
{
    double left = *(const double *)a, right = *(const double *)b;
    return (left > right) - (left < right);
}

/* s_T by its definition; 25th percentile of the groups' means in index order floor(0.25·(G − 1)). */
static double expected_scale(const struct fixture *f, size_t tensor, size_t field, double limit)
{
    double means[MOST_GROUPS];
    for (size_t g = 0; g < f->count; g++)
        means[g] = (double)f->sums[g].fields[f->group.shape.scales_at + field] / f->sums[g].members;
    qsort(means, f->count, sizeof *means, ascending);
    double q = means[(f->count - 1) / 4];
    if (f->group.task.stage == BG_STAGE_SCALES)
        return exp2(q / 512 - 64);
    return f->group.scales[tensor] * fmin(exp2(q / 64 - 1), limit);
}

/* Mean of the group vectors. */
static double mean_vote(const struct fixture *f, size_t i)
{
    double sum = 0;
    for (size_t g = 0; g < f->count; g++)
        sum += vote(f, g, i);
    return sum / (double)f->count;
}

static double norm(const struct fixture *f, size_t g)
{
    double sum = 0;
    for (size_t i = 0; i < f->group.shape.vote_count; i++)
        sum += vote(f, g, i) * vote(f, g, i);
    return sqrt(sum);
}

/* n_med/p Σ x_g/‖x_g‖. */
static double unit_mean_vote(const struct fixture *f, size_t i)
{
    double norms[MOST_GROUPS], sum = 0;
    for (size_t g = 0; g < f->count; g++) {
        norms[g] = norm(f, g);
        sum += vote(f, g, i) / norms[g];
    }
    qsort(norms, f->count, sizeof *norms, ascending);
    double median = (norms[(f->count - 1) / 2] + norms[f->count / 2]) / 2;
    return sum * median / (double)f->count;
}

/* Where coordinate i of the layout is among the votes, or −1: the middle tensor does not travel. */
static ptrdiff_t vote_of(const struct fixture *f, size_t i)
{
    const struct bg_tensor *middle = &f->group.plan.root.layout.tensors[1];
    if (f->group.travels[1] || i < middle->offset)
        return (ptrdiff_t)i;
    return i < middle->offset + middle->count ? -1 : (ptrdiff_t)(i - middle->count);
}

static size_t tensor_of(const struct fixture *f, size_t i)
{
    size_t tensor = 0;
    while (i >= f->group.plan.root.layout.tensors[tensor].offset + f->group.plan.root.layout.tensors[tensor].count)
        tensor++;
    return tensor;
}

static const struct group_terms modes[] = {
    {.encryption = BG_PLAN_NULL, .s = 1, .mode = BG_PLAN_CODEC_EF, .centre_median = true},
    {.encryption = BG_PLAN_NULL, .s = 1, .mode = BG_PLAN_CODEC_SIGN},
    {.encryption = BG_PLAN_NULL, .s = 1, .mode = BG_PLAN_CODEC_MEDIAN},
    {.encryption = BG_PLAN_OFF, .mode = BG_PLAN_CODEC_DENSE},
};

static void step_as_expected(const struct group_terms *terms, enum bg_rule rule,
                             double (*aggregate)(const struct fixture *f, size_t i))
{
    static struct fixture f;
    set_up(&f, terms, 6);
    f.settings.rule = rule;
    bool momentum = terms->mode == BG_PLAN_CODEC_SIGN || terms->mode == BG_PLAN_CODEC_MEDIAN;
    double eta = momentum ? 0.25 * (1 + cos(acos(-1) * 3 / 10)) / 2 : 1;
    double first_momentum[COORDINATES];
    for (size_t i = 0; i < COORDINATES; i++)
        first_momentum[i] = (double)f.momentum[i];
    cr_assert_eq(combine(&f, 4, 3), BG_OK, "%s", f.error.text);
    for (size_t i = 0; i < COORDINATES; i++) {
        ptrdiff_t at = vote_of(&f, i);
        size_t tensor = tensor_of(&f, i);
        double expected = (double)f.before[i];
        if (at >= 0) {
            double y = aggregate(&f, (size_t)at);
            if (momentum)
                y += 0.9 * first_momentum[i];
            bool scaled = terms->mode == BG_PLAN_CODEC_EF;
            expected += eta * (scaled ? expected_scale(&f, tensor, tensor / 2, INFINITY) : 1) * y;
        }
        cr_assert_float_eq((double)f.parameters[i], expected, 1e-6, "mode %d, coordinate %zu", (int)terms->mode, i);
    }
    for (size_t g = 0; g < f.count; g++)
        cr_assert(f.combination.used[g]);
    cr_assert_eq(f.combination.bucket, 1);
    tear_down(&f);
}

Test(combine, steps_as_defined_in_every_mode)
{
    for (size_t i = 0; i < sizeof modes / sizeof *modes; i++) {
        step_as_expected(&modes[i], BG_RULE_MEAN, mean_vote);
        step_as_expected(&modes[i], BG_RULE_UNIT_MEAN, unit_mean_vote);
    }
    NO_LEAKS();
}

Test(combine, leaves_the_step_to_the_servers_optimizer)
{
    static struct fixture plain, adam;
    set_up(&plain, &modes[0], 6);
    set_up(&adam, &modes[0], 6);
    memset(adam.momentum, 0, sizeof adam.momentum);
    adam.settings.server = (struct bg_server_optimizer){
        .kind = BG_SERVER_ADAM, .step = 0.25, .beta1 = 0.5, .beta2 = 0.75, .epsilon = 0.125};
    cr_assert_eq(combine(&plain, 4, 3), BG_OK, "%s", plain.error.text);
    cr_assert_eq(combine(&adam, 4, 3), BG_OK, "%s", adam.error.text);
    for (size_t i = 0; i < COORDINATES; i++) {
        double d = (double)plain.parameters[i] - (double)plain.before[i];
        double move = 0.25 * 0.5 * d / (0.5 * fabs(d) + 0.125);
        cr_assert_float_eq((double)adam.parameters[i] - (double)adam.before[i], move, 1e-6, "coordinate %zu", i);
        cr_assert_float_eq(adam.squares[i], 0.25 * d * d, 1e-6, "coordinate %zu", i);
    }
    tear_down(&plain);
    tear_down(&adam);
    NO_LEAKS();
}

Test(combine, updates_scales_and_centres_of_what_travelled)
{
    static struct fixture f;
    for (uint64_t round = 4; round < 8; round++) {
        set_up(&f, &modes[0], 5);
        f.sums[0].fields[1] = f.sums[1].fields[1] = 0;
        for (size_t g = 0; g < f.count; g++)
            f.sums[g].fields[2] = 120 * f.sums[g].members;
        cr_assert_eq(combine(&f, round, round - 1), BG_OK, "%s", f.error.text);
        double limit = round > 5 ? 1.2 : INFINITY;
        cr_assert_float_eq(f.scales[0], expected_scale(&f, 0, 0, limit), 1e-12);
        cr_assert_eq(f.scales[1], f.group.scales[1]);
        cr_assert_float_eq(f.scales[2], expected_scale(&f, 2, 1, limit), 1e-12);
        for (size_t tensor = 0; tensor < TENSORS; tensor += 2) {
            double means[5];
            for (size_t g = 0; g < f.count; g++)
                means[g] = (double)f.sums[g].fields[f.group.shape.centres_at + tensor / 2] / f.sums[g].members;
            qsort(means, f.count, sizeof *means, ascending);
            cr_assert_float_eq(f.centres[tensor], f.group.scales[tensor] * (means[2] / 64 - 1), 1e-12);
        }
        cr_assert_eq(f.centres[1], 0);
        tear_down(&f);
    }
    NO_LEAKS();
}

Test(combine, calibrates_scales_and_nothing_else)
{
    static struct fixture f;
    struct group_terms terms = modes[0];
    terms.stage = BG_STAGE_SCALES;
    set_up(&f, &terms, 4);
    for (size_t g = 0; g < f.count; g++)
        for (size_t field = 0; field < 2; field++)
            f.sums[g].fields[1 + field] = f.sums[g].members * (27000 + 100 * g + 900 * field);
    cr_assert_eq(combine(&f, 0, 0), BG_OK, "%s", f.error.text);
    cr_assert_float_eq(f.scales[0], exp2(27000.0 / 512 - 64), 1e-15);
    cr_assert_float_eq(f.scales[2], exp2(27900.0 / 512 - 64), 1e-15);
    cr_assert_eq(f.scales[1], f.group.scales[1]);
    cr_assert_arr_eq(f.parameters, f.before, sizeof f.before);
    cr_assert_eq(f.combination.rule.count, 0);
    for (size_t g = 0; g < f.count; g++)
        cr_assert(f.combination.used[g]);
    tear_down(&f);
    NO_LEAKS();
}

Test(combine, steps_only_what_was_voted_on)
{
    static struct fixture f;
    struct group_terms terms = {.encryption = BG_PLAN_OFF, .mode = BG_PLAN_CODEC_EF, .window_rest = 0xc0000000};
    set_up(&f, &terms, 4);
    cr_assert_lt(f.group.shape.vote_count, COORDINATES / 3);
    cr_assert_eq(combine(&f, 3, 2), BG_OK, "%s", f.error.text);
    size_t moved = 0;
    for (size_t i = 0; i < COORDINATES; i++) {
        bool voted = bg_window_phase(i) <= 0x3fffffff && (i < 900 || i >= 930);
        moved += f.parameters[i] != f.before[i];
        cr_assert(voted || f.parameters[i] == f.before[i], "coordinate %zu moved", i);
    }
    cr_assert_geq(moved, f.group.shape.vote_count / 2);
    tear_down(&f);
    NO_LEAKS();
}

Test(combine, uses_every_group_where_nothing_was_voted_on)
{
    static struct fixture f;
    struct group_terms terms = {.encryption = BG_PLAN_NULL, .s = 1, .mode = BG_PLAN_CODEC_EF, .nothing_travels = true};
    set_up(&f, &terms, 3);
    cr_assert_eq(f.group.shape.slots, 1);
    f.settings.rule = BG_RULE_FLAG_PLUS;
    cr_assert_eq(combine(&f, 3, 2), BG_OK, "%s", f.error.text);
    cr_assert_arr_eq(f.parameters, f.before, sizeof f.before);
    cr_assert_arr_eq(f.scales, f.group.scales, sizeof f.scales);
    for (size_t g = 0; g < f.count; g++)
        cr_assert(f.combination.used[g]);
    tear_down(&f);
    NO_LEAKS();
}

/* ---- what must not step ---- */

struct untouched {
    float parameters[COORDINATES], momentum[COORDINATES];
    double scales[TENSORS], centres[TENSORS];
};

static struct untouched remember(const struct fixture *f)
{
    struct untouched state;
    memcpy(state.parameters, f->parameters, sizeof state.parameters);
    memcpy(state.momentum, f->momentum, sizeof state.momentum);
    memcpy(state.scales, f->scales, sizeof state.scales);
    memcpy(state.centres, f->centres, sizeof state.centres);
    return state;
}

static void expect_untouched(const struct fixture *f, const struct untouched *state)
{
    cr_assert_arr_eq(f->parameters, state->parameters, sizeof state->parameters);
    cr_assert_arr_eq(f->momentum, state->momentum, sizeof state->momentum);
    cr_assert_arr_eq(f->scales, state->scales, sizeof state->scales);
    cr_assert_arr_eq(f->centres, state->centres, sizeof state->centres);
}

static void reverse(struct bg_group_sum *sum)
{
    for (size_t i = 0; i < sum->votes.count; i++)
        sum->votes.votes[i] = (int16_t)-sum->votes.votes[i];
}

Test(combine, holds_without_a_step_where_groups_contradict_each_other)
{
    for (size_t mode = 0; mode < 3; mode++) {
        static struct fixture f;
        set_up(&f, &modes[mode], 4);
        f.settings.rule = BG_RULE_FLAG_PLUS;
        for (size_t g = 1; g < f.count; g += 2) {
            memcpy(f.sums[g].votes.votes, f.sums[g - 1].votes.votes, f.sums[g].votes.count * sizeof(int16_t));
            f.sums[g].members = f.sums[g - 1].members;
            reverse(&f.sums[g]);
        }
        struct untouched before = remember(&f);
        cr_assert_eq(combine(&f, 3, 2), BG_MARGIN);
        expect_untouched(&f, &before);
        cr_assert(f.combination.rule.held);
        cr_assert_eq(f.combination.rule.count, 4);
        tear_down(&f);
    }
    NO_LEAKS();
}

Test(combine, steps_nothing_where_a_field_is_out_of_range)
{
    for (int centre = 0; centre < 2; centre++) {
        static struct fixture f;
        set_up(&f, &modes[0], 4);
        size_t field = centre ? f.group.shape.centres_at : f.group.shape.scales_at;
        f.sums[2].fields[field] = 129 * f.sums[2].members;
        struct untouched before = remember(&f);
        cr_assert_eq(combine(&f, 3, 2), BG_OUT_OF_RANGE);
        cr_assert(strstr(f.error.text, centre ? "centre" : "scale"), "%s", f.error.text);
        expect_untouched(&f, &before);
        tear_down(&f);
    }
    NO_LEAKS();
}

Test(combine, steps_nothing_with_too_few_groups_for_its_f)
{
    static struct fixture f;
    set_up(&f, &modes[0], 4);
    f.settings.faulty = 1;
    struct untouched before = remember(&f);
    cr_assert_eq(combine(&f, 3, 2), BG_TOO_FEW);
    expect_untouched(&f, &before);
    tear_down(&f);
    NO_LEAKS();
}

/* ---- who counts ---- */

Test(combine, leaves_unused_groups_out_of_the_scales)
{
    static struct fixture f;
    set_up(&f, &modes[0], 7);
    f.settings.rule = BG_RULE_FLAG;
    f.group.plan.root.codec.percentile = 1;
    reverse(&f.sums[3]);
    for (size_t g = 0; g < f.count; g++)
        f.sums[g].fields[1] = f.sums[g].members * (g == 3 ? 128 : 64);
    cr_assert_eq(combine(&f, 3, 2), BG_OK, "%s", f.error.text);
    for (size_t g = 0; g < f.count; g++)
        cr_assert_eq(f.combination.used[g], f.combination.rule.coefficients[g] > 0);
    cr_assert_not(f.combination.used[3]);
    cr_assert_float_eq(f.scales[0], f.group.scales[0], 1e-12, "the liar's scale counted");
    tear_down(&f);
    NO_LEAKS();
}

Test(combine, weighs_groups_as_the_rule_says)
{
    static struct fixture f;
    static double gram[9 * 9];
    struct bg_rule_result rule;
    double weights[BG_COLUMNS_MAX];
    set_up(&f, &modes[0], 9);
    f.settings.rule = BG_RULE_FLAG_PLUS;
    reverse(&f.sums[4]);
    for (size_t a = 0; a < f.count; a++)
        for (size_t b = 0; b < f.count; b++)
            for (size_t i = 0; i < f.group.shape.vote_count; i++)
                gram[a * f.count + b] += vote(&f, a, i) * vote(&f, b, i);
    struct bg_rule_input input = bg_rule_input_standard(BG_RULE_FLAG_PLUS, f.count, gram);
    cr_assert_eq(bg_rule_apply(&input, &f.error, &rule), BG_OK, "%s", f.error.text);
    bg_rule_step_weights(&rule, weights);
    cr_assert_eq(combine(&f, 3, 2), BG_OK, "%s", f.error.text);
    for (size_t i = 0; i < COORDINATES; i++) {
        double y = 0;
        for (size_t g = 0; vote_of(&f, i) >= 0 && g < f.count; g++)
            y += weights[g] * vote(&f, g, (size_t)vote_of(&f, i));
        double expected = (double)f.before[i] + f.scales[tensor_of(&f, i)] * y;
        cr_assert_float_eq((double)f.parameters[i], expected, 1e-6, "coordinate %zu", i);
    }
    tear_down(&f);
    NO_LEAKS();
}

/* Neighbours share a column: their members' votes are added up. */
static double bucketed_vote(const struct fixture *f, size_t i)
{
    double sum = 0;
    for (size_t g = 0; g < f->count; g += 2) {
        const struct bg_group_sum *a = &f->sums[g], *b = &f->sums[g + 1];
        bool pair = g + 1 < f->count;
        sum += (double)(a->votes.votes[i] + (pair ? b->votes.votes[i] : 0)) / (a->members + (pair ? b->members : 0));
    }
    return sum / (double)((f->count + 1) / 2);
}

Test(combine, puts_more_groups_than_a_rule_takes_into_buckets)
{
    static struct fixture f;
    for (size_t groups = BG_COLUMNS_MAX; groups < MOST_GROUPS; groups += 5) {
        set_up(&f, &modes[1], groups);
        f.settings.rounds = 0;
        memset(f.momentum, 0, sizeof f.momentum);
        cr_assert_eq(combine(&f, 3, 2), BG_OK, "%s", f.error.text);
        cr_assert_eq(f.combination.bucket, groups > BG_COLUMNS_MAX ? 2 : 1);
        cr_assert_eq(f.combination.rule.count, groups > BG_COLUMNS_MAX ? (groups + 1) / 2 : groups);
        for (size_t i = 0; i < COORDINATES; i++) {
            if (vote_of(&f, i) < 0)
                continue;
            size_t at = (size_t)vote_of(&f, i);
            double y = groups > BG_COLUMNS_MAX ? bucketed_vote(&f, at) : mean_vote(&f, at);
            cr_assert_float_eq((double)f.parameters[i], (double)f.before[i] + 0.25 * y, 1e-6);
        }
        for (size_t g = 0; g < groups; g++)
            cr_assert(f.combination.used[g]);
        tear_down(&f);
    }
    NO_LEAKS();
}

Test(combine, refuses_more_dense_groups_than_a_rule_takes)
{
    static struct fixture f;
    set_up(&f, &modes[3], BG_COLUMNS_MAX + 1);
    cr_assert_eq(combine(&f, 3, 2), BG_UNSUPPORTED);
    tear_down(&f);
    NO_LEAKS();
}

Test(combine, gives_the_same_bits_for_any_number_of_threads)
{
    static float first[COORDINATES];
    for (unsigned threads = 0; threads < 4; threads++) {
        static struct fixture f;
        struct bg_workers *workers = NULL;
        if (threads)
            cr_assert_eq(bg_workers_create(threads, 64, NULL, NULL, &workers), BG_OK);
        set_up(&f, &modes[0], 135);
        f.settings.rule = BG_RULE_FLAG_PLUS;
        f.settings.workers = workers;
        cr_assert_eq(combine(&f, 3, 2), BG_OK, "%s", f.error.text);
        if (threads == 0)
            memcpy(first, f.parameters, sizeof first);
        cr_assert_arr_eq(f.parameters, first, sizeof first, "%u threads", threads);
        tear_down(&f);
        bg_workers_destroy(&workers);
    }
    NO_LEAKS();
}
