#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Known answers of model/class_balance.h.  python3 gen_class_balance.py > class_balance_vectors.h"""
import numpy as np

LABELS = [0] * 12 + [1] * 3 + [3] * 1
SHARES = [0.5, 0.25, 0.05, 0, 0.2]
TAU_OWN, TAU = 1.0, 0.5


def emit(name, values):
    print(f'static const double vector_{name}[] = {{{", ".join(repr(float(v)) for v in values)}}};')


counts = np.bincount(LABELS, minlength=len(SHARES)).astype(float)
own = counts / counts.sum()
pi = np.maximum(SHARES, 0.01 / len(SHARES))
pi /= pi.sum()
print('/* SPDX-License-Identifier: Apache-2.0 */')
print('/* Written by gen_class_balance.py. */')
print('#pragma once')
print()
emit('shares', SHARES)
with np.errstate(divide='ignore'):
    emit('inverse_sqrt', np.where(own > 0, own**-0.5, 0) / np.sqrt(own).sum())
emit('federated_inverse_sqrt', pi**-0.5 / np.sqrt(pi).sum())
emit('federated_balanced', 1 / (len(pi) * pi))
emit('shifts', TAU_OWN * np.log((counts + pi) / (counts.sum() + 1)) - TAU * np.log(pi))
