/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/key_frame.h"

#include "crypto/digest.h"

#include <string.h>

#define INSECURE 1u

static void put(uint8_t *bytes, uint32_t value, size_t size)
{
    for (size_t i = 0; i < size; i++)
        bytes[i] = (uint8_t)(value >> 8 * i);
}

static unsigned flags_of(uint32_t bits)
{
    return bits < BG_KEY_SECURE_BITS ? INSECURE : 0;
}

size_t bg_key_frame_write(const char magic[static 4], uint32_t bits, struct bg_span body,
                          uint8_t ret_bytes[static BG_KEY_FRAME_MOST_BYTES])
{
    struct bg_digest digest;
    size_t size = BG_KEY_FRAME_HEADER_BYTES;

    memcpy(ret_bytes, magic, 4);
    put(ret_bytes + 4, BG_KEY_FRAME_VERSION, 2);
    put(ret_bytes + 6, flags_of(bits), 2);
    put(ret_bytes + 8, bits, 4);
    memcpy(ret_bytes + size, body.data, body.size);
    size += body.size;
    bg_sha256((struct bg_span){ret_bytes, size}, &digest);
    memcpy(ret_bytes + size, digest.bytes, sizeof digest.bytes);
    return size + sizeof digest.bytes;
}

enum bg_status bg_key_frame_read(struct bg_span bytes, const char magic[static 4], const char *name,
                                 struct bg_error *error, struct bg_key_frame *ret_frame)
{
    struct bg_reader r;
    struct bg_digest digest;

    bg_reader_init(&r, bytes);
    struct bg_span found = bg_read_span(&r, 4);
    if (r.status == BG_OK && memcmp(found.data, magic, 4) != 0)
        return bg_fail(error, BG_BAD_MAGIC, "%s: not a %s key file of burgee", name,
                       memcmp(magic, BG_KEY_FRAME_SECRET, 4) == 0 ? "secret" : "public");
    unsigned version = bg_read_u16(&r);
    if (r.status == BG_OK && version != BG_KEY_FRAME_VERSION)
        return bg_fail(error, BG_BAD_VERSION, "%s: key file of version %u; this program reads version %d",
                       name, version, BG_KEY_FRAME_VERSION);
    unsigned flags = bg_read_u16(&r);
    uint32_t bits = bg_read_u32(&r);
    if (r.status == BG_OK && (bits < BG_KEY_LEAST_BITS || bits > BG_KEY_MOST_BITS || bits % 8))
        return bg_fail(error, BG_DECODE, "%s: damaged key file: %u bits", name, bits);
    struct bg_span body = bg_read_span(&r, bits / 8);
    struct bg_digest claimed = bg_read_digest(&r);
    if (r.status != BG_OK)
        return bg_fail(error, r.status, "%s: key file ends too early, at byte %zu", name, bytes.size);
    if (bg_reader_end(&r) != BG_OK)
        return bg_fail(error, BG_DECODE, "%s: %zu bytes after the end of the key", name,
                       bytes.size - r.offset);
    bg_sha256((struct bg_span){bytes.data, bytes.size - BG_DIGEST_BYTES}, &digest);
    if (!bg_digest_equal(&digest, &claimed))
        return bg_fail(error, BG_BAD_DIGEST, "%s: damaged key file: its bytes do not match their digest",
                       name);
    if (flags != flags_of(bits))
        return bg_fail(error, BG_DECODE, "%s: flags 0x%04x do not belong to a key of %u bits", name, flags,
                       bits);
    *ret_frame = (struct bg_key_frame){.bits = bits, .body = body};
    return BG_OK;
}
