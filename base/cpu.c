/* SPDX-License-Identifier: Apache-2.0 */
#include "base/cpu.h"

#include <stdatomic.h>
#include <stddef.h>

static _Atomic uint32_t limit = BG_CPU_ALL;

const char *const bg_cpu_choices[] = {"auto", "portable", "avx2", "avx512", NULL};
static const uint32_t features_of_choice[] = {BG_CPU_ALL, BG_CPU_PORTABLE, BG_CPU_AVX2, BG_CPU_AVX2 | BG_CPU_AVX512};

#if defined(__x86_64__)
static uint32_t detect(void)
{
    __builtin_cpu_init();
    uint32_t features = 0;
    if (__builtin_cpu_supports("avx2") && __builtin_cpu_supports("bmi2"))
        features |= BG_CPU_AVX2;
    if (__builtin_cpu_supports("avx512f") && __builtin_cpu_supports("avx512bw") && __builtin_cpu_supports("avx512dq") &&
        __builtin_cpu_supports("avx512vl"))
        features |= BG_CPU_AVX512;
    if (!(features & BG_CPU_AVX512))
        return features;
    if (__builtin_cpu_supports("avx512vbmi") && __builtin_cpu_supports("avx512vbmi2"))
        features |= BG_CPU_VBMI;
    if (__builtin_cpu_supports("avx512ifma"))
        features |= BG_CPU_IFMA;
    return features;
}
#elif defined(__aarch64__)
static uint32_t detect(void)
{
    return BG_CPU_NEON;
}
#else
static uint32_t detect(void)
{
    return BG_CPU_PORTABLE;
}
#endif

uint32_t bg_cpu_features(void)
{
    return detect() & atomic_load_explicit(&limit, memory_order_relaxed);
}

void bg_cpu_limit(uint32_t features)
{
    atomic_store_explicit(&limit, features, memory_order_relaxed);
}

void bg_cpu_choose(uint32_t choice)
{
    bg_cpu_limit(features_of_choice[choice]);
}
