#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Knowledge tags (crypto/knowledge.h) on Python integers: the second implementation for
tests/unit/crypto/test_knowledge.c, and what gen_protocol_page.py tags updates with.

    python3 tests/vectors/gen_knowledge.py > tests/vectors/knowledge_vectors.h
"""
import hashlib
import hmac

from gen_pad import digits, modulus, some, text

COUNTS = (1, 2, 3, 64)


def challenge(header):
    return hashlib.sha256(b"burgee knowledge" + header).digest()


def weights(key, count):
    """HKDF-Expand (RFC 5869)."""
    info, block, output = b"burgee knowledge weights", b"", b""
    for i in range(1, -(-16 * count // 32) + 1):
        block = hmac.digest(key, block + info + bytes([i]), "sha256")
        output += block
    return [int.from_bytes(output[16 * t:16 * t + 16], "little") for t in range(count)]


def tag(header, plaintexts, n, s, tail):
    """Of one block; the last plaintext has `tail` digits."""
    key = challenge(header)
    whole = plaintexts if tail == s else plaintexts[:-1]
    z = sum(e * x for e, x in zip(weights(key, len(whole)), whole)) % n**s
    rest = b"" if tail == s else digits(plaintexts[-1], n, tail)
    return hashlib.sha256(b"burgee knowledge tag" + key + digits(z, n, s) + rest).digest()[:16]


def main():
    print("/* SPDX-License-Identifier: Apache-2.0 */")
    print("/* Written by gen_knowledge.py; do not edit. */")
    print("#pragma once\n")
    print("#include <stdint.h>\n")
    print("/* Plaintexts are n^s − 1 − t^(s+40), the last one of tail digits. */")
    print("static const struct {")
    print("    uint32_t bits, s, count, tail;")
    print("    const char *n, *header, *challenge, *tag;")
    print("} knowledge_vectors[] = {")
    for case, (bits, s) in enumerate([(512, 1), (512, 2), (576, 3), (2048, 2)]):
        n = modulus(bits, case)
        for tail in range(1, s + 1):
            for count in COUNTS:
                header = some("header", f"{case} {tail} {count}", 228)
                plaintexts = [n**s - 1 - t**(s + 40) for t in range(count)]
                plaintexts[-1] %= n**tail
                fields = [f"{bits}, {s}, {count}, {tail}", text(n.to_bytes(bits // 8, "little")), text(header),
                          text(challenge(header)), text(tag(header, plaintexts, n, s, tail))]
                print("    {" + ",\n     ".join(fields) + "},")
    print("};")


if __name__ == "__main__":
    main()
