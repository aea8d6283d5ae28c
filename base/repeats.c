/* SPDX-License-Identifier: Apache-2.0 */
#include "base/repeats.h"

/* FNV-1a, 64 bits; the NUL is part of it, so that the border between two texts counts. Never 0. */
static uint64_t mix(uint64_t hash, const char *text)
{
    do {
        hash = (hash ^ (uint8_t)*text) * 0x100000001b3;
    } while (*text++);
    return hash;
}

static uint64_t key_of(const char *who, const char *sentence)
{
    return mix(mix(0xcbf29ce484222325, who), sentence) | 1;
}

bool bg_repeats_tell(struct bg_repeats *repeats, const char *who, const char *sentence, uint64_t now,
                     uint64_t *ret_untold)
{
    uint64_t key = key_of(who, sentence), untold = 0;
    size_t at = (size_t)(key * 0x9e3779b97f4a7c15 >> 32) % BG_REPEATS;
    pthread_mutex_lock(&repeats->lock);
    bool known = repeats->said[at].key == key;
    bool tells = !known || now - repeats->said[at].told_at >= BG_REPEATS_PAUSE_NS;
    if (tells) {
        untold = known ? repeats->said[at].untold : 0;
        repeats->said[at].key = key;
        repeats->said[at].told_at = now;
        repeats->said[at].untold = 0;
    } else {
        repeats->said[at].untold++;
    }
    pthread_mutex_unlock(&repeats->lock);
    if (tells)
        *ret_untold = untold;
    return tells;
}
