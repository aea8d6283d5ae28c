#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Known answers for protocol/statistics.h and aggregator/statistics.h, from NumPy.

usage: gen_statistics.py > tests/vectors/statistics_vectors.h

Seven groups of 3 or 4 clients with 1 to 60 rows of 5 features and 3 classes. Feature 0 differs from group to group,
feature 1 is 0 in all groups but two, feature 2 is constant, feature 3 varies in one group only, feature 4 everywhere.
Group 6 exaggerates and must be screened out.
"""

import numpy as np

COLUMNS, CLASSES, GROUPS, UNITS, ROWS_MOST = 5, 3, 7, 2.0 ** 16, 2 ** 24
random = np.random.default_rng(20)


def client(group):
    n = int(random.integers(1, 61))
    x = np.zeros((n, COLUMNS), np.float32)
    x[:, 0] = random.normal(3 + 0.3 * group, 1.5, n)
    x[:, 1] = random.normal(2, 1, n) if group in (1, 4) else 0
    x[:, 2] = np.float32(2.0794415)
    x[:, 3] = random.normal(0, 0.5, n) if group == 2 else 1.25
    x[:, 4] = 0.5 * x[:, 0] + random.normal(0, 1, n)
    y = random.integers(0, 2, n) if group < 6 else np.full(n, 2)
    if group == 6:
        x[:] = 44
    return x, y


def quantised(values):
    return np.floor(np.asarray(values, np.float64) * UNITS + 0.5).astype(np.int64)


def in_order(rows):
    """Sums in double by ascending row."""
    total = np.zeros(rows.shape[1])
    for row in rows:
        total = total + row
    return total


def moments(clients):
    slots = np.zeros(1 + CLASSES + 2 * COLUMNS, np.uint64)
    for x, y in clients:
        x = np.clip(x.astype(np.float64), -45, 45)
        own = np.concatenate([[len(x)], np.bincount(y, minlength=CLASSES),
                              quantised(in_order(x)) + 45 * 2 ** 16 * ROWS_MOST, quantised(in_order(x * x))])
        slots += own.astype(np.uint64)
    return slots


def median_fit(groups):
    """Mean, scale and prior by the formulas of the header."""
    n = np.array([sum(len(x) for x, _ in clients) for clients in groups], float)
    k = np.array([len(clients) for clients in groups], float)
    s = np.array([sum(quantised(in_order(x.astype(float))) for x, _ in c) for c in groups]) / UNITS / n[:, None]
    q = np.array([sum(quantised(in_order(x.astype(float) ** 2)) for x, _ in c) for c in groups]) / UNITS / n[:, None]
    mean, scale = np.median(s, axis=0), np.zeros(COLUMNS)
    f = max(0, (len(groups) - 3) // 2)
    for j in range(COLUMNS):
        v = q[:, j] - 2 * mean[j] * s[:, j] + mean[j] ** 2
        v[v <= k / UNITS * (1 + 2 * abs(mean[j])) / n + 1e-12 * mean[j] ** 2] = 0
        variance = np.median(v) or np.sort(v)[::-1][f]
        scale[j] = 1 / np.sqrt(variance) if variance > 0 else float(v.max() > 0)
    weight = np.minimum(1, 2 * np.median(n) / n)
    counts = np.array([sum(np.bincount(y, minlength=CLASSES) for _, y in c) for c in groups])
    prior = (counts * weight[:, None]).sum(axis=0) / (weight * n).sum()
    return mean.astype(np.float32), scale.astype(np.float32), prior.astype(np.float32)


def standardised(clients, mean, scale):
    return [np.clip((x - mean) * scale, np.float32(-10), np.float32(10)) for x, _ in clients]


def products(zs):
    upper = np.triu_indices(COLUMNS)
    slots = np.zeros(1 + COLUMNS + len(upper[0]), np.uint64)
    for z in zs:
        z = z.astype(np.float64)
        outer = np.array([np.outer(row, row)[upper] for row in z])
        own = np.concatenate([[len(z)], quantised(in_order(z)) + 10 * 2 ** 16 * ROWS_MOST,
                              quantised(in_order(outer)) + 100 * 2 ** 16 * ROWS_MOST])
        slots += own.astype(np.uint64)
    return slots


def principal(groups):
    n = [sum(len(z) for z in zs) for zs in groups]
    first = np.array([sum(quantised(in_order(z.astype(float))) for z in zs) / UNITS / m for zs, m in zip(groups, n)])
    second = np.array([sum(quantised(in_order(np.array([np.outer(r, r).ravel() for r in z.astype(float)])))
                           for z in zs).reshape(COLUMNS, COLUMNS) / UNITS / m for zs, m in zip(groups, n)])
    m = np.median(first, axis=0)
    centred = second - m[None, :, None] * first[:, None, :] - m[None, None, :] * first[:, :, None] + np.outer(m, m)
    values, vectors = np.linalg.eigh(np.median(centred, axis=0))
    values, vectors = values[::-1], vectors[:, ::-1]
    rows = np.zeros((COLUMNS, COLUMNS))
    for k in range(COLUMNS):
        v = vectors[:, k]
        if values[k] > 1e-9 * values[0]:
            rows[k] = v * np.sign(v[np.argmax(abs(v))]) / np.sqrt(values[k])
    return values, rows


def integers(name, rows):
    print(f'static const uint64_t {name}[{len(rows)}][{len(rows[0])}] = {{')
    for row in rows:
        words = [f'{int(value)}u' for value in row]
        print('    {' + ',\n     '.join(', '.join(words[i:i + 5]) for i in range(0, len(words), 5)) + '},')
    print('};')


def reals(name, values, kind):
    words = [f'{float(value)!r}{"f" if kind == "float" else ""}' for value in np.ravel(values)]
    print(f'static const {kind} {name}[{len(words)}] = {{')
    print('    ' + ',\n    '.join(', '.join(words[i:i + 4]) for i in range(0, len(words), 4)) + '};')


groups = [[client(g) for _ in range(3 + g % 2)] for g in range(GROUPS)]
mean, scale, prior = median_fit(groups[:6])
z = [standardised(clients, mean, scale) for clients in groups]
values, rows = principal(z[:6])
rows_of = [len(x) for x, _ in groups[0]]
print('/* SPDX-License-Identifier: Apache-2.0 */')
print('/* Written by tests/vectors/gen_statistics.py. */')
print('#pragma once\n\n#include <stddef.h>\n#include <stdint.h>\n')
print(f'enum {{ STATISTICS_GROUPS = {GROUPS}, STATISTICS_COLUMNS = {COLUMNS}, STATISTICS_CLASSES = {CLASSES} }};')
integers('statistics_members', [[len(clients)] for clients in groups])
integers('statistics_moments', [moments(clients) for clients in groups])
integers('statistics_products', [products(zs) for zs in z])
reals('statistics_mean', mean, 'float')
reals('statistics_scale', scale, 'float')
reals('statistics_prior', prior, 'float')
reals('statistics_values', values, 'double')
reals('statistics_rows', rows, 'double')
print('\n/* The first client of group 0: its rows, and its slots alone. */')
print(f'enum {{ STATISTICS_CLIENT_ROWS = {rows_of[0]} }};')
reals('statistics_features', groups[0][0][0], 'float')
integers('statistics_labels', [groups[0][0][1]])
integers('statistics_client_moments', [moments(groups[0][:1])])
integers('statistics_client_products', [products(z[0][:1])])
