/* SPDX-License-Identifier: Apache-2.0 */
#include "compress/window.h"

#include <math.h>

#define CIRCLE 0x1p32

uint64_t bg_window_word(const struct bg_window *window, size_t first, size_t count)
{
    uint64_t all = count < 64 ? ((uint64_t)1 << count) - 1 : UINT64_MAX;
    if (window->rest == 0)
        return all;
    uint64_t word = 0;
    for (size_t i = 0; i < count; i++)
        word |= (uint64_t)bg_window_has(window, first + i) << i;
    return word;
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
    size_t count = 0;
    if (window->rest == 0)
        return tensor->count;
    for (size_t i = tensor->offset; i < tensor->offset + tensor->count; i++)
        count += bg_window_has(window, i);
    return count;
}
