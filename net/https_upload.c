/* SPDX-License-Identifier: Apache-2.0 */
#include "net/https_errand.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#define FIRST_PAUSE_NS (100 * BG_MILLISECOND)
#define MOST_FIELDS 5

static void on_reply(void *context, const struct bg_https_reply *reply);
static void pause_for(struct bg_https_errand *errand, uint64_t least_ns);

/* A name of the content, so that the same upload is found again after either side was started anew. Not for
 * protection: its sender alone uses it, and digests inside the content tell whether it is whole. */
static void name_content(struct bg_span body, char ret_key[static BG_UPLOAD_KEY_DIGITS + 1])
{
    uint64_t hash = body.size;
    for (size_t i = 0; i < body.size; i += sizeof hash) {
        uint64_t word = 0;
        size_t left = body.size - i;
        memcpy(&word, body.data + i, left < sizeof word ? left : sizeof word);
        hash = (hash ^ word) * 0x9e3779b97f4a7c15u;
        hash ^= hash >> 32;
    }
    snprintf(ret_key, BG_UPLOAD_KEY_DIGITS + 1, "%016" PRIx64, hash);
}

static bool is_whole(const struct bg_https_errand *errand)
{
    return errand->body.size <= BG_UPLOAD_WHOLE_BYTES;
}

struct fields {
    struct bg_https_field at[MOST_FIELDS];
    size_t count;
    char numbers[MOST_FIELDS][24];
};

static void add(struct fields *fields, const char *name, const char *value)
{
    fields->at[fields->count++] = (struct bg_https_field){name, value};
}

static void add_number(struct fields *fields, const char *name, uint64_t value)
{
    char *text = fields->numbers[fields->count];
    snprintf(text, sizeof fields->numbers[0], "%" PRIu64, value);
    add(fields, name, text);
}

static struct bg_https_request create(struct bg_https_errand *errand, struct fields *fields)
{
    struct bg_https_request request = {.method = "POST", .url = errand->url};
    errand->offset = 0;
    errand->piece = is_whole(errand) ? errand->body.size : 0;
    request.body = (struct bg_span){errand->body.data, (size_t)errand->piece};
    add(fields, "Content-Type", BG_FRAMES_TYPE);
    add(fields, BG_UPLOAD_COMPLETE, is_whole(errand) ? "?1" : "?0");
    add(fields, BG_UPLOAD_KEY, errand->key);
    add_number(fields, BG_UPLOAD_LENGTH, errand->body.size);
    return request;
}

static struct bg_https_request send_piece(struct bg_https_errand *errand, struct fields *fields)
{
    uint64_t left = errand->body.size - errand->offset;
    errand->piece = left < BG_UPLOAD_PIECE_BYTES ? left : BG_UPLOAD_PIECE_BYTES;
    add(fields, "Content-Type", BG_UPLOAD_TYPE);
    add_number(fields, BG_UPLOAD_OFFSET, errand->offset);
    add(fields, BG_UPLOAD_COMPLETE, errand->piece == left ? "?1" : "?0");
    return (struct bg_https_request){.method = "PATCH",
                                     .url = errand->location,
                                     .body = {errand->body.data + errand->offset, (size_t)errand->piece}};
}

static enum bg_status take_step(struct bg_https_errand *errand)
{
    struct fields fields = {.count = 0};
    struct bg_https_request request;
    switch (errand->step) {
    case BG_UPLOAD_CREATE:
        request = create(errand, &fields);
        break;
    case BG_UPLOAD_SEND:
        request = send_piece(errand, &fields);
        break;
    default:
        request = (struct bg_https_request){.method = errand->step == BG_UPLOAD_ASK ? "HEAD" : "GET",
                                            .url = errand->location};
        break;
    }
    request.fields = fields.at;
    request.field_count = fields.count;
    return bg_errand_send(errand, request, on_reply);
}

static void go_on(struct bg_https_errand *errand, enum bg_upload_step step)
{
    errand->step = step;
    if (take_step(errand) != BG_OK)
        pause_for(errand, 0);
}

static void wake(void *context)
{
    struct bg_https_errand *errand = context;
    go_on(errand, errand->step);
}

static void pause_for(struct bg_https_errand *errand, uint64_t least_ns)
{
    const struct bg_https_transport_settings *settings = &errand->transport->settings;
    if (errand->tries++ >= settings->tries) {
        bg_errand_answer(errand, errand->busy ? BG_BUSY : BG_IO, (struct bg_span){NULL, 0});
        return;
    }
    uint64_t pause_ns = errand->pause_ns / 2 + bg_prng_below(&errand->transport->jitter, errand->pause_ns / 2 + 1);
    errand->pause_ns = errand->pause_ns < settings->patience_ns / 2 ? 2 * errand->pause_ns : settings->patience_ns;
    bg_loop_timer_set(errand->timer, bg_clock_monotonic_ns() + (pause_ns > least_ns ? pause_ns : least_ns));
}

static void progress(struct bg_https_errand *errand)
{
    const struct bg_https_transport_settings *settings = &errand->transport->settings;
    errand->tries = 0;
    errand->pause_ns = FIRST_PAUSE_NS < settings->patience_ns ? FIRST_PAUSE_NS : settings->patience_ns;
}

/* After what went wrong: on a connection, or with a server that does not do it now. */
static void try_again(struct bg_https_errand *errand, const struct bg_https_reply *reply)
{
    const char *after = reply->status == BG_OK ? bg_https_field(reply, "Retry-After") : NULL;
    uint64_t seconds = 0;
    errand->busy = reply->status == BG_OK && (reply->http == 503 || reply->http == 507);
    if (reply->status == BG_OK)
        bg_errand_warn_of(errand, reply, errand->busy ? BG_BUSY : BG_IO);
    else
        bg_errand_warn(errand, reply->error);
    if (bg_upload_read_number(after, &seconds) && seconds > errand->transport->settings.patience_ns / BG_SECOND)
        seconds = errand->transport->settings.patience_ns / BG_SECOND;
    if (errand->step == BG_UPLOAD_SEND)
        errand->step = BG_UPLOAD_ASK;
    if (reply->status == BG_BAD_KEY || reply->status == BG_REFUSED)
        errand->tries = errand->transport->settings.tries; /* neither side changes its mind so soon */
    pause_for(errand, seconds * BG_SECOND);
}

/* The server has so much of it, or all and perhaps an answer. */
static void follow(struct bg_https_errand *errand, const struct bg_https_reply *reply)
{
    uint64_t offset;
    bool complete = false;
    bool known = bg_upload_read_number(bg_https_field(reply, BG_UPLOAD_OFFSET), &offset) &&
                 bg_upload_read_boolean(bg_https_field(reply, BG_UPLOAD_COMPLETE), &complete) &&
                 offset <= errand->body.size;
    if (!known) {
        try_again(errand, reply);
        return;
    }
    if (offset > errand->offset || complete)
        progress(errand);
    errand->offset = offset;
    go_on(errand, complete ? BG_UPLOAD_FETCH : BG_UPLOAD_SEND);
}

/* A resource of the same server; false: the field is absent or leads elsewhere. */
static bool take_location(struct bg_https_errand *errand, const struct bg_https_reply *reply)
{
    const char *location = bg_https_field(reply, "Location"), *url = errand->transport->settings.url;
    if (location && strncmp(location, url, strlen(url)) == 0)
        location += strlen(url);
    if (!location || location[0] != '/' || location[1] == '/')
        return false;
    int size = snprintf(errand->location, sizeof errand->location, "%s%s", url, location);
    return size > 0 && (size_t)size < sizeof errand->location;
}

static void on_reply(void *context, const struct bg_https_reply *reply)
{
    struct bg_https_errand *errand = context;
    enum bg_status status;
    errand->call = NULL;
    errand->transport->sent += reply->sent;
    if (bg_errand_said(reply, &status))
        bg_errand_answer(errand, status, reply->body);
    else if (reply->status != BG_OK)
        try_again(errand, reply);
    else if (reply->http == 201 && errand->step == BG_UPLOAD_CREATE && take_location(errand, reply))
        follow(errand, reply);
    else if ((reply->http == 404 || reply->http == 410) && errand->step != BG_UPLOAD_CREATE) {
        errand->step = BG_UPLOAD_CREATE;
        pause_for(errand, 0);
    } else if ((reply->http == 200 || reply->http == 204) && errand->step != BG_UPLOAD_CREATE)
        follow(errand, reply);
    else if (reply->http == 413)
        bg_errand_answer(errand, BG_TOO_LARGE, (struct bg_span){NULL, 0});
    else
        try_again(errand, reply);
}

enum bg_status bg_errand_upload(struct bg_https_errand *errand)
{
    struct bg_https_transport *transport = errand->transport;
    name_content(errand->body, errand->key);
    progress(errand);
    enum bg_status status = bg_loop_timer_create(transport->loop, wake, errand, &errand->timer);
    return status == BG_OK ? take_step(errand) : status;
}
