/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a root carries from one process to the next. A checkpoint that is restored is written again, restored into a
 * second root and written once more, to the same bytes; of records with the same place the later one counts.
 */
#include "aggregator/checkpoint.h"
#include "aggregator/root_state.h"
#include "tests/fuzz/fuzz.h"
#include "tests/unit/client/stage.h"

#include <string.h>

#define GROUPS 2

static struct stage stage;
static struct bg_model_file model;
static struct bg_round_group round_groups[GROUPS];

static enum bg_status no_transport(struct bg_transport *transport, const struct bg_request *request,
                                   bg_reply_function *on_reply, void *context)
{
    (void)transport, (void)request, (void)on_reply, (void)context;
    return BG_IO;
}

static void set_up(void)
{
    struct bg_error error;
    if (stage.model)
        return;
    stage_init(&stage, &(struct population_terms){.encryption = BG_PLAN_NULL});
    FUZZ_REQUIRE(bg_model_decode(bg_writer_span(&stage.model_file), "stage", &error, &model) == BG_OK, "%s",
                 error.text);
}

/* With groups as if an epoch were agreed. */
static enum bg_status create(struct bg_error *error, struct bg_root **ret_root)
{
    static const struct bg_transport_ops ops = {no_transport};
    static struct bg_transport transport = {&ops};
    struct bg_root_settings settings = {.population = stage.population.name,
                                        .identity = stage.population.root,
                                        .sealing_key = stage.population.sealing_key,
                                        .key_holder_transport = &transport,
                                        .random = stage.population.random,
                                        .initial = model.card,
                                        .codec = stage.population.plan.root.codec,
                                        .training = stage.population.plan.root.training};
    memcpy(settings.key_holder, bg_identity_point(stage.population.key_holder), sizeof settings.key_holder);
    struct bg_root *root = NULL;
    enum bg_status status = bg_root_create(&settings, 0, error, &root);
    if (status != BG_OK)
        return status;
    memset(round_groups, 0, sizeof round_groups);
    root->round.groups = round_groups;
    root->group_count = GROUPS;
    *ret_root = root;
    return BG_OK;
}

static void destroy(struct bg_root *root)
{
    root->round.groups = NULL;
    root->group_count = 0;
    bg_root_destroy(&root);
}

static enum bg_status restore(struct bg_span bytes, struct bg_writer *again)
{
    struct bg_root *root = NULL;
    struct bg_error error;
    struct bg_reader r;
    enum bg_status status = create(&error, &root);
    if (status != BG_OK)
        return fuzz_refused(status, &error);
    bg_reader_init(&r, bytes);
    status = bg_checkpoint_restore(root, 3, &r, &error);
    if (status == BG_OK)
        status = bg_checkpoint_restore_groups(root, &r, &error);
    if (status == BG_OK) {
        bg_checkpoint_write(root, again);
        status = again->status;
    } else {
        fuzz_refused(status, &error);
    }
    destroy(root);
    return status;
}

static enum bg_status check(struct bg_span input)
{
    struct bg_writer first, second;
    bg_writer_init(&first);
    bg_writer_init(&second);
    enum bg_status status = restore(input, &first);
    if (status == BG_OK) {
        status = restore(bg_writer_span(&first), &second);
        FUZZ_REQUIRE(status == BG_NO_MEMORY ||
                         (status == BG_OK && bg_span_equal(bg_writer_span(&first), bg_writer_span(&second))),
                     "%s, %zu bytes became %zu", bg_status_name(status), first.size, second.size);
    }
    bg_writer_finish(&first);
    bg_writer_finish(&second);
    return status;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    set_up();
    return fuzz_run(check, data, size);
}
