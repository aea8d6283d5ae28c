/* SPDX-License-Identifier: Apache-2.0 */
#include "robust/mixing.h"

#include "base/order.h"

#include <math.h>
#include <string.h>

static const double tie_tolerance = 1e-12;

static double squared_distance(size_t n, const double *gram, size_t i, size_t j)
{
    return i == j ? 0 : fmax(0, gram[i * n + i] + gram[j * n + j] - 2 * gram[i * n + j]);
}

void bg_mixing(size_t n, const double *gram, size_t neighbours, double *workspace, double *ret_mixing)
{
    double largest = 0;
    for (size_t i = 0; i < n; i++)
        largest = fmax(largest, gram[i * n + i]);
    double tolerance = tie_tolerance * largest;
    for (size_t i = 0; i < n; i++) {
        double *row = ret_mixing + i * n;
        for (size_t j = 0; j < n; j++)
            row[j] = squared_distance(n, gram, i, j);
        memcpy(workspace, row, n * sizeof *row);
        bg_sort(workspace, n);
        double boundary = workspace[neighbours - 1];
        size_t nearer = 0, tied = 0;
        for (size_t j = 0; j < n; j++) {
            nearer += row[j] < boundary - tolerance;
            tied += fabs(row[j] - boundary) <= tolerance;
        }
        double share = (double)(neighbours - nearer) / (double)tied;
        for (size_t j = 0; j < n; j++) {
            double places = row[j] < boundary - tolerance ? 1 : row[j] <= boundary + tolerance ? share : 0;
            row[j] = places / (double)neighbours;
        }
    }
}

void bg_mixing_apply(size_t n, const double *mixing, const double *gram, double *workspace, double *ret_mixed)
{
    for (size_t i = 0; i < n; i++) {
        for (size_t j = 0; j < n; j++) {
            double sum = 0;
            for (size_t k = 0; k < n; k++)
                sum += mixing[i * n + k] * gram[k * n + j];
            workspace[i * n + j] = sum;
        }
    }
    for (size_t i = 0; i < n; i++) {
        for (size_t j = 0; j <= i; j++) {
            double sum = 0;
            for (size_t k = 0; k < n; k++)
                sum += workspace[i * n + k] * mixing[j * n + k];
            ret_mixed[i * n + j] = ret_mixed[j * n + i] = sum;
        }
    }
}
