/* SPDX-License-Identifier: Apache-2.0 */
/* Edges of a simulation: their links, their faults, and where clients turn when one does not answer. */
#include "simulator/federation_state.h"

#include <stdlib.h>
#include <string.h>

#define FRESH_NS (BG_POLL_NS / 4)

/* ---- links ---- */

static uint64_t tree_delay(const struct bg_federation *f, size_t bytes)
{
    const struct bg_simulator_config *c = f->config;
    return (uint64_t)(1e6 * c->tree_latency_ms + 8e3 / c->tree_mbit * (double)(bytes + BG_LINK_OVERHEAD_BYTES));
}

static bool is_down(const struct tree_edge *edge)
{
    return bg_world_now(edge->federation->world) < edge->down_until;
}

static void count_traffic(struct bg_federation *f, size_t level, const struct bg_request *request, size_t bytes,
                          int upward, uint64_t delay_ns)
{
    struct bg_level_traffic *traffic = &f->result.levels[level];
    uint64_t at = bg_world_now(f->world) - f->round_begin;
    bool contribution = request->route == BG_ROUTE_UPDATE || request->route == BG_ROUTE_REPORT;
    *(upward ? &traffic->bytes_up : &traffic->bytes_down) += bytes;
    if (!upward || !contribution)
        return;
    if (!traffic->contributions++)
        traffic->begin_ns = at;
    if (at + delay_ns > traffic->end_ns)
        traffic->end_ns = at + delay_ns;
}

uint64_t bg_federation_client_delay(struct bg_federation *f, size_t level, const struct bg_request *request,
                                    size_t bytes, int upward)
{
    uint32_t place;
    uint64_t delay_ns = bg_link_delay(&f->link, bytes, upward);
    bool absent = bg_digest_table_find(&f->places, &request->peer, &place) && f->members[place].absent;
    if (absent || delay_ns == UINT64_MAX)
        return UINT64_MAX;
    bg_federation_mark_message(f, request, bytes, upward, delay_ns);
    count_traffic(f, level, request, bytes, upward, delay_ns);
    return delay_ns;
}

static uint64_t client_to_edge(void *owner, const struct bg_request *request, size_t bytes, int upward)
{
    struct tree_edge *edge = owner;
    if (is_down(edge))
        return UINT64_MAX;
    return bg_federation_client_delay(edge->federation, edge->level + 1, request, bytes, upward);
}

static uint64_t edge_to_parent(void *owner, const struct bg_request *request, size_t bytes, int upward)
{
    struct tree_edge *edge = owner;
    struct bg_federation *f = edge->federation;
    if (is_down(edge) || (edge->parent && is_down(edge->parent)))
        return UINT64_MAX;
    uint64_t delay_ns = tree_delay(f, bytes);
    count_traffic(f, edge->level, request, bytes, upward, delay_ns);
    return delay_ns;
}

static uint64_t edge_to_keyholder(void *owner, const struct bg_request *request, size_t bytes, int upward)
{
    struct tree_edge *edge = owner;
    (void)request;
    (void)upward;
    return is_down(edge) ? UINT64_MAX : tree_delay(edge->federation, bytes);
}

static enum bg_status post(void *owner, uint64_t delay_ns, void (*run)(void *argument), void *argument)
{
    struct tree_edge *edge = owner;
    return bg_world_post(edge->federation->world, delay_ns, run, argument);
}

/* ---- an edge as an actor ---- */

static void tick(void *role, uint64_t now)
{
    bg_edge_tick(role, now);
}

static uint64_t next_wake(const void *role)
{
    return bg_edge_next_wake(role);
}

static struct bg_work *work(void *role)
{
    return bg_edge_work(role);
}

static void serve(void *server, const struct bg_request *request, struct bg_call *call)
{
    struct tree_edge *edge = server;
    bg_actor_enter(&edge->actor);
    bg_edge_serve(edge->edge, request, call);
    bg_actor_leave(&edge->actor);
}

static void serve_parent(void *server, const struct bg_request *request, struct bg_call *call)
{
    struct tree_edge *edge = server;
    if (edge->parent)
        serve(edge->parent, request, call);
    else
        bg_federation_serve_root(edge->federation, request, call);
}

static void serve_keyholder(void *server, const struct bg_request *request, struct bg_call *call)
{
    struct tree_edge *edge = server;
    bg_federation_serve_keyholder(edge->federation, request, call);
}

static void observe(void *context, const struct bg_edge_notice *notice)
{
    struct bg_federation *f = context;
    bg_federation_warn(f, "edge", notice->round, notice->error);
}

static enum bg_status make_edge(struct bg_federation *f, const struct bg_population *population, size_t i,
                                struct bg_error *error)
{
    static const struct bg_actor_ops ops = {tick, next_wake, work, bg_federation_work_cost, NULL};
    const struct bg_simulator_config *c = f->config;
    struct tree_edge *edge = &f->edges[i];
    bg_loopback_init(&edge->from_clients, serve, edge, client_to_edge, post, edge, BG_PATIENCE_NS);
    bg_loopback_init(&edge->to_parent, serve_parent, edge, edge_to_parent, post, edge, BG_PATIENCE_NS);
    bg_loopback_init(&edge->to_keyholder, serve_keyholder, edge, edge_to_keyholder, post, edge, BG_PATIENCE_NS);
    bg_actor_init(&edge->actor, f->world, &ops, (void *)c, &edge->to_parent.transport);
    bg_actor_port_init(&edge->keyholder_port, &edge->actor, &edge->to_keyholder.transport);
    struct bg_edge_settings settings = {
        .trust = {.population = *population},
        .identity = edge->identity,
        .parent = &edge->actor.port.transport,
        .key_holder = &edge->keyholder_port.transport,
        .children = f->edge_ids,
        .child_count = f->tree.edges,
        .seed = c->seed,
        .allow_insecure_key = f->settings.insecure_test_key,
        .full_rounds = (uint32_t)c->full_rounds,
        .allowance_ns = (uint64_t)(1e9 * c->tree_allowance_seconds * (double)(edge->level + 1)),
        .retry_ns = BG_SECOND,
        .poll_ns = BG_POLL_NS,
        .fresh_ns = FRESH_NS,
        .observe = observe,
        .observe_context = f,
    };
    memcpy(settings.trust.key_holder, bg_identity_point(f->keyholder_identity), BG_PUBLIC_POINT_BYTES);
    memcpy(settings.trust.root, bg_identity_point(f->root_identity), BG_PUBLIC_POINT_BYTES);
    enum bg_status status = bg_edge_create(&settings, 0, error, &edge->edge);
    edge->actor.role = edge->edge;
    return status;
}

enum bg_status bg_federation_plan_tree(struct bg_federation *f, struct bg_error *error)
{
    const struct bg_simulator_config *c = f->config;
    enum bg_status status = bg_tree_parse(c->tree_edges, error, &f->tree);
    if (status != BG_OK)
        return status;
    f->homes = calloc(c->cells, sizeof *f->homes);
    f->edges = calloc(f->tree.edges + 1, sizeof *f->edges);
    f->edge_ids = calloc(f->tree.edges + 1, sizeof *f->edge_ids);
    f->edge_points = calloc(f->tree.edges + 1, BG_PUBLIC_POINT_BYTES);
    if (!f->homes || !f->edges || !f->edge_ids || !f->edge_points ||
        bg_tree_deal(&f->tree, c->cells, c->tree_assignment_seed, f->homes) != BG_OK)
        return bg_fail(error, BG_NO_MEMORY, "tree: out of memory for %zu edges", f->tree.edges);
    for (size_t i = 0; i < f->tree.edges; i++) {
        struct tree_edge *edge = &f->edges[i];
        size_t parent = bg_tree_parent(&f->tree, i);
        struct seeded seeded;
        struct bg_random random = bg_federation_random(&seeded, c->seed, "edge", i);
        edge->federation = f;
        edge->level = bg_tree_level(&f->tree, i);
        edge->parent = parent == BG_TREE_ROOT ? NULL : &f->edges[parent];
        status = bg_identity_create(&random, &edge->identity);
        if (status != BG_OK)
            return bg_fail(error, status, "edge %zu: no identity", i);
        f->edge_ids[i] = *bg_identity_digest(edge->identity);
        memcpy(f->edge_points + i * BG_PUBLIC_POINT_BYTES, bg_identity_point(edge->identity), BG_PUBLIC_POINT_BYTES);
    }
    return BG_OK;
}

enum bg_status bg_federation_make_edges(struct bg_federation *f, const struct bg_population *population,
                                        struct bg_error *error)
{
    enum bg_status status = BG_OK;
    for (size_t i = 0; status == BG_OK && i < f->tree.edges; i++)
        status = make_edge(f, population, i, error);
    for (size_t i = 0; status == BG_OK && i < f->tree.edges; i++)
        bg_actor_leave(&f->edges[i].actor);
    return status;
}

enum bg_status bg_federation_enrol_at_edges(struct bg_federation *f, const struct bg_roster_entry *entry,
                                            struct bg_error *error)
{
    enum bg_status status = BG_OK;
    for (size_t i = 0; status == BG_OK && i < f->tree.edges; i++)
        status = bg_edge_enrol(f->edges[i].edge, entry, error);
    return status;
}

void bg_federation_tree_finish(struct bg_federation *f)
{
    for (size_t i = 0; f->edges && i < f->tree.edges; i++) {
        bg_edge_destroy(&f->edges[i].edge);
        bg_identity_destroy(&f->edges[i].identity);
    }
    free(f->edges);
    free(f->edge_ids);
    free(f->edge_points);
    free(f->homes);
}

/* ---- who serves a client, and what goes wrong ---- */

static void turn_to(struct member *member, size_t edge)
{
    struct bg_federation *f = member->federation;
    struct bg_loopback *way = edge == BG_TREE_ROOT ? &f->to_root : &f->edges[edge].from_clients;
    struct bg_transport *outward = &way->transport;
    if (member->actor.port.outward == outward)
        return;
    member->actor.port.outward = outward;
    bg_client_moved(member->client);
}

void bg_federation_go_home(struct member *member)
{
    member->failures = member->moves = 0;
    turn_to(member, member->home);
}

void bg_federation_client_answered(struct bg_actor *actor, enum bg_status status)
{
    struct member *member = actor->owner;
    struct bg_federation *f = member->federation;
    member->failures = status == BG_IO ? member->failures + 1 : 0;
    if (member->absent || !f->config->rehome || member->failures < f->config->rehome)
        return;
    member->failures = 0;
    f->result.moves++;
    turn_to(member, bg_tree_turn(&f->tree, member->home, ++member->moves));
}

void bg_federation_draw_edge_faults(struct bg_federation *f, uint64_t round)
{
    const struct bg_simulator_config *c = f->config;
    uint64_t now = bg_world_now(f->world);
    for (size_t i = 0; i < f->tree.edges; i++) {
        struct bg_prng prng;
        bg_prng_init_stream(&prng, c->seed ^ round << 32, "edge faults", i);
        bool down = bg_prng_uniform(&prng) < c->edge_down;
        bool returns = bg_prng_uniform(&prng) < c->edge_return;
        double after = 0.5 * bg_prng_uniform(&prng) * c->deadline_seconds;
        f->edges[i].down_until = !down ? 0 : returns ? now + (uint64_t)(1e9 * after) : UINT64_MAX;
        f->result.edges_down += down;
    }
}

void bg_federation_rest_edges(struct bg_federation *f)
{
    for (size_t i = 0; f->edges && i < f->tree.edges; i++) {
        f->edges[i].down_until = 0;
        if (f->edges[i].edge)
            bg_edge_rest(f->edges[i].edge);
    }
}
