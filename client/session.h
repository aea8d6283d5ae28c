/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a client does next, as a pure state machine: events and `now` in, one action out. It never does anything
 * itself; client/client.h carries the actions out.
 *
 *   IDLE ─WAKE▶ ASKING ─TASK▶ PREPARING ─PREPARED▶ TRAINING ─TRAINED▶ BUILDING ─BUILT▶ SENDING ─SENT▶ WAITING
 *    ▲             │              │                   │                   │               │ ▲           │ ▲  │
 *    │  no task,   │    failed    │       failed      │       failed      │   replaced    │ └WAKE, try  │ └──┘ BUSY,
 *    └──PACED──────┴──────────────┴───────────────────┴───────────────────┴───────────────┴──again──────┘ PACED, WAKE
 *                                                                                                    RECEIPT
 *
 * PACED is the server's word on when to ask again; the wait is drawn and bounded outside. A failure that may pass
 * (BG_IO, BG_BUSY, BG_NO_MEMORY) is tried again after a pause that doubles; others end the client's part in the round.
 * An update that exists (from BUILT on) is never dropped: it is committed or folded back. As soon as it is sent, the
 * other side may have it, whatever came back: a refusal may be that of a second copy, after a round that used the first
 * one. So neither a refusal nor the deadline folds it back, only the receipt does, or BG_DUPLICATE: another update took
 * its place. MOVED while an update is out has the whole of it sent again, before the deadline of its round: the
 * group may be complete only where the others are. One that was acknowledged before is tried in turns with the receipt:
 * its round may be over without the other side ever learning of it.
 */
#pragma once

#include "base/status.h"

#include <stdbool.h>
#include <stdint.h>

enum bg_session_state {
    BG_SESSION_IDLE = 0,
    BG_SESSION_ASKING,
    BG_SESSION_PREPARING,
    BG_SESSION_TRAINING,
    BG_SESSION_BUILDING,
    BG_SESSION_SENDING,
    BG_SESSION_WAITING,
    BG_SESSION_STATE_COUNT
};

enum bg_session_event_kind {
    BG_SESSION_WAKE = 0,
    BG_SESSION_TASK,     /* status; round, attempt and deadline (instant) of the open round if BG_OK */
    BG_SESSION_PREPARED, /* status: plan, groups and model are here and trusted */
    BG_SESSION_TRAINED,  /* status */
    BG_SESSION_BUILT,    /* status: the update is durable on this side */
    BG_SESSION_SENT,     /* status: the other side has it durably; wait_ns before the receipt, 0: as long as a poll */
    BG_SESSION_RECEIPT,  /* status: BG_BUSY while the round runs; `used` if BG_OK */
    BG_SESSION_PACED,    /* neither task nor receipt yet: ask again after wait_ns */
    BG_SESSION_MOVED,    /* the other side is another one from now on: it has nothing of the update */
    BG_SESSION_EVENT_COUNT
};

struct bg_session_event {
    enum bg_session_event_kind kind;
    enum bg_status status;
    uint64_t round;
    uint32_t attempt;
    uint64_t deadline;
    uint64_t wait_ns;
    bool used;
};

enum bg_session_action {
    BG_SESSION_DO_NOTHING = 0, /* wait for an event, WAKE at session->wake at the latest */
    BG_SESSION_DO_ASK,         /* request the task */
    BG_SESSION_DO_PREPARE,     /* fetch and check what is missing: plan, groups, model */
    BG_SESSION_DO_TRAIN,       /* decay the residual by session->missed rounds, then train */
    BG_SESSION_DO_BUILD,
    BG_SESSION_DO_SEND,        /* the whole update; what the other side has of it already is its transport's to know */
    BG_SESSION_DO_ASK_RECEIPT,
    BG_SESSION_DO_COMMIT,      /* the update was used; then WAKE is due at session->wake */
    BG_SESSION_DO_FOLD_BACK,   /* it was not; then as above */
};

struct bg_session {
    enum bg_session_state state;
    uint64_t poll_ns;     /* between looks at the server */
    uint64_t patience_ns; /* longest pause between tries */
    uint64_t pause_ns;    /* next pause after a failure that may pass */
    uint64_t wake;        /* instant of the next WAKE; UINT64_MAX: none wanted */
    uint64_t round;       /* of the newest task, the one under way if any; 0: none */
    uint32_t attempt;
    uint64_t deadline;
    bool open;            /* nothing was done for that task yet: it is still news */
    bool moved;           /* since the update was sent, or while it is */
    bool acknowledged;    /* some other side has the update */
    bool lacking;         /* … but not the one of now, as far as is known */
    uint64_t trained;     /* last round trained in; 0: none */
    uint64_t missed;      /* rounds between the one trained in before it and that one */
};

/* Idle, WAKE due at once. */
void bg_session_init(struct bg_session *session, uint64_t now, uint64_t poll_ns, uint64_t patience_ns);
/* Instead: after `round` and its attempt, in which it was stopped. With an update that is out (which the other side may
 * have) it is sending that, or, from `deadline` on, waiting for its receipt. */
void bg_session_resume(struct bg_session *session, uint64_t now, uint64_t round, uint32_t attempt, bool out,
                       uint64_t deadline);
/* BG_INVALID, and nothing changes, for an event that the state does not expect. */
BG_MUST_CHECK enum bg_status bg_session_step(struct bg_session *session, const struct bg_session_event *event,
                                             uint64_t now, enum bg_session_action *ret_action);
const char *bg_session_state_name(enum bg_session_state state);
