/* SPDX-License-Identifier: Apache-2.0 */
/* Responses that several files of the serving side give. */
#pragma once

#include "net/http_routes.h"

/* A role's answer, with fields of the transport; or, with content, these bytes in place of the reply. */
void bg_http_answer_with(struct bg_http_exchange *exchange, enum bg_status status, struct bg_span reply,
                         struct bg_http_content *content, const struct bg_http_field *fields, size_t field_count);
/* A response of the transport itself, without Burgee-Status: a sentence as application/problem+json, or nothing where
 * it is NULL. */
void bg_http_say(struct bg_http_exchange *exchange, unsigned http, const char *sentence,
                 const struct bg_http_field *fields, size_t field_count);
