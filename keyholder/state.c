/* SPDX-License-Identifier: Apache-2.0 */
#include "keyholder/state.h"

#include "crypto/secret_key.h"
#include "crypto/wipe.h"
#include "keyholder/admission.h"

#include <stdlib.h>
#include <string.h>

/* ---- what changes ---- */

enum bg_status bg_keyholder_keep(struct bg_keyholder *keyholder, enum bg_keyholder_entry kind, struct bg_span entry,
                                 struct bg_error *error)
{
    struct bg_journal *journal = keyholder->settings.journal;
    if (!journal)
        return BG_OK;
    enum bg_status status = journal->append(journal->context, kind, entry);
    if (status == BG_OK)
        return BG_OK;
    keyholder->failed = true;
    return bg_fail(error, BG_IO, "journal: %s; mend its disk and start again", bg_status_text(status));
}

enum bg_status bg_keyholder_add_device(struct bg_keyholder *keyholder, const struct bg_device *device,
                                       const char *cell, struct bg_error *error, bool *ret_news)
{
    struct bg_enrolment *enrolment = &keyholder->enrolment;
    enum bg_status status = bg_enrolment_add(enrolment, device, cell, error, ret_news);
    if (status != BG_OK || enrolment->capacity == keyholder->next_capacity)
        return status;
    uint64_t *next_rounds = realloc(keyholder->next_rounds, enrolment->capacity * sizeof *next_rounds);
    if (!next_rounds) {
        keyholder->failed = true; /* a client without a round to be opened for */
        return bg_fail(error, BG_NO_MEMORY, "enrolment: out of memory");
    }
    memset(next_rounds + keyholder->next_capacity, 0,
           (enrolment->capacity - keyholder->next_capacity) * sizeof *next_rounds);
    keyholder->next_rounds = keyholder->policy.next_rounds = next_rounds;
    keyholder->next_capacity = enrolment->capacity;
    return BG_OK;
}

static enum bg_status enrol(struct bg_keyholder *keyholder, const uint8_t *point, const char *cell,
                            struct bg_error *error, bool *ret_news)
{
    struct bg_device device = {.role = BG_CERTIFICATE_CLIENT};
    memcpy(device.point, point, sizeof device.point);
    return bg_keyholder_add_device(keyholder, &device, cell, error, ret_news);
}

enum bg_status bg_keyholder_enrol(struct bg_keyholder *keyholder, const uint8_t point[static BG_PUBLIC_POINT_BYTES],
                                  const char *cell, struct bg_error *error)
{
    bool news = false;
    uint8_t entry[BG_PUBLIC_POINT_BYTES + BG_CELL_BYTES] = {0};
    if (keyholder->failed)
        return bg_fail(error, BG_IO, "enrolment: the journal could not be written; mend its disk and start again");
    enum bg_status status = enrol(keyholder, point, cell, error, &news);
    if (status != BG_OK || !news)
        return status;
    memcpy(entry, point, BG_PUBLIC_POINT_BYTES);
    memcpy(entry + BG_PUBLIC_POINT_BYTES, cell, strlen(cell)); /* a valid label: shorter than its field */
    status = bg_keyholder_keep(keyholder, BG_KEYHOLDER_ENTRY_ENROLMENT, (struct bg_span){entry, sizeof entry}, error);
    if (status == BG_OK)
        bg_keyholder_announce(keyholder);
    return status;
}

static enum bg_status no_memory_for(const struct bg_epochs *fresh, struct bg_error *error)
{
    return bg_fail(error, BG_NO_MEMORY, "epoch %llu: no memory for %zu groups", (unsigned long long)fresh->epoch,
                   fresh->groups.count);
}

/* The policy's view of a partition, in the epoch's own memory. */
static enum bg_status policy_groups(struct bg_keyholder *keyholder, struct bg_epochs *fresh, struct bg_error *error,
                                    struct bg_policy_group **ret_list)
{
    const struct bg_groups *groups = &fresh->groups;
    struct bg_policy_group *list = BG_ARENA_ARRAY(&fresh->arena, struct bg_policy_group, groups->count);
    if (!list)
        return no_memory_for(fresh, error);
    for (size_t g = 0; g < groups->count; g++) {
        const struct bg_group *group = &groups->groups[g];
        uint32_t *clients = BG_ARENA_ARRAY(&fresh->arena, uint32_t, group->member_count);
        if (!clients)
            return no_memory_for(fresh, error);
        for (uint32_t m = 0; m < group->member_count; m++)
            if (!bg_digest_table_find(&keyholder->enrolment.indices, &group->members[m], &clients[m]))
                return bg_fail(error, BG_UNKNOWN_CLIENT, "epoch %llu: member %u of group %zu is not enrolled",
                               (unsigned long long)fresh->epoch, m, g);
        list[g] = (struct bg_policy_group){.group = *group, .clients = clients, .state = BG_POLICY_READY};
    }
    *ret_list = list;
    return BG_OK;
}

enum bg_status bg_keyholder_install(struct bg_keyholder *keyholder, struct bg_epochs *fresh, struct bg_error *error)
{
    enum bg_policy_action action;
    struct bg_policy_group *groups = NULL;
    struct bg_record *records = BG_ARENA_ARRAY(&fresh->arena, struct bg_record, fresh->groups.count);
    struct bg_verdict_kept *verdicts = BG_ARENA_ARRAY(&fresh->arena, struct bg_verdict_kept, fresh->groups.count);
    if (!records || !verdicts)
        return no_memory_for(fresh, error);
    enum bg_status status = policy_groups(keyholder, fresh, error, &groups);
    if (status != BG_OK)
        return status;
    struct bg_policy_event event = {.kind = BG_POLICY_EPOCH,
                                    .epoch = fresh->epoch,
                                    .group_least = fresh->key_part.group_least,
                                    .groups = groups,
                                    .group_count = fresh->groups.count};
    status = bg_policy_step(&keyholder->policy, &event, error, &action);
    if (status != BG_OK)
        return status;
    status = bg_edges_begin_epoch(&keyholder->edges, fresh->groups.count);
    if (status != BG_OK) {
        keyholder->failed = true; /* the policy is in an epoch that nothing else is in */
        return bg_fail(error, status, "epoch %llu: out of memory", (unsigned long long)fresh->epoch);
    }
    bg_epochs_finish(&keyholder->epochs);
    keyholder->epochs = *fresh;
    keyholder->records = records;
    keyholder->verdicts = verdicts;
    return BG_OK;
}

enum bg_status bg_keyholder_record(struct bg_keyholder *keyholder, const struct bg_policy_request *request,
                                   struct bg_record *record, struct bg_error *error)
{
    struct bg_writer w;
    bg_writer_init(&w);
    enum bg_status status = bg_records_sign(&keyholder->chain, keyholder->settings.identity, record);
    if (status == BG_OK) {
        bg_record_encode(&w, record);
        bg_write_digest(&w, &request->digest);
        status = w.status;
    }
    if (status == BG_OK) {
        status = bg_keyholder_keep(keyholder, BG_KEYHOLDER_ENTRY_RECORD, bg_writer_span(&w), error);
    } else {
        keyholder->failed = true; /* the policy counts an opening that no record tells of */
        bg_fail(error, status, "record: %s", bg_status_text(status));
    }
    if (status == BG_OK)
        status = bg_records_extend(&keyholder->chain, NULL, (struct bg_span){w.data, BG_RECORD_BYTES}, error, NULL);
    if (status == BG_OK)
        keyholder->records[record->group] = *record;
    bg_writer_finish(&w);
    return status;
}

enum bg_status bg_keyholder_keep_rejection(struct bg_keyholder *keyholder, const struct bg_policy_request *request,
                                           const struct bg_error *why, struct bg_error *error)
{
    struct bg_writer entry;
    bg_writer_init(&entry);
    bg_write_u64(&entry, request->epoch);
    bg_write_u64(&entry, request->round);
    bg_write_u32(&entry, request->group);
    bg_write_u64(&entry, request->members);
    bg_write_bytes(&entry, why->text, strlen(why->text));
    enum bg_status status = entry.status;
    if (status == BG_OK) {
        status = bg_keyholder_keep(keyholder, BG_KEYHOLDER_ENTRY_REJECTION, bg_writer_span(&entry), error);
    } else {
        keyholder->failed = true; /* the policy counts a rejection that nothing tells of */
        bg_fail(error, status, "rejection: out of memory");
    }
    bg_writer_finish(&entry);
    return status;
}

/* ---- what comes back ---- */

static enum bg_status restore_setup(struct bg_keyholder *keyholder, struct bg_span entry, struct bg_error *error)
{
    struct bg_reader r;
    bg_reader_init(&r, entry);
    struct bg_span name = bg_read_span(&r, BG_POPULATION_BYTES);
    struct bg_digest nonce = bg_read_digest(&r);
    enum bg_status status = bg_reader_end(&r);
    if (status != BG_OK || keyholder->set_up)
        return bg_fail(error, BG_DATA, "a second set-up, or one of %zu bytes", entry.size);
    if (memcmp(name.data, keyholder->settings.population.name, name.size) != 0)
        return bg_fail(error, BG_CONFIG, "of population %.31s, the key holder is set up for %s",
                       (const char *)name.data, keyholder->settings.population.name);
    bg_epochs_init(&keyholder->epochs, &nonce);
    bg_wipe(&nonce, sizeof nonce);
    keyholder->set_up = true;
    return BG_OK;
}

static enum bg_status restore_enrolment(struct bg_keyholder *keyholder, struct bg_span entry, struct bg_error *error)
{
    bool news;
    char cell[BG_CELL_BYTES + 1] = {0};
    if (entry.size != BG_PUBLIC_POINT_BYTES + BG_CELL_BYTES)
        return bg_fail(error, BG_DATA, "an enrolment of %zu bytes", entry.size);
    memcpy(cell, entry.data + BG_PUBLIC_POINT_BYTES, BG_CELL_BYTES);
    return enrol(keyholder, entry.data, cell, error, &news);
}

static enum bg_status restore_epoch(struct bg_keyholder *keyholder, struct bg_span entry, struct bg_error *error)
{
    struct bg_writer copy;
    struct bg_epochs fresh;
    bg_writer_init(&copy);
    bg_write_bytes(&copy, entry.data, entry.size);
    enum bg_status status = copy.status;
    if (status == BG_OK)
        status = bg_epochs_adopt(&copy, &keyholder->settings, error, &fresh);
    else
        bg_fail(error, status, "an epoch of %zu bytes: out of memory", entry.size);
    if (status == BG_OK) {
        status = bg_keyholder_install(keyholder, &fresh, error);
        if (status != BG_OK)
            bg_epochs_finish(&fresh);
    }
    bg_writer_finish(&copy);
    return status;
}

static enum bg_status restore_rotation(struct bg_keyholder *keyholder, struct bg_span entry, struct bg_error *error)
{
    if (entry.size != BG_DIGEST_BYTES)
        return bg_fail(error, BG_DATA, "a rotation of %zu bytes", entry.size);
    keyholder->rotated = true;
    memcpy(keyholder->rotated_to.bytes, entry.data, BG_DIGEST_BYTES);
    keyholder->rotated_after = keyholder->epochs.epoch;
    return BG_OK;
}

/* The epoch in force is under the key, unless that came after it. */
static enum bg_status check_current_key(const struct bg_keyholder *keyholder, struct bg_error *error)
{
    const struct bg_keyholder_settings *settings = &keyholder->settings;
    if (keyholder->rotated &&
        (!settings->public_key || !bg_digest_equal(&keyholder->rotated_to, bg_public_key_id(settings->public_key))))
        return bg_fail(error, BG_CONFIG, "the key was rotated to another one than secret.key has: put that back, or "
                       "begin a new population");
    if (!keyholder->epochs.epoch || bg_keyholder_between_keys(keyholder))
        return BG_OK;
    return bg_epochs_check_key(&keyholder->epochs, settings, error);
}

bool bg_keyholder_between_keys(const struct bg_keyholder *keyholder)
{
    return keyholder->rotated && keyholder->rotated_after == keyholder->epochs.epoch;
}

enum bg_status bg_keyholder_rotate(struct bg_keyholder *keyholder, const struct bg_digest *key_id,
                                   struct bg_error *error)
{
    keyholder->rotated = true;
    keyholder->rotated_to = *key_id;
    keyholder->rotated_after = keyholder->epochs.epoch;
    enum bg_status status = bg_keyholder_keep(keyholder, BG_KEYHOLDER_ENTRY_ROTATION,
                                              (struct bg_span){key_id->bytes, BG_DIGEST_BYTES}, error);
    keyholder->failed = true; /* its key is the old one still */
    return status;
}

static enum bg_status restore_plan(struct bg_keyholder *keyholder, struct bg_span entry, struct bg_error *error)
{
    enum bg_policy_action action;
    struct bg_policy_event event = {.kind = BG_POLICY_PLAN, .epoch = keyholder->epochs.epoch};
    if (entry.size != BG_DIGEST_BYTES)
        return bg_fail(error, BG_DATA, "a plan id of %zu bytes", entry.size);
    memcpy(event.plan_id.bytes, entry.data, BG_DIGEST_BYTES);
    return bg_policy_step(&keyholder->policy, &event, error, &action);
}

static enum bg_status restore_record(struct bg_keyholder *keyholder, struct bg_span entry, struct bg_error *error)
{
    struct bg_record record;
    struct bg_reader r;
    bg_reader_init(&r, entry);
    struct bg_span bytes = bg_read_span(&r, BG_RECORD_BYTES);
    struct bg_digest digest = bg_read_digest(&r);
    enum bg_status status = bg_reader_end(&r);
    if (status != BG_OK)
        return bg_fail(error, BG_DATA, "a record of %zu bytes", entry.size);
    status = bg_records_extend(&keyholder->chain, NULL, bytes, error, &record);
    if (status != BG_OK)
        return status;
    struct bg_policy_request request = {.epoch = record.epoch,
                                        .round = record.round,
                                        .group = record.group,
                                        .members = record.members,
                                        .digest = digest};
    status = bg_policy_restore(&keyholder->policy, &request, error);
    if (status == BG_OK)
        keyholder->records[record.group] = record;
    return status;
}

static enum bg_status restore_rejection(struct bg_keyholder *keyholder, struct bg_span entry, struct bg_error *error)
{
    struct bg_reader r;
    struct bg_policy_request request = {0};
    bg_reader_init(&r, entry);
    request.epoch = bg_read_u64(&r);
    request.round = bg_read_u64(&r);
    request.group = bg_read_u32(&r);
    request.members = bg_read_u64(&r);
    if (r.status != BG_OK)
        return bg_fail(error, BG_DATA, "a rejection of %zu bytes", entry.size);
    return bg_policy_restore_rejection(&keyholder->policy, &request, error);
}

static enum bg_status restore_bar(struct bg_keyholder *keyholder, struct bg_span entry, struct bg_error *error)
{
    struct bg_reader r;
    bg_reader_init(&r, entry);
    struct bg_digest edge = bg_read_digest(&r);
    if (r.status != BG_OK)
        return bg_fail(error, BG_DATA, "a barred edge in %zu bytes", entry.size);
    return bg_edges_bar(&keyholder->edges, &edge);
}

static enum bg_status restore(void *context, uint32_t kind, struct bg_span entry, struct bg_error *error)
{
    struct bg_keyholder *keyholder = context;
    if ((kind == BG_KEYHOLDER_ENTRY_SETUP) == keyholder->set_up)
        return bg_fail(error, BG_DATA, "the journal must begin with one set-up: it is not a key holder's");
    switch ((enum bg_keyholder_entry)kind) {
    case BG_KEYHOLDER_ENTRY_SETUP:
        return restore_setup(keyholder, entry, error);
    case BG_KEYHOLDER_ENTRY_ENROLMENT:
        return restore_enrolment(keyholder, entry, error);
    case BG_KEYHOLDER_ENTRY_EPOCH:
        return restore_epoch(keyholder, entry, error);
    case BG_KEYHOLDER_ENTRY_PLAN:
        return restore_plan(keyholder, entry, error);
    case BG_KEYHOLDER_ENTRY_RECORD:
        return restore_record(keyholder, entry, error);
    case BG_KEYHOLDER_ENTRY_LOCK:
    case BG_KEYHOLDER_ENTRY_CLEAR:
        keyholder->policy.locked = kind == BG_KEYHOLDER_ENTRY_LOCK;
        if (!keyholder->policy.locked)
            bg_edges_clear(&keyholder->edges);
        return BG_OK;
    case BG_KEYHOLDER_ENTRY_BAR:
        return restore_bar(keyholder, entry, error);
    case BG_KEYHOLDER_ENTRY_ROTATION:
        return restore_rotation(keyholder, entry, error);
    case BG_KEYHOLDER_ENTRY_AUDIT:
        return bg_keyholder_restore_audit(keyholder, entry, error);
    case BG_KEYHOLDER_ENTRY_REJECTION:
        return restore_rejection(keyholder, entry, error);
    case BG_KEYHOLDER_ENTRY_TOKEN:
    case BG_KEYHOLDER_ENTRY_REDEEMED:
    case BG_KEYHOLDER_ENTRY_REVOKED:
    case BG_KEYHOLDER_ENTRY_RENEWED:
        return bg_keyholder_restore_admission(keyholder, (enum bg_keyholder_entry)kind, entry, error);
    }
    return bg_fail(error, BG_DATA, "an entry of kind %u, which this program does not know", kind);
}

/* ---- creation ---- */

static enum bg_status check_key(const struct bg_keyholder_settings *settings, struct bg_error *error)
{
    const struct bg_public_key *key = settings->public_key;
    const struct bg_public_key *own = settings->secret_key ? bg_secret_key_public(settings->secret_key) : NULL;
    bool paillier = settings->encryption == BG_PLAN_PAILLIER, off = settings->encryption == BG_PLAN_OFF;
    if (off != !key || paillier != !!own)
        return bg_fail(error, BG_CONFIG, "encryption.mode: paillier needs a key pair, null its public half, off none");
    if (own && (!bg_digest_equal(bg_public_key_id(own), bg_public_key_id(key)) ||
                bg_public_key_s(own) != bg_public_key_s(key)))
        return bg_fail(error, BG_CONFIG, "encryption: secret and public key are not halves of one");
    return BG_OK;
}

static enum bg_status check_settings(const struct bg_keyholder_settings *settings, struct bg_error *error)
{
    uint32_t floor = settings->encryption == BG_PLAN_OFF ? 1 : 2;
    struct bg_population population;
    if (bg_population_set(&population, settings->population.name) != BG_OK)
        return bg_fail(error, BG_CONFIG, "population: not 1 to 31 of a-z 0-9 . _ -");
    if (settings->group_least < floor || settings->group_least > settings->group_size ||
        settings->group_size > BG_MAX_GROUP_MEMBERS / 2)
        return bg_fail(error, BG_CONFIG, "groups.least = %u and groups.size = %u: must be %u to groups.size to %u",
                       settings->group_least, settings->group_size, floor, BG_MAX_GROUP_MEMBERS / 2);
    if (settings->root[0] && bg_point_check(settings->root) != BG_OK)
        return bg_fail(error, BG_CONFIG, "root: its public key is no point of the curve");
    if (settings->knowledge_tags && (settings->encryption == BG_PLAN_OFF || !settings->sealing_key))
        return bg_fail(error, BG_CONFIG, "encryption.knowledge_tags: they need encryption, and a sealing key");
    if (!settings->authority != !settings->authority_certificate ||
        (settings->authority &&
         (settings->certificate_days < 1 || settings->certificate_days > BG_CERTIFICATE_MOST_DAYS)))
        return bg_fail(error, BG_CONFIG,
                       "certificates.days = %u: must be 1 to %u, with key and certificate of an authority",
                       settings->certificate_days, BG_CERTIFICATE_MOST_DAYS);
    return check_key(settings, error);
}

/* The root that the settings name is the one that has enrolled, if one has. */
static enum bg_status adopt_root(struct bg_keyholder *keyholder, const uint8_t *by_hand, struct bg_error *error)
{
    uint8_t *root = keyholder->settings.root;
    struct bg_digest id;
    if (!by_hand[0])
        return BG_OK;
    bg_point_digest(by_hand, &id);
    if (root[0] && memcmp(root, by_hand, BG_PUBLIC_POINT_BYTES) != 0)
        return bg_fail(error, BG_CONFIG, "root: another one has enrolled than the file of setting root.point names; "
                                         "remove the file, or revoke the other (clients revoke)");
    if (!bg_keyholder_revoked(keyholder, &id))
        memcpy(root, by_hand, BG_PUBLIC_POINT_BYTES);
    return BG_OK;
}

static enum bg_status set_up(struct bg_keyholder *keyholder, struct bg_error *error)
{
    struct bg_digest nonce;
    struct bg_writer entry;
    enum bg_status status = bg_random_fill(&keyholder->settings.random, &nonce, sizeof nonce);
    if (status != BG_OK)
        return bg_fail(error, status, "key holder: no random bytes");
    bg_epochs_init(&keyholder->epochs, &nonce);
    bg_writer_init(&entry);
    bg_write_bytes(&entry, keyholder->settings.population.name, BG_POPULATION_BYTES);
    bg_write_digest(&entry, &nonce);
    bg_wipe(&nonce, sizeof nonce);
    status = entry.status == BG_OK
                 ? bg_keyholder_keep(keyholder, BG_KEYHOLDER_ENTRY_SETUP, bg_writer_span(&entry), error)
                 : bg_fail(error, entry.status, "key holder: out of memory");
    if (entry.size)
        bg_wipe(entry.data, entry.size);
    bg_writer_finish(&entry);
    keyholder->set_up = true;
    return status;
}

static uint32_t partitions_of(const struct bg_keyholder_settings *settings)
{
    if (settings->partitions)
        return settings->partitions;
    return settings->group_size > 2 ? settings->group_size - 1 : 1;
}

enum bg_status bg_keyholder_create(const struct bg_keyholder_settings *settings, uint64_t now, struct bg_error *error,
                                   struct bg_keyholder **ret_keyholder)
{
    static const struct bg_guess_rate each = {10, (uint64_t)30 * 1000000000}, all = {200, (uint64_t)1000000000};
    uint64_t seed;
    struct bg_digest nothing = {{0}};
    enum bg_status status = check_settings(settings, error);
    if (status != BG_OK)
        return status;
    status = bg_random_fill(&settings->random, &seed, sizeof seed);
    if (status != BG_OK)
        return bg_fail(error, status, "key holder: no random bytes");
    struct bg_keyholder *keyholder = calloc(1, sizeof *keyholder);
    if (!keyholder)
        return bg_fail(error, BG_NO_MEMORY, "key holder: out of memory");
    keyholder->settings = *settings;
    memset(keyholder->settings.root, 0, sizeof keyholder->settings.root);
    keyholder->now = now;
    bg_enrolment_init(&keyholder->enrolment, seed);
    bg_tokens_init(&keyholder->tokens, seed);
    bg_guesses_init(&keyholder->guesses, seed, &each, &all);
    bg_epochs_init(&keyholder->epochs, &nothing);
    /* What happened was within the budget of its day. */
    struct bg_policy_rules rules = {.full_rounds = settings->full_rounds, .partitions = UINT32_MAX};
    bg_policy_init(&keyholder->policy, &rules, keyholder->next_rounds);
    if (settings->journal)
        status = settings->journal->replay(settings->journal->context, restore, keyholder, error);
    /* The count of partitions is that of a key. */
    uint64_t most = keyholder->rotated_after + partitions_of(settings);
    keyholder->policy.rules.partitions = most < UINT32_MAX ? (uint32_t)most : UINT32_MAX;
    if (status == BG_OK)
        status = check_current_key(keyholder, error);
    if (status == BG_OK)
        status = adopt_root(keyholder, settings->root, error);
    if (status == BG_OK && !keyholder->set_up)
        status = set_up(keyholder, error);
    if (status == BG_OK)
        *ret_keyholder = keyholder;
    else
        bg_keyholder_destroy(&keyholder);
    return status;
}
