/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A transport whose requests wait until somebody brings the answer: how a root on files reaches its key holder. What
 * waits is an errand; its body is what the file to be carried holds.
 */
#pragma once

#include "net/transport.h"

struct bg_errand {
    enum bg_route route;
    uint8_t *body;
    size_t size;
    bg_reply_function *on_reply;
    void *context;
    struct bg_errand *next;
};

struct bg_courier {
    struct bg_transport transport; /* what the root sends through */
    struct bg_errand *first;       /* in the order they were sent */
};

void bg_courier_init(struct bg_courier *courier);
/* First errand of that route; NULL if none waits. */
struct bg_errand *bg_courier_find(const struct bg_courier *courier, enum bg_route route);
/* Brings the answer; the errand is gone afterwards. */
void bg_courier_answer(struct bg_courier *courier, struct bg_errand *errand, enum bg_status status,
                       struct bg_span reply);
/* Answers whatever waits with BG_IO. */
void bg_courier_finish(struct bg_courier *courier);
