/* SPDX-License-Identifier: Apache-2.0 */
#pragma once

#include "base/status.h"

#include <stddef.h>

/*
 * Eigenvalues and orthonormal eigenvectors of a symmetric matrix (size, size) by cyclic Jacobi rotations,
 * which find small eigenvalues of graded matrices to relative accuracy. Only + − × / and sqrt in a fixed
 * order: the same bits everywhere. Destroys matrix. ret_values descend (equal ones by their index on the
 * diagonal); column k of ret_vectors (size, size) row-major belongs to ret_values[k]. BG_FAULT if the
 * rotations do not settle, which only a NaN or infinity can cause.
 */
BG_MUST_CHECK enum bg_status bg_eigen_symmetric(size_t size, double *matrix, double *ret_values,
                                                double *ret_vectors);
