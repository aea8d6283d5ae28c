/* SPDX-License-Identifier: Apache-2.0 */
#include "model/model_file.h"

#include "base/file.h"
#include "base/json.h"
#include "base/options.h"
#include "model/safetensors.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MEAN "features.mean"
#define SCALE "features.scale"
#define PROJECTION "features.projection"
#define PRIOR "classes.prior"
#define EXTRAS 4

/* What a file holds beside the tensors of the layout. */
struct extras {
    struct bg_tensor tensors[EXTRAS];
    size_t count;
};

/* Sizes are those of a model: BG_MODEL_MAX_COLUMNS at most. `rows` 0: a vector. */
static const struct bg_tensor *add_extra(struct extras *extras, const char *name, size_t rows, size_t columns)
{
    struct bg_tensor *tensor = &extras->tensors[extras->count++];
    *tensor = (struct bg_tensor){.rank = 1, .shape = {(uint32_t)columns, 1, 1, 1}, .count = columns};
    if (rows)
        *tensor = (struct bg_tensor){
            .rank = 2, .shape = {(uint32_t)rows, (uint32_t)columns, 1, 1}, .count = rows * columns};
    strcpy(tensor->name, name);
    return tensor;
}

/* Gives text to free(), or NULL. */
static char *print_names(const char *const *names, size_t count)
{
    struct bg_json *array = bg_json_array();
    for (size_t i = 0; i < count; i++)
        bg_json_add_string(array, NULL, names[i]);
    char *text = bg_json_print(array, false);
    bg_json_destroy(&array);
    return text;
}

static enum bg_status check_card(const struct bg_model_card *card, struct bg_error *error)
{
    const struct bg_transform *t = &card->transform;
    if (t->inputs != card->model->columns)
        return bg_fail(error, BG_INVALID, "model to save: its transform makes %zu inputs, the model takes %u",
                       t->inputs, card->model->columns);
    for (size_t i = 0; i < t->columns; i++)
        if (!isfinite(t->mean[i]) || !isfinite(t->scale[i]))
            return bg_fail(error, BG_NOT_FINITE, "model to save: mean or scale of feature %s is NaN or infinite",
                           card->feature_names[i]);
    for (size_t i = 0; t->projection && i < t->inputs * t->columns; i++)
        if (!isfinite(t->projection[i]))
            return bg_fail(error, BG_NOT_FINITE, "model to save: the projection has a NaN or infinity");
    for (size_t i = 0; card->class_prior && i < card->model->classes; i++)
        if (!(card->class_prior[i] >= 0 && card->class_prior[i] <= 1))
            return bg_fail(error, BG_NOT_FINITE, "model to save: the share of class %s is not 0 to 1",
                           card->class_names[i]);
    return bg_model_check_finite(&card->model->layout, card->parameters, "model to save", error);
}

static enum bg_status write_tensors(const struct bg_model_card *card, const struct bg_metadata *metadata,
                                    size_t metadata_count, struct bg_writer *writer)
{
    const struct bg_layout *layout = &card->model->layout;
    const struct bg_transform *t = &card->transform;
    struct extras extras = {.count = 0};
    size_t count = 0;
    struct bg_tensor_values *tensors = calloc(layout->tensor_count + EXTRAS, sizeof *tensors);
    if (!tensors)
        return BG_NO_MEMORY;
    for (; count < layout->tensor_count; count++)
        tensors[count] = (struct bg_tensor_values){&layout->tensors[count],
                                                   card->parameters + layout->tensors[count].offset};
    tensors[count++] = (struct bg_tensor_values){add_extra(&extras, MEAN, 0, t->columns), t->mean};
    tensors[count++] = (struct bg_tensor_values){add_extra(&extras, SCALE, 0, t->columns), t->scale};
    if (t->projection)
        tensors[count++] =
            (struct bg_tensor_values){add_extra(&extras, PROJECTION, t->inputs, t->columns), t->projection};
    if (card->class_prior)
        tensors[count++] =
            (struct bg_tensor_values){add_extra(&extras, PRIOR, 0, card->model->classes), card->class_prior};
    enum bg_status status = bg_safetensors_write(writer, metadata, metadata_count, tensors, count);
    free(tensors);
    return status;
}

enum bg_status bg_model_encode(const struct bg_model_card *card, struct bg_writer *writer, struct bg_error *error)
{
    char round[24];
    char parent[2 * BG_DIGEST_BYTES + 1];
    char plan[2 * BG_DIGEST_BYTES + 1];
    enum bg_status status = check_card(card, error);
    if (status != BG_OK)
        return status;
    char *features = print_names(card->feature_names, card->transform.columns);
    char *classes = print_names(card->class_names, card->model->classes);
    snprintf(round, sizeof round, "%" PRIu64, card->round);
    bg_digest_to_hex(&card->parent, parent);
    bg_digest_to_hex(&card->plan, plan);
    const struct bg_metadata metadata[] = {
        {"format", "pt"},
        {"burgee.version", "1"},
        {"burgee.model", card->model->spec},
        {"burgee.features", features},
        {"burgee.classes", classes},
        {"burgee.label_map", card->label_map},
        {"burgee.round", round},
        {"burgee.parent", parent},
        {"burgee.plan", plan},
    };
    status = BG_NO_MEMORY;
    if (features && classes)
        status = write_tensors(card, metadata, sizeof metadata / sizeof *metadata, writer);
    free(features);
    free(classes);
    return status == BG_OK ? BG_OK : bg_fail(error, status, "model to save: %s", bg_status_text(status));
}

enum bg_status bg_model_save(const struct bg_model_card *card, const char *path, struct bg_error *error)
{
    struct bg_writer writer;
    bg_writer_init(&writer);
    enum bg_status status = bg_model_encode(card, &writer, error);
    if (status == BG_OK)
        status = bg_file_write(path, bg_writer_span(&writer), 0644, error);
    else
        bg_fail_in(error, status, "%s", path);
    bg_writer_finish(&writer);
    return status;
}

/* A file being decoded. */
struct decoding {
    const struct bg_safetensors *tensors;
    struct bg_model_file *file;
    struct bg_error *error;
};

static enum bg_status no_memory(const struct decoding *d)
{
    return bg_fail(d->error, BG_NO_MEMORY, "%s: out of memory", d->tensors->file);
}

/* NULL after BG_DATA was put into the error. */
static const char *metadata_text(const struct decoding *d, const char *key)
{
    const char *text = bg_safetensors_metadata(d->tensors, key);
    if (!text)
        bg_fail(d->error, BG_DATA, "%s: metadata %s is missing: not a burgee model", d->tensors->file, key);
    return text;
}

static enum bg_status check_constant(const struct decoding *d, const char *key, const char *wanted)
{
    const char *text = metadata_text(d, key);
    if (!text)
        return BG_DATA;
    if (strcmp(text, wanted) != 0)
        return bg_fail(d->error, BG_DATA, "%s: metadata %s is \"%.16s\", this program reads \"%s\"",
                       d->tensors->file, key, text, wanted);
    return BG_OK;
}

static enum bg_status copy_names(const struct decoding *d, const char *key, const struct bg_json *array,
                                 const char ***ret_names)
{
    size_t count = bg_json_count(array);
    const char **names = BG_ARENA_ARRAY(&d->file->arena, const char *, count);
    if (!names)
        return no_memory(d);
    for (size_t i = 0; i < count; i++) {
        const struct bg_json *value = bg_json_at(array, i);
        if (bg_json_type(value) != BG_JSON_STRING)
            return bg_fail(d->error, BG_DATA, "%s: metadata %s: entry %zu is not a text", d->tensors->file, key, i);
        names[i] = bg_arena_text(&d->file->arena, bg_json_string(value));
        if (!names[i])
            return no_memory(d);
    }
    *ret_names = names;
    return BG_OK;
}

static enum bg_status decode_names(const struct decoding *d, const char *key, size_t limit, size_t *ret_count,
                                   const char *const **ret_names)
{
    const char **names = NULL;
    struct bg_json *array = NULL;
    const char *text = metadata_text(d, key);
    if (!text)
        return BG_DATA;
    struct bg_span span = {(const uint8_t *)text, strlen(text)};
    enum bg_status status = bg_json_parse(span, key, d->error, &array);
    if (status != BG_OK)
        return bg_fail_in(d->error, status, "%s: metadata", d->tensors->file);
    size_t count = bg_json_count(array);
    if (bg_json_type(array) != BG_JSON_ARRAY || count > limit)
        status = bg_fail(d->error, BG_DATA, "%s: metadata %s is not an array of up to %zu names",
                         d->tensors->file, key, limit);
    else
        status = copy_names(d, key, array, &names);
    bg_json_destroy(&array);
    if (status != BG_OK)
        return status;
    *ret_count = count;
    *ret_names = names;
    return BG_OK;
}

static enum bg_status decode_digest(const struct decoding *d, const char *key, struct bg_digest *ret_digest)
{
    const char *text = metadata_text(d, key);
    if (!text)
        return BG_DATA;
    if (bg_digest_from_hex(text, ret_digest) != BG_OK)
        return bg_fail(d->error, BG_DATA, "%s: metadata %s is not 64 hex digits", d->tensors->file, key);
    return BG_OK;
}

static enum bg_status decode_lineage(const struct decoding *d)
{
    struct bg_model_card *card = &d->file->card;
    const char *round = metadata_text(d, "burgee.round");
    const char *label_map = metadata_text(d, "burgee.label_map");
    if (!round || !label_map)
        return BG_DATA;
    if (bg_parse_u64(round, 0, UINT64_MAX, &card->round) != BG_OK)
        return bg_fail(d->error, BG_DATA, "%s: metadata burgee.round is not a number", d->tensors->file);
    card->label_map = bg_arena_text(&d->file->arena, label_map);
    if (!card->label_map)
        return no_memory(d);
    enum bg_status status = decode_digest(d, "burgee.parent", &card->parent);
    return status == BG_OK ? decode_digest(d, "burgee.plan", &card->plan) : status;
}

static enum bg_status decode_model(const struct decoding *d)
{
    struct bg_model_card *card = &d->file->card;
    struct bg_transform *transform = &card->transform;
    size_t classes = 0;
    const char *spec = metadata_text(d, "burgee.model");
    if (!spec)
        return BG_DATA;
    enum bg_status status =
        decode_names(d, "burgee.features", BG_MODEL_MAX_COLUMNS, &transform->columns, &card->feature_names);
    if (status == BG_OK)
        status = decode_names(d, "burgee.classes", BG_MODEL_MAX_CLASSES, &classes, &card->class_names);
    if (status != BG_OK)
        return status;
    const struct bg_safetensor *projection = bg_safetensors_find(d->tensors, PROJECTION);
    transform->inputs = projection ? projection->shape[0] : transform->columns;
    status = bg_model_create(spec, transform->inputs, (uint32_t)classes, d->error, &d->file->model);
    if (status != BG_OK)
        return bg_fail_in(d->error, status, "%s: metadata burgee.model", d->tensors->file);
    card->model = d->file->model;
    return BG_OK;
}

/* Every tensor of the model is there, and no other. */
static enum bg_status check_tensors(const struct decoding *d, const struct extras *extras)
{
    const struct bg_layout *layout = &d->file->model->layout;
    enum bg_status status = BG_OK;
    for (size_t t = 0; t < extras->count && status == BG_OK; t++)
        status = bg_safetensors_check(d->tensors, &extras->tensors[t], d->error);
    for (size_t t = 0; t < layout->tensor_count && status == BG_OK; t++)
        status = bg_safetensors_check(d->tensors, &layout->tensors[t], d->error);
    for (size_t t = 0; t < d->tensors->tensor_count && status == BG_OK; t++) {
        const char *name = d->tensors->tensors[t].name;
        bool known = bg_layout_find(layout, name) != NULL;
        for (size_t i = 0; i < extras->count; i++)
            known |= strcmp(name, extras->tensors[i].name) == 0;
        if (!known)
            status = bg_fail(d->error, BG_DATA, "%s: tensor %s is not part of model %s", d->tensors->file, name,
                             d->file->model->spec);
    }
    return status;
}

static enum bg_status read_extra(const struct decoding *d, const struct bg_tensor *tensor, const float **ret_values)
{
    float *values = BG_ARENA_ARRAY(&d->file->arena, float, tensor->count);
    if (!values)
        return no_memory(d);
    *ret_values = values;
    return bg_safetensors_read(d->tensors, tensor, d->error, values);
}

static enum bg_status check_prior(const struct decoding *d)
{
    const struct bg_model_card *card = &d->file->card;
    for (size_t i = 0; card->class_prior && i < card->model->classes; i++)
        if (!(card->class_prior[i] >= 0 && card->class_prior[i] <= 1))
            return bg_fail(d->error, BG_DATA, "%s: tensor %s: the share of a class is not 0 to 1", d->tensors->file,
                           PRIOR);
    return BG_OK;
}

static enum bg_status decode_tensors(const struct decoding *d)
{
    struct bg_model_file *file = d->file;
    struct bg_model_card *card = &file->card;
    struct bg_transform *t = &card->transform;
    const struct bg_layout *layout = &file->model->layout;
    struct extras extras = {.count = 0};
    const struct bg_tensor *mean = add_extra(&extras, MEAN, 0, t->columns);
    const struct bg_tensor *scale = add_extra(&extras, SCALE, 0, t->columns);
    const struct bg_tensor *projection =
        bg_safetensors_find(d->tensors, PROJECTION) ? add_extra(&extras, PROJECTION, t->inputs, t->columns) : NULL;
    const struct bg_tensor *prior =
        bg_safetensors_find(d->tensors, PRIOR) ? add_extra(&extras, PRIOR, 0, file->model->classes) : NULL;
    enum bg_status status = check_tensors(d, &extras); /* before memory is taken for what a spec claims */
    if (status != BG_OK)
        return status;
    float *parameters = BG_ARENA_ARRAY(&file->arena, float, layout->coordinates);
    if (!parameters)
        return no_memory(d);
    status = read_extra(d, mean, &t->mean);
    if (status == BG_OK)
        status = read_extra(d, scale, &t->scale);
    if (status == BG_OK && projection)
        status = read_extra(d, projection, &t->projection);
    if (status == BG_OK && prior)
        status = read_extra(d, prior, &card->class_prior);
    for (size_t i = 0; i < layout->tensor_count && status == BG_OK; i++)
        status = bg_safetensors_read(d->tensors, &layout->tensors[i], d->error,
                                     parameters + layout->tensors[i].offset);
    card->parameters = parameters;
    return status == BG_OK ? check_prior(d) : status;
}

enum bg_status bg_model_decode(struct bg_span content, const char *file, struct bg_error *error,
                               struct bg_model_file *ret_file)
{
    struct bg_safetensors tensors;
    struct bg_model_file decoded = {0};
    struct decoding d = {&tensors, &decoded, error};
    enum bg_status status = bg_safetensors_parse(content, file, error, &tensors);
    if (status != BG_OK)
        return status;
    bg_arena_init(&decoded.arena, SIZE_MAX);
    status = check_constant(&d, "format", "pt");
    if (status == BG_OK)
        status = check_constant(&d, "burgee.version", "1");
    if (status == BG_OK)
        status = decode_model(&d);
    if (status == BG_OK)
        status = decode_lineage(&d);
    if (status == BG_OK)
        status = decode_tensors(&d);
    bg_safetensors_finish(&tensors);
    if (status == BG_OK)
        *ret_file = decoded;
    else
        bg_model_file_finish(&decoded);
    return status;
}

enum bg_status bg_model_load(const char *path, struct bg_error *error, struct bg_model_file *ret_file)
{
    uint8_t *content;
    size_t size;
    enum bg_status status = bg_file_read(path, BG_MODEL_FILE_LIMIT, error, &content, &size);
    if (status != BG_OK)
        return status;
    status = bg_model_decode((struct bg_span){content, size}, path, error, ret_file);
    free(content);
    return status;
}

void bg_model_file_finish(struct bg_model_file *file)
{
    bg_model_destroy(&file->model);
    bg_arena_finish(&file->arena);
    *file = (struct bg_model_file){0};
}
