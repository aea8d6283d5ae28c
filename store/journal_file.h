/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A journal in one append-only file, readable and writable by its owner alone. Integers are little-endian.
 *
 *    0  magic    4 bytes  "BRGJ"
 *    4  version  u16      1
 *    6  zero     u16
 *    8  entries, each:
 *         size      u32   of the content
 *         kind      u32
 *         content   u32   CRC-32C of the content
 *         head      u32   CRC-32C of the previous entry's head checksum (0 for the first) and the 12 bytes before
 *         content
 *
 * The head checksums chain, so that a missing entry shows. An entry that the file ends in the middle of was never
 * acknowledged: opening drops it. Every other difference is damage, and damage is refused: a role that forgets in
 * silence is worse than one that does not start.
 */
#pragma once

#include "store/journal.h"

#define BG_JOURNAL_ENTRY_MOST_BYTES ((size_t)1 << 30)

struct bg_journal_file;

/* Creates the file if it is absent, locks it for this process, reads it through and drops a torn tail. Errors name
 * the file: BG_BUSY: in use by another process; BG_PERMISSION; BG_BAD_MAGIC, BG_BAD_VERSION; BG_BAD_DIGEST with the
 * offset of the damage; BG_IO, BG_NO_MEMORY. */
BG_MUST_CHECK enum bg_status bg_journal_file_open(const char *path, struct bg_error *error,
                                                  struct bg_journal_file **ret_file);
void bg_journal_file_close(struct bg_journal_file **file);
/* Borrowed; lives as long as the file. After a failed append every later one is BG_IO. */
struct bg_journal *bg_journal_file_journal(struct bg_journal_file *file);
