/* SPDX-License-Identifier: Apache-2.0 */
#include "datasets/stream.h"

#include <errno.h>
#include <fcntl.h>
#include <lzma.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#define INPUT_BYTES ((size_t)64 * 1024)
#define WINDOW_LOG 27                   /* 128 MiB */
#define XZ_MEMORY ((uint64_t)160 << 20) /* the window and the decoder's own state */

enum format { PLAIN = 0, GZIP, XZ, ZSTANDARD };

static const char *const format_names[] = {"plain", "gzip", "xz", "zstd"};

struct bg_stream {
    char *path;
    int file;
    enum format format;
    enum bg_status failed;
    bool input_ended;
    bool inside_unit; /* a compressed unit has begun and not ended: the file must go on */
    size_t input_begin;
    size_t input_end;
    uint8_t input[INPUT_BYTES];
    union {
        z_stream gzip;
        lzma_stream xz;
        ZSTD_DStream *zstandard;
    };
};

static enum bg_status fill(struct bg_stream *stream, struct bg_error *error)
{
    ssize_t got;
    do
        got = read(stream->file, stream->input, INPUT_BYTES);
    while (got < 0 && errno == EINTR);
    if (got < 0)
        return bg_fail(error, BG_IO, "%s: %s", stream->path, strerror(errno));
    stream->input_begin = 0;
    stream->input_end = (size_t)got;
    stream->input_ended = got == 0;
    return BG_OK;
}

static bool starts_with(const struct bg_stream *stream, const char *magic, size_t size)
{
    return stream->input_end >= size && memcmp(stream->input, magic, size) == 0;
}

static enum bg_status start_decoder(struct bg_stream *stream, struct bg_error *error)
{
    bool started = true;
    enum format format = PLAIN;
    if (starts_with(stream, "\x1f\x8b", 2)) {
        format = GZIP;
        stream->gzip = (z_stream){0};
        started = inflateInit2(&stream->gzip, MAX_WBITS + 16) == Z_OK;
    } else if (starts_with(stream, "\3757zXZ\0", 6)) {
        format = XZ;
        stream->xz = (lzma_stream)LZMA_STREAM_INIT;
        started = lzma_stream_decoder(&stream->xz, XZ_MEMORY, LZMA_CONCATENATED) == LZMA_OK;
    } else if (starts_with(stream, "\x28\xb5\x2f\xfd", 4)) {
        format = ZSTANDARD;
        stream->zstandard = ZSTD_createDStream();
        started = stream->zstandard &&
                  !ZSTD_isError(ZSTD_DCtx_setParameter(stream->zstandard, ZSTD_d_windowLogMax, WINDOW_LOG));
        if (!started)
            ZSTD_freeDStream(stream->zstandard);
    }
    if (!started)
        return bg_fail(error, BG_NO_MEMORY, "%s: no memory for a %s decoder", stream->path,
                       format_names[format]);
    stream->format = format;
    stream->inside_unit = format != PLAIN;
    return BG_OK;
}

enum bg_status bg_stream_open(const char *path, struct bg_error *error, struct bg_stream **ret_stream)
{
    struct bg_stream *stream = calloc(1, sizeof *stream);
    if (!stream || !(stream->path = strdup(path))) {
        free(stream);
        return bg_fail(error, BG_NO_MEMORY, "%s: no memory to read it", path);
    }
    enum bg_status status = BG_OK;
    stream->file = open(path, O_RDONLY | O_CLOEXEC);
    if (stream->file < 0)
        status = bg_fail(error, errno == ENOENT || errno == ENOTDIR ? BG_NOT_FOUND : BG_IO, "%s: %s", path,
                         strerror(errno));
    /* A pipe may give the magic in pieces; data files come in whole blocks. */
    if (!status)
        status = fill(stream, error);
    if (!status)
        status = start_decoder(stream, error);
    if (status) {
        bg_stream_destroy(&stream);
        return status;
    }
    *ret_stream = stream;
    return BG_OK;
}

void bg_stream_destroy(struct bg_stream **stream)
{
    struct bg_stream *old = *stream;
    if (!old)
        return;
    if (old->format == GZIP)
        inflateEnd(&old->gzip);
    else if (old->format == XZ)
        lzma_end(&old->xz);
    else if (old->format == ZSTANDARD)
        ZSTD_freeDStream(old->zstandard);
    if (old->file >= 0)
        close(old->file);
    free(old->path);
    free(old);
    *stream = NULL;
}

static enum bg_status damaged(const struct bg_stream *stream, const char *why, struct bg_error *error)
{
    return bg_fail(error, BG_DATA, "%s: the %s data are damaged (%s): copy or download the file again",
                   stream->path, format_names[stream->format], why);
}

/* Each step consumes input, produces output, or both; *ret_size bytes come out. */
static enum bg_status step_plain(struct bg_stream *stream, uint8_t *out, size_t capacity, size_t *ret_size)
{
    size_t size = stream->input_end - stream->input_begin;
    size = size < capacity ? size : capacity;
    memcpy(out, stream->input + stream->input_begin, size);
    stream->input_begin += size;
    *ret_size = size;
    return BG_OK;
}

static enum bg_status step_gzip(struct bg_stream *stream, uint8_t *out, size_t capacity,
                                struct bg_error *error, size_t *ret_size)
{
    z_stream *z = &stream->gzip;
    if (!stream->inside_unit && inflateReset(z) != Z_OK)
        return damaged(stream, "the decoder cannot start again", error);
    stream->inside_unit = true;
    uInt room = capacity < UINT32_MAX ? (uInt)capacity : UINT32_MAX;
    z->next_in = stream->input + stream->input_begin;
    z->avail_in = (uInt)(stream->input_end - stream->input_begin);
    z->next_out = out;
    z->avail_out = room;
    int result = inflate(z, Z_NO_FLUSH);
    stream->input_begin = stream->input_end - z->avail_in;
    *ret_size = room - z->avail_out;
    if (result == Z_STREAM_END)
        stream->inside_unit = false;
    else if (result == Z_MEM_ERROR)
        return bg_fail(error, BG_NO_MEMORY, "%s: no memory to decompress it", stream->path);
    else if (result != Z_OK && result != Z_BUF_ERROR)
        return damaged(stream, z->msg ? z->msg : "unknown preset", error);
    return BG_OK;
}

static enum bg_status step_xz(struct bg_stream *stream, uint8_t *out, size_t capacity, struct bg_error *error,
                              size_t *ret_size)
{
    lzma_stream *xz = &stream->xz;
    xz->next_in = stream->input + stream->input_begin;
    xz->avail_in = stream->input_end - stream->input_begin;
    xz->next_out = out;
    xz->avail_out = capacity;
    lzma_ret result = lzma_code(xz, stream->input_ended ? LZMA_FINISH : LZMA_RUN);
    stream->input_begin = stream->input_end - xz->avail_in;
    *ret_size = capacity - xz->avail_out;
    switch (result) {
    case LZMA_STREAM_END:
        stream->inside_unit = false;
        return BG_OK;
    case LZMA_OK:
    case LZMA_BUF_ERROR: /* no progress: the caller sees the end of the input */
        return BG_OK;
    case LZMA_MEM_ERROR:
        return bg_fail(error, BG_NO_MEMORY, "%s: no memory to decompress it", stream->path);
    case LZMA_MEMLIMIT_ERROR:
        return bg_fail(error, BG_TOO_LARGE, "%s: needs a window over 128 MiB: compress it with xz -9 or less",
                       stream->path);
    case LZMA_OPTIONS_ERROR:
        return damaged(stream, "unknown filter", error);
    default:
        return damaged(stream, "checksum or structure", error);
    }
}

static enum bg_status step_zstandard(struct bg_stream *stream, uint8_t *out, size_t capacity,
                                     struct bg_error *error, size_t *ret_size)
{
    ZSTD_inBuffer in = {stream->input, stream->input_end, stream->input_begin};
    ZSTD_outBuffer room = {out, capacity, 0};
    size_t result = ZSTD_decompressStream(stream->zstandard, &room, &in);
    stream->input_begin = in.pos;
    *ret_size = room.pos;
    if (ZSTD_isError(result))
        return damaged(stream, ZSTD_getErrorName(result), error);
    stream->inside_unit = result != 0;
    return BG_OK;
}

static enum bg_status step(struct bg_stream *stream, uint8_t *out, size_t capacity, struct bg_error *error,
                           size_t *ret_size)
{
    switch (stream->format) {
    case GZIP:
        return step_gzip(stream, out, capacity, error, ret_size);
    case XZ:
        return step_xz(stream, out, capacity, error, ret_size);
    case ZSTANDARD:
        return step_zstandard(stream, out, capacity, error, ret_size);
    default:
        return step_plain(stream, out, capacity, ret_size);
    }
}

enum bg_status bg_stream_read(struct bg_stream *stream, void *buffer, size_t capacity, struct bg_error *error,
                              size_t *ret_size)
{
    if (stream->failed)
        return bg_fail(error, stream->failed, "%s: reading it failed before", stream->path);
    size_t size = 0;
    enum bg_status status = BG_OK;
    while (!status && !size) {
        if (stream->input_begin == stream->input_end && !stream->input_ended)
            status = fill(stream, error);
        bool more = stream->input_begin < stream->input_end;
        if (status || (!more && !stream->inside_unit))
            break;
        size_t before = stream->input_begin;
        status = step(stream, buffer, capacity, error, &size);
        if (!status && !size && stream->input_begin == before && stream->inside_unit)
            status = damaged(stream, more ? "no progress" : "it ends too early, or other bytes follow it", error);
    }
    stream->failed = status;
    if (!status)
        *ret_size = size;
    return status;
}
