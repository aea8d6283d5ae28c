/* SPDX-License-Identifier: Apache-2.0 */
/* One digit of a plaintext: rule 2 of crypto/packing.h, for crypto/ alone. Nothing is allocated. */
#pragma once

#include "crypto/packing.h"
#include "crypto/slots.h"

/* One field: where it begins, and how its slots are counted. */
struct bg_packing_run {
    size_t first; /* slot */
    size_t end;
    uint64_t max;
    uint64_t radix; /* 0: 2^64 */
    unsigned width; /* radix = 2^width, 1 to 64; 0: radix is no matter of bits */
    /* In mixed radix as many slots as fit in a limb are one step of the long arithmetic, and inside of it a few are
     * told apart at once. */
    unsigned piece;       /* slots: most with radix^piece < 2^16, at least 1 */
    unsigned step;        /* slots: as many pieces as a limb holds */
    uint64_t piece_radix; /* radix^piece */
    uint64_t step_radix;  /* radix^step */
};

/* Radix 2^width (0 where width is 64), or, width 0, any radix < 2^32. */
struct bg_packing_run bg_packing_run(size_t first, size_t count, uint64_t max, uint64_t radix, unsigned width);
/* The field of a slot; that of the last slot for packing->slots. */
const struct bg_packing_run *bg_packing_run_of(const struct bg_packing *packing, size_t slot);

/* Slots first … end−1 ↔ one digit of packing->bits / 8 bytes. Writing is false for a value that its radix cannot hold,
 * reading for anything above the last slot. */
bool bg_packing_write_digit(const struct bg_packing *packing, const struct bg_slots *fields, size_t first, size_t end,
                            uint8_t *ret_digit);
bool bg_packing_read_digit(const struct bg_packing *packing, const uint8_t *digit, size_t first, size_t end,
                           const struct bg_slots *ret_fields);
