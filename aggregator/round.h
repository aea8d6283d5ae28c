/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One round after another, as a pure state machine: events and `now` in, actions out. No socket, clock, file or
 * allocation; the driver does what the actions say and reports back.
 *
 *           START              all groups complete,          every fold        every opening
 *   IDLE ──────────▶ OPEN ─────────── or DEADLINE ──▶ CLOSING ── done ──▶ RELEASING ── answered ──▶ AGGREGATING
 *    ▲                │                                 │                    │                      │      │
 *    │              CANCEL                           CANCEL           too few groups            COMBINED: │
 *    │                ▼                                 ▼                    ▼                 held, failed │
 *    └── SETTLED ── ENDING ◀────────────────────────────┴────────────────────┴──────────────────────┘      │
 *                     ▲                                                                        COMBINED: ok │
 *                     └──────────────────────── PUBLISHED ◀──────────────────────────────── PUBLISHING ◀───┘
 *
 * ENDING: the outcome is fixed, the receipt is being made durable. A group in OPEN is released as soon as it is
 * complete (eager); CLOSING waits for folds of updates that had arrived in time, and before them for those that were
 * good in time and are still being made durable: what is acknowledged in the end counts in any case, and what is found
 * durable after a restart is what counted.
 *
 * Any group may also be gathered by another aggregator, below the root. REPORTED tells what became of it there: opened,
 * then its sum is fetched instead of released; or not, then only who had arrived is kept. Until a report says that it
 * was opened, a group may still become complete here. An edge runs the same machine with a quorum of 0: it combines
 * nothing.
 *
 * A group's release set L is fixed by its first opening in an epoch: from the moment it is asked for (the key holder
 * may have opened it even if the answer is lost), and free again only if that first request is refused. Until then a
 * group is complete when all its members arrived; at the deadline one with at least k_min members may do (never in the
 * first `full_rounds` rounds). Afterwards it is complete when exactly L arrived, or it sits the round out.
 */
#pragma once

#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum bg_round_state {
    BG_ROUND_IDLE = 0,
    BG_ROUND_OPEN,
    BG_ROUND_CLOSING,
    BG_ROUND_RELEASING,
    BG_ROUND_AGGREGATING,
    BG_ROUND_PUBLISHING,
    BG_ROUND_ENDING,
    BG_ROUND_STATE_COUNT
};

enum bg_group_progress {
    BG_GROUP_NOT_INVITED = 0,
    BG_GROUP_GATHERING,  /* updates arrive and are folded */
    BG_GROUP_RELEASED,   /* the key holder has been asked */
    BG_GROUP_OPENED,     /* its sum passed every check */
    BG_GROUP_INVALID,    /* opened, but outside what honest members can produce */
    BG_GROUP_REFUSED,    /* the key holder said no */
    BG_GROUP_SAT_OUT,    /* incomplete: not opened in this round */
    BG_GROUP_PROGRESS_COUNT
};

/* One group of the epoch; kept from round to round. */
struct bg_round_group {
    uint32_t member_count;
    uint64_t release_set; /* L as a mask over members; 0 until the group is first released */
    bool opened;          /* ever in this epoch: L is final */
    uint64_t keeping;     /* members whose update is being made durable, this round */
    uint64_t arrived;     /* members whose update is durable, this round */
    uint64_t folded;      /* of those, in the product */
    uint64_t lost;        /* of those, could not be folded */
    uint64_t elsewhere;   /* members whose update is durable at another aggregator, this round */
    enum bg_group_progress progress;
};

struct bg_round_rules {
    uint32_t group_least;     /* k_min */
    uint32_t full_rounds;     /* first rounds of an epoch in which only full groups open; 3 */
    uint32_t quorum;          /* least opened groups, ≥ 1; 0 for an edge */
    uint32_t holds_allowed;   /* held rounds in a row before a round is abandoned for its margin; 3 */
};

struct bg_round {
    enum bg_round_state state;
    struct bg_round_rules rules;
    uint64_t number;          /* of the round that runs or ran last */
    uint32_t attempt;
    uint64_t epoch_rounds;    /* rounds of this epoch that reached an opening */
    uint64_t deadline;        /* instant, driver's clock */
    uint32_t holds;           /* in a row */
    bool held;                /* this round was held: nothing is published, no residual committed */
    enum bg_status outcome;   /* of the round that ended: BG_OK committed, else the reason it was abandoned */
    size_t group_count;
    struct bg_round_group *groups; /* caller's memory, (group_count) */
    size_t invited;
};

enum bg_round_event_kind {
    BG_ROUND_START = 0, /* number, attempt, deadline, invited groups */
    BG_ROUND_ARRIVED,   /* group, member: the update is durable; or status: it could not be made so */
    BG_ROUND_FOLDED,    /* group, member, status */
    BG_ROUND_TIME,      /* look at the clock */
    BG_ROUND_ANSWERED,  /* group, status: BG_OK opened; BG_OUT_OF_RANGE invalid; else refused */
    BG_ROUND_COMBINED,  /* status: BG_OK step ready; BG_MARGIN hold; else abandon */
    BG_ROUND_PUBLISHED, /* status: the new model is durable */
    BG_ROUND_SETTLED,   /* the receipt is durable */
    BG_ROUND_CANCEL,    /* status: the reason */
    BG_ROUND_REPORTED,  /* group, members whose updates another aggregator has; status: BG_OK opened there */
    BG_ROUND_KEEPING,   /* group, member: the update is good and in time, and is being made durable */
    BG_ROUND_DEADLINE,  /* deadline: another one, which may have passed */
    BG_ROUND_EVENT_COUNT
};

struct bg_round_event {
    enum bg_round_event_kind kind;
    uint32_t group;
    uint32_t member;
    uint64_t members; /* mask */
    enum bg_status status;
    uint64_t number;
    uint32_t attempt;
    uint64_t deadline;
    size_t invited_count;
    const uint32_t *invited; /* ascending; borrowed */
};

enum bg_round_action_kind {
    BG_ROUND_DO_FOLD = 0, /* group, member: multiply the update into the group's product */
    BG_ROUND_DO_RELEASE,  /* group, members: ask the key holder to open the product of exactly these */
    BG_ROUND_DO_FETCH,    /* group, members: ask the key holder for the sum of these, opened for another aggregator */
    BG_ROUND_DO_CLOSE,    /* make it durable that no more updates are admitted */
    BG_ROUND_DO_COMBINE,  /* robust aggregation over the opened groups */
    BG_ROUND_DO_PUBLISH,  /* make the new model durable and visible */
    BG_ROUND_DO_SETTLE,   /* write the receipt: outcome, reason and used groups are in the round */
    BG_ROUND_DO_WAKE,     /* send TIME at `at` */
    BG_ROUND_ACTION_COUNT
};

struct bg_round_action {
    enum bg_round_action_kind kind;
    uint32_t group;
    uint32_t member;
    uint64_t members; /* mask */
    uint64_t at;
};

/* Actions of one step. `items` is the caller's, for at least group_count + 3 of them. */
struct bg_round_actions {
    struct bg_round_action *items;
    size_t count;
};

/* Begins an epoch of `group_count` groups in `groups` (kept), none opened yet. Only in IDLE. */
void bg_round_begin_epoch(struct bg_round *round, const struct bg_round_rules *rules, struct bg_round_group *groups,
                          const uint32_t *member_counts, size_t group_count);

/* May this update be accepted? BG_WRONG_ROUND, BG_TOO_LATE (not OPEN, or past the deadline), BG_UNKNOWN_CLIENT (not
 * an invited group or member), BG_REFUSED (not in the group's release set), BG_DUPLICATE (arrived already, or is being
 * made durable: compare the manifests). Changes nothing. */
BG_MUST_CHECK enum bg_status bg_round_admit(const struct bg_round *round, uint64_t number, uint32_t attempt,
                                            uint32_t group, uint32_t member, uint64_t now);

/* BG_INVALID, and nothing changes, for an event that the state does not expect. Stray answers of an earlier group
 * state (a fold or an answer that comes after the round ended) are such events. */
BG_MUST_CHECK enum bg_status bg_round_step(struct bg_round *round, const struct bg_round_event *event, uint64_t now,
                                           struct bg_round_actions *actions);

/* Between rounds: exactly `members` of the group were opened in an earlier round of the epoch, whoever asked. */
void bg_round_recall(struct bg_round *round, uint32_t group, uint64_t members);

/* Members whose votes are in the group's opened sum; 0 unless the group is OPENED or INVALID. */
uint64_t bg_round_members(const struct bg_round *round, uint32_t group);
/* Groups in that progress. */
size_t bg_round_count(const struct bg_round *round, enum bg_group_progress progress);
/* Members of all groups that are or were invited. */
size_t bg_round_clients(const struct bg_round *round);
const char *bg_round_state_name(enum bg_round_state state);
