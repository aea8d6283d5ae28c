/* SPDX-License-Identifier: Apache-2.0 */
/* Internal to crypto/: what mbedTLS 2.28 and 3.x call differently. */
#pragma once

#include <mbedtls/sha256.h>
#include <mbedtls/version.h>

#if MBEDTLS_VERSION_NUMBER >= 0x03000000
#define BG_MBEDTLS_SHA256(verb) mbedtls_sha256_##verb
#else
#define BG_MBEDTLS_SHA256(verb) mbedtls_sha256_##verb##_ret
#endif
