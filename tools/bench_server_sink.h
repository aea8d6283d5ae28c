/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A server that takes uploads and does nothing with them: what a root is compared with. Or next to nothing: it writes
 * each body to a file, hashes it block by block and verifies a signature of the list of these digests.
 */
#pragma once

#include "tools/bench_server_keys.h"

#define BG_BENCH_BLOCK_BYTES ((size_t)48 << 10) /* 64 ciphertexts of 768 bytes */
#define BG_BENCH_SIGNATURE "Burgee-Signature"   /* hex */

struct bg_bench_sink_settings {
    const struct bg_bench_keys *keys;
    const char *folder;  /* for bodies; NULL: they are thrown away unread */
    size_t connections;  /* most at a time */
    size_t body_bytes;   /* most of one */
    unsigned threads;    /* of each kind */
    int ready;           /* its port is written to this file descriptor when it listens */
};

/* SHA-256 of the list of the SHA-256 of a body's blocks. */
void bg_bench_digest(struct bg_span body, struct bg_digest *ret_digest);
/* Serves until SIGTERM: POST /uploads takes a body; of N requests GET /hold/N the last
 * is answered, once the others wait. */
BG_MUST_CHECK enum bg_status bg_bench_sink_run(const struct bg_bench_sink_settings *settings,
                                               struct bg_error *error);
