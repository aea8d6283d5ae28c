/* SPDX-License-Identifier: Apache-2.0 */
/* What one side of a TLS connection shows, and whom it believes. */
#pragma once

#include "base/span.h"

#include <stdbool.h>
#include <stdint.h>

#define BG_PEER_ROLE_BYTES 16 /* of a certificate's organisational unit, with its NUL */
#define BG_PEER_POINT_BYTES 65 /* P-256, uncompressed */

/* PEM texts. The key is that of the certificate, on P-256. Borrowed. */
struct bg_credentials {
    const char *certificate; /* own, and what leads from it to the authority; NULL: shows none */
    const char *key;
    const char *authority;   /* NULL: believes nobody but a pinned key */
};

/* Whom a server speaks with, as the certificate says, which was verified and is in its time. */
struct bg_peer {
    bool authenticated;   /* false: it showed no certificate, and what follows is zero */
    struct bg_digest id;  /* SHA-256 of the point */
    uint8_t point[BG_PEER_POINT_BYTES];
    char role[BG_PEER_ROLE_BYTES]; /* organisational unit: "client", "root", "edge", "keyholder", "operator" */
    uint64_t not_after;   /* seconds since 1970 */
    char address[64];     /* numeric, for logs */
};
