/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a root between two rounds must carry into another process, beside its model file and its agreement with the
 * key holder: rounds counted so far, scales, centres, momentum and squares of the server step, the records of the key
 * holder that it has seen, and the release set of every group. Release sets are per epoch and stand last.
 *
 *   u64 round | u32 attempt | 32 digest of its receipt | u32 rounds held in a row | u64 learning rounds |
 *   u8 stages before learning that are done, a bit each |
 *   f64 availability | u64 deadline, u64 arrivals, u64 length of a round (ns; aggregator/pace.h)
 *   u64 tensors | per tensor: f64 scale, f64 centre |
 *   u64 momenta (coordinates, or 0 where all are 0) | f32 each | u64 squares (the same) | f32 each
 *   u64 records | per record: u64 sequence, 32 digest, 32 digest of the one before
 *   u64 rounds of the epoch | u64 groups | per group: u64 release set, u8 opened
 */
#pragma once

#include "aggregator/root.h"

/* Of a root whose round is over. */
void bg_checkpoint_write(const struct bg_root *root, struct bg_writer *w);

/* Reads everything but the release sets into a root fresh from creation, whose model is that of the checkpoint, and
 * makes `epoch` its last one. BG_DATA where checkpoint and model do not belong together. */
BG_MUST_CHECK enum bg_status bg_checkpoint_restore(struct bg_root *root, uint64_t epoch, struct bg_reader *r,
                                                   struct bg_error *error);
/* Reads the rest into a root that has agreed on the checkpoint's epoch again. */
BG_MUST_CHECK enum bg_status bg_checkpoint_restore_groups(struct bg_root *root, struct bg_reader *r,
                                                          struct bg_error *error);
