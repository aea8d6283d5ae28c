/* SPDX-License-Identifier: Apache-2.0 */
/* Which client of a simulation owns which rows. The rows stay where they are: clients share the matrix. */
#pragma once

#include "base/error.h"
#include "base/examples.h"

enum bg_partition_kind {
    BG_PARTITION_IID = 0,    /* equal shares of shuffled rows */
    BG_PARTITION_LABEL_SKEW, /* each client holds a few classes; the holders of a class share it equally */
    BG_PARTITION_DIRICHLET,  /* each class is shared in proportions drawn from Dirichlet(alpha) */
};

/* "iid", "label_skew", "dirichlet", NULL: choices of an option. */
extern const char *const bg_partition_kind_names[];

struct bg_partition_settings {
    enum bg_partition_kind kind;
    uint32_t clients;            /* ≥ 1 */
    uint32_t classes_per_client; /* label skew: 1 … classes that have rows */
    double alpha;                /* Dirichlet: > 0; small is skewed */
    size_t min_rows;             /* a poorer client is given rows of the richest ones, whatever their class */
    uint64_t seed;
};

/* Every row belongs to exactly one client. */
struct bg_partition {
    uint32_t clients;
    uint32_t *rows; /* client after client, in the examples' order within each */
    size_t *first;  /* (clients + 1) where each client's rows begin; the last is the number of rows */
};

/* The same settings and examples give the same partition. BG_INVALID, with the reason, where it cannot
 * exist. */
BG_MUST_CHECK enum bg_status bg_partition_make(const struct bg_examples *examples,
                                               const struct bg_partition_settings *settings,
                                               struct bg_error *error, struct bg_partition *ret_partition);
/* Accepts a zeroed partition. */
void bg_partition_finish(struct bg_partition *partition);
/* The rows of one client; valid while the examples' matrix and the partition live. */
struct bg_examples bg_partition_examples(const struct bg_examples *examples,
                                         const struct bg_partition *partition, uint32_t client);
