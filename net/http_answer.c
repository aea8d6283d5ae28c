/* SPDX-License-Identifier: Apache-2.0 */
#include "net/http_answer.h"

#include "base/json.h"
#include "net/https_transport.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#define MOST_FIELDS 8
#define PROBLEM_TYPE "application/problem+json"

static void respond(struct bg_http_exchange *exchange, struct bg_http_response *response, const char *status,
                    const struct bg_http_field *fields, size_t field_count)
{
    struct bg_http_field all[MOST_FIELDS];
    assert(field_count < MOST_FIELDS);
    if (field_count)
        memcpy(all, fields, field_count * sizeof *fields);
    if (status)
        all[field_count++] = (struct bg_http_field){BG_STATUS_FIELD, status};
    response->fields = all;
    response->field_count = field_count;
    bg_http_respond(exchange, response);
}

/* Gives text to free(); NULL: no memory, and the response goes without. */
static char *problem(unsigned http, const char *status, const char *sentence)
{
    struct bg_json *object = bg_json_object();
    bg_json_add_u64(object, "status", http);
    if (status)
        bg_json_add_string(object, "title", status);
    bg_json_add_string(object, "detail", sentence);
    char *text = bg_json_print(object, false);
    bg_json_destroy(&object);
    return text;
}

static void respond_problem(struct bg_http_exchange *exchange, unsigned http, const char *status,
                            const char *sentence, const struct bg_http_field *fields, size_t field_count)
{
    char *text = sentence ? problem(http, status, sentence) : NULL;
    struct bg_http_response response = {.status = http};
    if (text) {
        response.content_type = PROBLEM_TYPE;
        response.body = (struct bg_span){(const uint8_t *)text, strlen(text)};
    }
    respond(exchange, &response, status, fields, field_count);
    free(text);
}

void bg_http_say(struct bg_http_exchange *exchange, unsigned http, const char *sentence,
                 const struct bg_http_field *fields, size_t field_count)
{
    respond_problem(exchange, http, NULL, sentence, fields, field_count);
}

void bg_http_answer_with(struct bg_http_exchange *exchange, enum bg_status status, struct bg_span reply,
                         struct bg_http_content *content, const struct bg_http_field *fields, size_t field_count)
{
    char value[BG_STATUS_FIELD_BYTES];
    bg_status_to_field(status, value);
    if (status != BG_OK) {
        respond_problem(exchange, (unsigned)bg_status_http(status), value, bg_status_text(status), fields,
                        field_count);
        return;
    }
    struct bg_http_response response = {.status = 200, .content_type = BG_FRAMES_TYPE};
    if (content) {
        response.content = content;
        response.content_size = reply.size;
    } else {
        response.body = reply;
    }
    respond(exchange, &response, value, fields, field_count);
}

void bg_http_answer(struct bg_http_exchange *exchange, enum bg_status status, struct bg_span reply)
{
    bg_http_answer_with(exchange, status, reply, NULL, NULL, 0);
}

void bg_http_refuse(struct bg_http_exchange *exchange, enum bg_status status, const char *sentence)
{
    char value[BG_STATUS_FIELD_BYTES];
    bg_status_to_field(status, value);
    respond_problem(exchange, (unsigned)bg_status_http(status), value, sentence, NULL, 0);
}
