#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Pads (crypto/pad.h) on Python integers: the second implementation for tests/unit/crypto/test_pad.c.

    python3 tests/vectors/gen_pad.py > tests/vectors/pad_vectors.h
"""
import hashlib
import hmac

from gen_hpke import chacha20

MEMBERS = 3
POSITIONS = 70


def some(purpose, case, size):
    return hashlib.shake_256(f"{purpose} {case}".encode()).digest(size)


def modulus(bits, case):
    n = int.from_bytes(some("modulus", case, bits // 8), "little") | 1 << (bits - 1) | 1
    while any(n % d == 0 for d in range(3, 1000)):
        n += 2
    return n


def position_key(seed, context, t):
    population, plan, number, attempt = context
    info = b"burgee pad" + population.encode().ljust(32, b"\0") + plan
    info += number.to_bytes(8, "little") + attempt.to_bytes(4, "little") + t.to_bytes(8, "little")
    return hmac.digest(seed, info + b"\x01", "sha256")


def digits(x, n, s):
    return b"".join((x // n**i % n).to_bytes(n.bit_length() // 8, "little") for i in range(s))


def pad(key, n, s):
    stream = chacha20(key, 0, bytes(12), s * n.bit_length() // 8 + 16)
    return int.from_bytes(stream, "little") % n**s


def commitment(seed, context):
    digests = (hashlib.sha256(position_key(seed, context, t)).digest() for t in range(POSITIONS))
    return hashlib.sha256(b"".join(digests)).digest()


def text(b):
    lines = [b.hex()[i:i + 90] for i in range(0, 2 * len(b), 90)]
    return "\n         ".join(f'"{line}"' for line in lines)


def main():
    print("/* SPDX-License-Identifier: Apache-2.0 */")
    print("/* Written by gen_pad.py; do not edit. */")
    print("#pragma once\n")
    print("#include <stdint.h>\n")
    print(f"#define PAD_MEMBERS {MEMBERS}")
    print(f"#define PAD_POSITIONS {POSITIONS}\n")
    print("static const struct {")
    print("    uint32_t bits, s;")
    print("    const char *n, *population, *plan_id;")
    print("    uint64_t round;")
    print("    uint32_t attempt;")
    print("    uint64_t t;")
    print("    const char *seeds[PAD_MEMBERS], *keys[PAD_MEMBERS];")
    print("    const char *plaintext, *padded; /* by the first member */")
    print("    const char *sum, *unpadded;     /* of all members */")
    print("    const char *commitment;         /* of the first member */")
    print("} pad_vectors[] = {")
    cases = [(512, 1, "a", 0, 0, 0), (512, 2, "office-west", 1, 0, 1),
             (576, 3, "p" * 31, 2**63, 2**32 - 1, 69), (512, 4, "x.y_z-0", 7, 3, 2**64 - 1),
             (2048, 2, "fleet", 12, 1, 4711)]
    for case, (bits, s, population, number, attempt, t) in enumerate(cases):
        n = modulus(bits, case)
        size = s * bits // 8
        context = (population, some("plan", case, 32), number, attempt)
        seeds = [some(f"seed {i}", case, 32) for i in range(MEMBERS)]
        keys = [position_key(seed, context, t) for seed in seeds]
        plaintext = int.from_bytes(some("plaintext", case, size), "little") % n**s
        total = 5 if case == 1 else int.from_bytes(some("sum", case, size), "little") % n**s
        padded = (plaintext + pad(keys[0], n, s)) % n**s
        unpadded = (total - sum(pad(key, n, s) for key in keys)) % n**s
        numbers = [digits(x, n, s) for x in (plaintext, padded, total, unpadded)]
        fields = [f"{bits}, {s}", text(n.to_bytes(bits // 8, "little")), f'"{population}"', text(context[1]),
                  f"UINT64_C({number})", f"UINT32_C({attempt})", f"UINT64_C({t})",
                  "{" + ",\n      ".join(text(seed) for seed in seeds) + "}",
                  "{" + ",\n      ".join(text(key) for key in keys) + "}",
                  *(text(x) for x in numbers), text(commitment(seeds[0], context))]
        print("    {" + ",\n     ".join(fields) + "},")
    print("};")


if __name__ == "__main__":
    main()
