/* SPDX-License-Identifier: Apache-2.0 */
#include "robust/eigen.h"

#include "base/prng.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

enum {
    LARGEST = 128
};

struct problem {
    double matrix[LARGEST * LARGEST], kept[LARGEST * LARGEST], vectors[LARGEST * LARGEST], values[LARGEST];
};

static void assert_decomposition(struct problem *problem, size_t n, double tolerance)
{
    memcpy(problem->kept, problem->matrix, n * n * sizeof(double));
    cr_assert_eq(bg_eigen_symmetric(n, problem->matrix, problem->values, problem->vectors), BG_OK);
    for (size_t k = 0; k < n; k++) {
        cr_assert(k == 0 || problem->values[k] <= problem->values[k - 1]);
        for (size_t i = 0; i < n; i++) {
            double image = 0, product = 0;
            for (size_t j = 0; j < n; j++) {
                image += problem->kept[i * n + j] * problem->vectors[j * n + k];
                product += problem->vectors[j * n + i] * problem->vectors[j * n + k];
            }
            cr_assert_float_eq(image, problem->values[k] * problem->vectors[i * n + k], tolerance, "n = %zu",
                               n);
            cr_assert_float_eq(product, i == k ? 1 : 0, 1e-13);
        }
    }
}

Test(eigen, solves_random_matrices_of_every_size)
{
    struct problem *problem = malloc(sizeof *problem);
    cr_assert_not_null(problem);
    struct bg_prng prng;
    bg_prng_init(&prng, 1);
    for (size_t n = 1; n <= LARGEST; n = n < 10 ? n + 1 : 2 * n - 4) {
        for (size_t i = 0; i < n; i++)
            for (size_t j = 0; j <= i; j++)
                problem->matrix[i * n + j] = problem->matrix[j * n + i] = bg_prng_normal(&prng);
        assert_decomposition(problem, n, 2e-13);
    }
    free(problem);
}

Test(eigen, solves_zero_constant_and_diagonal_matrices)
{
    static struct problem problem;
    assert_decomposition(&problem, 5, 0);
    for (size_t k = 0; k < 25; k++)
        problem.matrix[k] = 3;
    assert_decomposition(&problem, 5, 1e-14);
    cr_assert_float_eq(problem.values[0], 15, 1e-14);
    cr_assert_lt(fabs(problem.values[1]), 1e-14);
    memset(problem.matrix, 0, sizeof problem.matrix);
    for (size_t k = 0; k < 5; k++)
        problem.matrix[k * 5 + k] = (double)((k * 2) % 5);
    assert_decomposition(&problem, 5, 0);
    cr_assert_eq(problem.vectors[2 * 5], 1, "the entry 4 stands third");
}

Test(eigen, finds_the_eigenvalues_of_a_known_matrix)
{
    static struct problem problem;
    /* The second difference of n points has eigenvalues 2 − 2 cos(πk/(n+1)); for n = 3: 2 + √2, 2, 2 − √2. */
    const double second_difference[] = {2, -1, 0, -1, 2, -1, 0, -1, 2};
    memcpy(problem.matrix, second_difference, sizeof second_difference);
    assert_decomposition(&problem, 3, 1e-14);
    cr_assert_float_eq(problem.values[0], 2 + sqrt(2), 1e-15);
    cr_assert_float_eq(problem.values[1], 2, 1e-15);
    cr_assert_float_eq(problem.values[2], 2 - sqrt(2), 1e-15);
}

/* S·A·S of a well-conditioned A with S from 1 to 1e-6: the small eigenvalues keep their digits. */
Test(eigen, keeps_the_small_eigenvalues_of_graded_matrices)
{
    double matrix[] = {1, 0.5e-6, 0.5e-6, 1e-12}, values[2], vectors[4];
    cr_assert_eq(bg_eigen_symmetric(2, matrix, values, vectors), BG_OK);
    cr_assert_float_eq(values[1] / 0.75e-12, 1, 1e-12);
}

Test(eigen, refuses_what_is_not_finite)
{
    double matrix[] = {1, NAN, NAN, 2}, values[2], vectors[4];
    cr_assert_eq(bg_eigen_symmetric(2, matrix, values, vectors), BG_FAULT);
    double infinite[] = {INFINITY, 0, 0, 2};
    cr_assert_eq(bg_eigen_symmetric(2, infinite, values, vectors), BG_FAULT);
}
