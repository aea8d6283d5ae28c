/* SPDX-License-Identifier: Apache-2.0 */
#include "aggregator/models.h"

#include "base/file.h"
#include "base/json.h"
#include "base/number.h"
#include "crypto/digest.h"
#include "store/blobs.h"
#include "store/database.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define DIGITS_LEAST 4

struct hex {
    char text[2 * BG_DIGEST_BYTES + 1];
};

static struct hex hex_of(const struct bg_digest *digest)
{
    struct hex hex;
    bg_digest_to_hex(digest, hex.text);
    return hex;
}

static void write_time(uint64_t ms, char ret_text[static 32])
{
    time_t seconds = (time_t)(ms / 1000);
    struct tm parts;
    gmtime_r(&seconds, &parts);
    strftime(ret_text, 32, "%Y-%m-%dT%H:%M:%SZ", &parts);
}

static void add_model(struct bg_json *object, const struct bg_stored_model *model)
{
    char made[32];
    write_time(model->made_at, made);
    bg_json_add_digest(object, "digest", &model->digest);
    bg_json_add_u64(object, "round", model->round);
    bg_json_add_digest(object, "parent", &model->parent);
    bg_json_add_u64(object, "bytes", model->size);
    bg_json_add_string(object, "made", made);
}

static enum bg_status print(struct bg_json *root, struct bg_error *error)
{
    char *text = bg_json_print(root, true);
    bg_json_destroy(&root);
    if (!text)
        return bg_fail(error, BG_NO_MEMORY, "out of memory");
    puts(text);
    free(text);
    return BG_OK;
}

/* ---- list ---- */

static enum bg_status list_as_text(void *context, const struct bg_stored_model *model)
{
    char made[32];
    (void)context;
    write_time(model->made_at, made);
    printf("%6" PRIu64 "  %s  %10" PRIu64 " bytes  %s\n", model->round, hex_of(&model->digest).text, model->size, made);
    return BG_OK;
}

static enum bg_status list_as_json(void *context, const struct bg_stored_model *model)
{
    add_model(bg_json_add_object(context, NULL), model);
    return BG_OK;
}

enum bg_status bg_models_list(const struct bg_models_request *request, struct bg_error *error)
{
    struct bg_database *database;
    struct bg_json *root = request->json ? bg_json_object() : NULL;
    enum bg_status status = bg_database_open(request->folder, BG_DATABASE_READ, error, &database);
    if (status == BG_OK) {
        status = bg_database_models(database, request->json ? list_as_json : list_as_text,
                                    bg_json_add_array(root, "models"), error);
        bg_database_close(&database);
    }
    if (status == BG_OK && request->json)
        return print(root, error);
    bg_json_destroy(&root);
    return status;
}

/* ---- one of them ---- */

struct choice {
    const char *which;
    bool by_round;
    uint64_t round;
    size_t matches;
    struct bg_stored_model model;
};

static enum bg_status choose(void *context, const struct bg_stored_model *model)
{
    struct choice *choice = context;
    bool match = !choice->which           ? true
                 : choice->by_round       ? model->round == choice->round
                                          : strncmp(hex_of(&model->digest).text, choice->which,
                                                    strlen(choice->which)) == 0;
    if (match) {
        choice->model = *model; /* the newest comes last */
        choice->matches += choice->which != NULL || choice->matches == 0;
    }
    return BG_OK;
}

/* A number of a round has fewer digits than any digest that is accepted has, or no model has that digest. */
static enum bg_status find(struct bg_database *database, const char *folder, const char *which, struct bg_error *error,
                           struct bg_stored_model *ret_model)
{
    struct choice choice = {.which = which};
    bool number = which && bg_parse_u64(which, 0, INT64_MAX, &choice.round) == BG_OK;
    enum bg_status status = BG_OK;
    if (which && strlen(which) >= DIGITS_LEAST)
        status = bg_database_models(database, choose, &choice, error);
    if (status == BG_OK && !choice.matches && (number || !which)) {
        choice.by_round = number;
        status = bg_database_models(database, choose, &choice, error);
    }
    if (status != BG_OK)
        return status;
    if (choice.matches > 1)
        return bg_fail(error, BG_INVALID, "%s: %zu models begin so: give more digits", which, choice.matches);
    if (!choice.matches)
        return bg_fail(error, BG_NOT_FOUND, "%s: no such model in %s: see burgee-aggregator models list",
                       which ? which : "the newest", folder);
    *ret_model = choice.model;
    return BG_OK;
}

static enum bg_status add_update(void *context, const struct bg_stored_update *update)
{
    struct bg_json *object = bg_json_add_object(context, NULL);
    bg_json_add_digest(object, "client", &update->client);
    bg_json_add_digest(object, "manifest", &update->blob);
    bg_json_add_u64(object, "bytes", update->size);
    bg_json_add_bool(object, "kept", update->kept);
    return BG_OK;
}

static enum bg_status show_update(void *context, const struct bg_stored_update *update)
{
    (void)context;
    printf("update  %s of client %s, %" PRIu64 " bytes%s\n", hex_of(&update->blob).text, hex_of(&update->client).text,
           update->size, update->kept ? ", kept" : "");
    return BG_OK;
}

static enum bg_status show(struct bg_database *database, const struct bg_stored_model *model, bool json,
                           struct bg_error *error)
{
    char made[32];
    if (json) {
        struct bg_json *root = bg_json_object();
        add_model(root, model);
        enum bg_status status =
            bg_database_updates(database, model->round, add_update, bg_json_add_array(root, "updates"), error);
        if (status == BG_OK)
            return print(root, error);
        bg_json_destroy(&root);
        return status;
    }
    write_time(model->made_at, made);
    printf("digest  %s\nround   %" PRIu64 "\nparent  %s\nbytes   %" PRIu64 "\nmade    %s\n",
           hex_of(&model->digest).text, model->round, hex_of(&model->parent).text, model->size, made);
    return bg_database_updates(database, model->round, show_update, NULL, error);
}

enum bg_status bg_models_show(const struct bg_models_request *request, struct bg_error *error)
{
    struct bg_database *database;
    struct bg_stored_model model;
    enum bg_status status = bg_database_open(request->folder, BG_DATABASE_READ, error, &database);
    if (status != BG_OK)
        return status;
    status = find(database, request->folder, request->which, error, &model);
    if (status == BG_OK)
        status = show(database, &model, request->json, error);
    bg_database_close(&database);
    return status;
}

enum bg_status bg_models_export(const struct bg_models_request *request, struct bg_error *error)
{
    struct bg_database *database;
    struct bg_blobs *blobs = NULL;
    struct bg_stored_model model;
    struct bg_mapping mapping;
    if (!request->out)
        return bg_fail(error, BG_INVALID, "models export needs --out FILE");
    enum bg_status status = bg_database_open(request->folder, BG_DATABASE_READ, error, &database);
    if (status != BG_OK)
        return status;
    status = find(database, request->folder, request->which, error, &model);
    if (status == BG_OK)
        status = bg_blobs_open(request->folder, "models", bg_sha256, error, &blobs);
    if (status == BG_OK)
        status = bg_blobs_map(blobs, &model.digest, true, error, &mapping);
    if (status == BG_OK) {
        status = bg_file_write(request->out, mapping.bytes, 0644, error);
        bg_mapping_finish(&mapping);
    }
    if (status == BG_OK && !request->json)
        printf("wrote %s: model %s of round %" PRIu64 "\n", request->out, hex_of(&model.digest).text, model.round);
    if (status == BG_OK && request->json) {
        struct bg_json *root = bg_json_object();
        add_model(root, &model);
        bg_json_add_string(root, "file", request->out);
        status = print(root, error);
    }
    bg_blobs_close(&blobs);
    bg_database_close(&database);
    return status;
}
