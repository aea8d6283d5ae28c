/* SPDX-License-Identifier: Apache-2.0 */
#include "net/uploads.h"

#include "base/checked.h"
#include "base/clock.h"
#include "base/digest_table.h"
#include "net/http_answer.h"
#include "net/upload_file.h"
#include "net/upload_fields.h"

#include <assert.h>
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <unistd.h>

#define ABANDONED_NS (600 * BG_SECOND) /* whoever has not come back for so long gives way where room is needed */
#define MOST_FIELDS 5

enum upload_state {
    PARTIAL = 0,
    RECEIVING,
    SERVED,
    ANSWERED,
};

struct upload {
    struct bg_call call; /* first: what the role answers */
    struct bg_uploads *uploads;
    struct upload *older, *newer;
    struct bg_upload_name name; /* owner, key, size */
    enum upload_state state;
    uint64_t offset;
    uint64_t touched;
    bool replaced; /* it goes when what is being received has ended */
    bool final;    /* what is being received is its end */
    int file;      /* open while it is being received … */
    struct bg_http_exchange *receives; /* … from this */
    struct bg_http_exchange *waits; /* for the role's answer */
    struct bg_http_exchange *next;  /* comes when what is being received has ended */
    struct bg_request request;
    enum bg_status status; /* of the role */
    uint8_t *reply;
    size_t reply_size;
};

struct bg_uploads {
    struct bg_https_service_settings settings; /* population and uploads are owned */
    struct upload *latest;
    uint64_t bytes; /* of all that have a file, or a right to one */
    struct bg_digest_table owners; /* to `current` */
    struct upload **current; /* (owners.count) of each client; NULL: it has none */
    size_t current_capacity;
};

/* ---- the list ---- */

/* Where the client's upload is noted; NULL: no memory. */
static struct upload **slot_of(struct bg_uploads *uploads, const struct bg_digest *owner)
{
    uint32_t index;
    if (bg_digest_table_find(&uploads->owners, owner, &index))
        return &uploads->current[index];
    size_t count = bg_digest_table_count(&uploads->owners);
    if (count == uploads->current_capacity) {
        size_t capacity = count ? 2 * count : 16, size;
        struct upload **current = bg_size_multiply(capacity, sizeof *current, &size)
                                      ? realloc(uploads->current, size)
                                      : NULL;
        if (!current)
            return NULL;
        uploads->current = current;
        uploads->current_capacity = capacity;
    }
    if (bg_digest_table_put(&uploads->owners, owner, (uint32_t)count) != BG_OK)
        return NULL;
    uploads->current[count] = NULL;
    return &uploads->current[count];
}

static void remove_upload(struct upload *upload)
{
    struct bg_uploads *uploads = upload->uploads;
    if (upload->state != ANSWERED)
        uploads->bytes -= upload->name.size;
    if (upload->newer)
        upload->newer->older = upload->older;
    else
        uploads->latest = upload->older;
    if (upload->older)
        upload->older->newer = upload->newer;
    free(upload->reply);
    free(upload);
}

/* It is nobody's any more: gone at once, or when what is being received has ended. Not while the role has it. */
static void drop_upload(struct upload *upload)
{
    struct upload **slot = slot_of(upload->uploads, &upload->name.owner);
    assert(upload->state != SERVED);
    if (slot && *slot == upload)
        *slot = NULL;
    bg_upload_file_remove(upload->uploads->settings.uploads, &upload->name);
    upload->replaced = true;
    if (upload->state == RECEIVING)
        bg_http_abort(upload->receives);
    else
        remove_upload(upload);
}

/* NULL: no memory. */
static struct upload *add_upload(struct bg_uploads *uploads, const struct bg_upload_name *name, uint64_t offset)
{
    struct upload **slot = slot_of(uploads, &name->owner), *upload = slot ? malloc(sizeof *upload) : NULL;
    if (!upload)
        return NULL;
    *upload = (struct upload){.uploads = uploads,
                              .older = uploads->latest,
                              .name = *name,
                              .offset = offset,
                              .touched = bg_clock_monotonic_ns(),
                              .file = -1};
    if (upload->older)
        upload->older->newer = upload;
    uploads->latest = upload;
    uploads->bytes += name->size;
    *slot = upload;
    return upload;
}

static struct upload *longest_abandoned(const struct bg_uploads *uploads)
{
    uint64_t now = bg_clock_monotonic_ns();
    struct upload *found = NULL;
    for (struct upload *upload = uploads->latest; upload; upload = upload->older)
        if (upload->state == PARTIAL && now - upload->touched > ABANDONED_NS &&
            (!found || upload->touched < found->touched))
            found = upload;
    return found;
}

static bool make_room(struct bg_uploads *uploads, uint64_t size)
{
    uint64_t most = uploads->settings.uploads_most_bytes;
    while (size > most || uploads->bytes > most - size) {
        struct upload *abandoned = longest_abandoned(uploads);
        if (!abandoned)
            return false;
        drop_upload(abandoned);
    }
    return true;
}

/* ---- what is said ---- */

struct fields {
    struct bg_http_field at[MOST_FIELDS];
    size_t count;
    char numbers[MOST_FIELDS][48];
    char location[BG_ROUTE_PATH_BYTES];
};

static void add(struct fields *fields, const char *name, const char *value)
{
    fields->at[fields->count++] = (struct bg_http_field){name, value};
}

/* How far it is. */
static void add_progress(struct fields *fields, const struct upload *upload)
{
    char *offset = fields->numbers[0];
    snprintf(offset, sizeof fields->numbers[0], "%" PRIu64, upload->offset);
    add(fields, BG_UPLOAD_OFFSET, offset);
    add(fields, BG_UPLOAD_COMPLETE, upload->state == SERVED || upload->state == ANSWERED ? "?1" : "?0");
}

static void add_limit(struct fields *fields, const struct bg_uploads *uploads)
{
    char *limit = fields->numbers[1];
    snprintf(limit, sizeof fields->numbers[1], "max-size=%" PRIu64, uploads->settings.upload_most_bytes);
    add(fields, BG_UPLOAD_LIMIT, limit);
}

static void say(struct bg_http_exchange *exchange, unsigned http, const char *sentence)
{
    bg_http_say(exchange, http, sentence, NULL, 0);
}

/* Whoever runs the server has to know. */
static void tell_full(const struct bg_uploads *uploads, struct bg_http_exchange *exchange, const char *sentence)
{
    struct bg_error error;
    bg_fail(&error, BG_BUSY, "upload: %s", sentence);
    if (uploads->settings.full)
        uploads->settings.full(uploads->settings.context, bg_http_peer(exchange), &error);
}

static void say_progress(const struct upload *upload, struct bg_http_exchange *exchange, unsigned http,
                         const char *sentence)
{
    struct fields fields = {.count = 0};
    add_progress(&fields, upload);
    bg_http_say(exchange, http, sentence, fields.at, fields.count);
}

static void say_created(const struct upload *upload, struct bg_http_exchange *exchange)
{
    struct fields fields = {.count = 0};
    snprintf(fields.location, sizeof fields.location, "/v1/%s/updates/%s", upload->uploads->settings.population,
             upload->name.key);
    add(&fields, "Location", fields.location);
    add_progress(&fields, upload);
    add_limit(&fields, upload->uploads);
    bg_http_say(exchange, 201, NULL, fields.at, fields.count);
}

static void say_status(const struct upload *upload, struct bg_http_exchange *exchange)
{
    struct fields fields = {.count = 0};
    char *length = fields.numbers[2];
    add_progress(&fields, upload);
    add_limit(&fields, upload->uploads);
    snprintf(length, sizeof fields.numbers[2], "%" PRIu64, upload->name.size);
    add(&fields, BG_UPLOAD_LENGTH, length);
    add(&fields, "Cache-Control", "no-store");
    bg_http_say(exchange, 204, NULL, fields.at, fields.count);
}

static void say_answer(const struct upload *upload, struct bg_http_exchange *exchange)
{
    static const struct bg_http_field complete = {BG_UPLOAD_COMPLETE, "?1"};
    bg_http_answer_with(exchange, upload->status, (struct bg_span){upload->reply, upload->reply_size}, NULL, &complete,
                        1);
}

/* ---- the role's part ---- */

/* The answer goes to the last one who asked for it. */
static void wait_for_answer(struct upload *upload, struct bg_http_exchange *exchange)
{
    if (upload->waits)
        say_progress(upload, upload->waits, 409, "the answer goes to a later request for it");
    upload->waits = exchange;
}

static void keep_reply(struct upload *upload, struct bg_span reply)
{
    free(upload->reply);
    upload->reply = NULL;
    upload->reply_size = 0;
    if (upload->status != BG_OK || !reply.size)
        return;
    upload->reply = malloc(reply.size);
    if (!upload->reply) {
        upload->status = BG_NO_MEMORY; /* it comes again */
        return;
    }
    memcpy(upload->reply, reply.data, reply.size);
    upload->reply_size = reply.size;
}

static void on_answer(struct bg_call *call, enum bg_status status, struct bg_span reply)
{
    struct upload *upload = (struct upload *)call;
    struct bg_http_exchange *exchange = upload->waits;
    struct bg_held_bytes *held = upload->request.held;
    upload->status = status;
    keep_reply(upload, reply);
    upload->request = (struct bg_request){.held = NULL};
    upload->waits = NULL;
    upload->touched = bg_clock_monotonic_ns();
    status = upload->status;
    if (status == BG_IO || status == BG_BUSY || status == BG_NO_MEMORY) {
        upload->state = PARTIAL;
    } else {
        bg_upload_file_remove(upload->uploads->settings.uploads, &upload->name);
        upload->uploads->bytes -= upload->name.size;
        upload->state = ANSWERED;
    }
    bg_held_release(held);
    if (exchange)
        say_answer(upload, exchange);
}

/* All of it is there and synced. */
static void serve(struct upload *upload, struct bg_http_exchange *exchange)
{
    const struct bg_https_service_settings *settings = &upload->uploads->settings;
    struct bg_held_bytes *held;
    struct bg_span bytes;
    enum bg_status status = bg_upload_file_map(settings->uploads, &upload->name, &bytes, &held);
    if (status != BG_OK) {
        upload->offset = status == BG_IO ? 0 : upload->offset; /* somebody has been at the file */
        bg_http_answer(exchange, status, (struct bg_span){NULL, 0});
        return;
    }
    upload->state = SERVED;
    upload->waits = exchange;
    upload->call = (struct bg_call){on_answer};
    upload->request = (struct bg_request){
        .route = BG_ROUTE_UPDATE, .peer = upload->name.owner, .body = bytes, .held = held};
    if (settings->enter)
        settings->enter(settings->context);
    settings->serve(settings->server, &upload->request, &upload->call);
    if (settings->leave)
        settings->leave(settings->context);
}

/* ---- receiving ---- */

static void take(struct upload *upload, struct bg_http_exchange *exchange);

/* What came is in the file; it may go on now, for whoever waited. */
static void end_receiving(struct upload *upload)
{
    struct bg_http_exchange *next = upload->next;
    upload->next = NULL;
    if (upload->replaced) {
        if (next)
            say(next, 404, "there is no such upload any more");
        remove_upload(upload);
    } else if (next && bg_http_method(next) == BG_HTTP_POST) {
        bg_uploads_create_one(upload->uploads, next);
    } else if (next) {
        take(upload, next);
    }
}

static void say_full(const struct upload *upload, struct bg_http_exchange *exchange)
{
    tell_full(upload->uploads, exchange, "no space left: make room on the disk");
    say_progress(upload, exchange, 507, "the disk is full");
}

static void respond_received(struct upload *upload, struct bg_http_exchange *exchange, enum bg_status status,
                             int error_number)
{
    if (upload->replaced)
        say(exchange, 404, "there is no such upload any more");
    else if (status == BG_TOO_LARGE)
        say_progress(upload, exchange, 413, "the upload is longer than was said when it was created");
    else if (status != BG_OK && (error_number == ENOSPC || error_number == EDQUOT || error_number == EFBIG))
        say_full(upload, exchange);
    else if (status == BG_FAULT)
        say_progress(upload, exchange, 500, "the disk did not take it: begin it anew");
    else if (status != BG_OK)
        say_progress(upload, exchange, status == BG_IO ? 500 : 400, bg_status_text(status));
    else if (upload->final && upload->offset < upload->name.size)
        say_progress(upload, exchange, 400, "the upload ends before its length");
    else if (upload->final)
        serve(upload, exchange);
    else if (bg_http_method(exchange) == BG_HTTP_POST)
        say_created(upload, exchange);
    else
        say_progress(upload, exchange, 204, NULL);
}

static void on_received(void *context, struct bg_http_exchange *exchange, enum bg_status status, uint64_t written,
                        int error_number)
{
    struct upload *upload = context;
    close(upload->file);
    upload->file = -1;
    upload->receives = NULL;
    upload->state = PARTIAL;
    upload->offset = status == BG_FAULT ? 0 : upload->offset + written;
    upload->touched = bg_clock_monotonic_ns();
    respond_received(upload, exchange, status, error_number);
    end_receiving(upload);
}

static void receive(struct upload *upload, struct bg_http_exchange *exchange, uint64_t offset, bool final)
{
    enum bg_status status = bg_upload_file_open(upload->uploads->settings.uploads, &upload->name, offset == 0,
                                                &upload->file);
    if (status != BG_OK) {
        upload->offset = 0; /* somebody has been at the file */
        say_progress(upload, exchange, 500, "the server cannot write into its folder of uploads");
        return;
    }
    upload->offset = offset;
    upload->final = final;
    upload->state = RECEIVING;
    upload->receives = exchange;
    bg_http_receive(exchange, upload->file, offset, upload->name.size - offset, final, on_received, upload);
}

/* After what is being received: from a connection that its client has given up. */
static void queue(struct upload *upload, struct bg_http_exchange *exchange)
{
    if (upload->next)
        say(upload->next, 409, "another request for this upload came later");
    upload->next = exchange;
    bg_http_abort(upload->receives);
}

static void append(struct upload *upload, struct bg_http_exchange *exchange)
{
    const char *type = bg_http_header(exchange, "Content-Type");
    uint64_t offset;
    bool final;
    if (!type || strcmp(type, BG_UPLOAD_TYPE) != 0)
        say(exchange, 415, "a PATCH of an upload has the type " BG_UPLOAD_TYPE);
    else if (!bg_upload_read_number(bg_http_header(exchange, BG_UPLOAD_OFFSET), &offset) ||
             !bg_upload_read_boolean(bg_http_header(exchange, BG_UPLOAD_COMPLETE), &final))
        say(exchange, 400, "a PATCH of an upload has " BG_UPLOAD_OFFSET " and " BG_UPLOAD_COMPLETE);
    else if (upload->state != PARTIAL)
        say_progress(upload, exchange, 409, "the upload is complete: GET has its answer");
    else if (offset != upload->offset)
        say_progress(upload, exchange, 409, "the upload goes on at another offset");
    else
        receive(upload, exchange, offset, final);
}

static void take(struct upload *upload, struct bg_http_exchange *exchange)
{
    static const struct bg_http_field allow = {"Allow", "HEAD, GET, PATCH, DELETE"};
    if (upload->state == RECEIVING) {
        queue(upload, exchange);
        return;
    }
    switch (bg_http_method(exchange)) {
    case BG_HTTP_HEAD:
        say_status(upload, exchange);
        break;
    case BG_HTTP_PATCH:
        append(upload, exchange);
        break;
    case BG_HTTP_GET:
        if (upload->state == ANSWERED)
            say_answer(upload, exchange);
        else if (upload->state == SERVED)
            wait_for_answer(upload, exchange);
        else
            say_progress(upload, exchange, 409, "the upload is not complete");
        break;
    case BG_HTTP_DELETE:
        if (upload->state == SERVED) {
            say_progress(upload, exchange, 409, "the upload is being looked at");
            break;
        }
        drop_upload(upload);
        bg_http_say(exchange, 204, NULL, NULL, 0);
        break;
    default:
        bg_http_say(exchange, 405, "an upload has other methods", &allow, 1);
    }
}

void bg_uploads_take(struct bg_uploads *uploads, struct bg_http_exchange *exchange, const char *key)
{
    uint32_t index;
    struct upload *upload = NULL;
    if (bg_digest_table_find(&uploads->owners, &bg_http_peer(exchange)->id, &index))
        upload = uploads->current[index];
    if (upload && strcmp(upload->name.key, key) == 0)
        take(upload, exchange);
    else
        say(exchange, 404, "there is no such upload");
}

/* ---- creation ---- */

/* What a POST wants; false: it was answered. */
static bool read_offer(const struct bg_uploads *uploads, struct bg_http_exchange *exchange,
                       struct bg_upload_name *ret_name, bool *ret_final)
{
    const char *key = bg_http_header(exchange, BG_UPLOAD_KEY), *said = bg_http_header(exchange, BG_UPLOAD_LENGTH);
    const char *complete = bg_http_header(exchange, BG_UPLOAD_COMPLETE);
    uint64_t content = bg_http_content_length(exchange), length = content;
    struct fields fields = {.count = 0};
    *ret_final = true;
    *ret_name = (struct bg_upload_name){.owner = bg_http_peer(exchange)->id};
    if ((said && !bg_upload_read_number(said, &length)) ||
        (complete && !bg_upload_read_boolean(complete, ret_final))) {
        say(exchange, 400, BG_UPLOAD_LENGTH " is a number, " BG_UPLOAD_COMPLETE " is ?0 or ?1");
    } else if (content == UINT64_MAX || (!said && !*ret_final)) {
        say(exchange, 411, "an upload has a length: " BG_UPLOAD_LENGTH ", or Content-Length of all of it");
    } else if (length == 0 || (*ret_final ? content != length : content > length)) {
        say(exchange, 400, "the lengths of the upload contradict each other, or it is empty");
    } else if (length > uploads->settings.upload_most_bytes) {
        add_limit(&fields, uploads);
        bg_http_say(exchange, 413, "the upload is larger than this server takes", fields.at, fields.count);
    } else if (key && !bg_upload_key_is_good(key)) {
        say(exchange, 400, BG_UPLOAD_KEY " has 16 digits, 0-9 a-f");
    } else {
        ret_name->size = length;
        if (key)
            memcpy(ret_name->key, key, sizeof ret_name->key);
        else
            bg_upload_key_draw(ret_name->key);
        return true;
    }
    return false;
}

/* The client's upload of that name, as far as it is, in place of any other of its; NULL: it was answered. What the role
 * has taken stays taken; what it refused it may take another time. */
static struct upload *find_or_add(struct bg_uploads *uploads, struct bg_http_exchange *exchange,
                                  const struct bg_upload_name *name)
{
    struct upload **slot = slot_of(uploads, &name->owner), *upload = slot ? *slot : NULL;
    if (upload && strcmp(upload->name.key, name->key) == 0 && upload->name.size == name->size &&
        (upload->state != ANSWERED || upload->status == BG_OK))
        return upload;
    if (upload && upload->state == SERVED) {
        say(exchange, 503, "another update of this device is being looked at");
        return NULL;
    }
    if (upload)
        drop_upload(upload);
    if (!make_room(uploads, name->size)) {
        tell_full(uploads, exchange, "there are too many updates on their way (limits.uploads_mib)");
        say(exchange, 507, "there are too many updates on their way: try again later");
        return NULL;
    }
    upload = add_upload(uploads, name, 0);
    if (!upload)
        bg_http_answer(exchange, BG_NO_MEMORY, (struct bg_span){NULL, 0});
    return upload;
}

void bg_uploads_create_one(struct bg_uploads *uploads, struct bg_http_exchange *exchange)
{
    struct bg_upload_name name;
    bool final;
    if (!read_offer(uploads, exchange, &name, &final))
        return;
    struct upload *upload = find_or_add(uploads, exchange, &name);
    if (!upload)
        return;
    upload->touched = bg_clock_monotonic_ns();
    if (upload->state == RECEIVING)
        queue(upload, exchange);
    else if (!final && (upload->offset > 0 || bg_http_content_length(exchange) == 0))
        say_created(upload, exchange);
    else if (upload->state == ANSWERED)
        say_answer(upload, exchange);
    else if (upload->state == SERVED)
        wait_for_answer(upload, exchange);
    else
        receive(upload, exchange, 0, final);
}

const char *bg_uploads_key(const char *path)
{
    static const char folder[] = "updates/";
    const char *key = path + strlen(folder);
    return strncmp(path, folder, strlen(folder)) == 0 && bg_upload_key_is_good(key) ? key : NULL;
}

/* ---- all of them ---- */

/* One that was left when the program ended. */
static enum bg_status find_left(void *context, const struct bg_upload_name *name, uint64_t bytes)
{
    struct bg_uploads *uploads = context;
    struct upload **slot = slot_of(uploads, &name->owner);
    if (!slot)
        return BG_NO_MEMORY;
    if (*slot || bytes > name->size || name->size > uploads->settings.upload_most_bytes) {
        bg_upload_file_remove(uploads->settings.uploads, name);
        return BG_OK;
    }
    return add_upload(uploads, name, bytes) ? BG_OK : BG_NO_MEMORY;
}

enum bg_status bg_uploads_create(const struct bg_https_service_settings *settings, struct bg_error *error,
                                 struct bg_uploads **ret_uploads)
{
    uint64_t seed = 0;
    struct bg_uploads *uploads = malloc(sizeof *uploads);
    if (!uploads)
        return bg_fail(error, BG_NO_MEMORY, "no memory for uploads");
    *uploads = (struct bg_uploads){.settings = *settings};
    uploads->settings.population = strdup(settings->population);
    uploads->settings.uploads = strdup(settings->uploads);
    if (getrandom(&seed, sizeof seed, 0) != sizeof seed)
        seed = bg_clock_monotonic_ns();
    bg_digest_table_init(&uploads->owners, seed);
    enum bg_status status = BG_OK;
    if (!uploads->settings.population || !uploads->settings.uploads)
        status = bg_fail(error, BG_NO_MEMORY, "no memory for uploads");
    else
        status = bg_upload_files_each(uploads->settings.uploads, find_left, uploads, error);
    if (status != BG_OK) {
        bg_uploads_destroy(&uploads);
        return status;
    }
    *ret_uploads = uploads;
    return BG_OK;
}

void bg_uploads_destroy(struct bg_uploads **uploads)
{
    struct bg_uploads *u = *uploads;
    if (!u)
        return;
    while (u->latest) {
        struct upload *upload = u->latest;
        assert(upload->state != RECEIVING);
        if (upload->waits)
            bg_http_answer(upload->waits, BG_BUSY, (struct bg_span){NULL, 0});
        bg_held_release(upload->request.held);
        remove_upload(upload);
    }
    bg_digest_table_finish(&u->owners);
    free(u->current);
    free((char *)u->settings.population);
    free((char *)u->settings.uploads);
    free(u);
    *uploads = NULL;
}
