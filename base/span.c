/* SPDX-License-Identifier: Apache-2.0 */
#include "base/span.h"

#include "base/checked.h"
#include "base/utf8.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

bool bg_span_equal(struct bg_span a, struct bg_span b)
{
    return a.size == b.size && (a.size == 0 || memcmp(a.data, b.data, a.size) == 0);
}

bool bg_digest_equal(const struct bg_digest *a, const struct bg_digest *b)
{
    return bg_digest_compare(a, b) == 0;
}

int bg_digest_compare(const struct bg_digest *a, const struct bg_digest *b)
{
    return memcmp(a->bytes, b->bytes, BG_DIGEST_BYTES);
}

void bg_digest_to_hex(const struct bg_digest *digest, char ret_hex[static 2 * BG_DIGEST_BYTES + 1])
{
    static const char digits[] = "0123456789abcdef";
    for (size_t i = 0; i < BG_DIGEST_BYTES; i++) {
        ret_hex[2 * i] = digits[digest->bytes[i] >> 4];
        ret_hex[2 * i + 1] = digits[digest->bytes[i] & 15];
    }
    ret_hex[2 * BG_DIGEST_BYTES] = '\0';
}

static int hex_value(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

enum bg_status bg_digest_from_hex(const char *hex, struct bg_digest *ret)
{
    struct bg_digest digest;
    if (strlen(hex) != 2 * BG_DIGEST_BYTES)
        return BG_DECODE;
    for (size_t i = 0; i < BG_DIGEST_BYTES; i++) {
        int high = hex_value(hex[2 * i]);
        int low = hex_value(hex[2 * i + 1]);
        if (high < 0 || low < 0)
            return BG_DECODE;
        digest.bytes[i] = (uint8_t)(high << 4 | low);
    }
    *ret = digest;
    return BG_OK;
}

void bg_reader_init(struct bg_reader *r, struct bg_span span)
{
    *r = (struct bg_reader){.data = span.data, .size = span.size, .status = BG_OK};
}

void bg_reader_fail(struct bg_reader *r, enum bg_status status)
{
    if (r->status == BG_OK)
        r->status = status;
}

static const uint8_t *take(struct bg_reader *r, size_t size)
{
    if (r->status != BG_OK)
        return NULL;
    if (size > r->size - r->offset) {
        bg_reader_fail(r, BG_TRUNCATED);
        return NULL;
    }
    const uint8_t *bytes = r->data + r->offset;
    r->offset += size;
    return bytes;
}

static uint64_t read_integer(struct bg_reader *r, size_t size)
{
    const uint8_t *bytes = take(r, size);
    uint64_t value = 0;
    for (size_t i = 0; bytes && i < size; i++)
        value |= (uint64_t)bytes[i] << (8 * i);
    return value;
}

uint8_t bg_read_u8(struct bg_reader *r)
{
    return (uint8_t)read_integer(r, 1);
}

uint16_t bg_read_u16(struct bg_reader *r)
{
    return (uint16_t)read_integer(r, 2);
}

uint32_t bg_read_u32(struct bg_reader *r)
{
    return (uint32_t)read_integer(r, 4);
}

uint64_t bg_read_u64(struct bg_reader *r)
{
    return read_integer(r, 8);
}

float bg_read_f32(struct bg_reader *r)
{
    uint32_t bits = bg_read_u32(r);
    float value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

double bg_read_f64(struct bg_reader *r)
{
    uint64_t bits = bg_read_u64(r);
    double value;
    memcpy(&value, &bits, sizeof value);
    return value;
}

struct bg_span bg_read_span(struct bg_reader *r, size_t size)
{
    const uint8_t *bytes = take(r, size);
    return bytes ? (struct bg_span){bytes, size} : (struct bg_span){NULL, 0};
}

struct bg_digest bg_read_digest(struct bg_reader *r)
{
    struct bg_digest digest = {{0}};
    const uint8_t *bytes = take(r, BG_DIGEST_BYTES);
    if (bytes)
        memcpy(digest.bytes, bytes, BG_DIGEST_BYTES);
    return digest;
}

/* Well-formed UTF-8 without control characters. */
static bool is_printable_utf8(const uint8_t *text, size_t size)
{
    for (size_t i = 0; i < size;) {
        uint32_t point;
        size_t step = bg_utf8_next(text + i, size - i, &point);
        if (step == 0 || point < 0x20 || (point >= 0x7f && point < 0xa0))
            return false;
        i += step;
    }
    return true;
}

void bg_read_text(struct bg_reader *r, char *ret_text, size_t capacity)
{
    assert(capacity > 0);
    ret_text[0] = '\0';
    size_t size = bg_read_u16(r);
    if (r->status == BG_OK && size >= capacity)
        bg_reader_fail(r, BG_TOO_LARGE);
    const uint8_t *bytes = take(r, size);
    if (!bytes)
        return;
    if (!is_printable_utf8(bytes, size)) {
        bg_reader_fail(r, BG_DECODE);
        return;
    }
    memcpy(ret_text, bytes, size);
    ret_text[size] = '\0';
}

size_t bg_read_count(struct bg_reader *r, size_t limit, size_t least_bytes_each)
{
    assert(least_bytes_each > 0);
    uint64_t count = bg_read_u64(r);
    if (r->status != BG_OK)
        return 0;
    if (count > limit) {
        bg_reader_fail(r, BG_TOO_LARGE);
        return 0;
    }
    if (count > (r->size - r->offset) / least_bytes_each) {
        bg_reader_fail(r, BG_TRUNCATED);
        return 0;
    }
    return (size_t)count;
}

enum bg_status bg_reader_end(const struct bg_reader *r)
{
    if (r->status != BG_OK)
        return r->status;
    return r->offset == r->size ? BG_OK : BG_DECODE;
}

void bg_writer_init(struct bg_writer *w)
{
    *w = (struct bg_writer){.status = BG_OK};
}

void bg_writer_finish(struct bg_writer *w)
{
    free(w->data);
    bg_writer_init(w);
}

static bool set_capacity(struct bg_writer *w, size_t capacity)
{
    uint8_t *data = realloc(w->data, capacity);
    if (!data) {
        w->status = BG_NO_MEMORY;
        return false;
    }
    w->data = data;
    w->capacity = capacity;
    return true;
}

void bg_writer_expect(struct bg_writer *w, size_t size)
{
    size_t needed;
    if (w->status != BG_OK)
        return;
    if (!bg_size_add(w->size, size, &needed))
        w->status = BG_NO_MEMORY;
    else if (needed > w->capacity)
        set_capacity(w, needed);
}

uint8_t *bg_write_reserve(struct bg_writer *w, size_t size)
{
    size_t needed;
    if (w->status != BG_OK)
        return NULL;
    if (!bg_size_add(w->size, size, &needed)) {
        w->status = BG_NO_MEMORY;
        return NULL;
    }
    if (needed > w->capacity || !w->data) {
        size_t capacity = w->capacity < 256 ? 256 : w->capacity;
        while (capacity < needed)
            capacity = capacity > SIZE_MAX / 2 ? needed : capacity * 2;
        if (!set_capacity(w, capacity))
            return NULL;
    }
    uint8_t *start = w->data + w->size;
    memset(start, 0, size);
    w->size = needed;
    return start;
}

void bg_write_bytes(struct bg_writer *w, const void *data, size_t size)
{
    uint8_t *start = bg_write_reserve(w, size);
    if (start && size)
        memcpy(start, data, size);
}

static void write_integer(struct bg_writer *w, uint64_t value, size_t size)
{
    uint8_t *start = bg_write_reserve(w, size);
    for (size_t i = 0; start && i < size; i++)
        start[i] = (uint8_t)(value >> (8 * i));
}

void bg_write_u8(struct bg_writer *w, uint8_t value)
{
    write_integer(w, value, 1);
}

void bg_write_u16(struct bg_writer *w, uint16_t value)
{
    write_integer(w, value, 2);
}

void bg_write_u32(struct bg_writer *w, uint32_t value)
{
    write_integer(w, value, 4);
}

void bg_write_u64(struct bg_writer *w, uint64_t value)
{
    write_integer(w, value, 8);
}

void bg_write_f32(struct bg_writer *w, float value)
{
    uint32_t bits;
    memcpy(&bits, &value, sizeof bits);
    bg_write_u32(w, bits);
}

void bg_write_f64(struct bg_writer *w, double value)
{
    uint64_t bits;
    memcpy(&bits, &value, sizeof bits);
    bg_write_u64(w, bits);
}

void bg_write_digest(struct bg_writer *w, const struct bg_digest *digest)
{
    bg_write_bytes(w, digest->bytes, BG_DIGEST_BYTES);
}

void bg_write_text(struct bg_writer *w, const char *text)
{
    size_t size = strlen(text);
    assert(size <= UINT16_MAX);
    bg_write_u16(w, (uint16_t)size);
    bg_write_bytes(w, text, size);
}
