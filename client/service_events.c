/* SPDX-License-Identifier: Apache-2.0 */
#include "client/service_events.h"

#include "base/json.h"
#include "base/log.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static struct bg_json *begin(const struct bg_service_events *events, const char *name)
{
    struct bg_json *object = events->json ? bg_json_object() : NULL;
    bg_json_add_string(object, "event", name);
    return object;
}

static void end(struct bg_json *object)
{
    char *line = object ? bg_json_print(object, false) : NULL;
    if (line) {
        puts(line);
        fflush(stdout);
    }
    free(line);
    bg_json_destroy(&object);
}

static bool prints_lines(const struct bg_service_events *events)
{
    return !events->json && !events->quiet;
}

void bg_service_events_ready(struct bg_service_events *events, const struct bg_digest *client,
                             const char *population, uint64_t round)
{
    char hex[2 * BG_DIGEST_BYTES + 1];
    struct bg_json *object = begin(events, "ready");
    bg_digest_to_hex(client, hex);
    bg_json_add_string(object, "client", hex);
    bg_json_add_string(object, "population", population);
    bg_json_add_u64(object, "round", round);
    end(object);
    bg_log(BG_LOG_INFO, "ready", "client=%s population=%s round=%llu", hex, population, (unsigned long long)round);
}

void bg_service_events_renewed(struct bg_service_events *events)
{
    end(begin(events, "renewed"));
    bg_log(BG_LOG_INFO, "certificate renewed", "");
}

void bg_service_events_failed(struct bg_service_events *events, const struct bg_error *error)
{
    if (strcmp(events->last_failure, error->text) == 0)
        return;
    memcpy(events->last_failure, error->text, sizeof events->last_failure);
    struct bg_json *object = begin(events, "failed");
    bg_json_add_string(object, "status", bg_status_name(error->status));
    bg_json_add_string(object, "error", error->text);
    end(object);
    bg_log_error(BG_LOG_WARN, "failed, goes on", error);
}

void bg_service_events_network(struct bg_service_events *events, const struct bg_error *error)
{
    events->network_failed = true;
    bg_service_events_failed(events, error);
}

static void told(struct bg_service_events *events)
{
    events->last_failure[0] = '\0';
    events->network_failed = false;
}

static void tell_state(struct bg_service_events *events, const struct bg_client_notice *notice)
{
    if (notice->state != BG_SESSION_TRAINING)
        return;
    told(events);
    events->loss = 0;
    events->bytes = 0;
    struct bg_json *object = begin(events, "training");
    bg_json_add_u64(object, "round", notice->round);
    end(object);
}

static void tell_trained(struct bg_service_events *events, const struct bg_client_notice *notice)
{
    struct bg_json *object = begin(events, "trained");
    events->loss = notice->loss;
    bg_json_add_u64(object, "round", notice->round);
    bg_json_add_number(object, "loss", notice->loss);
    end(object);
}

static void tell_sent(struct bg_service_events *events, const struct bg_client_notice *notice)
{
    struct bg_json *object = begin(events, "sent");
    told(events);
    events->bytes = notice->bytes;
    bg_json_add_u64(object, "round", notice->round);
    bg_json_add_u64(object, "bytes", notice->bytes);
    end(object);
}

static void tell_receipt(struct bg_service_events *events, const struct bg_client_notice *notice)
{
    bool used = notice->kind == BG_CLIENT_NOTICE_COMMITTED;
    struct bg_json *object = begin(events, "receipt");
    told(events);
    events->receipts++;
    bg_json_add_u64(object, "round", notice->round);
    bg_json_add_bool(object, "used", used);
    end(object);
    if (!prints_lines(events))
        return;
    printf("round %llu: loss %.4f, %llu bytes, %s\n", (unsigned long long)notice->round, events->loss,
           (unsigned long long)events->bytes, used ? "used" : "not used, kept for the next");
    fflush(stdout);
}

void bg_service_events_notice(struct bg_service_events *events, const struct bg_client_notice *notice)
{
    switch (notice->kind) {
    case BG_CLIENT_NOTICE_STATE:
        tell_state(events, notice);
        return;
    case BG_CLIENT_NOTICE_TRAINED:
        tell_trained(events, notice);
        return;
    case BG_CLIENT_NOTICE_SENT:
        tell_sent(events, notice);
        return;
    case BG_CLIENT_NOTICE_COMMITTED:
    case BG_CLIENT_NOTICE_FOLDED_BACK:
        tell_receipt(events, notice);
        return;
    case BG_CLIENT_NOTICE_FAILED:
        if (notice->error->status != BG_IO || !events->network_failed)
            bg_service_events_failed(events, notice->error);
        events->network_failed = false;
        return;
    }
}
