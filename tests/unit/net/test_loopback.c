/* SPDX-License-Identifier: Apache-2.0 */
#include "net/loopback.h"

#include "tests/unit/no_leaks.h"

#include <criterion/criterion.h>
#include <string.h>

#define EVENTS 8
#define TIMEOUT 1000

struct event {
    uint64_t at;
    void (*run)(void *argument);
    void *argument;
};

struct fixture {
    struct bg_loopback loopback;
    struct event events[EVENTS];
    size_t event_count;
    uint64_t now;
    uint64_t delays[2]; /* downward, upward */
    size_t posts_allowed;

    struct bg_call *call; /* waits for its answer */
    size_t served;
    struct bg_request request;
    uint8_t body[16];

    size_t replies;
    enum bg_status status;
    uint8_t reply[16];
    size_t reply_size;
};

static uint64_t delay(void *owner, const struct bg_request *request, size_t bytes, int upward)
{
    struct fixture *f = owner;
    cr_assert_eq(request->peer.bytes[0], 7);
    uint64_t fixed = f->delays[upward];
    return fixed == UINT64_MAX ? fixed : fixed + bytes;
}

static enum bg_status post(void *owner, uint64_t delay_ns, void (*run)(void *argument), void *argument)
{
    struct fixture *f = owner;
    if (!f->posts_allowed)
        return BG_NO_MEMORY;
    f->posts_allowed--;
    f->events[f->event_count++] = (struct event){f->now + delay_ns, run, argument};
    return BG_OK;
}

static void serve(void *context, const struct bg_request *request, struct bg_call *call)
{
    struct fixture *f = context;
    f->served++;
    f->call = call;
    f->request = *request;
    cr_assert_leq(request->body.size, sizeof f->body);
    if (request->body.size)
        memcpy(f->body, request->body.data, request->body.size);
}

static void on_reply(void *context, enum bg_status status, struct bg_span reply)
{
    struct fixture *f = context;
    f->replies++;
    f->status = status;
    f->reply_size = reply.size;
    if (reply.size)
        memcpy(f->reply, reply.data, reply.size);
}

static void begin(struct fixture *f)
{
    *f = (struct fixture){.delays = {200, 100}, .posts_allowed = EVENTS};
    bg_loopback_init(&f->loopback, serve, f, delay, post, f, TIMEOUT);
}

/* Runs the only event there is. */
static void run_event(struct fixture *f)
{
    cr_assert_eq(f->event_count, 1);
    struct event event = f->events[0];
    f->event_count = 0;
    f->now = event.at;
    event.run(event.argument);
}

static enum bg_status send(struct fixture *f, const char *text)
{
    struct bg_request request = {.route = BG_ROUTE_UPDATE,
                                 .peer = {{7}},
                                 .body = {(const uint8_t *)text, strlen(text)}};
    return bg_transport_send(&f->loopback.transport, &request, on_reply, f);
}

static void answer(struct fixture *f, enum bg_status status, const char *text)
{
    bg_call_answer(f->call, status, (struct bg_span){(const uint8_t *)text, strlen(text)});
}

Test(loopback, a_request_crosses_and_its_reply_comes_back)
{
    struct fixture f;
    begin(&f);
    char text[] = "ping";
    cr_assert_eq(send(&f, text), BG_OK);
    memset(text, 0, sizeof text); /* the body was copied */
    cr_assert_eq(f.served, 0, "never from inside");
    run_event(&f);
    cr_assert_eq(f.now, 104);
    cr_assert_eq(f.request.route, BG_ROUTE_UPDATE);
    cr_assert_arr_eq(f.body, "ping", 4);
    answer(&f, BG_OK, "answer");
    cr_assert_eq(f.replies, 0, "never from inside");
    run_event(&f);
    cr_assert_eq(f.now, 104 + 206);
    cr_assert_eq(f.replies, 1);
    cr_assert_eq(f.status, BG_OK);
    cr_assert_eq(f.reply_size, 6);
    cr_assert_arr_eq(f.reply, "answer", 6);
    cr_assert_eq(f.loopback.calls, 1);
    cr_assert_eq(f.loopback.bytes_up, 4);
    cr_assert_eq(f.loopback.bytes_down, 6);
    NO_LEAKS();
}

Test(loopback, an_answer_may_come_later)
{
    struct fixture f;
    begin(&f);
    cr_assert_eq(send(&f, "ping"), BG_OK);
    run_event(&f);
    cr_assert_eq(f.event_count, 0);
    f.now = 5000;
    answer(&f, BG_OK, "");
    run_event(&f);
    cr_assert_eq(f.now, 5200);
    cr_assert_eq(f.reply_size, 0);
    NO_LEAKS();
}

Test(loopback, a_body_that_is_held_outlives_its_call)
{
    struct fixture f;
    begin(&f);
    cr_assert_eq(send(&f, "ping"), BG_OK);
    run_event(&f);
    struct bg_held_bytes *held = bg_held_keep(f.request.held);
    answer(&f, BG_OK, "");
    run_event(&f);
    cr_assert_eq(f.replies, 1);
    cr_assert_arr_eq(f.request.body.data, "ping", 4);
    bg_held_release(held);
    NO_LEAKS();
}

/* Runs what is due first. */
static void run_first(struct fixture *f)
{
    struct event event = f->events[0];
    memmove(f->events, f->events + 1, --f->event_count * sizeof *f->events);
    f->now = event.at;
    event.run(event.argument);
}

static void see_document(void *context, enum bg_status status, struct bg_span reply)
{
    struct fixture *f = context;
    f->replies++;
    f->status = status;
    f->reply_size = reply.size;
    for (size_t i = 0; i < reply.size; i++)
        cr_assert_eq(reply.data[i], 'd');
}

Test(loopback, equal_replies_on_their_way_are_kept_once)
{
    static uint8_t document[5000];
    struct fixture f;
    struct bg_request request = {.route = BG_ROUTE_PLAN, .peer = {{7}}};
    begin(&f);
    memset(document, 'd', sizeof document);
    for (size_t i = 0; i < 4; i++)
        cr_assert_eq(bg_transport_send(&f.loopback.transport, &request, see_document, &f), BG_OK);
    for (size_t i = 0; i < 4; i++) {
        run_first(&f);
        bg_call_answer(f.call, BG_OK, (struct bg_span){document, i == 3 ? 4999 : 5000});
    }
    cr_assert_eq(f.loopback.replies_kept, 2);
    cr_assert_eq(f.loopback.bytes_down, 3 * 5000 + 4999, "each crosses its own link");
    memset(document, 'x', sizeof document); /* they were copied */
    for (size_t i = 0; i < 4; i++) {
        run_first(&f);
        cr_assert_eq(f.status, BG_OK);
        cr_assert_eq(f.reply_size, i == 3 ? 4999 : 5000);
    }
    cr_assert_eq(f.replies, 4);
    cr_assert_eq(f.loopback.replies_kept, 0);
    cr_assert_null(f.loopback.replies);
    NO_LEAKS();
}

Test(loopback, a_failure_carries_no_bytes)
{
    struct fixture f;
    begin(&f);
    cr_assert_eq(send(&f, ""), BG_OK);
    run_event(&f);
    answer(&f, BG_REFUSED, "not for you");
    run_event(&f);
    cr_assert_eq(f.status, BG_REFUSED);
    cr_assert_eq(f.reply_size, 0);
    cr_assert_eq(f.loopback.bytes_down, 0);
    NO_LEAKS();
}

Test(loopback, a_lost_request_is_answered_after_the_timeout_and_never_served)
{
    struct fixture f;
    begin(&f);
    f.delays[1] = UINT64_MAX;
    cr_assert_eq(send(&f, "ping"), BG_OK);
    run_event(&f);
    cr_assert_eq(f.now, TIMEOUT);
    cr_assert_eq(f.served, 0);
    cr_assert_eq(f.replies, 1);
    cr_assert_eq(f.status, BG_IO);
    NO_LEAKS();
}

Test(loopback, a_lost_reply_is_an_answer_without_bytes)
{
    struct fixture f;
    begin(&f);
    cr_assert_eq(send(&f, "ping"), BG_OK);
    run_event(&f);
    f.delays[0] = UINT64_MAX;
    answer(&f, BG_OK, "answer");
    run_event(&f);
    cr_assert_eq(f.now, 104 + TIMEOUT);
    cr_assert_eq(f.status, BG_IO);
    cr_assert_eq(f.reply_size, 0);
    NO_LEAKS();
}

Test(loopback, an_owner_without_memory_refuses_the_request)
{
    for (int lost = 0; lost < 2; lost++) {
        struct fixture f;
        begin(&f);
        f.posts_allowed = 0;
        f.delays[1] = lost ? UINT64_MAX : 100;
        cr_assert_eq(send(&f, "ping"), BG_NO_MEMORY);
        cr_assert_eq(f.replies, 0, "never called after an error");
    }
    NO_LEAKS();
}

Test(loopback, every_call_is_answered_even_without_memory_for_its_delay)
{
    struct fixture f;
    begin(&f);
    cr_assert_eq(send(&f, "ping"), BG_OK);
    run_event(&f);
    f.posts_allowed = 0;
    answer(&f, BG_OK, "answer");
    cr_assert_eq(f.replies, 1);
    NO_LEAKS();
}

Test(loopback, routes_have_names)
{
    for (int route = BG_ROUTE_PLAN; route < BG_ROUTE_COUNT; route++)
        cr_assert_str_neq(bg_route_name(route), "?");
    cr_assert_str_eq(bg_route_name(BG_ROUTE_SIGNED_PLAN), "signed plan");
    cr_assert_str_eq(bg_route_name(0), "?");
    cr_assert_str_eq(bg_route_name(BG_ROUTE_COUNT), "?");
}
