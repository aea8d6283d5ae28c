/* SPDX-License-Identifier: Apache-2.0 */
#include "compress/window.h"

#include "compress/kernel.h"

#include <math.h>
#include <string.h>

#define CIRCLE 0x1p32

void bg_window_words(const struct bg_window *window, size_t first, size_t count, uint64_t *ret_words)
{
    if (window->rest) {
        bg_codec_kernel()->window(window, first, count, ret_words);
        return;
    }
    memset(ret_words, 0xff, count / 64 * sizeof *ret_words);
    if (count % 64)
        ret_words[count / 64] = ((uint64_t)1 << count % 64) - 1;
}

struct bg_window bg_window_of_round(double share, uint64_t number)
{
    double width = fmin(fmax(floor(share * CIRCLE + 0.5), 1), CIRCLE);
    uint64_t phases = (uint64_t)width;
    return (struct bg_window){.first = (uint32_t)(number * phases), .rest = (uint32_t)-phases};
}

double bg_window_share(const struct bg_window *window)
{
    return 1 - (double)window->rest / CIRCLE;
}

size_t bg_window_count(const struct bg_window *window, const struct bg_tensor *tensor)
{
    if (window->rest == 0)
        return tensor->count;
    uint64_t has[BG_CODEC_RUN / 64];
    size_t votes = 0;
    for (size_t begin = 0; begin < tensor->count; begin += BG_CODEC_RUN) {
        size_t count = bg_codec_run(tensor->count, begin);
        bg_window_words(window, tensor->offset + begin, count, has);
        for (size_t w = 0; w < count; w += 64)
            votes += (size_t)__builtin_popcountll(has[w / 64]);
    }
    return votes;
}
