/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/random.h"

#include "crypto/wipe.h"

#include <errno.h>
#include <stdint.h>
#include <sys/random.h>

enum bg_status bg_random_fill(const struct bg_random *random, void *data, size_t size)
{
    if (!size)
        return BG_OK;
    enum bg_status status = random->fill(random->context, data, size);
    if (status)
        bg_wipe(data, size);
    return status;
}

static enum bg_status fill_from_system(void *context, void *data, size_t size)
{
    (void)context;
    uint8_t *at = data;
    while (size) {
        ssize_t got = getrandom(at, size, 0);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return BG_RANDOM;
        at += got;
        size -= (size_t)got;
    }
    return BG_OK;
}

struct bg_random bg_random_system(void)
{
    return (struct bg_random){.fill = fill_from_system};
}
