/* SPDX-License-Identifier: Apache-2.0 */
/* An authority that is the same in every process, so that certificates in a corpus are its own. */
#pragma once

#include "crypto/certificate.h"

#define AUTHORITY_NOW 1800000000u
#define AUTHORITY_POPULATION "harbour"

/* Of one byte 32 times. */
struct bg_identity *authority_party(uint8_t byte);
struct bg_identity *authority_identity(void);
const struct bg_pem *authority_certificate(void);
/* Serial numbers without chance. */
struct bg_random authority_random(void);
