/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/plan.h"

#include "wire/decoder.h"
#include "wire/names.h"

#include <assert.h>
#include <float.h>
#include <string.h>

#define BELOW_1 (1 - DBL_EPSILON / 2) /* the largest double below 1 */
#define FACTOR_MOST 1e6
#define TENSOR_LEAST_BYTES (2 + 1 + 4 + 4)

/* ---- key part ---- */

void bg_key_part_encode(const struct bg_key_part *part, struct bg_writer *w)
{
    assert(part->modulus.size == part->key_bits / 8);
    bg_write_bytes(w, part->population.name, sizeof part->population.name);
    bg_write_u64(w, part->epoch);
    bg_write_u8(w, (uint8_t)part->encryption);
    bg_write_u32(w, part->key_bits);
    bg_write_u32(w, part->s);
    bg_write_u8(w, part->insecure);
    bg_write_u8(w, part->mixed_radix);
    bg_write_u8(w, part->knowledge_tags);
    bg_write_digest(w, &part->key_id);
    bg_write_u64(w, part->modulus.size);
    bg_write_bytes(w, part->modulus.data, part->modulus.size);
    bg_write_u32(w, part->group_size);
    bg_write_u32(w, part->group_least);
    bg_write_u32(w, part->group_most);
    bg_write_u32(w, part->group_count);
    bg_write_digest(w, &part->roster);
    bg_write_digest(w, &part->groups);
    bg_write_bytes(w, part->sealing_key, sizeof part->sealing_key);
}

static void decode_key(struct bg_decoder *d, struct bg_key_part *part)
{
    struct bg_reader *r = &d->reader;
    part->encryption = (enum bg_plan_encryption)bg_decode_choice(
        d, BG_PLAN_PAILLIER, BG_PLAN_OFF, "the encryption must be 1 (paillier), 2 (null) or 3 (off)");
    bool off = part->encryption == BG_PLAN_OFF;
    part->key_bits = bg_read_u32(r);
    bg_require(d, off || (part->key_bits >= BG_LEAST_KEY_BITS && part->key_bits <= BG_MAX_KEY_BITS), BG_DECODE,
               "the key must have 512 to 8192 bits");
    bg_require(d, !off || part->key_bits == 0, BG_DECODE, "without encryption the key has 0 bits");
    bg_require(d, part->key_bits % 64 == 0, BG_DECODE, "the key's bits must be a multiple of 64");
    part->s = bg_read_u32(r);
    bg_require(d, off ? part->s == 0 : part->s >= 1 && part->s <= BG_MAX_EXPONENT_S, BG_DECODE,
               "s must be 1 to 4, and 0 without encryption");
    part->insecure = bg_decode_bool(d, "insecure must be 0 or 1");
    part->mixed_radix = bg_decode_bool(d, "mixed radix must be 0 or 1");
    part->knowledge_tags = bg_decode_bool(d, "knowledge tags must be 0 or 1");
    part->key_id = bg_read_digest(r);
    size_t size = bg_read_count(r, BG_MAX_KEY_BITS / 8, 1);
    bg_require(d, size == part->key_bits / 8, BG_DECODE, "the modulus must have as many bytes as the key's bits say");
    part->modulus = bg_read_span(r, size);
}

static void decode_group_sizes(struct bg_decoder *d, struct bg_key_part *part)
{
    part->group_size = bg_decode_u32(d, 1, BG_MAX_GROUP_MEMBERS, "k must be 1 to 64");
    part->group_least = bg_decode_u32(d, 1, part->group_size, "k_min must be 1 to k");
    part->group_most = bg_decode_u32(d, part->group_least, BG_MAX_GROUP_MEMBERS, "k_max must be k_min to 64");
    bg_require(d, part->group_most <= 2 * part->group_size, BG_DECODE, "k_max must be at most 2k");
    part->group_count = bg_decode_u32(d, 1, BG_MAX_GROUPS, "there must be 1 to 1048576 groups");
}

static void decode_sealing_key(struct bg_decoder *d, struct bg_key_part *part)
{
    static const uint8_t none[BG_PUBLIC_POINT_BYTES];
    struct bg_span point = bg_read_span(&d->reader, sizeof part->sealing_key);
    if (point.data)
        memcpy(part->sealing_key, point.data, point.size);
    bg_require(d, !part->knowledge_tags || part->encryption != BG_PLAN_OFF, BG_DECODE,
               "without encryption there are no knowledge tags");
    bg_require(d, part->knowledge_tags == (memcmp(part->sealing_key, none, sizeof none) != 0), BG_DECODE,
               "the key holder's sealing key must be there with knowledge tags, and zero without");
}

enum bg_status bg_key_part_decode(struct bg_span bytes, struct bg_error *error, struct bg_key_part *ret)
{
    struct bg_decoder d;
    struct bg_key_part part = {0};
    bg_decoder_init(&d, "key part of the plan", bytes);
    bg_decode_label(&d, part.population.name, sizeof part.population.name,
                    "the population must be 1 to 31 of a-z 0-9 . _ -, then NUL");
    part.epoch = bg_read_u64(&d.reader);
    decode_key(&d, &part);
    decode_group_sizes(&d, &part);
    part.roster = bg_read_digest(&d.reader);
    part.groups = bg_read_digest(&d.reader);
    decode_sealing_key(&d, &part);
    enum bg_status status = bg_decoder_end(&d, error);
    if (status == BG_OK)
        *ret = part;
    return status;
}

/* ---- root part ---- */

static void encode_names(struct bg_writer *w, const char *const *names, size_t count)
{
    bg_write_u64(w, count);
    for (size_t i = 0; i < count; i++)
        bg_write_text(w, names[i]);
}

static void encode_layout(struct bg_writer *w, const struct bg_layout *layout)
{
    bg_write_u64(w, layout->tensor_count);
    for (size_t i = 0; i < layout->tensor_count; i++) {
        const struct bg_tensor *tensor = &layout->tensors[i];
        bg_write_text(w, tensor->name);
        bg_write_u32(w, tensor->rank);
        for (uint32_t axis = 0; axis < tensor->rank; axis++)
            bg_write_u32(w, tensor->shape[axis]);
    }
}

static void encode_codec(struct bg_writer *w, const struct bg_plan_codec *codec)
{
    bg_write_u8(w, (uint8_t)codec->mode);
    bg_write_u8(w, codec->scale_from_residual);
    bg_write_u8(w, codec->centre_median);
    bg_write_f64(w, codec->clip);
    bg_write_f64(w, codec->growth);
    bg_write_u32(w, codec->growth_from);
    bg_write_f64(w, codec->percentile);
    bg_write_f64(w, codec->decay);
    bg_write_f64(w, codec->client_momentum);
    bg_write_f64(w, codec->server_momentum);
    bg_write_f64(w, codec->server_step);
}

static void encode_training(struct bg_writer *w, const struct bg_plan_training *training)
{
    bg_write_u8(w, (uint8_t)training->optimizer);
    bg_write_u8(w, (uint8_t)training->class_weights);
    bg_write_f64(w, training->momentum);
    bg_write_f64(w, training->weight_decay);
    bg_write_f64(w, training->clip_norm);
    bg_write_f64(w, training->proximal_mu);
    bg_write_f64(w, training->drift_memory);
    bg_write_f64(w, training->own_prior);
    bg_write_f64(w, training->federated_prior);
    bg_write_u32(w, training->batch);
}

void bg_root_part_encode(const struct bg_root_part *part, struct bg_writer *w)
{
    bg_write_text(w, part->model);
    bg_write_text(w, part->label_map);
    encode_names(w, part->features, part->feature_count);
    encode_names(w, part->classes, part->class_count);
    encode_layout(w, &part->layout);
    encode_codec(w, &part->codec);
    encode_training(w, &part->training);
    bg_write_bytes(w, part->sealing_key, sizeof part->sealing_key);
}

/* Keeps the sentence of bg_layout_add, which names the tensor, in *why. */
static void decode_layout(struct bg_decoder *d, struct bg_error *why, struct bg_layout *layout)
{
    size_t count = bg_read_count(&d->reader, BG_LAYOUT_MAX_TENSORS, TENSOR_LEAST_BYTES);
    bg_require(d, count > 0, BG_DECODE, "the layout must have a tensor");
    for (size_t i = 0; i < count && bg_decoder_ok(d); i++) {
        char name[BG_TENSOR_NAME_BYTES];
        uint32_t shape[BG_TENSOR_MAX_RANK] = {0};
        bg_read_text(&d->reader, name, sizeof name);
        uint32_t rank = bg_decode_u32(d, 1, BG_TENSOR_MAX_RANK, "a tensor must have rank 1 to 4");
        for (uint32_t axis = 0; axis < rank && bg_decoder_ok(d); axis++)
            shape[axis] = bg_read_u32(&d->reader);
        if (!bg_decoder_ok(d))
            return;
        enum bg_status status = bg_layout_add(layout, name, rank, shape, why);
        bg_require(d, status == BG_OK, status == BG_INVALID ? BG_DECODE : status, why->text);
    }
}

static void decode_codec(struct bg_decoder *d, struct bg_plan_codec *codec)
{
    codec->mode = (enum bg_plan_codec_mode)bg_decode_choice(
        d, BG_PLAN_CODEC_EF, BG_PLAN_CODEC_DENSE, "the codec must be 1 (ef), 2 (median), 3 (sign) or 4 (dense)");
    codec->scale_from_residual = bg_decode_bool(d, "scale from residual must be 0 or 1");
    codec->centre_median = bg_decode_bool(d, "centre median must be 0 or 1");
    codec->clip = bg_decode_real(d, DBL_TRUE_MIN, FACTOR_MOST, "the clip must be above 0 and at most 1e6");
    codec->growth = bg_decode_real(d, 1, FACTOR_MOST, "the growth must be 1 to 1e6");
    codec->growth_from = bg_read_u32(&d->reader);
    codec->percentile = bg_decode_real(d, 0, 1, "the percentile must be 0 to 1");
    codec->decay = bg_decode_real(d, 0, 1, "the decay must be 0 to 1");
    codec->client_momentum = bg_decode_real(d, 0, BELOW_1, "the client momentum must be 0 to below 1");
    codec->server_momentum = bg_decode_real(d, 0, BELOW_1, "the server momentum must be 0 to below 1");
    codec->server_step =
        bg_decode_real(d, DBL_TRUE_MIN, FACTOR_MOST, "the server step must be above 0 and at most 1e6");
}

static void decode_training(struct bg_decoder *d, struct bg_plan_training *training)
{
    training->optimizer = (enum bg_plan_optimizer)bg_decode_choice(d, BG_PLAN_SGD, BG_PLAN_ADAMW,
                                                                   "the optimizer must be 1 (sgd) or 2 (adamw)");
    training->class_weights = (enum bg_plan_class_weights)bg_decode_choice(
        d, BG_PLAN_WEIGHTS_NONE, BG_PLAN_WEIGHTS_FEDERATED_BALANCED,
        "the class weights must be 1 (none) to 4 (of the federation, balanced)");
    training->momentum = bg_decode_real(d, 0, BELOW_1, "the momentum must be 0 to below 1");
    training->weight_decay = bg_decode_real(d, 0, DBL_MAX, "the weight decay must be finite and 0 or more");
    training->clip_norm = bg_decode_real(d, 0, DBL_MAX, "the clip norm must be finite and 0 or more");
    training->proximal_mu = bg_decode_real(d, 0, DBL_MAX, "the proximal mu must be finite and 0 or more");
    training->drift_memory = bg_decode_real(d, 0, 1, "the drift memory must be 0 to 1");
    training->own_prior = bg_decode_real(d, 0, FACTOR_MOST, "the own prior must be 0 to 1e6");
    training->federated_prior = bg_decode_real(d, 0, FACTOR_MOST, "the federated prior must be 0 to 1e6");
    training->batch = bg_decode_u32(d, 1, BG_MAX_BATCH, "the batch must be 1 to 65536");
}

enum bg_status bg_root_part_decode(struct bg_span bytes, struct bg_arena *arena, struct bg_error *error,
                                   struct bg_root_part *ret)
{
    struct bg_decoder d;
    struct bg_error why = {0};
    struct bg_root_part part = {0};
    bg_decoder_init(&d, "root part of the plan", bytes);
    bg_layout_init(&part.layout);
    bg_read_text(&d.reader, part.model, sizeof part.model);
    bg_require(&d, part.model[0], BG_DECODE, "the model's specification is empty");
    bg_read_text(&d.reader, part.label_map, sizeof part.label_map);
    part.features = bg_decode_names(&d, arena, BG_MAX_FEATURES,
                                    "a feature's name must have 1 to 127 bytes and be unlike the others",
                                    &part.feature_count);
    part.classes =
        bg_decode_names(&d, arena, BG_MAX_CLASSES, "a class's name must have 1 to 127 bytes and be unlike the others",
                        &part.class_count);
    decode_layout(&d, &why, &part.layout);
    decode_codec(&d, &part.codec);
    decode_training(&d, &part.training);
    struct bg_span point = bg_read_span(&d.reader, sizeof part.sealing_key);
    if (point.data)
        memcpy(part.sealing_key, point.data, point.size);
    enum bg_status status = bg_decoder_end(&d, error);
    if (status != BG_OK) {
        bg_layout_finish(&part.layout);
        return status;
    }
    *ret = part;
    return BG_OK;
}

/* ---- both ---- */

void bg_plan_encode(struct bg_writer *w, const struct bg_population *population, const struct bg_digest *plan_id,
                    struct bg_span key_bytes, const uint8_t key_signature[static BG_SIGNATURE_BYTES],
                    struct bg_span root_bytes, const uint8_t root_signature[static BG_SIGNATURE_BYTES])
{
    size_t start = bg_frame_begin(w, BG_FRAME_PLAN, population, plan_id);
    bg_write_u64(w, key_bytes.size);
    bg_write_bytes(w, key_bytes.data, key_bytes.size);
    bg_write_bytes(w, key_signature, BG_SIGNATURE_BYTES);
    bg_write_u64(w, root_bytes.size);
    bg_write_bytes(w, root_bytes.data, root_bytes.size);
    bg_write_bytes(w, root_signature, BG_SIGNATURE_BYTES);
    bg_frame_end(w, start);
}

enum bg_status bg_plan_decode(const struct bg_frame *frame, struct bg_arena *arena, struct bg_error *error,
                              struct bg_plan *ret)
{
    struct bg_decoder d;
    struct bg_reader *r = &d.reader;
    struct bg_plan plan;
    bg_decoder_init(&d, "plan", frame->body);
    bg_require(&d, frame->type == BG_FRAME_PLAN, BG_DECODE, "the frame is of another type");
    plan.key_bytes = bg_read_span(r, bg_read_count(r, SIZE_MAX, 1));
    plan.key_signature = bg_read_span(r, BG_SIGNATURE_BYTES);
    plan.root_bytes = bg_read_span(r, bg_read_count(r, SIZE_MAX, 1));
    plan.root_signature = bg_read_span(r, BG_SIGNATURE_BYTES);
    enum bg_status status = bg_decoder_end(&d, error);
    if (status == BG_OK)
        status = bg_key_part_decode(plan.key_bytes, error, &plan.key);
    if (status != BG_OK)
        return status;
    if (!bg_population_equal(&plan.key.population, &frame->population))
        return bg_fail(error, BG_WRONG_POPULATION, "plan: its key part is for population %s, its frame for %s",
                       plan.key.population.name, frame->population.name);
    status = bg_root_part_decode(plan.root_bytes, arena, error, &plan.root);
    if (status == BG_OK)
        *ret = plan;
    return status;
}

void bg_plan_finish(struct bg_plan *plan)
{
    bg_layout_finish(&plan->root.layout);
}
