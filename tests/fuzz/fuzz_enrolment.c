/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is said when a device enrols: both documents, and the token that came before. What parses prints to what parses
 * to the same; a token that is accepted has one text, up to capitals and white space.
 */
#include "protocol/enrolment.h"
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

/* Paddings are zero in what a parser has filled, so bytes can be compared. */
#define SAME(a, b) (memcmp(&(a), &(b), sizeof(a)) == 0)

static enum bg_status check_request(struct bg_span input)
{
    static struct bg_enrolment_request first, second;
    struct bg_error error;
    memset(&first, 0, sizeof first);
    memset(&second, 0, sizeof second);
    enum bg_status status = bg_enrolment_request_parse(input, &error, &first);
    if (status != BG_OK)
        return fuzz_refused(status, &error);
    fuzz_spare_memory();
    char *text = bg_enrolment_request_print(&first);
    status = bg_enrolment_request_parse((struct bg_span){(const uint8_t *)text, strlen(text)}, &error, &second);
    FUZZ_REQUIRE(status == BG_OK, "%s: %s", error.text, text);
    FUZZ_REQUIRE(SAME(first.secret, second.secret) && first.has_secret == second.has_secret &&
                     !strcmp(first.request.text, second.request.text) && !strcmp(first.label, second.label) &&
                     !strcmp(first.url, second.url),
                 "another request: %s", text);
    free(text);
    return BG_OK;
}

static enum bg_status check_reply(struct bg_span input)
{
    static struct bg_enrolment_reply first, second;
    struct bg_error error;
    memset(&first, 0, sizeof first);
    memset(&second, 0, sizeof second);
    enum bg_status status = bg_enrolment_reply_parse(input, &error, &first);
    if (status != BG_OK)
        return fuzz_refused(status, &error);
    fuzz_spare_memory();
    char *text = bg_enrolment_reply_print(&first);
    status = bg_enrolment_reply_parse((struct bg_span){(const uint8_t *)text, strlen(text)}, &error, &second);
    FUZZ_REQUIRE(status == BG_OK, "%s: %s", error.text, text);
    FUZZ_REQUIRE(!strcmp(first.certificate.text, second.certificate.text) &&
                     !strcmp(first.authority.text, second.authority.text) &&
                     SAME(first.population, second.population) && SAME(first.key_holder, second.key_holder) &&
                     SAME(first.commitment, second.commitment) && first.has_root == second.has_root &&
                     SAME(first.root, second.root) && !strcmp(first.root_url, second.root_url),
                 "another reply: %s", text);
    free(text);
    return BG_OK;
}

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static enum bg_status check_token(struct bg_span input)
{
    char text[4 * BG_TOKEN_TEXT_BYTES] = {0}, again[BG_TOKEN_TEXT_BYTES];
    struct bg_error error;
    struct bg_token token;
    if (input.size >= sizeof text)
        return BG_TOO_LARGE;
    if (input.size)
        memcpy(text, input.data, input.size);
    enum bg_status status = bg_token_decode(text, &error, &token);
    if (status != BG_OK)
        return fuzz_refused(status, &error);
    bg_token_encode(&token, again);
    const char *at = text + strspn(text, " \t\r\n");
    for (size_t i = 0; again[i]; i++)
        FUZZ_REQUIRE(lower(at[i]) == again[i], "another text: %s", again);
    return BG_OK;
}

static enum bg_status check(struct bg_span input)
{
    enum bg_status status = check_request(input);
    if (status != BG_OK && status != BG_NO_MEMORY)
        status = check_reply(input);
    return status == BG_OK || status == BG_NO_MEMORY ? status : check_token(input);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    return fuzz_run(check, data, size);
}
