/* SPDX-License-Identifier: Apache-2.0 */
#include "base/sign_bits.h"

#include "tests/unit/no_leaks.h"

TestSuite(sign_bits);

Test(sign_bits, words_cover_the_count)
{
    cr_assert_eq(bg_sign_words(0), 0);
    cr_assert_eq(bg_sign_words(1), 1);
    cr_assert_eq(bg_sign_words(64), 1);
    cr_assert_eq(bg_sign_words(65), 2);
    cr_assert_eq(bg_sign_words(SIZE_MAX), SIZE_MAX / 64 + 1);
}

Test(sign_bits, each_bit_stands_alone)
{
    struct bg_sign_bits bits;
    cr_assert_eq(bg_sign_bits_init(&bits, 130), BG_OK);
    for (size_t i = 0; i < 130; i++) {
        cr_assert_not(bg_sign_bit(&bits, i));
        bg_sign_bit_set(&bits, i, true);
        for (size_t j = 0; j < 130; j++)
            cr_assert_eq(bg_sign_bit(&bits, j), i == j);
        bg_sign_bit_set(&bits, i, false);
    }
    cr_assert_eq(bits.words[0] | bits.words[1] | bits.words[2], 0);
    bg_sign_bits_finish(&bits);
    cr_assert_null(bits.words);
    NO_LEAKS();
}

Test(sign_bits, up_to_64_come_in_one_word_from_anywhere)
{
    struct bg_sign_bits bits;
    cr_assert_eq(bg_sign_bits_init(&bits, 140), BG_OK);
    for (size_t i = 0; i < 140; i++)
        bg_sign_bit_set(&bits, i, i * i % 7 < 3);
    for (size_t first = 0; first <= 140; first++)
        for (size_t count = 0; count <= 64 && first + count <= 140; count++) {
            uint64_t word = bg_sign_bits_word(&bits, first, count);
            for (size_t j = 0; j < 64; j++)
                cr_assert_eq(word >> j & 1, j < count && bg_sign_bit(&bits, first + j), "%zu of %zu", first, count);
        }
    bg_sign_bits_finish(&bits);
    NO_LEAKS();
}

Test(sign_bits, none_is_allowed)
{
    struct bg_sign_bits bits;
    cr_assert_eq(bg_sign_bits_init(&bits, 0), BG_OK);
    cr_assert_not_null(bits.words);
    bg_sign_bits_finish(&bits);
    NO_LEAKS();
}
