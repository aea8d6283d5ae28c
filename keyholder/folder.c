/* SPDX-License-Identifier: Apache-2.0 */
#include "keyholder/folder.h"

#include "base/file.h"
#include "crypto/certificate.h"
#include "crypto/identity_file.h"
#include "crypto/key_file.h"
#include "crypto/key_generation.h"
#include "crypto/public_key_file.h"
#include "keyholder/rotation.h"
#include "net/loopback.h"
#include "store/journal_file.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

struct bg_folder {
    struct bg_keyholder_settings settings;
    struct bg_keyholder *keyholder;
    struct bg_secret_key *secret_key;
    struct bg_public_key *public_key; /* of encryption null, which needs no secret one */
    struct bg_identity *identity;
    struct bg_sealing_key *sealing_key;
    struct bg_identity *authority;
    struct bg_pem authority_certificate, certificate;
    struct bg_journal_file *journal;
    struct bg_workers *workers;
    struct bg_digest root; /* identity; zero while unknown */
    struct bg_loopback loopback;
    void (*posted)(void *argument); /* with one call at a time, one delivery at a time */
    void *posted_argument;
    bool answered;
    enum bg_status status;
    struct bg_writer answer;
    struct bg_error error; /* of the last refusal */
    void (*observe)(void *context, const struct bg_keyholder_notice *notice); /* may be NULL */
    void *observe_context;
};

enum bg_status bg_folder_path(const char *folder, const char *name, struct bg_error *error,
                              char ret_path[static BG_FOLDER_PATH_BYTES])
{
    int length = name[0] == '/' ? snprintf(ret_path, BG_FOLDER_PATH_BYTES, "%s", name)
                                : snprintf(ret_path, BG_FOLDER_PATH_BYTES, "%s/%s", folder, name);
    if (length < 0 || length >= BG_FOLDER_PATH_BYTES)
        return bg_fail(error, BG_INVALID, "%.80s…: the path is too long", folder);
    return BG_OK;
}

static bool exists(const char *path)
{
    return access(path, F_OK) == 0;
}

/* ---- the authority ---- */

static enum bg_status make_authority(const char *secret, const char *path, const char *population,
                                     struct bg_error *error)
{
    struct bg_random random = bg_random_system();
    struct bg_identity *authority = NULL;
    struct bg_pem pem;
    enum bg_status status = exists(secret) ? bg_identity_load(secret, error, &authority) : BG_OK;
    if (status == BG_OK && !authority) {
        status = bg_identity_create(&random, &authority);
        status = status == BG_OK ? bg_identity_save(authority, secret, error)
                                 : bg_fail(error, status, "%s: %s", secret, bg_status_text(status));
    }
    if (status == BG_OK) {
        status = bg_authority_create(authority, population, (uint64_t)time(NULL), &random, &pem);
        status = status == BG_OK ? bg_file_write(path, (struct bg_span){(const uint8_t *)pem.text, strlen(pem.text)},
                                                 0644, error)
                                 : bg_fail(error, status, "%s: %s", path, bg_status_text(status));
    }
    bg_identity_destroy(&authority);
    return status;
}

/* The secret is there first, so an interrupted call can be repeated; a certificate without its secret cannot be. */
static enum bg_status provide_authority(const char *folder, const char *population, struct bg_error *error,
                                        char ret_secret[static BG_FOLDER_PATH_BYTES],
                                        char ret_path[static BG_FOLDER_PATH_BYTES])
{
    enum bg_status status = bg_folder_path(folder, "ca.secret", error, ret_secret);
    if (status == BG_OK)
        status = bg_folder_path(folder, "ca.pem", error, ret_path);
    if (status != BG_OK || exists(ret_path))
        return status;
    return make_authority(ret_secret, ret_path, population, error);
}

static enum bg_status load_authority(struct bg_folder *f, const char *folder, struct bg_error *error)
{
    char secret[BG_FOLDER_PATH_BYTES], path[BG_FOLDER_PATH_BYTES];
    struct bg_certificate own;
    const char *population = f->settings.population.name;
    enum bg_status status = provide_authority(folder, population, error, secret, path);
    if (status == BG_OK)
        status = bg_identity_load(secret, error, &f->authority);
    if (status == BG_OK)
        status = bg_pem_load(path, error, &f->authority_certificate);
    if (status == BG_OK)
        status = bg_certificate_read(&f->authority_certificate, path, &f->authority_certificate, error, &own);
    if (status != BG_OK)
        return status;
    if (!bg_digest_equal(&own.id, bg_identity_digest(f->authority)))
        return bg_fail(error, BG_BAD_KEY, "%s: not the certificate of the key in ca.secret", path);
    status = bg_certificate_issue(f->authority, population, bg_identity_point(f->identity), BG_CERTIFICATE_KEYHOLDER,
                                  (uint64_t)time(NULL), BG_CERTIFICATE_MOST_DAYS, &f->settings.random,
                                  &f->certificate);
    if (status != BG_OK)
        return bg_fail(error, status, "%s: cannot issue the key holder's own certificate: %s", path,
                       bg_status_text(status));
    f->settings.authority = f->authority;
    f->settings.authority_certificate = &f->authority_certificate;
    return BG_OK;
}

const struct bg_pem *bg_folder_certificate(const struct bg_folder *folder)
{
    return &folder->certificate;
}

/* ---- a new folder ---- */

static enum bg_status make_identity(const char *folder, struct bg_error *error)
{
    char secret[BG_FOLDER_PATH_BYTES], point[BG_FOLDER_PATH_BYTES];
    struct bg_random random = bg_random_system();
    struct bg_identity *identity;
    enum bg_status status = bg_folder_path(folder, "identity.secret", error, secret);
    if (status == BG_OK)
        status = bg_folder_path(folder, "identity.point", error, point);
    if (status != BG_OK)
        return status;
    status = bg_identity_provide(secret, point, &random, error, &identity);
    if (status == BG_OK)
        bg_identity_destroy(&identity);
    return status;
}

static enum bg_status make_sealing_key(const char *folder, struct bg_error *error)
{
    char path[BG_FOLDER_PATH_BYTES];
    struct bg_random random = bg_random_system();
    struct bg_sealing_key *key = NULL;
    enum bg_status status = bg_folder_path(folder, "sealing.secret", error, path);
    if (status != BG_OK || exists(path))
        return status;
    status = bg_sealing_key_create(&random, &key);
    status = status == BG_OK ? bg_sealing_key_save(key, path, error)
                             : bg_fail(error, status, "sealing key: %s", bg_status_text(status));
    bg_sealing_key_destroy(&key);
    return status;
}

static enum bg_status make_key(const char *folder, const struct bg_keyholder_config *config, struct bg_error *error)
{
    char secret[BG_FOLDER_PATH_BYTES], public[BG_FOLDER_PATH_BYTES];
    struct bg_random random = bg_random_system();
    struct bg_secret_key *key = NULL;
    enum bg_status status = bg_folder_path(folder, "secret.key", error, secret);
    if (status == BG_OK)
        status = bg_folder_path(folder, "public.key", error, public);
    if (status != BG_OK)
        return status;
    if (exists(secret)) {
        status = bg_secret_key_load(secret, (uint32_t)config->key_s, config->insecure_test_key, error, &key);
        if (status == BG_OK && bg_public_key_bits(bg_secret_key_public(key)) != config->key_bits)
            status = bg_fail(error, BG_CONFIG, "%s: has %u bits, encryption.bits=%u", secret,
                             bg_public_key_bits(bg_secret_key_public(key)), (unsigned)config->key_bits);
    } else {
        status = bg_secret_key_generate((uint32_t)config->key_bits, (uint32_t)config->key_s,
                                        config->insecure_test_key, &random, error, &key);
        if (status == BG_OK)
            status = bg_secret_key_save(key, secret, error);
    }
    if (status == BG_OK)
        status = bg_public_key_save(bg_secret_key_public(key), public, error);
    bg_secret_key_destroy(&key);
    return status;
}

static enum bg_status make_journal(const char *folder, struct bg_error *error)
{
    char path[BG_FOLDER_PATH_BYTES];
    struct bg_journal_file *journal = NULL;
    enum bg_status status = bg_folder_path(folder, "journal", error, path);
    if (status == BG_OK)
        status = bg_journal_file_open(path, error, &journal);
    bg_journal_file_close(&journal);
    return status;
}

enum bg_status bg_folder_make(const char *folder, const struct bg_keyholder_config *config, struct bg_error *error)
{
    char path[BG_FOLDER_PATH_BYTES];
    struct bg_keyholder_settings settings = {0};
    enum bg_status status = bg_keyholder_config_apply(config, error, &settings);
    if (status == BG_OK)
        status = bg_folder_path(folder, "config.json", error, path);
    if (status != BG_OK)
        return status;
    if (exists(path))
        return bg_fail(error, BG_INVALID, "%s: a key holder lives there already; give another --out", folder);
    if (mkdir(folder, 0700) != 0 && errno != EEXIST)
        return bg_fail(error, BG_IO, "%s: cannot make the folder: %s", folder, strerror(errno));
    status = make_identity(folder, error);
    if (status == BG_OK && settings.encryption != BG_PLAN_OFF)
        status = make_key(folder, config, error);
    if (status == BG_OK && settings.encryption != BG_PLAN_OFF)
        status = make_sealing_key(folder, error);
    if (status == BG_OK)
        status = make_journal(folder, error);
    return status == BG_OK ? bg_options_save(bg_keyholder_options, bg_keyholder_option_count, config, path, error)
                           : status;
}

/* ---- an open folder ---- */

static enum bg_status load_keys(struct bg_folder *f, const char *folder, const struct bg_keyholder_config *config,
                                struct bg_error *error)
{
    char path[BG_FOLDER_PATH_BYTES];
    uint32_t s = (uint32_t)config->key_s;
    enum bg_status status = bg_folder_path(folder, "identity.secret", error, path);
    if (status == BG_OK)
        status = bg_identity_load(path, error, &f->identity);
    if (status != BG_OK || f->settings.encryption == BG_PLAN_OFF)
        return status;
    status = bg_folder_path(folder, "sealing.secret", error, path);
    if (status == BG_OK)
        status = bg_sealing_key_load(path, error, &f->sealing_key);
    if (status != BG_OK)
        return status;
    f->settings.sealing_key = f->sealing_key;
    if (f->settings.encryption == BG_PLAN_NULL) {
        status = bg_folder_path(folder, "public.key", error, path);
        if (status == BG_OK)
            status = bg_public_key_load(path, s, config->insecure_test_key, error, &f->public_key);
        f->settings.public_key = f->public_key;
        return status;
    }
    status = bg_folder_path(folder, "secret.key", error, path);
    if (status == BG_OK)
        status = bg_secret_key_load(path, s, config->insecure_test_key, error, &f->secret_key);
    if (status == BG_OK) {
        f->settings.secret_key = f->secret_key;
        f->settings.public_key = bg_secret_key_public(f->secret_key);
    }
    return status;
}

/* The root's point may come later than the first start. */
static enum bg_status load_root(struct bg_folder *f, const char *folder, const struct bg_keyholder_config *config,
                                struct bg_error *error)
{
    char path[BG_FOLDER_PATH_BYTES];
    enum bg_status status = bg_folder_path(folder, config->root_point, error, path);
    if (status != BG_OK || !exists(path))
        return status;
    status = bg_point_load(BG_POINT_IDENTITY, path, error, f->settings.root);
    if (status == BG_OK)
        bg_point_digest(f->settings.root, &f->root);
    return status;
}

static enum bg_status open_journal(struct bg_folder *f, const char *folder, struct bg_error *error)
{
    char path[BG_FOLDER_PATH_BYTES];
    enum bg_status status = bg_folder_path(folder, "journal", error, path);
    if (status == BG_OK && !exists(path))
        return bg_fail(error, BG_NOT_FOUND,
                       "%s: not there; a key holder that has forgotten what it opened must not go on", path);
    if (status == BG_OK)
        status = bg_journal_file_open(path, error, &f->journal);
    if (status == BG_OK)
        f->settings.journal = bg_journal_file_journal(f->journal);
    return status;
}

static void observe(void *context, const struct bg_keyholder_notice *notice)
{
    struct bg_folder *f = context;
    if (notice->error)
        f->error = *notice->error;
    if (f->observe)
        f->observe(f->observe_context, notice);
}

static uint64_t no_delay(void *owner, const struct bg_request *request, size_t bytes, int upward)
{
    (void)owner, (void)request, (void)bytes, (void)upward;
    return 0;
}

static enum bg_status post(void *owner, uint64_t delay_ns, void (*run)(void *argument), void *argument)
{
    struct bg_folder *f = owner;
    (void)delay_ns;
    f->posted = run;
    f->posted_argument = argument;
    return BG_OK;
}

enum bg_status bg_folder_open(const char *folder, const struct bg_keyholder_config *config, struct bg_error *error,
                              struct bg_folder **ret_folder)
{
    struct bg_folder *f = calloc(1, sizeof *f);
    if (!f)
        return bg_fail(error, BG_NO_MEMORY, "%s: out of memory", folder);
    f->settings.random = f->settings.blinding = bg_random_system();
    f->settings.observe = observe;
    f->settings.observe_context = f;
    enum bg_status status = bg_keyholder_config_apply(config, error, &f->settings);
    if (status == BG_OK)
        status = open_journal(f, folder, error);
    if (status == BG_OK)
        status = bg_rotation_finish(folder, config, f->settings.journal, error);
    if (status == BG_OK)
        status = load_keys(f, folder, config, error);
    if (status == BG_OK)
        status = load_root(f, folder, config, error);
    if (status == BG_OK) /* with the lock on the journal: two programs must not make two */
        status = load_authority(f, folder, error);
    if (status == BG_OK) {
        unsigned threads = bg_available_processors();
        status = bg_workers_create(threads, threads, NULL, NULL, &f->workers);
        if (status != BG_OK)
            bg_fail(error, status, "%s: cannot start threads", folder);
    }
    f->settings.identity = f->identity;
    f->settings.workers = f->workers;
    if (status == BG_OK)
        status = bg_keyholder_create(&f->settings, 0, error, &f->keyholder);
    if (status == BG_OK) {
        bg_loopback_init(&f->loopback, bg_keyholder_serve, f->keyholder, no_delay, post, f, 0);
        *ret_folder = f;
    } else {
        bg_folder_close(&f);
    }
    return status;
}

void bg_folder_close(struct bg_folder **folder)
{
    struct bg_folder *f = *folder;
    if (!f)
        return;
    bg_keyholder_destroy(&f->keyholder);
    bg_workers_destroy(&f->workers);
    bg_journal_file_close(&f->journal);
    bg_secret_key_destroy(&f->secret_key);
    bg_public_key_destroy(&f->public_key);
    bg_identity_destroy(&f->identity);
    bg_sealing_key_destroy(&f->sealing_key);
    bg_identity_destroy(&f->authority);
    free(f);
    *folder = NULL;
}

void bg_folder_observe(struct bg_folder *folder,
                       void (*observe_all)(void *context, const struct bg_keyholder_notice *notice), void *context)
{
    folder->observe = observe_all;
    folder->observe_context = context;
}

struct bg_keyholder *bg_folder_keyholder(struct bg_folder *folder)
{
    return folder->keyholder;
}

const struct bg_keyholder_settings *bg_folder_settings(const struct bg_folder *folder)
{
    return &folder->settings;
}

/* ---- one question ---- */

static void on_reply(void *context, enum bg_status status, struct bg_span reply)
{
    struct bg_folder *f = context;
    f->answered = true;
    f->status = status;
    bg_write_bytes(&f->answer, reply.data, reply.size);
}

/* Deliveries and work, one after the other, until the answer is there. */
static void drive(struct bg_folder *f)
{
    while (!f->answered) {
        if (f->posted) {
            void (*run)(void *argument) = f->posted;
            f->posted = NULL;
            run(f->posted_argument);
        } else {
            struct bg_work *work = bg_keyholder_work(f->keyholder);
            work->job.run(&work->job);
            work->job.done(&work->job);
        }
    }
}

enum bg_status bg_folder_ask(struct bg_folder *folder, enum bg_route route, struct bg_span body,
                             struct bg_error *error, struct bg_writer *ret_answer)
{
    struct bg_request request = {.route = route, .peer = folder->root, .body = body};
    if (!folder->settings.root[0])
        return bg_fail(error, BG_NOT_FOUND, "root.point: not there; copy the root's identity.point to it");
    folder->answered = false;
    folder->error = (struct bg_error){0};
    bg_writer_init(&folder->answer);
    enum bg_status status = bg_transport_send(&folder->loopback.transport, &request, on_reply, folder);
    if (status != BG_OK)
        return bg_fail(error, status, "%s: %s", bg_route_name(route), bg_status_text(status));
    drive(folder);
    if (folder->status == BG_OK && folder->answer.status == BG_OK) {
        *ret_answer = folder->answer;
        return BG_OK;
    }
    bg_writer_finish(&folder->answer);
    if (folder->status == BG_OK)
        return bg_fail(error, BG_NO_MEMORY, "%s: out of memory", bg_route_name(route));
    if (folder->error.status != folder->status)
        return bg_fail(error, folder->status, "%s: %s", bg_route_name(route), bg_status_text(folder->status));
    *error = folder->error;
    return folder->status;
}
