/* SPDX-License-Identifier: Apache-2.0 */
#include "datasets/partition.h"

#include "tests/unit/no_leaks.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <string.h>

#define ROWS 3000
#define CLASSES 5

static float features[ROWS];
static uint16_t labels[ROWS];

/* Classes of very different sizes; class 3 has no rows. */
static struct bg_examples rows_of_classes(void)
{
    for (size_t i = 0; i < ROWS; i++)
        labels[i] = (uint16_t)(i % 100 < 60 ? 0 : i % 100 < 90 ? 1 : i % 100 < 99 ? 2 : 4);
    return (struct bg_examples){features, labels, NULL, ROWS, 1, CLASSES};
}

static struct bg_partition make(const struct bg_examples *examples, struct bg_partition_settings settings)
{
    struct bg_partition partition;
    struct bg_error error;
    cr_assert_eq(bg_partition_make(examples, &settings, &error, &partition), BG_OK, "%s", error.text);
    unsigned seen[ROWS] = {0};
    if (settings.clients == 0)
        settings.clients = partition.clients;
    cr_assert(settings.min_rows ? partition.clients == settings.clients : partition.clients <= settings.clients);
    cr_assert_eq(partition.first[0], 0);
    cr_assert_eq(partition.first[partition.clients], examples->count);
    for (uint32_t client = 0; client < partition.clients; client++) {
        struct bg_examples own = bg_partition_examples(examples, &partition, client);
        cr_assert_geq(own.count, settings.min_rows ? settings.min_rows : 1);
        for (size_t i = 0; i < own.count; i++) {
            cr_assert(i == 0 || own.rows[i - 1] < own.rows[i]);
            seen[own.rows[i]]++;
        }
    }
    for (size_t i = 0; i < examples->count; i++)
        cr_assert_eq(seen[bg_example_row(examples, i)], 1, "row %zu", i);
    return partition;
}

static size_t classes_of(const struct bg_examples *examples)
{
    bool has[CLASSES] = {false};
    size_t count = 0;
    for (size_t i = 0; i < examples->count; i++) {
        uint16_t label = bg_example_label(examples, i);
        count += !has[label];
        has[label] = true;
    }
    return count;
}

Test(partition, iid_clients_are_alike)
{
    struct bg_examples examples = rows_of_classes();
    struct bg_partition partition = make(&examples, (struct bg_partition_settings){.clients = 7, .seed = 1});
    for (uint32_t client = 0; client < 7; client++) {
        struct bg_examples own = bg_partition_examples(&examples, &partition, client);
        cr_assert(own.count == ROWS / 7 || own.count == ROWS / 7 + 1);
        size_t of_first = 0;
        for (size_t i = 0; i < own.count; i++)
            of_first += bg_example_label(&own, i) == 0;
        cr_assert_float_eq((double)of_first / (double)own.count, 0.6, 0.1);
    }
    bg_partition_finish(&partition);
    NO_LEAKS();
}

Test(partition, label_skew_gives_each_client_its_classes)
{
    struct bg_examples examples = rows_of_classes();
    for (uint32_t classes = 1; classes <= 4; classes++) {
        struct bg_partition partition = make(&examples, (struct bg_partition_settings){
                                                            .kind = BG_PARTITION_LABEL_SKEW,
                                                            .clients = 10,
                                                            .classes_per_client = classes,
                                                            .seed = 3,
                                                        });
        for (uint32_t client = 0; client < 10; client++) {
            struct bg_examples own = bg_partition_examples(&examples, &partition, client);
            cr_assert_eq(classes_of(&own), classes);
        }
        bg_partition_finish(&partition);
    }
    NO_LEAKS();
}

Test(partition, label_skew_refuses_what_cannot_be)
{
    struct bg_examples examples = rows_of_classes();
    struct bg_partition_settings settings = {
        .kind = BG_PARTITION_LABEL_SKEW, .clients = 2, .classes_per_client = 1};
    struct bg_partition partition;
    struct bg_error error;
    cr_assert_eq(bg_partition_make(&examples, &settings, &error, &partition), BG_INVALID);
    cr_assert_str_eq(error.text, "2 clients of 1 classes each cannot hold all 4 classes");
    settings.classes_per_client = 5;
    cr_assert_eq(bg_partition_make(&examples, &settings, &error, &partition), BG_INVALID);
    settings.classes_per_client = 0;
    cr_assert_eq(bg_partition_make(&examples, &settings, &error, &partition), BG_INVALID);
    NO_LEAKS();
}

/* Mean over clients of the share of a client's most frequent class. */
static double purity(const struct bg_examples *examples, const struct bg_partition *partition)
{
    double sum = 0, clients = 0;
    for (uint32_t client = 0; client < partition->clients; client++) {
        struct bg_examples own = bg_partition_examples(examples, partition, client);
        size_t counts[CLASSES] = {0};
        size_t most = 0;
        for (size_t i = 0; i < own.count; i++) {
            size_t count = ++counts[bg_example_label(&own, i)];
            most = count > most ? count : most;
        }
        if (own.count > 0) {
            sum += (double)most / (double)own.count;
            clients++;
        }
    }
    return sum / clients;
}

Test(partition, dirichlet_goes_from_skewed_to_even)
{
    struct bg_examples examples = rows_of_classes();
    static const double alphas[] = {1e-6, 0.01, 0.5, 1e6};
    double before = 1.01;
    for (size_t i = 0; i < 4; i++) {
        struct bg_partition partition = make(&examples, (struct bg_partition_settings){
                                                            .kind = BG_PARTITION_DIRICHLET,
                                                            .clients = 10,
                                                            .alpha = alphas[i],
                                                            .seed = 5,
                                                        });
        double now = purity(&examples, &partition);
        cr_assert_leq(now, before + 1e-9);
        before = now;
        if (alphas[i] <= 1e-6)
            cr_assert_leq(partition.clients, 4, "each of four classes has one owner");
        if (alphas[i] >= 1e6)
            cr_assert_float_eq(now, 0.6, 0.05);
        bg_partition_finish(&partition);
    }
    NO_LEAKS();
}

Test(partition, gives_poor_clients_their_minimum)
{
    struct bg_examples examples = rows_of_classes();
    static const size_t least[] = {1, 50, ROWS / 40};
    for (size_t i = 0; i < 3; i++)
        for (uint64_t seed = 0; seed < 5; seed++) {
            struct bg_partition partition = make(&examples, (struct bg_partition_settings){
                                                                .kind = BG_PARTITION_DIRICHLET,
                                                                .clients = 40,
                                                                .alpha = 0.01,
                                                                .min_rows = least[i],
                                                                .seed = seed,
                                                            });
            bg_partition_finish(&partition);
        }
    struct bg_partition_settings settings = {.clients = 40, .min_rows = ROWS / 40 + 1};
    struct bg_partition partition;
    struct bg_error error;
    cr_assert_eq(bg_partition_make(&examples, &settings, &error, &partition), BG_INVALID);
    cr_assert_not_null(strstr(error.text, "40 clients of at least 76 rows"), "%s", error.text);
    NO_LEAKS();
}

Test(partition, depends_on_the_seed_only)
{
    struct bg_examples examples = rows_of_classes();
    for (uint32_t kind = 0; kind < 3; kind++) {
        struct bg_partition_settings settings = {.kind = (enum bg_partition_kind)kind,
                                                 .clients = 9,
                                                 .classes_per_client = 2,
                                                 .alpha = 0.5,
                                                 .seed = 11};
        struct bg_partition a = make(&examples, settings);
        struct bg_partition b = make(&examples, settings);
        settings.seed = 12;
        struct bg_partition c = make(&examples, settings);
        cr_assert_eq(memcmp(a.rows, b.rows, sizeof(uint32_t) * ROWS), 0);
        cr_assert_eq(memcmp(a.first, b.first, sizeof(size_t) * 10), 0);
        cr_assert_neq(memcmp(a.rows, c.rows, sizeof(uint32_t) * ROWS), 0);
        bg_partition_finish(&a);
        bg_partition_finish(&b);
        bg_partition_finish(&c);
    }
}

Test(partition, takes_a_selection_of_rows)
{
    struct bg_examples examples = rows_of_classes();
    uint32_t rows[ROWS / 2];
    for (uint32_t i = 0; i < ROWS / 2; i++)
        rows[i] = 2 * i + 1;
    examples.rows = rows;
    examples.count = ROWS / 2;
    struct bg_partition partition = make(
        &examples, (struct bg_partition_settings){.kind = BG_PARTITION_DIRICHLET, .clients = 4, .alpha = 1});
    bg_partition_finish(&partition);
}

Test(partition, has_no_clients_without_rows)
{
    struct bg_examples examples = rows_of_classes();
    examples.count = 10;
    struct bg_partition partition = make(&examples, (struct bg_partition_settings){.clients = 30});
    cr_assert_eq(partition.clients, 10);
    bg_partition_finish(&partition);
}

/* Keys a … e with 10, 30, 20, 1 and 40 rows, and z that no example has. */
static struct bg_row_keys make_keys(struct bg_examples *ret_examples)
{
    static const size_t counts[] = {10, 30, 20, 1, 40};
    struct bg_row_keys keys;
    cr_assert_eq(bg_row_keys_init(&keys, "user"), BG_OK);
    size_t rows = 0;
    for (size_t k = 0; k < 5; k++)
        for (size_t i = 0; i < counts[k]; i++, rows++)
            cr_assert_eq(bg_row_keys_push(&keys, &"abcde"[k], 1), BG_OK);
    cr_assert_eq(bg_row_keys_push(&keys, "z", 1), BG_OK);
    *ret_examples = (struct bg_examples){features, labels, NULL, rows, 1, CLASSES};
    return keys;
}

static size_t rows_of(const struct bg_partition *partition, uint32_t client)
{
    return partition->first[client + 1] - partition->first[client];
}

Test(partition, by_column_keeps_rows_of_a_key_together)
{
    struct bg_examples examples;
    struct bg_row_keys keys = make_keys(&examples);
    struct bg_partition_settings settings = {.kind = BG_PARTITION_COLUMN, .keys = &keys};
    struct bg_partition partition = make(&examples, settings);
    static const size_t each[] = {10, 30, 20, 1, 40};
    cr_assert_eq(partition.clients, 5);
    for (uint32_t client = 0; client < 5; client++)
        cr_assert_eq(rows_of(&partition, client), each[client]);
    bg_partition_finish(&partition);
    settings.clients = 2;
    partition = make(&examples, settings);
    /* 40 | 30, 40 | 30 20, 40 10 | 30 20, 40 10 1 | 30 20 */
    cr_assert_eq(rows_of(&partition, 0), 51);
    for (uint32_t client = 0; client < 2; client++)
        for (size_t i = 0; i < rows_of(&partition, client); i++) {
            uint32_t key = keys.rows[partition.rows[partition.first[client] + i]];
            cr_assert_eq(client, key == 1 || key == 2 ? 1 : 0);
        }
    bg_partition_finish(&partition);
    bg_row_keys_finish(&keys);
    NO_LEAKS();
}

Test(partition, by_column_refuses_more_clients_than_keys)
{
    struct bg_examples examples;
    struct bg_row_keys keys = make_keys(&examples);
    struct bg_partition partition;
    struct bg_error error;
    const struct bg_partition_settings settings = {.kind = BG_PARTITION_COLUMN, .keys = &keys, .clients = 6};
    cr_assert_eq(bg_partition_make(&examples, &settings, &error, &partition), BG_INVALID);
    cr_assert_not_null(strstr(error.text, "5 different keys \"user\" are too few for 6 clients"), "%s", error.text);
    bg_row_keys_finish(&keys);
    NO_LEAKS();
}

Test(partition, keys_grow_and_stay_distinct)
{
    struct bg_row_keys keys;
    cr_assert_eq(bg_row_keys_init(&keys, "host"), BG_OK);
    for (unsigned round = 0; round < 2; round++)
        for (unsigned i = 0; i < 5000; i++) {
            char text[16];
            int size = snprintf(text, sizeof text, "%u", i);
            cr_assert_eq(bg_row_keys_push(&keys, text, (size_t)size), BG_OK);
        }
    cr_assert_eq(bg_row_keys_push(&keys, "12\0junk", 7), BG_OK);
    cr_assert(keys.count == 10001 && keys.value_count == 5000);
    for (uint32_t i = 0; i < 10000; i++)
        cr_assert_eq(keys.rows[i], i % 5000);
    cr_assert_str_eq(keys.values[keys.rows[10000]], "12");
    bg_row_keys_finish(&keys);
    NO_LEAKS();
}

Test(partition, refuses_settings_out_of_range)
{
    struct bg_examples examples = rows_of_classes();
    struct bg_partition partition;
    struct bg_partition_settings settings = {.kind = BG_PARTITION_DIRICHLET, .clients = 3};
    cr_assert_eq(bg_partition_make(&examples, &settings, NULL, &partition), BG_INVALID);
    settings.alpha = NAN;
    cr_assert_eq(bg_partition_make(&examples, &settings, NULL, &partition), BG_INVALID);
    settings = (struct bg_partition_settings){.clients = 0};
    cr_assert_eq(bg_partition_make(&examples, &settings, NULL, &partition), BG_INVALID);
    settings.clients = 3;
    examples.count = 0;
    cr_assert_eq(bg_partition_make(&examples, &settings, NULL, &partition), BG_INVALID);
    NO_LEAKS();
}
