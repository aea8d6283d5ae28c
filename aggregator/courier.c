/* SPDX-License-Identifier: Apache-2.0 */
#include "aggregator/courier.h"

#include <stdlib.h>
#include <string.h>

static enum bg_status take(struct bg_transport *transport, const struct bg_request *request,
                           bg_reply_function *on_reply, void *context)
{
    struct bg_courier *courier = (struct bg_courier *)transport;
    struct bg_errand *errand = malloc(sizeof *errand);
    uint8_t *body = malloc(request->body.size ? request->body.size : 1);
    if (!errand || !body) {
        free(errand);
        free(body);
        return BG_NO_MEMORY;
    }
    if (request->body.size)
        memcpy(body, request->body.data, request->body.size);
    *errand = (struct bg_errand){request->route, body, request->body.size, on_reply, context, NULL};
    struct bg_errand **last = &courier->first;
    while (*last)
        last = &(*last)->next;
    *last = errand;
    return BG_OK;
}

void bg_courier_init(struct bg_courier *courier)
{
    static const struct bg_transport_ops ops = {.send = take};
    *courier = (struct bg_courier){.transport = {&ops}};
}

struct bg_errand *bg_courier_find(const struct bg_courier *courier, enum bg_route route)
{
    struct bg_errand *errand = courier->first;
    while (errand && errand->route != route)
        errand = errand->next;
    return errand;
}

void bg_courier_answer(struct bg_courier *courier, struct bg_errand *errand, enum bg_status status,
                       struct bg_span reply)
{
    struct bg_errand **link = &courier->first;
    while (*link != errand)
        link = &(*link)->next;
    *link = errand->next;
    errand->on_reply(errand->context, status, reply);
    free(errand->body);
    free(errand);
}

void bg_courier_finish(struct bg_courier *courier)
{
    while (courier->first)
        bg_courier_answer(courier, courier->first, BG_IO, (struct bg_span){NULL, 0});
}
