/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The Flag Aggregator (arXiv 2302.05865) in Gram space: X has n columns x_i, K = XᵀX.
 *
 * Y0 spans the r leading left singular vectors of X. One step from Y0:
 *   a_i = (|1 − v_i| + 1e-7)^(−1/4)                      v_i  = ‖Y0ᵀx_i‖²
 *   a_ij = (|1 − v_ij| + 1e-7)^(−1/4)·λ/(n(n−1))         v_ij = ‖Y0ᵀ(x_i − x_j)‖²
 *   Q = diag(a_i²) + Laplacian of a_ij² + a_ji² = C Cᵀ   CᵀKC = V Λ Vᵀ
 * and Y spans the r leading left singular vectors of the columns a_i x_i and a_ij (x_i − x_j) together,
 * which are those of X C. Then
 *   Σ Y Yᵀ x_i = Σ c_i x_i   c = C V_r V_rᵀ C⁻¹ 1
 *   ⟨Yᵀx_i, Yᵀx_j⟩ = B_ij     B = C⁻ᵀ V_r Λ_r V_rᵀ C⁻¹    v_i = B_ii   v_ij = B_ii + B_jj − 2 B_ij
 * No small eigenvalue is inverted; those up to n·ε·Λ_1 are left out of the subspace.
 *
 * Steps go on while they are fewer than `iterations`, the last one lowered the objective Σ sqrt(1 − v_i) by
 * more than 1e-10, and it is above 1e-10. A last step that did not lower it is undone.
 */
#pragma once

#include "base/arena.h"
#include "base/status.h"

#include <stdbool.h>
#include <stdint.h>

struct bg_flag_problem {
    size_t n;
    const double *gram;   /* (n, n) K, finite */
    uint32_t rank;        /* r, 1 to n */
    uint32_t iterations;
    double lambda;
    const double *ratios; /* (n) v_i before the first step, which is then always taken and never undone
                           * (λ = 0, iterations > 0); NULL: those of Y0 */
};

struct bg_flag_fit {
    double *coefficients; /* (n) c */
    double *products;     /* (n, n) B */
    double objective;
    double eigengap; /* (Λ_r − Λ_{r+1})/Λ_1; Λ_{n+1} = 0 */
    bool tie;        /* in this fit or one its weights come from, Λ_{r+1} > 1e-9·Λ_1 and Λ_r is within that of
                      * it: the subspace is arbitrary */
    uint32_t steps;
};

/* Arrays of *ret_fit come from the arena. BG_NO_MEMORY, or BG_FAULT where K is not finite. */
BG_MUST_CHECK enum bg_status bg_flag_solve(const struct bg_flag_problem *problem, struct bg_arena *arena,
                                           struct bg_flag_fit *ret_fit);
