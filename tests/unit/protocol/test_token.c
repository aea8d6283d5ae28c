/* SPDX-License-Identifier: Apache-2.0 */
#include "protocol/token.h"

#include <criterion/criterion.h>
#include <ctype.h>
#include <stdio.h>
#include <string.h>

/* By Python's base64 and hashlib. */
static const char known_text[] =
    "burgee-aeaacaqdaqcqmbyibefawdanbyhqbusjnmaaaaaaceirceirceirceirceirceirceirceirceirceirceirceirceiseirceirceirce"
    "irceirceirceirceirceirceirceirceirceixrdjmgg";

static struct bg_error error;

static struct bg_token known_token(void)
{
    struct bg_token token = {.expiry = 1800000000};
    for (uint8_t i = 0; i < sizeof token.secret; i++)
        token.secret[i] = i;
    memset(token.key_holder.bytes, 0x11, BG_DIGEST_BYTES);
    memset(token.authority.bytes, 0x22, BG_DIGEST_BYTES);
    return token;
}

Test(token, has_the_text_that_a_second_implementation_gives)
{
    char text[BG_TOKEN_TEXT_BYTES];
    struct bg_token token = known_token(), read;
    bg_token_encode(&token, text);
    cr_assert_str_eq(text, known_text);
    cr_assert_eq(bg_token_decode(text, &error, &read), BG_OK, "%s", error.text);
    cr_assert_arr_eq(read.secret, token.secret, sizeof token.secret);
    cr_assert_eq(read.expiry, token.expiry);
    cr_assert(bg_digest_equal(&read.key_holder, &token.key_holder));
    cr_assert(bg_digest_equal(&read.authority, &token.authority));
}

Test(token, may_be_in_capitals_and_among_white_space)
{
    char text[BG_TOKEN_TEXT_BYTES + 8];
    struct bg_token read;
    snprintf(text, sizeof text, " \t%s\r\n", known_text);
    for (char *c = text; *c; c++)
        *c = (char)toupper((unsigned char)*c);
    cr_assert_eq(bg_token_decode(text, &error, &read), BG_OK, "%s", error.text);
    cr_assert_eq(read.expiry, 1800000000);
}

Test(token, tells_every_mistyped_character)
{
    struct bg_token read;
    for (size_t at = 7; known_text[at]; at++) {
        char text[BG_TOKEN_TEXT_BYTES];
        for (const char *c = "abcdefghijklmnopqrstuvwxyz234567018-"; *c; c++) {
            if (*c == known_text[at])
                continue;
            strcpy(text, known_text);
            text[at] = *c;
            cr_assert_eq(bg_token_decode(text, &error, &read), BG_BAD_DIGEST, "%c at %zu", *c, at);
        }
    }
}

Test(token, refuses_what_is_cut_short_doubled_or_another_thing)
{
    struct bg_token read;
    char text[2 * BG_TOKEN_TEXT_BYTES];
    for (size_t size = 0; size < sizeof known_text - 1; size++) {
        memcpy(text, known_text, size);
        text[size] = '\0';
        cr_assert_neq(bg_token_decode(text, &error, &read), BG_OK, "%zu", size);
    }
    snprintf(text, sizeof text, "%s%s", known_text, known_text);
    cr_assert_eq(bg_token_decode(text, &error, &read), BG_BAD_DIGEST);
    cr_assert_eq(bg_token_decode("https://somewhere", &error, &read), BG_DECODE);
    cr_assert_eq(bg_token_decode("", &error, &read), BG_DECODE);
}
