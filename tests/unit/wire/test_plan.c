/* SPDX-License-Identifier: Apache-2.0 */
#include "../no_leaks.h"
#include "examples.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* ---- key part ---- */

static struct bg_key_part good_key_part(struct source *source)
{
    return (struct bg_key_part){.population = source->population,
                                .epoch = 3,
                                .encryption = BG_PLAN_PAILLIER,
                                .key_bits = 2048,
                                .s = 2,
                                .modulus = random_bytes(source, 256),
                                .group_size = 4,
                                .group_least = 3,
                                .group_most = 5,
                                .group_count = 10};
}

static enum bg_status decode_key_part(const struct bg_key_part *part, struct bg_error *error, struct bg_key_part *ret)
{
    struct bg_writer w;
    bg_writer_init(&w);
    bg_key_part_encode(part, &w);
    enum bg_status status = bg_key_part_decode(bg_writer_span(&w), error, ret);
    bg_writer_finish(&w);
    return status;
}

static void set_key(struct bg_key_part *part, enum bg_plan_encryption encryption, uint32_t bits, uint32_t s)
{
    static const uint8_t modulus[2048];
    part->encryption = encryption;
    part->key_bits = bits;
    part->s = s;
    part->modulus = (struct bg_span){modulus, bits / 8};
}

static void set_groups(struct bg_key_part *part, uint32_t k, uint32_t k_min, uint32_t k_max, uint32_t count)
{
    part->group_size = k;
    part->group_least = k_min;
    part->group_most = k_max;
    part->group_count = count;
}

Test(plan, takes_keys_and_groups_at_their_bounds)
{
    struct source source;
    struct bg_key_part part, got;
    source_init(&source, 1);
    part = good_key_part(&source);
    static const struct {
        enum bg_plan_encryption encryption;
        uint32_t bits, s;
    } keys[] = {{BG_PLAN_PAILLIER, 512, 1}, {BG_PLAN_NULL, 8192, 4}, {BG_PLAN_OFF, 0, 0}, {BG_PLAN_NULL, 576, 2}};
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        set_key(&part, keys[i].encryption, keys[i].bits, keys[i].s);
        cr_assert_eq(decode_key_part(&part, NULL, &got), BG_OK);
        cr_assert_eq(got.modulus.size, keys[i].bits / 8);
    }
    static const uint32_t sizes[][4] = {
        {1, 1, 1, 1}, {1, 1, 2, 1}, {64, 64, 64, 1 << 20}, {32, 1, 64, 5}, {4, 3, 3, 2}};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        set_groups(&part, sizes[i][0], sizes[i][1], sizes[i][2], sizes[i][3]);
        cr_assert_eq(decode_key_part(&part, NULL, &got), BG_OK);
    }
    source_finish(&source);
}

Test(plan, refuses_impossible_keys)
{
    struct source source;
    struct bg_key_part part, got;
    struct bg_error error;
    source_init(&source, 1);
    static const struct {
        int encryption;
        uint32_t bits, s;
        const char *says;
    } keys[] = {{0, 2048, 2, "encryption"},      {4, 2048, 2, "encryption"},     {1, 504, 1, "512 to 8192"},
                {1, 8200, 1, "512 to 8192"},     {1, 0, 1, "512 to 8192"},       {2, 2056, 1, "multiple of 64"},
                {1, 2048, 0, "s must be 1"},     {1, 2048, 5, "s must be 1"},    {3, 512, 0, "0 bits"},
                {3, 0, 1, "0 without"},          {3, 4, 0, "0 bits"}};
    part = good_key_part(&source);
    for (size_t i = 0; i < sizeof keys / sizeof *keys; i++) {
        set_key(&part, (enum bg_plan_encryption)keys[i].encryption, keys[i].bits, keys[i].s);
        cr_assert_eq(decode_key_part(&part, &error, &got), BG_DECODE, "%zu", i);
        cr_assert(strstr(error.text, keys[i].says), "%s", error.text);
    }
    source_finish(&source);
}

Test(plan, refuses_a_modulus_of_another_size)
{
    struct source source;
    struct bg_writer w;
    struct bg_key_part part, got;
    struct bg_error error;
    source_init(&source, 1);
    part = good_key_part(&source);
    bg_writer_init(&w);
    bg_key_part_encode(&part, &w);
    w.data[32 + 8 + 1] = 0xc0; /* 0x07c0 bits: 248 bytes */
    w.data[32 + 8 + 2] = 0x07;
    cr_assert_eq(bg_key_part_decode(bg_writer_span(&w), &error, &got), BG_DECODE);
    cr_assert(strstr(error.text, "modulus"), "%s", error.text);
    bg_writer_finish(&w);
    source_finish(&source);
    NO_LEAKS();
}

Test(plan, refuses_impossible_groups)
{
    struct source source;
    struct bg_key_part part, got;
    struct bg_error error;
    source_init(&source, 1);
    static const struct {
        uint32_t k, k_min, k_max, count;
        const char *says;
    } sizes[] = {{0, 0, 0, 1, "k must be"},    {65, 3, 64, 1, "k must be"},  {4, 0, 4, 1, "k_min"},
                 {4, 5, 5, 1, "k_min"},        {4, 3, 2, 1, "k_max"},        {4, 3, 9, 1, "2k"},
                 {40, 3, 65, 1, "k_max"},      {4, 3, 4, 0, "groups"},       {4, 3, 4, (1 << 20) + 1, "groups"}};
    part = good_key_part(&source);
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        set_groups(&part, sizes[i].k, sizes[i].k_min, sizes[i].k_max, sizes[i].count);
        cr_assert_eq(decode_key_part(&part, &error, &got), BG_DECODE, "%zu", i);
        cr_assert(strstr(error.text, sizes[i].says), "%s", error.text);
    }
    source_finish(&source);
}

Test(plan, refuses_flags_other_than_0_and_1)
{
    struct source source;
    source_init(&source, 1);
    struct bg_key_part part = good_key_part(&source);
    for (size_t flag = 0; flag < 3; flag++) {
        struct bg_writer w;
        struct bg_key_part got;
        bg_writer_init(&w);
        bg_key_part_encode(&part, &w);
        w.data[32 + 8 + 1 + 4 + 4 + flag] = 2;
        cr_assert_eq(bg_key_part_decode(bg_writer_span(&w), NULL, &got), BG_DECODE);
        bg_writer_finish(&w);
    }
    source_finish(&source);
    NO_LEAKS();
}

/* ---- root part ---- */

static const char *const features[] = {"Flow Duration", "Total Fwd Packet", "Flow Bytes/s"};
static const char *const classes[] = {"BENIGN", "DoS"};

static struct bg_root_part good_root_part(void)
{
    struct bg_root_part part = {
        .model = "mlp:128-64",
        .label_map = "papers7",
        .feature_count = 3,
        .features = features,
        .class_count = 2,
        .classes = classes,
        .codec = {.mode = BG_PLAN_CODEC_EF,
                  .clip = 4,
                  .growth = 1.2,
                  .growth_from = 5,
                  .percentile = 0.25,
                  .decay = 0.9,
                  .server_momentum = 0.9,
                  .server_step = 0.001},
        .training = {.optimizer = BG_PLAN_SGD,
                     .class_weights = BG_PLAN_WEIGHTS_INVERSE_SQRT,
                     .momentum = 0.9,
                     .clip_norm = 1,
                     .batch = 64},
    };
    uint32_t shape[] = {2, 3};
    bg_layout_init(&part.layout);
    cr_assert_eq(bg_layout_add(&part.layout, "layer0.weight", 2, shape, NULL), BG_OK);
    cr_assert_eq(bg_layout_add(&part.layout, "layer0.bias", 1, shape, NULL), BG_OK);
    return part;
}

/* Encodes the part, lets go of its layout and decodes it; what was decoded is only for the status. */
static enum bg_status decode_root_part(struct bg_root_part *part, struct bg_error *error)
{
    struct bg_writer w;
    struct bg_arena arena;
    struct bg_root_part got;
    bg_writer_init(&w);
    bg_arena_init(&arena, 1 << 20);
    bg_root_part_encode(part, &w);
    bg_layout_finish(&part->layout);
    enum bg_status status = bg_root_part_decode(bg_writer_span(&w), &arena, error, &got);
    if (status == BG_OK)
        bg_layout_finish(&got.layout);
    bg_writer_finish(&w);
    bg_arena_finish(&arena);
    return status;
}

static void no_change(struct bg_root_part *part) { (void)part; }
static void mode_0(struct bg_root_part *part) { part->codec.mode = (enum bg_plan_codec_mode)0; }
static void mode_5(struct bg_root_part *part) { part->codec.mode = (enum bg_plan_codec_mode)5; }
static void clip_0(struct bg_root_part *part) { part->codec.clip = 0; }
static void clip_nan(struct bg_root_part *part) { part->codec.clip = (double)NAN; }
static void clip_large(struct bg_root_part *part) { part->codec.clip = 1e7; }
static void growth_low(struct bg_root_part *part) { part->codec.growth = 0.99; }
static void growth_inf(struct bg_root_part *part) { part->codec.growth = (double)INFINITY; }
static void percentile_high(struct bg_root_part *part) { part->codec.percentile = 1.01; }
static void decay_low(struct bg_root_part *part) { part->codec.decay = -0.01; }
static void client_momentum_1(struct bg_root_part *part) { part->codec.client_momentum = 1; }
static void server_momentum_1(struct bg_root_part *part) { part->codec.server_momentum = 1; }
static void server_step_0(struct bg_root_part *part) { part->codec.server_step = 0; }
static void optimizer_0(struct bg_root_part *part) { part->training.optimizer = (enum bg_plan_optimizer)0; }
static void optimizer_3(struct bg_root_part *part) { part->training.optimizer = (enum bg_plan_optimizer)3; }
static void weights_0(struct bg_root_part *part) { part->training.class_weights = (enum bg_plan_class_weights)0; }
static void weights_5(struct bg_root_part *part) { part->training.class_weights = (enum bg_plan_class_weights)5; }
static void momentum_1(struct bg_root_part *part) { part->training.momentum = 1; }
static void weight_decay_low(struct bg_root_part *part) { part->training.weight_decay = -1; }
static void clip_norm_inf(struct bg_root_part *part) { part->training.clip_norm = (double)INFINITY; }
static void mu_nan(struct bg_root_part *part) { part->training.proximal_mu = (double)NAN; }
static void batch_0(struct bg_root_part *part) { part->training.batch = 0; }
static void batch_large(struct bg_root_part *part) { part->training.batch = BG_MAX_BATCH + 1; }
static void drift_memory_high(struct bg_root_part *part) { part->training.drift_memory = 1.5; }
static void own_prior_low(struct bg_root_part *part) { part->training.own_prior = -0.5; }
static void federated_prior_inf(struct bg_root_part *part) { part->training.federated_prior = (double)INFINITY; }
static void model_empty(struct bg_root_part *part) { part->model[0] = 0; }
static void model_control(struct bg_root_part *part) { part->model[1] = '\n'; }
static void label_map_utf8(struct bg_root_part *part) { part->label_map[1] = (char)0xff; }
static void label_map_empty(struct bg_root_part *part) { part->label_map[0] = 0; }

static void class_twice(struct bg_root_part *part)
{
    static const char *const names[] = {"DoS", "BENIGN", "DoS"};
    part->classes = names;
    part->class_count = 3;
}

static void feature_empty(struct bg_root_part *part)
{
    static const char *const names[] = {"a", ""};
    part->features = names;
    part->feature_count = 2;
}

static void feature_long(struct bg_root_part *part)
{
    static char name[BG_NAME_BYTES + 1];
    static const char *const names[] = {name};
    memset(name, 'x', BG_NAME_BYTES);
    part->features = names;
    part->feature_count = 1;
}

static void no_names(struct bg_root_part *part)
{
    part->feature_count = 0;
    part->class_count = 0;
}

static void tensor_twice(struct bg_root_part *part)
{
    part->layout.tensors[1] = part->layout.tensors[0];
}

static void tensor_unnamed(struct bg_root_part *part)
{
    part->layout.tensors[1].name[0] = 0;
}

static void tensor_flat(struct bg_root_part *part)
{
    part->layout.tensors[0].rank = 0;
}

static void tensor_empty(struct bg_root_part *part)
{
    part->layout.tensors[0].shape[1] = 0;
}

static void tensor_large(struct bg_root_part *part)
{
    part->layout.tensors[0].shape[0] = 1u << 31;
}

static void no_tensors(struct bg_root_part *part)
{
    part->layout.tensor_count = 0;
}

static const struct {
    void (*change)(struct bg_root_part *part);
    enum bg_status status;
    const char *says;
} changes[] = {
    {no_change, BG_OK, ""},
    {label_map_empty, BG_OK, ""},
    {no_names, BG_OK, ""},
    {mode_0, BG_DECODE, "codec"},
    {mode_5, BG_DECODE, "codec"},
    {clip_0, BG_DECODE, "clip"},
    {clip_nan, BG_NOT_FINITE, "clip"},
    {clip_large, BG_DECODE, "clip"},
    {growth_low, BG_DECODE, "growth"},
    {growth_inf, BG_NOT_FINITE, "growth"},
    {percentile_high, BG_DECODE, "percentile"},
    {decay_low, BG_DECODE, "decay"},
    {client_momentum_1, BG_DECODE, "client momentum"},
    {server_momentum_1, BG_DECODE, "server momentum"},
    {server_step_0, BG_DECODE, "server step"},
    {optimizer_0, BG_DECODE, "optimizer"},
    {optimizer_3, BG_DECODE, "optimizer"},
    {weights_0, BG_DECODE, "class weights"},
    {weights_5, BG_DECODE, "class weights"},
    {momentum_1, BG_DECODE, "momentum"},
    {weight_decay_low, BG_DECODE, "weight decay"},
    {clip_norm_inf, BG_NOT_FINITE, "clip norm"},
    {mu_nan, BG_NOT_FINITE, "proximal"},
    {batch_0, BG_DECODE, "batch"},
    {batch_large, BG_DECODE, "batch"},
    {drift_memory_high, BG_DECODE, "drift memory"},
    {own_prior_low, BG_DECODE, "own prior"},
    {federated_prior_inf, BG_NOT_FINITE, "federated prior"},
    {model_empty, BG_DECODE, "model"},
    {model_control, BG_DECODE, "byte"},
    {label_map_utf8, BG_DECODE, "byte"},
    {class_twice, BG_DECODE, "class"},
    {feature_empty, BG_DECODE, "feature"},
    {feature_long, BG_DECODE, "feature"},
    {tensor_twice, BG_DECODE, "layer0.weight appears twice"},
    {tensor_unnamed, BG_DECODE, "tensor"},
    {tensor_flat, BG_DECODE, "rank"},
    {tensor_empty, BG_DECODE, "layer0.weight"},
    {tensor_large, BG_TOO_LARGE, "layer0.weight"},
    {no_tensors, BG_DECODE, "layout"},
};

Test(plan, refuses_what_cannot_be_learnt_and_says_why)
{
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
        struct bg_error error = {0};
        struct bg_root_part part = good_root_part();
        changes[i].change(&part);
        enum bg_status status = decode_root_part(&part, &error);
        cr_assert_eq(status, changes[i].status, "change %zu, about the %s: %s", i, changes[i].says, error.text);
        cr_assert(strstr(error.text, changes[i].says), "%s", error.text);
    }
    NO_LEAKS();
}

Test(plan, checks_thousands_of_names_quickly)
{
    enum { COUNT = 60000 };
    static char text[COUNT][8];
    static const char *names[COUNT];
    struct bg_root_part part = good_root_part();
    for (size_t i = 0; i < COUNT; i++) {
        snprintf(text[i], sizeof text[i], "f%05zu", i);
        names[i] = text[i];
    }
    part.features = names;
    part.feature_count = COUNT;
    cr_assert_eq(decode_root_part(&part, NULL), BG_OK);
    part = good_root_part();
    part.features = names;
    part.feature_count = COUNT;
    names[COUNT - 1] = names[0];
    cr_assert_eq(decode_root_part(&part, NULL), BG_DECODE);
    NO_LEAKS();
}

/* ---- frame ---- */

Test(plan, refuses_a_key_part_of_another_population)
{
    struct source source;
    struct bg_writer w, again;
    struct bg_arena arena;
    struct bg_error error;
    source_init(&source, 9);
    bg_writer_init(&w);
    bg_writer_init(&again);
    bg_arena_init(&arena, 1 << 16);
    kinds[0].make(&source, &w);
    w.data[8] = 'q';
    cr_assert_eq(decode_again(bg_writer_span(&w), &arena, &error, &again), BG_WRONG_POPULATION);
    cr_assert(strstr(error.text, "population plant-7.flows, its frame for qlant-7.flows"), "%s", error.text);
    bg_writer_finish(&w);
    bg_writer_finish(&again);
    bg_arena_finish(&arena);
    source_finish(&source);
    NO_LEAKS();
}

Test(plan, gives_parts_as_sent_and_their_signatures)
{
    struct source source;
    struct bg_writer w, key, root;
    struct bg_frame frame;
    struct bg_plan plan;
    uint8_t signatures[2][BG_SIGNATURE_BYTES];
    struct bg_digest plan_id = {{5}};
    source_init(&source, 2);
    memset(signatures[0], 0x11, sizeof signatures[0]);
    memset(signatures[1], 0x22, sizeof signatures[1]);
    struct bg_key_part key_part = good_key_part(&source);
    struct bg_root_part root_part = good_root_part();
    bg_writer_init(&w);
    bg_writer_init(&key);
    bg_writer_init(&root);
    bg_key_part_encode(&key_part, &key);
    bg_root_part_encode(&root_part, &root);
    bg_plan_encode(&w, &source.population, &plan_id, bg_writer_span(&key), signatures[0], bg_writer_span(&root),
                   signatures[1]);
    cr_assert_eq(bg_frame_decode(bg_writer_span(&w), NULL, &frame, NULL), BG_OK);
    cr_assert_eq(bg_plan_decode(&frame, &source.arena, NULL, &plan), BG_OK);
    cr_assert(bg_span_equal(plan.key_bytes, bg_writer_span(&key)));
    cr_assert(bg_span_equal(plan.root_bytes, bg_writer_span(&root)));
    cr_assert_eq(memcmp(plan.key_signature.data, signatures[0], BG_SIGNATURE_BYTES), 0);
    cr_assert_eq(memcmp(plan.root_signature.data, signatures[1], BG_SIGNATURE_BYTES), 0);
    cr_assert(bg_layout_equal(&plan.root.layout, &root_part.layout));
    cr_assert_eq(plan.root.feature_count, 3);
    cr_assert_str_eq(plan.root.features[2], "Flow Bytes/s");
    cr_assert_str_eq(plan.root.classes[1], "DoS");
    cr_assert_str_eq(plan.root.label_map, "papers7");
    cr_assert_float_eq(plan.root.codec.decay, 0.9, 0);
    cr_assert_eq(plan.key.epoch, 3);
    bg_plan_finish(&plan);
    bg_layout_finish(&root_part.layout);
    bg_writer_finish(&w);
    bg_writer_finish(&key);
    bg_writer_finish(&root);
    source_finish(&source);
    NO_LEAKS();
}
