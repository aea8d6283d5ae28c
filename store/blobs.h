/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A folder of immutable files named by a digest in hex: the models an aggregator published, the updates it
 * acknowledged. A file appears under its name whole and durable, or not at all. What a name is the digest of is the
 * owner's affair; where it is that of the whole content, reading checks it. Errors name the file. One writer.
 */
#pragma once

#include "base/error.h"
#include "base/span.h"

struct bg_blobs;

/* SHA-256 of the bytes: the store has no hash of its own. */
typedef void bg_blob_digest(struct bg_span bytes, struct bg_digest *ret_digest);

/* Makes folder/name if it is absent. */
BG_MUST_CHECK enum bg_status bg_blobs_open(const char *folder, const char *name, bg_blob_digest *digest,
                                           struct bg_error *error, struct bg_blobs **ret_blobs);
void bg_blobs_close(struct bg_blobs **blobs);

/* Writes the content under its digest; BG_OK where it is there. Durable on return. */
BG_MUST_CHECK enum bg_status bg_blobs_put(struct bg_blobs *blobs, struct bg_span content, struct bg_error *error,
                                          struct bg_digest *ret_digest);
/* Gives a file on the same file system, whole and synced, another name; its own name stays. What there was under `name`
 * is replaced. Durable with the next bg_blobs_sync. */
BG_MUST_CHECK enum bg_status bg_blobs_adopt(struct bg_blobs *blobs, const struct bg_digest *name, const char *path,
                                            struct bg_error *error);
/* The same with bytes instead of a file; durable at once. */
BG_MUST_CHECK enum bg_status bg_blobs_write(struct bg_blobs *blobs, const struct bg_digest *name,
                                            struct bg_span content, struct bg_error *error);
/* Names given since the last call are durable. */
BG_MUST_CHECK enum bg_status bg_blobs_sync(struct bg_blobs *blobs, struct bg_error *error);

/* Read-only memory of a file; survives the removal of its name. */
struct bg_mapping {
    struct bg_span bytes;
};

/* BG_NOT_FOUND. With `whole`, the content must have the name as its digest: BG_BAD_DIGEST otherwise, and the file is
 * moved to the folder "damaged" in this one. */
BG_MUST_CHECK enum bg_status bg_blobs_map(struct bg_blobs *blobs, const struct bg_digest *name, bool whole,
                                          struct bg_error *error, struct bg_mapping *ret_mapping);
void bg_mapping_finish(struct bg_mapping *mapping);
/* Whether it is out of the way now, in the folder "damaged". */
bool bg_blobs_set_aside(struct bg_blobs *blobs, const struct bg_digest *name);
/* What cannot be removed now is swept later. */
void bg_blobs_remove(struct bg_blobs *blobs, const struct bg_digest *name);
/* Removes whatever was left half-written, and every file that is not wanted. */
BG_MUST_CHECK enum bg_status bg_blobs_sweep(struct bg_blobs *blobs,
                                            bool (*wanted)(void *context, const struct bg_digest *name), void *context,
                                            struct bg_error *error, size_t *ret_removed);
