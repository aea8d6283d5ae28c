/* SPDX-License-Identifier: Apache-2.0 */
#include "protocol/token.h"

#include "crypto/digest.h"
#include "crypto/wipe.h"

#include <stdio.h>
#include <string.h>

#define VERSION 1
#define CHECK_BYTES 4
#define CONTENT_BYTES (1 + BG_TOKEN_SECRET_BYTES + 8 + 2 * BG_DIGEST_BYTES)
#define TOKEN_BYTES (CONTENT_BYTES + CHECK_BYTES)
#define LINE_BYTES 512 /* for a token and white space */
#define DIGITS ((8 * TOKEN_BYTES + 4) / 5)

static const char prefix[] = "burgee-";
static const char alphabet[] = "abcdefghijklmnopqrstuvwxyz234567";

_Static_assert(sizeof prefix - 1 + DIGITS + 1 == BG_TOKEN_TEXT_BYTES, "as the header says");

static void write_digits(const uint8_t bytes[static TOKEN_BYTES], char ret_digits[static DIGITS])
{
    uint32_t bits = 0;
    unsigned count = 0;
    size_t at = 0;
    for (size_t i = 0; i < TOKEN_BYTES; i++) {
        bits = bits << 8 | bytes[i];
        for (count += 8; count >= 5; count -= 5)
            ret_digits[at++] = alphabet[bits >> (count - 5) & 31];
    }
    ret_digits[at] = alphabet[bits << (5 - count) & 31]; /* 93 bytes are 148 digits and 4 bits */
}

/* Exactly DIGITS of them; the bit that is left over must be zero. */
static bool read_digits(const char *digits, uint8_t ret_bytes[static TOKEN_BYTES])
{
    uint32_t bits = 0;
    unsigned count = 0;
    size_t at = 0;
    for (size_t i = 0; i < DIGITS; i++) {
        char c = digits[i] >= 'A' && digits[i] <= 'Z' ? (char)(digits[i] - 'A' + 'a') : digits[i];
        const char *found = c ? strchr(alphabet, c) : NULL;
        if (!found)
            return false;
        bits = bits << 5 | (uint32_t)(found - alphabet);
        count += 5;
        if (count >= 8) {
            count -= 8;
            ret_bytes[at++] = (uint8_t)(bits >> count);
        }
    }
    return !(bits & ((1u << count) - 1));
}

static void checksum(const uint8_t content[static CONTENT_BYTES], struct bg_digest *ret_digest)
{
    bg_sha256((struct bg_span){content, CONTENT_BYTES}, ret_digest);
}

void bg_token_encode(const struct bg_token *token, char ret_text[static BG_TOKEN_TEXT_BYTES])
{
    uint8_t bytes[TOKEN_BYTES], *at = bytes;
    struct bg_digest check;
    *at++ = VERSION;
    memcpy(at, token->secret, sizeof token->secret);
    at += sizeof token->secret;
    for (unsigned i = 0; i < 8; i++)
        *at++ = (uint8_t)(token->expiry >> (8 * i));
    memcpy(at, token->key_holder.bytes, BG_DIGEST_BYTES);
    memcpy(at + BG_DIGEST_BYTES, token->authority.bytes, BG_DIGEST_BYTES);
    checksum(bytes, &check);
    memcpy(bytes + CONTENT_BYTES, check.bytes, CHECK_BYTES);
    memcpy(ret_text, prefix, sizeof prefix - 1);
    write_digits(bytes, ret_text + sizeof prefix - 1);
    ret_text[BG_TOKEN_TEXT_BYTES - 1] = '\0';
    bg_wipe(bytes, sizeof bytes);
}

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\n' || c == '\r';
}

static bool same_letters(const char *text, const char *lower, size_t size)
{
    for (size_t i = 0; i < size; i++)
        if ((text[i] >= 'A' && text[i] <= 'Z' ? text[i] - 'A' + 'a' : text[i]) != lower[i])
            return false;
    return true;
}

static enum bg_status read_content(const uint8_t bytes[static TOKEN_BYTES], struct bg_error *error,
                                   struct bg_token *ret_token)
{
    struct bg_digest check;
    struct bg_reader r;
    checksum(bytes, &check);
    if (memcmp(bytes + CONTENT_BYTES, check.bytes, CHECK_BYTES) != 0)
        return bg_fail(error, BG_BAD_DIGEST, "token: mistyped: its check does not fit; copy the whole line again");
    if (bytes[0] != VERSION)
        return bg_fail(error, BG_BAD_VERSION, "token: of version %u, only %u is known here", bytes[0], VERSION);
    bg_reader_init(&r, (struct bg_span){bytes + 1, CONTENT_BYTES - 1});
    memcpy(ret_token->secret, bg_read_span(&r, BG_TOKEN_SECRET_BYTES).data, BG_TOKEN_SECRET_BYTES);
    ret_token->expiry = bg_read_u64(&r);
    ret_token->key_holder = bg_read_digest(&r);
    ret_token->authority = bg_read_digest(&r);
    return BG_OK;
}

enum bg_status bg_token_decode(const char *text, struct bg_error *error, struct bg_token *ret_token)
{
    uint8_t bytes[TOKEN_BYTES];
    while (is_space(*text))
        text++;
    size_t size = strlen(text);
    while (size && is_space(text[size - 1]))
        size--;
    if (size < sizeof prefix - 1 || !same_letters(text, prefix, sizeof prefix - 1))
        return bg_fail(error, BG_DECODE, "token: one begins with \"%s\"", prefix);
    if (size != BG_TOKEN_TEXT_BYTES - 1)
        return bg_fail(error, BG_BAD_DIGEST, "token: has %zu characters where %d must be; copy the whole line again",
                       size, BG_TOKEN_TEXT_BYTES - 1);
    if (!read_digits(text + sizeof prefix - 1, bytes))
        return bg_fail(error, BG_BAD_DIGEST, "token: mistyped: it has a character that none has; copy it again");
    enum bg_status status = read_content(bytes, error, ret_token);
    bg_wipe(bytes, sizeof bytes);
    return status;
}

enum bg_status bg_token_read(const char *word, struct bg_error *error, struct bg_token *ret_token)
{
    char line[LINE_BYTES];
    if (strcmp(word, "-") != 0)
        return bg_token_decode(word, error, ret_token);
    setvbuf(stdin, NULL, _IONBF, 0); /* no copy stays */
    enum bg_status status = fgets(line, sizeof line, stdin)
                                ? bg_token_decode(line, error, ret_token)
                                : bg_fail(error, BG_NOT_FOUND, "token: none on standard input");
    bg_wipe(line, sizeof line);
    return status;
}

void bg_token_digest(const uint8_t secret[static BG_TOKEN_SECRET_BYTES], struct bg_digest *ret_digest)
{
    bg_sha256((struct bg_span){secret, BG_TOKEN_SECRET_BYTES}, ret_digest);
}
