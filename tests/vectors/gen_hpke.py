#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""HPKE (RFC 9180), base mode, DHKEM(P-256, HKDF-SHA256), HKDF-SHA256, ChaCha20-Poly1305, on Python integers.

Second implementation for tests/unit/crypto/test_seal.c. It first reproduces appendix A.5.1 of the RFC, then
prints the cases of hpke_vectors.h:

    python3 tests/vectors/gen_hpke.py > tests/vectors/hpke_vectors.h
"""
import hashlib
import hmac

P = 2**256 - 2**224 + 2**192 + 2**96 - 1
A = P - 3
ORDER = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551
G = (0x6B17D1F2E12C4247F8BCE6E563A440F277037D812DEB33A0F4A13945D898C296,
     0x4FE342E2FE1A7F9B8EE7EB4A7C0F9E162BCE33576B315ECECBB6406837BF51F5)


def add(p, q):
    if p is None:
        return q
    if q is None:
        return p
    if p[0] == q[0]:
        if (p[1] + q[1]) % P == 0:
            return None
        slope = (3 * p[0] * p[0] + A) * pow(2 * p[1], -1, P)
    else:
        slope = (q[1] - p[1]) * pow(q[0] - p[0], -1, P)
    x = (slope * slope - p[0] - q[0]) % P
    return x, (slope * (p[0] - x) - p[1]) % P


def multiply(k, p):
    result = None
    while k:
        if k & 1:
            result = add(result, p)
        p = add(p, p)
        k >>= 1
    return result


def encode(p):
    return b"\x04" + p[0].to_bytes(32, "big") + p[1].to_bytes(32, "big")


def decode(b):
    return int.from_bytes(b[1:33], "big"), int.from_bytes(b[33:], "big")


def chacha20_block(key, counter, nonce):
    def rotate(x, n):
        return (x << n | x >> (32 - n)) & 0xFFFFFFFF

    words = [int.from_bytes((b"expand 32-byte k" + key)[i:i + 4], "little") for i in range(0, 48, 4)]
    words += [counter] + [int.from_bytes(nonce[i:i + 4], "little") for i in range(0, 12, 4)]
    s = list(words)
    for turn in range(20):
        for column in range(4):
            shift = turn % 2
            a, b, c, d = (4 * row + (column + shift * row) % 4 for row in range(4))
            s[a] = (s[a] + s[b]) & 0xFFFFFFFF
            s[d] = rotate(s[d] ^ s[a], 16)
            s[c] = (s[c] + s[d]) & 0xFFFFFFFF
            s[b] = rotate(s[b] ^ s[c], 12)
            s[a] = (s[a] + s[b]) & 0xFFFFFFFF
            s[d] = rotate(s[d] ^ s[a], 8)
            s[c] = (s[c] + s[d]) & 0xFFFFFFFF
            s[b] = rotate(s[b] ^ s[c], 7)
    return b"".join(((x + y) & 0xFFFFFFFF).to_bytes(4, "little") for x, y in zip(s, words))


def chacha20(key, counter, nonce, size):
    blocks = range(counter, counter + (size + 63) // 64)
    return b"".join(chacha20_block(key, i, nonce) for i in blocks)[:size]


def poly1305(key, message):
    r = int.from_bytes(key[:16], "little") & 0x0FFFFFFC0FFFFFFC0FFFFFFC0FFFFFFF
    total = 0
    for i in range(0, len(message), 16):
        total = (total + int.from_bytes(message[i:i + 16] + b"\x01", "little")) * r % (2**130 - 5)
    return ((total + int.from_bytes(key[16:], "little")) % 2**128).to_bytes(16, "little")


def chacha20_poly1305(key, nonce, aad, plaintext):
    def padded(b):
        return b + bytes(-len(b) % 16)

    stream = chacha20(key, 1, nonce, len(plaintext))
    ciphertext = bytes(x ^ y for x, y in zip(plaintext, stream))
    lengths = len(aad).to_bytes(8, "little") + len(ciphertext).to_bytes(8, "little")
    return ciphertext + poly1305(chacha20(key, 0, nonce, 32), padded(aad) + padded(ciphertext) + lengths)


KEM_SUITE = b"KEM\x00\x10"
HPKE_SUITE = b"HPKE\x00\x10\x00\x01\x00\x03"


def extract(suite, salt, label, key):
    return hmac.digest(salt or bytes(32), b"HPKE-v1" + suite + label + key, "sha256")


def expand(suite, key, label, context, size):
    info = size.to_bytes(2, "big") + b"HPKE-v1" + suite + label + context
    return hmac.digest(key, info + b"\x01", "sha256")[:size]


def seal(recipient, ephemeral_secret, info, aad, plaintext):
    enc = encode(multiply(ephemeral_secret, G))
    dh = multiply(ephemeral_secret, decode(recipient))[0].to_bytes(32, "big")
    shared = expand(KEM_SUITE, extract(KEM_SUITE, b"", b"eae_prk", dh), b"shared_secret", enc + recipient, 32)
    psk_id_hash = extract(HPKE_SUITE, b"", b"psk_id_hash", b"")
    context = b"\x00" + psk_id_hash + extract(HPKE_SUITE, b"", b"info_hash", info)
    secret = extract(HPKE_SUITE, shared, b"secret", b"")
    key = expand(HPKE_SUITE, secret, b"key", context, 32)
    nonce = expand(HPKE_SUITE, secret, b"base_nonce", context, 12)
    return shared, key, nonce, enc + chacha20_poly1305(key, nonce, aad, plaintext)


def check_appendix_a5():
    shared, key, nonce, sealed = seal(
        encode(multiply(0xA4D1C55836AA30F9B3FBB6AC98D338C877C2867DD3A77396D13F68D3AB150D3B, G)),
        0x7550253E1147AAE48839C1F8AF80D2770FB7A4C763AFE7D0AFA7E0F42A5B3689,
        b"Ode on a Grecian Urn", b"Count-0", b"Beauty is truth, truth beauty")
    assert shared.hex() == "806520f82ef0b03c823b7fc524b6b55a088f566b9751b89551c170f4113bd850"
    assert key.hex() == "a8f45490a92a3b04d1dbf6cf2c3939ad8bfc9bfcb97c04bffe116730c9dfe3fc"
    assert nonce.hex() == "726b4390ed2209809f58c693"
    assert sealed[65:].hex() == ("6469c41c5c81d3aa85432531ecf6460ec945bde1eb428cb2fedf7a29f5a685b4"
                                 "ccb0d057f03ea2952a27bb458b")


def text(b):
    lines = [b.hex()[i:i + 90] for i in range(0, 2 * len(b), 90)] or [""]
    return "\n         ".join(f'"{line}"' for line in lines)


def main():
    check_appendix_a5()
    print("/* SPDX-License-Identifier: Apache-2.0 */")
    print("/* Written by gen_hpke.py; do not edit. */")
    print("#pragma once\n")
    print("static const struct {")
    print("    const char *recipient_secret, *ephemeral_secret, *info, *aad, *plaintext, *sealed;")
    print("} hpke_vectors[] = {")
    sizes = [(0, 0, 0), (0, 0, 1), (1, 63, 32), (20, 7, 64), (300, 0, 65), (64, 300, 257)]
    for case, (info, aad, plaintext) in enumerate(sizes):
        def some(purpose, size):
            return hashlib.shake_256(f"{purpose} {case}".encode()).digest(size)

        recipient, ephemeral = some("recipient", 32), some("ephemeral", 32)
        assert all(0 < int.from_bytes(k, "big") < ORDER for k in (recipient, ephemeral))
        fields = [some("info", info), some("aad", aad), some("plaintext", plaintext)]
        point = encode(multiply(int.from_bytes(recipient, "big"), G))
        sealed = seal(point, int.from_bytes(ephemeral, "big"), *fields)[3]
        print("    {" + ",\n     ".join(text(b) for b in [recipient, ephemeral, *fields, sealed]) + "},")
    print("};")


if __name__ == "__main__":
    main()
