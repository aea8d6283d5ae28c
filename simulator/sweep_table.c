/* SPDX-License-Identifier: Apache-2.0 */
/* The table of a sweep: JSON that can be resumed, CSV, and lines for people. */
#include "simulator/sweep.h"

#include "base/file.h"
#include "base/json.h"
#include "base/number.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define RECORD_LIMIT ((size_t)1 << 28)
#define MOST_METRICS 128

static const char program[] = "burgee-simulator " BG_VERSION;
static const char *const state_names[] = {"waiting", "running", "finished", "failed"};

/* ---- numbers ---- */

bool bg_sweep_metric(const struct bg_sweep_run *run, const char *metric, double *ret_value)
{
    const struct bg_json *summary = run->summary ? bg_json_get(run->summary, "summary") : NULL;
    const struct bg_json *value = summary ? bg_json_get(summary, metric) : NULL;
    if (run->state != BG_SWEEP_FINISHED || !value || bg_json_type(value) != BG_JSON_NUMBER)
        return false;
    *ret_value = bg_json_number(value);
    return true;
}

struct bg_spread bg_sweep_spread(const struct bg_sweep *sweep, size_t combination, const char *metric)
{
    const struct bg_sweep_run *runs = &sweep->runs[combination * sweep->seed_count];
    struct bg_spread spread = {0};
    double value, sum = 0, squares = 0;
    for (size_t i = 0; i < sweep->seed_count; i++)
        if (bg_sweep_metric(&runs[i], metric, &value)) {
            spread.min = spread.count && spread.min < value ? spread.min : value;
            spread.max = spread.count && spread.max > value ? spread.max : value;
            spread.count++;
            sum += value;
        }
    if (!spread.count)
        return spread;
    spread.mean = sum / (double)spread.count;
    for (size_t i = 0; i < sweep->seed_count; i++)
        if (bg_sweep_metric(&runs[i], metric, &value))
            squares += (value - spread.mean) * (value - spread.mean);
    spread.sd = spread.count > 1 ? sqrt(squares / (double)(spread.count - 1)) : 0;
    return spread;
}

/* Every number that some run has, in the order of first appearance; names are borrowed from the summaries. */
struct metrics {
    const char *names[MOST_METRICS];
    size_t count;
};

static struct metrics find_metrics(const struct bg_sweep *sweep)
{
    struct metrics metrics = {.count = 0};
    for (size_t i = 0; i < sweep->run_count; i++) {
        const struct bg_json *summary =
            sweep->runs[i].summary ? bg_json_get(sweep->runs[i].summary, "summary") : NULL;
        for (const struct bg_json *m = summary ? bg_json_at(summary, 0) : NULL; m; m = bg_json_next(m)) {
            size_t known = 0;
            while (known < metrics.count && strcmp(metrics.names[known], bg_json_key(m)) != 0)
                known++;
            if (known == metrics.count && known < MOST_METRICS && bg_json_type(m) == BG_JSON_NUMBER)
                metrics.names[metrics.count++] = bg_json_key(m);
        }
    }
    return metrics;
}

size_t bg_sweep_count(const struct bg_sweep *sweep, size_t combination, enum bg_sweep_state state)
{
    size_t count = 0;
    for (size_t i = 0; i < sweep->seed_count; i++)
        count += sweep->runs[combination * sweep->seed_count + i].state == state;
    return count;
}

/* ---- JSON ---- */

static void combination_to_json(const struct bg_sweep *sweep, size_t index, const struct metrics *metrics,
                                struct bg_json *parent)
{
    const struct bg_sweep_combination *combination = &sweep->combinations[index];
    struct bg_json *object = bg_json_add_object(parent, NULL);
    bg_json_add_string(object, "name", combination->name);
    if (sweep->has_variants)
        bg_json_add_string(object, "variant", combination->variant);
    struct bg_json *grid = bg_json_add_object(object, "grid");
    for (size_t i = 0; i < sweep->axis_count; i++)
        bg_json_add_string(grid, sweep->axes[i], combination->values[i]);
    bg_json_add_u64(object, "finished", bg_sweep_count(sweep, index, BG_SWEEP_FINISHED));
    bg_json_add_u64(object, "failed", bg_sweep_count(sweep, index, BG_SWEEP_FAILED));
    struct bg_json *spreads = bg_json_add_object(object, "metrics");
    for (size_t i = 0; i < metrics->count; i++) {
        struct bg_spread spread = bg_sweep_spread(sweep, index, metrics->names[i]);
        if (!spread.count)
            continue;
        struct bg_json *one = bg_json_add_object(spreads, metrics->names[i]);
        bg_json_add_number(one, "mean", spread.mean);
        bg_json_add_number(one, "sd", spread.sd);
        bg_json_add_number(one, "min", spread.min);
        bg_json_add_number(one, "max", spread.max);
    }
    bg_options_to_json(bg_simulator_options, bg_simulator_option_count, &combination->config,
                       bg_json_add_object(object, "config"));
}

static void run_to_json(const struct bg_sweep *sweep, const struct bg_sweep_run *run, struct bg_json *parent)
{
    char hex[2 * BG_DIGEST_BYTES + 1];
    struct bg_json *object = bg_json_add_object(parent, NULL);
    bg_digest_to_hex(&run->identity, hex);
    bg_json_add_string(object, "name", sweep->combinations[run->combination].name);
    bg_json_add_u64(object, "seed", run->seed);
    bg_json_add_string(object, "settings_digest", hex);
    bg_json_add_string(object, "state", state_names[run->state == BG_SWEEP_RUNNING ? BG_SWEEP_WAITING : run->state]);
    if (run->failure)
        bg_json_add_string(object, "failure", run->failure);
    if (run->summary)
        bg_json_add_copy(object, "summary", bg_json_get(run->summary, "summary"));
}

static enum bg_status write_text(const char *path, const char *text, size_t size, struct bg_error *error)
{
    return bg_file_write(path, (struct bg_span){(const uint8_t *)text, size}, 0644, error);
}

enum bg_status bg_sweep_write_json(const struct bg_sweep *sweep, const char *path, struct bg_error *error)
{
    struct metrics metrics = find_metrics(sweep);
    struct bg_json *root = bg_json_object();
    bg_json_add_string(root, "program", program);
    struct bg_json *seeds = bg_json_add_array(root, "seeds");
    for (size_t i = 0; i < sweep->seed_count; i++)
        bg_json_add_u64(seeds, NULL, sweep->seeds[i]);
    struct bg_json *combinations = bg_json_add_array(root, "combinations");
    for (size_t i = 0; i < sweep->combination_count; i++)
        combination_to_json(sweep, i, &metrics, combinations);
    struct bg_json *runs = bg_json_add_array(root, "runs");
    for (size_t i = 0; i < sweep->run_count; i++)
        run_to_json(sweep, &sweep->runs[i], runs);
    char *text = bg_json_print(root, true);
    bg_json_destroy(&root);
    enum bg_status status = text ? write_text(path, text, strlen(text), error)
                                 : bg_fail(error, BG_NO_MEMORY, "%s: out of memory", path);
    free(text);
    return status;
}

/* ---- resuming ---- */

static const char *text_member(const struct bg_json *object, const char *key)
{
    const struct bg_json *value = bg_json_get(object, key);
    return value && bg_json_type(value) == BG_JSON_STRING ? bg_json_string(value) : "";
}

static enum bg_status take_run(struct bg_sweep *sweep, const struct bg_json *record, struct bg_error *error)
{
    const struct bg_json *summary = bg_json_get(record, "summary");
    char hex[2 * BG_DIGEST_BYTES + 1];
    if (strcmp(text_member(record, "state"), state_names[BG_SWEEP_FINISHED]) != 0 || !summary)
        return BG_OK;
    for (size_t i = 0; i < sweep->run_count; i++) {
        struct bg_sweep_run *run = &sweep->runs[i];
        bg_digest_to_hex(&run->identity, hex);
        if (run->state != BG_SWEEP_WAITING || strcmp(hex, text_member(record, "settings_digest")) != 0)
            continue;
        run->summary = bg_json_object();
        if (!bg_json_add_copy(run->summary, "summary", summary))
            return bg_fail(error, BG_NO_MEMORY, "sweep: out of memory");
        run->state = BG_SWEEP_FINISHED;
        run->resumed = true;
    }
    return BG_OK;
}

enum bg_status bg_sweep_resume(struct bg_sweep *sweep, const char *path, struct bg_error *error)
{
    struct bg_json *root = NULL;
    enum bg_status status = bg_json_load(path, RECORD_LIMIT, error, &root);
    if (status == BG_NOT_FOUND)
        return BG_OK;
    if (status != BG_OK)
        return status;
    const struct bg_json *runs = bg_json_get(root, "runs");
    if (!runs || bg_json_type(runs) != BG_JSON_ARRAY || !bg_json_get(root, "combinations"))
        status = bg_fail(error, BG_DATA, "%s: not the table of a sweep", path);
    else if (strcmp(text_member(root, "program"), program) != 0)
        status = bg_fail(error, BG_BAD_VERSION, "%s: made by another version than %s; start it anew", path, program);
    for (const struct bg_json *r = status == BG_OK ? bg_json_at(runs, 0) : NULL; r && status == BG_OK;
         r = bg_json_next(r))
        status = take_run(sweep, r, error);
    bg_json_destroy(&root);
    return status;
}

/* ---- CSV ---- */

static void write_cell(FILE *out, const char *text)
{
    bool quoted = strpbrk(text, ",\"\r\n") != NULL;
    if (quoted)
        fputc('"', out);
    for (; *text; text++) {
        if (*text == '"')
            fputc('"', out);
        fputc(*text, out);
    }
    if (quoted)
        fputc('"', out);
}

static void write_names(const struct bg_sweep *sweep, size_t index, const char *row, FILE *out)
{
    const struct bg_sweep_combination *combination = &sweep->combinations[index];
    fprintf(out, "%s,", row);
    write_cell(out, combination->name);
    if (sweep->has_variants) {
        fputc(',', out);
        write_cell(out, combination->variant);
    }
    for (size_t i = 0; i < sweep->axis_count; i++) {
        fputc(',', out);
        write_cell(out, combination->values[i]);
    }
}

static void write_number(FILE *out, double value)
{
    char text[BG_REAL_TEXT_BYTES];
    bg_format_real(value, text);
    fprintf(out, ",%s", text);
}

static void write_run(const struct bg_sweep *sweep, const struct bg_sweep_run *run, const struct metrics *metrics,
                      FILE *out)
{
    double value;
    write_names(sweep, run->combination, "run", out);
    fprintf(out, ",%llu,%s,", (unsigned long long)run->seed,
            state_names[run->state == BG_SWEEP_RUNNING ? BG_SWEEP_WAITING : run->state]);
    write_cell(out, run->failure ? run->failure : "");
    for (size_t i = 0; i < metrics->count; i++)
        if (bg_sweep_metric(run, metrics->names[i], &value))
            write_number(out, value);
        else
            fputc(',', out);
    fputc('\n', out);
}

static void write_spread(const struct bg_sweep *sweep, size_t index, const struct metrics *metrics, const char *row,
                         size_t offset, FILE *out)
{
    write_names(sweep, index, row, out);
    fprintf(out, ",,%zu of %zu,", bg_sweep_count(sweep, index, BG_SWEEP_FINISHED), sweep->seed_count);
    for (size_t i = 0; i < metrics->count; i++) {
        struct bg_spread spread = bg_sweep_spread(sweep, index, metrics->names[i]);
        if (spread.count)
            write_number(out, *(const double *)((const char *)&spread + offset));
        else
            fputc(',', out);
    }
    fputc('\n', out);
}

static void write_table(const struct bg_sweep *sweep, FILE *out)
{
    struct metrics metrics = find_metrics(sweep);
    fprintf(out, "row,name%s", sweep->has_variants ? ",variant" : "");
    for (size_t i = 0; i < sweep->axis_count; i++)
        fprintf(out, ",%s", sweep->axes[i]);
    fputs(",seed,state,failure", out);
    for (size_t i = 0; i < metrics.count; i++)
        fprintf(out, ",%s", metrics.names[i]);
    fputc('\n', out);
    for (size_t i = 0; i < sweep->run_count; i++)
        write_run(sweep, &sweep->runs[i], &metrics, out);
    for (size_t i = 0; i < sweep->combination_count; i++) {
        write_spread(sweep, i, &metrics, "mean", offsetof(struct bg_spread, mean), out);
        write_spread(sweep, i, &metrics, "sd", offsetof(struct bg_spread, sd), out);
        write_spread(sweep, i, &metrics, "min", offsetof(struct bg_spread, min), out);
        write_spread(sweep, i, &metrics, "max", offsetof(struct bg_spread, max), out);
    }
}

enum bg_status bg_sweep_write_csv(const struct bg_sweep *sweep, const char *path, struct bg_error *error)
{
    char *text = NULL;
    size_t size = 0;
    FILE *out = open_memstream(&text, &size);
    if (!out)
        return bg_fail(error, BG_NO_MEMORY, "%s: out of memory", path);
    write_table(sweep, out);
    enum bg_status status = fclose(out) == 0 ? write_text(path, text, size, error)
                                             : bg_fail(error, BG_NO_MEMORY, "%s: out of memory", path);
    free(text);
    return status;
}

/* ---- for people ---- */

static void print_spread(const struct bg_sweep *sweep, size_t index, const char *metric, double factor, int digits,
                         int width, FILE *out)
{
    char text[64] = "-";
    struct bg_spread spread = bg_sweep_spread(sweep, index, metric);
    int columns = 1;
    if (spread.count > 1) {
        columns = snprintf(text, sizeof text, "%.*f ± %.*f", digits, factor * spread.mean, digits,
                           factor * spread.sd) - 1; /* ± is two bytes */
    } else if (spread.count == 1) {
        columns = snprintf(text, sizeof text, "%.*f", digits, factor * spread.mean);
    }
    fprintf(out, "  %*s%s", width > columns ? width - columns : 0, "", text);
}

void bg_sweep_print(const struct bg_sweep *sweep, FILE *out)
{
    static const struct {
        const char *metric, *head;
        double factor;
        int digits, width;
    } columns[] = {{"accuracy", "accuracy, %", 100, 2, 14},
                   {"macro_f1", "macro-F1, %", 100, 2, 14},
                   {"central_accuracy", "central", 100, 2, 14},
                   {"central_macro_f1", "central F1", 100, 2, 14},
                   {"rounds_committed", "committed", 1, 1, 11},
                   {"uplink_bytes_per_client_round", "up, kB/round", 1e-3, 1, 12},
                   {"uplink_bytes_per_client", "up, kB in all", 1e-3, 1, 14},
                   {"bits_per_coordinate", "bit/coord", 1, 2, 12},
                   {"virtual_seconds", "virtual, s", 1, 1, 14},
                   {"wall_seconds", "real, s", 1, 1, 12}};
    int width = 11;
    for (size_t i = 0; i < sweep->combination_count; i++) {
        int size = (int)strlen(sweep->combinations[i].name);
        width = size > width ? size : width;
    }
    struct metrics metrics = find_metrics(sweep);
    bool shown[sizeof columns / sizeof *columns] = {false};
    fprintf(out, "%-*s   runs", width + 1, "mean ± sd");
    for (size_t c = 0; c < sizeof columns / sizeof *columns; c++) {
        for (size_t i = 0; i < metrics.count && !shown[c]; i++)
            shown[c] = strcmp(metrics.names[i], columns[c].metric) == 0;
        if (shown[c])
            fprintf(out, "  %*s", columns[c].width, columns[c].head);
    }
    for (size_t i = 0; i < sweep->combination_count; i++) {
        size_t failed = bg_sweep_count(sweep, i, BG_SWEEP_FAILED);
        fprintf(out, "\n%-*s  %2zu/%-2zu", width, sweep->combinations[i].name,
                bg_sweep_count(sweep, i, BG_SWEEP_FINISHED), sweep->seed_count);
        for (size_t c = 0; c < sizeof columns / sizeof *columns; c++)
            if (shown[c])
                print_spread(sweep, i, columns[c].metric, columns[c].factor, columns[c].digits, columns[c].width, out);
        if (failed)
            fprintf(out, "  %zu FAILED", failed);
    }
    fputc('\n', out);
}
