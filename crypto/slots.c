/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/slots.h"

#include "base/cpu.h"

static const struct bg_slots_kernel *const kernels[] = {
#if defined(__x86_64__)
    &bg_slots_avx512,
    &bg_slots_avx2,
#elif defined(__aarch64__)
    &bg_slots_neon,
#endif
    &bg_slots_portable,
};

const struct bg_slots_kernel *bg_slots_kernel_at(size_t index)
{
    return index < sizeof kernels / sizeof *kernels ? kernels[index] : NULL;
}

const struct bg_slots_kernel *bg_slots_kernel(void)
{
    size_t i = 0;
    while (!bg_cpu_has(kernels[i]->needs))
        i++;
    return kernels[i];
}
