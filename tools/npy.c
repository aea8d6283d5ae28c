/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/npy.h"

#include "base/checked.h"
#include "base/file.h"
#include "base/layout.h"

#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "arrays are read as they lie in memory");

enum {
    HEADER_MAX = 4096,
    SHAPE_DIGITS = 12
};

static const uint8_t magic[6] = {0x93, 'N', 'U', 'M', 'P', 'Y'};

/* The header's dictionary, as far as it was understood. */
struct header {
    const char *text, *end;
    char descr[8];
    bool fortran_order;
    uint32_t dimensions;
    size_t shape[2];
    bool has_descr, has_order, has_shape;
};

size_t bg_column_type_bytes(enum bg_column_type type)
{
    switch (type) {
    case BG_COLUMN_INT8:
        return 1;
    case BG_COLUMN_INT16:
        return 2;
    case BG_COLUMN_INT32:
    case BG_COLUMN_FLOAT32:
        return 4;
    case BG_COLUMN_FLOAT64:
        return 8;
    }
    return 0;
}

static bool accept(struct header *h, char wanted)
{
    while (h->text < h->end && *h->text == ' ')
        h->text++;
    if (h->text == h->end || *h->text != wanted)
        return false;
    h->text++;
    return true;
}

static bool accept_word(struct header *h, const char *word)
{
    size_t length = strlen(word);
    while (h->text < h->end && *h->text == ' ')
        h->text++;
    if ((size_t)(h->end - h->text) < length || memcmp(h->text, word, length) != 0)
        return false;
    h->text += length;
    return true;
}

static bool read_text(struct header *h, char *ret_text, size_t capacity)
{
    char quote = accept(h, '\'') ? '\'' : accept(h, '"') ? '"' : 0;
    if (!quote)
        return false;
    size_t length = 0;
    for (; h->text < h->end && *h->text != quote; h->text++) {
        if (length + 1 == capacity || *h->text == '\\')
            return false;
        ret_text[length++] = *h->text;
    }
    ret_text[length] = 0;
    return accept(h, quote);
}

static bool read_extent(struct header *h, size_t *ret)
{
    size_t value = 0, digits = 0;
    while (h->text < h->end && *h->text == ' ')
        h->text++;
    for (; h->text < h->end && *h->text >= '0' && *h->text <= '9'; h->text++, digits++) {
        if (digits == SHAPE_DIGITS || !bg_size_multiply(value, 10, &value) ||
            !bg_size_add(value, (size_t)(*h->text - '0'), &value))
            return false;
    }
    *ret = value;
    return digits > 0;
}

/* "(3, 1000)", "(5,)"; more than two extents are counted and not kept. */
static bool read_shape(struct header *h)
{
    if (!accept(h, '('))
        return false;
    while (!accept(h, ')')) {
        size_t extent;
        if (!read_extent(h, &extent))
            return false;
        if (h->dimensions < 2)
            h->shape[h->dimensions] = extent;
        h->dimensions++;
        if (!accept(h, ',')) {
            if (h->dimensions == 1)
                return false;
            return accept(h, ')');
        }
    }
    return true;
}

static bool read_member(struct header *h)
{
    char key[16];
    if (!read_text(h, key, sizeof key) || !accept(h, ':'))
        return false;
    if (strcmp(key, "descr") == 0 && !h->has_descr) {
        h->has_descr = true;
        return read_text(h, h->descr, sizeof h->descr);
    }
    if (strcmp(key, "fortran_order") == 0 && !h->has_order) {
        h->has_order = true;
        h->fortran_order = accept_word(h, "True");
        return h->fortran_order || accept_word(h, "False");
    }
    if (strcmp(key, "shape") == 0 && !h->has_shape) {
        h->has_shape = true;
        return read_shape(h);
    }
    return false;
}

static bool read_dictionary(struct header *h)
{
    if (!accept(h, '{'))
        return false;
    while (!accept(h, '}')) {
        if (!read_member(h))
            return false;
        if (!accept(h, ',')) {
            if (!accept(h, '}'))
                return false;
            break;
        }
    }
    accept(h, '\n');
    return h->text == h->end && h->has_descr && h->has_order && h->has_shape;
}

static bool find_type(const char *descr, enum bg_column_type *ret)
{
    if (strcmp(descr, "<f4") == 0)
        *ret = BG_COLUMN_FLOAT32;
    else if (strcmp(descr, "<f8") == 0)
        *ret = BG_COLUMN_FLOAT64;
    else if (strcmp(descr, "|i1") == 0)
        *ret = BG_COLUMN_INT8;
    else
        return false;
    return true;
}

/* Magic, version and header; leaves the reader at the data. */
static enum bg_status read_header(struct bg_reader *r, const char *path, struct bg_error *error,
                                  struct bg_npy *ret)
{
    struct bg_span start = bg_read_span(r, sizeof magic);
    uint8_t major = bg_read_u8(r), minor = bg_read_u8(r);
    if (r->status || memcmp(start.data, magic, sizeof magic) != 0)
        return bg_fail(error, BG_DATA, "%s: not a .npy file", path);
    if (major < 1 || major > 3 || minor != 0)
        return bg_fail(error, BG_UNSUPPORTED, "%s: .npy version %u.%u is none of 1.0, 2.0, 3.0", path,
                       (unsigned)major, (unsigned)minor);
    size_t size = major == 1 ? bg_read_u16(r) : bg_read_u32(r);
    if (!r->status && size > HEADER_MAX)
        return bg_fail(error, BG_DATA, "%s: header of %zu bytes, more than %d", path, size, HEADER_MAX);
    struct bg_span text = bg_read_span(r, size);
    struct header h = {.text = (const char *)text.data};
    h.end = text.size ? h.text + text.size : h.text;
    if (r->status || !read_dictionary(&h))
        return bg_fail(error, BG_DATA, "%s: header is not a dictionary of descr, fortran_order and shape",
                       path);
    if (!find_type(h.descr, &ret->type))
        return bg_fail(error, BG_UNSUPPORTED, "%s: type %s is none of <f4, <f8, |i1; convert with .astype()",
                       path, h.descr);
    if (h.fortran_order || h.dimensions < 1 || h.dimensions > 2)
        return bg_fail(error, BG_UNSUPPORTED, "%s: not a vector or matrix in C order", path);
    ret->dimensions = h.dimensions;
    ret->rows = h.dimensions == 2 ? h.shape[0] : 1;
    ret->columns = h.shape[h.dimensions - 1];
    return BG_OK;
}

enum bg_status bg_npy_load(const char *path, struct bg_error *error, struct bg_npy *ret_npy)
{
    uint8_t *bytes;
    size_t size, data_size;
    enum bg_status status = bg_file_read(path, SIZE_MAX / 4, error, &bytes, &size);
    if (status)
        return status;
    struct bg_reader r;
    struct bg_npy npy = {0};
    bg_reader_init(&r, (struct bg_span){bytes, size});
    status = read_header(&r, path, error, &npy);
    if (status)
        goto out;
    if (!bg_size_multiply(npy.rows, npy.columns, &data_size) ||
        !bg_size_multiply(data_size, bg_column_type_bytes(npy.type), &data_size) ||
        data_size != size - r.offset) {
        status = bg_fail(error, BG_DATA, "%s: %zu bytes of data do not make an array of %zu × %zu", path,
                         size - r.offset, npy.rows, npy.columns);
        goto out;
    }
    if (npy.columns > BG_LAYOUT_MAX_COORDINATES) {
        status = bg_fail(error, BG_TOO_LARGE, "%s: more than 2^32 columns", path);
        goto out;
    }
    /* The block is aligned for any type; the data becomes so by moving to its start. */
    memmove(bytes, bytes + r.offset, data_size);
    npy.data = bytes;
    *ret_npy = npy;
    return BG_OK;
out:
    free(bytes);
    return status;
}

void bg_npy_finish(struct bg_npy *npy)
{
    free(npy->data);
    *npy = (struct bg_npy){0};
}

enum bg_status bg_npy_save(const char *path, const double *values, size_t count, struct bg_error *error)
{
    /* Magic, version and length take 10 bytes; NumPy wants the data at a multiple of 64. */
    enum {
        START = 128,
        HEADER = START - 10
    };
    char header[HEADER + 1];
    int length =
        snprintf(header, sizeof header, "{'descr': '<f8', 'fortran_order': False, 'shape': (%zu,), }", count);
    memset(header + length, ' ', (size_t)(HEADER - length));
    header[HEADER - 1] = '\n';
    struct bg_writer w;
    bg_writer_init(&w);
    bg_write_bytes(&w, magic, sizeof magic);
    bg_write_u8(&w, 1);
    bg_write_u8(&w, 0);
    bg_write_u16(&w, HEADER);
    bg_write_bytes(&w, header, HEADER);
    bg_write_bytes(&w, values, count * sizeof *values);
    enum bg_status status = w.status;
    if (status)
        bg_fail(error, status, "%s: no memory for %zu numbers", path, count);
    else
        status = bg_file_write(path, bg_writer_span(&w), 0644, error);
    bg_writer_finish(&w);
    return status;
}
