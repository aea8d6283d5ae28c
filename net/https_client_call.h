/* SPDX-License-Identifier: Apache-2.0 */
/* What net/https_client.c knows of a request that failed, for the sentence about it. */
#pragma once

#include "net/https_client.h"

#include <curl/curl.h>

struct bg_https_failure {
    CURL *easy;
    CURLcode code;
    const char *url;
    const char *proxy;     /* of the settings */
    const char *text;      /* curl's own; may be empty */
    uint64_t stalled_ns;   /* it was given up after so long without progress; 0: it was not */
    bool refused;          /* the response was larger than `limit` */
    size_t limit;
    uint64_t connect_ns;
};

/* Fills *error and returns its status. */
enum bg_status bg_https_explain(const struct bg_https_failure *failure, struct bg_error *error);
