/* SPDX-License-Identifier: Apache-2.0 */
/* What a program found out about a file: a JSON object, and the same as text for people. */
#pragma once

#include "base/json.h"
#include "base/span.h"

#include <stdio.h>

/* 64 hex digits; null for a digest of zeros. */
void bg_facts_digest(struct bg_json *parent, const char *key, const struct bg_digest *digest);
/* "0x8badf00d…" of any bytes, at most the first `most`. */
void bg_facts_hex(struct bg_json *parent, const char *key, struct bg_span bytes, size_t most);
/* A member of an object, as below. */
void bg_facts_print_member(const struct bg_json *member, FILE *out);
/* One line per scalar, lists of scalars on one line and cut after a few, members indented below their name. */
void bg_facts_print(const struct bg_json *object, FILE *out);
