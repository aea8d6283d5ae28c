/* SPDX-License-Identifier: Apache-2.0 */
/* A new folder. */
#include "aggregator/offline_parts.h"
#include "base/file.h"
#include "base/prng.h"
#include "crypto/digest.h"
#include "crypto/identity_file.h"
#include "datasets/source.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* Keys that an interrupted call has left are used: nothing was made with them yet. */
static enum bg_status make_keys(const struct bg_offline_settings *settings, struct bg_error *error)
{
    struct bg_random random = bg_random_system();
    struct bg_identity *identity;
    struct bg_sealing_key *sealing_key = NULL;
    struct bg_path secret = bg_offline_path(settings, "identity.secret");
    struct bg_path point = bg_offline_path(settings, "identity.point");
    struct bg_path sealing = bg_offline_path(settings, "sealing.secret");
    enum bg_status status = bg_identity_provide(secret.text, point.text, &random, error, &identity);
    if (status != BG_OK)
        return status;
    bg_identity_destroy(&identity);
    if (bg_offline_exists(&sealing))
        return BG_OK;
    status = bg_sealing_key_create(&random, &sealing_key);
    status = status == BG_OK ? bg_sealing_key_save(sealing_key, sealing.text, error)
                             : bg_fail(error, status, "sealing key: %s", bg_status_text(status));
    bg_sealing_key_destroy(&sealing_key);
    return status;
}

/* ---- the initial model ---- */

struct initial {
    struct bg_model_file file;  /* a given model */
    struct bg_dataset dataset;  /* a fresh one's names, and statistics if the fit is central */
    struct bg_transform transform;
    float *prior; /* (classes); NULL: not known */
    struct bg_model *model;
    float *parameters;
};

static void initial_finish(struct initial *initial)
{
    bg_model_file_finish(&initial->file);
    bg_transform_finish(&initial->transform);
    bg_dataset_finish(&initial->dataset);
    bg_model_destroy(&initial->model);
    free(initial->prior);
    free(initial->parameters);
}

static enum bg_status given_model(const struct bg_aggregator_config *config, struct initial *initial,
                                  struct bg_error *error, struct bg_model_card *ret_card)
{
    enum bg_status status = bg_model_load(config->model_file, error, &initial->file);
    if (status != BG_OK)
        return status;
    *ret_card = initial->file.card;
    ret_card->round = 0;
    ret_card->parent = ret_card->plan = (struct bg_digest){{0}};
    return BG_OK;
}

/* Transform and class prior of the root's own rows if they are to be central, and none before the first round
 * otherwise. */
static enum bg_status fit_initial(const struct bg_aggregator_config *config, struct initial *initial,
                                  struct bg_error *error)
{
    struct bg_dataset *dataset = &initial->dataset;
    struct bg_examples examples = bg_dataset_examples(dataset);
    if (config->learning.fit == 0)
        return bg_transform_identity(dataset->columns, &initial->transform)
                   ? BG_OK
                   : bg_fail(error, BG_NO_MEMORY, "model: out of memory");
    initial->prior = calloc(dataset->classes, sizeof *initial->prior);
    if (!initial->prior)
        return bg_fail(error, BG_NO_MEMORY, "model: out of memory");
    for (size_t i = 0; i < examples.count; i++)
        initial->prior[bg_example_label(&examples, i)]++;
    for (uint32_t c = 0; c < dataset->classes && examples.count; c++)
        initial->prior[c] /= (float)examples.count;
    bg_dataset_take_logs(dataset);
    return bg_transform_fit(&examples, error, &initial->transform);
}

static enum bg_status fresh_model(const struct bg_aggregator_config *config, struct initial *initial,
                                  struct bg_error *error, struct bg_model_card *ret_card)
{
    struct bg_dataset *dataset = &initial->dataset;
    struct bg_dataset_settings source = {.kind = (enum bg_dataset_kind)config->data_kind,
                                         .path = config->data_dir,
                                         .schema = config->data_schema,
                                         .label_map = config->data_labels,
                                         .drop_port = config->data_drop_port,
                                         .rows = config->data_rows,
                                         .seed = config->data_seed};
    struct bg_prng prng;
    enum bg_status status = bg_dataset_open(&source, error, dataset);
    if (status != BG_OK)
        return status;
    status = fit_initial(config, initial, error);
    if (status == BG_OK)
        status = bg_model_create(config->model_spec, dataset->columns, dataset->classes, error, &initial->model);
    if (status != BG_OK)
        return status;
    initial->parameters = calloc(initial->model->layout.coordinates, sizeof *initial->parameters);
    if (!initial->parameters)
        return bg_fail(error, BG_NO_MEMORY, "model: out of memory");
    bg_prng_init_stream(&prng, config->model_seed, "model", 0);
    bg_model_initialise(initial->model, &prng, initial->parameters);
    *ret_card = (struct bg_model_card){.model = initial->model,
                                       .parameters = initial->parameters,
                                       .feature_names = dataset->feature_names,
                                       .transform = initial->transform,
                                       .class_prior = initial->prior,
                                       .class_names = dataset->class_names,
                                       .label_map = dataset->label_map};
    return BG_OK;
}

static enum bg_status make_model(const struct bg_offline_settings *settings, struct bg_error *error,
                                 struct bg_digest *ret_digest)
{
    struct initial initial = {0};
    struct bg_model_card card;
    struct bg_writer w;
    struct bg_path path = bg_offline_path(settings, "model-0.safetensors");
    bg_writer_init(&w);
    enum bg_status status = settings->config->model_file[0] ? given_model(settings->config, &initial, error, &card)
                                                            : fresh_model(settings->config, &initial, error, &card);
    if (status == BG_OK)
        status = bg_model_encode(&card, &w, error);
    if (status == BG_OK) {
        bg_sha256(bg_writer_span(&w), ret_digest);
        status = bg_file_write(path.text, bg_writer_span(&w), 0644, error);
    }
    if (status == BG_OK && settings->wrote)
        settings->wrote(settings->context, path.text);
    bg_writer_finish(&w);
    initial_finish(&initial);
    return status;
}

static enum bg_status make_folder(const struct bg_offline_settings *settings, struct bg_error *error)
{
    if (strlen(settings->folder) > BG_OFFLINE_FOLDER_BYTES)
        return bg_fail(error, BG_INVALID, "the folder's name is longer than %d bytes", BG_OFFLINE_FOLDER_BYTES);
    struct bg_path state = bg_offline_path(settings, "state");
    if (mkdir(settings->folder, 0700) != 0 && errno != EEXIST)
        return bg_fail(error, BG_IO, "%s: cannot make the folder: %s", settings->folder, strerror(errno));
    if (bg_offline_exists(&state))
        return bg_fail(error, BG_INVALID, "%s: a root lives here already", settings->folder);
    return BG_OK;
}

static enum bg_status no_root(const char *folder, struct bg_error *error)
{
    return bg_fail(error, BG_NOT_FOUND, "%s: no root was made here: run burgee-aggregator init first", folder);
}

/* The state before the first epoch, if there is one; BG_INVALID after it. */
static enum bg_status read_fresh_state(const struct bg_offline_settings *settings, struct bg_error *error,
                                       struct bg_offline_state *state)
{
    struct bg_path path = bg_offline_path(settings, "state");
    enum bg_status status = bg_offline_state_load(path.text, error, state);
    if (status != BG_OK || state->stage == BG_EPOCH_NONE)
        return status;
    bg_offline_state_finish(state);
    return bg_fail(error, BG_INVALID, "%s: its root has been worked on files since its first epoch: make another one",
                   settings->folder);
}

enum bg_status bg_offline_believe(const struct bg_offline_settings *settings,
                                  const uint8_t key_holder[static BG_PUBLIC_POINT_BYTES],
                                  const struct bg_digest *commitment, struct bg_error *error)
{
    struct bg_offline_state state;
    uint8_t *model;
    size_t size;
    struct bg_path path = bg_offline_path(settings, "model-0.safetensors");
    enum bg_status status = read_fresh_state(settings, error, &state);
    if (status == BG_NOT_FOUND)
        bg_offline_state_init(&state);
    else if (status != BG_OK)
        return status;
    status = bg_file_read(path.text, BG_OFFLINE_FILE_LIMIT, error, &model, &size);
    if (status == BG_NOT_FOUND)
        status = no_root(settings->folder, error);
    if (status == BG_OK) {
        bg_sha256((struct bg_span){model, size}, &state.model);
        free(model);
        state.commitment = *commitment;
        path = bg_offline_path(settings, "keyholder.point");
        status = bg_point_save(BG_POINT_IDENTITY, key_holder, path.text, error);
    }
    path = bg_offline_path(settings, "state");
    if (status == BG_OK)
        status = bg_offline_state_save(&state, path.text, error);
    bg_offline_state_finish(&state);
    return status;
}

enum bg_status bg_offline_origin(const char *folder, struct bg_error *error, uint8_t **ret_model, size_t *ret_size,
                                 struct bg_digest *ret_commitment)
{
    struct bg_offline_settings settings = {.folder = folder};
    struct bg_offline_state state;
    struct bg_path path = bg_offline_path(&settings, "model-0.safetensors");
    enum bg_status status = read_fresh_state(&settings, error, &state);
    if (status != BG_OK)
        return status;
    *ret_commitment = state.commitment;
    bg_offline_state_finish(&state);
    return bg_file_read(path.text, BG_OFFLINE_FILE_LIMIT, error, ret_model, ret_size);
}

enum bg_status bg_offline_init(const struct bg_offline_settings *settings, const struct bg_offline_trust *trust,
                               struct bg_error *error)
{
    struct bg_digest model;
    uint8_t key_holder[BG_PUBLIC_POINT_BYTES];
    enum bg_status status = bg_aggregator_config_check(settings->config, error);
    if (status == BG_OK && trust)
        status = bg_point_load(BG_POINT_IDENTITY, trust->key_holder_file, error, key_holder);
    if (status == BG_OK)
        status = make_folder(settings, error);
    if (status == BG_OK)
        status = make_keys(settings, error);
    if (status == BG_OK)
        status = make_model(settings, error, &model);
    struct bg_path path = bg_offline_path(settings, "config.json");
    if (status == BG_OK)
        status = bg_options_save(bg_aggregator_options, bg_aggregator_option_count, settings->config, path.text,
                                 error);
    if (status == BG_OK && trust)
        status = bg_offline_believe(settings, key_holder, &trust->commitment, error);
    path = bg_offline_path(settings, "identity.point");
    if (status == BG_OK && settings->wrote)
        settings->wrote(settings->context, path.text);
    return status;
}
