/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Data files under a schema: with named columns, with attributes (ARFF), and without names, separated by blanks.
 * Whatever is read is finite, without negative zeros, and has a class and a key per row; what was read by names,
 * written as numbers, is read as the same numbers.
 */
#include "datasets/table.h"
#include "tests/fuzz/fuzz.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

#define MOST_ROWS 4096 /* that are written again */

static const char *const descriptions[] = {
    ("{\"columns\": {\"a\": \"number\", \"b\": {\"use\": \"log\", \"missing\": 0}, \"c\": {\"use\": \"one_hot\", "
     "\"values\": [\"x\", \"y\"]}, \"k\": {\"use\": \"key\", \"first\": 4}, \"n\": \"drop\", \"l\": \"label\"}, "
     "\"missing_tokens\": [\"?\"], \"missing_label\": \"refuse\", \"labels\": [\"p\", \"q\"]}"),
    ("{\"columns\": {\"a\": \"number\", \"k\": \"key\", \"l\": \"label\"}, \"header\": \"arff\", "
     "\"labels\": [\"p\", \"q\"]}"),
    ("{\"columns\": {\"k\": \"key\", \"a\": \"number\", \"l\": \"label\"}, \"header\": \"optional\", "
     "\"delimiter\": \" \", \"row_names\": true, \"labels\": [\"p\", \"q\"]}"),
};
static const char as_numbers[] = "{\"columns\": {\"f0\": \"number\", \"f1\": \"number\", \"f2\": \"number\", \"f3\": "
                                 "\"number\", \"f4\": \"number\", \"l\": \"label\"}, \"labels\": [\"p\", \"q\"]}";
#define FEATURES 5 /* of the first: a, b, c=x, c=y, c=* */

static struct bg_schema schemas[3], numbers;

static void set_up(void)
{
    const struct bg_schema_settings settings = {.labels = ""};
    struct bg_error error;
    if (numbers.column_count)
        return;
    for (size_t i = 0; i <= 3; i++) {
        const char *text = i < 3 ? descriptions[i] : as_numbers;
        enum bg_status status = bg_schema_parse((struct bg_span){(const uint8_t *)text, strlen(text)}, "own", &settings,
                                                &error, i < 3 ? &schemas[i] : &numbers);
        FUZZ_REQUIRE(status == BG_OK, "%s", error.text);
    }
}

static enum bg_status read_file(const char *path, const struct bg_schema *schema, struct bg_dataset *ret_dataset)
{
    struct bg_error error;
    const struct bg_table_settings settings = {.schema = schema, .exclude = schema->key_count ? "k=none" : ""};
    enum bg_status status = bg_table_begin(schema, &error, ret_dataset);
    if (status == BG_OK) {
        status = bg_table_read(&path, 1, &settings, &error, ret_dataset);
        if (status != BG_OK)
            bg_dataset_finish(ret_dataset);
    }
    return status == BG_OK ? BG_OK : fuzz_refused(status, &error);
}

static void require_sound(const struct bg_dataset *dataset)
{
    FUZZ_REQUIRE(dataset->rows > 0, "no rows");
    for (size_t i = 0; i < dataset->rows * dataset->columns; i++)
        FUZZ_REQUIRE(isfinite(dataset->features[i]) && !(dataset->features[i] == 0 && signbit(dataset->features[i])),
                     "feature %zu is %a", i, (double)dataset->features[i]);
    for (size_t i = 0; i < dataset->rows; i++)
        FUZZ_REQUIRE(dataset->labels[i] < dataset->classes, "class %u in row %zu", (unsigned)dataset->labels[i], i);
    for (size_t k = 0; k < dataset->key_count; k++) {
        FUZZ_REQUIRE(dataset->keys[k].count == dataset->rows, "%zu keys", dataset->keys[k].count);
        for (size_t i = 0; i < dataset->rows; i++)
            FUZZ_REQUIRE(dataset->keys[k].rows[i] < dataset->keys[k].value_count, "key of row %zu", i);
    }
}

static void write_numbers(const struct bg_dataset *dataset, struct bg_writer *w)
{
    static const char head[] = "f0,f1,f2,f3,f4,l\n";
    bg_write_bytes(w, head, sizeof head - 1);
    for (size_t i = 0; i < dataset->rows; i++) {
        char line[FEATURES * 24];
        size_t size = 0;
        for (size_t j = 0; j < FEATURES; j++)
            size += (size_t)snprintf(line + size, sizeof line - size, "%.9g,",
                                     (double)dataset->features[i * FEATURES + j]);
        bg_write_bytes(w, line, size);
        bg_write_bytes(w, dataset->labels[i] ? "q\n" : "p\n", 2);
    }
}

static enum bg_status check_again(const struct bg_dataset *dataset)
{
    struct bg_dataset again;
    struct bg_writer w;
    if (dataset->rows > MOST_ROWS)
        return BG_OK;
    bg_writer_init(&w);
    write_numbers(dataset, &w);
    enum bg_status status = w.status;
    if (status == BG_OK) {
        status = read_file(fuzz_file(bg_writer_span(&w)), &numbers, &again);
        FUZZ_REQUIRE(status == BG_OK || status == BG_NO_MEMORY, "%s", bg_status_name(status));
    }
    if (status == BG_OK) {
        FUZZ_REQUIRE(again.rows == dataset->rows &&
                         memcmp(again.features, dataset->features, again.rows * FEATURES * sizeof(float)) == 0 &&
                         memcmp(again.labels, dataset->labels, again.rows * sizeof *again.labels) == 0,
                     "%zu rows became %zu, or others", dataset->rows, again.rows);
        bg_dataset_finish(&again);
    }
    bg_writer_finish(&w);
    return status;
}

static enum bg_status check_file(const char *path, size_t kind)
{
    struct bg_dataset dataset;
    enum bg_status status = read_file(path, &schemas[kind], &dataset);
    if (status != BG_OK)
        return status;
    require_sound(&dataset);
    if (kind == 0)
        status = check_again(&dataset);
    bg_dataset_finish(&dataset);
    return status;
}

/* The first byte says which schema is meant. A hyphen: the rest are rows under good names, since a file without them
 * is compared with every embedded schema, which takes long. */
static enum bg_status check(struct bg_span input)
{
    static const char head[] = "l,k,c,b,a,n\n";
    struct bg_writer w;
    uint8_t first = input.size ? input.data[0] : 0;
    if (first != '-')
        return check_file(fuzz_file(input), first == '%' || first == '@' ? 1 : first >= '0' && first <= '9' ? 2 : 0);
    bg_writer_init(&w);
    bg_write_bytes(&w, head, sizeof head - 1);
    bg_write_bytes(&w, input.data + 1, input.size - 1);
    enum bg_status status = w.status == BG_OK ? check_file(fuzz_file(bg_writer_span(&w)), 0) : w.status;
    bg_writer_finish(&w);
    return status;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    set_up();
    return fuzz_run(check, data, size);
}
