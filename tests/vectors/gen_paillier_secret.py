#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Known answers for Damgård–Jurik decryption, by Python integers, and keys that fail exactly one check.

Writes paillier_secret_vectors.h beside itself. Ciphertexts come from the definition, (1+n)^m · r^(n^s), and
are decrypted here as well, by the iterative algorithm of the paper (PKC 2001, section 3) with the exponent
lcm(p−1, q−1).
Numbers are little-endian hex, plaintexts and ciphertexts base-n digits. The keys come from a fixed seed and protect
nothing.
"""
import math
import pathlib
import random
import textwrap

rng = random.Random("burgee secret keys")
ODD = range(3, 1000, 2)


def is_prime(n):
    if any(n % f == 0 for f in ODD):
        return False
    d, twos = n - 1, 0
    while d % 2 == 0:
        d, twos = d // 2, twos + 1
    for _ in range(32):
        x = pow(rng.randrange(2, n - 1), d, n)
        if x in (1, n - 1):
            continue
        for _ in range(twos - 1):
            x = x * x % n
            if x == n - 1:
                break
        else:
            return False
    return True


def sturdy(p):
    return all(p % f > 1 for f in ODD)


def draw(bits, accept, top=3):
    """A prime with the top two bits `top` that `accept` likes."""
    while True:
        p = rng.getrandbits(bits - 2) | top << bits - 2 | 1
        if accept(p) and is_prime(p):
            return p


def good_prime(bits, top=3):
    return draw(bits, lambda p: p % 4 == 3 and sturdy(p), top)


def hexed(x, size):
    return x.to_bytes(size, "little").hex()


def digits(x, n, count, size):
    out = ""
    for _ in range(count):
        x, digit = divmod(x, n)
        out += hexed(digit, size)
    return out


def decrypt(c, n, s, lam):
    c = pow(c, lam, n ** (s + 1))

    def extract(a):
        i = 0
        for j in range(1, s + 1):
            t1 = (a % n ** (j + 1) - 1) // n
            t2 = i
            for k in range(2, j + 1):
                i -= 1
                t2 = t2 * i % n**j
                t1 = (t1 - t2 * n ** (k - 1) * pow(math.factorial(k), -1, n**j)) % n**j
            i = t1
        return i

    return extract(c) * pow(extract(pow(1 + n, lam, n ** (s + 1))), -1, n**s) % n**s


def literal(value):
    if isinstance(value, int):
        return f" {value}"
    if len(value) <= 80:
        return f' "{value}"'
    return "\n" + "\n".join(f'            "{line}"' for line in textwrap.wrap(value, 92))


def record(**fields):
    lines = [f"        .{name} ={literal(value)},\n" for name, value in fields.items()]
    return "    {\n" + "".join(lines) + "    },\n"


def vectors(index, p, q):
    n = p * q
    size = n.bit_length() // 8
    lam = math.lcm(p - 1, q - 1)
    rows = []
    for s in range(1, 5):
        edges = [0, 1, n**s - 1, n ** (s - 1)] if size <= 128 else [n**s - 1]
        for m in edges + [rng.randrange(n**s)]:
            c = pow(1 + n, m, n ** (s + 1)) * pow(rng.randrange(2, n), n**s, n ** (s + 1)) % n ** (s + 1)
            assert decrypt(c, n, s, lam) == m
            rows.append(record(key=index, s=s, m=digits(m, n, s, size), c=digits(c, n, s + 1, size)))
    return "".join(rows)


def composite(bits):
    while True:
        c = draw(bits // 2, lambda p: True) * draw(bits // 2, lambda p: True)
        if c % 4 == 3 and c >> bits - 2 == 3 and sturdy(c):
            return c


def related_primes(bits, factor):
    def accept(p):
        return p % 4 == 3 and sturdy(p)

    pair = []
    while len(pair) < 2:
        p = 2 * factor * rng.getrandbits(bits - 1 - factor.bit_length()) + 1
        if p >> bits - 2 == 3 and accept(p) and is_prime(p):
            pair.append(p)
    return pair


def close_primes(bits, distance):
    p = q = good_prime(bits)
    while q == p or not (q % 4 == 3 and sturdy(q) and is_prime(q) and math.gcd(p - 1, q - 1) == 2):
        q = p + 4 * rng.getrandbits(distance - 3)
    assert abs(p - q) < 2**distance
    return p, q


def short_pair(bits):
    while True:
        p, q = good_prime(bits, 2), good_prime(bits, 2)
        if (p * q).bit_length() == 2 * bits - 1:
            return p, q


def divisor_pair(bits):
    p = good_prime(bits // 2)
    while True:
        q = 2 * p * rng.getrandbits(bits - 2 - p.bit_length()) + 1
        if q % 4 == 3 and sturdy(q) and is_prime(q):
            return p, q


def flawed():
    bits = 256
    good = good_prime(bits)
    yield "is not 3 modulo 4", draw(bits, lambda p: p % 4 == 1 and sturdy(p)), good
    yield "is not 3 modulo 4", good, draw(bits, lambda p: p % 4 == 1 and sturdy(p))
    unsturdy = draw(bits, lambda p: p % 4 == 3 and p % 997 == 1 and [f for f in ODD if p % f < 2] == [997])
    yield "has a factor below 1000", unsturdy, good
    yield "q is not prime", good, composite(bits)
    yield "p is not prime", composite(bits), good
    yield "gcd(p−1, q−1) is not 2", *related_primes(bits, 1009)
    yield "shorter than the key", *short_pair(bits)
    yield "too close together", *close_primes(bits, bits - 101)
    yield "too close together", good, good
    yield "gcd(n, (p−1)(q−1)) is not 1", *divisor_pair(bits)


keys = [(good_prime(bits // 2), good_prime(bits // 2)) for bits in (512, 1024, 2048)]
assert all(math.gcd(p - 1, q - 1) == 2 for p, q in keys)
out = """/* SPDX-License-Identifier: Apache-2.0 */
/* Made by gen_paillier_secret.py; test keys that protect nothing. Numbers are little-endian hex. */
#pragma once

struct secret_key_primes {
    unsigned bits;
    const char *p, *q; /* bits/16 bytes each */
};

struct secret_vector {
    unsigned key; /* index */
    unsigned s;
    const char *m; /* s base-n digits */
    const char *c; /* base-n digits */
};

/* 512-bit keys that pass every check but one. */
struct flawed_key {
    const char *flaw; /* part of the error */
    const char *p, *q;
};

static const struct secret_key_primes secret_keys[] = {
"""
for p, q in keys:
    bits = (p * q).bit_length()
    out += record(bits=bits, p=hexed(p, bits // 16), q=hexed(q, bits // 16))
out += "};\n\nstatic const struct secret_vector secret_vectors[] = {\n"
out += "".join(vectors(i, p, q) for i, (p, q) in enumerate(keys))
out += "};\n\nstatic const struct flawed_key flawed_keys[] = {\n"
for flaw, p, q in flawed():
    out += record(flaw=flaw, p=hexed(p, 32), q=hexed(q, 32))
out += "};\n"
pathlib.Path(__file__).with_name("paillier_secret_vectors.h").write_text(out)
