/* SPDX-License-Identifier: Apache-2.0 */
/* Reads a data set as every program does, and tells what that took. */
#include "tools/bench.h"

#include "base/arguments.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/usage.h"
#include "datasets/source.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static const char help[] =
    "usage: burgee-bench data PATH [--kind KIND] [--schema FILE] [--labels MAP] [--json]\n"
    "\n"
    "Reads a data file, or the data files of a folder, as every program does, and tells how long it took and how\n"
    "much memory the process held at most above what it held before, next to the size of the matrix as float32.\n"
    "\n"
    "  --kind KIND        cicids2017 (default) or another data.kind of docs/DATASETS.md\n"
    "  --schema FILE      of kind csv: what the columns are\n"
    "  --labels MAP       a label map by name, or a .json file\n"
    "  --json             print one JSON object\n"
    "  --help             print this and exit\n"
    "\n"
    "Exit status: 0 read; 64 wrong usage; 65 bad data; 66 no such file; 71 out of memory; 74 input/output error.\n";

struct options {
    struct bg_arguments words;
    const char *kind, *schema, *labels;
    bool json, help;
};

struct reading {
    size_t rows, columns;
    uint64_t cpu_ns, wall_ns;
    uint64_t matrix_bytes;
    uint64_t peak_bytes; /* above the start */
};

static enum bg_status parse_options(int argc, char **argv, struct options *options, struct bg_error *error)
{
    const struct bg_flag flags[] = {{"--kind", .value = &options->kind},     {"--schema", .value = &options->schema},
                                    {"--labels", .value = &options->labels}, {"--json", .on = &options->json},
                                    {"--help", .on = &options->help}};
    enum bg_status status =
        bg_arguments_parse(argc, argv, flags, sizeof flags / sizeof *flags, error, &options->words);
    if (status == BG_OK && !options->help && options->words.word_count != 1)
        return bg_fail(error, BG_INVALID, "want one file or folder; see burgee-bench data --help");
    return status;
}

static enum bg_status find_kind(const char *name, struct bg_error *error, enum bg_dataset_kind *ret_kind)
{
    for (int kind = BG_DATASET_SYNTHETIC + 1; bg_dataset_kind_names[kind]; kind++)
        if (strcmp(name, bg_dataset_kind_names[kind]) == 0) {
            *ret_kind = (enum bg_dataset_kind)kind;
            return BG_OK;
        }
    return bg_fail(error, BG_INVALID, "--kind %s: not a kind of data files; docs/DATASETS.md lists them", name);
}

static enum bg_status read_data(const struct options *options, struct bg_error *error, struct reading *ret_reading)
{
    struct bg_dataset dataset;
    struct bg_dataset_settings settings = {
        .path = options->words.words[0], .schema = options->schema, .label_map = options->labels};
    enum bg_status status = find_kind(options->kind ? options->kind : "cicids2017", error, &settings.kind);
    if (status != BG_OK)
        return status;
    uint64_t held = bg_peak_rss_bytes(), begun = bg_clock_monotonic_ns(), cpu = bg_clock_thread_cpu_ns();
    status = bg_dataset_open(&settings, error, &dataset);
    if (status != BG_OK)
        return status;
    *ret_reading = (struct reading){.rows = dataset.rows,
                                    .columns = dataset.columns,
                                    .cpu_ns = bg_clock_thread_cpu_ns() - cpu,
                                    .wall_ns = bg_clock_monotonic_ns() - begun,
                                    .matrix_bytes = (uint64_t)dataset.rows * dataset.columns * sizeof(float),
                                    .peak_bytes = bg_peak_rss_bytes() - held};
    bg_dataset_finish(&dataset);
    return BG_OK;
}

static void print_json(const struct reading *reading)
{
    struct bg_json *object = bg_json_object();
    bg_json_add_u64(object, "rows", reading->rows);
    bg_json_add_u64(object, "columns", reading->columns);
    bg_json_add_number(object, "cpu_seconds", (double)reading->cpu_ns / 1e9);
    bg_json_add_number(object, "wall_seconds", (double)reading->wall_ns / 1e9);
    bg_json_add_u64(object, "matrix_bytes", reading->matrix_bytes);
    bg_json_add_u64(object, "peak_bytes", reading->peak_bytes);
    char *text = bg_json_print(object, true);
    puts(text ? text : "{}");
    free(text);
    bg_json_destroy(&object);
}

static void print_text(const struct reading *reading)
{
    double matrix = (double)reading->matrix_bytes / 1e6, peak = (double)reading->peak_bytes / 1e6;
    printf("%zu rows x %zu features, %.1f MB as float32\n", reading->rows, reading->columns, matrix);
    printf("read in %.2f s of processor time, %.2f s in all; %.1f MB at most, %.2f times the matrix\n",
           (double)reading->cpu_ns / 1e9, (double)reading->wall_ns / 1e9, peak, peak / matrix);
}

enum bg_status bg_bench_data(int argc, char **argv, struct bg_error *error)
{
    struct options options = {0};
    struct reading reading;
    enum bg_status status = parse_options(argc, argv, &options, error);
    if (status == BG_OK && options.help) {
        fputs(help, stdout);
    } else if (status == BG_OK) {
        status = read_data(&options, error, &reading);
        if (status == BG_OK)
            (options.json ? print_json : print_text)(&reading);
    }
    bg_arguments_finish(&options.words);
    return status;
}
