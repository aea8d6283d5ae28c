/* SPDX-License-Identifier: Apache-2.0 */
#include "keyholder/service_control.h"

#include "crypto/wipe.h"
#include "keyholder/control.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <sys/un.h>
#include <unistd.h>

#define PATIENCE_SECONDS 5 /* with one that connects and says nothing */

struct bg_control_socket {
    struct bg_loop *loop;
    bg_control_function *function;
    void *context;
    int listening;
    pthread_t thread;
    pthread_mutex_t lock;
    pthread_cond_t changed;
    bool stopping, answered; /* under the lock, as what follows */
    struct bg_span request;  /* into the thread's buffer */
    char *answer;
};

/* On the loop's thread. */
static void answer_request(void *argument)
{
    struct bg_control_socket *control = argument;
    pthread_mutex_lock(&control->lock);
    if (!control->stopping) {
        control->answer = control->function(control->context, control->request);
        control->answered = true;
        pthread_cond_signal(&control->changed);
    }
    pthread_mutex_unlock(&control->lock);
}

/* Text to free(); NULL: none. */
static char *ask_loop(struct bg_control_socket *control, struct bg_span request)
{
    char *answer = NULL;
    pthread_mutex_lock(&control->lock);
    control->answered = false;
    control->answer = NULL;
    control->request = request;
    if (!control->stopping && bg_loop_post(control->loop, answer_request, control) == BG_OK) {
        while (!control->answered && !control->stopping)
            pthread_cond_wait(&control->changed, &control->lock);
        answer = control->answered ? control->answer : NULL;
    }
    pthread_mutex_unlock(&control->lock);
    return answer;
}

static bool read_line(int connection, char buffer[static BG_CONTROL_MOST_BYTES], size_t *ret_size)
{
    size_t size = 0;
    while (size < BG_CONTROL_MOST_BYTES) {
        ssize_t got = recv(connection, buffer + size, BG_CONTROL_MOST_BYTES - size, 0);
        if (got < 0 && errno == EINTR)
            continue;
        if (got <= 0)
            return false;
        char *end = memchr(buffer + size, '\n', (size_t)got);
        size += (size_t)got;
        if (end) {
            *ret_size = (size_t)(end - buffer);
            return true;
        }
    }
    return false;
}

static bool write_all(int connection, const char *text, size_t size)
{
    while (size > 0) {
        ssize_t put = send(connection, text, size, MSG_NOSIGNAL);
        if (put < 0 && errno == EINTR)
            continue;
        if (put <= 0)
            return false;
        text += put;
        size -= (size_t)put;
    }
    return true;
}

static void serve(struct bg_control_socket *control, int connection)
{
    char buffer[BG_CONTROL_MOST_BYTES];
    size_t size;
    struct timeval patience = {.tv_sec = PATIENCE_SECONDS};
    struct ucred peer;
    socklen_t length = sizeof peer;
    if (getsockopt(connection, SOL_SOCKET, SO_PEERCRED, &peer, &length) != 0 ||
        (peer.uid != geteuid() && peer.uid != 0))
        return;
    if (setsockopt(connection, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience) != 0 ||
        setsockopt(connection, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience) != 0)
        return;
    if (!read_line(connection, buffer, &size))
        return;
    char *answer = ask_loop(control, (struct bg_span){(const uint8_t *)buffer, size});
    if (!answer)
        return;
    size = strlen(answer);
    if (write_all(connection, answer, size))
        write_all(connection, "\n", 1);
    bg_wipe(answer, size); /* tokens */
    free(answer);
}

static void *serve_all(void *argument)
{
    struct bg_control_socket *control = argument;
    for (;;) {
        int connection = accept4(control->listening, NULL, NULL, SOCK_CLOEXEC);
        pthread_mutex_lock(&control->lock);
        bool stopping = control->stopping;
        pthread_mutex_unlock(&control->lock);
        if (connection >= 0) {
            if (!stopping)
                serve(control, connection);
            close(connection);
        }
        if (stopping || (connection < 0 && errno != EINTR && errno != ECONNABORTED && errno != EMFILE))
            return NULL;
    }
}

static enum bg_status listen_at(const char *path, struct bg_error *error, int *ret_socket)
{
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    if (strlen(path) >= sizeof address.sun_path)
        return bg_fail(error, BG_TOO_LARGE, "%s: longer than the path of a socket may be; give the folder a shorter "
                       "one", path);
    strcpy(address.sun_path, path);
    int made = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (made < 0)
        return bg_fail(error, BG_IO, "%s: no socket: %s", path, strerror(errno));
    unlink(path); /* the folder is this process's: its journal is locked */
    mode_t before = umask(0177);
    int failed = bind(made, (struct sockaddr *)&address, sizeof address) != 0 || listen(made, 16) != 0;
    umask(before);
    if (failed) {
        bg_fail(error, BG_IO, "%s: cannot listen: %s", path, strerror(errno));
        close(made);
        return BG_IO;
    }
    *ret_socket = made;
    return BG_OK;
}

enum bg_status bg_control_socket_create(struct bg_loop *loop, const char *path, bg_control_function *answer,
                                        void *context, struct bg_error *error, struct bg_control_socket **ret_socket)
{
    struct bg_control_socket *control = calloc(1, sizeof *control);
    if (!control)
        return bg_fail(error, BG_NO_MEMORY, "%s: out of memory", path);
    control->loop = loop;
    control->function = answer;
    control->context = context;
    enum bg_status status = listen_at(path, error, &control->listening);
    if (status != BG_OK) {
        free(control);
        return status;
    }
    pthread_mutex_init(&control->lock, NULL);
    pthread_cond_init(&control->changed, NULL);
    if (pthread_create(&control->thread, NULL, serve_all, control) != 0) {
        close(control->listening);
        pthread_mutex_destroy(&control->lock);
        pthread_cond_destroy(&control->changed);
        free(control);
        return bg_fail(error, BG_NO_MEMORY, "%s: no thread", path);
    }
    *ret_socket = control;
    return BG_OK;
}

void bg_control_socket_destroy(struct bg_control_socket **socket)
{
    struct bg_control_socket *control = *socket;
    if (!control)
        return;
    pthread_mutex_lock(&control->lock);
    control->stopping = true;
    pthread_cond_signal(&control->changed);
    pthread_mutex_unlock(&control->lock);
    shutdown(control->listening, SHUT_RDWR); /* ends accept */
    pthread_join(control->thread, NULL);
    bg_loop_forget(control->loop, control);
    close(control->listening);
    pthread_mutex_destroy(&control->lock);
    pthread_cond_destroy(&control->changed);
    free(control);
    *socket = NULL;
}
