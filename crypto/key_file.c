/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/key_file.h"

#include "crypto/key_frame.h"
#include "crypto/secret_file.h"
#include "crypto/secret_parts.h"
#include "crypto/wipe.h"

enum bg_status bg_secret_key_load(const char *path, uint32_t s, bool allow_insecure, struct bg_error *error,
                                  struct bg_secret_key **ret_key)
{
    uint8_t bytes[BG_KEY_FRAME_MOST_BYTES + 1]; /* a full buffer has bytes left over */
    size_t size = 0;
    struct bg_key_frame frame;

    enum bg_status status = bg_secret_file_read(path, error, bytes, sizeof bytes, &size);
    if (status == BG_OK)
        status = bg_key_frame_read((struct bg_span){bytes, size}, BG_KEY_FRAME_SECRET, path, error, &frame);
    if (status == BG_OK) {
        size_t half = frame.body.size / 2;
        struct bg_span p = {frame.body.data, half}, q = {frame.body.data + half, half};
        status = bg_secret_key_create(p, q, frame.bits, s, allow_insecure, error, ret_key);
        if (status != BG_OK)
            status = bg_fail_in(error, status, "%s", path);
    }
    bg_wipe(bytes, sizeof bytes);
    return status;
}

enum bg_status bg_secret_key_save(const struct bg_secret_key *key, const char *path, struct bg_error *error)
{
    uint32_t bits = bg_public_key_bits(key->public_key);
    uint8_t body[BG_KEY_MOST_BYTES], bytes[BG_KEY_FRAME_MOST_BYTES];

    bg_big_to_bytes(key->p.prime, body, bits / 16);
    bg_big_to_bytes(key->q.prime, body + bits / 16, bits / 16);
    size_t size = bg_key_frame_write(BG_KEY_FRAME_SECRET, bits, (struct bg_span){body, bits / 8}, bytes);
    enum bg_status status = bg_secret_file_write(path, (struct bg_span){bytes, size}, error);
    bg_wipe(body, sizeof body);
    bg_wipe(bytes, sizeof bytes);
    return status;
}
