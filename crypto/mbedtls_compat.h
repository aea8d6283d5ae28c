/* SPDX-License-Identifier: Apache-2.0 */
/* Internal to crypto/: what mbedTLS 2.28 and 3.x call differently. */
#pragma once

#include <mbedtls/sha256.h>
#include <mbedtls/version.h>

#if MBEDTLS_VERSION_NUMBER >= 0x03000000
#define BG_MBEDTLS_SHA256(verb) mbedtls_sha256_##verb
#define BG_MBEDTLS_MEMBER(name) MBEDTLS_PRIVATE(name)
/* Parsing a private key asks for randomness. */
#define BG_MBEDTLS_PARSE_KEY(key, data, size, random) mbedtls_pk_parse_key(key, data, size, NULL, 0, random, NULL)
#else
#define BG_MBEDTLS_SHA256(verb) mbedtls_sha256_##verb##_ret
#define BG_MBEDTLS_MEMBER(name) name
#define BG_MBEDTLS_PARSE_KEY(key, data, size, random) ((void)(random), mbedtls_pk_parse_key(key, data, size, NULL, 0))
#endif
