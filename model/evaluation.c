/* SPDX-License-Identifier: Apache-2.0 */
#include "model/evaluation.h"

#include "base/json.h"
#include "model/workspace.h"

#include <assert.h>
#include <math.h>
#include <stdlib.h>

#define BATCH 256

enum bg_status bg_confusion_init(struct bg_confusion *confusion, uint32_t classes)
{
    assert(classes <= BG_MODEL_MAX_CLASSES);
    uint64_t *counts = calloc((size_t)classes * classes + 1, sizeof *counts);
    if (!counts)
        return BG_NO_MEMORY;
    *confusion = (struct bg_confusion){.classes = classes, .counts = counts};
    return BG_OK;
}

void bg_confusion_finish(struct bg_confusion *confusion)
{
    free(confusion->counts);
    *confusion = (struct bg_confusion){0};
}

static uint64_t *cell(const struct bg_confusion *confusion, uint32_t truth, uint32_t predicted)
{
    return &confusion->counts[(size_t)truth * confusion->classes + predicted];
}

void bg_confusion_count(struct bg_confusion *confusion, uint32_t truth, uint32_t predicted)
{
    assert(truth < confusion->classes && predicted < confusion->classes);
    ++*cell(confusion, truth, predicted);
}

void bg_confusion_add(struct bg_confusion *sum, const struct bg_confusion *part)
{
    assert(sum->classes == part->classes);
    for (size_t i = 0; i < (size_t)sum->classes * sum->classes; i++)
        sum->counts[i] += part->counts[i];
}

static double ratio(uint64_t numerator, uint64_t denominator)
{
    return denominator ? (double)numerator / (double)denominator : 0;
}

struct bg_class_score bg_confusion_class(const struct bg_confusion *confusion, uint32_t class_index)
{
    struct bg_class_score score = {0};
    uint64_t hits = *cell(confusion, class_index, class_index);
    for (uint32_t other = 0; other < confusion->classes; other++) {
        score.truths += *cell(confusion, class_index, other);
        score.predictions += *cell(confusion, other, class_index);
    }
    score.precision = ratio(hits, score.predictions);
    score.recall = ratio(hits, score.truths);
    score.f1 = ratio(2 * hits, score.truths + score.predictions);
    return score;
}

uint64_t bg_confusion_examples(const struct bg_confusion *confusion)
{
    uint64_t examples = 0;
    for (size_t i = 0; i < (size_t)confusion->classes * confusion->classes; i++)
        examples += confusion->counts[i];
    return examples;
}

double bg_confusion_accuracy(const struct bg_confusion *confusion)
{
    uint64_t hits = 0;
    for (uint32_t c = 0; c < confusion->classes; c++)
        hits += *cell(confusion, c, c);
    return ratio(hits, bg_confusion_examples(confusion));
}

double bg_confusion_macro_f1(const struct bg_confusion *confusion)
{
    double sum = 0;
    uint32_t present = 0;
    for (uint32_t c = 0; c < confusion->classes; c++) {
        struct bg_class_score score = bg_confusion_class(confusion, c);
        sum += score.truths ? score.f1 : 0;
        present += score.truths > 0;
    }
    return present ? sum / present : 0;
}

void bg_confusion_to_json(const struct bg_confusion *confusion, const char *const *class_names,
                          struct bg_json *object)
{
    bg_json_add_u64(object, "examples", bg_confusion_examples(confusion));
    bg_json_add_number(object, "accuracy", bg_confusion_accuracy(confusion));
    bg_json_add_number(object, "macro_f1", bg_confusion_macro_f1(confusion));
    struct bg_json *classes = bg_json_add_array(object, "classes");
    struct bg_json *rows = bg_json_add_array(object, "confusion");
    for (uint32_t c = 0; c < confusion->classes; c++) {
        struct bg_class_score score = bg_confusion_class(confusion, c);
        struct bg_json *entry = bg_json_add_object(classes, NULL);
        bg_json_add_string(entry, "name", class_names[c]);
        bg_json_add_u64(entry, "examples", score.truths);
        bg_json_add_u64(entry, "predictions", score.predictions);
        bg_json_add_number(entry, "precision", score.precision);
        bg_json_add_number(entry, "recall", score.recall);
        bg_json_add_number(entry, "f1", score.f1);
        struct bg_json *row = bg_json_add_array(rows, NULL);
        for (uint32_t other = 0; other < confusion->classes; other++)
            bg_json_add_u64(row, NULL, *cell(confusion, c, other));
    }
}

struct evaluation {
    float *scores; /* (BATCH, classes) */
    void *model_workspace;
};

static struct evaluation carve(const struct bg_model *model, struct bg_carver *carver)
{
    struct evaluation evaluation;
    evaluation.scores = bg_carve(carver, BATCH, model->classes * sizeof(float));
    evaluation.model_workspace = bg_carve(carver, 1, bg_model_workspace_size(model, BATCH));
    return evaluation;
}

size_t bg_evaluation_workspace_size(const struct bg_model *model)
{
    struct bg_carver carver = {0};
    carve(model, &carver);
    return carver.used;
}

static uint32_t largest(const float *scores, uint32_t classes, bool *finite)
{
    uint32_t best = 0;
    for (uint32_t c = 0; c < classes; c++) {
        *finite &= isfinite(scores[c]) != 0;
        best = scores[c] > scores[best] ? c : best;
    }
    return best;
}

enum bg_status bg_evaluate(const struct bg_model *model, const float *parameters, const struct bg_examples *examples,
                           void *workspace, struct bg_confusion *confusion, struct bg_error *error)
{
    struct evaluation evaluation = carve(model, &(struct bg_carver){.base = workspace});
    enum bg_status status = bg_model_check_examples(model, examples, error);
    if (status != BG_OK)
        return status;
    for (size_t first = 0; first < examples->count; first += BATCH) {
        size_t left = examples->count - first;
        struct bg_examples batch = bg_examples_slice(examples, first, left < BATCH ? left : BATCH);
        bool finite = true;
        bg_model_scores(model, parameters, &batch, evaluation.model_workspace, evaluation.scores);
        for (size_t i = 0; i < batch.count; i++)
            bg_confusion_count(confusion, bg_example_label(&batch, i),
                               largest(evaluation.scores + i * model->classes, model->classes, &finite));
        if (!finite) {
            status = bg_model_check_finite(&model->layout, parameters, "evaluated parameters", error);
            return status != BG_OK ? status
                                   : bg_fail(error, BG_NOT_FINITE,
                                             "scores of examples %zu to %zu are not finite: check the features",
                                             first, first + batch.count - 1);
        }
    }
    return BG_OK;
}
