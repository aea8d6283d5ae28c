/* SPDX-License-Identifier: Apache-2.0 */
/* What holds for every type of message, on random examples of each. */
#include "../no_leaks.h"
#include "examples.h"

#include <stdlib.h>
#include <string.h>

#define EXAMPLES 12
#define MEMORY ((size_t)1 << 16)

/* A copy of exactly its size, so that AddressSanitizer sees a read past its end. */
static uint8_t *copy_bytes(struct bg_span bytes, size_t size)
{
    uint8_t *copy = malloc(size ? size : 1);
    cr_assert(copy);
    memcpy(copy, bytes.data, size < bytes.size ? size : bytes.size);
    return copy;
}

static void set_u64(uint8_t *at, uint64_t value)
{
    for (size_t i = 0; i < 8; i++)
        at[i] = (uint8_t)(value >> (8 * i));
}

/* Decodes within MEMORY bytes: refused with a sentence, or decoded and encoded again to the very same bytes. */
static enum bg_status refused_or_canonical(struct bg_span bytes)
{
    struct bg_arena arena;
    struct bg_writer w;
    struct bg_error error = {0};
    bg_arena_init(&arena, MEMORY);
    bg_writer_init(&w);
    enum bg_status status = decode_again(bytes, &arena, &error, &w);
    if (status == BG_OK) {
        cr_assert(bg_span_equal(bg_writer_span(&w), bytes), "decoded and encoded again gives other bytes");
    } else {
        cr_assert_eq(error.status, status);
        cr_assert(strlen(error.text) > 10, "no sentence: \"%s\"", error.text);
    }
    bg_writer_finish(&w);
    bg_arena_finish(&arena);
    return status;
}

/* Calls `check` with EXAMPLES random messages of each type. */
static void for_examples(uint64_t seed, void (*check)(struct source *source, struct bg_span bytes))
{
    for (size_t k = 0; k < kind_count; k++) {
        for (uint64_t i = 0; i < EXAMPLES; i++) {
            struct source source;
            struct bg_writer w;
            source_init(&source, seed + 1000 * k + i);
            bg_writer_init(&w);
            kinds[k].make(&source, &w);
            cr_assert_eq(w.status, BG_OK);
            uint8_t *bytes = copy_bytes(bg_writer_span(&w), w.size);
            check(&source, (struct bg_span){bytes, w.size});
            free(bytes);
            bg_writer_finish(&w);
            source_finish(&source);
        }
    }
}

static void check_round_trip(struct source *source, struct bg_span bytes)
{
    struct bg_frame frame;
    cr_assert_eq(bg_frame_decode(bytes, NULL, &frame, NULL), BG_OK);
    cr_assert(bg_population_equal(&frame.population, &source->population));
    cr_assert_eq(frame.bytes.size, bytes.size);
    cr_assert_eq(refused_or_canonical(bytes), BG_OK, "%s", bg_frame_type_name(frame.type));
}

Test(every_message, is_encoded_again_to_the_same_bytes)
{
    for (uint64_t seed = 0; seed < 20; seed++)
        for_examples(100000 * seed, check_round_trip);
    NO_LEAKS();
}

static void check_prefixes(struct source *source, struct bg_span bytes)
{
    (void)source;
    for (size_t size = 0; size < bytes.size; size++) {
        uint8_t *prefix = copy_bytes(bytes, size);
        cr_assert_eq(refused_or_canonical((struct bg_span){prefix, size}), BG_TRUNCATED, "of %zu: %zu bytes",
                     bytes.size, size);
        free(prefix);
    }
}

Test(every_message, is_refused_when_cut_anywhere)
{
    for_examples(1, check_prefixes);
    NO_LEAKS();
}

/* The frame stays whole: only the message inside ends too early. */
static void check_short_bodies(struct source *source, struct bg_span bytes)
{
    (void)source;
    struct bg_frame frame;
    cr_assert_eq(bg_frame_decode(bytes, NULL, &frame, NULL), BG_OK);
    for (size_t size = BG_FRAME_HEADER_BYTES; size < bytes.size; size++) {
        uint8_t *shorter = copy_bytes(bytes, size);
        set_u64(shorter + 72, size - BG_FRAME_HEADER_BYTES);
        enum bg_status status = refused_or_canonical((struct bg_span){shorter, size});
        /* A block's payload ends where its frame does: fewer bytes may be a smaller block. */
        if (frame.type != BG_FRAME_BLOCK)
            cr_assert_neq(status, BG_OK, "%s of %zu bytes, %zu left", bg_frame_type_name(frame.type), bytes.size,
                          size);
        free(shorter);
    }
}

Test(every_message, is_refused_when_its_body_is_cut_anywhere)
{
    for_examples(2, check_short_bodies);
    NO_LEAKS();
}

static void check_longer(struct source *source, struct bg_span bytes)
{
    (void)source;
    struct bg_frame frame;
    cr_assert_eq(bg_frame_decode(bytes, NULL, &frame, NULL), BG_OK);
    uint8_t *longer = copy_bytes(bytes, bytes.size + 1);
    longer[bytes.size] = 0;
    cr_assert_eq(refused_or_canonical((struct bg_span){longer, bytes.size + 1}), BG_DECODE);
    set_u64(longer + 72, bytes.size + 1 - BG_FRAME_HEADER_BYTES);
    enum bg_status status = refused_or_canonical((struct bg_span){longer, bytes.size + 1});
    if (frame.type != BG_FRAME_BLOCK)
        cr_assert_eq(status, BG_DECODE, "%s: %d", bg_frame_type_name(frame.type), (int)status);
    free(longer);
}

Test(every_message, is_refused_with_a_byte_left_over)
{
    for_examples(3, check_longer);
    NO_LEAKS();
}

static void check_flips(struct source *source, struct bg_span bytes)
{
    (void)source;
    uint8_t *flipped = copy_bytes(bytes, bytes.size);
    for (size_t bit = 0; bit < 8 * bytes.size; bit++) {
        flipped[bit / 8] ^= (uint8_t)(1u << bit % 8);
        (void)refused_or_canonical((struct bg_span){flipped, bytes.size});
        flipped[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    free(flipped);
}

Test(every_message, with_a_bit_flipped_is_refused_or_canonical)
{
    for_examples(4, check_flips);
    NO_LEAKS();
}

/* Whatever field it lands in, a huge number costs no memory: the arena's cap is small. */
static void check_huge(struct source *source, struct bg_span bytes)
{
    static const uint64_t huge[] = {UINT64_MAX, (uint64_t)1 << 63, (uint64_t)1 << 32, (uint64_t)1 << 20, 4096, 0};
    uint8_t saved[8];
    (void)source;
    uint8_t *changed = copy_bytes(bytes, bytes.size);
    for (size_t at = 0; at + 8 <= bytes.size; at++) {
        memcpy(saved, changed + at, sizeof saved);
        for (size_t i = 0; i < sizeof huge / sizeof *huge; i++) {
            set_u64(changed + at, huge[i]);
            cr_assert_neq(refused_or_canonical((struct bg_span){changed, bytes.size}), BG_NO_MEMORY);
        }
        memcpy(changed + at, saved, sizeof saved);
    }
    free(changed);
}

Test(every_message, bounds_every_count_before_it_allocates)
{
    for_examples(5, check_huge);
    NO_LEAKS();
}

static void check_caps(struct source *source, struct bg_span bytes)
{
    (void)source;
    for (size_t cap = 0; cap <= 1024; cap += 64) {
        struct bg_arena arena;
        struct bg_writer w;
        struct bg_error error = {0};
        bg_arena_init(&arena, cap);
        bg_writer_init(&w);
        enum bg_status status = decode_again(bytes, &arena, &error, &w);
        cr_assert(status == BG_OK || status == BG_NO_MEMORY, "%s", error.text);
        cr_assert(arena.used <= cap);
        bg_writer_finish(&w);
        bg_arena_finish(&arena);
    }
}

Test(every_message, runs_out_of_memory_with_a_status)
{
    for_examples(6, check_caps);
    NO_LEAKS();
}

static void check_type(struct source *source, struct bg_span bytes)
{
    struct bg_arena arena;
    struct bg_writer w;
    struct bg_error error;
    struct bg_frame frame;
    (void)source;
    bg_arena_init(&arena, MEMORY);
    bg_writer_init(&w);
    cr_assert_eq(bg_frame_decode(bytes, NULL, &frame, NULL), BG_OK);
    for (size_t i = 0; i < kind_count; i++) {
        if (kinds[i].type == frame.type)
            continue;
        cr_assert_eq(kinds[i].again(&frame, &arena, &error, &w), BG_DECODE);
        cr_assert(strstr(error.text, "another type"), "%s", error.text);
    }
    bg_writer_finish(&w);
    bg_arena_finish(&arena);
}

Test(every_message, is_refused_by_the_other_decoders)
{
    for_examples(7, check_type);
    NO_LEAKS();
}
