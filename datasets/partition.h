/* SPDX-License-Identifier: Apache-2.0 */
/* Which client of a simulation owns which rows. The rows stay where they are: clients share the matrix. */
#pragma once

#include "base/error.h"
#include "base/examples.h"
#include "datasets/keys.h"

enum bg_partition_kind {
    BG_PARTITION_IID = 0,    /* equal shares of shuffled rows */
    BG_PARTITION_LABEL_SKEW, /* each client holds a few classes; the holders of a class share it equally */
    BG_PARTITION_DIRICHLET,  /* each class is shared in proportions drawn from Dirichlet(alpha) */
    BG_PARTITION_COLUMN,     /* rows with the same key (user, host, day) belong to the same client */
};

/* "iid", "label_skew", "dirichlet", "column", NULL: choices of an option. */
extern const char *const bg_partition_kind_names[];

struct bg_partition_settings {
    enum bg_partition_kind kind;
    uint32_t clients;            /* ≥ 1; by column also 0: one for each key that the examples have */
    uint32_t classes_per_client; /* label skew: 1 … classes that have rows */
    double alpha;                /* Dirichlet: > 0; small is skewed */
    const struct bg_row_keys *keys; /* column: of the examples' matrix, borrowed */
    size_t min_rows; /* a poorer client is given rows of the richest ones, whatever their class; not by column */
    uint64_t seed;
};

/* Every row belongs to exactly one client, and every client has a row. */
struct bg_partition {
    uint32_t clients; /* at most those asked for: who would have no rows is left out */
    uint32_t *rows; /* client after client, in the examples' order within each */
    size_t *first;  /* (clients + 1) where each client's rows begin; the last is the number of rows */
};

/* The same settings and examples give the same partition. By column, each key is a client, in the order in which keys
 * come; where clients are fewer, the richest key left goes to the poorest client. BG_INVALID, with the reason, where
 * the partition cannot exist. */
BG_MUST_CHECK enum bg_status bg_partition_make(const struct bg_examples *examples,
                                               const struct bg_partition_settings *settings,
                                               struct bg_error *error, struct bg_partition *ret_partition);
/* Accepts a zeroed partition. */
void bg_partition_finish(struct bg_partition *partition);
/* The rows of one client; valid while the examples' matrix and the partition live. */
struct bg_examples bg_partition_examples(const struct bg_examples *examples,
                                         const struct bg_partition *partition, uint32_t client);
