/* SPDX-License-Identifier: Apache-2.0 */
#include "datasets/synthetic.h"

#include "datasets/schema.h"
#include "tests/unit/no_leaks.h"

#include <criterion/criterion.h>
#include <math.h>
#include <string.h>

static struct bg_dataset generate(const char *map_name, size_t rows, uint64_t seed, bool drop_port)
{
    struct bg_label_map map;
    cr_assert_eq(bg_label_map_load(map_name, NULL, &map), BG_OK);
    struct bg_dataset dataset;
    struct bg_error error;
    cr_assert_eq(bg_synthetic_generate(
                     &(struct bg_synthetic_settings){
                         .rows = rows, .seed = seed, .labels = &map, .drop_port = drop_port},
                     &error, &dataset),
                 BG_OK, "%s", error.text);
    bg_label_map_finish(&map);
    return dataset;
}

Test(synthetic, says_that_it_is)
{
    struct bg_dataset dataset = generate("papers7", 10, 1, false);
    cr_assert(dataset.synthetic);
    cr_assert_not_null(strstr(dataset.provenance, "synthetic"));
    cr_assert_eq(dataset.rows, 10);
    cr_assert_eq(bg_dataset_refused(&dataset), 0);
    bg_dataset_finish(&dataset);
    NO_LEAKS();
}

Test(synthetic, has_the_columns_of_the_improved_release)
{
    struct bg_dataset dataset = generate("papers7", 10, 1, false);
    struct bg_dataset portless = generate("papers7", 10, 1, true);
    struct bg_schema schema;
    cr_assert_eq(bg_schema_load("cicids2017", &(struct bg_schema_settings){0}, NULL, &schema), BG_OK);
    cr_assert_eq(dataset.columns, 83);
    cr_assert_eq(portless.columns, 82);
    for (size_t j = 0; j < schema.feature_count; j++) {
        cr_assert_str_eq(dataset.feature_names[j], schema.feature_names[j]);
        if (j > 0)
            cr_assert_eq(dataset.features[83 + j], portless.features[82 + j - 1]);
    }
    bg_schema_finish(&schema);
    bg_dataset_finish(&dataset);
    bg_dataset_finish(&portless);
}

Test(synthetic, has_rows_of_every_class)
{
    static const char *const maps[] = {"papers7", "families7", "binary"};
    for (size_t m = 0; m < 3; m++) {
        struct bg_dataset dataset = generate(maps[m], 5000, 3, false);
        size_t counts[8] = {0};
        for (size_t i = 0; i < dataset.rows; i++)
            counts[dataset.labels[i]]++;
        for (uint32_t c = 0; c < dataset.classes; c++)
            cr_assert_gt(counts[c], 5, "%s: %s", maps[m], dataset.class_names[c]);
        cr_assert_gt(counts[0], counts[1]);
        bg_dataset_finish(&dataset);
    }
}

Test(synthetic, rows_depend_on_seed_and_number_only)
{
    struct bg_dataset few = generate("papers7", 100, 9, false);
    struct bg_dataset many = generate("papers7", 300, 9, false);
    struct bg_dataset other = generate("papers7", 100, 10, false);
    size_t bytes = few.rows * few.columns * sizeof(float);
    cr_assert_eq(memcmp(few.features, many.features, bytes), 0);
    cr_assert_eq(memcmp(few.labels, many.labels, few.rows * sizeof(uint16_t)), 0);
    cr_assert_neq(memcmp(few.features, other.features, bytes), 0);
    bg_dataset_finish(&few);
    bg_dataset_finish(&many);
    bg_dataset_finish(&other);
}

static double value(const struct bg_dataset *dataset, size_t row, const char *column)
{
    for (size_t j = 0; j < dataset->columns; j++)
        if (strcmp(dataset->feature_names[j], column) == 0)
            return (double)dataset->features[row * dataset->columns + j];
    cr_assert(false, "no column %s", column);
    return 0;
}

Test(synthetic, features_agree_with_each_other)
{
    struct bg_dataset flows = generate("papers7", 3000, 4, false);
    for (size_t i = 0; i < flows.rows; i++) {
        for (size_t j = 0; j < flows.columns; j++)
            cr_assert(isfinite(flows.features[i * flows.columns + j]), "row %zu, %s", i,
                      flows.feature_names[j]);
        double seconds = value(&flows, i, "Flow Duration") * 1e-6;
        double packets = value(&flows, i, "Total Fwd Packet") + value(&flows, i, "Total Bwd packets");
        double bytes = value(&flows, i, "Total Length of Fwd Packet") +
                       value(&flows, i, "Total Length of Bwd Packet");
        double rate = value(&flows, i, "Flow Packets/s");
        cr_assert_float_eq(rate, packets / seconds, 1e-5 * rate);
        cr_assert_float_eq(value(&flows, i, "Flow Bytes/s"), bytes / seconds, 1e-5 * bytes / seconds + 1e-9);
        static const char *const ordered[][3] = {
            {"Fwd Packet Length Min", "Fwd Packet Length Mean", "Fwd Packet Length Max"},
            {"Bwd Packet Length Min", "Bwd Packet Length Mean", "Bwd Packet Length Max"},
            {"Packet Length Min", "Packet Length Mean", "Packet Length Max"},
            {"Flow IAT Min", "Flow IAT Mean", "Flow IAT Max"},
            {"Fwd IAT Min", "Fwd IAT Mean", "Fwd IAT Max"},
            {"Bwd IAT Min", "Bwd IAT Mean", "Bwd IAT Max"},
        };
        for (size_t k = 0; k < sizeof ordered / sizeof *ordered; k++) {
            double least = value(&flows, i, ordered[k][0]), mean = value(&flows, i, ordered[k][1]);
            double most = value(&flows, i, ordered[k][2]);
            cr_assert(0 <= least && least <= mean + 1 && mean <= most + 1, "row %zu, %s: %g, %g, %g", i,
                      ordered[k][1], least, mean, most);
        }
        cr_assert_leq(value(&flows, i, "Flow IAT Max"), value(&flows, i, "Flow Duration") * 1.00001);
        double protocol = value(&flows, i, "Protocol");
        cr_assert(protocol == 6 || (protocol == 17 && value(&flows, i, "SYN Flag Count") == 0));
    }
    bg_dataset_finish(&flows);
}

Test(synthetic, refuses_zero_rows_and_foreign_maps)
{
    struct bg_label_map map;
    cr_assert_eq(bg_label_map_load("papers7", NULL, &map), BG_OK);
    struct bg_dataset dataset;
    struct bg_error error;
    cr_assert_eq(bg_synthetic_generate(&(struct bg_synthetic_settings){.labels = &map}, &error, &dataset),
                 BG_INVALID);
    bg_label_map_finish(&map);
    static const char text[] =
        "{\"classes\": [{\"name\":\"A\",\"labels\":[\"a\"]},{\"name\":\"B\",\"labels\":[\"b\"]}],"
        "\"drop\": [], \"attempted\": \"A\"}";
    struct bg_span foreign = {(const uint8_t *)text, sizeof text - 1};
    cr_assert_eq(bg_label_map_parse(foreign, "foreign", NULL, &map), BG_OK);
    cr_assert_eq(
        bg_synthetic_generate(&(struct bg_synthetic_settings){.rows = 1, .labels = &map}, &error, &dataset),
        BG_NOT_FOUND);
    cr_assert_not_null(strstr(error.text, "foreign"));
    bg_label_map_finish(&map);
    NO_LEAKS();
}
