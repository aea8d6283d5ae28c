/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/public_key_file.h"

#include "base/file.h"
#include "crypto/key_frame.h"

#include <stdlib.h>

enum bg_status bg_public_key_load(const char *path, uint32_t s, bool allow_insecure, struct bg_error *error,
                                  struct bg_public_key **ret_key)
{
    uint8_t *bytes = NULL;
    size_t size = 0;
    struct bg_key_frame frame;

    enum bg_status status = bg_file_read(path, BG_KEY_FRAME_MOST_BYTES, error, &bytes, &size);
    if (status != BG_OK)
        return status;
    status = bg_key_frame_read((struct bg_span){bytes, size}, BG_KEY_FRAME_PUBLIC, path, error, &frame);
    if (status == BG_OK) {
        status = bg_public_key_create(frame.body, frame.bits, s, allow_insecure, error, ret_key);
        if (status != BG_OK)
            status = bg_fail_in(error, status, "%s", path);
    }
    free(bytes);
    return status;
}

enum bg_status bg_public_key_save(const struct bg_public_key *key, const char *path, struct bg_error *error)
{
    uint8_t bytes[BG_KEY_FRAME_MOST_BYTES];
    size_t size = bg_key_frame_write(BG_KEY_FRAME_PUBLIC, bg_public_key_bits(key), bg_public_key_n(key),
                                     bytes);
    return bg_file_write(path, (struct bg_span){bytes, size}, 0644, error);
}
