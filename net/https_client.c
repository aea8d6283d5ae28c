/* SPDX-License-Identifier: Apache-2.0 */
#include "net/https_client.h"

#include "net/https_client_call.h"
#include "net/loop_uv.h"

#include <assert.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/socket.h>

#define CONNECTIONS 4             /* kept open at a time */
#define BUFFER_BYTES 16384L       /* each way: one TLS record */
#define KEEPALIVE_NS (60 * BG_SECOND) /* who waits longer for an answer asks whether the server is still there */
#define HEAD_BYTES ((size_t)65536)
#define REPEATED_BYTES ((size_t)65536)
#define SEND_BUFFER_BYTES (48 * 1024) /* in the system's hands: what a connection that breaks may lose */

struct bg_https_client {
    struct bg_loop *loop;
    uv_loop_t *uv;
    char *certificate, *key, *authority, *proxy; /* NULL where the settings are */
    uint64_t connect_ns, idle_ns;
    CURLSH *sessions;  /* TLS sessions, which outlive connections */
    CURLM *multi;      /* NULL while nothing is open */
    struct bg_loop_timer *timer, *idle_timer;
    struct bg_https_call *calls; /* under way, the latest first */
};

struct bg_https_call {
    struct bg_https_client *client;
    struct bg_https_call *older, *newer;
    CURL *easy;
    struct curl_slist *fields;
    struct bg_loop_timer *timer; /* NULL: it may stand still */
    bg_https_function *on_reply;
    void *context;
    struct bg_span body;
    size_t body_at;
    uint64_t sent;
    uint8_t *reply;
    size_t reply_size, reply_capacity, reply_limit, head_size;
    uint64_t timeout_ns, progress_at;
    bool too_large;
    char url[512];
    char text[CURL_ERROR_SIZE];
};

struct watch {
    uv_poll_t poll;
    struct bg_https_client *client;
    curl_socket_t socket;
};

static void finish_done(struct bg_https_client *client);

static char *copy(const char *text)
{
    return text ? strdup(text) : NULL;
}

/* ---- curl on the loop ---- */

static void on_socket(uv_poll_t *poll, int status, int events)
{
    struct watch *watch = poll->data;
    struct bg_https_client *client = watch->client;
    int flags = 0, running;
    /* What is wrong with a socket shows when it is read; and so does what came before it went wrong. */
    flags |= events & UV_READABLE || status < 0 ? CURL_CSELECT_IN : 0;
    flags |= events & UV_WRITABLE || status < 0 ? CURL_CSELECT_OUT : 0;
    curl_multi_socket_action(client->multi, watch->socket, flags, &running);
    finish_done(client);
}

static void free_watch(uv_handle_t *handle)
{
    free(handle->data);
}

static int watch_socket(CURL *easy, curl_socket_t socket, int what, void *context, void *watched)
{
    struct bg_https_client *client = context;
    struct watch *watch = watched;
    (void)easy;
    if (what == CURL_POLL_REMOVE) {
        if (watch)
            uv_close((uv_handle_t *)&watch->poll, free_watch);
        return 0;
    }
    if (!watch) {
        watch = malloc(sizeof *watch);
        if (!watch)
            return -1;
        *watch = (struct watch){.client = client, .socket = socket};
        if (uv_poll_init_socket(client->uv, &watch->poll, socket)) {
            free(watch);
            return -1;
        }
        watch->poll.data = watch;
        curl_multi_assign(client->multi, socket, watch);
    }
    int events = (what & CURL_POLL_IN ? UV_READABLE : 0) | (what & CURL_POLL_OUT ? UV_WRITABLE : 0);
    return uv_poll_start(&watch->poll, events, on_socket) ? -1 : 0;
}

static int set_timer(CURLM *multi, long milliseconds, void *context)
{
    struct bg_https_client *client = context;
    (void)multi;
    bg_loop_timer_set(client->timer, milliseconds < 0
                                         ? UINT64_MAX
                                         : bg_clock_monotonic_ns() + (uint64_t)milliseconds * BG_MILLISECOND);
    return 0;
}

static void on_timer(void *context)
{
    struct bg_https_client *client = context;
    int running;
    curl_multi_socket_action(client->multi, CURL_SOCKET_TIMEOUT, 0, &running);
    finish_done(client);
}

static void close_connections(void *context)
{
    struct bg_https_client *client = context;
    if (!client->multi)
        return;
    curl_multi_cleanup(client->multi);
    client->multi = NULL;
    bg_loop_timer_set(client->timer, UINT64_MAX);
}

static enum bg_status open_multi(struct bg_https_client *client)
{
    bg_loop_timer_set(client->idle_timer, UINT64_MAX);
    if (client->multi)
        return BG_OK;
    CURLM *multi = curl_multi_init();
    if (!multi)
        return BG_NO_MEMORY;
    curl_multi_setopt(multi, CURLMOPT_SOCKETFUNCTION, watch_socket);
    curl_multi_setopt(multi, CURLMOPT_SOCKETDATA, client);
    curl_multi_setopt(multi, CURLMOPT_TIMERFUNCTION, set_timer);
    curl_multi_setopt(multi, CURLMOPT_TIMERDATA, client);
    curl_multi_setopt(multi, CURLMOPT_MAXCONNECTS, (long)CONNECTIONS);
    client->multi = multi;
    return BG_OK;
}

/* ---- the client ---- */

static void initialise(void)
{
    curl_global_init(CURL_GLOBAL_DEFAULT);
}

enum bg_status bg_https_client_create(const struct bg_https_settings *settings, struct bg_error *error,
                                      struct bg_https_client **ret_client)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    const struct bg_credentials *credentials = &settings->credentials;
    pthread_once(&once, initialise);
    struct bg_https_client *client = malloc(sizeof *client);
    if (!client)
        return bg_fail(error, BG_NO_MEMORY, "no memory for an HTTPS client");
    *client = (struct bg_https_client){.loop = settings->loop,
                                       .uv = bg_loop_uv(settings->loop),
                                       .certificate = copy(credentials->certificate),
                                       .key = copy(credentials->key),
                                       .authority = copy(credentials->authority),
                                       .proxy = copy(settings->proxy),
                                       .connect_ns = settings->connect_ns,
                                       .idle_ns = settings->idle_ns,
                                       .sessions = curl_share_init()};
    bool whole = (client->certificate || !credentials->certificate) && (client->key || !credentials->key) &&
                 (client->authority || !credentials->authority) && (client->proxy || !settings->proxy) &&
                 client->sessions;
    if (!whole || bg_loop_timer_create(client->loop, on_timer, client, &client->timer) != BG_OK ||
        bg_loop_timer_create(client->loop, close_connections, client, &client->idle_timer) != BG_OK) {
        bg_https_client_destroy(&client);
        return bg_fail(error, BG_NO_MEMORY, "no memory for an HTTPS client");
    }
    curl_share_setopt(client->sessions, CURLSHOPT_SHARE, CURL_LOCK_DATA_SSL_SESSION);
    *ret_client = client;
    return BG_OK;
}

void bg_https_client_destroy(struct bg_https_client **client)
{
    struct bg_https_client *c = *client;
    if (!c)
        return;
    while (c->calls)
        bg_https_cancel(c->calls);
    if (c->multi)
        curl_multi_cleanup(c->multi);
    curl_share_cleanup(c->sessions);
    bg_loop_timer_destroy(&c->timer);
    bg_loop_timer_destroy(&c->idle_timer);
    if (c->key)
        explicit_bzero(c->key, strlen(c->key));
    free(c->key);
    free(c->certificate);
    free(c->authority);
    free(c->proxy);
    free(c);
    *client = NULL;
}

struct bg_loop *bg_https_client_loop(const struct bg_https_client *client)
{
    return client->loop;
}

/* ---- one call ---- */

static void progress(struct bg_https_call *call)
{
    call->progress_at = bg_clock_monotonic_ns();
}

static size_t read_body(char *buffer, size_t size, size_t count, void *context)
{
    struct bg_https_call *call = context;
    size_t room = size * count, left = call->body.size - call->body_at;
    size_t taken = left < room ? left : room;
    if (taken)
        memcpy(buffer, call->body.data + call->body_at, taken);
    call->body_at += taken;
    call->sent += taken;
    progress(call);
    return taken;
}

/* By itself curl repeats what it has sent on an old connection that turns out to be closed: not much of it. */
static int seek_body(void *context, curl_off_t offset, int origin)
{
    struct bg_https_call *call = context;
    if (origin != SEEK_SET || offset < 0 || (uint64_t)offset > call->body.size || call->body_at > REPEATED_BYTES)
        return CURL_SEEKFUNC_CANTSEEK;
    call->body_at = (size_t)offset;
    return CURL_SEEKFUNC_OK;
}

static size_t read_head(char *line, size_t size, size_t count, void *context)
{
    struct bg_https_call *call = context;
    (void)line;
    call->head_size += size * count;
    progress(call);
    if (call->head_size <= HEAD_BYTES)
        return size * count;
    call->too_large = true;
    return 0;
}

/* Room for `size` bytes of the reply, which is not above its limit: as many as were announced, or twice what was. */
static bool reserve(struct bg_https_call *call, size_t size, curl_off_t announced)
{
    if (size <= call->reply_capacity)
        return true;
    size_t capacity = call->reply_capacity <= call->reply_limit / 2 ? 2 * call->reply_capacity : call->reply_limit;
    if (announced > 0)
        capacity = (size_t)announced;
    if (capacity < size)
        capacity = size;
    uint8_t *reply = realloc(call->reply, capacity);
    if (!reply)
        return false;
    call->reply = reply;
    call->reply_capacity = capacity;
    return true;
}

static size_t write_reply(char *bytes, size_t size, size_t count, void *context)
{
    struct bg_https_call *call = context;
    size_t more = size * count;
    curl_off_t announced = -1;
    progress(call);
    curl_easy_getinfo(call->easy, CURLINFO_CONTENT_LENGTH_DOWNLOAD_T, &announced);
    call->too_large = more > call->reply_limit - call->reply_size ||
                      (announced > 0 && (uint64_t)announced > call->reply_limit);
    if (call->too_large || !reserve(call, call->reply_size + more, announced))
        return 0;
    if (more)
        memcpy(call->reply + call->reply_size, bytes, more);
    call->reply_size += more;
    return more;
}

static int limit_send_buffer(void *context, curl_socket_t socket, curlsocktype purpose)
{
    int bytes = SEND_BUFFER_BYTES;
    (void)context;
    (void)purpose;
    setsockopt(socket, SOL_SOCKET, SO_SNDBUF, &bytes, sizeof bytes); /* the system's own size serves as well */
    return CURL_SOCKOPT_OK;
}

/* The first failure of many settings. */
struct setting {
    CURL *easy;
    CURLcode code;
};

#define SET(setting, option, value)                                                                                  \
    do {                                                                                                             \
        if ((setting)->code == CURLE_OK)                                                                             \
            (setting)->code = curl_easy_setopt((setting)->easy, (option), (value));                                  \
    } while (0)

static void set_blob(struct setting *setting, CURLoption option, char *text)
{
    struct curl_blob blob = {.data = text, .len = text ? strlen(text) : 0, .flags = CURL_BLOB_NOCOPY};
    if (text)
        SET(setting, option, &blob);
}

static void set_pin(struct setting *setting, const struct bg_digest *pin)
{
    static const char letters[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    char text[] = "sha256//0123456789012345678901234567890123456789012=", *out = text + strlen("sha256//");
    for (size_t i = 0; i < BG_DIGEST_BYTES; i += 3) {
        bool two = i + 2 >= BG_DIGEST_BYTES;
        unsigned three = (unsigned)pin->bytes[i] << 16 | (unsigned)pin->bytes[i + 1] << 8 |
                         (two ? 0u : pin->bytes[i + 2]);
        *out++ = letters[three >> 18];
        *out++ = letters[three >> 12 & 63];
        *out++ = letters[three >> 6 & 63];
        if (!two)
            *out++ = letters[three & 63];
    }
    SET(setting, CURLOPT_PINNEDPUBLICKEY, text);
}

/* Whom it believes, and what it shows: never the system's authorities. */
static void set_trust(struct setting *setting, const struct bg_https_client *client, const struct bg_digest *pin)
{
    SET(setting, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_2);
    SET(setting, CURLOPT_CAINFO, NULL);
    SET(setting, CURLOPT_CAPATH, NULL);
    SET(setting, CURLOPT_SSL_VERIFYPEER, client->authority ? 1L : 0L);
    SET(setting, CURLOPT_SSL_VERIFYHOST, 0L);
    set_blob(setting, CURLOPT_CAINFO_BLOB, client->authority);
    set_pin(setting, pin);
    if (client->certificate) {
        SET(setting, CURLOPT_SSLCERTTYPE, "PEM");
        SET(setting, CURLOPT_SSLKEYTYPE, "PEM");
        set_blob(setting, CURLOPT_SSLCERT_BLOB, client->certificate);
        set_blob(setting, CURLOPT_SSLKEY_BLOB, client->key);
    }
    SET(setting, CURLOPT_SHARE, client->sessions);
}

static void set_request(struct setting *setting, const struct bg_https_request *request, struct bg_https_call *call)
{
    bool has_body = strcmp(request->method, "GET") != 0 && strcmp(request->method, "HEAD") != 0;
    SET(setting, CURLOPT_URL, request->url);
    if (has_body) {
        SET(setting, CURLOPT_UPLOAD, 1L);
        SET(setting, CURLOPT_INFILESIZE_LARGE, (curl_off_t)request->body.size);
        SET(setting, CURLOPT_READFUNCTION, read_body);
        SET(setting, CURLOPT_READDATA, call);
        SET(setting, CURLOPT_SEEKFUNCTION, seek_body);
        SET(setting, CURLOPT_SEEKDATA, call);
    }
    if (strcmp(request->method, "HEAD") == 0)
        SET(setting, CURLOPT_NOBODY, 1L);
    else
        SET(setting, CURLOPT_CUSTOMREQUEST, request->method);
    SET(setting, CURLOPT_HTTPHEADER, call->fields);
    SET(setting, CURLOPT_HEADERFUNCTION, read_head);
    SET(setting, CURLOPT_HEADERDATA, call);
    SET(setting, CURLOPT_WRITEFUNCTION, write_reply);
    SET(setting, CURLOPT_WRITEDATA, call);
}

static CURLcode set_all(const struct bg_https_client *client, const struct bg_https_request *request,
                        struct bg_https_call *call)
{
    struct setting setting = {.easy = call->easy};
    SET(&setting, CURLOPT_ERRORBUFFER, call->text);
    SET(&setting, CURLOPT_PRIVATE, call);
    SET(&setting, CURLOPT_NOSIGNAL, 1L);
    SET(&setting, CURLOPT_PROTOCOLS_STR, "https");
    SET(&setting, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    SET(&setting, CURLOPT_FOLLOWLOCATION, 0L);
    SET(&setting, CURLOPT_USERAGENT, "burgee/" BG_VERSION);
    SET(&setting, CURLOPT_BUFFERSIZE, BUFFER_BYTES);
    SET(&setting, CURLOPT_UPLOAD_BUFFERSIZE, BUFFER_BYTES);
    SET(&setting, CURLOPT_SOCKOPTFUNCTION, limit_send_buffer);
    SET(&setting, CURLOPT_CONNECTTIMEOUT_MS, (long)(client->connect_ns / BG_MILLISECOND));
    if (client->proxy)
        SET(&setting, CURLOPT_PROXY, client->proxy);
    SET(&setting, CURLOPT_TCP_KEEPALIVE, request->timeout_ns == 0 || request->timeout_ns > KEEPALIVE_NS ? 1L : 0L);
    set_trust(&setting, client, &request->pin);
    set_request(&setting, request, call);
    return setting.code;
}

static bool set_fields(struct bg_https_call *call, const struct bg_https_request *request)
{
    for (size_t i = 0; i < request->field_count; i++) {
        char line[512];
        const struct bg_https_field *field = &request->fields[i];
        int size = snprintf(line, sizeof line, "%s: %s", field->name, field->value);
        if (size < 0 || (size_t)size >= sizeof line || strpbrk(line, "\r\n"))
            return false;
        struct curl_slist *fields = curl_slist_append(call->fields, line);
        if (!fields)
            return false;
        call->fields = fields;
    }
    return true;
}

static void free_call(struct bg_https_call *call)
{
    if (!call)
        return;
    curl_easy_cleanup(call->easy);
    curl_slist_free_all(call->fields);
    bg_loop_timer_destroy(&call->timer);
    free(call->reply);
    free(call);
}

/* It is the client's no more. */
static void take_out(struct bg_https_call *call)
{
    struct bg_https_client *client = call->client;
    curl_multi_remove_handle(client->multi, call->easy);
    if (call->newer)
        call->newer->older = call->older;
    else
        client->calls = call->older;
    if (call->older)
        call->older->newer = call->newer;
    if (!client->calls)
        bg_loop_timer_set(client->idle_timer, bg_clock_monotonic_ns() + client->idle_ns);
}

static void finish(struct bg_https_call *call, CURLcode code, uint64_t stalled_ns)
{
    struct bg_https_reply reply = {.call = call, .body = {call->reply, call->reply_size}, .sent = call->sent};
    struct bg_error error;
    long http = 0;
    take_out(call);
    curl_easy_getinfo(call->easy, CURLINFO_RESPONSE_CODE, &http);
    if (code == CURLE_OK) {
        reply.http = (unsigned)http;
    } else {
        struct bg_https_failure failure = {.easy = call->easy,
                                           .code = code,
                                           .url = call->url,
                                           .proxy = call->client->proxy,
                                           .text = call->text,
                                           .stalled_ns = stalled_ns,
                                           .refused = call->too_large,
                                           .limit = call->reply_limit,
                                           .connect_ns = call->client->connect_ns};
        reply.status = bg_https_explain(&failure, &error);
        reply.error = &error;
        reply.body = (struct bg_span){NULL, 0};
    }
    call->on_reply(call->context, &reply);
    free_call(call);
}

static void finish_done(struct bg_https_client *client)
{
    struct CURLMsg *message;
    int left;
    while ((message = curl_multi_info_read(client->multi, &left))) {
        char *private = NULL;
        CURLcode code = message->data.result;
        curl_easy_getinfo(message->easy_handle, CURLINFO_PRIVATE, &private);
        finish((struct bg_https_call *)private, code, 0);
    }
}

static void look_at_progress(void *context)
{
    struct bg_https_call *call = context;
    curl_off_t connected = 0;
    curl_easy_getinfo(call->easy, CURLINFO_PRETRANSFER_TIME_T, &connected);
    if (connected == 0)
        progress(call); /* connecting has a time of its own */
    uint64_t still = bg_clock_monotonic_ns() - call->progress_at;
    if (still < call->timeout_ns)
        bg_loop_timer_set(call->timer, call->progress_at + call->timeout_ns);
    else
        finish(call, CURLE_OPERATION_TIMEDOUT, still);
}

enum bg_status bg_https_send(struct bg_https_client *client, const struct bg_https_request *request,
                             bg_https_function *on_reply, void *context, struct bg_https_call **ret_call)
{
    enum bg_status status = open_multi(client);
    struct bg_https_call *call = status == BG_OK ? malloc(sizeof *call) : NULL;
    if (!call)
        return BG_NO_MEMORY;
    *call = (struct bg_https_call){.client = client,
                                   .older = client->calls,
                                   .easy = curl_easy_init(),
                                   .on_reply = on_reply,
                                   .context = context,
                                   .body = request->body,
                                   .reply_limit = request->reply_limit,
                                   .timeout_ns = request->timeout_ns};
    status = BG_NO_MEMORY;
    if (!call->easy ||
        (call->timeout_ns && bg_loop_timer_create(client->loop, look_at_progress, call, &call->timer) != BG_OK))
        goto out;
    status = BG_INVALID;
    if (strncasecmp(request->url, "https://", strlen("https://")) != 0 || !set_fields(call, request))
        goto out;
    snprintf(call->url, sizeof call->url, "%s", request->url);
    CURLcode code = set_all(client, request, call);
    status = code == CURLE_OK || code == CURLE_OUT_OF_MEMORY ? BG_NO_MEMORY : BG_UNSUPPORTED;
    if (code != CURLE_OK || curl_multi_add_handle(client->multi, call->easy) != CURLM_OK)
        goto out;
    progress(call);
    if (call->timer)
        bg_loop_timer_set(call->timer, call->progress_at + call->timeout_ns);
    if (call->older)
        call->older->newer = call;
    client->calls = call;
    *ret_call = call;
    return BG_OK;
out:
    free_call(call);
    if (!client->calls)
        bg_loop_timer_set(client->idle_timer, bg_clock_monotonic_ns() + client->idle_ns);
    return status;
}

void bg_https_cancel(struct bg_https_call *call)
{
    take_out(call);
    free_call(call);
}

const char *bg_https_field(const struct bg_https_reply *reply, const char *name)
{
    struct curl_header *header;
    return curl_easy_header(reply->call->easy, name, 0, CURLH_HEADER, -1, &header) == CURLHE_OK ? header->value : NULL;
}
