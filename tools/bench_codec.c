/* SPDX-License-Identifier: Apache-2.0 */
/* How fast updates become votes and residuals, by every kernel of this machine, next to copying memory. */
#include "tools/bench.h"

#include "base/arguments.h"
#include "base/cpu.h"
#include "base/json.h"
#include "base/number.h"
#include "tools/bench_codec_run.h"

#include <stdio.h>
#include <stdlib.h>

static const char help[] =
    "usage: burgee-bench codec [--coordinates N] [--rounds N] [--json]\n"
    "       burgee-bench codec --kernels [--json]\n"
    "\n"
    "Times what a client does with an update of N coordinates outside encryption, in turns with memcpy:\n"
    "\n"
    "  sign               bits of p above its centre, and of ties\n"
    "  residual           clip(p - c - s b), in place\n"
    "  sign+residual      one after the other\n"
    "  encode, commit     all of an update's way: sums, the check for NaN, scales, votes; and after the receipt\n"
    "  encode-turn, commit-turn\n"
    "                     the same where a quarter of the coordinates is voted on\n"
    "  median             exact, of all coordinates\n"
    "  pack, unpack       votes to plaintexts of 2 x 2048 bits in slots of 3 bits, and back\n"
    "\n"
    "Times are processor time of one thread, medians over rounds in which all take turns. GB/s count bytes read plus\n"
    "bytes written: 8 per float copied, 4 1/8 per sign, 8 1/8 per residual.\n"
    "\n"
    "  --coordinates N    1000000 by default, at least 1000\n"
    "  --rounds N         9 by default\n"
    "  --kernels          list the kernels of this build\n"
    "  --json             print one JSON object\n"
    "  --help             print this and exit\n"
    "\n"
    "Exit status: 0 measured; 64 wrong usage; 71 out of memory.\n";

struct options {
    struct bg_arguments words;
    const char *coordinates, *rounds;
    bool kernels, json, help;
};

static enum bg_status parse_words(int argc, char **argv, struct options *options, struct bg_error *error)
{
    const struct bg_flag flags[] = {{"--coordinates", .value = &options->coordinates},
                                    {"--rounds", .value = &options->rounds},
                                    {"--kernels", .on = &options->kernels},
                                    {"--json", .on = &options->json},
                                    {"--help", .on = &options->help}};
    enum bg_status status =
        bg_arguments_parse(argc, argv, flags, sizeof flags / sizeof *flags, error, &options->words);
    if (status == BG_OK && !options->help && options->words.word_count)
        return bg_fail(error, BG_INVALID, "\"%s\" is no option; see burgee-bench codec --help",
                       options->words.words[0]);
    return status;
}

/* *ret stays what it is without the option. */
static enum bg_status parse_number(const char *name, const char *text, uint64_t least, uint64_t most,
                                   struct bg_error *error, uint64_t *ret)
{
    if (!text || bg_parse_u64(text, least, most, ret) == BG_OK)
        return BG_OK;
    return bg_fail(error, BG_INVALID, "%s %s: want a number from %llu to %llu", name, text, (unsigned long long)least,
                   (unsigned long long)most);
}

static enum bg_status print_object(struct bg_json *root, struct bg_error *error)
{
    char *text = bg_json_print(root, true);
    if (text)
        puts(text);
    enum bg_status status = text ? BG_OK : bg_fail(error, BG_NO_MEMORY, "out of memory");
    free(text);
    bg_json_destroy(&root);
    return status;
}

static enum bg_status list_kernels(bool json, struct bg_error *error)
{
    const struct bg_codec_kernel *kernel;
    struct bg_json *array = bg_json_array();
    for (size_t i = 0; (kernel = bg_codec_kernel_at(i)); i++) {
        bool usable = bg_cpu_has(kernel->needs);
        struct bg_json *object = bg_json_add_object(array, NULL);
        bg_json_add_string(object, "name", kernel->name);
        bg_json_add_bool(object, "usable", usable);
        if (!json)
            printf("%-18s%s\n", kernel->name, usable ? "" : " absent: not on this processor");
    }
    if (json)
        return print_object(array, error);
    bg_json_destroy(&array);
    return BG_OK;
}

static double per_second(double amount, double seconds)
{
    return seconds > 0 ? amount / seconds : 0;
}

static enum bg_status print_json(const struct bg_bench_codec *bench, struct bg_error *error)
{
    struct bg_json *root = bg_json_object();
    bg_json_add_u64(root, "coordinates", bench->coordinates);
    bg_json_add_u64(root, "rounds", bench->rounds);
    struct bg_json *rows = bg_json_add_array(root, "rows");
    for (size_t i = 0; i < bench->row_count; i++) {
        const struct bg_bench_codec_row *row = &bench->rows[i];
        struct bg_json *object = bg_json_add_object(rows, NULL);
        bg_json_add_string(object, "name", row->name);
        if (row->absent) {
            bg_json_add_bool(object, "absent", true);
            continue;
        }
        bg_json_add_number(object, "nanoseconds", row->seconds * 1e9);
        bg_json_add_number(object, "coordinates_per_second", per_second(1, row->seconds));
        if (row->bytes > 0) {
            bg_json_add_number(object, "gb_per_second", per_second(row->bytes / 1e9, row->seconds));
            bg_json_add_number(object, "of_memcpy", bg_bench_codec_of_memcpy(bench, row));
        }
    }
    return print_object(root, error);
}

static void print_text(const struct bg_bench_codec *bench)
{
    printf("%zu coordinates; medians of %zu rounds\n", bench->coordinates, bench->rounds);
    printf("%-26s %14s %18s %8s %10s\n", "", "ns/coordinate", "M coordinates/s", "GB/s", "of memcpy");
    for (size_t i = 0; i < bench->row_count; i++) {
        const struct bg_bench_codec_row *row = &bench->rows[i];
        if (row->absent) {
            printf("%-26s absent: not on this processor\n", row->name);
            continue;
        }
        printf("%-26s %14.3f %18.0f", row->name, row->seconds * 1e9, per_second(1e-6, row->seconds));
        if (row->bytes > 0)
            printf(" %8.1f %9.2fx", per_second(row->bytes / 1e9, row->seconds), bg_bench_codec_of_memcpy(bench, row));
        putchar('\n');
    }
}

static enum bg_status measure(const struct options *options, struct bg_error *error)
{
    uint64_t coordinates = 1000000, rounds = 9;
    enum bg_status status = parse_number("--coordinates", options->coordinates, 1000, 1000000000, error, &coordinates);
    if (status == BG_OK)
        status = parse_number("--rounds", options->rounds, 1, 1000, error, &rounds);
    if (status != BG_OK)
        return status;
    struct bg_bench_codec bench = {.coordinates = (size_t)coordinates, .rounds = (size_t)rounds};
    status = bg_bench_codec_run(&bench, error);
    if (status != BG_OK)
        return status;
    if (options->json)
        return print_json(&bench, error);
    print_text(&bench);
    return BG_OK;
}

enum bg_status bg_bench_codec(int argc, char **argv, struct bg_error *error)
{
    struct options options = {0};
    enum bg_status status = parse_words(argc, argv, &options, error);
    if (status == BG_OK && options.help)
        fputs(help, stdout);
    else if (status == BG_OK)
        status = options.kernels ? list_kernels(options.json, error) : measure(&options, error);
    bg_arguments_finish(&options.words);
    return status;
}
