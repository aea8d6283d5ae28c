/* SPDX-License-Identifier: Apache-2.0 */
/* Written by gen_class_balance.py. */
#pragma once

static const double vector_shares[] = {0.5, 0.25, 0.05, 0.0, 0.2};
static const double vector_inverse_sqrt[] = {0.745430686403192, 1.490861372806384, 0.0, 2.5822476447425426, 0.0};
static const double vector_federated_inverse_sqrt[] = {0.7370260161693213, 1.0423121878884662, 2.3306809058951434, 11.653404529475717, 1.1653404529475717};
static const double vector_federated_balanced[] = {0.40080000000000005, 0.8016000000000001, 4.008, 100.2, 1.002};
static const double vector_shifts[] = {0.040008048356579284, -0.9605657166873133, -4.3320784821645475, 0.2770837250930809, -3.638931301604602};
