/* SPDX-License-Identifier: Apache-2.0 */
#include "model/model.h"

#include "base/options.h"
#include "model/ids/mlp.h"

#include <math.h>
#include <string.h>

static const struct {
    const char *name;
    const char *spec;
} presets[] = {
    {"mlp-128-64", "mlp:128-64"},
    {"mlp-64-32", "mlp:64-32"},
};

static const char *preset_spec(const char *name)
{
    for (size_t i = 0; i < sizeof presets / sizeof *presets; i++)
        if (strcmp(name, presets[i].name) == 0)
            return presets[i].spec;
    return name;
}

/* "128-64" into widths; false unless it is one to BG_MLP_MAX_HIDDEN of them. */
static bool parse_widths(const char *text, uint32_t ret_widths[static BG_MLP_MAX_HIDDEN], size_t *ret_count)
{
    for (size_t count = 0; count < BG_MLP_MAX_HIDDEN; text++) {
        char number[16];
        uint64_t width;
        size_t digits = strcspn(text, "-");
        if (digits >= sizeof number)
            return false;
        memcpy(number, text, digits);
        number[digits] = '\0';
        if (bg_parse_u64(number, 1, BG_MLP_MAX_WIDTH, &width) != BG_OK)
            return false;
        ret_widths[count++] = (uint32_t)width;
        text += digits;
        if (*text == '\0') {
            *ret_count = count;
            return true;
        }
    }
    return false;
}

enum bg_status bg_model_create(const char *spec, size_t columns, uint32_t classes, struct bg_error *error,
                               struct bg_model **ret_model)
{
    uint32_t hidden[BG_MLP_MAX_HIDDEN];
    size_t hidden_count = 0;
    const char *general = preset_spec(spec);
    if (columns == 0 || columns > BG_MODEL_MAX_COLUMNS)
        return bg_fail(error, BG_INVALID, "model %s: %zu features, give 1 to %d", spec, columns, BG_MODEL_MAX_COLUMNS);
    if (classes < 2 || classes > BG_MODEL_MAX_CLASSES)
        return bg_fail(error, BG_INVALID, "model %s: %u classes, give 2 to %d", spec, classes, BG_MODEL_MAX_CLASSES);
    if (strcmp(general, "linear") != 0 &&
        (strncmp(general, "mlp:", 4) != 0 || !parse_widths(general + 4, hidden, &hidden_count)))
        return bg_fail(error, BG_INVALID,
                       "model \"%s\" is not known: give linear, mlp-128-64, mlp-64-32, or mlp:WIDTH-WIDTH… with "
                       "1 to %d hidden widths of 1 to %d",
                       spec, BG_MLP_MAX_HIDDEN, BG_MLP_MAX_WIDTH);
    return bg_mlp_create((uint32_t)columns, hidden, hidden_count, classes, error, ret_model);
}

void bg_model_destroy(struct bg_model **model)
{
    if (*model)
        (*model)->ops->destroy(*model);
    *model = NULL;
}

void bg_model_initialise(const struct bg_model *model, struct bg_prng *prng, float *ret_parameters)
{
    model->ops->initialise(model, prng, ret_parameters);
}

size_t bg_model_workspace_size(const struct bg_model *model, size_t batch)
{
    return model->ops->workspace_size(model, batch);
}

void bg_model_scores(const struct bg_model *model, const float *parameters, const struct bg_examples *batch,
                     void *workspace, float *ret_scores)
{
    model->ops->scores(model, parameters, batch, workspace, ret_scores);
}

double bg_model_gradient(const struct bg_model *model, const float *parameters, const struct bg_examples *batch,
                         const struct bg_loss *loss, void *workspace, float *ret_gradient)
{
    return model->ops->gradient(model, parameters, batch, loss, workspace, ret_gradient);
}

enum bg_status bg_model_check_finite(const struct bg_layout *layout, const float *values, const char *what,
                                     struct bg_error *error)
{
    for (size_t t = 0; t < layout->tensor_count; t++) {
        const struct bg_tensor *tensor = &layout->tensors[t];
        for (size_t i = 0; i < tensor->count; i++)
            if (!isfinite(values[tensor->offset + i]))
                return bg_fail(error, BG_NOT_FINITE, "%s: tensor %s holds NaN or infinity at index %zu", what,
                               tensor->name, i);
    }
    return BG_OK;
}

enum bg_status bg_model_check_examples(const struct bg_model *model, const struct bg_examples *examples,
                                       struct bg_error *error)
{
    if (examples->columns != model->columns)
        return bg_fail(error, BG_INVALID, "model %s takes %u features, the examples have %zu", model->spec,
                       model->columns, examples->columns);
    if (examples->classes != model->classes)
        return bg_fail(error, BG_INVALID, "model %s tells %u classes apart, the examples have %u", model->spec,
                       model->classes, examples->classes);
    return BG_OK;
}
