/* SPDX-License-Identifier: Apache-2.0 */
#include "model/ids/product.h"

#include "model/ids/product_kernel.h"

static bool always(void)
{
    return true;
}

#ifdef BG_PRODUCT_AVX2
static bool has_avx2(void)
{
    return __builtin_cpu_supports("avx2");
}
#endif

static const struct bg_product_variant variants[] = {
    {"portable", bg_product_portable, always},
#ifdef BG_PRODUCT_AVX2
    {"avx2", bg_product_avx2, has_avx2},
#endif
};

const struct bg_product_variant *bg_product_variants(size_t *ret_count)
{
    *ret_count = sizeof variants / sizeof *variants;
    return variants;
}

const struct bg_product_variant *bg_product_choose(void)
{
    const struct bg_product_variant *best = &variants[0];
    for (size_t i = 1; i < sizeof variants / sizeof *variants; i++)
        if (variants[i].supported())
            best = &variants[i];
    return best;
}
