#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Known answers for base/prng.h, on Python integers. Writes prng_vectors.h beside itself.

It first reproduces published values: splitmix64 from 1234567, and xoshiro256** from the state 1, 2, 3, 4.
"""
import pathlib

MASK = 2**64 - 1
GOLDEN = 0x9E3779B97F4A7C15


def mix(x):
    x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9 & MASK
    x = (x ^ (x >> 27)) * 0x94D049BB133111EB & MASK
    return x ^ (x >> 31)


def splitmix(seed, count):
    return [mix((seed + (i + 1) * GOLDEN) & MASK) for i in range(count)]


def rotate(x, bits):
    return (x << bits | x >> (64 - bits)) & MASK


class Xoshiro:
    def __init__(self, state):
        self.s = list(state)

    def next(self):
        s = self.s
        result = rotate(s[1] * 5 & MASK, 7) * 9 & MASK
        shifted = s[1] << 17 & MASK
        s[2] ^= s[0]
        s[3] ^= s[1]
        s[1] ^= s[2]
        s[0] ^= s[3]
        s[2] ^= shifted
        s[3] = rotate(s[3], 45)
        return result

    def below(self, bound):
        while True:
            value = self.next()
            if value >= 2**64 % bound:
                return value % bound


def stream(seed, purpose, index):
    value = seed
    for byte in purpose.encode() + b"\0":
        value = mix((value + GOLDEN & MASK) ^ byte)
    return mix((value + GOLDEN & MASK) ^ index)


def row(values):
    return ", ".join(f"0x{v:016x}u" for v in values)


def main():
    assert splitmix(1234567, 3) == [6457827717110365317, 3203168211198807973, 9817491932198370423]
    counter = Xoshiro([1, 2, 3, 4])
    assert [counter.next() for _ in range(4)] == [11520, 0, 1509978240, 1215971899390074240]
    lines = ["/* SPDX-License-Identifier: Apache-2.0 */", "/* Written by gen_prng.py. */", "#pragma once", "",
             "#include <stdint.h>", "", "static const struct {", "    uint64_t seed;", "    uint64_t values[6];",
             "} prng_seed_vectors[] = {"]
    for seed in (0, 1, 1234567, MASK):
        g = Xoshiro(splitmix(seed, 4))
        lines.append(f"    {{0x{seed:x}u,")
        values = [g.next() for _ in range(6)]
        lines += [f"     {{{row(values[:3])},", f"      {row(values[3:])}}}}},"]
    lines += ["};", "", "static const struct {", "    uint64_t seed;", "    const char *purpose;",
              "    uint64_t index;", "    uint64_t value;", "} prng_stream_vectors[] = {"]
    streams = ((0, "", 0), (7, "shuffle", 0), (7, "shuffle", 1), (7, "weights", 1), (MASK, "x", MASK))
    for seed, purpose, index in streams:
        value = Xoshiro(splitmix(stream(seed, purpose, index), 4)).next()
        lines.append(f'    {{0x{seed:x}u, "{purpose}", 0x{index:x}u, 0x{value:016x}u}},')
    g = Xoshiro(splitmix(42, 4))
    bounds = (1, 2, 6, 1000003, 2**63 + 1, 2**63 + 1, 2**63 + 1, MASK)
    lines += ["};", "", "/* Seed 42, one draw after another. */", "static const struct {", "    uint64_t bound;",
              "    uint64_t value;", "} prng_below_vectors[] = {"]
    lines += [f"    {{0x{bound:x}u, 0x{g.below(bound):016x}u}}," for bound in bounds]
    order = list(range(16))
    g = Xoshiro(splitmix(42, 4))
    for i in range(len(order) - 1, 0, -1):
        j = g.below(i + 1)
        order[i], order[j] = order[j], order[i]
    lines += ["};", "", "/* 0 … 15 shuffled with seed 42. */",
              f"static const uint32_t prng_shuffle_vector[] = {{{', '.join(map(str, order))}}};", ""]
    pathlib.Path(__file__).with_name("prng_vectors.h").write_text("\n".join(lines))


main()
