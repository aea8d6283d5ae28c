/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/aggregator/by_hand.h"

#include "base/file.h"
#include "client/update.h"
#include "crypto/digest.h"
#include "crypto/identity_file.h"
#include "protocol/envelope.h"
#include "tests/unit/crypto/secret_fixture.h"
#include "tests/unit/flat_slots.h"
#include "tests/unit/scratch.h"

#include <ftw.h>
#include <stdio.h>
#include <unistd.h>

static enum bg_status fill_repeatably(void *context, void *data, size_t size)
{
    struct bg_prng *prng = context;
    uint8_t *bytes = data;
    for (size_t i = 0; i < size; i++)
        bytes[i] = (uint8_t)bg_prng_next(prng);
    return BG_OK;
}

/* ---- the key holder, asked at once ---- */

static uint64_t no_delay(void *owner, const struct bg_request *request, size_t bytes, int upward)
{
    (void)owner, (void)request, (void)bytes, (void)upward;
    return 0;
}

static enum bg_status post(void *owner, uint64_t delay_ns, void (*run)(void *argument), void *argument)
{
    struct by_hand *h = owner;
    (void)delay_ns;
    cr_assert_null(h->posted_run);
    h->posted_run = run;
    h->posted_argument = argument;
    return BG_OK;
}

static void run_key_holder(struct by_hand *h)
{
    for (;;) {
        void (*run)(void *argument) = h->posted_run;
        struct bg_work *work = run ? NULL : bg_keyholder_work(h->keyholder);
        h->posted_run = NULL;
        if (run)
            run(h->posted_argument);
        else if (work) {
            work->job.run(&work->job);
            work->job.done(&work->job);
        } else
            return;
    }
}

struct answer {
    enum bg_status status;
    struct bg_writer *bytes;
};

static void on_reply(void *context, enum bg_status status, struct bg_span reply)
{
    struct answer *answer = context;
    answer->status = status;
    bg_write_bytes(answer->bytes, reply.data, reply.size);
}

enum bg_status bring_to_key_holder(struct by_hand *h, enum bg_route route, struct bg_span body,
                                   struct bg_writer *ret_answer)
{
    struct answer answer = {.status = BG_FAULT, .bytes = ret_answer};
    struct bg_request request = {.route = route, .peer = *bg_identity_digest(h->root), .body = body};
    bg_writer_init(ret_answer);
    cr_assert_eq(bg_transport_send(&h->to_key_holder.transport, &request, on_reply, &answer), BG_OK);
    run_key_holder(h);
    return answer.status;
}

enum bg_status ask_key_holder(struct by_hand *h, enum bg_route route, const char *body_file)
{
    struct bg_writer body = read_file(body_file), answer;
    enum bg_status status = bring_to_key_holder(h, route, bg_writer_span(&body), &answer);
    if (status == BG_OK)
        write_file(h->file, bg_writer_span(&answer));
    bg_writer_finish(&answer);
    bg_writer_finish(&body);
    return status;
}

static void observe(void *context, const struct bg_keyholder_notice *notice)
{
    struct by_hand *h = context;
    if (notice->error)
        h->error = *notice->error;
}

static void make_key_holder(struct by_hand *h, enum bg_plan_encryption encryption)
{
    struct bg_keyholder_settings settings = {.group_size = 4,
                                             .group_least = 3,
                                             .full_rounds = 1,
                                             .encryption = encryption,
                                             .identity = h->key_holder_identity,
                                             .random = h->random,
                                             .blinding = h->random,
                                             .observe = observe,
                                             .observe_context = h};
    h->secret = vector_key(0, 1);
    if (encryption != BG_PLAN_OFF) {
        settings.public_key = bg_secret_key_public(h->secret);
        struct bg_mask_settings masks = {.memory_bytes = 1 << 16};
        cr_assert_eq(bg_mask_table_create(settings.public_key, &h->random, &masks, &h->table), BG_OK);
        cr_assert_eq(bg_mask_source_create(h->table, &h->random, NULL, &h->masks), BG_OK);
    }
    if (encryption == BG_PLAN_PAILLIER)
        settings.secret_key = h->secret;
    cr_assert_eq(bg_population_set(&settings.population, "by-hand"), BG_OK);
    memcpy(settings.root, bg_identity_point(h->root), sizeof settings.root);
    cr_assert_eq(bg_keyholder_create(&settings, 0, &h->error, &h->keyholder), BG_OK, "%s", h->error.text);
    bg_loopback_init(&h->to_key_holder, bg_keyholder_serve, h->keyholder, no_delay, post, h, 0);
}

/* ---- files ---- */

const char *file_in(struct by_hand *h, const char *name)
{
    static char paths[3][256];
    static size_t next;
    char *path = paths[next++ % 3];
    snprintf(path, sizeof paths[0], "%s/%s", h->folder, name);
    return path;
}

const char *round_file(struct by_hand *h, uint64_t round, const char *name)
{
    char relative[128];
    snprintf(relative, sizeof relative, "round-%llu/%s", (unsigned long long)round, name);
    return file_in(h, relative);
}

bool exists(const char *path)
{
    return access(path, F_OK) == 0;
}

struct bg_writer read_file(const char *path)
{
    struct bg_writer w;
    struct bg_error error;
    uint8_t *bytes;
    size_t size;
    bg_writer_init(&w);
    cr_assert_eq(bg_file_read(path, SIZE_MAX / 2, &error, &bytes, &size), BG_OK, "%s", error.text);
    bg_write_bytes(&w, bytes, size);
    free(bytes);
    return w;
}

void write_file(const char *path, struct bg_span content)
{
    cr_assert_eq(bg_file_write(path, content, 0600, NULL), BG_OK);
}

struct bg_digest digest_of_file(const char *path)
{
    struct bg_writer w = read_file(path);
    struct bg_digest digest;
    bg_sha256(bg_writer_span(&w), &digest);
    bg_writer_finish(&w);
    return digest;
}

/* ---- the root's folder ---- */

static void count_written(void *context, const char *path)
{
    struct by_hand *h = context;
    cr_assert(exists(path), "%s", path);
    h->wrote++;
}

enum bg_status enter(struct by_hand *h)
{
    cr_assert_null(h->offline);
    h->wrote = 0;
    h->settings.config = &h->config;
    return bg_offline_create(&h->settings, &h->error, &h->offline);
}

void leave(struct by_hand *h)
{
    bg_offline_destroy(&h->offline);
}

static void must(struct by_hand *h, enum bg_status status)
{
    cr_assert_eq(status, BG_OK, "%s: %s", bg_status_name(status), h->error.text);
}

static void set(struct by_hand *h, const char *assignment)
{
    must(h, bg_options_set(bg_aggregator_options, bg_aggregator_option_count, assignment, &h->config, &h->error));
}

static void configure(struct by_hand *h, const char *codec_mode)
{
    char mode[64];
    bg_options_defaults(bg_aggregator_options, bg_aggregator_option_count, &h->config);
    set(h, "data.fit=central");
    snprintf(mode, sizeof mode, "codec.mode=%s", codec_mode);
    set(h, mode);
    set(h, "population.name=by-hand");
    set(h, "encryption.insecure_test_key=true");
    set(h, "model.spec=linear");
    set(h, "data.rows=400");
    set(h, "groups.full_rounds=1");
    set(h, "robust.rule=unit-mean");
}

static void enrol_all(struct by_hand *h)
{
    must(h, enter(h));
    for (size_t i = 0; i < HANDS; i++) {
        const uint8_t *point = bg_identity_point(h->clients[i]);
        must(h, bg_point_save(BG_POINT_IDENTITY, point, h->file, &h->error));
        must(h, bg_offline_enrol(h->offline, h->file, i < HANDS / 2 ? "a" : "b", &h->error));
        must(h, bg_keyholder_enrol(h->keyholder, point, i < HANDS / 2 ? "a" : "b", &h->error));
    }
    leave(h);
}

void by_hand_init(struct by_hand *h, enum bg_plan_encryption encryption, const char *codec_mode)
{
    *h = (struct by_hand){.posted_run = NULL};
    make_scratch_folder("by-hand", sizeof h->folder, h->folder);
    snprintf(h->file, sizeof h->file, "%s/carried", h->folder);
    bg_prng_init(&h->prng, 5);
    h->random = (struct bg_random){fill_repeatably, &h->prng};
    h->settings = (struct bg_offline_settings){.folder = h->folder, .wrote = count_written, .context = h};
    struct bg_identity **identities[] = {&h->root, &h->key_holder_identity};
    for (size_t i = 0; i < COUNT(identities); i++)
        must(h, bg_identity_create(&h->random, identities[i]));
    for (size_t i = 0; i < HANDS; i++)
        must(h, bg_identity_create(&h->random, &h->clients[i]));
    configure(h, codec_mode);
    make_key_holder(h, encryption);
    /* As an interrupted init would have left it: so the root is known before its folder is made. */
    must(h, bg_identity_save(h->root, file_in(h, "identity.secret"), &h->error));
    must(h, bg_point_save(BG_POINT_IDENTITY, bg_identity_point(h->key_holder_identity), h->file, &h->error));
    struct bg_offline_trust trust = {h->file, bg_keyholder_commitment(h->keyholder)};
    h->settings.config = &h->config;
    must(h, bg_offline_init(&h->settings, &trust, &h->error));
    enrol_all(h);
}

static int remove_entry(const char *path, const struct stat *about, int kind, struct FTW *where)
{
    (void)about, (void)kind, (void)where;
    return remove(path);
}

void by_hand_finish(struct by_hand *h)
{
    leave(h);
    bg_keyholder_destroy(&h->keyholder);
    bg_mask_source_destroy(&h->masks);
    bg_mask_table_destroy(&h->table);
    bg_secret_key_destroy(&h->secret);
    bg_identity_destroy(&h->root);
    bg_identity_destroy(&h->key_holder_identity);
    for (size_t i = 0; i < HANDS; i++)
        bg_identity_destroy(&h->clients[i]);
    nftw(h->folder, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
}

/* ---- steps ---- */

enum bg_status agree_on_epoch(struct by_hand *h)
{
    enum bg_status status = enter(h);
    if (status == BG_OK)
        status = bg_offline_ask_epoch(h->offline, h->file, &h->error);
    leave(h);
    if (status == BG_OK)
        status = ask_key_holder(h, BG_ROUTE_EPOCH, h->file);
    if (status != BG_OK)
        return status;
    status = enter(h);
    if (status == BG_OK)
        status = bg_offline_accept_epoch(h->offline, h->file, &h->error);
    leave(h);
    return status == BG_OK ? ask_key_holder(h, BG_ROUTE_SIGNED_PLAN, file_in(h, "plan")) : status;
}

enum bg_status open_round(struct by_hand *h)
{
    enum bg_status status = enter(h);
    if (status == BG_OK)
        status = bg_offline_open_round(h->offline, &h->error);
    leave(h);
    return status;
}

/* What a member reads before it votes. */
struct reading {
    struct bg_writer plan_bytes, task_bytes;
    struct bg_arena arena;
    struct bg_frame frame;
    struct bg_plan plan;
    struct bg_digest plan_id;
    struct bg_task task;
    struct bg_digest task_digest;
    struct bg_shape shape;
};

/* Whether this plan and task are the last ones that were believed: every member of a round reads the same. */
static bool is_believed(struct by_hand *h, const struct reading *r)
{
    struct bg_digest read[2];
    bg_sha256(bg_writer_span(&r->plan_bytes), &read[0]);
    bg_sha256(bg_writer_span(&r->task_bytes), &read[1]);
    bool same = bg_digest_equal(&read[0], &h->believed[0]) && bg_digest_equal(&read[1], &h->believed[1]);
    memcpy(h->believed, read, sizeof read);
    return same;
}

static void read_all(struct by_hand *h, uint64_t round, struct reading *r)
{
    bg_arena_init(&r->arena, SIZE_MAX);
    r->plan_bytes = read_file(file_in(h, "plan"));
    r->task_bytes = read_file(round_file(h, round, "task"));
    bool believed = is_believed(h, r);
    must(h, bg_frame_expect(bg_writer_span(&r->plan_bytes), BG_FRAME_PLAN, &h->error, &r->frame));
    r->plan_id = r->frame.plan_id;
    must(h, bg_plan_decode(&r->frame, &r->arena, &h->error, &r->plan));
    if (!believed)
        must(h, bg_plan_verify(&r->frame, &r->plan, bg_identity_point(h->key_holder_identity),
                               bg_identity_point(h->root), &h->error));
    must(h, bg_frame_expect(bg_writer_span(&r->task_bytes), BG_FRAME_TASK, &h->error, &r->frame));
    if (!believed)
        must(h, bg_envelope_verify_frame(bg_identity_point(h->root), BG_SIGNED_TASK, &r->frame));
    must(h, bg_task_decode(&r->frame, &r->arena, &h->error, &r->task));
    bg_sha256(bg_writer_span(&r->task_bytes), &r->task_digest);
    must(h, bg_shape_init(&r->plan, &r->task, &h->error, &r->shape));
}

static void reading_finish(struct reading *r)
{
    bg_shape_finish(&r->shape);
    bg_plan_finish(&r->plan);
    bg_arena_finish(&r->arena);
    bg_writer_finish(&r->plan_bytes);
    bg_writer_finish(&r->task_bytes);
}

/* Votes depend on the client and the round alone, so that other encryptions see the same. */
static uint64_t *votes(const struct reading *r, size_t client, bool overvote)
{
    struct bg_prng prng;
    uint64_t *slots = calloc(r->shape.slots, sizeof *slots);
    cr_assert(slots);
    bg_prng_init_stream(&prng, r->task.round, "votes", client);
    slots[0] = 1;
    for (size_t i = 1; i < r->shape.votes_at; i++)
        slots[i] = r->task.stage == BG_STAGE_SCALES ? 30000 + bg_prng_below(&prng, 100) : 50 + bg_prng_below(&prng, 20);
    for (size_t i = r->shape.votes_at; i < r->shape.slots; i++)
        slots[i] = (i % 3 == 0) ^ (bg_prng_below(&prng, 8) == 0);
    if (overvote)
        slots[r->shape.votes_at] = 5;
    return slots;
}

void make_update(struct by_hand *h, uint64_t round, size_t client, bool overvote)
{
    struct reading r = {0};
    struct bg_update update;
    read_all(h, round, &r);
    uint64_t *slots = votes(&r, client, overvote);
    float *dense = r.shape.dense ? calloc(r.shape.vote_count, sizeof *dense) : NULL;
    for (size_t i = 0; dense && i < r.shape.vote_count; i++)
        dense[i] = (float)(i % 7) * 0.01f - (float)client * 0.001f;
    struct bg_cipher cipher = {r.plan.key.encryption == BG_PLAN_PAILLIER ? BG_ENCRYPTION_PAILLIER : BG_ENCRYPTION_NULL,
                               bg_secret_key_public(h->secret)};
    struct bg_update_context context = {.plan = &r.plan,
                                        .plan_id = &r.plan_id,
                                        .task = &r.task,
                                        .task_digest = &r.task_digest,
                                        .shape = &r.shape,
                                        .identity = h->clients[client],
                                        .group = client < HANDS / 2 ? 0 : 1,
                                        .cipher = r.plan.key.encryption == BG_PLAN_OFF ? NULL : &cipher,
                                        .masks = h->masks,
                                        .random = &h->random};
    struct bg_values values = flat_values(&r.shape, slots);
    must(h, bg_update_build(&context, &values, dense, &h->error, &update));
    write_file(h->file, bg_writer_span(&update.frames));
    bg_update_finish(&update);
    free(dense);
    free(slots);
    reading_finish(&r);
}

enum bg_status fold_file(struct by_hand *h)
{
    struct bg_digest client;
    bool news;
    enum bg_status status = enter(h);
    if (status == BG_OK)
        status = bg_offline_fold(h->offline, h->file, &h->error, &client, &news);
    if (status == BG_OK)
        status = bg_offline_settle(h->offline, &h->error);
    leave(h);
    return status;
}

enum bg_status close_round(struct by_hand *h)
{
    enum bg_status status = enter(h);
    if (status == BG_OK)
        status = bg_offline_close_round(h->offline, &h->error);
    if (status == BG_OK)
        status = bg_offline_settle(h->offline, &h->error);
    leave(h);
    return status;
}

enum bg_status have_opened(struct by_hand *h, uint64_t round, uint32_t group)
{
    char name[32];
    snprintf(name, sizeof name, "group-%u.release", group);
    return ask_key_holder(h, BG_ROUTE_RELEASE, round_file(h, round, name));
}

enum bg_status take_sums(struct by_hand *h, struct bg_offline_round *ret_round)
{
    enum bg_status status = enter(h);
    if (status == BG_OK)
        status = bg_offline_take_sums(h->offline, h->file, &h->error);
    if (status == BG_OK)
        status = bg_offline_settle(h->offline, &h->error);
    if (status == BG_OK)
        *ret_round = *bg_offline_round(h->offline);
    leave(h);
    return status;
}
