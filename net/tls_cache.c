/* SPDX-License-Identifier: Apache-2.0 */
/* Sets of a few slots, found by the session's identifier, which the library draws at random. */
#include "base/clock.h"
#include "net/tls_internal.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define ID_BYTES 32
#define SET_SLOTS 4
#define SESSION_LIMIT 4096 /* bytes of one, certificate included; larger ones are not kept */

struct slot {
    uint8_t id[ID_BYTES];
    uint64_t expires;   /* of the monotonic clock; 0: empty */
    uint64_t not_after; /* of the peer's certificate */
    uint8_t *session;   /* (size) as the library writes it; has the master secret */
    size_t size;
};

struct bg_tls_cache {
    pthread_mutex_t lock;
    uint64_t lifetime_ns;
    size_t sets;
    struct slot slots[]; /* (sets × SET_SLOTS) */
};

struct bg_tls_cache *bg_tls_cache_create(size_t most_sessions, uint64_t lifetime_ns)
{
    size_t sets = most_sessions / SET_SLOTS + 1;
    struct bg_tls_cache *cache = calloc(1, sizeof *cache + sets * SET_SLOTS * sizeof *cache->slots);
    if (!cache)
        return NULL;
    pthread_mutex_init(&cache->lock, NULL);
    cache->lifetime_ns = lifetime_ns;
    cache->sets = sets;
    return cache;
}

static void empty(struct slot *slot)
{
    if (slot->session) {
        explicit_bzero(slot->session, slot->size);
        free(slot->session);
    }
    *slot = (struct slot){0};
}

void bg_tls_cache_destroy(struct bg_tls_cache **cache)
{
    if (!*cache)
        return;
    for (size_t i = 0; i < (*cache)->sets * SET_SLOTS; i++)
        empty(&(*cache)->slots[i]);
    pthread_mutex_destroy(&(*cache)->lock);
    free(*cache);
    *cache = NULL;
}

static struct slot *set_of(struct bg_tls_cache *cache, const uint8_t *id)
{
    uint32_t drawn;
    memcpy(&drawn, id, sizeof drawn);
    return cache->slots + drawn % cache->sets * SET_SLOTS;
}

static struct slot *find(struct bg_tls_cache *cache, const uint8_t *id)
{
    struct slot *set = set_of(cache, id);
    for (size_t i = 0; i < SET_SLOTS; i++)
        if (set[i].expires && memcmp(set[i].id, id, ID_BYTES) == 0)
            return &set[i];
    return NULL;
}

/* The slot of this session, else the one that is empty or expires first. */
static struct slot *place(struct bg_tls_cache *cache, const uint8_t *id)
{
    struct slot *found = find(cache, id), *set = set_of(cache, id);
    if (found)
        return found;
    found = set;
    for (size_t i = 1; i < SET_SLOTS; i++)
        if (set[i].expires < found->expires)
            found = &set[i];
    return found;
}

/* Fills *ret_session, which is initialised. */
static bool load(struct bg_tls_cache *cache, const uint8_t *id, mbedtls_ssl_session *ret_session)
{
    bool loaded = false;
    pthread_mutex_lock(&cache->lock);
    struct slot *slot = find(cache, id);
    if (slot && (slot->expires <= bg_clock_monotonic_ns() || slot->not_after < (uint64_t)time(NULL)))
        empty(slot);
    else if (slot)
        loaded = mbedtls_ssl_session_load(ret_session, slot->session, slot->size) == 0;
    pthread_mutex_unlock(&cache->lock);
    return loaded;
}

static int get(void *context, BG_TLS_SESSION_ID mbedtls_ssl_session *session)
{
    struct bg_tls_sessions *sessions = context;
#if MBEDTLS_VERSION_NUMBER < 0x03000000
    const unsigned char *id = session->id;
    size_t id_size = session->id_len;
#endif
    mbedtls_ssl_session loaded;
    if (id_size != ID_BYTES)
        return -1;
    mbedtls_ssl_session_init(&loaded);
    if (!load(sessions->cache, id, &loaded))
        return -1;
    mbedtls_ssl_session_free(session);
    *session = loaded; /* with what it points to */
    sessions->found = true;
    return 0;
}

static int set(void *context, BG_TLS_SESSION_ID const mbedtls_ssl_session *session)
{
    struct bg_tls_cache *cache = ((struct bg_tls_sessions *)context)->cache;
#if MBEDTLS_VERSION_NUMBER < 0x03000000
    const unsigned char *id = session->id;
    size_t id_size = session->id_len;
#endif
    const mbedtls_x509_crt *certificate = session->BG_TLS_PRIVATE(peer_cert);
    uint8_t saved[SESSION_LIMIT], *kept = NULL;
    size_t size = 0;
    if (id_size != ID_BYTES || !certificate || session->BG_TLS_PRIVATE(verify_result))
        return 0;
    if (mbedtls_ssl_session_save(session, saved, sizeof saved, &size) == 0 && (kept = malloc(size))) {
        memcpy(kept, saved, size);
        pthread_mutex_lock(&cache->lock);
        struct slot *slot = place(cache, id);
        empty(slot);
        *slot = (struct slot){.expires = bg_clock_monotonic_ns() + cache->lifetime_ns,
                              .not_after = bg_tls_not_after(certificate), .session = kept, .size = size};
        memcpy(slot->id, id, ID_BYTES);
        pthread_mutex_unlock(&cache->lock);
    }
    explicit_bzero(saved, sizeof saved);
    return 0;
}

void bg_tls_sessions_attach(struct bg_tls_sessions *sessions, mbedtls_ssl_config *config)
{
    mbedtls_ssl_conf_session_cache(config, sessions, get, set);
}
