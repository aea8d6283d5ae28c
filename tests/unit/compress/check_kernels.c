/* SPDX-License-Identifier: Apache-2.0 */
/* Checks every kernel that this machine has, and prints their names: for machines that have no test framework. */
#include "base/cpu.h"
#include "kernel_checks.h"

#include <stdio.h>

int main(void)
{
    const struct bg_codec_kernel *kernel;
    for (size_t i = 0; (kernel = bg_codec_kernel_at(i)); i++) {
        const char *complaint = bg_cpu_has(kernel->needs) ? kernel_complaint(kernel) : NULL;
        if (complaint) {
            puts(complaint);
            return 1;
        }
        if (bg_cpu_has(kernel->needs))
            puts(kernel->name);
    }
    return 0;
}
