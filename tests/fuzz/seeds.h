/* SPDX-License-Identifier: Apache-2.0 */
/* Writes the first inputs of every harness, from the encoders themselves: CORPUS/HARNESS/NAME.seed. */
#pragma once

#include "base/span.h"

void seed(const char *harness, const char *name, struct bg_span content);
void seed_text(const char *harness, const char *name, const char *text);
/* The content of a file that a `save` made at fuzz_path(). */
void seed_file(const char *harness, const char *name, const char *path);

void seed_texts(void);    /* seeds_text.c: CSV, JSON, options, numbers, compressed and not */
void seed_messages(void); /* seeds_messages.c: frames and what is made of them */
void seed_requests(void); /* seeds_keyholder.c: what a root asks of a key holder */
void seed_enrolment(void); /* seeds_enrolment.c: certificates, requests, tokens */
void seed_states(void);   /* seeds_states.c: keys, models, journals and states of roles */
