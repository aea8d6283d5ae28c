/* SPDX-License-Identifier: Apache-2.0 */
/* One HTTPS request of a program that has nothing else to do until it is answered, such as an enrolment. */
#pragma once

#include "base/error.h"
#include "net/credentials.h"
#include "net/https_client.h"

/* Borrowed. */
struct bg_https_question {
    struct bg_credentials credentials; /* certificate NULL: shows none */
    struct bg_digest pin;              /* of the server */
    const char *url;                   /* "https://host:port" */
    const char *path;                  /* "/v1/…" */
    const char *json;                  /* NULL: GET; else it is posted */
    size_t reply_limit;
};

/* Gives the body of a 200, with a zero byte behind it: free() it. BG_INVALID: no https URL; what keeps an answer from
 * coming, as net/https_client.h says; BG_BUSY: SIGTERM or SIGINT came first. Any other answer is an error: the status
 * and the sentence that the server gave. */
BG_MUST_CHECK enum bg_status bg_https_ask(const struct bg_https_question *question, struct bg_error *error,
                                          uint8_t **ret_body, size_t *ret_size);

/* For who has a loop: BG_OK if the reply is a 200, else that error. */
BG_MUST_CHECK enum bg_status bg_https_reply_check(const struct bg_https_reply *reply, struct bg_error *error);
