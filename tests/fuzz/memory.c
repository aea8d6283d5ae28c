/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The linker sends every call of a wrapped function here (-Wl,--wrap, see meson.build): those of our code, not those
 * inside shared libraries. cJSON takes its allocator as hooks; GMP is left alone, because it cannot report a failure.
 */
#include "tests/fuzz/memory.h"

#include "base/arena.h"
#include "crypto/identity.h"

#include <cjson/cJSON.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *block, size_t size);
void *__real_aligned_alloc(size_t alignment, size_t size);
void *__real_reallocarray(void *block, size_t count, size_t size);
char *__real_strdup(const char *text);
void __real_bg_arena_init(struct bg_arena *arena, size_t cap);
void *__real_bg_arena_alloc(struct bg_arena *arena, size_t count, size_t size);

void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *block, size_t size);
void *__wrap_aligned_alloc(size_t alignment, size_t size);
void *__wrap_reallocarray(void *block, size_t count, size_t size);
char *__wrap_strdup(const char *text);
int __wrap_asprintf(char **ret_text, const char *format, ...) __attribute__((format(printf, 2, 3)));
void __wrap_bg_arena_init(struct bg_arena *arena, size_t cap);
void *__wrap_bg_arena_alloc(struct bg_arena *arena, size_t count, size_t size);

/* Only where the harness asks for it (meson.build): signers may lie, and checking that they signed takes long. */
enum bg_status __wrap_bg_point_verify(const uint8_t point[static BG_PUBLIC_POINT_BYTES], struct bg_span message,
                                      const uint8_t signature[static BG_SIGNATURE_BYTES]);

enum bg_status __wrap_bg_point_verify(const uint8_t point[static BG_PUBLIC_POINT_BYTES], struct bg_span message,
                                      const uint8_t signature[static BG_SIGNATURE_BYTES])
{
    (void)point, (void)message, (void)signature;
    return BG_OK;
}

static bool counting, paused;
static struct fuzz_limits limits;
static struct fuzz_usage usage;

void fuzz_memory_begin(const struct fuzz_limits *wanted)
{
    limits = *wanted;
    usage = (struct fuzz_usage){0};
    counting = true;
    paused = false;
}

struct fuzz_usage fuzz_memory_end(void)
{
    counting = false;
    return usage;
}

void fuzz_memory_pause(bool wanted)
{
    paused = wanted;
}

static bool runs_out(void)
{
    if (!counting || paused)
        return false;
    size_t index = usage.allocations++;
    return index == limits.failing || (limits.onwards && index > limits.failing);
}

void *__wrap_malloc(size_t size)
{
    return runs_out() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
    return runs_out() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *block, size_t size)
{
    return runs_out() ? NULL : __real_realloc(block, size);
}

void *__wrap_reallocarray(void *block, size_t count, size_t size)
{
    return runs_out() ? NULL : __real_reallocarray(block, count, size);
}

void *__wrap_aligned_alloc(size_t alignment, size_t size)
{
    return runs_out() ? NULL : __real_aligned_alloc(alignment, size);
}

char *__wrap_strdup(const char *text)
{
    return runs_out() ? NULL : __real_strdup(text);
}

int __wrap_asprintf(char **ret_text, const char *format, ...)
{
    va_list arguments;
    if (runs_out())
        return -1;
    va_start(arguments, format);
    int size = vasprintf(ret_text, format, arguments);
    va_end(arguments);
    return size;
}

void __wrap_bg_arena_init(struct bg_arena *arena, size_t cap)
{
    __real_bg_arena_init(arena, counting && !paused && limits.arena_cap < cap ? limits.arena_cap : cap);
}

void *__wrap_bg_arena_alloc(struct bg_arena *arena, size_t count, size_t size)
{
    void *block = __real_bg_arena_alloc(arena, count, size);
    if (counting && !paused && arena->used > usage.arena)
        usage.arena = arena->used;
    return block;
}

__attribute__((constructor)) static void hook_json(void)
{
    cJSON_Hooks hooks = {.malloc_fn = __wrap_malloc, .free_fn = free};
    cJSON_InitHooks(&hooks);
}
