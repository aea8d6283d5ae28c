/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A schema for a surveyed file: a draft that bg_schema_parse accepts as it is and that fits the file. What it cannot
 * know is for the user to change: whether a column gives the label away, which one-hot values other devices have.
 *
 *   label    the column of that name if one is given; else of those called label, class, category, attack, family,
 *            target or activity (or so) the one with most labels, else the last column of texts among the last
 *            two, else the last column; 2 to 100 labels. The others of these names are dropped: they tell the label
 *   key      columns called user, host, device, subject, source, "Src IP" and the like
 *   drop     what is empty, constant, an id by its name or values, a time, or free text
 *   one_hot  categories, with their 64 most frequent values
 *   log      numbers with a heavy tail: the largest is over 20 and ten times the mean size
 *   number   the others; missing values become 0, so that no row is lost
 */
#pragma once

#include "datasets/survey.h"

struct bg_json;

/* Appends the schema's keys to an object. BG_INVALID: no column can be the label, or no feature is left. BG_NOT_FOUND:
 * no column has that name. `label` NULL or "": guess. */
BG_MUST_CHECK enum bg_status bg_schema_suggest(const struct bg_survey *survey, const char *label,
                                               struct bg_json *object, struct bg_error *error);
