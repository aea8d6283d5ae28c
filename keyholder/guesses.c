/* SPDX-License-Identifier: Apache-2.0 */
#include "keyholder/guesses.h"

#include "crypto/digest.h"

#include <string.h>

#define NEIGHBOURS 4 /* places that an address may take */

void bg_guesses_init(struct bg_guesses *guesses, uint64_t seed, const struct bg_guess_rate *each,
                     const struct bg_guess_rate *all)
{
    memset(guesses, 0, sizeof *guesses);
    guesses->seed = seed;
    guesses->each = *each;
    guesses->all = *all;
}

static uint64_t hash(const struct bg_guesses *guesses, const char *address)
{
    uint8_t seed[8];
    struct bg_digest tag;
    uint64_t value = 0;
    memcpy(seed, &guesses->seed, sizeof seed);
    bg_hmac_sha256((struct bg_span){seed, sizeof seed}, (struct bg_span){(const uint8_t *)address, strlen(address)},
                   &tag);
    memcpy(&value, tag.bytes, sizeof value);
    return value ? value : 1;
}

/* How long until the bucket has one guess; 0: it has. */
static uint64_t wait_of(const struct bg_guess_bucket *bucket, const struct bg_guess_rate *rate, uint64_t now)
{
    uint64_t room = (uint64_t)(rate->burst - 1) * rate->interval_ns;
    return bucket->full_at > now && bucket->full_at - now > room ? bucket->full_at - now - room : 0;
}

static void spend(struct bg_guess_bucket *bucket, const struct bg_guess_rate *rate, uint64_t now)
{
    uint64_t from = bucket->full_at > now ? bucket->full_at : now;
    bucket->full_at = from + rate->interval_ns;
}

static struct bg_guess_bucket *find(struct bg_guesses *guesses, uint64_t address)
{
    for (size_t i = 0; i < NEIGHBOURS; i++) {
        struct bg_guess_bucket *bucket = &guesses->places[(address + i) % BG_GUESS_PLACES];
        if (bucket->address == address)
            return bucket;
    }
    return NULL;
}

/* In place of the neighbour that will be full first: it has the least to remember. */
static struct bg_guess_bucket *take(struct bg_guesses *guesses, uint64_t address)
{
    struct bg_guess_bucket *chosen = &guesses->places[address % BG_GUESS_PLACES];
    for (size_t i = 1; i < NEIGHBOURS; i++) {
        struct bg_guess_bucket *bucket = &guesses->places[(address + i) % BG_GUESS_PLACES];
        if (bucket->full_at < chosen->full_at)
            chosen = bucket;
    }
    *chosen = (struct bg_guess_bucket){.address = address};
    return chosen;
}

enum bg_status bg_guesses_check(struct bg_guesses *guesses, const char *address, uint64_t now, uint64_t *ret_wait_ns)
{
    const struct bg_guess_bucket *bucket = find(guesses, hash(guesses, address));
    uint64_t wait = wait_of(&guesses->total, &guesses->all, now);
    uint64_t own = bucket ? wait_of(bucket, &guesses->each, now) : 0;
    if (!wait && !own)
        return BG_OK;
    *ret_wait_ns = wait > own ? wait : own;
    return BG_BUSY;
}

void bg_guesses_wrong(struct bg_guesses *guesses, const char *address, uint64_t now)
{
    uint64_t key = hash(guesses, address);
    struct bg_guess_bucket *bucket = find(guesses, key);
    spend(bucket ? bucket : take(guesses, key), &guesses->each, now);
    spend(&guesses->total, &guesses->all, now);
}
