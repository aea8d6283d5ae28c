/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which instructions kernels may use. A kernel is one set of functions that computes what the portable set does,
 * bit for bit, with instructions that not every processor has; each table of kernels takes the first whose needs
 * are met.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum bg_cpu_feature {
    BG_CPU_AVX2 = 1 << 0,   /* with BMI2 */
    BG_CPU_AVX512 = 1 << 1, /* F, BW, DQ, VL */
    BG_CPU_VBMI = 1 << 2,   /* AVX-512 VBMI and VBMI2 */
    BG_CPU_IFMA = 1 << 3,   /* AVX-512 IFMA */
    BG_CPU_NEON = 1 << 4,
};

#define BG_CPU_PORTABLE ((uint32_t)0)
#define BG_CPU_ALL UINT32_MAX

/* What this machine has, less what bg_cpu_limit took away. */
uint32_t bg_cpu_features(void);
/* From now on nothing but `features` counts as present. For the start of a program and for tests: objects that
 * exist keep the kernel that they were made with. */
void bg_cpu_limit(uint32_t features);

/* What people may choose, by name: "auto" for all that the machine has, "portable" for nothing special, and what lies
 * between. NULL at the end. */
extern const char *const bg_cpu_choices[];
/* bg_cpu_limit to bg_cpu_choices[choice]. */
void bg_cpu_choose(uint32_t choice);

/* The row of a program's table of options (base/options.h); its field is a uint32_t, for bg_cpu_choose. */
#define BG_CPU_OPTION(offset)                                                                                          \
    {"processor.kernels", BG_OPTION_CHOICE, offset, "auto", 0, 0, bg_cpu_choices, NULL,                                \
     "instructions used at most; results do not depend on them"}

static inline bool bg_cpu_has(uint32_t needs)
{
    return (bg_cpu_features() & needs) == needs;
}
