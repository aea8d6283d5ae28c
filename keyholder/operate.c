/* SPDX-License-Identifier: Apache-2.0 */
#include "keyholder/operate.h"

#include "crypto/wipe.h"
#include "keyholder/control.h"
#include "keyholder/folder.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <sys/un.h>
#include <time.h>
#include <unistd.h>

#define ASK_SECONDS 60
#define REPLY_MOST_BYTES ((size_t)1 << 30)

static void wipe_and_free(char *text)
{
    if (text)
        bg_wipe(text, strlen(text));
    free(text);
}

/* ---- through the socket ---- */

static enum bg_status send_all(int fd, const char *text, size_t size)
{
    while (size) {
        ssize_t sent = send(fd, text, size, MSG_NOSIGNAL);
        if (sent < 0 && errno == EINTR)
            continue;
        if (sent <= 0)
            return BG_IO;
        text += sent;
        size -= (size_t)sent;
    }
    return BG_OK;
}

/* Room for as much again, wiping what is left behind; NULL: none. */
static char *grow(char *line, size_t capacity)
{
    char *longer = capacity < REPLY_MOST_BYTES ? malloc(2 * capacity) : NULL;
    if (longer)
        memcpy(longer, line, capacity);
    bg_wipe(line, capacity);
    free(line);
    return longer;
}

/* Up to the line end, which becomes a NUL. */
static enum bg_status receive_line(int fd, char **ret_line)
{
    size_t size = 0, capacity = 4096;
    char *line = malloc(capacity);
    while (line) {
        ssize_t got = recv(fd, line + size, capacity - size, 0);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            break;
        char *newline = memchr(line + size, '\n', (size_t)got);
        size += (size_t)got;
        if (newline) {
            *newline = '\0';
            *ret_line = line;
            return BG_OK;
        }
        if (size == capacity) {
            line = grow(line, capacity);
            capacity *= 2;
        }
    }
    if (!line)
        return BG_NO_MEMORY;
    bg_wipe(line, size);
    free(line);
    return BG_IO;
}

static enum bg_status exchange(int fd, const char *path, const char *text, struct bg_error *error, char **ret_reply)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct timeval limit = {.tv_sec = ASK_SECONDS};
    if (strlen(path) >= sizeof address.sun_path)
        return bg_fail(error, BG_INVALID, "%s: a socket's path has at most %zu bytes; put the folder elsewhere", path,
                       sizeof address.sun_path - 1);
    strcpy(address.sun_path, path);
    if (setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof limit) != 0 ||
        setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof limit) != 0 ||
        connect(fd, (const struct sockaddr *)&address, sizeof address) != 0)
        return bg_fail(error, BG_BUSY, "%s: a program has the folder, and cannot be asked: %s", path,
                       strerror(errno));
    enum bg_status status = send_all(fd, text, strlen(text));
    if (status == BG_OK)
        status = send_all(fd, "\n", 1);
    if (status == BG_OK)
        status = receive_line(fd, ret_reply);
    return status == BG_OK ? BG_OK
                           : bg_fail(error, status == BG_IO ? BG_BUSY : status, "%s: no answer: %s", path,
                                     bg_status_text(status));
}

static enum bg_status ask_socket(const char *folder, const char *text, struct bg_error *error, char **ret_reply)
{
    char path[BG_FOLDER_PATH_BYTES];
    enum bg_status status = bg_folder_path(folder, "control", error, path);
    if (status != BG_OK)
        return status;
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0)
        return bg_fail(error, BG_IO, "%s: %s", path, strerror(errno));
    status = exchange(fd, path, text, error, ret_reply);
    close(fd);
    return status;
}

/* ---- in the folder ---- */

static enum bg_status ask_folder(struct bg_folder *folder, const char *text, struct bg_error *error, char **ret_reply)
{
    struct bg_span request = {(const uint8_t *)text, strlen(text)};
    *ret_reply = bg_control_answer(bg_folder_keyholder(folder), request, (uint64_t)time(NULL));
    return *ret_reply ? BG_OK : bg_fail(error, BG_NO_MEMORY, "out of memory");
}

/* ---- the reply ---- */

static enum bg_status status_named(const char *name)
{
    static const enum bg_status all[] = {
#define X(name, value, http, exit, text) BG_##name,
        BG_STATUS_MAP(X)
#undef X
    };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++)
        if (strcmp(bg_status_name(all[i]), name) == 0)
            return all[i];
    return BG_DECODE;
}

static enum bg_status read_reply(const char *text, struct bg_error *error, struct bg_json **ret_reply)
{
    struct bg_json *reply;
    struct bg_span bytes = {(const uint8_t *)text, strlen(text)};
    enum bg_status status = bg_json_parse(bytes, "reply", error, &reply);
    if (status != BG_OK)
        return status;
    const struct bg_json *named = bg_json_get(reply, "status"), *why = bg_json_get(reply, "error");
    const char *name = named && bg_json_type(named) == BG_JSON_STRING ? bg_json_string(named) : "";
    if (strcmp(name, "OK") == 0) {
        *ret_reply = reply;
        return BG_OK;
    }
    status = bg_fail(error, status_named(name), "%s",
                     why && bg_json_type(why) == BG_JSON_STRING ? bg_json_string(why) : "refused, without a reason");
    bg_json_destroy(&reply);
    return status;
}

enum bg_status bg_operate(const char *folder, const struct bg_keyholder_config *config, const struct bg_json *request,
                          struct bg_error *error, struct bg_json **ret_reply)
{
    struct bg_folder *open = NULL;
    char *text = bg_json_print(request, false), *reply = NULL;
    if (!text)
        return bg_fail(error, BG_NO_MEMORY, "out of memory");
    enum bg_status status = bg_folder_open(folder, config, error, &open);
    if (status == BG_OK)
        status = ask_folder(open, text, error, &reply);
    else if (status == BG_BUSY)
        status = ask_socket(folder, text, error, &reply);
    if (status == BG_OK)
        status = read_reply(reply, error, ret_reply);
    bg_folder_close(&open);
    wipe_and_free(reply);
    free(text);
    return status;
}
