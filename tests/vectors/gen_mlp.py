#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Known answers for model/: a 5-4-3-3 network trained for a few full-batch steps by NumPy in double precision.

usage: gen_mlp.py > tests/vectors/mlp_vectors.h
"""
import numpy as np

WIDTHS = [5, 4, 3, 3]
COUNT = 6
STEPS = 4
CLASS_WEIGHTS = np.array([0.5, 1.0, 2.0])


class Lcg:
    """Small multiples of 1/64, exact in float32."""

    def __init__(self, seed):
        self.state = seed

    def draw(self, shape, spread):
        values = []
        for _ in range(int(np.prod(shape))):
            self.state = (self.state * 1103515245 + 12345) % 2**31
            values.append(((self.state >> 16) % (2 * spread + 1) - spread) / 64)
        return np.array(values).reshape(shape)


def unpack(block):
    layers, at = [], 0
    for inputs, outputs in zip(WIDTHS, WIDTHS[1:]):
        weight = block[at:at + inputs * outputs].reshape(outputs, inputs)
        at += inputs * outputs
        layers.append((weight, block[at:at + outputs]))
        at += outputs
    return layers


def loss_and_gradient(block, x, y):
    layers = unpack(block)
    activations = [x]
    for i, (weight, bias) in enumerate(layers):
        z = activations[-1] @ weight.T + bias
        activations.append(z if i == len(layers) - 1 else np.maximum(z, 0))
    z = activations[-1] - activations[-1].max(axis=1, keepdims=True)
    p = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)
    w = CLASS_WEIGHTS[y]
    loss = -(w * np.log(p[np.arange(COUNT), y])).sum() / COUNT
    delta = (p - np.eye(WIDTHS[-1])[y]) * (w / COUNT)[:, None]
    parts = []
    for i in reversed(range(len(layers))):
        parts.append(delta.sum(axis=0))
        parts.append((delta.T @ activations[i]).ravel())
        if i:
            delta = (delta @ layers[i][0]) * (activations[i] > 0)
    return loss, np.concatenate(parts[::-1])


def train(block, x, y, step, clip=None, proximal=0.0):
    start, block, losses = block.copy(), block.copy(), []
    for t in range(1, STEPS + 1):
        loss, gradient = loss_and_gradient(block, x, y)
        losses.append(loss)
        gradient = gradient + proximal * (block - start)
        norm = np.sqrt((gradient**2).sum())
        if clip and norm > clip:
            gradient = gradient * (clip / norm)
        block = step(block, gradient, t)
    return np.mean(losses), block


def sgd(rate, momentum, decay):
    velocity = 0

    def step(block, gradient, t):
        nonlocal velocity
        velocity = momentum * velocity + gradient + decay * block
        return block - rate * velocity
    return step


def adamw(rate, beta1, beta2, epsilon, decay):
    m = v = 0

    def step(block, gradient, t):
        nonlocal m, v
        m = beta1 * m + (1 - beta1) * gradient
        v = beta2 * v + (1 - beta2) * gradient**2
        block = block * (1 - rate * decay)
        return block - rate * (m / (1 - beta1**t)) / (np.sqrt(v / (1 - beta2**t)) + epsilon)
    return step


def show(name, values, kind="double"):
    print(f"static const {kind} {name}[] = {{")
    values = np.ravel(values)
    for i in range(0, len(values), 5):
        row = [str(v) if kind == "uint16_t" else repr(float(v)) for v in values[i:i + 5]]
        print("    " + ", ".join(row) + ",")
    print("};")


def main():
    lcg = Lcg(7)
    block = lcg.draw(sum(i * o + o for i, o in zip(WIDTHS, WIDTHS[1:])), 64)
    x = lcg.draw((COUNT, WIDTHS[0]), 96)
    y = np.array([0, 1, 2, 2, 1, 0])
    print("/* SPDX-License-Identifier: Apache-2.0 */")
    print("/* Written by tests/vectors/gen_mlp.py. */")
    print("#pragma once\n\n#include <stdint.h>\n")
    print(f"#define VECTOR_STEPS {STEPS}\n")
    show("vector_parameters", block)
    show("vector_features", x)
    show("vector_labels", y, "uint16_t")
    show("vector_class_weights", CLASS_WEIGHTS)
    loss, gradient = loss_and_gradient(block, x, y)
    print(f"static const double vector_loss = {float(loss)!r};")
    show("vector_gradient", gradient)
    runs = {
        "sgd": train(block, x, y, sgd(0.25, 0.9, 0.01)),
        "sgd_clipped": train(block, x, y, sgd(0.25, 0.5, 0), clip=0.125),
        "sgd_proximal": train(block, x, y, sgd(0.25, 0, 0), proximal=0.5),
        "adamw": train(block, x, y, adamw(0.01, 0.9, 0.99, 1e-6, 0.1)),
    }
    for name, (loss, block) in runs.items():
        print(f"static const double vector_{name}_loss = {float(loss)!r};")
        show(f"vector_{name}", block)


main()
