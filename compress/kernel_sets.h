/* SPDX-License-Identifier: Apache-2.0 */
/* The sets of compress/kernel.h that this build may have; only for that table. Sets for wide registers leave what does
 * not fill one to the portable set. */
#pragma once

#include "compress/kernel.h"

extern const struct bg_codec_kernel bg_codec_portable;
#if defined(__x86_64__)
extern const struct bg_codec_kernel bg_codec_avx2, bg_codec_avx512;
#elif defined(__aarch64__)
extern const struct bg_codec_kernel bg_codec_neon;
#endif
