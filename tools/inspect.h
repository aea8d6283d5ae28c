/* SPDX-License-Identifier: Apache-2.0 */
/* What burgee-inspect says about each kind of file. Facts are appended to an object; errors name `path`. */
#pragma once

#include "tools/facts.h"

/* Frames one after another (wire/frame.h). What was understood before an error stays in `facts`. */
BG_MUST_CHECK enum bg_status bg_inspect_frames(const char *path, struct bg_span content, struct bg_json *facts,
                                               struct bg_error *error);
BG_MUST_CHECK enum bg_status bg_inspect_model(const char *path, struct bg_span content, struct bg_json *facts,
                                              struct bg_error *error);
/* Public key of the scheme. */
BG_MUST_CHECK enum bg_status bg_inspect_public_key(const char *path, struct bg_json *facts, struct bg_error *error);
/* Public half of an identity or a sealing key. */
BG_MUST_CHECK enum bg_status bg_inspect_point(const char *path, struct bg_span content, struct bg_json *facts,
                                              struct bg_error *error);
BG_MUST_CHECK enum bg_status bg_inspect_npy(const char *path, struct bg_json *facts, struct bg_error *error);
/* Results of the simulator: BG_DATA for any other JSON. */
BG_MUST_CHECK enum bg_status bg_inspect_results(const char *path, struct bg_span content, struct bg_json *facts,
                                                struct bg_error *error);

/* What `burgee-inspect data` is asked. */
struct bg_inspect_data_settings {
    const char *schema; /* read the file as it says, NULL: survey it */
    const char *label;  /* column to suggest as the label; NULL: guess */
    bool suggest;       /* only the schema */
};
/* Delimited text, plain or compressed; streams it. */
BG_MUST_CHECK enum bg_status bg_inspect_data(const char *path, const struct bg_inspect_data_settings *settings,
                                             struct bg_json *facts, struct bg_error *error);

/* The facts for people: a line per column. */
void bg_inspect_data_print(const struct bg_json *facts, FILE *out);

/* Files that hold secrets: these never read further than what they tell. `head` is the beginning of the file. */
#define BG_INSPECT_HEAD_BYTES 16
BG_MUST_CHECK enum bg_status bg_inspect_secret_key(const char *path, struct bg_span head, struct bg_json *facts,
                                                   struct bg_error *error);
BG_MUST_CHECK enum bg_status bg_inspect_secret_point(const char *path, struct bg_span head, struct bg_json *facts,
                                                     struct bg_error *error);
/* Of a client or a root. */
BG_MUST_CHECK enum bg_status bg_inspect_state(const char *path, struct bg_span head, struct bg_json *facts,
                                              struct bg_error *error);
BG_MUST_CHECK enum bg_status bg_inspect_journal(const char *path, FILE *file, struct bg_json *facts,
                                                struct bg_error *error);
