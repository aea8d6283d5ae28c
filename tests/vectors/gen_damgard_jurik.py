#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Known answers for Damgård–Jurik encryption, by Python integers and from the definition (powers everywhere).

Writes damgard_jurik_vectors.h beside itself. Numbers are little-endian hex; plaintexts and ciphertexts are
base-n digits. The keys are public by construction: they come from a fixed seed and protect nothing.
"""
import hashlib
import math
import pathlib
import random
import textwrap

SMALL_PRIMES = [p for p in range(3, 1000) if all(p % d for d in range(2, int(p**0.5) + 1))]


def is_prime(n, rng):
    if any(n % p == 0 for p in SMALL_PRIMES):
        return False
    d, r = n - 1, 0
    while d % 2 == 0:
        d, r = d // 2, r + 1
    for _ in range(40):
        x = pow(rng.randrange(2, n - 1), d, n)
        if x in (1, n - 1):
            continue
        for _ in range(r - 1):
            x = x * x % n
            if x == n - 1:
                break
        else:
            return False
    return True


def prime(bits, rng):
    while True:
        p = rng.getrandbits(bits) | 3 << bits - 2 | 3
        if all((p - 1) // 2 % q for q in SMALL_PRIMES) and is_prime(p, rng):
            return p


def make_key(bits, rng):
    while True:
        p, q = prime(bits // 2, rng), prime(bits // 2, rng)
        if p != q and (p * q).bit_length() == bits:
            return p, q


def little(x, size):
    return x.to_bytes(size, "little").hex()


def digits(c, n, count, size):
    return "".join(little(c // n**i % n, size) for i in range(count))


def literal(name, text):
    if len(text) <= 80:
        return f'        .{name} = "{text}",\n'
    lines = "\n".join(f'            "{line}"' for line in textwrap.wrap(text, 92))
    return f"        .{name} =\n{lines},\n"


def key_id(bits, n):
    numbers = bits.to_bytes(4, "little") + n.to_bytes(bits // 8, "little")
    return hashlib.sha256(b"burgee key" + numbers).hexdigest()


HEADER = """/* SPDX-License-Identifier: Apache-2.0 */
/* Made by gen_damgard_jurik.py; test keys that protect nothing. Numbers are little-endian hex. */
#pragma once

struct dj_key {
    unsigned bits;
    const char *p, *q, *n, *id;
};

/* c = (1+n)^m · h^a mod n^(s+1), h = (−x²)^(n^s). */
struct dj_vector {
    unsigned key; /* index */
    unsigned s;
    const char *x, *a;     /* bits/8 and bits/16 bytes */
    const char *m, *h, *c; /* base-n digits */
};

/* Of the vectors of one key and s: product of the ciphertexts, sum of the plaintexts mod n^s. */
struct dj_total {
    unsigned key;
    unsigned s;
    const char *c, *m;
};

/* The same of tails: every ciphertext mod n^(tail+1), the digits above left off; the sum mod n^tail. */
struct dj_tail {
    unsigned key;
    unsigned s, tail;
    const char *c, *m;
};
"""


def main():
    rng = random.Random("burgee test keys")
    keys = vectors = totals = tails = ""
    for index, bits in enumerate((512, 1024, 2048, 3072)):
        size = bits // 8
        p, q = make_key(bits, rng)
        n = p * q
        keys += f"    {{\n        .bits = {bits},\n"
        keys += literal("p", little(p, size // 2)) + literal("q", little(q, size // 2))
        keys += literal("n", little(n, size)) + literal("id", key_id(bits, n)) + "    },\n"
        for s in (1, 2, 3, 4):
            modulus = n ** (s + 1)
            x = rng.randrange(1, n)
            h = pow(-x * x, n**s, modulus)
            product, total, sent = 1, 0, []
            for m, a in ((0, 0), (1, 1), (n**s - 1, 2 ** (bits // 2) - 1),
                         (rng.randrange(n**s), rng.getrandbits(bits // 2))):
                c = pow(1 + n, m, modulus) * pow(h, a, modulus) % modulus
                product, total = product * c % modulus, (total + m) % n**s
                sent.append((m, a))
                vectors += f"    {{\n        .key = {index},\n        .s = {s},\n"
                vectors += literal("x", little(x, size)) + literal("m", digits(m, n, s, size))
                vectors += literal("a", little(a, size // 2)) + literal("h", digits(h, n, s + 1, size))
                vectors += literal("c", digits(c, n, s + 1, size)) + "    },\n"
            totals += f"    {{\n        .key = {index},\n        .s = {s},\n"
            totals += literal("c", digits(product, n, s + 1, size)) + literal("m", digits(total, n, s, size))
            totals += "    },\n"
            for tail in range(1, s):
                modulus = n ** (tail + 1)
                product = math.prod(pow(1 + n, m, modulus) * pow(h, a, modulus) % modulus for m, a in sent) % modulus
                tails += f"    {{\n        .key = {index},\n        .s = {s},\n        .tail = {tail},\n"
                tails += literal("c", digits(product, n, tail + 1, size))
                tails += literal("m", digits(sum(m for m, _ in sent) % n**tail, n, tail, size)) + "    },\n"
    out = HEADER
    out += f"\nstatic const struct dj_key dj_keys[] = {{\n{keys}}};\n"
    out += f"\nstatic const struct dj_vector dj_vectors[] = {{\n{vectors}}};\n"
    out += f"\nstatic const struct dj_total dj_totals[] = {{\n{totals}}};\n"
    out += f"\nstatic const struct dj_tail dj_tails[] = {{\n{tails}}};\n"
    pathlib.Path(__file__).with_name("damgard_jurik_vectors.h").write_text(out)


if __name__ == "__main__":
    main()
