/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/secure_heap.h"

#include "crypto/wipe.h"

#include <errno.h>
#include <gmp.h>
#include <pthread.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <unistd.h>

/* Blocks of the locked region have 2^6 … 2^21 bytes and are reused within their size; what is longer, or
 * finds the region full, comes from malloc. */
#define LEAST_SHIFT 6
#define MOST_SHIFT 21
#define CLASSES (MOST_SHIFT - LEAST_SHIFT + 1)

struct free_block {
    struct free_block *next;
};

/* GMP's hooks carry no context, hence one heap per process. */
static struct {
    pthread_mutex_t mutex;
    uint8_t *region; /* NULL until installed */
    size_t size;
    size_t used; /* bytes ever handed out */
    struct free_block *free_blocks[CLASSES];
} heap = {.mutex = PTHREAD_MUTEX_INITIALIZER};

/* CLASSES when the region has no blocks of that size. */
static size_t class_of(size_t size)
{
    size_t class = 0;
    while (class < CLASSES && (size_t)1 << (LEAST_SHIFT + class) < size)
        class++;
    return class;
}

static bool in_region(const void *block)
{
    uintptr_t offset = (uintptr_t)block - (uintptr_t)heap.region;
    return offset < heap.size;
}

static void *take_from_region(size_t class)
{
    void *block = NULL;
    if (class == CLASSES)
        return NULL;
    size_t size = (size_t)1 << (LEAST_SHIFT + class);
    pthread_mutex_lock(&heap.mutex);
    if (heap.free_blocks[class]) {
        struct free_block *head = heap.free_blocks[class];
        heap.free_blocks[class] = head->next;
        head->next = NULL;
        block = head;
    } else if (size <= heap.size - heap.used) {
        block = heap.region + heap.used;
        heap.used += size;
    }
    pthread_mutex_unlock(&heap.mutex);
    return block;
}

static void *allocate(size_t size)
{
    static const char message[] = "out of memory in an integer computation\n";
    void *block = take_from_region(class_of(size));
    if (!block)
        block = malloc(size);
    if (!block) {
        ssize_t written = write(STDERR_FILENO, message, sizeof message - 1);
        (void)written;
        abort();
    }
    return block;
}

static void release(void *block, size_t size)
{
    bg_wipe(block, size);
    if (!in_region(block)) {
        free(block);
        return;
    }
    struct free_block *head = block;
    size_t class = class_of(size);
    pthread_mutex_lock(&heap.mutex);
    head->next = heap.free_blocks[class];
    heap.free_blocks[class] = head;
    pthread_mutex_unlock(&heap.mutex);
}

static void *reallocate(void *block, size_t old_size, size_t new_size)
{
    if (in_region(block) && class_of(old_size) == class_of(new_size)) {
        if (new_size < old_size)
            bg_wipe((uint8_t *)block + new_size, old_size - new_size);
        return block;
    }
    void *moved = allocate(new_size);
    memcpy(moved, block, old_size < new_size ? old_size : new_size);
    release(block, old_size);
    return moved;
}

enum bg_status bg_secure_process(struct bg_error *error)
{
    const struct rlimit none = {0, 0};
    if (setrlimit(RLIMIT_CORE, &none) != 0)
        return bg_fail(error, BG_IO, "turning off core dumps: %s", strerror(errno));
    if (prctl(PR_SET_DUMPABLE, 0, 0, 0, 0) != 0)
        return bg_fail(error, BG_IO, "hiding this process from others: %s", strerror(errno));
    return BG_OK;
}

enum bg_status bg_secure_heap_install(size_t size, struct bg_error *error, bool *ret_locked)
{
    if (heap.region)
        return bg_fail(error, BG_INVALID, "secure heap: installed already");
    if (size == 0)
        return bg_fail(error, BG_INVALID, "secure heap: no size");
    void *region = mmap(NULL, size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (region == MAP_FAILED)
        return bg_fail(error, BG_NO_MEMORY, "secure heap of %zu bytes: %s", size, strerror(errno));
    *ret_locked = mlock(region, size) == 0 && madvise(region, size, MADV_DONTDUMP) == 0;
    heap.region = region;
    heap.size = size;
    mp_set_memory_functions(allocate, reallocate, release);
    return BG_OK;
}
