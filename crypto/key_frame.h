/* SPDX-License-Identifier: Apache-2.0 */
/* What both kinds of key file share, for their loaders and for tools that tell what a file is. The bytes are
 * described in crypto/public_key_file.h and crypto/key_file.h. */
#pragma once

#include "crypto/public_key.h"

#define BG_KEY_FRAME_VERSION 1
#define BG_KEY_FRAME_HEADER_BYTES 12
#define BG_KEY_FRAME_MOST_BYTES (BG_KEY_FRAME_HEADER_BYTES + BG_KEY_MOST_BYTES + BG_DIGEST_BYTES)
#define BG_KEY_FRAME_PUBLIC "BRGP"
#define BG_KEY_FRAME_SECRET "BRGS"

struct bg_key_frame {
    uint32_t bits;
    struct bg_span body; /* into the bytes that were read */
};

/* Returns the size of the frame. body is bits/8 bytes. */
size_t bg_key_frame_write(const char magic[static 4], uint32_t bits, struct bg_span body,
                          uint8_t ret_bytes[static BG_KEY_FRAME_MOST_BYTES]);
/* `name` is what errors call the file. BG_TRUNCATED, BG_BAD_MAGIC, BG_BAD_VERSION, BG_DECODE (bits, flags,
 * bytes left over), BG_BAD_DIGEST. */
BG_MUST_CHECK enum bg_status bg_key_frame_read(struct bg_span bytes, const char magic[static 4],
                                               const char *name, struct bg_error *error,
                                               struct bg_key_frame *ret_frame);
