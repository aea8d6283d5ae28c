#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Known answers for packing, from the rules in crypto/packing.h by Python integers.

Writes packing_vectors.h beside itself.
The moduli are not keys: packing needs n as a number only.
"""
import math
import pathlib

WIDE = 2**64


def little(x, size):
    return x.to_bytes(size, "little").hex()


def radices(mode, k_max, fields):
    for count, most, wide in fields:
        exact = k_max * most + 2
        whole = 1 << (exact - 1).bit_length()
        yield from [WIDE if wide else exact if mode == "MIXED" else whole] * count


def value(i, most):
    return most if i % 5 == 0 else i * i * 0x9E3779B97F4A7C15 % 2**64 % (most + 1)


def pack(bits, s, slots, radix):
    digits, i = [], 0
    while i < len(slots):
        m, weight = 0, 1
        while i < len(slots) and weight * radix[i] <= 1 << bits - 64:
            m, weight, i = m + slots[i] * weight, weight * radix[i], i + 1
        digits.append(m)
    digits += [0] * (-len(digits) % s)
    return digits


def wrapped(text):
    return "\n".join(f'        "{text[i:i + 92]}"' for i in range(0, len(text), 92))


HEADER = """/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Made by gen_packing.py. n = 2^bits − 105, little-endian hex. Slot i of a field with largest value max holds
 * max if i is a multiple of 5, otherwise 0x9e3779b97f4a7c15·i² mod 2^64 mod (max + 1); i counts over
 * all fields.
 */
#pragma once

struct packing_vector {
    unsigned bits, s, k_max;
    enum bg_radix radix;
    struct bg_packing_field fields[4];
    size_t field_count;
    const char *n;
    const char *plaintexts;
};

static const struct packing_vector packing_vectors[] = {
"""

CASES = [
    (512, 1, 4, [(300, 1, False)]),
    (512, 2, 4, [(300, 1, False), (1, 1, False), (7, 128, False)]),
    (512, 3, 5, [(40, 65535, False), (9, 10**15, True), (100, 1, False)]),
    (1024, 4, 6, [(1, 1, False), (3, 2**60, True), (500, 1, False), (2, 128, False)]),
    (640, 2, 3, [(700, 1, False), (64, 3, False)]),
]


def main():
    out = HEADER
    for bits, s, k_max, fields in CASES:
        n = 2**bits - 105
        assert math.gcd(n, 2) == 1
        slots, i = [], 0
        for count, most, _ in fields:
            slots += [value(i + j, most) for j in range(count)]
            i += count
        for mode in ("BITS", "MIXED"):
            packed = pack(bits, s, slots, list(radices(mode, k_max, fields)))
            out += f"    {{\n        {bits}, {s}, {k_max}, BG_RADIX_{mode},\n        {{"
            out += ", ".join(f"{{{c}, {m}, {str(w).lower()}}}" for c, m, w in fields)
            out += f"}}, {len(fields)},\n{wrapped(little(n, bits // 8))},\n"
            out += wrapped("".join(little(x, bits // 8) for x in packed)) + ",\n    },\n"
    pathlib.Path(__file__).with_name("packing_vectors.h").write_text(out + "};\n")


if __name__ == "__main__":
    main()
