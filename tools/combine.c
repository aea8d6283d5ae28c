/* SPDX-License-Identifier: Apache-2.0 */
/* burgee-combine: applies an aggregation rule to a matrix of updates. */
#include "base/json.h"
#include "base/number.h"
#include "base/workers.h"
#include "robust/combine.h"
#include "robust/gram.h"
#include "robust/rule.h"
#include "tools/npy.h"

#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
    MAX_ITERATIONS = 100000
};

static const char help[] =
    "usage: burgee-combine --rule NAME [options] IN.npy OUT.npy\n"
    "\n"
    "Combines updates with a robust aggregation rule. IN.npy is a matrix, one worker per row (float32, "
    "float64\n"
    "or int8, C order, at most 128 rows); OUT.npy gets the aggregate as a float64 vector.\n"
    "\n"
    "  --rule NAME        mean, unit-mean, nnm, flag (as released), flag+ (burgee's pipeline)\n"
    "  --rank R           rank of the subspace of flag and flag+; 0: (workers + 1)/2 (default)\n"
    "  --iterations N     reweighting steps of flag and flag+ (default 1); 0: the unweighted flag mean\n"
    "  --lambda L         weight of the pair columns of flag and flag+ (default 0)\n"
    "  --ratios V0.npy    flag: a vector of ratios to weight the first step by, one per worker,\n"
    "                     instead of those of the unweighted flag mean\n"
    "  --faulty F         workers that may be hostile (default: as many as the rule can take)\n"
    "  --json             print coefficients and diagnostics as JSON\n"
    "  --quiet            print nothing but errors\n"
    "  --help, --version  print this, or the version, and exit\n"
    "\n"
    "Exit status: 0 done; 64 wrong usage; 65 the data is refused, or flag+ holds (the workers disagree too\n"
    "much: nothing is written); 66 no such file; 69 an array of another kind; 71 out of memory;\n"
    "74 input/output error.\n";

struct options {
    enum bg_rule rule;
    uint64_t rank, iterations, faulty;
    bool has_faulty;
    double lambda;
    const char *ratios, *in, *out;
    bool json, quiet, help, version;
};

static enum bg_status parse_count(const char *name, const char *value, uint64_t max, uint64_t *ret,
                                  struct bg_error *error)
{
    if (bg_parse_u64(value, 0, max, ret))
        return bg_fail(error, BG_INVALID, "%s %s: want a whole number from 0 to %" PRIu64, name, value, max);
    return BG_OK;
}

/* One option that has a value; BG_NOT_FOUND if there is none of that name. */
static enum bg_status parse_value(const char *name, const char *value, struct options *options,
                                  struct bg_error *error)
{
    if (strcmp(name, "--rule") == 0)
        return bg_rule_from_name(value, &options->rule)
                   ? bg_fail(error, BG_INVALID, "--rule %s: the rules are " BG_RULE_NAMES, value)
                   : BG_OK;
    if (strcmp(name, "--rank") == 0)
        return parse_count(name, value, BG_COLUMNS_MAX, &options->rank, error);
    if (strcmp(name, "--iterations") == 0)
        return parse_count(name, value, MAX_ITERATIONS, &options->iterations, error);
    if (strcmp(name, "--faulty") == 0) {
        options->has_faulty = true;
        return parse_count(name, value, BG_COLUMNS_MAX, &options->faulty, error);
    }
    if (strcmp(name, "--lambda") == 0)
        return bg_parse_real(value, 0, 1e6, &options->lambda)
                   ? bg_fail(error, BG_INVALID, "--lambda %s: want a number from 0 to 1e6", value)
                   : BG_OK;
    if (strcmp(name, "--ratios") == 0) {
        options->ratios = value;
        return BG_OK;
    }
    return BG_NOT_FOUND;
}

static bool parse_flag(const char *name, struct options *options)
{
    bool *flag = strcmp(name, "--json") == 0      ? &options->json
                 : strcmp(name, "--quiet") == 0   ? &options->quiet
                 : strcmp(name, "--help") == 0    ? &options->help
                 : strcmp(name, "--version") == 0 ? &options->version
                                                  : NULL;
    if (flag)
        *flag = true;
    return flag != NULL;
}

static enum bg_status parse_file(const char *path, struct options *options, struct bg_error *error)
{
    const char **place = !options->in ? &options->in : !options->out ? &options->out : NULL;
    if (!place)
        return bg_fail(error, BG_INVALID, "%s: one file too many; see --help", path);
    *place = path;
    return BG_OK;
}

static enum bg_status parse_options(int count, char **words, struct options *options, struct bg_error *error)
{
    *options = (struct options){.iterations = 1};
    bool only_files = false;
    for (int i = 1; i < count; i++) {
        enum bg_status status;
        if (!only_files && strcmp(words[i], "--") == 0) {
            only_files = true;
            continue;
        }
        if (only_files || words[i][0] != '-') {
            status = parse_file(words[i], options, error);
        } else if (parse_flag(words[i], options)) {
            continue;
        } else {
            status = parse_value(words[i], i + 1 < count ? words[i + 1] : "", options, error);
            if (status == BG_NOT_FOUND)
                return bg_fail(error, BG_INVALID, "%s: no such option; see --help", words[i]);
            if (i + 1 == count)
                return bg_fail(error, BG_INVALID, "%s: its value is missing", words[i]);
            i++;
        }
        if (status)
            return status;
    }
    if (options->help || options->version)
        return BG_OK;
    if (!options->rule)
        return bg_fail(error, BG_INVALID, "--rule is missing: one of " BG_RULE_NAMES);
    if (!options->out)
        return bg_fail(error, BG_INVALID, "want an input and an output file; see --help");
    return BG_OK;
}

/* What is combined and how it went. */
struct run {
    struct options options;
    struct bg_npy in, ratios;
    const void *rows[BG_COLUMNS_MAX];
    struct bg_columns columns;
    double gram[BG_COLUMNS_MAX * BG_COLUMNS_MAX];
    double starting[BG_COLUMNS_MAX];
    double weights[BG_COLUMNS_MAX];
    struct bg_rule_result result;
};

static enum bg_status load_ratios(struct run *run, struct bg_error *error)
{
    const char *path = run->options.ratios;
    enum bg_status status = bg_npy_load(path, error, &run->ratios);
    if (status)
        return status;
    if (run->ratios.dimensions != 1 || run->ratios.columns != run->columns.count)
        return bg_fail(error, BG_DATA, "%s: want a vector of %zu ratios, one per row of %s", path,
                       run->columns.count, run->options.in);
    struct bg_columns ratios = {run->ratios.type, 1, run->ratios.columns, &(const void *){run->ratios.data},
                                NULL};
    bg_column_read(&ratios, 0, 0, ratios.length, run->starting);
    return BG_OK;
}

static enum bg_status load(struct run *run, struct bg_error *error)
{
    const char *path = run->options.in;
    enum bg_status status = bg_npy_load(path, error, &run->in);
    if (status)
        return status;
    if (run->in.dimensions != 2 || run->in.rows == 0 || run->in.rows > BG_COLUMNS_MAX)
        return bg_fail(error, BG_DATA, "%s: want a matrix of 1 to %d rows, one per worker", path,
                       BG_COLUMNS_MAX);
    size_t row_bytes = run->in.columns * bg_column_type_bytes(run->in.type);
    for (size_t i = 0; i < run->in.rows; i++)
        run->rows[i] = (const char *)run->in.data + i * row_bytes;
    run->columns = (struct bg_columns){run->in.type, run->in.rows, run->in.columns, run->rows, NULL};
    return run->options.ratios ? load_ratios(run, error) : BG_OK;
}

static enum bg_status combine(struct run *run, struct bg_error *error)
{
    const struct options *options = &run->options;
    struct bg_workers *workers = NULL;
    double *sum = NULL;
    enum bg_status status = bg_workers_create(bg_available_processors(), 1, NULL, NULL, &workers);
    if (status)
        return bg_fail(error, status, "cannot start threads");
    status = bg_gram(&run->columns, workers, error, run->gram);
    if (status)
        goto out;
    struct bg_rule_input input = bg_rule_input_standard(options->rule, run->columns.count, run->gram);
    input.rank = (uint32_t)options->rank;
    input.iterations = (uint32_t)options->iterations;
    input.lambda = options->lambda;
    input.faulty = options->has_faulty ? (int)options->faulty : BG_FAULTY_UNSET;
    input.ratios = options->ratios ? run->starting : NULL;
    status = bg_rule_apply(&input, error, &run->result);
    if (status) {
        bg_fail_in(error, status, "%s", options->in);
        goto out;
    }
    sum = calloc(run->columns.length ? run->columns.length : 1, sizeof *sum);
    if (!sum) {
        status = bg_fail(error, BG_NO_MEMORY, "no memory for %zu coordinates", run->columns.length);
        goto out;
    }
    bg_rule_own_weights(&run->result, run->weights);
    bg_combine(&run->columns, run->weights, workers, sum);
    status = bg_npy_save(options->out, sum, run->columns.length, error);
out:
    free(sum);
    bg_workers_destroy(&workers);
    return status;
}

static void add_array(struct bg_json *parent, const char *key, const double *values, size_t count)
{
    struct bg_json *array = bg_json_add_array(parent, key);
    for (size_t i = 0; i < count; i++)
        bg_json_add_number(array, NULL, values[i]);
}

static enum bg_status print_json(const struct run *run)
{
    const struct bg_rule_result *result = &run->result;
    struct bg_json *root = bg_json_object();
    bg_json_add_string(root, "rule", bg_rule_name(run->options.rule));
    bg_json_add_u64(root, "columns", result->count);
    bg_json_add_u64(root, "coordinates", run->columns.length);
    bg_json_add_u64(root, "kept", result->kept);
    bg_json_add_u64(root, "fitted", result->fitted);
    bg_json_add_u64(root, "faulty", result->faulty);
    bg_json_add_u64(root, "rank", result->rank);
    bg_json_add_u64(root, "steps", result->steps);
    bg_json_add_number(root, "median_norm", result->median_norm);
    bg_json_add_number(root, "factor", result->own_factor);
    bg_json_add_number(root, "eigengap", result->eigengap);
    bg_json_add_number(root, "margin", result->margin);
    bg_json_add_bool(root, "tie", result->tie);
    bg_json_add_bool(root, "held", result->held);
    add_array(root, "coefficients", result->coefficients, result->count);
    add_array(root, "scales", result->scales, result->count);
    add_array(root, "ratios", result->ratios, result->count);
    add_array(root, "cosines", result->cosines, result->count);
    struct bg_json *fates = bg_json_add_array(root, "fates");
    for (size_t i = 0; i < result->count; i++)
        bg_json_add_string(fates, NULL, bg_column_fate_name(result->fates[i]));
    char *text = bg_json_print(root, true);
    bg_json_destroy(&root);
    if (!text)
        return BG_NO_MEMORY;
    puts(text);
    free(text);
    return BG_OK;
}

static void print_summary(const struct run *run)
{
    const struct bg_rule_result *result = &run->result;
    printf("%s over %zu of %zu workers, %zu coordinates: rank %u, %u steps, eigengap %.3g, margin %.3g%s\n",
           bg_rule_name(run->options.rule), result->fitted, result->count, run->columns.length,
           (unsigned)result->rank, (unsigned)result->steps, result->eigengap, result->margin,
           result->tie ? " (the eigenvalues tie: the subspace is arbitrary)" : "");
    printf("worker  coefficient   cosine  fate\n");
    for (size_t i = 0; i < result->count; i++)
        printf("%6zu  %11.6f  %7.4f  %s\n", i, result->coefficients[i], result->cosines[i],
               bg_column_fate_name(result->fates[i]));
}

/* What there is to report: a result, or one that is held. */
static enum bg_status print_result(const struct run *run)
{
    if (run->result.count == 0 || (run->options.quiet && !run->options.json))
        return BG_OK;
    if (run->options.json)
        return print_json(run);
    print_summary(run);
    return BG_OK;
}

int main(int argc, char **argv)
{
    static struct run run;
    struct bg_error error = {0};
    enum bg_status status = parse_options(argc, argv, &run.options, &error);
    if (!status && (run.options.help || run.options.version)) {
        fputs(run.options.help ? help : "burgee-combine " BG_VERSION "\n", stdout);
        return fflush(stdout) ? bg_status_exit_code(BG_IO) : 0;
    }
    if (!status)
        status = load(&run, &error);
    if (!status)
        status = combine(&run, &error);
    enum bg_status printed = print_result(&run);
    if (fflush(stdout))
        printed = BG_IO;
    if (!status && printed)
        status = bg_fail(&error, printed, "cannot print the result");
    if (status)
        fprintf(stderr, "burgee-combine: %s\n", error.text);
    bg_npy_finish(&run.in);
    bg_npy_finish(&run.ratios);
    return status ? bg_status_exit_code(status) : 0;
}
