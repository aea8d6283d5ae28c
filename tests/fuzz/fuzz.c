/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/fuzz/fuzz.h"

#include "base/file.h"
#include "base/utf8.h"
#include "crypto/digest.h"
#include "tests/fuzz/memory.h"

#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#define FOLDER "/dev/shm/burgee-fuzz-XXXXXX"
#define PLACES 48 /* at which memory runs out, in a thorough run */

bool fuzz_thorough;

_Noreturn void fuzz_fail(const char *file, int line, const char *rule, const char *format, ...)
{
    va_list arguments;
    fuzz_memory_end();
    va_start(arguments, format);
    fprintf(stderr, "%s:%d: %s does not hold: ", file, line, rule);
    vfprintf(stderr, format, arguments);
    fprintf(stderr, "\n");
    va_end(arguments);
    abort();
}

/* ---- memory that runs out ---- */

static const struct fuzz_limits plenty = {.failing = SIZE_MAX, .arena_cap = SIZE_MAX};

void fuzz_spare_memory(void)
{
    fuzz_memory_end();
}

void fuzz_pause_memory(bool paused)
{
    fuzz_memory_pause(paused);
}

static struct fuzz_usage try(fuzz_check *check, struct bg_span input, const struct fuzz_limits *limits,
                             enum bg_status *ret_status)
{
    fuzz_memory_begin(limits);
    *ret_status = check(input);
    return fuzz_memory_end();
}

static void try_limited(fuzz_check *check, struct bg_span input, struct fuzz_limits limits, enum bg_status expected)
{
    enum bg_status status;
    try(check, input, &limits, &status);
    FUZZ_REQUIRE(status == expected || status == BG_NO_MEMORY,
                 "%s instead of %s, with allocation %zu failing%s and arenas of %zu bytes", bg_status_name(status),
                 bg_status_name(expected), limits.failing, limits.onwards ? " and all after it" : "",
                 limits.arena_cap);
}

/* FNV-1a. */
static uint64_t digest_of(struct bg_span input)
{
    uint64_t digest = 0xcbf29ce484222325u;
    for (size_t i = 0; i < input.size; i++)
        digest = (digest ^ input.data[i]) * 0x100000001b3u;
    return digest;
}

/* The n-th of PLACES indices below `count`, spread evenly; all of them if they are fewer. */
static size_t place(size_t n, size_t count)
{
    return count <= PLACES ? n : n * (count / PLACES) + n * (count % PLACES) / PLACES;
}

int fuzz_run(fuzz_check *check, const uint8_t *data, size_t size)
{
    struct bg_span input = {data, size};
    enum bg_status status;
    struct fuzz_usage usage = try(check, input, &plenty, &status);
    FUZZ_REQUIRE(status != BG_NO_MEMORY, "%zu allocations", usage.allocations);
    uint64_t digest = digest_of(input);
    size_t tries = fuzz_thorough ? PLACES : 1;
    for (size_t i = 0; i < tries && i < usage.allocations; i++) {
        size_t failing = fuzz_thorough ? place(i, usage.allocations) : (size_t)(digest % usage.allocations);
        bool onwards = (digest >> 32 ^ i) & 1;
        try_limited(check, input, (struct fuzz_limits){failing, onwards, SIZE_MAX}, status);
    }
    for (size_t i = 0; i < tries && i < usage.arena; i++) {
        size_t cap = fuzz_thorough ? place(i, usage.arena) : (size_t)(digest % usage.arena);
        try_limited(check, input, (struct fuzz_limits){SIZE_MAX, false, cap}, status);
    }
    return 0;
}

/* ---- sentences ---- */

enum bg_status fuzz_refused(enum bg_status status, const struct bg_error *error)
{
    size_t size = strnlen(error->text, sizeof error->text), step;
    const uint8_t *text = (const uint8_t *)error->text;
    FUZZ_REQUIRE(status < 0 && error->status == status, "%s returned, %s in the error: %s", bg_status_name(status),
                 bg_status_name(error->status), error->text);
    FUZZ_REQUIRE(size > 5 && size < sizeof error->text, "no sentence: \"%s\"", error->text);
    for (size_t i = 0; i < size; i += step) {
        uint32_t point = 0;
        step = bg_utf8_next(text + i, size - i, &point);
        FUZZ_REQUIRE(step > 0 && point >= 0x20 && (point < 0x7f || point >= 0xa0), "byte %zu is 0x%02x: %s", i,
                     text[i], error->text);
    }
    return status;
}

/* ---- files ---- */

const char *fuzz_file(struct bg_span content)
{
    static int files[2] = {-1, -1};
    static char paths[2][32];
    static size_t turn;
    size_t i = turn++ % 2;
    if (files[i] < 0) {
        files[i] = memfd_create("fuzz", MFD_CLOEXEC);
        FUZZ_REQUIRE(files[i] >= 0 && fchmod(files[i], 0600) == 0, "no file in memory");
        snprintf(paths[i], sizeof paths[i], "/proc/self/fd/%d", files[i]);
    }
    FUZZ_REQUIRE(ftruncate(files[i], 0) == 0 &&
                     pwrite(files[i], content.data, content.size, 0) == (ssize_t)content.size,
                 "cannot fill a file in memory");
    return paths[i];
}

static char folder[] = FOLDER;
static char path_in_folder[sizeof folder + 8];

static void remove_folder(void)
{
    unlink(path_in_folder);
    rmdir(folder);
}

const char *fuzz_path(void)
{
    if (!*path_in_folder) {
        FUZZ_REQUIRE(mkdtemp(folder), "no folder in /dev/shm");
        snprintf(path_in_folder, sizeof path_in_folder, "%s/file", folder);
        FUZZ_REQUIRE(atexit(remove_folder) == 0, "the folder would stay");
    }
    unlink(path_in_folder);
    return path_in_folder;
}

void fuzz_require_content(const char *path, struct bg_span content)
{
    struct bg_error error;
    uint8_t *bytes = NULL;
    size_t size = 0;
    fuzz_spare_memory();
    enum bg_status status = bg_file_read(path, SIZE_MAX / 4, &error, &bytes, &size);
    FUZZ_REQUIRE(status == BG_OK, "%s", error.text);
    FUZZ_REQUIRE(bg_span_equal((struct bg_span){bytes, size}, content), "%zu bytes saved, %zu loaded", size,
                 content.size);
    free(bytes);
}

enum bg_status fuzz_sealed(fuzz_check *check, struct bg_span input)
{
    struct bg_digest digest;
    enum bg_status status = check(input);
    if (status == BG_NO_MEMORY || input.size < BG_DIGEST_BYTES)
        return status;
    struct bg_span content = {input.data, input.size - BG_DIGEST_BYTES};
    uint8_t *sealed = malloc(input.size);
    if (!sealed)
        return BG_NO_MEMORY;
    bg_sha256(content, &digest);
    memcpy(sealed, content.data, content.size);
    memcpy(sealed + content.size, digest.bytes, sizeof digest.bytes);
    status = check((struct bg_span){sealed, input.size});
    free(sealed);
    return status;
}
