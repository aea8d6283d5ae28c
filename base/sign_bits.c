/* SPDX-License-Identifier: Apache-2.0 */
#include "base/sign_bits.h"

#include <stdlib.h>

enum bg_status bg_sign_bits_init(struct bg_sign_bits *bits, size_t count)
{
    size_t words = bg_sign_words(count);
    uint64_t *memory = calloc(words ? words : 1, sizeof *memory);
    if (!memory)
        return BG_NO_MEMORY;
    *bits = (struct bg_sign_bits){.words = memory, .count = count};
    return BG_OK;
}

void bg_sign_bits_finish(struct bg_sign_bits *bits)
{
    free(bits->words);
    *bits = (struct bg_sign_bits){0};
}
