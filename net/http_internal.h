/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Internal to net/http_*: what the parts of the server share.
 *
 * An exchange is in one hand at a time: an I/O thread's until bg_http_hand_over, the owner's until it reads, receives
 * or responds, which puts it into the thread's inbox. A connection belongs to its thread alone, so an exchange's
 * pointer to it is for that thread; NULL: it has broken.
 */
#pragma once

#include "net/http_parser.h"
#include "net/tls.h"

#include <pthread.h>
#include <stdatomic.h>
#include <uv.h>

struct bg_http_thread;
struct bg_http_connection;

/* ---- replies: a head, and bytes that are ours or shared ---- */

struct bg_http_reply {
    struct bg_http_content *content; /* NULL, or a reference: sent after `bytes` */
    size_t content_first, content_size;
    size_t sent;                     /* of both together */
    bool close;
    size_t size;
    uint8_t bytes[]; /* (size) */
};

/* NULL: out of memory. bodiless: the answer to HEAD. retry_after_seconds goes with every 503 that says nothing else. */
struct bg_http_reply *bg_http_reply_create(const struct bg_http_response *response, bool bodiless,
                                           unsigned retry_after_seconds);
/* The server's own: a status and why, as application/problem+json, after which the connection ends. */
struct bg_http_reply *bg_http_reply_refusal(unsigned http, const struct bg_error *error,
                                            unsigned retry_after_seconds);
void bg_http_reply_destroy(struct bg_http_reply **reply);
/* What is to be sent next, at most `most` bytes; empty: all is sent. */
struct bg_span bg_http_reply_next(const struct bg_http_reply *reply, size_t most);

/* ---- exchanges ---- */

enum bg_http_wish { BG_HTTP_SERVE = 0, BG_HTTP_READ, BG_HTTP_RECEIVE, BG_HTTP_RESPOND };

struct bg_http_exchange {
    struct bg_http_server *server;
    struct bg_http_thread *thread;
    struct bg_http_connection *connection;
    struct bg_http_exchange *next; /* in the inbox or among the ready ones */
    struct bg_http_head *head;
    struct bg_peer peer;
    enum bg_http_wish wish;        /* of the owner; SERVE: it has not seen it yet */
    /* READ and RECEIVE */
    uint64_t limit;
    enum bg_status status;
    void *context;
    bg_http_body_function *on_body;
    uint8_t *memory;               /* (memory_size of memory_capacity) */
    size_t memory_size, memory_capacity;
    bg_http_file_function *on_file;
    int file, error_number;
    uint64_t offset, written;
    bool durable;
    _Atomic bool aborted;          /* set by the owner while it is the thread's turn */
    uv_work_t sync;
    /* RESPOND */
    struct bg_http_reply *reply;   /* NULL: there was no memory for it */
};

/* For I/O threads. NULL: out of memory. Takes the head. */
struct bg_http_exchange *bg_http_exchange_create(struct bg_http_connection *connection, struct bg_http_head *head);
void bg_http_exchange_destroy(struct bg_http_exchange *exchange);
/* Room for `size` bytes of body in all, within the server's limit: BG_BUSY, BG_NO_MEMORY. */
BG_MUST_CHECK enum bg_status bg_http_exchange_reserve(struct bg_http_exchange *exchange, size_t size);
/* From an I/O thread: the owner's turn, to serve or to hear how its wish went. */
void bg_http_hand_over(struct bg_http_exchange *exchange);

/* ---- the server ---- */

struct bg_http_counters {
    _Atomic uint64_t connections, connections_refused, handshakes, resumptions, handshakes_failed;
    _Atomic uint64_t requests, requests_refused, bytes_in, bytes_out;
};

struct bg_http_server {
    struct bg_http_server_settings settings; /* credentials cleared */
    struct bg_tls_cache *cache;
    uint16_t port;
    _Atomic size_t connections, exchanges, memory;
    struct bg_http_counters counters;
    pthread_mutex_t lock;                    /* guards what follows, to threads_open */
    struct bg_http_exchange *ready_first, *ready_last;
    bool announced;
    unsigned threads_open;                   /* threads that have a connection or may get one */
    /* The owner's. */
    bool stopping, gone;
    struct bg_http_exchange *turn;           /* what it has not seen of those it took */
    bool *gone_in_turn;
    void (*stopped)(void *context);
    void *stopped_context;
    unsigned thread_count;
    struct bg_http_thread *threads;          /* (thread_count) */
};

void bg_http_observe(struct bg_http_server *server, enum bg_http_notice_kind kind, unsigned http,
                     const struct bg_peer *peer, const struct bg_error *error);
/* Tells the owner that there is something for it. Threads call it now and then, for where that failed. */
void bg_http_announce(struct bg_http_server *server);
/* A thread has closed its last connection. */
void bg_http_thread_closed(struct bg_http_server *server);
void bg_http_server_free(struct bg_http_server *server);

/* ---- I/O threads ---- */

struct bg_http_thread {
    struct bg_http_server *server;
    struct bg_tls_server *tls;
    uv_loop_t loop;
    uv_tcp_t listener;
    uv_async_t wake;
    uv_timer_t tick;
    pthread_t thread;
    bool made, started;                /* the loop; the thread */
    uint8_t *ciphertext, *plaintext;   /* (BG_HTTP_CHUNK) what is being read, of whichever connection */
    struct bg_writer out;              /* ciphertext on its way out; empty between two connections */
    struct bg_http_connection *first;  /* connections */
    bool stopping, empty;              /* empty: and it has said so */
    /* What deadlines are measured by. It goes the slower the more ticks come late: where thousands of connections come
     * at once they wait for the thread, not the thread for them. */
    uint64_t clock;
    uint64_t period_ns, ticked_at;     /* of ticks; the last one, by the monotonic clock */
    size_t rested;                     /* connections that began to rest since memory was last given back */
    uint64_t drop_at;                  /* when what is left is dropped */
    pthread_mutex_t lock;              /* guards what follows */
    struct bg_http_exchange *inbox_first, *inbox_last;
    bool abort, stop, quit;            /* abort: some exchanges were */
    uint64_t patience_ns;
};

#define BG_HTTP_CHUNK ((size_t)64 << 10)

/* Binds; port 0: the server's, or any if it has none yet. */
BG_MUST_CHECK enum bg_status bg_http_thread_init(struct bg_http_thread *thread, struct bg_http_server *server,
                                                 struct bg_error *error);
BG_MUST_CHECK enum bg_status bg_http_thread_start(struct bg_http_thread *thread, struct bg_error *error);
/* By the owner: waits for the thread, whose connections are dropped. */
void bg_http_thread_finish(struct bg_http_thread *thread);
/* Once a stopping thread has no connection left, the server is told. */
void bg_http_thread_check_empty(struct bg_http_thread *thread);
void bg_http_thread_send(struct bg_http_thread *thread, struct bg_http_exchange *exchange);
/* Some of its exchanges were aborted. */
void bg_http_thread_abort(struct bg_http_thread *thread);
void bg_http_thread_stop(struct bg_http_thread *thread, uint64_t patience_ns);

/* ---- connections; on their thread ---- */

enum bg_http_state {
    BG_HTTP_HANDSHAKE = 0,
    BG_HTTP_IDLE,     /* between two requests */
    BG_HTTP_HEADING,  /* a head has begun */
    BG_HTTP_WAITING,  /* for the owner */
    BG_HTTP_BODY,     /* for its bytes */
    BG_HTTP_REPLYING,
    BG_HTTP_SKIPPING, /* the rest of a body that nobody asked for */
    BG_HTTP_LEAVING,  /* all is said; the peer is let read it */
    BG_HTTP_CLOSED
};

struct bg_http_connection {
    uv_tcp_t tcp;
    uv_shutdown_t shutdown;
    struct bg_http_thread *thread;
    struct bg_http_connection *next, *previous;
    struct bg_tls *tls;
    struct bg_http_parser parser;
    struct bg_peer peer;
    enum bg_http_state state;
    uint64_t since;         /* by its thread's clock, when the state's deadline began to run … */
    uint64_t progress;      /* … and bytes since */
    uint8_t *ciphertext;    /* owned: what came and is not fed, or not used up */
    uint8_t *kept_plain;    /* owned: where `plain` is, while nothing runs */
    struct bg_span plain;   /* decrypted, not used up */
    bool reading, resting;  /* resting: nothing has happened for a while */
    unsigned writes;        /* under way */
    struct bg_http_exchange *exchange;
    struct bg_http_reply *reply;
};

void bg_http_connection_accept(struct bg_http_thread *thread);
void bg_http_connection_obey(struct bg_http_exchange *exchange);
void bg_http_connection_check_deadline(struct bg_http_connection *connection);
/* Ends it where nothing is under way. */
void bg_http_connection_retire(struct bg_http_connection *connection);
void bg_http_connection_drop(struct bg_http_connection *connection);

/* ---- bodies; on their connection's thread ---- */

/* The owner wants it: whether there is something to wait for. Otherwise the exchange's status is known. */
bool bg_http_body_begin(struct bg_http_exchange *exchange);
/* A piece; false: no more is wanted, the status says why. */
bool bg_http_body_take(struct bg_http_exchange *exchange, struct bg_span piece);
/* How it went; makes it durable, if that was asked for, and hands it over. */
void bg_http_body_end(struct bg_http_exchange *exchange, enum bg_status status);
