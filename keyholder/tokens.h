/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tokens that were given out: what each is for, and who has redeemed it. Secrets are not kept, only their digests; who
 * presents one is looked up by it, and a digest tells a guesser nothing however long the look-up takes.
 */
#pragma once

#include "base/digest_table.h"
#include "crypto/certificate.h"
#include "keyholder/enrolment.h"

/* What a token is for. */
struct bg_token_terms {
    enum bg_certificate_role role;
    uint64_t expiry;            /* seconds since 1970 */
    char label[BG_LABEL_BYTES]; /* "": as its device says */
    char owner[BG_OWNER_BYTES];
    struct bg_cell cell;        /* of a client */
};

struct bg_token_entry {
    struct bg_digest digest; /* of the secret */
    struct bg_token_terms terms;
    bool redeemed;
    struct bg_digest device; /* who has, if so */
};

struct bg_tokens {
    struct bg_token_entry *entries;
    size_t count, capacity;
    struct bg_digest_table indices; /* digest → index */
};

/* As bg_digest_table_init. */
void bg_tokens_init(struct bg_tokens *tokens, uint64_t seed);
void bg_tokens_finish(struct bg_tokens *tokens);
/* Copies. BG_DUPLICATE, BG_NO_MEMORY. */
BG_MUST_CHECK enum bg_status bg_tokens_add(struct bg_tokens *tokens, const struct bg_digest *digest,
                                           const struct bg_token_terms *terms);
/* NULL if absent; borrowed until the next addition. */
struct bg_token_entry *bg_tokens_find(const struct bg_tokens *tokens, const struct bg_digest *digest);

/* BG_INVALID says what of the terms is not as it must be. */
BG_MUST_CHECK enum bg_status bg_token_terms_check(const struct bg_token_terms *terms, struct bg_error *error);
/* As the journal keeps them. */
void bg_token_terms_encode(const struct bg_token_terms *terms, struct bg_writer *w);
void bg_token_terms_decode(struct bg_reader *r, struct bg_token_terms *ret);
