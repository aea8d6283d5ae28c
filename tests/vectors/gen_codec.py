#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Known answers for compress/: rounds of mode ef, with windows and without, medians and server steps by NumPy.

usage: gen_codec.py > tests/vectors/codec_vectors.h
"""
import numpy as np

F = np.float32
SHAPES = [(7, 11), (11,), (1,), (5, 3, 2)]  # 119 votes: two words, the second not full
SIZES = [int(np.prod(shape)) for shape in SHAPES]
ENDS = np.cumsum(SIZES)
STARTS = ENDS - SIZES
CLIP = 4.0
TIES = (1 << 64) // 3  # bits 0101…
WINDOWS = [(0xd0000000, 0xa0000000), (0x30000000, 0xa0000000)]  # first, rest; the first one wraps around
WORD = (1 << 64) - 1


def update(rng):
    delta = np.empty(ENDS[-1], F)
    for t, (start, end) in enumerate(zip(STARTS, ENDS)):
        delta[start:end] = (rng.standard_normal(end - start) * 0.01 * 4.0 ** -t).astype(F)
    delta[3] = 0.0
    delta[9] = -0.0
    return delta


def phase(coordinate):
    """The upper half of the outputs of splitmix64 with seed 0."""
    z = (coordinate + 1) * 0x9e3779b97f4a7c15 & WORD
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9 & WORD
    z = (z ^ z >> 27) * 0x94d049bb133111eb & WORD
    return (z ^ z >> 31) >> 32


def inside(window):
    first, rest = window
    return np.array([(phase(i) - first) % (1 << 32) < (1 << 32) - rest for i in range(ENDS[-1])])


def encode(delta, residual, centres, scales, basis, window=(0, 0)):
    """p, the bits of all coordinates (their votes in order are those in the window), scale fields."""
    p, voted = delta + residual, inside(window)
    place = np.cumsum(voted) - 1
    tie = np.array([TIES >> (i % 64) & 1 for i in place], bool)
    bits = np.zeros(len(p), bool)
    fields = []
    for t, (start, end) in enumerate(zip(STARTS, ENDS)):
        part, centre, has = p[start:end], F(centres[t]), voted[start:end]
        bits[start:end] = np.where(part == centre, tie[start:end], part > centre)
        if not has.any():  # does not travel
            fields.append(0)
            continue
        if basis == 'delta':
            own = 2 * np.abs(delta[start:end][has].astype(float)).mean() / (1 - window[1] / 2 ** 32)
        else:
            own = np.sqrt((part[has].astype(float) ** 2).mean())
        fields.append(int(np.floor(64 * np.clip(np.log2(own / scales[t]), -1, 1) + 0.5)) + 64)
    return p, bits, fields


def commit(p, bits, centres, scales, window=(0, 0)):
    e, voted = np.empty_like(p), inside(window)
    for t, (start, end) in enumerate(zip(STARTS, ENDS)):
        s, limit = F(scales[t]), F(CLIP * scales[t])
        sent = np.where(bits[start:end], s, -s)
        left = np.where(voted[start:end], (p[start:end] - F(centres[t])) - sent, p[start:end])
        e[start:end] = np.clip(left, -limit, limit)
    return e


def emit_floats(name, values, kind='float'):
    print(f'static const {kind} {name}[] = {{')
    for i in range(0, len(values), 6):
        print('    ' + ' '.join(f'{float(v).hex()},' for v in values[i:i + 6]))
    print('};')


def emit_bits(name, bits):
    words = [sum(int(b) << i for i, b in enumerate(bits[w:w + 64])) for w in range(0, len(bits), 64)]
    print(f'static const uint64_t {name}[] = {{' + ', '.join(f'{w:#018x}' for w in words) + '};')


def emit_ints(name, values):
    print(f'static const uint16_t {name}[] = {{' + ', '.join(map(str, values)) + '};')


def main():
    rng = np.random.default_rng(20250614)
    centres = [0.0, 0.001, 0.0, 0.0]
    scales = [0.015, 0.004, 0.001, 0.0005]
    print('/* SPDX-License-Identifier: Apache-2.0 */')
    print('/* Written by tests/vectors/gen_codec.py. */')
    print('#pragma once\n\n#include <stdint.h>\n')
    print(f'#define VECTOR_COORDINATES {ENDS[-1]}')
    print(f'#define VECTOR_TIES {TIES:#x}\n')
    emit_floats('vector_centres', centres, 'double')
    emit_floats('vector_scales', scales, 'double')
    residual = np.zeros(ENDS[-1], F)
    for number, basis in enumerate(['delta', 'residual']):
        delta = update(rng)
        p, bits, fields = encode(delta, residual, centres, scales, basis)
        residual = commit(p, bits, centres, scales)
        emit_floats(f'vector_delta_{number}', delta)
        emit_bits(f'vector_bits_{number}', bits)
        emit_ints(f'vector_fields_{number}', fields)
        emit_floats(f'vector_residual_{number}', residual)
        if number == 0:
            emit_bits('vector_median_bits', delta.astype(float) >= np.median(delta.astype(float)))
            emit_bits('vector_sign_bits', delta >= 0)
    y = (rng.integers(-4, 5, ENDS[-1]) / 4).astype(F)
    weights = rng.standard_normal(ENDS[-1]).astype(F)
    momentum = rng.standard_normal(ENDS[-1]).astype(F)
    emit_floats('vector_y', y)
    emit_floats('vector_weights', weights)
    emit_floats('vector_momentum', momentum)
    step = np.repeat(scales, SIZES)
    emit_floats('vector_ef_weights', (weights.astype(float) + step * y).astype(F))
    moved = (0.9 * momentum.astype(float) + y).astype(F)
    emit_floats('vector_sign_momentum', moved)
    emit_floats('vector_sign_weights', (weights.astype(float) + 0.001 * moved.astype(float)).astype(F))
    for kind in 'adam', 'yogi':
        w, m, v = weights.astype(float), np.zeros(len(y), F), np.zeros(len(y), F)
        for d in (step * y).astype(float), (-0.5 * step * y[::-1]).astype(float):
            w, m, v = adaptive(kind, d, w, m, v)
        emit_floats(f'vector_{kind}_weights', w)
        emit_floats(f'vector_{kind}_squares', v)
    emit_windows(rng, residual, centres, scales, weights, step)


def adaptive(kind, d, w, m, v, eta=0.125, beta1=0.75, beta2=0.875, epsilon=0.03125):
    """Reddi et al. 2021, algorithm 2; w, m and v are float32 between rounds."""
    v = v.astype(float)
    v = beta2 * v + (1 - beta2) * d**2 if kind == 'adam' else v - (1 - beta2) * d**2 * np.sign(v - d**2)
    m, v = (beta1 * m + (1 - beta1) * d).astype(F), v.astype(F)
    return (w.astype(F) + eta * m.astype(float) / (np.sqrt(v.astype(float)) + epsilon)).astype(F), m, v


def emit_windows(rng, residual, centres, scales, weights, step):
    """Two more rounds of mode ef, each with a window. The second one has nothing of the third tensor."""
    scales, step = [1.5 * scale for scale in scales], 1.5 * step
    emit_floats('vector_window_scales', scales, 'double')
    for number, (window, basis) in enumerate(zip(WINDOWS, ['delta', 'residual'])):
        delta, voted = update(rng), inside(window)
        p, bits, fields = encode(delta, residual, centres, scales, basis, window)
        residual = commit(p, bits, centres, scales, window)
        print(f'#define VECTOR_WINDOW_{number} {{{window[0]:#x}, {window[1]:#x}}}')
        print(f'#define VECTOR_WINDOW_VOTES_{number} {voted.sum()}')
        emit_floats(f'vector_window_delta_{number}', delta)
        emit_bits(f'vector_window_bits_{number}', bits[voted])
        emit_ints(f'vector_window_fields_{number}', fields)
        emit_floats(f'vector_window_residual_{number}', residual)
        y = (rng.integers(-4, 5, voted.sum()) / 4).astype(F)
        moved = weights.astype(float)
        moved[voted] += step[voted] * y
        emit_floats(f'vector_window_y_{number}', y)
        emit_floats(f'vector_window_weights_{number}', moved.astype(F))
    print('static const uint32_t vector_phases[] = {' + ', '.join(f'{phase(i):#010x}' for i in range(8)) + '};')


main()
