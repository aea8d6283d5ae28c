/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A harness as an ordinary test: replay CORPUS MUTATIONS. Every file of the corpus is tried with memory running out in
 * many places, then so many inputs that are made from the files, the same each time. An input that ends the process is
 * left in the working directory under the name that is told.
 */
#include "base/file.h"
#include "base/number.h"
#include "base/prng.h"
#include "tests/fuzz/fuzz.h"

#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MOST_FILES 256
#define MOST_BYTES ((size_t)1 << 16) /* of an input that is made */

void __sanitizer_set_death_callback(void (*callback)(void)) __attribute__((weak));

struct input {
    char name[64];
    uint8_t *data;
    size_t size;
};

static struct input inputs[MOST_FILES];
static size_t count;

/* ---- what is said of an input that ends the process ---- */

static struct bg_span current;
static char origin[128];
static char left_behind[64];

static void tell(void)
{
    static const char words[] = "the input is in the working directory: ";
    int fd = open(left_behind, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
    ssize_t written = fd < 0 ? -1 : write(fd, current.data, current.size);
    if (fd >= 0)
        close(fd);
    written += write(STDERR_FILENO, origin, strlen(origin));
    written += write(STDERR_FILENO, "\n", 1);
    written += write(STDERR_FILENO, words, sizeof words - 1);
    written += write(STDERR_FILENO, left_behind, strlen(left_behind));
    written += write(STDERR_FILENO, "\n", 1);
    (void)written;
}

static void on_signal(int number)
{
    tell();
    signal(number, SIG_DFL);
    raise(number);
}

static void watch(void)
{
    signal(SIGABRT, on_signal);
    if (__sanitizer_set_death_callback) {
        __sanitizer_set_death_callback(tell);
        return;
    }
    signal(SIGSEGV, on_signal);
    signal(SIGBUS, on_signal);
    signal(SIGFPE, on_signal);
}

/* On a block of exactly its size, so that AddressSanitizer sees a read past its end. */
static void run(const uint8_t *data, size_t size)
{
    uint8_t *copy = malloc(size ? size : 1);
    FUZZ_REQUIRE(copy, "no memory");
    memcpy(copy, data, size);
    current = (struct bg_span){copy, size};
    LLVMFuzzerTestOneInput(copy, size);
    free(copy);
}

/* ---- inputs made from others ---- */

static size_t below(struct bg_prng *prng, size_t bound)
{
    return (size_t)bg_prng_below(prng, bound);
}

static void set_integer(struct bg_prng *prng, uint8_t *data, size_t size)
{
    static const uint64_t values[] = {0, 1, 0x7f, 0x80, 0xff, 0x7fff, 0xffff, 0x7fffffff, 0x80000000, 0xffffffff,
                                      (uint64_t)1 << 32, INT64_MAX, (uint64_t)1 << 63, UINT64_MAX - 7, UINT64_MAX};
    size_t width = (size_t)1 << below(prng, 4);
    uint64_t value = values[below(prng, sizeof values / sizeof *values)];
    if (size < width)
        return;
    uint8_t *at = data + below(prng, size - width + 1);
    for (size_t i = 0; i < width; i++)
        at[i] = (uint8_t)(value >> (8 * i));
}

/* Puts `more` in place of a stretch of the data. */
static size_t replace(struct bg_prng *prng, uint8_t *data, size_t size, const uint8_t *more, size_t more_size)
{
    size_t at = below(prng, size + 1), removed = below(prng, size - at + 1);
    if (below(prng, 2))
        removed = removed < 8 ? removed : 8;
    if (size - removed + more_size > MOST_BYTES)
        return size;
    memmove(data + at + more_size, data + at + removed, size - at - removed);
    memcpy(data + at, more, more_size);
    return size - removed + more_size;
}

static size_t mutate(struct bg_prng *prng, uint8_t *data, size_t size)
{
    const struct input *other = &inputs[below(prng, count)];
    uint8_t noise[16];
    size_t from = below(prng, other->size + 1);
    for (size_t i = 0; i < sizeof noise; i++)
        noise[i] = (uint8_t)bg_prng_next(prng);
    switch (below(prng, 6)) {
    case 0:
        if (size)
            data[below(prng, size)] ^= (uint8_t)(1u << below(prng, 8));
        return size;
    case 1:
        if (size)
            data[below(prng, size)] = noise[0];
        return size;
    case 2:
        set_integer(prng, data, size);
        return size;
    case 3:
        return replace(prng, data, size, noise, below(prng, sizeof noise + 1));
    case 4:
        return replace(prng, data, size, other->data + from, below(prng, other->size - from + 1));
    default:
        return below(prng, 4) ? size : below(prng, size + 1);
    }
}

static void run_mutations(size_t mutations)
{
    static uint8_t data[MOST_BYTES];
    struct bg_prng prng;
    for (size_t i = 0; i < mutations; i++) {
        bg_prng_init(&prng, i);
        const struct input *input = &inputs[below(&prng, count)];
        size_t size = input->size < MOST_BYTES ? input->size : MOST_BYTES;
        memcpy(data, input->data, size);
        for (size_t steps = 1 + below(&prng, 4); steps > 0; steps--)
            size = mutate(&prng, data, size);
        snprintf(origin, sizeof origin, "mutation %zu, of %s", i, input->name);
        run(data, size);
    }
}

/* ---- the corpus ---- */

static int compare_inputs(const void *a, const void *b)
{
    const struct input *x = a, *y = b;
    return strcmp(x->name, y->name);
}

static void load_corpus(const char *folder)
{
    struct bg_error error;
    DIR *directory = opendir(folder);
    FUZZ_REQUIRE(directory, "cannot open %s", folder);
    for (struct dirent *entry = readdir(directory); entry; entry = readdir(directory)) {
        char path[4096];
        if (entry->d_name[0] == '.')
            continue;
        FUZZ_REQUIRE(count < MOST_FILES, "%s holds more than %d files", folder, MOST_FILES);
        struct input *input = &inputs[count++];
        snprintf(input->name, sizeof input->name, "%.60s", entry->d_name);
        snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        enum bg_status status = bg_file_read(path, SIZE_MAX / 4, &error, &input->data, &input->size);
        FUZZ_REQUIRE(status == BG_OK, "%s", error.text);
    }
    closedir(directory);
    qsort(inputs, count, sizeof *inputs, compare_inputs);
    FUZZ_REQUIRE(count > 0, "%s is empty", folder);
}

int main(int argc, char **argv)
{
    uint64_t mutations;
    if (argc != 3 || bg_parse_u64(argv[2], 0, 1u << 30, &mutations) != BG_OK) {
        fprintf(stderr, "usage: %s CORPUS MUTATIONS\n", argv[0]);
        return 2;
    }
    const char *name = strrchr(argv[0], '/') ? strrchr(argv[0], '/') + 1 : argv[0];
    snprintf(left_behind, sizeof left_behind, "%.40s-input", name);
    load_corpus(argv[1]);
    watch();
    printf("1..2\n");
    fuzz_thorough = true;
    for (size_t i = 0; i < count; i++) {
        snprintf(origin, sizeof origin, "%.63s", inputs[i].name);
        run(inputs[i].data, inputs[i].size);
    }
    printf("ok 1 - corpus of %zu files, with memory running out\n", count);
    fuzz_thorough = false;
    run_mutations((size_t)mutations);
    printf("ok 2 - %zu inputs made from it\n", (size_t)mutations);
    for (size_t i = 0; i < count; i++)
        free(inputs[i].data);
    return 0;
}
