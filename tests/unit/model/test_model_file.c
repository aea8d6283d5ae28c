/* SPDX-License-Identifier: Apache-2.0 */
#include "model/model_file.h"

#include "base/file.h"
#include "model/safetensors.h"
#include "tests/unit/model/fixture.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static const char *const feature_names[] = {"Flow Duration", "Fwd \"IAT\" µs", "Protocol"};
static const char *const class_names[] = {"BENIGN", "DoS"};
static const float means[] = {1.5f, -2, 0};
static const float scales[] = {1, 0.25f, 3};

/* A card over a model and parameters that the caller owns. */
static struct bg_model_card card_of(const struct bg_model *model, const float *parameters)
{
    struct bg_model_card card = {
        .model = model,
        .parameters = parameters,
        .feature_names = feature_names,
        .transform = {.columns = 3, .inputs = 3, .mean = means, .scale = scales},
        .class_names = class_names,
        .label_map = "papers7",
        .round = 18446744073709551615u,
    };
    memset(card.parent.bytes, 0xab, sizeof card.parent.bytes);
    card.plan.bytes[31] = 1;
    return card;
}

static struct bg_writer encoded(const struct bg_model_card *card)
{
    struct bg_writer writer;
    bg_writer_init(&writer);
    cr_assert_eq(bg_model_encode(card, &writer, NULL), BG_OK);
    return writer;
}

static void expect_same(const struct bg_model_card *got, const struct bg_model_card *wanted)
{
    cr_expect_str_eq(got->model->spec, wanted->model->spec);
    cr_assert(bg_layout_equal(&got->model->layout, &wanted->model->layout));
    cr_expect_arr_eq(got->parameters, wanted->parameters, wanted->model->layout.coordinates * sizeof(float));
    cr_expect_arr_eq(got->transform.mean, means, sizeof means);
    cr_expect_arr_eq(got->transform.scale, scales, sizeof scales);
    for (size_t i = 0; i < 3; i++)
        cr_expect_str_eq(got->feature_names[i], feature_names[i]);
    for (size_t i = 0; i < 2; i++)
        cr_expect_str_eq(got->class_names[i], class_names[i]);
    cr_expect_str_eq(got->label_map, wanted->label_map);
    cr_expect_eq(got->round, wanted->round);
    cr_expect(bg_digest_equal(&got->parent, &wanted->parent));
    cr_expect(bg_digest_equal(&got->plan, &wanted->plan));
}

Test(model_file, round_trips_through_memory)
{
    struct bg_model *model = fixture_model("mlp:5", 3, 2);
    float *parameters = fixture_parameters(model, 1);
    struct bg_model_card card = card_of(model, parameters);
    struct bg_writer writer = encoded(&card);
    struct bg_model_file file;
    struct bg_error error = {0};
    cr_assert_eq(bg_model_decode(bg_writer_span(&writer), "m", &error, &file), BG_OK, "%s", error.text);
    struct bg_writer again = encoded(&file.card);
    cr_expect(bg_span_equal(bg_writer_span(&again), bg_writer_span(&writer)));
    bg_writer_finish(&again);
    bg_writer_finish(&writer);
    expect_same(&file.card, &card);
    bg_model_file_finish(&file);
    free(parameters);
    bg_model_destroy(&model);
}

Test(model_file, round_trips_through_a_file)
{
    char folder[] = "/tmp/bg_model_XXXXXX", path[64];
    struct bg_model *model = fixture_model("linear", 3, 2);
    float *parameters = fixture_parameters(model, 1);
    struct bg_model_card card = card_of(model, parameters);
    struct bg_model_file file;
    struct bg_error error = {0};
    cr_assert_not_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/m.safetensors", folder);
    cr_expect_eq(bg_model_load(path, &error, &file), BG_NOT_FOUND);
    cr_assert_eq(bg_model_save(&card, path, &error), BG_OK, "%s", error.text);
    cr_assert_eq(bg_model_load(path, &error, &file), BG_OK, "%s", error.text);
    expect_same(&file.card, &card);
    bg_model_file_finish(&file);
    unlink(path);
    rmdir(folder);
    free(parameters);
    bg_model_destroy(&model);
}

static const float projection[] = {1, 2, 3, -4, 5, 6.5f};
static const float prior[] = {0.75f, 0.25f};

/* Two inputs made from the three features. */
static struct bg_model_card projected_card(const struct bg_model *model, const float *parameters)
{
    struct bg_model_card card = card_of(model, parameters);
    card.transform.inputs = 2;
    card.transform.projection = projection;
    card.class_prior = prior;
    return card;
}

Test(model_file, keeps_projection_and_prior)
{
    struct bg_model *model = fixture_model("linear", 2, 2);
    float *parameters = fixture_parameters(model, 1);
    struct bg_model_card card = projected_card(model, parameters);
    struct bg_writer writer = encoded(&card);
    struct bg_model_file file;
    struct bg_error error = {0};
    cr_assert_eq(bg_model_decode(bg_writer_span(&writer), "m", &error, &file), BG_OK, "%s", error.text);
    expect_same(&file.card, &card);
    cr_assert(bg_transform_equal(&file.card.transform, &card.transform));
    cr_assert_arr_eq(file.card.class_prior, prior, sizeof prior);
    bg_model_file_finish(&file);
    bg_writer_finish(&writer);
    free(parameters);
    bg_model_destroy(&model);
}

Test(model_file, does_not_save_a_transform_or_prior_that_does_not_fit)
{
    struct bg_model *model = fixture_model("linear", 2, 2);
    float *parameters = fixture_parameters(model, 1);
    static const float not_finite[] = {1, 2, 3, NAN, 5, 6}, over[] = {0, 1.5f};
    struct bg_model_card card = projected_card(model, parameters);
    struct bg_writer writer;
    struct bg_error error = {0};
    bg_writer_init(&writer);
    card.transform.projection = not_finite;
    cr_expect_eq(bg_model_encode(&card, &writer, &error), BG_NOT_FINITE);
    card = projected_card(model, parameters);
    card.class_prior = over;
    cr_expect_eq(bg_model_encode(&card, &writer, &error), BG_NOT_FINITE);
    cr_expect(strstr(error.text, class_names[1]) != NULL, "%s", error.text);
    card = card_of(model, parameters);
    cr_expect_eq(bg_model_encode(&card, &writer, &error), BG_INVALID, "three inputs for a model of two");
    bg_writer_finish(&writer);
    free(parameters);
    bg_model_destroy(&model);
}

Test(model_file, refuses_every_truncation)
{
    struct bg_model *model = fixture_model("linear", 3, 2);
    float *parameters = fixture_parameters(model, 1);
    struct bg_model_card card = card_of(model, parameters);
    struct bg_writer writer = encoded(&card);
    struct bg_model_file file;
    for (size_t size = 0; size < writer.size; size++) {
        uint8_t *copy = malloc(size + 1);
        memcpy(copy + 1, writer.data, size);
        cr_expect_eq(bg_model_decode((struct bg_span){copy + 1, size}, "m", NULL, &file), BG_TRUNCATED, "%zu", size);
        free(copy);
    }
    bg_writer_finish(&writer);
    free(parameters);
    bg_model_destroy(&model);
}

Test(model_file, does_not_save_what_is_not_finite)
{
    struct bg_model *model = fixture_model("linear", 3, 2);
    float *parameters = fixture_parameters(model, 1);
    struct bg_model_card card = card_of(model, parameters);
    struct bg_writer writer;
    struct bg_error error = {0};
    const float bad[] = {0, NAN, 0};
    bg_writer_init(&writer);
    card.transform.scale = bad;
    cr_expect_eq(bg_model_encode(&card, &writer, &error), BG_NOT_FINITE);
    cr_expect(strstr(error.text, feature_names[1]) != NULL, "%s", error.text);
    card.transform.scale = scales;
    parameters[6] = INFINITY;
    cr_expect_eq(bg_model_encode(&card, &writer, &error), BG_NOT_FINITE);
    cr_expect(strstr(error.text, "layers.0.bias") != NULL, "%s", error.text);
    cr_expect_eq(writer.size, 0);
    cr_expect_eq(bg_model_save(&card, "unused", &error), BG_NOT_FINITE);
    cr_expect(strstr(error.text, "unused") != NULL, "%s", error.text);
    bg_writer_finish(&writer);
    free(parameters);
    bg_model_destroy(&model);
}

Test(model_file, refuses_values_that_are_not_finite)
{
    struct bg_model *model = fixture_model("mlp:2", 3, 2);
    float *parameters = fixture_parameters(model, 1);
    struct bg_model_card card = card_of(model, parameters);
    static const char *const names[] = {"layers.0.weight", "layers.1.bias", "features.mean", "features.scale"};
    for (size_t i = 0; i < 4; i++) {
        struct bg_writer writer = encoded(&card);
        struct bg_safetensors tensors;
        struct bg_model_file file;
        struct bg_error error = {0};
        cr_assert_eq(bg_safetensors_parse(bg_writer_span(&writer), "m", NULL, &tensors), BG_OK);
        size_t at = (size_t)(bg_safetensors_find(&tensors, names[i])->data.data - writer.data);
        bg_safetensors_finish(&tensors);
        memcpy(writer.data + at, (uint8_t[]){0, 0, 0xc0, 0x7f}, 4);
        cr_expect_eq(bg_model_decode(bg_writer_span(&writer), "m", &error, &file), BG_NOT_FINITE);
        cr_expect(strstr(error.text, names[i]) != NULL, "%s", error.text);
        bg_writer_finish(&writer);
    }
    free(parameters);
    bg_model_destroy(&model);
}

/* The metadata and tensors of a good linear model of 3 features and 2 classes, to be spoilt one at a time. */
static const struct bg_metadata good_metadata[] = {
    {"format", "pt"},
    {"burgee.version", "1"},
    {"burgee.model", "linear"},
    {"burgee.features", "[\"a\",\"b\",\"c\"]"},
    {"burgee.classes", "[\"x\",\"y\"]"},
    {"burgee.label_map", "m"},
    {"burgee.round", "3"},
    {"burgee.parent", "0000000000000000000000000000000000000000000000000000000000000000"},
    {"burgee.plan", "0000000000000000000000000000000000000000000000000000000000000000"},
};
static const struct bg_tensor good_tensors[] = {
    {.name = "layers.0.weight", .rank = 2, .shape = {2, 3, 1, 1}, .count = 6},
    {.name = "layers.0.bias", .rank = 1, .shape = {2, 1, 1, 1}, .count = 2},
    {.name = "features.mean", .rank = 1, .shape = {3, 1, 1, 1}, .count = 3},
    {.name = "features.scale", .rank = 1, .shape = {3, 1, 1, 1}, .count = 3},
    {.name = "surplus", .rank = 1, .shape = {1, 1, 1, 1}, .count = 1},
    {.name = "features.projection", .rank = 2, .shape = {3, 2, 1, 1}, .count = 6},
    {.name = "classes.prior", .rank = 1, .shape = {3, 1, 1, 1}, .count = 3},
};
enum { METADATA = sizeof good_metadata / sizeof *good_metadata, TENSORS = 4, MISFIT = 5 };

static enum bg_status decode_made(const struct bg_metadata *metadata, size_t metadata_count,
                                  const struct bg_tensor *tensors, size_t tensor_count, struct bg_error *error)
{
    static const float zeros[32];
    struct bg_tensor_values list[8];
    struct bg_writer writer;
    struct bg_model_file file;
    for (size_t t = 0; t < tensor_count; t++)
        list[t] = (struct bg_tensor_values){&tensors[t], zeros};
    bg_writer_init(&writer);
    cr_assert_eq(bg_safetensors_write(&writer, metadata, metadata_count, list, tensor_count), BG_OK);
    enum bg_status status = bg_model_decode(bg_writer_span(&writer), "m", error, &file);
    if (status == BG_OK)
        bg_model_file_finish(&file);
    bg_writer_finish(&writer);
    return status;
}

Test(model_file, refuses_missing_metadata)
{
    struct bg_error error = {0};
    cr_assert_eq(decode_made(good_metadata, METADATA, good_tensors, TENSORS, &error), BG_OK, "%s", error.text);
    for (size_t missing = 0; missing < METADATA; missing++) {
        struct bg_metadata metadata[METADATA];
        size_t count = 0;
        for (size_t i = 0; i < METADATA; i++)
            if (i != missing)
                metadata[count++] = good_metadata[i];
        cr_expect_eq(decode_made(metadata, count, good_tensors, TENSORS, &error), BG_DATA);
        cr_expect(strstr(error.text, good_metadata[missing].key) != NULL, "%s", error.text);
    }
}

Test(model_file, refuses_malformed_metadata)
{
    static const struct {
        size_t at;
        const char *value;
        enum bg_status status;
    } bad[] = {
        {0, "tf", BG_DATA},
        {1, "2", BG_DATA},
        {2, "lstm", BG_INVALID},
        {3, "[\"a\",\"b\"]", BG_DATA},
        {3, "[]", BG_INVALID},
        {3, "[\"a\",\"b\",3]", BG_DATA},
        {3, "{\"a\":\"b\"}", BG_DATA},
        {3, "[\"a\",\"b\",\"c\"", BG_DECODE},
        {3, "", BG_DECODE},
        {4, "[\"x\"]", BG_INVALID},
        {4, "[\"x\",\"y\",\"z\"]", BG_DATA},
        {6, "-1", BG_DATA},
        {6, "18446744073709551616", BG_DATA},
        {7, "00", BG_DATA},
        {8, "zz00000000000000000000000000000000000000000000000000000000000000", BG_DATA},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct bg_metadata metadata[METADATA];
        struct bg_error error = {0};
        memcpy(metadata, good_metadata, sizeof metadata);
        metadata[bad[i].at].value = bad[i].value;
        cr_expect_eq(decode_made(metadata, METADATA, good_tensors, TENSORS, &error), bad[i].status, "case %zu: %s", i,
                     error.text);
        cr_expect(strncmp(error.text, "m: ", 3) == 0, "%s", error.text);
    }
}

Test(model_file, refuses_another_layout)
{
    struct bg_error error = {0};
    for (size_t missing = 0; missing < TENSORS; missing++) {
        struct bg_tensor tensors[TENSORS];
        size_t count = 0;
        for (size_t t = 0; t < TENSORS; t++)
            if (t != missing)
                tensors[count++] = good_tensors[t];
        cr_expect_eq(decode_made(good_metadata, METADATA, tensors, count, &error), BG_DATA);
        cr_expect(strstr(error.text, good_tensors[missing].name) != NULL, "%s", error.text);
    }
    cr_expect_eq(decode_made(good_metadata, METADATA, good_tensors, TENSORS + 1, &error), BG_DATA);
    cr_expect(strstr(error.text, "surplus") != NULL, "%s", error.text);
    for (size_t extra = 0; extra < 2; extra++) {
        struct bg_tensor tensors[TENSORS + 1];
        memcpy(tensors, good_tensors, sizeof tensors);
        tensors[TENSORS] = good_tensors[MISFIT + extra];
        cr_expect_eq(decode_made(good_metadata, METADATA, tensors, TENSORS + 1, &error), BG_DATA);
        cr_expect(strstr(error.text, tensors[TENSORS].name) != NULL, "%s", error.text);
    }
    struct bg_tensor turned[TENSORS];
    memcpy(turned, good_tensors, sizeof turned);
    turned[0].shape[0] = 3;
    turned[0].shape[1] = 2;
    cr_expect_eq(decode_made(good_metadata, METADATA, turned, TENSORS, &error), BG_DATA);
    cr_expect(strstr(error.text, "layers.0.weight") != NULL, "%s", error.text);
}

/* A small file whose spec claims gigabytes is refused before memory is taken. */
Test(model_file, does_not_trust_the_spec_with_memory)
{
    struct bg_metadata metadata[METADATA];
    struct bg_error error = {0};
    memcpy(metadata, good_metadata, sizeof metadata);
    metadata[2].value = "mlp:16384-16384-16384-16384-16384-16384-16384-16384";
    cr_expect_eq(decode_made(metadata, METADATA, good_tensors, TENSORS, &error), BG_DATA);
    cr_expect(strstr(error.text, "layers.0.weight") != NULL, "%s", error.text);
}
