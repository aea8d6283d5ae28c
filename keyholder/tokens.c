/* SPDX-License-Identifier: Apache-2.0 */
#include "keyholder/tokens.h"

#include <stdlib.h>
#include <string.h>

void bg_tokens_init(struct bg_tokens *tokens, uint64_t seed)
{
    *tokens = (struct bg_tokens){0};
    bg_digest_table_init(&tokens->indices, seed);
}

void bg_tokens_finish(struct bg_tokens *tokens)
{
    free(tokens->entries);
    bg_digest_table_finish(&tokens->indices);
}

enum bg_status bg_tokens_add(struct bg_tokens *tokens, const struct bg_digest *digest,
                             const struct bg_token_terms *terms)
{
    if (tokens->count >= BG_MAX_CLIENTS)
        return BG_TOO_LARGE;
    if (tokens->count == tokens->capacity) {
        size_t capacity = tokens->capacity ? 2 * tokens->capacity : 16;
        struct bg_token_entry *entries = reallocarray(tokens->entries, capacity, sizeof *entries);
        if (!entries)
            return BG_NO_MEMORY;
        tokens->entries = entries;
        tokens->capacity = capacity;
    }
    enum bg_status status = bg_digest_table_put(&tokens->indices, digest, (uint32_t)tokens->count);
    if (status != BG_OK)
        return status;
    tokens->entries[tokens->count++] = (struct bg_token_entry){.digest = *digest, .terms = *terms};
    return BG_OK;
}

struct bg_token_entry *bg_tokens_find(const struct bg_tokens *tokens, const struct bg_digest *digest)
{
    uint32_t index;
    return bg_digest_table_find(&tokens->indices, digest, &index) ? &tokens->entries[index] : NULL;
}

enum bg_status bg_token_terms_check(const struct bg_token_terms *terms, struct bg_error *error)
{
    struct bg_population cell;
    if (!bg_certificate_role_name(terms->role) || terms->role == BG_CERTIFICATE_KEYHOLDER)
        return bg_fail(error, BG_INVALID, "token: its role must be client, root, edge or operator");
    if (!bg_plain_text(terms->label, sizeof terms->label) || !bg_plain_text(terms->owner, sizeof terms->owner))
        return bg_fail(error, BG_INVALID, "token: its label or owner is too long, or has control characters");
    if (terms->role == BG_CERTIFICATE_CLIENT &&
        (!memchr(terms->cell.label, 0, sizeof terms->cell.label) ||
         bg_population_set(&cell, terms->cell.label) != BG_OK))
        return bg_fail(error, BG_INVALID, "token: cell \"%.31s\" is not 1 to 31 of a-z 0-9 . _ -", terms->cell.label);
    return BG_OK;
}

void bg_token_terms_encode(const struct bg_token_terms *terms, struct bg_writer *w)
{
    bg_write_u8(w, (uint8_t)terms->role);
    bg_write_u64(w, terms->expiry);
    bg_write_text(w, terms->label);
    bg_write_text(w, terms->owner);
    bg_write_text(w, terms->cell.label);
}

void bg_token_terms_decode(struct bg_reader *r, struct bg_token_terms *ret)
{
    *ret = (struct bg_token_terms){.role = bg_read_u8(r)};
    ret->expiry = bg_read_u64(r);
    bg_read_text(r, ret->label, sizeof ret->label);
    bg_read_text(r, ret->owner, sizeof ret->owner);
    bg_read_text(r, ret->cell.label, sizeof ret->cell.label);
}
