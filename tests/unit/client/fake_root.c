/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/client/fake_root.h"

#include "crypto/digest.h"

#include <criterion/criterion.h>
#include <stdlib.h>
#include <string.h>

#define LONGEST_NS (1000 * (uint64_t)PATIENCE_NS)

static struct fake_root *of_transport(struct bg_transport *transport)
{
    return (struct fake_root *)((char *)transport - offsetof(struct fake_root, transport));
}

/* A request of one life of the client. */
struct asked {
    struct fake_root *root;
    unsigned life;
    bg_reply_function *on_reply;
    void *context;
};

static void on_reply(void *context, enum bg_status status, struct bg_span reply)
{
    struct asked asked = *(struct asked *)context;
    free(context);
    if (asked.life == asked.root->life)
        asked.on_reply(asked.context, status, reply);
}

static enum bg_status send(struct bg_transport *transport, const struct bg_request *request,
                           bg_reply_function *function, void *context)
{
    struct fake_root *root = of_transport(transport);
    if (root->sends_that_fail) {
        root->sends_that_fail--;
        return BG_NO_MEMORY;
    }
    root->route = request->route;
    struct asked *asked = malloc(sizeof *asked);
    *asked = (struct asked){root, root->life, function, context};
    enum bg_status status = bg_transport_send(&root->loopback.transport, request, on_reply, asked);
    if (status != BG_OK)
        free(asked);
    return status;
}

static const struct bg_transport_ops ops = {.send = send};

static bool take(unsigned *times)
{
    if (*times == 0)
        return false;
    --*times;
    return true;
}

static uint64_t delay(void *owner, const struct bg_request *request, size_t bytes, int upward)
{
    struct fake_root *root = owner;
    (void)bytes;
    cr_assert(bg_digest_equal(&request->peer, bg_identity_digest(root->stage.population.clients[0])));
    return take(upward ? &root->lose_requests[root->route] : &root->lose_replies[root->route]) ? UINT64_MAX : DELAY_NS;
}

static enum bg_status post(void *owner, uint64_t delay_ns, void (*run)(void *argument), void *argument)
{
    struct fake_root *root = owner;
    cr_assert_lt(root->event_count, MOST_EVENTS);
    root->events[root->event_count++] = (struct fake_event){root->now + delay_ns, root->sequence++, run, argument};
    return BG_OK;
}

/* Two updates of a round with other bytes would be two messages under the same votes. */
static void keep_update(struct fake_root *root, struct bg_span update)
{
    bg_writer_finish(&root->update);
    bg_write_bytes(&root->update, update.data, update.size);
    cr_assert_eq(update.size, bg_shape_update_bytes(&root->stage.shape));
    if (root->first_round != root->stage.task.round) {
        bg_writer_finish(&root->first);
        bg_write_bytes(&root->first, update.data, update.size);
        root->first_round = root->stage.task.round;
    }
    cr_assert(bg_span_equal(bg_writer_span(&root->first), update));
}

static struct bg_span span_of_round(const struct fake_root *root, uint8_t bytes[static 8])
{
    for (size_t i = 0; i < 8; i++)
        bytes[i] = (uint8_t)(root->stage.task.round >> (8 * i));
    return (struct bg_span){bytes, 8};
}

void fake_root_serve(void *context, const struct bg_request *request, struct bg_call *call)
{
    struct fake_root *root = context;
    struct bg_span nothing = {NULL, 0}, reply = nothing;
    uint8_t round[8];
    enum bg_status status = BG_OK;
    root->asked[request->route]++;
    root->route = request->route;
    if (take(&root->refusals[request->route])) {
        bg_call_answer(call, root->refusal, nothing);
        return;
    }
    switch (request->route) {
    case BG_ROUTE_TASK:
        status = root->serves_task ? BG_OK : BG_NOT_FOUND;
        reply = bg_writer_span(&root->task);
        break;
    case BG_ROUTE_PLAN:
        reply = bg_writer_span(&root->stage.population.plan_frame);
        break;
    case BG_ROUTE_GROUPS:
        reply = bg_writer_span(&root->stage.population.groups_frame);
        break;
    case BG_ROUTE_MODEL:
        cr_assert(bg_span_equal(request->body, (struct bg_span){root->stage.task.model.bytes, BG_DIGEST_BYTES}));
        reply = bg_writer_span(&root->stage.model_file);
        break;
    case BG_ROUTE_UPDATE:
        keep_update(root, request->body);
        reply = root->pace;
        break;
    case BG_ROUTE_RECEIPT:
        cr_assert(bg_span_equal(request->body, span_of_round(root, round)));
        status = root->serves_receipt ? BG_OK : BG_BUSY;
        reply = bg_writer_span(&root->receipt);
        break;
    default:
        cr_assert_fail("a client asked for %s", bg_route_name(request->route));
    }
    if (status != BG_OK && root->pace.size) {
        status = BG_OK;
        reply = root->pace;
    }
    bg_call_answer(call, status, status == BG_OK ? reply : nothing);
}

static void observe(void *context, const struct bg_client_notice *notice)
{
    struct fake_root *root = context;
    root->notices[notice->kind]++;
    root->last_state = notice->state;
    if (notice->kind == BG_CLIENT_NOTICE_TRAINED)
        root->loss = notice->loss;
    if (notice->kind == BG_CLIENT_NOTICE_FAILED)
        root->last_error = *notice->error;
}

static enum bg_status no_key(struct bg_key_ring *ring, const struct bg_key_part *part, struct bg_error *error,
                             struct bg_client_key *ret_key)
{
    (void)ring;
    (void)part;
    (void)ret_key;
    return bg_fail(error, BG_BAD_KEY, "no key today");
}

void fake_root_init(struct fake_root *root, const struct population_terms *terms)
{
    *root = (struct fake_root){.transport = {&ops}, .broken_ring = {no_key}};
    stage_init(&root->stage, terms);
    stage_ring_init(&root->ring, &root->stage);
    bg_loopback_init(&root->loopback, fake_root_serve, root, delay, post, root, TIMEOUT_NS);
    struct population *p = &root->stage.population;
    struct bg_trust trust = stage_trust(&root->stage);
    root->settings = (struct bg_client_settings){.population = p->name,
                                                 .identity = p->clients[0],
                                                 .transport = &root->transport,
                                                 .keys = &root->ring.ring,
                                                 .random = p->random,
                                                 .examples = root->stage.examples,
                                                 .seed = 7,
                                                 .tie_secret = {5},
                                                 .poll_ns = POLL_NS,
                                                 .patience_ns = PATIENCE_NS,
                                                 .longest_wait_ns = LONGEST_WAIT_NS,
                                                 .may_move = true,
                                                 .fills_pool = true,
                                                 .observe = observe,
                                                 .observe_context = root};
    memcpy(root->settings.key_holder, trust.key_holder, sizeof trust.key_holder);
    memcpy(root->settings.root, trust.root, sizeof trust.root);
    cr_assert_eq(bg_client_create(&root->settings, root->now, &root->client), BG_OK);
}

static void start_from_folder(struct fake_root *root)
{
    struct bg_device_state state;
    struct bg_error error = {0};
    struct bg_spooled update = {.held = NULL};
    struct bg_trust trust = stage_trust(&root->stage);
    cr_assert_eq(bg_device_folder_open(root->folder, true, &error, &root->device), BG_OK, "%s", error.text);
    cr_assert_eq(bg_device_folder_load(&root->device, bg_identity_digest(root->settings.identity), &trust,
                                       &root->settings.random, &error, &state),
                 BG_OK, "%s", error.text);
    memcpy(state.tie_secret, root->settings.tie_secret, sizeof state.tie_secret); /* the same in every run */
    enum bg_status mapped = state.out ? bg_device_folder_map(&root->device, &error, &update) : BG_OK;
    cr_assert(mapped == BG_OK || mapped == BG_NOT_FOUND, "%s", error.text);
    root->settings.memory = &root->device.memory;
    cr_assert_eq(bg_client_create(&root->settings, root->now, &root->client), BG_OK);
    bg_client_resume(root->client, &state, update);
}

void fake_root_remember(struct fake_root *root, const char *folder)
{
    bg_client_destroy(&root->client);
    root->folder = folder;
    start_from_folder(root);
}

void fake_root_restart(struct fake_root *root)
{
    root->life++;
    bg_client_destroy(&root->client);
    bg_device_folder_close(&root->device);
    start_from_folder(root);
}

static bool stops(struct fake_root *root)
{
    if (++root->steps != root->stop_at)
        return false;
    fake_root_restart(root);
    return true;
}

void fake_root_finish(struct fake_root *root)
{
    while (root->event_count) /* a client is destroyed when nothing is on its way */
        fake_root_run(root, root->now + TIMEOUT_NS);
    bg_client_destroy(&root->client);
    if (root->folder)
        bg_device_folder_close(&root->device);
    bg_writer_finish(&root->first);
    bg_writer_finish(&root->task);
    bg_writer_finish(&root->receipt);
    bg_writer_finish(&root->update);
    stage_ring_finish(&root->ring);
    stage_finish(&root->stage);
}

void fake_root_open(struct fake_root *root)
{
    bg_writer_finish(&root->task);
    root->task = task_frame(&root->stage.population, &root->stage.task);
    root->serves_task = true;
    root->serves_receipt = false;
}

void fake_root_end(struct fake_root *root, const struct bg_receipt *receipt)
{
    struct bg_receipt abandoned = {.round = root->stage.task.round,
                                   .attempt = root->stage.task.attempt,
                                   .outcome = BG_ROUND_ABANDONED,
                                   .reason = (uint16_t)-BG_TOO_FEW};
    bg_writer_finish(&root->receipt);
    root->receipt = receipt_frame(&root->stage.population, receipt ? receipt : &abandoned);
    bg_sha256(bg_writer_span(&root->receipt), &root->stage.task.receipt);
    root->serves_task = false;
    root->serves_receipt = true;
}

static struct fake_event *first_event(struct fake_root *root)
{
    struct fake_event *first = NULL;
    for (size_t i = 0; i < root->event_count; i++) {
        struct fake_event *event = &root->events[i];
        if (!first || event->at < first->at || (event->at == first->at && event->sequence < first->sequence))
            first = event;
    }
    return first;
}

static void run_job(struct fake_root *root, struct bg_job *job)
{
    struct bg_mask_pool *pool = root->ring.pool;
    size_t before = job->idle ? bg_mask_pool_stats(pool).level : 0;
    job->run(job);
    if (!job->idle)
        return;
    root->idle_jobs++;
    if (bg_client_state(root->client) == BG_SESSION_BUILDING)
        root->masks_while_building += bg_mask_pool_stats(pool).level - before;
}

static void run_work(struct fake_root *root)
{
    struct bg_work *work;
    while ((work = bg_client_work(root->client)) && !stops(root)) {
        run_job(root, &work->job);
        if (stops(root))
            return;
        bg_client_tick(root->client, root->now);
        work->job.done(&work->job);
    }
}

/* Does what is due first, unless that is after `until`. */
static bool run_once(struct fake_root *root, uint64_t until)
{
    struct fake_event *event = first_event(root);
    uint64_t wake = bg_client_next_wake(root->client);
    uint64_t at = event && event->at <= wake ? event->at : wake;
    if (at > until)
        return false;
    root->now = at > root->now ? at : root->now;
    bg_client_tick(root->client, root->now);
    if (event && event->at == at) {
        struct fake_event due = *event;
        *event = root->events[--root->event_count];
        due.run(due.argument);
    }
    if (!stops(root))
        run_work(root);
    return true;
}

void fake_root_run(struct fake_root *root, uint64_t until)
{
    while (run_once(root, until))
        ;
    root->now = until;
}

void fake_root_run_to(struct fake_root *root, enum bg_session_state state)
{
    uint64_t limit = root->now + LONGEST_NS;
    while (bg_client_state(root->client) != state ||
           (root->folder && state == BG_SESSION_IDLE && bg_client_next_wake(root->client) == UINT64_MAX))
        cr_assert(run_once(root, limit), "waits in %s", bg_session_state_name(bg_client_state(root->client)));
}
