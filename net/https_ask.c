/* SPDX-License-Identifier: Apache-2.0 */
#include "net/https_ask.h"

#include "base/json.h"
#include "net/http_routes.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define CONNECT_NS (20 * BG_SECOND)
#define TIMEOUT_NS (60 * BG_SECOND) /* without progress */
#define URL_BYTES 1024

struct asking {
    struct bg_loop *loop;
    struct bg_error *error;
    enum bg_status status;
    struct bg_writer body;
};

static enum bg_status refusal(const struct bg_https_reply *reply, struct bg_error *error)
{
    const char *field = bg_https_field(reply, "Burgee-Status");
    struct bg_json *problem = NULL;
    const struct bg_json *detail = NULL;
    enum bg_status status;
    if (!field || !bg_status_from_field(field, &status) || status == BG_OK)
        status = reply->http == 404 ? BG_NOT_FOUND : reply->http == 503 || reply->http == 429 ? BG_BUSY : BG_REFUSED;
    if (bg_json_parse(reply->body, "problem", NULL, &problem) == BG_OK)
        detail = bg_json_get(problem, "detail");
    if (detail && bg_json_type(detail) == BG_JSON_STRING)
        bg_fail(error, status, "%s", bg_json_string(detail));
    else
        bg_fail(error, status, "the server answers HTTP %u: %s", reply->http, bg_status_text(status));
    bg_json_destroy(&problem);
    return status;
}

enum bg_status bg_https_reply_check(const struct bg_https_reply *reply, struct bg_error *error)
{
    if (reply->status != BG_OK)
        return bg_fail(error, reply->status, "%s", reply->error->text);
    return reply->http == 200 ? BG_OK : refusal(reply, error);
}

static void on_reply(void *context, const struct bg_https_reply *reply)
{
    struct asking *asking = context;
    bg_loop_stop(asking->loop);
    asking->status = bg_https_reply_check(reply, asking->error);
    if (asking->status != BG_OK)
        return;
    bg_write_bytes(&asking->body, reply->body.data, reply->body.size);
    bg_write_u8(&asking->body, 0);
    asking->status = asking->body.status;
}

static void on_stop_signal(void *context)
{
    struct asking *asking = context;
    asking->status = bg_fail(asking->error, BG_BUSY, "stopped before the server answered: try again");
    bg_loop_stop(asking->loop);
}

static enum bg_status send(struct asking *asking, struct bg_https_client *client,
                           const struct bg_https_question *question)
{
    static const struct bg_https_field fields[] = {{"Content-Type", "application/json"}};
    char url[URL_BYTES];
    struct bg_https_call *call;
    int length = (int)strnlen(question->url, URL_BYTES);
    while (length && question->url[length - 1] == '/')
        length--;
    length = snprintf(url, sizeof url, "%.*s%s", length, question->url, question->path);
    if (length < 0 || (size_t)length >= sizeof url)
        return bg_fail(asking->error, BG_INVALID, "the server's URL is too long");
    const char *json = question->json;
    struct bg_https_request request = {.method = json ? "POST" : "GET",
                                       .url = url,
                                       .pin = question->pin,
                                       .fields = fields,
                                       .field_count = json ? 1 : 0,
                                       .body = {(const uint8_t *)json, json ? strlen(json) : 0},
                                       .reply_limit = question->reply_limit,
                                       .timeout_ns = TIMEOUT_NS};
    enum bg_status status = bg_https_send(client, &request, on_reply, asking, &call);
    if (status != BG_OK)
        return bg_fail(asking->error, status, "%s: give the server as https://host:port", question->url);
    bg_loop_run(asking->loop);
    return asking->status;
}

enum bg_status bg_https_ask(const struct bg_https_question *question, struct bg_error *error, uint8_t **ret_body,
                            size_t *ret_size)
{
    struct asking asking = {.error = error};
    struct bg_https_client *client = NULL;
    bg_writer_init(&asking.body);
    enum bg_status status = bg_loop_create(error, &asking.loop);
    if (status != BG_OK)
        return status;
    status = bg_loop_on_stop_signal(asking.loop, on_stop_signal, &asking);
    if (status == BG_OK) {
        struct bg_https_settings settings = {
            .loop = asking.loop, .credentials = question->credentials, .connect_ns = CONNECT_NS};
        status = bg_https_client_create(&settings, error, &client);
    }
    if (status == BG_OK)
        status = send(&asking, client, question);
    bg_https_client_destroy(&client);
    bg_loop_destroy(&asking.loop);
    if (status != BG_OK) {
        bg_writer_finish(&asking.body);
        return status;
    }
    *ret_size = asking.body.size - 1;
    *ret_body = asking.body.data;
    return BG_OK;
}
