/* SPDX-License-Identifier: Apache-2.0 */
/* What service.c (its life), service_population.c (roster, epochs, rounds), service_events.c (what is told) and
 * routes.c (requests) share. For no other file. */
#pragma once

#include "aggregator/enrol.h"
#include "aggregator/memory.h"
#include "aggregator/metrics.h"
#include "aggregator/roster_view.h"
#include "aggregator/service.h"
#include "base/repeats.h"
#include "net/driver.h"
#include "net/https_transport.h"
#include "protocol/membership.h"

struct bg_aggregator_service {
    const struct bg_aggregator_service_settings *settings;
    const struct bg_aggregator_config *config;
    struct bg_population population;
    struct bg_membership membership;
    struct bg_loop *loop;
    struct bg_https_client *https;
    struct bg_https_transport *key_holder;
    struct bg_driver *driver;
    struct bg_driver_port port; /* of the root's questions to the key holder */
    struct bg_memory *memory;
    struct bg_root *root;
    struct bg_http_server *server;
    struct bg_https_service *requests;
    char url[BG_OPTION_TEXT_BYTES]; /* where clients reach it */
    bool untold;                    /* the key holder did not answer when it was to be told the url */
    struct bg_root_renewal renewal; /* that tells it, under way; json NULL: none is */
    struct bg_loop_timer *certificate_timer;

    bool resumed;   /* the root is where the last one was */
    bool stopping;
    bool renewing;  /* it ends to begin again, with a fresh certificate */
    enum bg_status end; /* BG_OK: as it was told to */
    struct bg_error error;

    /* population */
    struct bg_roster_view roster;
    struct bg_loop_timer *roster_timer; /* when to ask for it again */
    uint64_t roster_asked, roster_changed; /* instants */
    bool roster_waits;         /* an answer is due */
    bool key_holder_answers;
    bool roster_news;          /* the root has not heard of it */
    bool asking;               /* for an epoch */
    uint64_t refused_version;  /* of the roster that no epoch could be made of */
    struct bg_loop_timer *consider_timer;
    uint64_t next_round_at;    /* instant */
    uint64_t learning_rounds;  /* that have ended */
    bool done;
    uint64_t receipts_told;    /* of the last round, when it is done */

    /* what is told */
    struct bg_metrics metrics;
    struct bg_repeats repeats; /* of what was refused to whom */
    uint64_t opened_at;        /* seconds since 1970 */
    uint64_t opened_ns;        /* instant */
    uint64_t kept_updates, acknowledged;
    uint64_t phases_ns[BG_PHASE_COUNT]; /* at the begin of the round */

    /* models as they are sent: the newest that was asked for */
    struct bg_http_content *model;
    struct bg_digest model_digest;
    size_t model_size;
};

/* service.c: the loop ends; nothing more is acknowledged. */
void bg_service_fail(struct bg_aggregator_service *service, const struct bg_error *error);
void bg_service_stop(struct bg_aggregator_service *service);
/* Tries again to tell the key holder where this root is reached, if it was away when that was to be done. */
void bg_service_tell_place(struct bg_aggregator_service *service);

/* service_population.c */
BG_MUST_CHECK enum bg_status bg_service_recall_roster(struct bg_aggregator_service *service, struct bg_error *error);
BG_MUST_CHECK enum bg_status bg_service_make_timers(struct bg_aggregator_service *service, struct bg_error *error);
/* From when the root has resumed. */
void bg_service_follow_roster(struct bg_aggregator_service *service);
/* The next epoch or round, if it is time. Inside of enter and leave. */
void bg_service_consider(struct bg_aggregator_service *service);
/* From the root's `observe`. */
void bg_service_population_notice(struct bg_aggregator_service *service, const struct bg_root_notice *notice);

/* service_events.c */
BG_MUST_CHECK enum bg_status bg_service_recall_rounds(struct bg_aggregator_service *service, struct bg_error *error);
void bg_service_tell_ready(struct bg_aggregator_service *service);
void bg_service_tell_roster(const struct bg_aggregator_service *service);
void bg_service_tell_update(void *service, const struct bg_kept_update *update);
/* Of the round that runs. */
void bg_service_phases(void *service, uint64_t ret_ns[static BG_PHASE_COUNT]);
void bg_service_tell_refused(struct bg_aggregator_service *service, const char *who, const struct bg_error *error);
void bg_service_tell_failed(const struct bg_aggregator_service *service, const struct bg_error *error);
void bg_service_tell_done(const struct bg_aggregator_service *service);
void bg_service_tell(struct bg_aggregator_service *service, const struct bg_root_notice *notice);
void bg_service_warn(void *service, const struct bg_error *error);

/* routes.c: every request to the server, on the loop's thread. */
void bg_service_serve_http(void *service, struct bg_http_exchange *exchange);
/* What the frames' routes end in: a bg_serve_function. */
void bg_service_serve(void *service, const struct bg_request *request, struct bg_call *call);
/* Whom it turned away, and why. */
void bg_service_refused(void *service, const struct bg_peer *peer, const struct bg_error *error);
/* What the server refused by itself. From any thread. */
void bg_service_observe_http(void *service, const struct bg_http_notice *notice);
