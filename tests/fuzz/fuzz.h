/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What every harness shares. A harness is one file: a check of one parser, and LLVMFuzzerTestOneInput, which hands the
 * check to fuzz_run. Linked with libFuzzer it searches for inputs; linked with replay.c it tries the corpus, and what
 * is made from it, as an ordinary test.
 *
 * The executables wrap the allocation functions (memory.c), so that memory can run out at any chosen point.
 */
#pragma once

#include "base/error.h"
#include "base/span.h"

/* Decodes the input and requires what must hold of whatever decodes: above all that it encodes to the same bytes, or,
 * where several encodings mean the same, decodes again to an equal value. Gives the parser's status, the same for the
 * same input each time, or BG_NO_MEMORY wherever memory ran out. */
typedef enum bg_status fuzz_check(struct bg_span input);

/* Calls the check with memory enough, which must not run out; then with one allocation that fails, with every
 * allocation failing from some point on, and with a cap on every arena: the input decides where, and with
 * fuzz_thorough many places are tried. Each time the status must be the first one or BG_NO_MEMORY. Gives 0. */
int fuzz_run(fuzz_check *check, const uint8_t *data, size_t size);
extern bool fuzz_thorough;

/* From here to the end of the check memory does not run out: for what is not under test. */
void fuzz_spare_memory(void);

/* Memory does not run out, and nothing is counted, until it goes on. */
void fuzz_pause_memory(bool paused);

/* Ends the process, saying where, what and on which input, unless `holds`. */
#define FUZZ_REQUIRE(holds, ...) \
    do { \
        if (!(holds)) \
            fuzz_fail(__FILE__, __LINE__, #holds, __VA_ARGS__); \
    } while (0)
_Noreturn void fuzz_fail(const char *file, int line, const char *rule, const char *format, ...) BG_PRINTF(4, 5);

/* Requires of a refusal that *error holds its status and one line of printable UTF-8, and gives the status. */
enum bg_status fuzz_refused(enum bg_status status, const struct bg_error *error);

/* The path of a file in memory, for its owner alone, with this content. Two such files live at a time: the path and
 * the file are valid until the call after the next. */
const char *fuzz_file(struct bg_span content);
/* A path in a folder of our own that goes when the process ends: there is no such file. Valid until the next call. */
const char *fuzz_path(void);
/* Requires that the file at `path` has this content. */
void fuzz_require_content(const char *path, struct bg_span content);

/* Calls the check with the input as it is, then with one that ends in the SHA-256 of what is before, as our files do.
 * Gives the status of the last. */
enum bg_status fuzz_sealed(fuzz_check *check, struct bg_span input);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
