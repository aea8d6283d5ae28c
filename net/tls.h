/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The server's side of TLS, without I/O: ciphertext in by bg_tls_feed, out into a writer of the owner's. TLS 1.2 and,
 * where the library has it, 1.3; ECDHE on P-256, ECDSA, ChaCha20-Poly1305 or AES-128-GCM; nothing else.
 *
 *   feed ─▶ handshake until DONE ─▶ peer known ─▶ read, write … ─▶ CLOSED, or close
 */
#pragma once

#include "base/error.h"
#include "net/credentials.h"

/* What a call found. */
enum bg_tls_step {
    BG_TLS_DONE = 0,
    BG_TLS_WANTS,  /* more ciphertext; what was fed is used up */
    BG_TLS_CLOSED, /* the peer said so */
    BG_TLS_FAILED  /* send what is in the writer, an alert perhaps, and close */
};

/* ---- sessions of earlier handshakes, for all threads of a server ---- */

struct bg_tls_cache;

/* At most so many sessions, each for so long: older ones make room. Only those of peers that showed a certificate are
 * kept, with it, and none is resumed after the certificate's end. NULL: out of memory. */
struct bg_tls_cache *bg_tls_cache_create(size_t most_sessions, uint64_t lifetime_ns);
/* Wipes what it holds. */
void bg_tls_cache_destroy(struct bg_tls_cache **cache);

/* ---- what all connections of one thread share ---- */

struct bg_tls_server;

/* Copies the credentials, keeps the cache. strangers: peers may show no certificate. BG_BAD_KEY, BG_DECODE,
 * BG_INVALID (no authority, and no strangers either). */
BG_MUST_CHECK enum bg_status bg_tls_server_create(const struct bg_credentials *credentials, bool strangers,
                                                  struct bg_tls_cache *cache, struct bg_error *error,
                                                  struct bg_tls_server **ret_server);
void bg_tls_server_destroy(struct bg_tls_server **server);

/* ---- one connection ---- */

struct bg_tls;

/* Keeps server and `out`, which is appended to by all functions below and emptied by the owner. NULL: out of memory. */
struct bg_tls *bg_tls_create(struct bg_tls_server *server, struct bg_writer *out);
void bg_tls_destroy(struct bg_tls **tls);

/* The next ciphertext; what was fed before is used up. Borrowed until it is used up, or replaced by a copy of
 * bg_tls_unread. */
void bg_tls_feed(struct bg_tls *tls, struct bg_span ciphertext);
struct bg_span bg_tls_unread(const struct bg_tls *tls);

/* DONE: *ret_peer (its address apart) and whether an earlier session was resumed. FAILED: the sentence tells no,
 * foreign, expired and not yet valid certificates, no common version and no TLS at all apart. */
enum bg_tls_step bg_tls_handshake(struct bg_tls *tls, struct bg_error *error, struct bg_peer *ret_peer,
                                  bool *ret_resumed);
/* DONE: 1 … size bytes. */
enum bg_tls_step bg_tls_read(struct bg_tls *tls, uint8_t *ret_data, size_t size, size_t *ret_got,
                             struct bg_error *error);
/* DONE: *ret_taken of the bytes, at most one record, are in the writer. */
enum bg_tls_step bg_tls_write(struct bg_tls *tls, struct bg_span plaintext, size_t *ret_taken);
/* Nothing is expected soon: gives the memory of the library's buffers, two records in size, back to the system where it
 * holds nothing. It comes again when it is used. */
void bg_tls_rest(struct bg_tls *tls);
/* Says farewell. */
void bg_tls_close(struct bg_tls *tls);

/* BG_TOO_LATE: the peer's certificate is past its end; `early`, BG_BAD_KEY: before its begin. Either by this machine's
 * clock, so the sentence says what that reads. */
enum bg_status bg_tls_refuse_time(bool early, struct bg_error *error);
