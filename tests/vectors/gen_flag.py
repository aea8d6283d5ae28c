#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Known answers for robust/: Flag and flag+ on the columns themselves, by singular value decompositions in
NumPy. No Gram matrix appears here, so that agreement is evidence for the Gram-space formulas.

usage: gen_flag.py > tests/vectors/flag_vectors.h
"""
import textwrap

import numpy as np

EPSILON = 1e-7
D = 12


def matrix(p, seed, common, hostile):
    """p rows of multiples of 1/64: a common part, noise, and the first `hostile` rows inverted."""
    state, rows = seed, np.empty((p + 1, D))
    for i in range(p + 1):
        for j in range(D):
            state = (state * 1103515245 + 12345) % 2**31
            rows[i, j] = ((state >> 16) % 129 - 64) / 64
    updates = common * rows[p] + rows[:p]
    updates[:hostile] *= -1
    return np.round(updates * 64) / 64


def subspace(columns, rank):
    return np.linalg.svd(np.column_stack(columns), full_matrices=False)[0][:, :rank]


def ratio(basis, x):
    return np.sum((basis.T @ x) ** 2)


def objective(basis, columns):
    return sum(np.sqrt(max(0.0, 1 - ratio(basis, x))) for x in columns)


def weight(basis, x):
    return (abs(1 - ratio(basis, x)) + EPSILON) ** -0.25


def flag_subspace(columns, rank, iterations, lam):
    p = len(columns)
    basis = subspace(columns, rank)
    gain, steps = 1.0, 0
    while steps < iterations and gain > 1e-10 and objective(basis, columns) > 1e-10:
        weighted = [weight(basis, x) * x for x in columns]
        if lam > 0:
            weighted += [lam / (p * (p - 1)) * weight(basis, x - y) * (x - y)
                         for i, x in enumerate(columns) for j, y in enumerate(columns) if i != j]
        following = subspace(weighted, rank)
        gain = objective(basis, columns) - objective(following, columns)
        if gain <= 0:
            break
        basis, steps = following, steps + 1
    return basis, steps


def project(basis, columns):
    return sum(basis @ (basis.T @ x) for x in columns)


def flag(updates, rank, iterations, lam):
    columns = [g / max(np.linalg.norm(g), 1e-12) for g in updates]
    basis, steps = flag_subspace(columns, rank, iterations, lam)
    return project(basis, columns) / rank, [ratio(basis, x) for x in columns], steps


def flag_plus(updates, faulty):
    p, norms = len(updates), np.linalg.norm(updates, axis=1)
    median = np.median(norms)
    columns = updates / np.maximum(norms, median)[:, None]
    mixed = []
    for x in columns:
        order = np.argsort(np.linalg.norm(columns - x, axis=1), kind='stable')
        mixed.append(columns[order[:p - faulty]].mean(axis=0))
    basis, _ = flag_subspace(mixed, (p + 1) // 2, 1, 0.0)
    total = project(basis, mixed)
    margin = sum(z @ total / np.linalg.norm(z) / np.linalg.norm(total) for z in mixed) - faulty
    return median / p * total, margin


def emit(values):
    text = '{' + ', '.join(repr(float(v)) for v in values) + '}'
    return '\n'.join(textwrap.wrap(text, 110, initial_indent=' ' * 4, subsequent_indent=' ' * 5))


def emit_matrix(rows):
    print('    {')
    print(',\n'.join(emit(row) for row in rows) + '},')


def main():
    print('/* SPDX-License-Identifier: Apache-2.0 */')
    print('/* Written by tests/vectors/gen_flag.py. */')
    print('#pragma once\n\n#include <stdint.h>\n')
    print(f'#define FLAG_VECTOR_LENGTH {D}\n')
    print('struct flag_vector {\n    uint32_t count, rank, iterations, steps;\n    double lambda;')
    print(f'    double updates[7][{D}], output[{D}], ratios[7];\n}};\n')
    print('static const struct flag_vector flag_vectors[] = {')
    for p, seed, common, hostile, rank, iterations, lam in (
            (3, 1, 0.5, 0, 2, 1, 0.0), (5, 2, 1.0, 1, 3, 1, 0.0), (5, 3, 0.3, 2, 1, 4, 0.0),
            (6, 4, 1.0, 0, 3, 0, 0.0), (7, 5, 1.0, 2, 4, 3, 0.0), (5, 6, 1.0, 1, 2, 2, 8.0),
            (7, 7, 0.5, 3, 4, 1, 100.0)):
        updates = matrix(p, seed, common, hostile)
        output, ratios, steps = flag(updates, rank, iterations, lam)
        print(f'    {{{p}, {rank}, {iterations}, {steps}, {lam},')
        emit_matrix(updates)
        print(f'{emit(output)},\n{emit(ratios)}}},')
    print('};\n')
    print('struct flag_plus_vector {\n    uint32_t count, faulty;\n    double margin;')
    print(f'    double updates[7][{D}], output[{D}];\n}};\n')
    print('static const struct flag_plus_vector flag_plus_vectors[] = {')
    for p, seed, common, hostile, faulty in ((5, 11, 1.0, 1, 1), (6, 12, 0.5, 0, 1), (7, 13, 1.5, 2, 2)):
        updates = matrix(p, seed, common, hostile)
        updates[p - 1] /= 64
        output, margin = flag_plus(updates, faulty)
        print(f'    {{{p}, {faulty}, {float(margin)!r},')
        emit_matrix(updates)
        print(f'{emit(output)}}},')
    print('};')


main()
