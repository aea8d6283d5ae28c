/* SPDX-License-Identifier: Apache-2.0 */
#include "simulator/actor.h"

#include <stdlib.h>

/* A reply on its way back, with whom it is for. */
struct passage {
    struct bg_actor *actor;
    bg_reply_function *on_reply;
    void *context;
};

static void pass_reply(void *context, enum bg_status status, struct bg_span reply)
{
    struct passage passage = *(struct passage *)context;
    free(context);
    bg_actor_enter(passage.actor);
    passage.on_reply(passage.context, status, reply);
    if (passage.actor->ops->answered)
        passage.actor->ops->answered(passage.actor, status);
    bg_actor_leave(passage.actor);
}

static enum bg_status actor_send(struct bg_transport *transport, const struct bg_request *request,
                                 bg_reply_function *on_reply, void *context)
{
    struct bg_actor_port *port = (struct bg_actor_port *)transport;
    struct passage *passage = malloc(sizeof *passage);
    if (!passage)
        return BG_NO_MEMORY;
    *passage = (struct passage){.actor = port->actor, .on_reply = on_reply, .context = context};
    enum bg_status status = bg_transport_send(port->outward, request, pass_reply, passage);
    if (status != BG_OK)
        free(passage);
    return status;
}

void bg_actor_port_init(struct bg_actor_port *port, struct bg_actor *actor, struct bg_transport *outward)
{
    static const struct bg_transport_ops ops = {.send = actor_send};
    *port = (struct bg_actor_port){.transport = {.ops = &ops}, .actor = actor, .outward = outward};
}

void bg_actor_init(struct bg_actor *actor, struct bg_world *world, const struct bg_actor_ops *ops, void *context,
                   struct bg_transport *outward)
{
    *actor = (struct bg_actor){
        .world = world, .ops = ops, .context = context, .slowness = 1, .posted = UINT64_MAX};
    bg_actor_port_init(&actor->port, actor, outward);
}

void bg_actor_enter(struct bg_actor *actor)
{
    actor->ops->tick(actor->role, bg_world_now(actor->world));
}

static void work_done(void *context, struct bg_work *work)
{
    struct bg_actor *actor = context;
    bg_actor_enter(actor);
    work->job.done(&work->job);
    bg_actor_leave(actor);
}

static void wake(void *argument)
{
    struct bg_actor *actor = argument;
    if (actor->posted <= bg_world_now(actor->world))
        actor->posted = UINT64_MAX;
    if (actor->stopped)
        return;
    bg_actor_enter(actor);
    bg_actor_leave(actor);
}

void bg_actor_leave(struct bg_actor *actor)
{
    uint64_t now = bg_world_now(actor->world);
    struct bg_work *work;
    while ((work = actor->ops->work(actor->role))) {
        if (actor->stopped && work->job.idle)
            continue; /* there is no end to what could be done ahead */
        double cost = actor->slowness * (double)actor->ops->cost_ns(actor, work);
        uint64_t duration = cost < 1e18 ? (uint64_t)cost : (uint64_t)1e18;
        /* Without memory for an event the work is done on the spot: late is better than never. */
        if (bg_world_submit(actor->world, work, duration, work_done, actor) != BG_OK) {
            work->job.run(&work->job);
            work->job.done(&work->job);
        }
    }
    uint64_t at = actor->ops->next_wake(actor->role);
    if (at == UINT64_MAX || at >= actor->posted || actor->stopped)
        return;
    if (bg_world_post(actor->world, at > now ? at - now : 0, wake, actor) == BG_OK)
        actor->posted = at;
}
