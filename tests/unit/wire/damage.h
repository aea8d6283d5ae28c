/* SPDX-License-Identifier: Apache-2.0 */
/* A message with some bytes changed, and what its decoder says. */
#pragma once

#include "examples.h"

struct damage {
    size_t at;          /* in the body */
    const char *bytes;  /* in place of those there */
    size_t size;
    enum bg_status status;
    const char *says;   /* part of the sentence */
};

#define DAMAGE(at, bytes, status, says) {(at), (bytes), sizeof(bytes) - 1, (status), (says)}

/* Applies each damage to a fresh copy of the frame in *w and asserts status and sentence. */
void expect_refusals(const struct bg_writer *w, const struct damage *damages, size_t count);
