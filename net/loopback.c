/* SPDX-License-Identifier: Apache-2.0 */
#include "net/loopback.h"

#include "base/checked.h"

#include <stdlib.h>
#include <string.h>

#define SHARED_LEAST_BYTES 4096 /* below, comparing costs more than it saves */
#define SHARED_MOST 8           /* of the latest that are compared */

/* The bytes of a reply, with the calls that they are on their way to. */
struct bg_loopback_reply {
    struct bg_loopback_reply *older, *newer;
    size_t calls;
    size_t size;
    uint8_t bytes[];
};

/* Gone when it has been answered and nobody holds its body any more. */
struct loopback_call {
    struct bg_call call; /* first: what the server answers */
    struct bg_held_bytes held;
    struct bg_loopback *loopback;
    struct bg_request request; /* its body is this block's tail */
    bg_reply_function *on_reply;
    void *context;
    enum bg_status status;
    struct bg_loopback_reply *reply; /* NULL: an empty one */
    uint8_t body[];
};

static struct bg_loopback_reply *find_reply(const struct bg_loopback *loopback, struct bg_span bytes)
{
    struct bg_loopback_reply *reply = loopback->replies;
    for (size_t i = 0; reply && i < SHARED_MOST && bytes.size >= SHARED_LEAST_BYTES; i++, reply = reply->older)
        if (reply->size == bytes.size && memcmp(reply->bytes, bytes.data, bytes.size) == 0)
            return reply;
    return NULL;
}

/* A reply with one call more; NULL: out of memory. */
static struct bg_loopback_reply *hold_reply(struct bg_loopback *loopback, struct bg_span bytes)
{
    size_t size;
    struct bg_loopback_reply *reply = find_reply(loopback, bytes);
    if (reply) {
        reply->calls++;
        return reply;
    }
    reply = bg_size_add(sizeof *reply, bytes.size, &size) ? malloc(size) : NULL;
    if (!reply)
        return NULL;
    *reply = (struct bg_loopback_reply){.calls = 1, .size = bytes.size};
    memcpy(reply->bytes, bytes.data, bytes.size);
    if (bytes.size < SHARED_LEAST_BYTES)
        return reply;
    reply->older = loopback->replies;
    if (reply->older)
        reply->older->newer = reply;
    loopback->replies = reply;
    loopback->replies_kept++;
    return reply;
}

static void drop_reply(struct bg_loopback *loopback, struct bg_loopback_reply *reply)
{
    if (!reply || --reply->calls)
        return;
    if (reply->size >= SHARED_LEAST_BYTES) {
        if (reply->newer)
            reply->newer->older = reply->older;
        else
            loopback->replies = reply->older;
        if (reply->older)
            reply->older->newer = reply->newer;
        loopback->replies_kept--;
    }
    free(reply);
}

static void forget_call(struct bg_held_bytes *held)
{
    free((char *)held - offsetof(struct loopback_call, held));
}

static void deliver_reply(void *argument)
{
    struct loopback_call *call = argument;
    struct bg_span reply = {NULL, 0};
    if (call->reply && call->status == BG_OK)
        reply = (struct bg_span){call->reply->bytes, call->reply->size};
    call->on_reply(call->context, call->status, reply);
    drop_reply(call->loopback, call->reply);
    bg_held_release(&call->held);
}

static void deliver_request(void *argument)
{
    struct loopback_call *call = argument;
    call->loopback->serve(call->loopback->server, &call->request, &call->call);
}

static void answer(struct bg_call *answered, enum bg_status status, struct bg_span reply)
{
    struct loopback_call *call = (struct loopback_call *)answered;
    struct bg_loopback *loopback = call->loopback;
    call->status = status;
    if (status == BG_OK && reply.size) {
        call->reply = hold_reply(loopback, reply);
        if (!call->reply)
            call->status = BG_NO_MEMORY;
    }
    size_t size = call->reply ? call->reply->size : 0;
    loopback->bytes_down += size;
    uint64_t delay_ns = loopback->delay(loopback->owner, &call->request, size, 0);
    if (delay_ns == UINT64_MAX) {
        call->status = BG_IO;
        delay_ns = loopback->timeout_ns;
    }
    /* An owner that cannot even post has run out of memory: an answer on the spot is all that is left. */
    if (loopback->post(loopback->owner, delay_ns, deliver_reply, call) != BG_OK)
        deliver_reply(call);
}

static enum bg_status loopback_send(struct bg_transport *transport, const struct bg_request *request,
                                    bg_reply_function *on_reply, void *context)
{
    struct bg_loopback *loopback = (struct bg_loopback *)transport;
    size_t size;
    struct loopback_call *call = bg_size_add(sizeof *call, request->body.size, &size) ? malloc(size) : NULL;
    if (!call)
        return BG_NO_MEMORY;
    *call = (struct loopback_call){.call = {answer},
                                   .held = {.holders = 1, .finish = forget_call},
                                   .loopback = loopback,
                                   .request = *request,
                                   .on_reply = on_reply,
                                   .context = context};
    call->request.body.data = call->body;
    call->request.held = &call->held;
    if (request->body.size)
        memcpy(call->body, request->body.data, request->body.size);
    loopback->calls++;
    loopback->bytes_up += request->body.size;
    uint64_t delay_ns = loopback->delay(loopback->owner, request, request->body.size, 1);
    bool lost = delay_ns == UINT64_MAX;
    if (lost)
        call->status = BG_IO;
    enum bg_status status = loopback->post(loopback->owner, lost ? loopback->timeout_ns : delay_ns,
                                           lost ? deliver_reply : deliver_request, call);
    if (status != BG_OK)
        free(call);
    return status;
}

static const struct bg_transport_ops loopback_ops = {.send = loopback_send};

void bg_loopback_init(struct bg_loopback *loopback, bg_serve_function *serve, void *server,
                      uint64_t (*delay)(void *owner, const struct bg_request *request, size_t bytes, int upward),
                      enum bg_status (*post)(void *owner, uint64_t delay_ns, void (*run)(void *argument),
                                             void *argument),
                      void *owner, uint64_t timeout_ns)
{
    *loopback = (struct bg_loopback){.transport = {.ops = &loopback_ops},
                                     .serve = serve,
                                     .server = server,
                                     .delay = delay,
                                     .post = post,
                                     .owner = owner,
                                     .timeout_ns = timeout_ns};
}
