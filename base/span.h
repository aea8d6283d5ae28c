/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Bytes and their two cursors. All integers are little-endian. A reader is sticky: after the first failure
 * every read yields zero and `status` keeps the reason, so a decoder reads straight through and checks once,
 * with bg_reader_end, which also fails unless every byte was consumed.
 */
#pragma once

#include "base/status.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Borrowed bytes; data may be NULL when size is 0. */
struct bg_span {
    const uint8_t *data;
    size_t size;
};

#define BG_DIGEST_BYTES 32

/* SHA-256 of something; also a client's or key's identity. */
struct bg_digest {
    uint8_t bytes[BG_DIGEST_BYTES];
};

bool bg_span_equal(struct bg_span a, struct bg_span b);
bool bg_digest_equal(const struct bg_digest *a, const struct bg_digest *b);
/* Order of the bytes, for sorting: < 0, 0, > 0. */
int bg_digest_compare(const struct bg_digest *a, const struct bg_digest *b);
/* Lower-case hex with a final NUL. */
void bg_digest_to_hex(const struct bg_digest *digest, char ret_hex[static 2 * BG_DIGEST_BYTES + 1]);
/* `hex` is 64 hex digits and nothing else; BG_DECODE otherwise. */
BG_MUST_CHECK enum bg_status bg_digest_from_hex(const char *hex, struct bg_digest *ret);

struct bg_reader {
    const uint8_t *data;
    size_t size;
    size_t offset; /* of the next byte; stays at the failing read after a failure */
    enum bg_status status;
};

void bg_reader_init(struct bg_reader *r, struct bg_span span); /* keeps the span's bytes */
uint8_t bg_read_u8(struct bg_reader *r);
uint16_t bg_read_u16(struct bg_reader *r);
uint32_t bg_read_u32(struct bg_reader *r);
uint64_t bg_read_u64(struct bg_reader *r);
float bg_read_f32(struct bg_reader *r);   /* any bit pattern: finiteness is the caller's check */
double bg_read_f64(struct bg_reader *r);
struct bg_span bg_read_span(struct bg_reader *r, size_t size); /* into the reader's bytes; empty after failure */
struct bg_digest bg_read_digest(struct bg_reader *r);
/* u16 length, then that many bytes of printable UTF-8 without NUL, at most capacity − 1; written with a NUL.
 * After a failure ret_text is "". */
void bg_read_text(struct bg_reader *r, char *ret_text, size_t capacity);
/* A u64 count that is at most `limit` and at most remaining bytes / least_bytes_each (> 0); 0 after failure.
 * Check every count with it before allocating. */
size_t bg_read_count(struct bg_reader *r, size_t limit, size_t least_bytes_each);
/* Makes the reader fail with `status` (keeps the first failure). */
void bg_reader_fail(struct bg_reader *r, enum bg_status status);
/* BG_OK if nothing failed and nothing is left; BG_DECODE for left-over bytes. */
BG_MUST_CHECK enum bg_status bg_reader_end(const struct bg_reader *r);

/* Growable output. Sticky too: after a failed allocation `status` is BG_NO_MEMORY and writes are dropped. */
struct bg_writer {
    uint8_t *data;
    size_t size;
    size_t capacity;
    enum bg_status status;
};

void bg_writer_init(struct bg_writer *w);   /* allocates nothing */
void bg_writer_finish(struct bg_writer *w); /* frees */
/* Makes room for `size` more bytes and no others: nothing moves while they are written. */
void bg_writer_expect(struct bg_writer *w, size_t size);
void bg_write_u8(struct bg_writer *w, uint8_t value);
void bg_write_u16(struct bg_writer *w, uint16_t value);
void bg_write_u32(struct bg_writer *w, uint32_t value);
void bg_write_u64(struct bg_writer *w, uint64_t value);
void bg_write_f32(struct bg_writer *w, float value);
void bg_write_f64(struct bg_writer *w, double value);
void bg_write_bytes(struct bg_writer *w, const void *data, size_t size);
void bg_write_digest(struct bg_writer *w, const struct bg_digest *digest);
void bg_write_text(struct bg_writer *w, const char *text); /* u16 length + bytes; text shorter than 65,536 */
/* Appends `size` zero bytes and returns where they start; NULL after a failure. Valid until the next write. */
uint8_t *bg_write_reserve(struct bg_writer *w, size_t size);
static inline struct bg_span bg_writer_span(const struct bg_writer *w)
{
    return (struct bg_span){w->data, w->size};
}
