/* SPDX-License-Identifier: Apache-2.0 */
#include "up/deal.h"

#include "datasets/source.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define CLIENTS 5

/* A folder with a schema and the files of all clients. */
struct dealt {
    struct bg_simulator_config config;
    struct bg_simulator_data data;
    char folder[64], schema[128];
};

static const char *file_of(const struct dealt *dealt, uint32_t client)
{
    static char path[128];
    snprintf(path, sizeof path, "%s/%u.csv", dealt->folder, client);
    return path;
}

static struct bg_examples part_of(const struct dealt *dealt, uint32_t client)
{
    return bg_partition_examples(&dealt->data.training, &dealt->data.partition, client);
}

static void deal(struct dealt *dealt, bool flipped)
{
    bg_options_defaults(bg_simulator_options, bg_simulator_option_count, &dealt->config);
    dealt->config.clients = CLIENTS;
    dealt->config.data_rows = 2000;
    strcpy(dealt->folder, "/tmp/burgee-deal-XXXXXX");
    cr_assert_not_null(mkdtemp(dealt->folder));
    cr_assert_eq(bg_simulator_data_open(&dealt->config, NULL, &dealt->data), BG_OK);
    snprintf(dealt->schema, sizeof dealt->schema, "%s/schema.json", dealt->folder);
    cr_assert_eq(bg_deal_schema(&dealt->data.dataset, dealt->schema, NULL), BG_OK);
    for (uint32_t i = 0; i < CLIENTS; i++) {
        struct bg_examples part = part_of(dealt, i);
        cr_assert_eq(bg_deal_rows(&dealt->data.dataset, &part, flipped, file_of(dealt, i), NULL), BG_OK);
    }
}

static void finish(struct dealt *dealt)
{
    for (uint32_t i = 0; i < CLIENTS; i++)
        unlink(file_of(dealt, i));
    unlink(dealt->schema);
    rmdir(dealt->folder);
    bg_simulator_data_finish(&dealt->data);
}

static void read_back(const struct dealt *dealt, uint32_t client, struct bg_dataset *ret_dataset)
{
    struct bg_dataset_settings settings = {
        .kind = BG_DATASET_CSV, .path = file_of(dealt, client), .schema = dealt->schema};
    struct bg_error error = {BG_OK, ""};
    cr_assert_eq(bg_dataset_open(&settings, &error, ret_dataset), BG_OK, "%s", error.text);
    bg_dataset_take_logs(ret_dataset);
}

static void compare(bool flipped)
{
    static struct dealt dealt;
    deal(&dealt, flipped);
    for (uint32_t client = 0; client < CLIENTS; client++) {
        struct bg_dataset read;
        struct bg_examples part = part_of(&dealt, client);
        read_back(&dealt, client, &read);
        cr_assert_eq(read.rows, part.count);
        cr_assert_eq(read.columns, part.columns);
        cr_assert_eq(read.classes, part.classes);
        for (size_t i = 0; i < read.rows; i++) {
            uint32_t label = bg_example_label(&part, i);
            cr_assert_eq(memcmp(read.features + i * read.columns, bg_example_features(&part, i),
                                read.columns * sizeof(float)),
                         0, "row %zu", i);
            cr_assert_eq(read.labels[i], flipped ? part.classes - 1 - label : label);
        }
        for (size_t j = 0; j < read.columns; j++)
            cr_assert_str_eq(read.feature_names[j], dealt.data.dataset.feature_names[j]);
        bg_dataset_finish(&read);
    }
    finish(&dealt);
}

Test(deal, files_read_back_as_the_same_rows)
{
    compare(false);
}

Test(deal, labels_are_flipped_for_attackers_by_labels)
{
    compare(true);
}
