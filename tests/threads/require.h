/* SPDX-License-Identifier: Apache-2.0 */
/* What tests without Criterion say where a condition does not hold. */
#pragma once

#include <stdio.h>
#include <stdlib.h>

#define REQUIRE(condition)                                                                                          \
    do {                                                                                                            \
        if (!(condition)) {                                                                                         \
            fprintf(stderr, "%s:%d: %s\n", __FILE__, __LINE__, #condition);                                         \
            exit(1);                                                                                                \
        }                                                                                                           \
    } while (0)
