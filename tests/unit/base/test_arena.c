/* SPDX-License-Identifier: Apache-2.0 */
#include "base/arena.h"

#include "tests/unit/no_leaks.h"

#include <stdint.h>

TestSuite(arena);

Test(arena, gives_zeroed_aligned_separate_blocks)
{
    struct bg_arena arena;
    bg_arena_init(&arena, SIZE_MAX);
    uint8_t *blocks[500];
    for (size_t i = 0; i < 500; i++) {
        size_t size = i * 37 % 1500;
        blocks[i] = bg_arena_alloc(&arena, size, 1);
        cr_assert_not_null(blocks[i]);
        cr_assert_eq((uintptr_t)blocks[i] % 64, 0);
        for (size_t j = 0; j < size; j++)
            cr_assert_eq(blocks[i][j], 0);
        memset(blocks[i], (int)(i & 0xff), size);
    }
    for (size_t i = 0; i < 500; i++)
        for (size_t j = 0; j < i * 37 % 1500; j++)
            cr_assert_eq(blocks[i][j], (uint8_t)i);
    bg_arena_finish(&arena);
    NO_LEAKS();
}

Test(arena, refuses_past_its_cap)
{
    struct bg_arena arena;
    bg_arena_init(&arena, 256);
    cr_assert_not_null(bg_arena_alloc(&arena, 1, 1));
    cr_assert_eq(arena.used, 64);
    cr_assert_not_null(bg_arena_alloc(&arena, 2, 64));
    cr_assert_null(bg_arena_alloc(&arena, 65, 1));
    cr_assert_eq(arena.used, 192);
    cr_assert_not_null(bg_arena_alloc(&arena, 64, 1));
    cr_assert_null(bg_arena_alloc(&arena, 1, 1));
    bg_arena_finish(&arena);
    cr_assert_eq(arena.used, 0);
    cr_assert_not_null(bg_arena_alloc(&arena, 256, 1));
    bg_arena_finish(&arena);
    NO_LEAKS();
}

Test(arena, refuses_sizes_that_wrap)
{
    struct bg_arena arena;
    bg_arena_init(&arena, SIZE_MAX);
    cr_assert_null(bg_arena_alloc(&arena, SIZE_MAX, 2));
    cr_assert_null(bg_arena_alloc(&arena, SIZE_MAX, 1));
    cr_assert_null(bg_arena_alloc(&arena, SIZE_MAX - 64, 1));
    cr_assert_null(BG_ARENA_ARRAY(&arena, uint64_t, SIZE_MAX / 8 + 1));
    cr_assert_eq(arena.used, 0);
    cr_assert_null(arena.chunks);
}

Test(arena, a_large_block_leaves_the_small_chunk_in_use)
{
    struct bg_arena arena;
    bg_arena_init(&arena, SIZE_MAX);
    uint8_t *first = bg_arena_alloc(&arena, 1, 1);
    uint8_t *large = bg_arena_alloc(&arena, 1, (size_t)3 << 20);
    uint8_t *second = bg_arena_alloc(&arena, 1, 1);
    cr_assert_not_null(large);
    memset(large, 1, (size_t)3 << 20);
    cr_assert_eq(second, first + 64);
    bg_arena_finish(&arena);
    NO_LEAKS();
}

Test(arena, nothing_is_a_valid_pointer)
{
    struct bg_arena arena;
    bg_arena_init(&arena, SIZE_MAX);
    cr_assert_not_null(bg_arena_alloc(&arena, 0, 8));
    cr_assert_not_null(bg_arena_alloc(&arena, 8, 0));
    bg_arena_finish(&arena);
}

Test(arena, copies_text)
{
    struct bg_arena arena;
    bg_arena_init(&arena, 128);
    char text[] = "round";
    char *copy = bg_arena_text(&arena, text);
    text[0] = 'x';
    cr_assert_str_eq(copy, "round");
    cr_assert_str_eq(bg_arena_text(&arena, ""), "");
    cr_assert_null(bg_arena_text(&arena, "over the cap"));
    bg_arena_finish(&arena);
    NO_LEAKS();
}
