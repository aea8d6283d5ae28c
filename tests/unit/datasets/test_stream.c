/* SPDX-License-Identifier: Apache-2.0 */
#include "datasets/stream.h"

#include "tests/unit/datasets/folder_fixture.h"
#include "tests/unit/no_leaks.h"

#include <criterion/criterion.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

TestSuite(stream, .init = folder_make, .fini = folder_remove);

#define CONTENT_BYTES ((size_t)300000)

/* Bytes that compress to about half. */
static uint8_t *content_make(size_t size)
{
    uint8_t *content = malloc(size);
    cr_assert_not_null(content);
    uint32_t state = 1;
    for (size_t i = 0; i < size; i++) {
        state = state * 1664525 + 1013904223;
        content[i] = (uint8_t)('0' + (state >> 28));
    }
    return content;
}

static enum bg_status read_all(const char *path, size_t step, uint8_t *out, size_t capacity,
                               struct bg_error *error, size_t *ret_size)
{
    struct bg_stream *stream = NULL;
    enum bg_status status = bg_stream_open(path, error, &stream);
    size_t used = 0;
    size_t size = 1;
    while (!status && size > 0) {
        cr_assert_lt(used, capacity);
        status = bg_stream_read(stream, out + used, step < capacity - used ? step : capacity - used, error,
                                &size);
        used += status ? 0 : size;
    }
    bg_stream_destroy(&stream);
    *ret_size = used;
    return status;
}

static void expect_content(const char *path, const uint8_t *content, size_t size)
{
    static const size_t steps[] = {1000000, 4096, 777};
    uint8_t *out = malloc(size + 1);
    for (size_t i = 0; i < sizeof steps / sizeof *steps; i++) {
        struct bg_error error = {0};
        size_t got;
        cr_assert_eq(read_all(path, steps[i], out, size + 1, &error, &got), BG_OK, "%s", error.text);
        cr_assert_eq(got, size);
        cr_assert_eq(memcmp(out, content, size), 0);
    }
    free(out);
}

Test(stream, reads_each_format_whatever_the_name)
{
    uint8_t *content = content_make(CONTENT_BYTES);
    expect_content(write_bytes("a.xz", content, CONTENT_BYTES), content, CONTENT_BYTES);
    expect_content(write_gzip("a.csv", content, CONTENT_BYTES), content, CONTENT_BYTES);
    expect_content(write_xz("b.csv", content, CONTENT_BYTES), content, CONTENT_BYTES);
    expect_content(write_zstd("c.csv", content, CONTENT_BYTES), content, CONTENT_BYTES);
    free(content);
    NO_LEAKS();
}

Test(stream, reads_empty_contents)
{
    expect_content(write_text("p", ""), (const uint8_t *)"", 0);
    expect_content(write_gzip("g", "", 0), (const uint8_t *)"", 0);
    expect_content(write_xz("x", "", 0), (const uint8_t *)"", 0);
    expect_content(write_zstd("z", "", 0), (const uint8_t *)"", 0);
}

static size_t load(const char *path, uint8_t **ret_data)
{
    FILE *file = fopen(path, "rb");
    cr_assert_not_null(file);
    *ret_data = malloc(2 * CONTENT_BYTES);
    size_t size = fread(*ret_data, 1, 2 * CONTENT_BYTES, file);
    fclose(file);
    return size;
}

Test(stream, reads_units_after_each_other_as_one)
{
    static const char text[] = "one,two\nthree,four\n";
    const size_t size = sizeof text - 1;
    char twice[2 * sizeof text];
    memcpy(twice, text, size);
    memcpy(twice + size, text, size);
    const char *paths[] = {write_gzip("g", text, size), write_xz("x", text, size),
                           write_zstd("z", text, size)};
    for (size_t i = 0; i < 3; i++) {
        uint8_t *data;
        size_t packed = load(paths[i], &data);
        memcpy(data + packed, data, packed);
        expect_content(write_bytes("two", data, 2 * packed), (const uint8_t *)twice, 2 * size);
        free(data);
    }
}

Test(stream, refuses_every_truncation)
{
    static const char text[] = "one,two\nthree,four\nfive,six\n";
    const char *paths[] = {write_gzip("g", text, sizeof text), write_xz("x", text, sizeof text),
                           write_zstd("z", text, sizeof text)};
    static const size_t magic[] = {2, 6, 4};
    for (size_t i = 0; i < 3; i++) {
        uint8_t *data;
        size_t packed = load(paths[i], &data);
        const char *cut = write_text("cut", "");
        for (size_t size = magic[i]; size < packed; size++) {
            FILE *file = fopen(cut, "wb");
            fwrite(data, 1, size, file);
            fclose(file);
            uint8_t out[100];
            size_t got;
            struct bg_error error = {0};
            cr_assert_eq(read_all(cut, 100, out, 100, &error, &got), BG_DATA, "%zu of %zu bytes", size,
                         packed);
            cr_assert_not_null(strstr(error.text, cut));
        }
        free(data);
    }
    NO_LEAKS();
}

Test(stream, refuses_flipped_bytes_and_trailing_garbage)
{
    uint8_t *content = content_make(CONTENT_BYTES);
    const char *paths[] = {write_gzip("g", content, CONTENT_BYTES), write_xz("x", content, CONTENT_BYTES),
                           write_zstd("z", content, CONTENT_BYTES)};
    uint8_t *out = malloc(2 * CONTENT_BYTES);
    for (size_t i = 0; i < 3; i++) {
        uint8_t *data;
        size_t packed = load(paths[i], &data);
        size_t got;
        data[packed / 2] ^= 0x10;
        const char *flipped = write_bytes("flipped", data, packed);
        cr_assert_eq(read_all(flipped, 4096, out, 2 * CONTENT_BYTES, NULL, &got), BG_DATA, "%zu", i);
        data[packed / 2] ^= 0x10;
        memcpy(data + packed, "garbage!", 8);
        const char *longer = write_bytes("longer", data, packed + 8);
        cr_assert_eq(read_all(longer, 4096, out, 2 * CONTENT_BYTES, NULL, &got), BG_DATA, "%zu", i);
        free(data);
    }
    free(out);
    free(content);
    NO_LEAKS();
}

Test(stream, stays_failed)
{
    uint8_t *data;
    size_t packed = load(write_gzip("g", "abcdef", 6), &data);
    const char *path = write_bytes("cut", data, packed - 3);
    free(data);
    struct bg_stream *stream;
    cr_assert_eq(bg_stream_open(path, NULL, &stream), BG_OK);
    char out[16];
    size_t size;
    enum bg_status status;
    do
        status = bg_stream_read(stream, out, sizeof out, NULL, &size);
    while (status == BG_OK);
    cr_assert_eq(status, BG_DATA);
    cr_assert_eq(bg_stream_read(stream, out, sizeof out, NULL, &size), BG_DATA);
    bg_stream_destroy(&stream);
    NO_LEAKS();
}

Test(stream, names_a_missing_file)
{
    struct bg_error error;
    struct bg_stream *stream = NULL;
    cr_assert_eq(bg_stream_open("no/such/file.csv", &error, &stream), BG_NOT_FOUND);
    cr_assert_not_null(strstr(error.text, "no/such/file.csv"));
    cr_assert_null(stream);
    cr_assert_eq(bg_stream_open(folder_path(), &error, &stream), BG_IO);
    NO_LEAKS();
}
