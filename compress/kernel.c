/* SPDX-License-Identifier: Apache-2.0 */
#include "compress/kernel.h"

#include "base/cpu.h"
#include "compress/kernel_sets.h"

static const struct bg_codec_kernel *const kernels[] = {
#if defined(__x86_64__)
    &bg_codec_avx512, &bg_codec_avx2,
#elif defined(__aarch64__)
    &bg_codec_neon,
#endif
    &bg_codec_portable,
};

const struct bg_codec_kernel *bg_codec_kernel_at(size_t index)
{
    return index < sizeof kernels / sizeof *kernels ? kernels[index] : NULL;
}

const struct bg_codec_kernel *bg_codec_kernel(void)
{
    size_t index = 0;
    while (!bg_cpu_has(kernels[index]->needs))
        index++;
    return kernels[index];
}
