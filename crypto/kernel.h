/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The kernels of Damgård–Jurik's arithmetic. Keys take the first usable one when they are created; base/cpu.h
 * tells how to keep a program or a test from using one.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct bg_crypto_kernel {
    const char *name; /* "portable", … */
    uint32_t needs;   /* features of base/cpu.h */
    unsigned lanes;   /* numbers that it works on at once */
};

/* The kernels of this build by index, best first, the portable one last. False past the end. */
bool bg_crypto_kernel_at(size_t index, struct bg_crypto_kernel *ret_kernel);
