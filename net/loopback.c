/* SPDX-License-Identifier: Apache-2.0 */
#include "net/loopback.h"

#include "base/checked.h"

#include <stdlib.h>
#include <string.h>

struct bg_call {
    struct bg_loopback *loopback;
    struct bg_request request; /* its body is this block's tail */
    bg_reply_function *on_reply;
    void *context;
    enum bg_status status;
    uint8_t *reply;
    size_t reply_size;
    uint8_t body[];
};

static void deliver_reply(void *argument)
{
    struct bg_call *call = argument;
    call->on_reply(call->context, call->status, (struct bg_span){call->reply, call->reply_size});
    free(call->reply);
    free(call);
}

static void deliver_request(void *argument)
{
    struct bg_call *call = argument;
    call->loopback->serve(call->loopback->server, &call->request, call);
}

void bg_call_answer(struct bg_call *call, enum bg_status status, struct bg_span reply)
{
    struct bg_loopback *loopback = call->loopback;
    call->status = status;
    if (status == BG_OK && reply.size) {
        call->reply = malloc(reply.size);
        if (!call->reply) {
            call->status = BG_NO_MEMORY;
        } else {
            memcpy(call->reply, reply.data, reply.size);
            call->reply_size = reply.size;
        }
    }
    loopback->bytes_down += call->reply_size;
    uint64_t delay_ns = loopback->delay(loopback->owner, &call->request, call->reply_size, 0);
    if (delay_ns == UINT64_MAX) {
        call->status = BG_IO;
        call->reply_size = 0;
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
    struct bg_call *call = bg_size_add(sizeof *call, request->body.size, &size) ? malloc(size) : NULL;
    if (!call)
        return BG_NO_MEMORY;
    *call = (struct bg_call){
        .loopback = loopback, .request = *request, .on_reply = on_reply, .context = context};
    call->request.body.data = call->body;
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
