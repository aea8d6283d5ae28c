/* SPDX-License-Identifier: Apache-2.0 */
#include "relay.h"

#include "base/prng.h"
#include "tests/threads/require.h"

#include <arpa/inet.h>
#include <poll.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#define PAIRS 8
#define BUFFER 16384
#define SILENT_MOST 8

struct pair {
    int client, server; /* -1: free */
    uint64_t left;      /* of the client's bytes, until it is cut */
};

struct relay {
    pthread_t thread;
    int listener, wake[2];
    uint16_t to, port;
    struct relay_plan plan;
    atomic_uint done;
    struct bg_prng prng;
    int silent[SILENT_MOST]; /* ends towards the server that were left open */
    size_t silent_count;
    unsigned accepted;
    struct pair pairs[PAIRS];
};

static struct sockaddr_in address_of(uint16_t port)
{
    return (struct sockaddr_in){
        .sin_family = AF_INET, .sin_port = htons(port), .sin_addr = {.s_addr = htonl(INADDR_LOOPBACK)}};
}

/* A reset: what is on its way is lost. */
static void cut(struct pair *pair)
{
    const struct linger hard = {.l_onoff = 1, .l_linger = 0};
    int *ends[] = {&pair->client, &pair->server};
    for (int i = 0; i < 2; i++) {
        if (*ends[i] < 0)
            continue;
        setsockopt(*ends[i], SOL_SOCKET, SO_LINGER, &hard, sizeof hard);
        close(*ends[i]);
        *ends[i] = -1;
    }
}

static bool pass(int from, int to, uint64_t *left)
{
    uint8_t buffer[BUFFER];
    size_t room = left && *left < sizeof buffer ? (size_t)*left : sizeof buffer;
    ssize_t size = recv(from, buffer, room, 0);
    for (ssize_t at = 0; at < size;) {
        ssize_t sent = send(to, buffer + at, (size_t)(size - at), MSG_NOSIGNAL);
        if (sent <= 0)
            return false;
        at += sent;
    }
    if (left && size > 0)
        *left -= (uint64_t)size;
    return size > 0 && (!left || *left > 0);
}

static void accept_pair(struct relay *relay)
{
    struct sockaddr_in to = address_of(relay->to);
    int small = BUFFER;
    int client = accept(relay->listener, NULL, NULL), server = socket(AF_INET, SOCK_STREAM, 0);
    for (size_t i = 0; i < PAIRS && client >= 0; i++) {
        struct pair *pair = &relay->pairs[i];
        if (pair->client >= 0)
            continue;
        *pair = (struct pair){client, server, UINT64_MAX};
        if (relay->accepted++ < relay->plan.cuts)
            pair->left = 1 + bg_prng_below(&relay->prng, relay->plan.most);
        setsockopt(server, SOL_SOCKET, SO_SNDBUF, &small, sizeof small);
        if (connect(server, (struct sockaddr *)&to, sizeof to) != 0)
            cut(pair);
        return;
    }
    close(client);
    close(server);
}

static void pass_pair(struct relay *relay, struct pair *pair, const struct pollfd *ends)
{
    bool whole = true;
    if (ends[0].revents)
        whole = pass(pair->client, pair->server, &pair->left);
    if (whole && ends[1].revents)
        whole = pass(pair->server, pair->client, NULL);
    if (whole)
        return;
    if (pair->left == 0) {
        atomic_fetch_add(&relay->done, 1);
        if (relay->plan.silent && relay->silent_count < SILENT_MOST) {
            relay->silent[relay->silent_count++] = pair->server;
            pair->server = -1;
        }
    }
    cut(pair);
}

static void *run(void *argument)
{
    struct relay *relay = argument;
    for (;;) {
        struct pollfd ends[2 + 2 * PAIRS] = {{relay->wake[0], POLLIN, 0}, {relay->listener, POLLIN, 0}};
        for (size_t i = 0; i < PAIRS; i++) {
            ends[2 + 2 * i] = (struct pollfd){relay->pairs[i].client, POLLIN, 0};
            ends[3 + 2 * i] = (struct pollfd){relay->pairs[i].server, POLLIN, 0};
        }
        poll(ends, 2 + 2 * PAIRS, -1);
        if (ends[0].revents)
            return NULL;
        for (size_t i = 0; i < PAIRS; i++)
            if (relay->pairs[i].client >= 0)
                pass_pair(relay, &relay->pairs[i], &ends[2 + 2 * i]);
        if (ends[1].revents)
            accept_pair(relay);
    }
}

struct relay *relay_start(uint16_t port, const struct relay_plan *plan)
{
    struct relay *relay = calloc(1, sizeof *relay);
    struct sockaddr_in address = address_of(0);
    socklen_t size = sizeof address;
    int small = 8192;
    REQUIRE(relay);
    relay->to = port;
    relay->plan = *plan;
    bg_prng_init(&relay->prng, plan->seed);
    for (size_t i = 0; i < PAIRS; i++)
        relay->pairs[i] = (struct pair){-1, -1, 0};
    relay->listener = socket(AF_INET, SOCK_STREAM, 0);
    setsockopt(relay->listener, SOL_SOCKET, SO_RCVBUF, &small, sizeof small); /* what it accepts inherits that */
    REQUIRE(bind(relay->listener, (struct sockaddr *)&address, sizeof address) == 0);
    REQUIRE(listen(relay->listener, 20) == 0);
    REQUIRE(getsockname(relay->listener, (struct sockaddr *)&address, &size) == 0);
    relay->port = ntohs(address.sin_port);
    REQUIRE(pipe(relay->wake) == 0);
    REQUIRE(pthread_create(&relay->thread, NULL, run, relay) == 0);
    return relay;
}

uint16_t relay_port(const struct relay *relay)
{
    return relay->port;
}

unsigned relay_cuts(const struct relay *relay)
{
    return atomic_load(&relay->done);
}

void relay_stop(struct relay *relay)
{
    REQUIRE(write(relay->wake[1], "", 1) == 1);
    pthread_join(relay->thread, NULL);
    for (size_t i = 0; i < PAIRS; i++)
        if (relay->pairs[i].client >= 0)
            cut(&relay->pairs[i]);
    for (size_t i = 0; i < relay->silent_count; i++)
        close(relay->silent[i]);
    close(relay->listener);
    close(relay->wake[0]);
    close(relay->wake[1]);
    free(relay);
}
