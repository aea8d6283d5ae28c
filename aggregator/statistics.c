/* SPDX-License-Identifier: Apache-2.0 */
#include "aggregator/statistics.h"

#include "base/checked.h"
#include "base/order.h"
#include "robust/eigen.h"
#include "robust/rule.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define LEAST_VALUE 1e-9 /* of an eigenvalue, beside the largest, to be told from rounding */

/* The groups that count, per row of theirs. */
struct table {
    size_t columns, seconds_count;
    size_t count;
    size_t faulty;
    double *firsts;  /* (count, columns) means */
    double *seconds; /* (count, seconds_count) */
    double *rows;    /* (count) */
    double *members; /* (count) */
    double *sorted;  /* (count) of one number at a time */
};

static void table_finish(struct table *table)
{
    free(table->firsts);
    free(table->seconds);
    free(table->rows);
    free(table->members);
    free(table->sorted);
    *table = (struct table){0};
}

/* Of table->sorted, which it sorts. */
static double median(struct table *table)
{
    bg_sort(table->sorted, table->count);
    return bg_sorted_median(table->sorted, table->count);
}

static double energy(const struct bg_statistics_form *form, const double *seconds)
{
    double total = 0;
    for (size_t j = 0; j < form->columns; j++)
        total += seconds[form->stage == BG_STAGE_MOMENTS ? j : bg_statistics_product(form->columns, j, j)];
    return total;
}

/* Moves the rows of groups that pass to the front. */
static void screen(const struct bg_statistics_input *input, struct table *table, bool *used)
{
    const struct bg_statistics_form *form = input->form;
    size_t kept = 0;
    for (size_t i = 0; i < table->count; i++)
        table->sorted[i] = energy(form, table->seconds + i * form->seconds);
    bg_sort(table->sorted, table->count);
    double quarter = table->sorted[(table->count - 1) / 4];
    for (size_t g = 0, i = 0; g < input->count; g++) {
        if (!used[g])
            continue;
        double *seconds = table->seconds + i * form->seconds, *firsts = table->firsts + i * form->columns;
        used[g] = quarter <= 0 || energy(form, seconds) <= BG_STATISTICS_SCREEN * quarter;
        if (used[g]) {
            memmove(table->seconds + kept * form->seconds, seconds, form->seconds * sizeof *seconds);
            memmove(table->firsts + kept * form->columns, firsts, form->columns * sizeof *firsts);
            table->rows[kept] = table->rows[i];
            table->members[kept++] = table->members[i];
        }
        i++;
    }
    table->count = kept;
}

static enum bg_status table_init(const struct bg_statistics_input *input, struct bg_error *error, bool *ret_used,
                                 struct table *table)
{
    const struct bg_statistics_form *form = input->form;
    size_t firsts, seconds;
    *table = (struct table){.columns = form->columns, .seconds_count = form->seconds};
    if (!bg_size_multiply(input->count, form->columns, &firsts) ||
        !bg_size_multiply(input->count, form->seconds, &seconds) || input->count == 0)
        return bg_fail(error, BG_TOO_FEW, "statistics: no group was opened");
    table->firsts = calloc(firsts, sizeof *table->firsts);
    table->seconds = calloc(seconds, sizeof *table->seconds);
    table->rows = calloc(input->count, sizeof *table->rows);
    table->members = calloc(input->count, sizeof *table->members);
    table->sorted = calloc(input->count, sizeof *table->sorted);
    if (!table->firsts || !table->seconds || !table->rows || !table->members || !table->sorted) {
        table_finish(table);
        return bg_fail(error, BG_NO_MEMORY, "statistics: out of memory");
    }
    for (size_t g = 0; g < input->count; g++) {
        const uint64_t *slots = input->groups[g].fields + 1;
        size_t i = table->count;
        ret_used[g] = slots[0] > 0;
        if (!ret_used[g])
            continue;
        double *f = table->firsts + i * form->columns, *s = table->seconds + i * form->seconds;
        bg_statistics_read(form, slots, input->groups[g].members, f, s);
        table->rows[i] = (double)slots[0];
        table->members[i] = input->groups[g].members;
        for (size_t j = 0; j < form->columns; j++)
            f[j] /= table->rows[i];
        for (size_t j = 0; j < form->seconds; j++)
            s[j] /= table->rows[i];
        table->count++;
    }
    if (table->count == 0) {
        table_finish(table);
        return bg_fail(error, BG_TOO_FEW, "statistics: no group has rows");
    }
    screen(input, table, ret_used);
    size_t most = table->count >= 3 ? (table->count - 3) / 2 : 0;
    table->faulty = input->faulty == BG_FAULTY_UNSET || (size_t)input->faulty > most ? most : (size_t)input->faulty;
    return BG_OK;
}

static double median_first(struct table *table, size_t column)
{
    for (size_t i = 0; i < table->count; i++)
        table->sorted[i] = table->firsts[i * table->columns + column];
    return median(table);
}

/* ---- moments ---- */

/* The rounding of S and Q to units, seen in a variance of this group; and that of doubles. */
static double noise(const struct table *table, size_t group, double mean)
{
    double unit = 1 / (double)BG_STATISTICS_UNITS;
    return table->members[group] * unit * (1 + 2 * fabs(mean)) / table->rows[group] + 1e-12 * mean * mean;
}

static double scale_of(struct table *table, size_t column, double mean)
{
    double *v = table->sorted;
    for (size_t i = 0; i < table->count; i++) {
        double first = table->firsts[i * table->columns + column];
        double second = table->seconds[i * table->seconds_count + column];
        v[i] = second - 2 * mean * first + mean * mean;
        if (v[i] <= noise(table, i, mean))
            v[i] = 0;
    }
    double variance = median(table); /* sorts */
    if (variance <= 0)
        variance = v[table->count - 1 - table->faulty];
    if (variance > 0)
        return 1 / sqrt(variance);
    return v[table->count - 1] > 0 ? 1 : 0;
}

static void fill_prior(const struct bg_statistics_input *input, struct table *table, const bool *used,
                       float *ret_prior)
{
    const struct bg_statistics_form *form = input->form;
    memcpy(table->sorted, table->rows, table->count * sizeof *table->sorted);
    double most = 2 * median(table), total = 0;
    for (size_t i = 0; i < table->count; i++)
        total += table->rows[i] < most ? table->rows[i] : most;
    for (size_t c = 0; c < form->classes; c++) {
        double sum = 0;
        for (size_t g = 0; g < input->count; g++) {
            const uint64_t *slots = input->groups[g].fields + 1;
            double rows = (double)slots[0];
            if (used[g])
                sum += (double)slots[1 + c] * (rows < most ? 1 : most / rows);
        }
        ret_prior[c] = (float)fmin(sum / total, 1);
    }
}

enum bg_status bg_statistics_moments(const struct bg_statistics_input *input, struct bg_error *error, bool *ret_used,
                                     float *ret_mean, float *ret_scale, float *ret_prior)
{
    struct table table;
    enum bg_status status = table_init(input, error, ret_used, &table);
    if (status != BG_OK)
        return status;
    for (size_t j = 0; j < table.columns; j++) {
        double mean = median_first(&table, j);
        ret_mean[j] = (float)mean;
        ret_scale[j] = (float)scale_of(&table, j, mean);
    }
    fill_prior(input, &table, ret_used, ret_prior);
    table_finish(&table);
    return BG_OK;
}

/* ---- principal components ---- */

static void fill_covariance(struct table *table, const double *means, double *matrix)
{
    size_t columns = table->columns;
    for (size_t i = 0; i < columns; i++)
        for (size_t j = i; j < columns; j++) {
            for (size_t g = 0; g < table->count; g++) {
                const double *first = table->firsts + g * columns;
                double product = table->seconds[g * table->seconds_count + bg_statistics_product(columns, i, j)];
                table->sorted[g] = product - means[i] * first[j] - means[j] * first[i] + means[i] * means[j];
            }
            matrix[i * columns + j] = matrix[j * columns + i] = median(table);
        }
}

/* The median of entries need not be positive semidefinite: values below 0 are as good as 0. */
static size_t enough_components(const double *values, size_t columns, double share)
{
    double total = 0, sum = 0;
    for (size_t k = 0; k < columns; k++)
        total += fmax(values[k], 0);
    for (size_t k = 0; k < columns; k++) {
        sum += fmax(values[k], 0);
        if (sum >= share * total)
            return k + 1;
    }
    return columns;
}

static void fill_rows(struct bg_principal *principal, const double *vectors)
{
    size_t columns = principal->columns;
    for (size_t k = 0; k < principal->components; k++) {
        double value = principal->values[k], largest = 0;
        for (size_t j = 0; j < columns; j++)
            if (fabs(vectors[j * columns + k]) > fabs(largest))
                largest = vectors[j * columns + k];
        bool tells = value > LEAST_VALUE * principal->values[0];
        double factor = tells ? (largest < 0 ? -1 : 1) / sqrt(value) : 0;
        for (size_t j = 0; j < columns; j++)
            principal->rows[k * columns + j] = (float)(factor * vectors[j * columns + k]);
    }
}

void bg_principal_finish(struct bg_principal *principal)
{
    free(principal->values);
    free(principal->rows);
    *principal = (struct bg_principal){0};
}

static enum bg_status decompose(struct table *table, const struct bg_projection_settings *settings,
                                struct bg_error *error, struct bg_principal *principal)
{
    size_t columns = table->columns;
    double *means = calloc(columns, sizeof *means);
    double *matrix = calloc(columns * columns, sizeof *matrix), *vectors = calloc(columns * columns, sizeof *vectors);
    principal->values = calloc(columns, sizeof *principal->values);
    enum bg_status status = means && matrix && vectors && principal->values ? BG_OK : BG_NO_MEMORY;
    if (status == BG_OK) {
        for (size_t j = 0; j < columns; j++)
            means[j] = median_first(table, j);
        fill_covariance(table, means, matrix);
        status = bg_eigen_symmetric(columns, matrix, principal->values, vectors);
    }
    if (status == BG_OK) {
        principal->components = settings->components
                                    ? settings->components
                                    : enough_components(principal->values, columns, settings->variance);
        principal->rows = calloc(principal->components * columns, sizeof *principal->rows);
        status = principal->rows ? BG_OK : BG_NO_MEMORY;
    }
    if (status == BG_OK)
        fill_rows(principal, vectors);
    free(means);
    free(matrix);
    free(vectors);
    return status == BG_OK ? BG_OK : bg_fail(error, status, "principal components: %s", bg_status_text(status));
}

enum bg_status bg_statistics_principal(const struct bg_statistics_input *input,
                                       const struct bg_projection_settings *settings, struct bg_error *error,
                                       bool *ret_used, struct bg_principal *ret_principal)
{
    struct table table;
    struct bg_principal principal = {.columns = input->form->columns};
    if (settings->components > principal.columns)
        return bg_fail(error, BG_CONFIG, "model.components=%zu: there are %zu features; give at most as many",
                       settings->components, principal.columns);
    enum bg_status status = table_init(input, error, ret_used, &table);
    if (status != BG_OK)
        return status;
    status = decompose(&table, settings, error, &principal);
    table_finish(&table);
    if (status == BG_OK)
        *ret_principal = principal;
    else
        bg_principal_finish(&principal);
    return status;
}
