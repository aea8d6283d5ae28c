/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/aggregator/mortal_root.h"

#include "base/clock.h"
#include "crypto/digest.h"
#include "tests/unit/scratch.h"

#include <criterion/criterion.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* ---- the world's clockwork ---- */

static enum bg_status post(void *owner, void (*run)(void *argument), void *argument)
{
    struct world *w = owner;
    struct post *post = malloc(sizeof *post);
    *post = (struct post){run, argument, NULL};
    if (w->last)
        w->last->next = post;
    else
        w->first = post;
    w->last = post;
    return BG_OK;
}

static enum bg_status post_delivery(void *owner, uint64_t delay_ns, void (*run)(void *argument), void *argument)
{
    (void)delay_ns;
    return post(owner, run, argument);
}

static uint64_t delay(void *owner, const struct bg_request *request, size_t bytes, int upward)
{
    struct world *w = owner;
    (void)request, (void)bytes, (void)upward;
    return w->key_holder_down ? UINT64_MAX : 0;
}

static void set_clock(void *owner)
{
    struct world *w = owner;
    bg_root_tick(w->root, w->now);
}

static void leave_root(void *owner)
{
    (void)owner;
}

bool turn(struct world *w)
{
    struct bg_work *work = w->root ? bg_root_work(w->root) : NULL;
    struct bg_work *other = work ? NULL : bg_keyholder_work(w->h.keyholder);
    if (work || other) {
        work = work ? work : other;
        work->job.run(&work->job);
        if (w->root)
            set_clock(w);
        work->job.done(&work->job);
    } else if (w->first) {
        struct post *post = w->first;
        w->first = post->next;
        if (!w->first)
            w->last = NULL;
        if (w->root)
            set_clock(w);
        post->run(post->argument);
        free(post);
    } else if (w->root && bg_root_plan_due(w->root)) {
        set_clock(w);
    } else {
        return false;
    }
    return true;
}

void pump(struct world *w)
{
    while (turn(w))
        ;
}

/* ---- dying ---- */

/* Whether the root dies here; a dead one keeps nothing any more. */
static bool dies(struct world *w)
{
    if (!w->dead && w->points++ == w->die_at)
        w->dead = true;
    return w->dead;
}

static enum bg_status keep(void *context, const struct bg_root_step *step, struct bg_error *error)
{
    struct world *w = context;
    if (dies(w))
        return bg_fail(error, BG_IO, "died before step %d", (int)step->kind);
    enum bg_status status = w->kept.keep(w->kept.keep_context, step, error);
    cr_assert_eq(status, BG_OK, "step %d: %s", (int)step->kind, error->text);
    w->nonce_kept |= step->kind == BG_ROOT_STEP_EPOCH_ASKED;
    return dies(w) ? bg_fail(error, BG_IO, "died after step %d", (int)step->kind) : BG_OK;
}

static void die_after_update(void *argument)
{
    (void)dies(argument);
}

static void keep_update(void *context, const struct bg_kept_update *update, struct bg_keeping *keeping)
{
    struct world *w = context;
    if (dies(w)) {
        bg_root_kept(w->root, keeping, BG_IO);
        return;
    }
    /* Durable after what the memory posts now; its answer to the client is under way when the next post runs. */
    w->kept.keep_update(w->kept.keep_context, update, keeping);
    post(w, die_after_update, w);
}

/* ---- one life ---- */

static void on_resumed(void *owner, enum bg_status status, const struct bg_error *error)
{
    struct world *w = owner;
    cr_assert_not(w->is_resumed);
    w->is_resumed = true;
    w->resumed = status;
    if (status != BG_OK)
        w->error = *error;
}

static void on_warn(void *owner, const struct bg_error *error)
{
    struct world *w = owner;
    w->warnings++;
    w->error = *error;
}

static void observe(void *context, const struct bg_root_notice *notice)
{
    struct world *w = context;
    if (notice->kind == BG_ROOT_NOTICE_REFUSED && !w->dead)
        w->refused++;
    if (notice->error)
        w->error = *notice->error;
    bg_memory_observe(w->memory, notice);
}

void must(struct world *w, enum bg_status status)
{
    cr_assert_eq(status, BG_OK, "%s: %s", bg_status_name(status), w->error.text);
}

static void tell_phases(void *owner, uint64_t ret_ns[static BG_PHASE_COUNT])
{
    (void)owner;
    ret_ns[BG_PHASE_FOLD] = FOLD_NS;
}

void open_memory(struct world *w)
{
    w->settings = (struct bg_memory_settings){.folder = w->folder,
                                              .update_rounds = 1,
                                              .models = w->models,
                                              .key_holder = &w->to_key_holder.transport,
                                              .post = post,
                                              .enter = set_clock,
                                              .leave = leave_root,
                                              .phases = tell_phases,
                                              .resumed = on_resumed,
                                              .warn = on_warn,
                                              .owner = w};
    must(w, bg_memory_open(&w->settings, &w->error, &w->memory));
}

static void begin(struct world *w)
{
    struct bg_writer model = read_file(file_in(&w->h, "model-0.safetensors"));
    struct bg_digest commitment = bg_keyholder_commitment(w->h.keyholder);
    must(w, bg_memory_begin(w->memory, bg_writer_span(&model), &commitment, &w->error));
    bg_writer_finish(&model);
}

static enum bg_status fill(void *context, void *data, size_t size)
{
    struct world *w = context;
    uint8_t *bytes = data;
    for (size_t i = 0; i < size; i++)
        bytes[i] = (uint8_t)bg_prng_next(&w->chance);
    return BG_OK;
}

static void make_root(struct world *w)
{
    struct bg_mapping mapping;
    struct bg_model_file model;
    must(w, bg_memory_model(w->memory, &w->error, &mapping));
    must(w, bg_model_decode(mapping.bytes, "model", &w->error, &model));
    struct bg_root_settings settings = {.identity = w->h.root,
                                        .sealing_key = w->sealing_key,
                                        .key_holder_transport = bg_memory_transport(w->memory),
                                        .random = {.fill = fill, .context = w},
                                        .initial = model.card,
                                        .retry_ns = BG_SECOND,
                                        .observe = observe,
                                        .observe_context = w};
    memcpy(settings.key_holder, bg_identity_point(w->h.key_holder_identity), sizeof settings.key_holder);
    bg_aggregator_config_apply(&w->h.config, &settings);
    must(w, bg_population_set(&settings.population, "by-hand"));
    bg_memory_prepare(w->memory, &settings);
    w->kept = settings;
    settings.keep = keep;
    settings.keep_update = keep_update;
    settings.keep_context = w;
    must(w, bg_root_create(&settings, w->now, &w->error, &w->root));
    bg_model_file_finish(&model);
    bg_mapping_finish(&mapping);
}

void begin_life(struct world *w)
{
    w->dead = w->is_resumed = false;
    bg_prng_init(&w->chance, w->nonce_kept ? 100 + w->lives : 7);
    w->lives++;
    open_memory(w);
    if (bg_memory_fresh(w->memory))
        begin(w);
    make_root(w);
    enum bg_status status = bg_memory_resume(w->memory, w->root, &w->error);
    cr_assert(status == BG_OK || w->dead, "%s", w->error.text);
}

void start_life(struct world *w)
{
    begin_life(w);
    pump(w);
    cr_assert(w->is_resumed || w->dead || w->key_holder_down);
}

void end_life(struct world *w)
{
    w->dead = true; /* what is under way comes to an end, and is not kept */
    pump(w);
    bg_root_destroy(&w->root);
    bg_memory_close(&w->memory);
    pump(w); /* answers of the key holder that come too late were delivered to nobody */
}

/* ---- clients ---- */

struct answer {
    struct bg_call call;
    bool here;
    enum bg_status status;
    struct bg_writer reply;
};

static void on_answer(struct bg_call *call, enum bg_status status, struct bg_span reply)
{
    struct answer *answer = (struct answer *)call;
    answer->here = true;
    answer->status = status;
    if (status == BG_OK)
        bg_write_bytes(&answer->reply, reply.data, reply.size);
}

/* An answer that comes when the root is dead is lost. */
static enum bg_status ask(struct world *w, enum bg_route route, size_t client, struct bg_span body,
                          struct bg_writer *ret_reply)
{
    struct bg_request request = {.route = route, .peer = *bg_identity_digest(w->h.clients[client]), .body = body};
    struct answer answer = {.call = {.answer = on_answer}};
    bg_writer_init(&answer.reply);
    set_clock(w);
    bg_root_serve(w->root, &request, &answer.call);
    while (!answer.here)
        cr_assert(turn(w), "no answer to %s", bg_route_name(route));
    if (ret_reply)
        *ret_reply = answer.reply;
    else
        bg_writer_finish(&answer.reply);
    return w->dead ? BG_IO : answer.status;
}

static bool fetch(struct world *w, enum bg_route route, size_t client, const char *path)
{
    struct bg_writer reply;
    enum bg_status status = ask(w, route, client, (struct bg_span){NULL, 0}, &reply);
    if (status == BG_OK)
        write_file(path, bg_writer_span(&reply));
    bg_writer_finish(&reply);
    return status == BG_OK;
}

enum bg_status ask_receipt(struct world *w, uint64_t round)
{
    uint8_t body[8];
    for (size_t i = 0; i < sizeof body; i++)
        body[i] = (uint8_t)(round >> (8 * i));
    return ask(w, BG_ROUTE_RECEIPT, 0, (struct bg_span){body, sizeof body}, NULL);
}

/* The client's update of the round: made once, sent until it is acknowledged. */
void contribute(struct world *w, uint64_t round, size_t client)
{
    char name[64], task[96];
    snprintf(name, sizeof name, "round-%llu", (unsigned long long)round);
    cr_assert(mkdir(file_in(&w->h, name), 0700) == 0 || errno == EEXIST);
    snprintf(task, sizeof task, "round-%llu/task", (unsigned long long)round);
    snprintf(name, sizeof name, "round-%llu/client-%zu", (unsigned long long)round, client);
    if (!exists(file_in(&w->h, name))) {
        if (!fetch(w, BG_ROUTE_PLAN, client, file_in(&w->h, "plan")) ||
            !fetch(w, BG_ROUTE_TASK, client, file_in(&w->h, task)))
            return;
        make_update(&w->h, round, client, false);
        cr_assert_eq(rename(w->h.file, file_in(&w->h, name)), 0);
    }
    struct bg_writer update = read_file(file_in(&w->h, name));
    enum bg_status status = ask(w, BG_ROUTE_UPDATE, client, bg_writer_span(&update), NULL);
    w->acknowledged[round][client] = status == BG_OK;
    cr_assert(status == BG_OK || w->dead, "client %zu: %s: %s", client, bg_status_name(status), w->error.text);
    bg_writer_finish(&update);
}

/* ---- what the owner of a root does ---- */

static void enrol(struct world *w)
{
    struct bg_roster_entry entries[HANDS];
    for (size_t i = 0; i < HANDS; i++) {
        entries[i] = (struct bg_roster_entry){.client = *bg_identity_digest(w->h.clients[i])};
        strcpy(entries[i].cell.label, i < HANDS / 2 ? "a" : "b");
        memcpy(entries[i].public_key, bg_identity_point(w->h.clients[i]), BG_PUBLIC_POINT_BYTES);
    }
    must(w, bg_root_set_roster(w->root, entries, HANDS, &w->error));
}

/* The next thing to do; false when the rounds are over. */
bool act(struct world *w)
{
    const struct bg_round *round = bg_root_round(w->root);
    if (!bg_root_groups(w->root)) {
        enrol(w);
        enum bg_status status = bg_root_begin_epoch(w->root, &w->error);
        cr_assert(status == BG_OK || w->dead, "%s", w->error.text);
    } else if (round->state == BG_ROUND_OPEN) {
        for (size_t i = 0; i < HANDS && !w->dead && round->state == BG_ROUND_OPEN; i++)
            if (!w->missing[round->number][i] && !w->acknowledged[round->number][i])
                contribute(w, round->number, i);
        pump(w);
        if (!w->dead && round->state == BG_ROUND_OPEN) {
            w->now = round->deadline;
            set_clock(w);
        }
    } else if (bg_root_idle(w->root)) {
        if (round->number == w->rounds)
            return false;
        enum bg_status status = bg_root_open_round(w->root, &w->error);
        cr_assert(status == BG_OK || w->dead, "%s", w->error.text);
    } else {
        cr_assert_fail("the root stands still in state %s", bg_round_state_name(round->state));
    }
    pump(w);
    return true;
}

void live(struct world *w)
{
    start_life(w);
    while (!w->dead && act(w))
        ;
}

/* ---- worlds ---- */

void make_world(struct world *w, enum bg_plan_encryption encryption)
{
    *w = (struct world){.now = 1, .die_at = NEVER, .rounds = ROUNDS};
    make_scratch_folder("memory", sizeof w->folder, w->folder);
    by_hand_init(&w->h, encryption, "ef");
    bg_loopback_init(&w->to_key_holder, bg_keyholder_serve, w->h.keyholder, delay, post_delivery, w, 1);
    must(w, bg_sealing_key_create(&w->h.random, &w->sealing_key));
    w->missing[2][1] = true; /* its group sits the second round out, which ends at the deadline */
}

void end_world(struct world *w)
{
    char command[128];
    bg_sealing_key_destroy(&w->sealing_key);
    by_hand_finish(&w->h);
    snprintf(command, sizeof command, "rm -rf '%s'", w->folder);
    cr_assert_eq(system(command), 0);
}

static enum bg_status count_update(void *context, const struct bg_stored_update *update)
{
    struct outcome *outcome = context;
    const struct by_hand *h = &outcome->world->h;
    size_t client = 0;
    while (client < HANDS && !bg_digest_equal(bg_identity_digest(h->clients[client]), &update->client))
        client++;
    cr_assert_lt(client, HANDS);
    cr_assert_not(outcome->world->missing[update->round][client]);
    outcome->updates[update->round] += (size_t)1 << client;
    return BG_OK;
}

struct outcome look(struct world *w)
{
    struct bg_database *db = bg_memory_database(w->memory);
    struct outcome outcome = {.points = w->points, .model = *bg_root_model_digest(w->root), .world = w};
    for (uint64_t round = 1; round <= ROUNDS; round++) {
        struct bg_writer receipt;
        bg_writer_init(&receipt);
        must(w, bg_database_receipt(db, round, &w->error, &receipt));
        bg_sha256(bg_writer_span(&receipt), &outcome.receipts[round]);
        must(w, bg_database_updates(db, round, count_update, &outcome, &w->error));
        bg_writer_finish(&receipt);
        for (size_t i = 0; i < HANDS; i++)
            cr_assert(!w->acknowledged[round][i] || (outcome.updates[round] >> i & 1), "client %zu was forgotten", i);
    }
    cr_assert_eq(w->refused, 0, "%s", w->error.text);
    cr_assert_eq(w->warnings, 0, "%s", w->error.text);
    return outcome;
}
