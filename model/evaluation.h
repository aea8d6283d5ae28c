/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How well predictions meet the truth. Everything follows from the confusion matrix, whose counts add up: parts of
 * a set may be evaluated anywhere and in any split.
 */
#pragma once

#include "model/model.h"

struct bg_json;

struct bg_confusion {
    uint32_t classes;
    uint64_t *counts; /* (classes, classes): [truth][predicted] */
};

BG_MUST_CHECK enum bg_status bg_confusion_init(struct bg_confusion *confusion, uint32_t classes); /* all zero */
void bg_confusion_finish(struct bg_confusion *confusion);
void bg_confusion_count(struct bg_confusion *confusion, uint32_t truth, uint32_t predicted);
/* Both of the same number of classes. */
void bg_confusion_add(struct bg_confusion *sum, const struct bg_confusion *part);

/* A ratio without a denominator is 0. */
struct bg_class_score {
    uint64_t truths;      /* examples of the class */
    uint64_t predictions; /* examples taken for it */
    double precision, recall;
    double f1; /* 2·hits/(truths + predictions) */
};

struct bg_class_score bg_confusion_class(const struct bg_confusion *confusion, uint32_t class_index);
uint64_t bg_confusion_examples(const struct bg_confusion *confusion);
double bg_confusion_accuracy(const struct bg_confusion *confusion); /* 0 for no examples */
/* Mean F1 over the classes that have examples; one of them that is never predicted counts 0, a class without
 * examples does not count. */
double bg_confusion_macro_f1(const struct bg_confusion *confusion);
/* Adds "examples", "accuracy", "macro_f1", "classes" (one object each) and "confusion" (rows of the truth) to an
 * object. class_names: (classes). */
void bg_confusion_to_json(const struct bg_confusion *confusion, const char *const *class_names,
                          struct bg_json *object);

size_t bg_evaluation_workspace_size(const struct bg_model *model);
/* Counts each example's class against the one of the highest score, the first of equals. BG_NOT_FINITE if a score
 * is NaN or infinite, naming the tensor where one is to blame; *confusion is then partly counted. No examples are
 * fine. */
BG_MUST_CHECK enum bg_status bg_evaluate(const struct bg_model *model, const float *parameters,
                                         const struct bg_examples *examples, void *workspace,
                                         struct bg_confusion *confusion, struct bg_error *error);
