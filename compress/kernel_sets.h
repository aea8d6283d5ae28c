/* SPDX-License-Identifier: Apache-2.0 */
/* The sets of compress/kernel.h that this build may have; only for that table. Sets for wide registers leave what does
 * not fill one to the portable set. */
#pragma once

#include "compress/kernel.h"

extern const struct bg_codec_kernel bg_codec_portable;
/* Its functions that others have no better ones for. */
void bg_codec_portable_window(const struct bg_window *window, size_t first, size_t count, uint64_t *ret_words);
uint64_t bg_codec_portable_gather(uint64_t word, uint64_t mask);
uint64_t bg_codec_portable_spread(uint64_t word, uint64_t mask);
#if defined(__x86_64__)
extern const struct bg_codec_kernel bg_codec_avx2, bg_codec_avx512;
#elif defined(__aarch64__)
extern const struct bg_codec_kernel bg_codec_neon;
#endif
