/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What may be opened, as a pure state machine: events in, one action or a refusal out. No cryptography: requests come
 * here with their signatures checked. No allocation: tables are the caller's.
 *
 *               EPOCH           RELEASE: new            BLOCKS: good
 *   NO_EPOCH ──────────▶ READY ──────────────▶ CHALLENGED ──────────▶ OPENING
 *                        ▲ │ ▲                   │     │                │
 *               EPOCH,   │ │ │   BLOCKS: no      │     │ BLOCKS: false  │ OPENED: it is recorded, or it failed
 *               PLAN,    └─┘ │   verdict         │     ▼                │
 *               REPEAT       ├───────────────────┘   LOCKED             │
 *                            ├────────── CLEAR ────────┘                │
 *                            └──────────────────────────────────────────┘
 *
 * READY, CHALLENGED and OPENING are per group: several are in flight at once, one request each. LOCKED is the state of
 * all: nothing new begins, and what is in flight ends without an answer. Only the root can cause it: there is one root,
 * and nothing it does can be trusted any more. Of an edge's false product only the edge pays: it is barred, and the
 * group is READY again.
 *
 * A request names a group, a round and members of the group. It is opened if
 *   - it is of the epoch and of the plan in force;
 *   - none of the members was opened or rejected for that round or a later one before, in any epoch and any group;
 *   - none of them was revoked;
 *   - the members are at least k_min; all of the group in the first `full_rounds` opened rounds of the epoch; and
 *     exactly those of the group's first opening once there was one.
 * The request opened last, asked again with the same digest, is a REPEAT. No other request for that round is.
 */
#pragma once

#include "wire/groups.h"

/* Of a client that was revoked: no sum with it is opened any more. What was opened is still a REPEAT. */
#define BG_POLICY_NEVER UINT64_MAX

enum bg_policy_state {
    BG_POLICY_NO_EPOCH = 0,
    BG_POLICY_READY,
    BG_POLICY_CHALLENGED,
    BG_POLICY_OPENING,
    BG_POLICY_LOCKED,
    BG_POLICY_STATE_COUNT
};

struct bg_policy_request {
    struct bg_digest plan_id;
    uint64_t epoch;
    uint64_t round;   /* below UINT64_MAX */
    uint32_t group;
    uint64_t members; /* mask over the group's, not 0 */
    struct bg_digest digest; /* of everything that decides what is opened */
};

/* One group of the epoch. */
struct bg_policy_group {
    struct bg_group group;            /* its members stay the caller's */
    const uint32_t *clients;          /* (member_count) indices into next_rounds; the caller's */
    enum bg_policy_state state;       /* READY, CHALLENGED or OPENING */
    struct bg_policy_request request; /* in flight, unless READY */
    uint64_t release_set;             /* L; 0 until the first opening */
    uint64_t last_round;              /* opened last, and by which request, if there is a release set */
    struct bg_digest last_digest;
};

struct bg_policy_rules {
    uint32_t group_least; /* k_min */
    uint32_t full_rounds;
    uint32_t partitions;  /* epochs under this key */
};

struct bg_policy {
    struct bg_policy_rules rules;
    bool locked;    /* set it when a replayed journal says so */
    uint64_t epoch; /* 0: none */
    bool has_plan;
    struct bg_digest plan_id;
    struct bg_policy_group *groups; /* (group_count), the caller's */
    size_t group_count;
    size_t in_flight;      /* groups that are not READY */
    uint64_t *next_rounds; /* the caller's: per client the least round it may be opened for, 0 at first, or NEVER */
    uint64_t rounds;       /* opened in this epoch */
    uint64_t newest_round; /* of them */
    uint64_t full_until;   /* rounds below it open only full groups, once `rounds` has reached full_rounds */
};

enum bg_policy_event_kind {
    BG_POLICY_EPOCH = 0, /* epoch, groups, group_least: the partition that begins */
    BG_POLICY_PLAN,      /* plan_id, epoch: from now on in force */
    BG_POLICY_RELEASE,   /* request: its manifests are signed by these members and agree with it */
    BG_POLICY_BLOCKS,    /* group, status: BG_OK, BG_NO_MEMORY (no verdict), else the product is not of the blocks */
    BG_POLICY_OPENED,    /* group, status: BG_OK opened and to be recorded; BG_BAD_KNOWLEDGE a member did not know what
                            it sent: none of them may be opened for this round; else nothing came out */
    BG_POLICY_CLEAR,     /* an operator has looked */
    BG_POLICY_EVENT_COUNT
};

struct bg_policy_event {
    enum bg_policy_event_kind kind;
    uint64_t epoch;
    uint32_t group_least;
    struct bg_policy_group *groups; /* all READY and never opened; kept until the next EPOCH */
    size_t group_count;
    struct bg_digest plan_id;
    const struct bg_policy_request *request;
    uint32_t group;
    bool edge; /* BLOCKS: it was an edge that asked */
    enum bg_status status;
};

enum bg_policy_action {
    BG_POLICY_DO_NOTHING = 0,
    BG_POLICY_DO_CHALLENGE, /* multiply the members' blocks and compare; then BLOCKS */
    BG_POLICY_DO_OPEN,      /* then OPENED */
    BG_POLICY_DO_ANSWER,    /* make the record durable, then answer with the numbers */
    BG_POLICY_DO_REJECT, /* make it durable that the members are not opened for this round, refuse the request */
    BG_POLICY_DO_REPEAT,    /* answer with the numbers and the record of before; no event follows */
    BG_POLICY_DO_LOCK,      /* make the lock durable, tell the operator, refuse the request */
    BG_POLICY_DO_BAR,       /* make it durable that this edge releases nothing more, tell the operator, refuse */
};

/* No epoch, nothing locked. Keeps next_rounds, which may be moved between steps. */
void bg_policy_init(struct bg_policy *policy, const struct bg_policy_rules *rules, uint64_t *next_rounds);

/* A refusal is a status with a sentence that names the client or group: BG_REFUSED, BG_TOO_FEW, BG_WRONG_ROUND,
 * BG_STALE_PLAN, BG_UNKNOWN_CLIENT; BG_BUSY for what may be asked again; BG_INVALID for an event that the state does
 * not expect. Nothing changes then, but a BLOCKS or OPENED always ends or advances the group's request. */
BG_MUST_CHECK enum bg_status bg_policy_step(struct bg_policy *policy, const struct bg_policy_event *event,
                                            struct bg_error *error, enum bg_policy_action *ret_action);

/* For replaying a journal: an opening of the current epoch that was recorded, as it would have been left by RELEASE,
 * BLOCKS and OPENED. BG_INVALID: no such group or members. */
BG_MUST_CHECK enum bg_status bg_policy_restore(struct bg_policy *policy, const struct bg_policy_request *request,
                                               struct bg_error *error);

/* The same for a rejection. */
BG_MUST_CHECK enum bg_status bg_policy_restore_rejection(struct bg_policy *policy,
                                                         const struct bg_policy_request *request,
                                                         struct bg_error *error);

/* Of one group; LOCKED and NO_EPOCH are those of all. */
enum bg_policy_state bg_policy_state(const struct bg_policy *policy, uint32_t group);
const char *bg_policy_state_name(enum bg_policy_state state);
