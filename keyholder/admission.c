/* SPDX-License-Identifier: Apache-2.0 */
#include "keyholder/admission.h"

#include "crypto/wipe.h"
#include "keyholder/state.h"

#include <string.h>

#define NS_PER_SECOND 1000000000u
#define LEAST_DIGITS 8 /* of an id, to name a device by */

/* ---- what all of them share ---- */

static enum bg_status check_able(const struct bg_keyholder *keyholder, struct bg_error *error)
{
    if (!keyholder->settings.authority)
        return bg_fail(error, BG_UNSUPPORTED, "enrolment: this key holder has no authority; make one with init");
    if (keyholder->failed)
        return bg_fail(error, BG_IO, "enrolment: the journal could not be written; mend its disk and start again");
    return BG_OK;
}

/* Everything of a reply but its certificate. */
static void begin_reply(const struct bg_keyholder *keyholder, struct bg_enrolment_reply *ret)
{
    const struct bg_keyholder_settings *settings = &keyholder->settings;
    memset(ret, 0, sizeof *ret);
    ret->authority = *settings->authority_certificate;
    ret->population = settings->population;
    memcpy(ret->key_holder, bg_identity_point(settings->identity), sizeof ret->key_holder);
    ret->commitment = bg_keyholder_commitment(keyholder);
    ret->has_root = settings->root[0] != 0;
    memcpy(ret->root, settings->root, sizeof ret->root);
    memcpy(ret->root_url, keyholder->root_url, sizeof ret->root_url);
}

static enum bg_status issue(const struct bg_keyholder *keyholder, const uint8_t *point, enum bg_certificate_role role,
                            uint64_t from, struct bg_error *error, struct bg_pem *ret_pem)
{
    const struct bg_keyholder_settings *settings = &keyholder->settings;
    enum bg_status status = bg_certificate_issue(settings->authority, settings->population.name, point, role, from,
                                                 settings->certificate_days, &settings->random, ret_pem);
    return status == BG_OK ? BG_OK : bg_fail(error, status, "certificate: %s", bg_status_text(status));
}

static uint64_t expiry_from(const struct bg_keyholder *keyholder, uint64_t now)
{
    return now + (uint64_t)keyholder->settings.certificate_days * 86400;
}

static enum bg_status keep(struct bg_keyholder *keyholder, enum bg_keyholder_entry kind, const struct bg_writer *entry,
                           struct bg_error *error)
{
    if (entry->status == BG_OK)
        return bg_keyholder_keep(keyholder, kind, bg_writer_span(entry), error);
    keyholder->failed = true; /* the state has changed, and nothing tells of it */
    return bg_fail(error, entry->status, "enrolment: out of memory; start again");
}

/* ---- tokens ---- */

/* The secrets' digests go into the table, and into the entry. */
static enum bg_status add_tokens(struct bg_keyholder *keyholder, const struct bg_token_terms *terms, size_t count,
                                 struct bg_token *tokens, struct bg_writer *entry, struct bg_error *error)
{
    bg_token_terms_encode(terms, entry);
    bg_write_u64(entry, count);
    for (size_t i = 0; i < count; i++) {
        struct bg_digest digest;
        tokens[i] = tokens[0];
        enum bg_status status =
            bg_random_fill(&keyholder->settings.random, tokens[i].secret, sizeof tokens[i].secret);
        if (status == BG_OK) {
            bg_token_digest(tokens[i].secret, &digest);
            bg_write_digest(entry, &digest);
            status = bg_tokens_add(&keyholder->tokens, &digest, terms);
        }
        if (status != BG_OK)
            return bg_fail(error, status, "token: %s, beside %zu others", bg_status_text(status),
                           keyholder->tokens.count);
    }
    return BG_OK;
}

enum bg_status bg_keyholder_token_new(struct bg_keyholder *keyholder, const struct bg_token_terms *terms, size_t count,
                                      struct bg_error *error, struct bg_token *ret_tokens)
{
    struct bg_certificate authority;
    struct bg_writer entry;
    enum bg_status status = check_able(keyholder, error);
    if (status == BG_OK)
        status = bg_token_terms_check(terms, error);
    if (status == BG_OK)
        status = bg_certificate_read(keyholder->settings.authority_certificate, "the authority's certificate",
                                     keyholder->settings.authority_certificate, error, &authority);
    if (status != BG_OK)
        return status;
    ret_tokens[0] = (struct bg_token){.expiry = terms->expiry, .authority = authority.fingerprint};
    bg_point_pin(bg_identity_point(keyholder->settings.identity), &ret_tokens[0].key_holder);
    bg_writer_init(&entry);
    size_t before = keyholder->tokens.count;
    status = add_tokens(keyholder, terms, count, ret_tokens, &entry, error);
    if (status == BG_OK)
        status = keep(keyholder, BG_KEYHOLDER_ENTRY_TOKEN, &entry, error);
    else if (keyholder->tokens.count != before)
        keyholder->failed = true; /* tokens that no journal knows: nobody has them, but they count */
    bg_writer_finish(&entry);
    if (status != BG_OK)
        bg_wipe(ret_tokens, count * sizeof *ret_tokens);
    return status;
}

/* ---- redeeming ---- */

/* Wrong secrets are counted before anything that costs time is done for them. */
static enum bg_status find_token(struct bg_keyholder *keyholder, const struct bg_enrolment_request *request,
                                 const char *address, struct bg_error *error, struct bg_token_entry **ret_token,
                                 uint64_t *ret_wait_ns)
{
    struct bg_digest digest;
    if (!request->has_secret)
        return bg_fail(error, BG_INVALID, "enrolment: it needs the secret of a token");
    if (address && bg_guesses_check(&keyholder->guesses, address, keyholder->now, ret_wait_ns) != BG_OK)
        return bg_fail(error, BG_BUSY, "enrolment: too many wrong tokens lately; try again in %llu s",
                       (unsigned long long)(*ret_wait_ns / NS_PER_SECOND + 1));
    bg_token_digest(request->secret, &digest);
    *ret_token = bg_tokens_find(&keyholder->tokens, &digest);
    if (*ret_token)
        return BG_OK;
    if (address)
        bg_guesses_wrong(&keyholder->guesses, address, keyholder->now);
    return bg_fail(error, BG_REFUSED, "enrolment: no such token was given out here");
}

static enum bg_status check_root(const struct bg_keyholder *keyholder, enum bg_certificate_role role,
                                 const uint8_t *point, struct bg_error *error, uint64_t *ret_wait_ns)
{
    const uint8_t *root = keyholder->settings.root;
    char hex[2 * BG_DIGEST_BYTES + 1];
    struct bg_digest id;
    if ((role == BG_CERTIFICATE_CLIENT || role == BG_CERTIFICATE_EDGE) && !root[0]) {
        *ret_wait_ns = (uint64_t)5 * NS_PER_SECOND;
        return bg_fail(error, BG_BUSY, "enrolment: no root has enrolled yet; the token stays good, try again then");
    }
    if (role != BG_CERTIFICATE_ROOT || !root[0] || memcmp(root, point, BG_PUBLIC_POINT_BYTES) == 0)
        return BG_OK;
    bg_point_digest(root, &id);
    bg_digest_to_hex(&id, hex);
    return bg_fail(error, BG_REFUSED,
                   "enrolment: another root is set, %s; to change it, first revoke it (clients revoke), or remove "
                   "root.point where it was set by hand",
                   hex);
}

/* Everything that may keep a key from redeeming a token; *ret_repeat: it has done so already. */
static enum bg_status check_redeem(const struct bg_keyholder *keyholder, const struct bg_token_entry *token,
                                   const uint8_t *point, uint64_t now, struct bg_error *error, bool *ret_repeat,
                                   uint64_t *ret_wait_ns)
{
    struct bg_digest id;
    bg_point_digest(point, &id);
    const struct bg_device *known = bg_enrolment_find(&keyholder->enrolment, &id);
    if (now > token->terms.expiry)
        return bg_fail(error, BG_TOO_LATE, "enrolment: the token has expired; ask for another one");
    if (token->redeemed && !bg_digest_equal(&token->device, &id))
        return bg_fail(error, BG_REFUSED, "enrolment: the token was redeemed by another device");
    if (known && known->revoked)
        return bg_fail(error, BG_REFUSED, "enrolment: this key was revoked; make a new one");
    *ret_repeat = token->redeemed;
    return check_root(keyholder, token->terms.role, point, error, ret_wait_ns);
}

static void write_redeemed(struct bg_writer *entry, const struct bg_token_entry *token, const struct bg_device *device,
                           const char *url)
{
    bg_writer_init(entry);
    bg_write_digest(entry, &token->digest);
    bg_write_bytes(entry, device->point, sizeof device->point);
    bg_write_text(entry, device->label);
    bg_write_text(entry, url);
    bg_write_u64(entry, device->enrolled);
    bg_write_u64(entry, device->not_after);
}

/* The state after it, now and when the journal is replayed. `device` has point, label and times; the rest comes from
 * the token. */
static enum bg_status admit(struct bg_keyholder *keyholder, struct bg_token_entry *token, struct bg_device *device,
                            const char *url, struct bg_error *error)
{
    bool news;
    device->role = token->terms.role;
    device->owner = token->terms.owner;
    enum bg_status status = bg_keyholder_add_device(keyholder, device, token->terms.cell.label, error, &news);
    if (status != BG_OK)
        return status;
    bg_point_digest(device->point, &token->device);
    token->redeemed = true;
    struct bg_device *kept = bg_enrolment_find(&keyholder->enrolment, &token->device);
    kept->enrolled = device->enrolled;
    kept->not_after = device->not_after;
    if (device->role == BG_CERTIFICATE_ROOT) {
        memcpy(keyholder->settings.root, device->point, sizeof keyholder->settings.root);
        memcpy(keyholder->root_url, url, strlen(url) + 1);
    }
    return BG_OK;
}

enum bg_status bg_keyholder_redeem(struct bg_keyholder *keyholder, const struct bg_enrolment_request *request,
                                   const char *address, uint64_t now, struct bg_error *error,
                                   struct bg_enrolment_reply *ret_reply, uint64_t *ret_wait_ns)
{
    struct bg_token_entry *token;
    struct bg_pem certificate;
    struct bg_writer entry;
    bool repeat = false;
    struct bg_device device = {.enrolled = now, .not_after = expiry_from(keyholder, now)};
    *ret_wait_ns = 0;
    enum bg_status status = check_able(keyholder, error);
    if (status == BG_OK)
        status = find_token(keyholder, request, address, error, &token, ret_wait_ns);
    if (status == BG_OK)
        status = bg_request_read(&request->request, "certificate request", error, device.point);
    if (status == BG_OK)
        status = check_redeem(keyholder, token, device.point, now, error, &repeat, ret_wait_ns);
    if (status != BG_OK)
        return status;
    device.label = token->terms.label[0] ? token->terms.label : request->label;
    if (repeat) /* for the time that the first one had */
        device.enrolled = bg_enrolment_find(&keyholder->enrolment, &token->device)->enrolled;
    status = issue(keyholder, device.point, token->terms.role, device.enrolled, error, &certificate);
    if (status == BG_OK && !repeat) {
        status = admit(keyholder, token, &device, request->url, error);
        if (status == BG_OK) {
            write_redeemed(&entry, token, &device, request->url);
            status = keep(keyholder, BG_KEYHOLDER_ENTRY_REDEEMED, &entry, error);
            bg_writer_finish(&entry);
        }
        if (status == BG_OK)
            bg_keyholder_announce(keyholder);
    }
    if (status != BG_OK)
        return status;
    begin_reply(keyholder, ret_reply);
    ret_reply->certificate = certificate;
    return BG_OK;
}

/* ---- renewing ---- */

static enum bg_status extend(struct bg_keyholder *keyholder, struct bg_device *device, const char *url, uint64_t now,
                             struct bg_error *error, struct bg_enrolment_reply *ret_reply)
{
    struct bg_pem certificate;
    struct bg_writer entry;
    enum bg_status status = issue(keyholder, device->point, device->role, now, error, &certificate);
    if (status != BG_OK)
        return status;
    device->not_after = expiry_from(keyholder, now);
    if (url[0] && device->role == BG_CERTIFICATE_ROOT)
        memcpy(keyholder->root_url, url, strlen(url) + 1);
    bg_writer_init(&entry);
    bg_write_digest(&entry, &device->id);
    bg_write_u64(&entry, now);
    bg_write_u64(&entry, device->not_after);
    bg_write_text(&entry, url);
    status = keep(keyholder, BG_KEYHOLDER_ENTRY_RENEWED, &entry, error);
    bg_writer_finish(&entry);
    if (status != BG_OK)
        return status;
    begin_reply(keyholder, ret_reply);
    ret_reply->certificate = certificate;
    return BG_OK;
}

static enum bg_status find_renewable(struct bg_keyholder *keyholder, const struct bg_digest *id,
                                     struct bg_error *error, struct bg_device **ret_device)
{
    char hex[2 * BG_DIGEST_BYTES + 1];
    bg_digest_to_hex(id, hex);
    enum bg_status status = check_able(keyholder, error);
    if (status != BG_OK)
        return status;
    *ret_device = bg_enrolment_find(&keyholder->enrolment, id);
    if (!*ret_device)
        return bg_fail(error, BG_UNKNOWN_CLIENT, "renewal: %s is not enrolled here", hex);
    if ((*ret_device)->revoked)
        return bg_fail(error, BG_REFUSED, "renewal: %s was revoked", hex);
    return BG_OK;
}

enum bg_status bg_keyholder_renew(struct bg_keyholder *keyholder, const struct bg_digest *id,
                                  const struct bg_enrolment_request *request, uint64_t now, struct bg_error *error,
                                  struct bg_enrolment_reply *ret_reply)
{
    struct bg_device *device;
    uint8_t point[BG_PUBLIC_POINT_BYTES];
    enum bg_status status = find_renewable(keyholder, id, error, &device);
    if (status == BG_OK)
        status = bg_request_read(&request->request, "certificate request", error, point);
    if (status == BG_OK && memcmp(point, device->point, sizeof point) != 0)
        status = bg_fail(error, BG_REFUSED, "renewal: the request is for another key than the one that asks");
    return status == BG_OK ? extend(keyholder, device, request->url, now, error, ret_reply) : status;
}

enum bg_status bg_keyholder_renew_by_hand(struct bg_keyholder *keyholder, const struct bg_digest *id, uint64_t now,
                                          struct bg_error *error, struct bg_enrolment_reply *ret_reply)
{
    struct bg_device *device;
    enum bg_status status = find_renewable(keyholder, id, error, &device);
    return status == BG_OK ? extend(keyholder, device, "", now, error, ret_reply) : status;
}

/* ---- revoking ---- */

static void dismiss(struct bg_keyholder *keyholder, struct bg_device *device, uint64_t when)
{
    bg_enrolment_revoke(&keyholder->enrolment, device, when);
    keyholder->next_rounds[device - keyholder->enrolment.devices] = BG_POLICY_NEVER;
    if (memcmp(keyholder->settings.root, device->point, sizeof device->point) == 0) {
        memset(keyholder->settings.root, 0, sizeof keyholder->settings.root);
        keyholder->root_url[0] = '\0';
    }
}

enum bg_status bg_keyholder_revoke(struct bg_keyholder *keyholder, const struct bg_digest *id, uint64_t now,
                                   struct bg_error *error)
{
    struct bg_writer entry;
    struct bg_device *device = bg_enrolment_find(&keyholder->enrolment, id);
    if (keyholder->failed)
        return bg_fail(error, BG_IO, "revocation: the journal could not be written; mend its disk and start again");
    if (!device) {
        char hex[2 * BG_DIGEST_BYTES + 1];
        bg_digest_to_hex(id, hex);
        return bg_fail(error, BG_NOT_FOUND, "revocation: %s is not enrolled here", hex);
    }
    if (device->revoked)
        return BG_OK;
    dismiss(keyholder, device, now);
    bg_writer_init(&entry);
    bg_write_digest(&entry, id);
    bg_write_u64(&entry, device->revoked);
    enum bg_status status = keep(keyholder, BG_KEYHOLDER_ENTRY_REVOKED, &entry, error);
    bg_writer_finish(&entry);
    if (status == BG_OK) {
        bg_keyholder_notify(keyholder,
                            (struct bg_keyholder_notice){.kind = BG_KEYHOLDER_NOTICE_REVOKED, .device = &device->id});
        bg_keyholder_announce(keyholder);
    }
    return status;
}

/* ---- what comes back ---- */

static enum bg_status restore_tokens(struct bg_keyholder *keyholder, struct bg_reader *r, struct bg_error *error)
{
    struct bg_token_terms terms;
    bg_token_terms_decode(r, &terms);
    size_t count = bg_read_count(r, BG_MAX_CLIENTS, BG_DIGEST_BYTES);
    enum bg_status status = r->status == BG_OK ? bg_token_terms_check(&terms, NULL) : r->status;
    for (size_t i = 0; i < count && status == BG_OK; i++) {
        struct bg_digest digest = bg_read_digest(r);
        status = bg_tokens_add(&keyholder->tokens, &digest, &terms);
    }
    if (status == BG_OK)
        status = bg_reader_end(r);
    return status == BG_OK ? BG_OK : bg_fail(error, status, "tokens: %s", bg_status_text(status));
}

static enum bg_status restore_redeemed(struct bg_keyholder *keyholder, struct bg_reader *r, struct bg_error *error)
{
    struct bg_device device = {0};
    char label[BG_LABEL_BYTES], url[BG_URL_BYTES];
    uint64_t wait;
    bool repeat;
    struct bg_digest digest = bg_read_digest(r);
    struct bg_span point = bg_read_span(r, BG_PUBLIC_POINT_BYTES);
    bg_read_text(r, label, sizeof label);
    bg_read_text(r, url, sizeof url);
    device.label = label;
    device.enrolled = bg_read_u64(r);
    device.not_after = bg_read_u64(r);
    enum bg_status status = bg_reader_end(r);
    struct bg_token_entry *token = status == BG_OK ? bg_tokens_find(&keyholder->tokens, &digest) : NULL;
    if (!token)
        return bg_fail(error, BG_DATA, "a redeemed token that was not given out, or of another size");
    memcpy(device.point, point.data, sizeof device.point);
    status = check_redeem(keyholder, token, device.point, 0, error, &repeat, &wait);
    return status == BG_OK || status == BG_BUSY ? admit(keyholder, token, &device, url, error) : status;
}

static enum bg_status restore_revoked(struct bg_keyholder *keyholder, struct bg_reader *r, struct bg_error *error)
{
    struct bg_digest id = bg_read_digest(r);
    uint64_t when = bg_read_u64(r);
    struct bg_device *device = bg_reader_end(r) == BG_OK ? bg_enrolment_find(&keyholder->enrolment, &id) : NULL;
    if (!device || device->revoked)
        return bg_fail(error, BG_DATA, "a revocation of nobody, twice, or of another size");
    dismiss(keyholder, device, when);
    return BG_OK;
}

static enum bg_status restore_renewed(struct bg_keyholder *keyholder, struct bg_reader *r, struct bg_error *error)
{
    char url[BG_URL_BYTES];
    struct bg_digest id = bg_read_digest(r);
    (void)bg_read_u64(r);
    uint64_t not_after = bg_read_u64(r);
    bg_read_text(r, url, sizeof url);
    struct bg_device *device = bg_reader_end(r) == BG_OK ? bg_enrolment_find(&keyholder->enrolment, &id) : NULL;
    if (!device || device->revoked)
        return bg_fail(error, BG_DATA, "a renewal of nobody, or of another size");
    device->not_after = not_after;
    if (url[0] && device->role == BG_CERTIFICATE_ROOT)
        memcpy(keyholder->root_url, url, strlen(url) + 1);
    return BG_OK;
}

enum bg_status bg_keyholder_restore_admission(struct bg_keyholder *keyholder, enum bg_keyholder_entry kind,
                                              struct bg_span entry, struct bg_error *error)
{
    struct bg_reader r;
    bg_reader_init(&r, entry);
    switch (kind) {
    case BG_KEYHOLDER_ENTRY_TOKEN:
        return restore_tokens(keyholder, &r, error);
    case BG_KEYHOLDER_ENTRY_REDEEMED:
        return restore_redeemed(keyholder, &r, error);
    case BG_KEYHOLDER_ENTRY_REVOKED:
        return restore_revoked(keyholder, &r, error);
    default:
        return restore_renewed(keyholder, &r, error);
    }
}

/* ---- looking ---- */

const struct bg_device *bg_keyholder_device(const struct bg_keyholder *keyholder, size_t i)
{
    return i < keyholder->enrolment.count ? &keyholder->enrolment.devices[i] : NULL;
}

bool bg_keyholder_revoked(const struct bg_keyholder *keyholder, const struct bg_digest *id)
{
    const struct bg_device *device = bg_enrolment_find(&keyholder->enrolment, id);
    return device && device->revoked;
}

enum bg_status bg_keyholder_find(const struct bg_keyholder *keyholder, const char *name, struct bg_error *error,
                                 struct bg_digest *ret_id)
{
    const struct bg_device *found = NULL, *device;
    size_t digits = strlen(name), matches = 0;
    for (size_t i = 0; (device = bg_keyholder_device(keyholder, i)); i++) {
        char hex[2 * BG_DIGEST_BYTES + 1];
        bg_digest_to_hex(&device->id, hex);
        if ((digits && !device->revoked && strcmp(device->label, name) == 0) ||
            (digits >= LEAST_DIGITS && strncmp(hex, name, digits) == 0)) {
            found = device;
            matches++;
        }
    }
    if (matches > 1)
        return bg_fail(error, BG_DUPLICATE, "\"%.64s\" names %zu devices; give more digits of the id", name, matches);
    if (!found)
        return bg_fail(error, BG_NOT_FOUND, "\"%.64s\" names no device: give its label, or %d or more digits of its id",
                       name, LEAST_DIGITS);
    *ret_id = found->id;
    return BG_OK;
}
