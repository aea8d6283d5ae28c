/* SPDX-License-Identifier: Apache-2.0 */
#include "protocol/enrolment.h"

#include "base/json.h"
#include "base/utf8.h"
#include "crypto/wipe.h"

#include <string.h>

bool bg_plain_text(const char *text, size_t capacity)
{
    size_t size = strnlen(text, capacity);
    if (size == capacity)
        return false;
    for (size_t at = 0; at < size;) {
        uint32_t point;
        size_t step = bg_utf8_next((const uint8_t *)text + at, size - at, &point);
        if (!step || point < 0x20 || (point >= 0x7f && point < 0xa0))
            return false;
        at += step;
    }
    return true;
}

/* ---- printing ---- */

/* At most BG_PUBLIC_POINT_BYTES. */
static void add_hex(struct bg_json *object, const char *key, const uint8_t *bytes, size_t size)
{
    static const char digits[] = "0123456789abcdef";
    char hex[2 * BG_PUBLIC_POINT_BYTES + 1];
    for (size_t i = 0; i < size; i++) {
        hex[2 * i] = digits[bytes[i] >> 4];
        hex[2 * i + 1] = digits[bytes[i] & 15];
    }
    hex[2 * size] = '\0';
    bg_json_add_string(object, key, hex);
    bg_wipe(hex, sizeof hex);
}

static char *print(struct bg_json *root)
{
    char *text = bg_json_print(root, false);
    bg_json_destroy(&root);
    return text;
}

char *bg_enrolment_request_print(const struct bg_enrolment_request *request)
{
    struct bg_json *root = bg_json_object();
    if (request->has_secret)
        add_hex(root, "secret", request->secret, sizeof request->secret);
    bg_json_add_string(root, "request", request->request.text);
    if (request->label[0])
        bg_json_add_string(root, "label", request->label);
    if (request->url[0])
        bg_json_add_string(root, "url", request->url);
    return print(root);
}

char *bg_enrolment_reply_print(const struct bg_enrolment_reply *reply)
{
    struct bg_json *root = bg_json_object();
    bg_json_add_string(root, "certificate", reply->certificate.text);
    bg_json_add_string(root, "authority", reply->authority.text);
    bg_json_add_string(root, "population", reply->population.name);
    add_hex(root, "key_holder", reply->key_holder, sizeof reply->key_holder);
    add_hex(root, "commitment", reply->commitment.bytes, sizeof reply->commitment.bytes);
    if (reply->has_root)
        add_hex(root, "root", reply->root, sizeof reply->root);
    if (reply->root_url[0])
        bg_json_add_string(root, "root_url", reply->root_url);
    return print(root);
}

/* ---- parsing ---- */

/* A document that is being read: every member that is asked for is counted, so that what is left over shows. */
struct document {
    const char *name;
    const struct bg_json *root;
    size_t read;
    struct bg_error *error;
    enum bg_status status; /* the first failure */
};

static void refuse(struct document *d, enum bg_status status, const char *key, const char *rule)
{
    if (d->status == BG_OK)
        d->status = bg_fail(d->error, status, "%s: \"%s\" %s", d->name, key, rule);
}

/* "" if it is absent, or after a failure. */
static const char *text_of(struct document *d, const char *key, bool needed)
{
    const struct bg_json *value = d->status == BG_OK ? bg_json_get(d->root, key) : NULL;
    if (!value) {
        if (needed)
            refuse(d, BG_DECODE, key, "is missing");
        return "";
    }
    d->read++;
    if (bg_json_type(value) == BG_JSON_STRING)
        return bg_json_string(value);
    refuse(d, BG_DECODE, key, "must be a text");
    return "";
}

static void read_plain(struct document *d, const char *key, char *ret_text, size_t capacity)
{
    const char *text = text_of(d, key, false);
    if (!bg_plain_text(text, capacity)) {
        refuse(d, BG_DECODE, key, "is too long, or has control characters");
        return;
    }
    memcpy(ret_text, text, strlen(text) + 1);
}

static void read_pem(struct document *d, const char *key, struct bg_pem *ret_pem)
{
    const char *text = text_of(d, key, true);
    if (bg_pem_set(text, ret_pem) != BG_OK)
        refuse(d, BG_TOO_LARGE, key, "is longer than PEM texts may be");
}

static int digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Whether it was there. */
static bool read_hex(struct document *d, const char *key, bool needed, uint8_t *ret_bytes, size_t size)
{
    size_t before = d->read;
    const char *text = text_of(d, key, needed);
    if (d->status != BG_OK || d->read == before)
        return false;
    bool good = strlen(text) == 2 * size;
    for (size_t i = 0; i < size && good; i++) {
        int high = digit(text[2 * i]), low = digit(text[2 * i + 1]);
        good = high >= 0 && low >= 0;
        ret_bytes[i] = (uint8_t)(((unsigned)high << 4 | (unsigned)low) & 0xff);
    }
    if (!good)
        refuse(d, BG_DECODE, key, "must be lower-case hex of its fixed length");
    return good;
}

static bool read_point(struct document *d, const char *key, bool needed, uint8_t ret[static BG_PUBLIC_POINT_BYTES])
{
    if (!read_hex(d, key, needed, ret, BG_PUBLIC_POINT_BYTES))
        return false;
    enum bg_status status = bg_point_check(ret);
    if (status != BG_OK)
        refuse(d, status, key, "is no point of the curve");
    return status == BG_OK;
}

static enum bg_status open_document(struct bg_span text, const char *name, struct bg_error *error,
                                    struct bg_json **ret_root, struct document *ret)
{
    *ret_root = NULL;
    if (text.size > BG_ENROLMENT_MOST_BYTES)
        return bg_fail(error, BG_TOO_LARGE, "%s: %zu bytes, at most %zu may be", name, text.size,
                       BG_ENROLMENT_MOST_BYTES);
    enum bg_status status = bg_json_parse(text, name, error, ret_root);
    if (status != BG_OK)
        return status;
    if (bg_json_type(*ret_root) != BG_JSON_OBJECT)
        return bg_fail(error, BG_DECODE, "%s: must be an object", name);
    *ret = (struct document){.name = name, .root = *ret_root, .error = error};
    return BG_OK;
}

static enum bg_status close_document(struct document *d)
{
    if (d->status == BG_OK && d->read != bg_json_count(d->root))
        d->status = bg_fail(d->error, BG_DECODE, "%s: has members that none has", d->name);
    return d->status;
}

enum bg_status bg_enrolment_request_parse(struct bg_span text, struct bg_error *error,
                                          struct bg_enrolment_request *ret)
{
    struct document d;
    struct bg_json *root;
    struct bg_enrolment_request request = {0};
    enum bg_status status = open_document(text, "enrolment request", error, &root, &d);
    if (status == BG_OK) {
        request.has_secret = read_hex(&d, "secret", false, request.secret, sizeof request.secret);
        read_pem(&d, "request", &request.request);
        read_plain(&d, "label", request.label, sizeof request.label);
        read_plain(&d, "url", request.url, sizeof request.url);
        status = close_document(&d);
    }
    if (status == BG_OK)
        *ret = request;
    bg_wipe(&request, sizeof request);
    bg_json_destroy(&root);
    return status;
}

enum bg_status bg_enrolment_reply_parse(struct bg_span text, struct bg_error *error, struct bg_enrolment_reply *ret)
{
    struct document d;
    struct bg_json *root;
    struct bg_enrolment_reply reply = {0};
    enum bg_status status = open_document(text, "enrolment reply", error, &root, &d);
    if (status == BG_OK) {
        read_pem(&d, "certificate", &reply.certificate);
        read_pem(&d, "authority", &reply.authority);
        const char *population = text_of(&d, "population", true);
        if (d.status == BG_OK && bg_population_set(&reply.population, population) != BG_OK)
            refuse(&d, BG_DECODE, "population", "must be 1 to 31 of a-z 0-9 . _ -");
        read_point(&d, "key_holder", true, reply.key_holder);
        read_hex(&d, "commitment", true, reply.commitment.bytes, sizeof reply.commitment.bytes);
        reply.has_root = read_point(&d, "root", false, reply.root);
        read_plain(&d, "root_url", reply.root_url, sizeof reply.root_url);
        status = close_document(&d);
    }
    if (status == BG_OK)
        *ret = reply;
    bg_json_destroy(&root);
    return status;
}
