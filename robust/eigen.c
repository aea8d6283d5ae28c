/* SPDX-License-Identifier: Apache-2.0 */
#include "robust/eigen.h"

#include <float.h>
#include <math.h>
#include <stdbool.h>
#include <string.h>

enum {
    SWEEPS = 64
};

/* The rotation that zeroes (i, j), applied to both sides of the matrix and to the vectors. */
static void rotate(size_t size, double *matrix, double *vectors, size_t i, size_t j)
{
    double off = matrix[i * size + j];
    /* t = tan φ is the smaller root of t² + 2θt − 1 = 0; hypot-free, as θ² may overflow only where t is 0. */
    double theta = (matrix[j * size + j] - matrix[i * size + i]) / (2 * off);
    double t = 1 / (fabs(theta) + sqrt(theta * theta + 1));
    if (theta < 0)
        t = -t;
    double c = 1 / sqrt(t * t + 1), s = t * c;
    matrix[i * size + i] -= t * off;
    matrix[j * size + j] += t * off;
    matrix[i * size + j] = matrix[j * size + i] = 0;
    for (size_t k = 0; k < size; k++) {
        if (k == i || k == j)
            continue;
        double a = matrix[k * size + i], b = matrix[k * size + j];
        matrix[k * size + i] = matrix[i * size + k] = c * a - s * b;
        matrix[k * size + j] = matrix[j * size + k] = s * a + c * b;
    }
    for (size_t k = 0; k < size; k++) {
        double a = vectors[k * size + i], b = vectors[k * size + j];
        vectors[k * size + i] = c * a - s * b;
        vectors[k * size + j] = s * a + c * b;
    }
}

/* One pass over all pairs; true if none was worth rotating: small beside its own two diagonal entries, or
 * beside what rounding put into a matrix of this norm. */
static bool sweep(size_t size, double *matrix, double *vectors, double floor_value)
{
    bool settled = true;
    for (size_t i = 0; i + 1 < size; i++) {
        for (size_t j = i + 1; j < size; j++) {
            double off = fabs(matrix[i * size + j]);
            double beside = sqrt(fabs(matrix[i * size + i])) * sqrt(fabs(matrix[j * size + j]));
            if (off <= floor_value || off <= DBL_EPSILON / 4 * beside)
                continue;
            rotate(size, matrix, vectors, i, j);
            settled = false;
        }
    }
    return settled;
}

static void sort_descending(size_t size, double *values, double *vectors)
{
    for (size_t k = 0; k < size; k++) {
        size_t largest = k;
        for (size_t j = k + 1; j < size; j++)
            if (values[j] > values[largest])
                largest = j;
        /* Moving the largest here by neighbour exchanges keeps the order of equal ones. */
        for (size_t j = largest; j > k; j--) {
            double value = values[j];
            values[j] = values[j - 1];
            values[j - 1] = value;
            for (size_t row = 0; row < size; row++) {
                double entry = vectors[row * size + j];
                vectors[row * size + j] = vectors[row * size + j - 1];
                vectors[row * size + j - 1] = entry;
            }
        }
    }
}

enum bg_status bg_eigen_symmetric(size_t size, double *matrix, double *ret_values, double *ret_vectors)
{
    double largest = 0;
    for (size_t k = 0; k < size * size; k++) {
        if (!isfinite(matrix[k]))
            return BG_FAULT;
        largest = fmax(largest, fabs(matrix[k]));
    }
    memset(ret_vectors, 0, size * size * sizeof *ret_vectors);
    for (size_t k = 0; k < size; k++)
        ret_vectors[k * size + k] = 1;
    double floor_value = largest * ldexp(DBL_EPSILON, -10);
    bool settled = false;
    for (int i = 0; i < SWEEPS && !settled; i++)
        settled = sweep(size, matrix, ret_vectors, floor_value);
    if (!settled)
        return BG_FAULT;
    for (size_t k = 0; k < size; k++)
        ret_values[k] = matrix[k * size + k];
    sort_descending(size, ret_values, ret_vectors);
    return BG_OK;
}
