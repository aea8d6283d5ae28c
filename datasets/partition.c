/* SPDX-License-Identifier: Apache-2.0 */
#include "datasets/partition.h"

#include "base/checked.h"
#include "base/prng.h"

#include <math.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

const char *const bg_partition_kind_names[] = {"iid", "label_skew", "dirichlet", "column", NULL};

/* Positions in the examples, grouped by class and shuffled within each; an owner for each position. */
struct dealing {
    const struct bg_examples *examples;
    const struct bg_partition_settings *settings;
    uint32_t *positions;
    size_t *class_first; /* (classes + 1) */
    uint32_t *owner;     /* by position */
    size_t *owned;       /* by client */
};

static void dealing_finish(struct dealing *dealing)
{
    free(dealing->positions);
    free(dealing->class_first);
    free(dealing->owner);
    free(dealing->owned);
}

static bool dealing_init(struct dealing *dealing, const struct bg_examples *examples,
                         const struct bg_partition_settings *settings)
{
    *dealing = (struct dealing){
        .examples = examples,
        .settings = settings,
        .positions = calloc(examples->count, sizeof *dealing->positions),
        .class_first = calloc((size_t)examples->classes + 1, sizeof *dealing->class_first),
        .owner = calloc(examples->count, sizeof *dealing->owner),
        .owned = calloc(settings->clients, sizeof *dealing->owned),
    };
    if (!dealing->positions || !dealing->class_first || !dealing->owner || !dealing->owned)
        return false;
    size_t next = 0;
    for (uint32_t label = 0; label < examples->classes; label++) {
        struct bg_prng prng;
        bg_prng_init_stream(&prng, settings->seed, "partition rows", label);
        dealing->class_first[label] = next;
        for (size_t i = 0; i < examples->count; i++)
            if (bg_example_label(examples, i) == label)
                dealing->positions[next++] = (uint32_t)i;
        size_t first = dealing->class_first[label];
        bg_prng_shuffle(&prng, dealing->positions + first, next - first);
    }
    dealing->class_first[examples->classes] = next;
    return true;
}

static void give(struct dealing *dealing, uint32_t client, size_t begin, size_t end)
{
    for (size_t i = begin; i < end; i++)
        dealing->owner[dealing->positions[i]] = client;
    dealing->owned[client] += end - begin;
}

static void deal_iid(struct dealing *dealing)
{
    size_t count = dealing->examples->count;
    uint32_t clients = dealing->settings->clients;
    struct bg_prng prng;
    bg_prng_init_stream(&prng, dealing->settings->seed, "partition iid", 0);
    bg_prng_shuffle(&prng, dealing->positions, count);
    size_t begin = 0;
    for (uint32_t client = 0; client < clients; client++) {
        size_t end = begin + count / clients + (client < count % clients);
        give(dealing, client, begin, end);
        begin = end;
    }
}

/* Clients take their classes in turn from a shuffled circle of the classes that have rows, so that the
 * numbers of holders of two classes differ by at most one; then each class is shared equally among its
 * holders. */
static enum bg_status deal_label_skew(struct dealing *dealing, struct bg_error *error)
{
    const struct bg_partition_settings *settings = dealing->settings;
    const size_t *first = dealing->class_first;
    uint32_t classes = dealing->examples->classes;
    uint32_t *circle = calloc(classes, sizeof *circle);
    if (!circle)
        return bg_fail(error, BG_NO_MEMORY, "no memory to partition");
    uint32_t present = 0;
    for (uint32_t label = 0; label < classes; label++)
        if (first[label] < first[label + 1])
            circle[present++] = label;
    uint64_t turns = (uint64_t)settings->clients * settings->classes_per_client;
    enum bg_status status = BG_OK;
    if (settings->classes_per_client < 1 || settings->classes_per_client > present)
        status = bg_fail(error, BG_INVALID,
                         "classes per client must be 1 to the %u classes with rows, not %u", present,
                         settings->classes_per_client);
    else if (turns < present)
        status = bg_fail(error, BG_INVALID, "%u clients of %u classes each cannot hold all %u classes",
                         settings->clients, settings->classes_per_client, present);
    struct bg_prng prng;
    bg_prng_init_stream(&prng, settings->seed, "partition classes", 0);
    bg_prng_shuffle(&prng, circle, present);
    for (uint32_t c = 0; !status && c < present; c++) {
        uint64_t holders = turns / present + (c < turns % present);
        size_t rows = first[circle[c] + 1] - first[circle[c]];
        size_t begin = first[circle[c]];
        for (uint64_t h = 0; h < holders; h++) {
            size_t end = begin + rows / holders + (h < rows % holders);
            give(dealing, (uint32_t)((c + h * present) / settings->classes_per_client), begin, end);
            begin = end;
        }
    }
    free(circle);
    return status;
}

/* One class in proportions from Dirichlet(alpha): gammas over their sum. When alpha is so small that every
 * gamma underflows, the limit of the distribution holds: one client, chosen uniformly, takes all. */
static void deal_class(struct dealing *dealing, uint32_t label, double *shares)
{
    const struct bg_partition_settings *settings = dealing->settings;
    size_t begin = dealing->class_first[label];
    size_t rows = dealing->class_first[label + 1] - begin;
    struct bg_prng prng;
    bg_prng_init_stream(&prng, settings->seed, "partition dirichlet", label);
    double sum = 0;
    for (uint32_t client = 0; client < settings->clients; client++) {
        shares[client] = bg_prng_gamma(&prng, settings->alpha);
        sum += shares[client];
    }
    if (!(sum > 0)) {
        uint32_t chosen = (uint32_t)bg_prng_below(&prng, settings->clients);
        shares[chosen] = sum = 1;
    }
    double before = 0;
    size_t dealt = 0;
    for (uint32_t client = 0; client < settings->clients; client++) {
        before += shares[client];
        size_t until = client + 1 == settings->clients ? rows
                                                       : (size_t)floor((double)rows * (before / sum) + 0.5);
        until = until < rows ? until : rows;
        give(dealing, client, begin + dealt, begin + until);
        dealt = until;
    }
}

static enum bg_status deal_dirichlet(struct dealing *dealing, struct bg_error *error)
{
    double *shares = calloc(dealing->settings->clients, sizeof *shares);
    if (!shares)
        return bg_fail(error, BG_NO_MEMORY, "no memory to partition");
    for (uint32_t label = 0; label < dealing->examples->classes; label++)
        deal_class(dealing, label, shares);
    free(shares);
    return BG_OK;
}

/* Takes rows that the richest client can spare until the poor one has enough. While one has less than
 * min_rows, and all have clients · min_rows or more between them, the richest has more than min_rows. */
static void support(struct dealing *dealing, uint32_t poor, const uint32_t *order)
{
    size_t least = dealing->settings->min_rows;
    while (dealing->owned[poor] < least) {
        uint32_t rich = poor;
        for (uint32_t client = 0; client < dealing->settings->clients; client++)
            if (dealing->owned[client] > dealing->owned[rich])
                rich = client;
        size_t lacking = least - dealing->owned[poor];
        size_t moved = dealing->owned[rich] - least;
        moved = moved < lacking ? moved : lacking;
        dealing->owned[poor] += moved;
        dealing->owned[rich] -= moved;
        for (size_t i = 0; moved > 0; i++)
            if (dealing->owner[order[i]] == rich) {
                dealing->owner[order[i]] = poor;
                moved--;
            }
    }
}

static enum bg_status level(struct dealing *dealing, struct bg_error *error)
{
    size_t count = dealing->examples->count;
    uint32_t *order = malloc(count * sizeof *order);
    if (!order)
        return bg_fail(error, BG_NO_MEMORY, "no memory to partition");
    for (size_t i = 0; i < count; i++)
        order[i] = (uint32_t)i;
    struct bg_prng prng;
    bg_prng_init_stream(&prng, dealing->settings->seed, "partition support", 0);
    bg_prng_shuffle(&prng, order, count);
    for (uint32_t client = 0; client < dealing->settings->clients; client++)
        support(dealing, client, order);
    free(order);
    return BG_OK;
}

/* Clients without rows begin where the next one does; gives how many are left. */
static uint32_t drop_empty(size_t *first, uint32_t clients)
{
    uint32_t kept = 0;
    for (uint32_t client = 0; client < clients; client++)
        if (first[client + 1] > first[kept])
            first[++kept] = first[client + 1];
    return kept;
}

static enum bg_status collect(const struct dealing *dealing, struct bg_error *error,
                              struct bg_partition *ret_partition)
{
    uint32_t clients = dealing->settings->clients;
    struct bg_partition partition = {
        .clients = clients,
        .rows = malloc(dealing->examples->count * sizeof *partition.rows),
        .first = calloc((size_t)clients + 1, sizeof *partition.first),
    };
    if (!partition.rows || !partition.first) {
        bg_partition_finish(&partition);
        return bg_fail(error, BG_NO_MEMORY, "no memory to partition");
    }
    /* first[c + 1] runs from the begin of client c's rows to their end while they are written. */
    for (uint32_t client = 1; client < clients; client++)
        partition.first[client + 1] = partition.first[client] + dealing->owned[client - 1];
    for (size_t i = 0; i < dealing->examples->count; i++) {
        size_t *at = &partition.first[dealing->owner[i] + 1];
        partition.rows[(*at)++] = (uint32_t)bg_example_row(dealing->examples, i);
    }
    partition.clients = drop_empty(partition.first, clients);
    *ret_partition = partition;
    return BG_OK;
}

struct key_rows {
    uint32_t key;
    uint32_t client;
    size_t rows;
};

static int compare_richest_first(const void *a, const void *b)
{
    const struct key_rows *left = a, *right = b;
    if (left->rows != right->rows)
        return left->rows < right->rows ? 1 : -1;
    return (left->key > right->key) - (left->key < right->key);
}

/* The keys that examples have, in their own order; gives how many. */
static size_t count_keys(const struct bg_examples *examples, const struct bg_row_keys *keys, struct key_rows *counts)
{
    for (uint32_t k = 0; k < keys->value_count; k++)
        counts[k] = (struct key_rows){.key = k};
    for (size_t i = 0; i < examples->count; i++)
        counts[keys->rows[bg_example_row(examples, i)]].rows++;
    size_t present = 0;
    for (uint32_t k = 0; k < keys->value_count; k++)
        if (counts[k].rows > 0)
            counts[present++] = counts[k];
    return present;
}

/* One key each, or the richest key left to the poorest client. */
static void assign_clients(struct key_rows *counts, size_t present, size_t *owned, uint32_t clients)
{
    if (clients < present)
        qsort(counts, present, sizeof *counts, compare_richest_first);
    for (size_t k = 0; k < present; k++) {
        uint32_t poorest = clients < present ? 0 : (uint32_t)k;
        for (uint32_t client = 0; client < clients && clients < present; client++)
            poorest = owned[client] < owned[poorest] ? client : poorest;
        counts[k].client = poorest;
        owned[poorest] += counts[k].rows;
    }
}

static enum bg_status deal_column(struct dealing *dealing, const struct key_rows *counts, size_t present,
                                  struct bg_error *error)
{
    const struct bg_row_keys *keys = dealing->settings->keys;
    uint32_t *client_of = calloc(keys->value_count, sizeof *client_of);
    if (!client_of)
        return bg_fail(error, BG_NO_MEMORY, "no memory to partition");
    for (size_t k = 0; k < present; k++)
        client_of[counts[k].key] = counts[k].client;
    for (size_t i = 0; i < dealing->examples->count; i++)
        dealing->owner[i] = client_of[keys->rows[bg_example_row(dealing->examples, i)]];
    free(client_of);
    return BG_OK;
}

static enum bg_status by_column(const struct bg_examples *examples, struct bg_partition_settings settings,
                                struct bg_error *error, struct bg_partition *ret_partition)
{
    struct key_rows *counts = calloc(settings.keys->value_count, sizeof *counts);
    if (!counts)
        return bg_fail(error, BG_NO_MEMORY, "no memory to partition");
    struct dealing dealing = {0};
    enum bg_status status = BG_OK;
    size_t present = count_keys(examples, settings.keys, counts);
    settings.clients = settings.clients ? settings.clients : (uint32_t)present;
    if (settings.clients > present)
        status = bg_fail(error, BG_INVALID, "%zu different keys \"%s\" are too few for %u clients: have at most %zu",
                         present, settings.keys->name, settings.clients, present);
    else if (!dealing_init(&dealing, examples, &settings))
        status = bg_fail(error, BG_NO_MEMORY, "no memory to partition %zu rows", examples->count);
    if (!status) {
        assign_clients(counts, present, dealing.owned, settings.clients);
        status = deal_column(&dealing, counts, present, error);
    }
    if (!status)
        status = collect(&dealing, error, ret_partition);
    dealing_finish(&dealing);
    free(counts);
    return status;
}

static enum bg_status check(const struct bg_examples *examples, const struct bg_partition_settings *settings,
                            struct bg_error *error)
{
    if (settings->clients == 0 && settings->kind != BG_PARTITION_COLUMN)
        return bg_fail(error, BG_INVALID, "a partition needs at least one client");
    if (examples->count == 0 || examples->count > UINT32_MAX)
        return bg_fail(error, BG_INVALID, "a partition needs 1 to 2^32-1 rows, not %zu", examples->count);
    if (settings->kind == BG_PARTITION_DIRICHLET && !(settings->alpha > 0 && settings->alpha <= 1e9))
        return bg_fail(error, BG_INVALID, "Dirichlet's alpha must be above 0 and at most 1e9");
    size_t least;
    if (settings->kind == BG_PARTITION_COLUMN)
        return BG_OK;
    if (!bg_size_multiply(settings->clients, settings->min_rows, &least) || least > examples->count)
        return bg_fail(error, BG_INVALID,
                       "%u clients of at least %zu rows each need more than the %zu rows there are",
                       settings->clients, settings->min_rows, examples->count);
    return BG_OK;
}

enum bg_status bg_partition_make(const struct bg_examples *examples,
                                 const struct bg_partition_settings *settings, struct bg_error *error,
                                 struct bg_partition *ret_partition)
{
    enum bg_status status = check(examples, settings, error);
    if (status)
        return status;
    if (settings->kind == BG_PARTITION_COLUMN)
        return by_column(examples, *settings, error, ret_partition);
    struct dealing dealing;
    if (!dealing_init(&dealing, examples, settings))
        status = bg_fail(error, BG_NO_MEMORY, "no memory to partition %zu rows", examples->count);
    else if (settings->kind == BG_PARTITION_LABEL_SKEW)
        status = deal_label_skew(&dealing, error);
    else if (settings->kind == BG_PARTITION_DIRICHLET)
        status = deal_dirichlet(&dealing, error);
    else
        deal_iid(&dealing);
    if (!status)
        status = level(&dealing, error);
    if (!status)
        status = collect(&dealing, error, ret_partition);
    dealing_finish(&dealing);
    return status;
}

void bg_partition_finish(struct bg_partition *partition)
{
    free(partition->rows);
    free(partition->first);
    *partition = (struct bg_partition){0};
}

struct bg_examples bg_partition_examples(const struct bg_examples *examples,
                                         const struct bg_partition *partition, uint32_t client)
{
    struct bg_examples selected = *examples;
    selected.rows = partition->rows + partition->first[client];
    selected.count = partition->first[client + 1] - partition->first[client];
    return selected;
}
