/* SPDX-License-Identifier: Apache-2.0 */
/* The variants of product.h's product, one per instruction set. */
#pragma once

#include "model/ids/product.h"

void bg_product_portable(const struct bg_product *product);
void bg_product_avx2(const struct bg_product *product);
