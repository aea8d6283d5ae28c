/* SPDX-License-Identifier: Apache-2.0 */
/* Devices that have enrolled, and send one update each to a root that runs, all at once. */
#include "tools/bench.h"

#include "base/arguments.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/number.h"
#include "client/config.h"
#include "client/key_ring.h"
#include "client/update.h"
#include "net/https_transport.h"
#include "protocol/membership.h"
#include "protocol/partition.h"
#include "protocol/trusted.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define PATIENCE_NS (600 * BG_SECOND)

static const char help[] =
    "usage: burgee-bench updates [--per-group N] [--json] DIR...\n"
    "\n"
    "Every DIR is the folder of a client that has enrolled (burgee-client enrol). All of them send an update of\n"
    "random votes for the round that is open, at the same time; tells how long it took until the last was\n"
    "acknowledged, and how many were not. The population's encryption is null or off: nothing is to be encrypted.\n"
    "\n"
    "  --per-group N      no more than so many members of each group: no group becomes complete\n"
    "  --json             print one JSON object\n"
    "  --help             print this and exit\n"
    "\n"
    "Exit status: 0 all were acknowledged; 64 wrong usage; 65 refused; 66 no such folder; 74 input/output.\n";

struct sender {
    struct bench *bench;
    struct bg_membership membership;
    struct bg_https_client *client;
    struct bg_https_transport *transport;
    struct bg_update update;
    bool sends;
};

struct bench {
    struct bg_arguments words;
    const char *per_group;
    bool json, help;
    struct bg_client_config config; /* of the first folder: where the root is */
    struct bg_loop *loop;
    struct sender *senders; /* (count) */
    size_t count, waiting, sent, refused;
    uint64_t bytes, begin, end;
    /* documents, and the one that is asked for */
    struct bg_writer plan_frame, groups_frame, task_frame, *wanted;
    struct bg_trusted_plan plan;
    struct bg_trusted_task task;
    struct bg_arena arena;
    struct bg_groups groups;
    struct bg_shape shape;
    enum bg_status status;
};

/* ---- documents ---- */

static void on_document(void *context, enum bg_status status, struct bg_span reply)
{
    struct bench *b = context;
    b->status = status;
    bg_write_bytes(b->wanted, reply.data, reply.size);
    bg_loop_stop(b->loop);
}

static enum bg_status ask(struct bench *b, enum bg_route route, struct bg_writer *ret_frame, struct bg_error *error)
{
    struct bg_request request = {.route = route};
    b->wanted = ret_frame;
    enum bg_status status =
        bg_transport_send(bg_https_transport(b->senders[0].transport), &request, on_document, b);
    if (status == BG_OK) {
        bg_loop_run(b->loop);
        status = b->status;
    }
    return status == BG_OK ? BG_OK : bg_fail(error, status, "%s: %s", bg_route_name(route), bg_status_text(status));
}

static enum bg_status learn_round(struct bench *b, struct bg_error *error)
{
    struct bg_trust trust = {.population = {.name = ""}};
    enum bg_status status = bg_population_set(&trust.population, b->config.population);
    memcpy(trust.key_holder, b->senders[0].membership.key_holder, sizeof trust.key_holder);
    memcpy(trust.root, b->senders[0].membership.root, sizeof trust.root);
    if (status == BG_OK)
        status = ask(b, BG_ROUTE_PLAN, &b->plan_frame, error);
    if (status == BG_OK)
        status = ask(b, BG_ROUTE_GROUPS, &b->groups_frame, error);
    if (status == BG_OK)
        status = ask(b, BG_ROUTE_TASK, &b->task_frame, error);
    if (status == BG_OK)
        status = bg_trusted_plan_accept(&trust, bg_writer_span(&b->plan_frame), error, &b->plan);
    if (status == BG_OK)
        status = bg_trusted_task_accept(&trust, bg_writer_span(&b->task_frame), error, &b->task);
    if (status == BG_OK)
        status = bg_trusted_groups_read(&b->plan.plan, bg_writer_span(&b->groups_frame), &b->arena, error, &b->groups);
    if (status == BG_OK && b->plan.plan.key.encryption == BG_PLAN_PAILLIER)
        return bg_fail(error, BG_UNSUPPORTED, "the population encrypts: set encryption.mode=null at its key holder");
    return status == BG_OK ? bg_shape_init(&b->plan.plan, &b->task.task, error, &b->shape) : status;
}

/* ---- updates ---- */

static enum bg_status build(struct bench *b, struct sender *sender, uint32_t group, struct bg_key_ring *keys,
                            const struct bg_values *values, struct bg_error *error)
{
    struct bg_random random = bg_random_system();
    struct bg_client_key key = {.key = NULL};
    enum bg_status status = keys->get(keys, &b->plan.plan.key, error, &key);
    struct bg_cipher cipher = {.mode = BG_ENCRYPTION_NULL, .key = key.key};
    struct bg_update_context context = {.plan = &b->plan.plan,
                                        .plan_id = &b->plan.id,
                                        .task = &b->task.task,
                                        .task_digest = &b->task.digest,
                                        .shape = &b->shape,
                                        .identity = sender->membership.identity,
                                        .group = group,
                                        .cipher = &cipher,
                                        .random = &random};
    return status == BG_OK ? bg_update_build(&context, values, NULL, error, &sender->update) : status;
}

static enum bg_status build_all(struct bench *b, uint64_t per_group, struct bg_error *error)
{
    struct bg_random random = bg_random_system();
    struct bg_device_ring_settings settings = {.random = random, .allow_insecure = true};
    struct bg_device_ring ring;
    size_t words = b->shape.vote_count / 64 + 1;
    struct bg_values values = {.fields = calloc(b->shape.votes_at + 1, sizeof *values.fields)};
    uint64_t *votes = calloc(words, sizeof *votes);
    bg_device_ring_init(&ring, &settings);
    enum bg_status status = values.fields && votes ? BG_OK : bg_fail(error, BG_NO_MEMORY, "out of memory");
    if (status == BG_OK)
        status = bg_random_fill(&random, votes, (words - 1) * sizeof *votes);
    if (status == BG_OK)
        values.fields[0] = 1;
    values.votes = (struct bg_slots){BG_SLOTS_BITS, votes};
    for (size_t i = 0; status == BG_OK && i < b->count; i++) {
        struct sender *sender = &b->senders[i];
        uint32_t group, member;
        sender->sends = bg_groups_find(&b->groups, bg_identity_digest(sender->membership.identity), &group, &member) &&
                        member < per_group;
        if (sender->sends)
            status = build(b, sender, group, &ring.keys, &values, error);
        b->sent += sender->sends;
    }
    bg_device_ring_finish(&ring);
    free(values.fields);
    free(votes);
    return status;
}

static void on_answer(void *context, enum bg_status status, struct bg_span reply)
{
    struct bench *b = context;
    (void)reply;
    b->refused += status != BG_OK;
    if (status != BG_OK)
        b->status = status;
    if (--b->waiting == 0) {
        b->end = bg_clock_monotonic_ns();
        bg_loop_stop(b->loop);
    }
}

static enum bg_status send_all(struct bench *b, struct bg_error *error)
{
    enum bg_status status = BG_OK;
    b->status = BG_OK;
    b->waiting = b->sent;
    b->begin = bg_clock_monotonic_ns();
    for (size_t i = 0; status == BG_OK && i < b->count; i++) {
        struct sender *sender = &b->senders[i];
        struct bg_request request = {.route = BG_ROUTE_UPDATE,
                                     .peer = *bg_identity_digest(sender->membership.identity),
                                     .body = bg_writer_span(&sender->update.frames)};
        b->bytes += sender->sends ? request.body.size : 0;
        if (sender->sends)
            status = bg_transport_send(bg_https_transport(sender->transport), &request, on_answer, b);
    }
    if (status == BG_OK && b->sent)
        bg_loop_run(b->loop);
    return status == BG_OK ? BG_OK : bg_fail(error, status, "updates: %s", bg_status_text(status));
}

/* ---- the command ---- */

static void warn(void *context, const struct bg_error *error)
{
    (void)context;
    fprintf(stderr, "burgee-bench: %s\n", error->text);
}

static enum bg_status make_sender(struct bench *b, const char *folder, struct sender *sender, struct bg_error *error)
{
    struct bg_digest pin;
    enum bg_status status = bg_membership_load(folder, "enrol it by burgee-client enrol", error, &sender->membership);
    if (status != BG_OK)
        return status;
    struct bg_https_settings settings = {.loop = b->loop,
                                         .credentials = {.certificate = sender->membership.certificate.text,
                                                         .key = sender->membership.key.text,
                                                         .authority = sender->membership.authority.text},
                                         .proxy = "",
                                         .connect_ns = PATIENCE_NS,
                                         .idle_ns = PATIENCE_NS};
    bg_point_pin(sender->membership.root, &pin);
    status = bg_https_client_create(&settings, error, &sender->client);
    struct bg_https_transport_settings transport = {.client = sender->client,
                                                    .url = b->config.root_url,
                                                    .population = b->config.population,
                                                    .pin = pin,
                                                    .patience_ns = 10 * BG_SECOND,
                                                    .tries = 10,
                                                    .seed = (uint64_t)(sender - b->senders),
                                                    .warn = warn};
    return status == BG_OK ? bg_https_transport_create(&transport, error, &sender->transport) : status;
}

static enum bg_status make_senders(struct bench *b, struct bg_error *error)
{
    char path[BG_DEVICE_PATH_BYTES];
    b->senders = calloc(b->words.word_count, sizeof *b->senders);
    if (!b->senders)
        return bg_fail(error, BG_NO_MEMORY, "out of memory");
    b->count = b->words.word_count;
    enum bg_status status = bg_device_path(b->words.words[0], "config.json", error, path);
    if (status == BG_OK)
        status = bg_options_read(bg_client_options, bg_client_option_count, path, NULL, 0, &b->config, error);
    if (status == BG_OK)
        status = bg_loop_create(error, &b->loop);
    for (size_t i = 0; status == BG_OK && i < b->count; i++)
        status = make_sender(b, b->words.words[i], &b->senders[i], error);
    return status;
}

static void report(const struct bench *b)
{
    double seconds = (double)(b->end - b->begin) / 1e9;
    if (!b->json) {
        printf("%zu updates of %.0f bytes acknowledged in %.2f s, %zu not\n", b->sent - b->refused,
               b->sent ? (double)b->bytes / (double)b->sent : 0, seconds, b->refused);
        return;
    }
    struct bg_json *root = bg_json_object();
    bg_json_add_u64(root, "updates", b->sent);
    bg_json_add_u64(root, "errors", b->refused);
    bg_json_add_u64(root, "bytes", b->bytes);
    bg_json_add_number(root, "seconds", seconds);
    char *text = bg_json_print(root, false);
    if (text)
        puts(text);
    free(text);
    bg_json_destroy(&root);
}

static void finish(struct bench *b)
{
    for (size_t i = 0; i < b->count; i++) {
        bg_https_transport_destroy(&b->senders[i].transport);
        bg_https_client_destroy(&b->senders[i].client);
        bg_update_finish(&b->senders[i].update);
        bg_membership_finish(&b->senders[i].membership);
    }
    bg_loop_destroy(&b->loop);
    bg_shape_finish(&b->shape);
    bg_trusted_task_finish(&b->task);
    bg_trusted_plan_finish(&b->plan);
    bg_arena_finish(&b->arena);
    bg_writer_finish(&b->plan_frame);
    bg_writer_finish(&b->groups_frame);
    bg_writer_finish(&b->task_frame);
    bg_arguments_finish(&b->words);
    free(b->senders);
}

static enum bg_status parse(struct bench *b, int argc, char **argv, struct bg_error *error, uint64_t *ret_per_group)
{
    const struct bg_flag flags[] = {
        {"--per-group", .value = &b->per_group}, {"--json", .on = &b->json}, {"--help", .on = &b->help}};
    enum bg_status status = bg_arguments_parse(argc, argv, flags, sizeof flags / sizeof *flags, error, &b->words);
    *ret_per_group = UINT64_MAX;
    if (status != BG_OK || b->help)
        return status;
    if (b->per_group && bg_parse_u64(b->per_group, 1, 64, ret_per_group) != BG_OK)
        return bg_fail(error, BG_INVALID, "--per-group %s: write a number from 1 to 64", b->per_group);
    return b->words.word_count ? BG_OK : bg_fail(error, BG_INVALID, "give folders of clients; see --help");
}

enum bg_status bg_bench_updates(int argc, char **argv, struct bg_error *error)
{
    struct bench b = {.status = BG_OK};
    uint64_t per_group;
    bg_writer_init(&b.plan_frame);
    bg_writer_init(&b.groups_frame);
    bg_writer_init(&b.task_frame);
    bg_arena_init(&b.arena, (size_t)64 << 20);
    enum bg_status status = parse(&b, argc, argv, error, &per_group);
    if (status == BG_OK && b.help)
        fputs(help, stdout);
    if (status == BG_OK && !b.help) {
        status = make_senders(&b, error);
        if (status == BG_OK)
            status = learn_round(&b, error);
        if (status == BG_OK)
            status = build_all(&b, per_group, error);
        if (status == BG_OK)
            status = send_all(&b, error);
        if (status == BG_OK)
            report(&b);
        if (status == BG_OK && b.refused)
            status = bg_fail(error, b.status, "%zu of %zu updates were not acknowledged: %s", b.refused, b.sent,
                             bg_status_text(b.status));
    }
    finish(&b);
    return status;
}
