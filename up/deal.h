/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A simulation's rows as the files that devices have: features after their logarithms, in digits that read back as the
 * same floats, so that a client learns from a file exactly what it would learn from in a simulation.
 */
#pragma once

#include "simulator/data.h"

/* The schema of all the files (datasets/schema.h). */
BG_MUST_CHECK enum bg_status bg_deal_schema(const struct bg_dataset *dataset, const char *path,
                                            struct bg_error *error);
/* The rows of `examples` as CSV; with `flipped` of class C−1−y instead of y, as an attacker by labels has them. */
BG_MUST_CHECK enum bg_status bg_deal_rows(const struct bg_dataset *dataset, const struct bg_examples *examples,
                                          bool flipped, const char *path, struct bg_error *error);
