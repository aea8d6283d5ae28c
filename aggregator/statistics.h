/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From sums of groups to what a model needs to know of its features, without trusting any single group. Pure
 * arithmetic in a fixed order: the same sums give the same bits. With n_g rows in group g, S_g and Q_g its sums:
 *
 *   screen      a group's energy is Σ_j Q_gj / n_g (COVARIANCE: the diagonal); one of more than BG_STATISTICS_SCREEN
 *               times the 25th percentile is left out, and so is a group without rows
 *   mean        μ_j = median over groups of S_gj / n_g (of an even number: the mean of the two middle ones)
 *   variance    v_gj = Q_gj / n_g − 2 μ_j S_gj / n_g + μ_j², 0 below what rounding to units puts there;
 *               v_j = median over groups; where that is 0, the (f + 1)-th largest, which f liars alone cannot set
 *   scale       1 / √v_j; where v_j is 0 but some group varies 1, as features are logarithms; where none varies 0
 *   prior       Σ_g a_g n_gc / Σ_g a_g n_g with a_g = min(1, 2 median(n) / n_g): a group counts as two ordinary ones at
 *               most, whatever it claims
 *   covariance  M_ij = median over groups of E_g[z_i z_j] − m_i E_g[z_j] − m_j E_g[z_i] + m_i m_j,
 *               m = median of E_g[z]; the projection is made of its first eigenvectors
 *
 * Medians hold while fewer than half of the groups that pass the screen contain a liar; the screen catches those who
 * exaggerate, whose groups may be most.
 */
#pragma once

#include "aggregator/group_sum.h"
#include "model/transform.h"

#define BG_STATISTICS_SCREEN 3.0

/* What the statistics of a round are taken from: opened groups, of one form. */
struct bg_statistics_input {
    const struct bg_statistics_form *form;
    const struct bg_group_sum *groups; /* borrowed */
    size_t count;
    int faulty; /* f, in groups; BG_FAULTY_UNSET: floor((p − 3)/2) of p groups that pass the screen */
};

/* Stage MOMENTS. ret_used (count); ret_mean and ret_scale (columns); ret_prior (classes). BG_TOO_FEW: no group has
 * rows. */
BG_MUST_CHECK enum bg_status bg_statistics_moments(const struct bg_statistics_input *input, struct bg_error *error,
                                                   bool *ret_used, float *ret_mean, float *ret_scale,
                                                   float *ret_prior);

/* How many components: `components` > 0, or else as few as explain the share `variance` of the total. */
struct bg_projection_settings {
    size_t components;
    double variance; /* 0 to 1 */
};

/* Stage COVARIANCE: what a projection is made of. */
struct bg_principal {
    size_t columns;
    size_t components;
    double *values;   /* (columns) eigenvalues, descending */
    float *rows;      /* (components, columns) eigenvectors over √value, of largest entry > 0; 0 for a value of 0 */
};

/* ret_used as above. BG_CONFIG: more components than columns; BG_TOO_FEW. */
BG_MUST_CHECK enum bg_status bg_statistics_principal(const struct bg_statistics_input *input,
                                                     const struct bg_projection_settings *settings,
                                                     struct bg_error *error, bool *ret_used,
                                                     struct bg_principal *ret_principal);
void bg_principal_finish(struct bg_principal *principal);
