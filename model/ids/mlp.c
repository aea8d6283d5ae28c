/* SPDX-License-Identifier: Apache-2.0 */
#include "model/ids/mlp.h"

#include "model/ids/product.h"
#include "model/loss.h"
#include "model/workspace.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_LAYERS (BG_MLP_MAX_HIDDEN + 1)

struct layer {
    size_t in, out;
    size_t weight, bias; /* offsets in the parameter block */
};

struct mlp {
    struct bg_model model; /* first: a bg_model * is a struct mlp * */
    void (*product)(const struct bg_product *product);
    size_t layer_count;
    struct layer layers[MAX_LAYERS];
};

/* One batch on its way through the layers. Rows are padded with zeros to bg_product_pad(width). */
struct pass {
    float *inputs[MAX_LAYERS + 1]; /* (batch, in) of layer l; the last are the logits */
    float *deltas[MAX_LAYERS + 1]; /* (batch, in): derivatives by inputs[l] before their ReLU; the first is unused */
    float *columns[MAX_LAYERS];    /* (in, out): the weight transposed */
    float *rows[MAX_LAYERS];       /* (out, in): the weight; the first is unused */
    float *biases[MAX_LAYERS];     /* (out) */
};

static const struct mlp *mlp_of(const struct bg_model *model)
{
    return (const struct mlp *)model;
}

static size_t width(const struct mlp *mlp, size_t l)
{
    return l < mlp->layer_count ? mlp->layers[l].in : mlp->layers[l - 1].out;
}

static struct pass carve(const struct mlp *mlp, size_t batch, struct bg_carver *carver)
{
    struct pass pass = {0};
    for (size_t l = 0; l <= mlp->layer_count; l++) {
        size_t row = bg_product_pad(width(mlp, l)) * sizeof(float);
        pass.inputs[l] = bg_carve(carver, batch, row);
        if (l > 0)
            pass.deltas[l] = bg_carve(carver, batch, row);
    }
    for (size_t l = 0; l < mlp->layer_count; l++) {
        const struct layer *layer = &mlp->layers[l];
        pass.columns[l] = bg_carve(carver, layer->in, bg_product_pad(layer->out) * sizeof(float));
        pass.biases[l] = bg_carve(carver, bg_product_pad(layer->out), sizeof(float));
        if (l > 0)
            pass.rows[l] = bg_carve(carver, layer->out, bg_product_pad(layer->in) * sizeof(float));
    }
    return pass;
}

static size_t mlp_workspace_size(const struct bg_model *model, size_t batch)
{
    struct bg_carver carver = {0};
    carve(mlp_of(model), batch, &carver);
    return carver.used;
}

static void mlp_initialise(const struct bg_model *model, struct bg_prng *prng, float *ret_parameters)
{
    const struct mlp *mlp = mlp_of(model);
    for (size_t l = 0; l < mlp->layer_count; l++) {
        const struct layer *layer = &mlp->layers[l];
        double gain = l + 1 < mlp->layer_count ? 6 : 3;
        double bound = sqrt(gain / (double)layer->in);
        for (size_t i = 0; i < layer->in * layer->out; i++)
            ret_parameters[layer->weight + i] = (float)(bound * (2 * bg_prng_uniform(prng) - 1));
        memset(ret_parameters + layer->bias, 0, layer->out * sizeof(float));
    }
}

/* (count, columns) rows copied to rows of bg_product_pad(columns), the rest zero. */
static void copy_padded(const float *from, size_t count, size_t columns, float *ret_rows)
{
    size_t padded = bg_product_pad(columns);
    for (size_t i = 0; i < count; i++) {
        memcpy(ret_rows + i * padded, from + i * columns, columns * sizeof(float));
        memset(ret_rows + i * padded + columns, 0, (padded - columns) * sizeof(float));
    }
}

/* (rows, columns) to (columns, padded rows). Sixteen outputs at a time are written through one cache line. */
static void transpose_padded(const float *from, size_t rows, size_t columns, float *ret_transposed)
{
    size_t padded = bg_product_pad(rows);
    for (size_t block = 0; block < padded; block += BG_PRODUCT_PADDING)
        for (size_t k = 0; k < columns; k++)
            for (size_t j = block; j < block + BG_PRODUCT_PADDING; j++)
                ret_transposed[k * padded + j] = j < rows ? from[j * columns + k] : 0;
}

static void prepare_weights(const struct mlp *mlp, const float *parameters, bool backward, const struct pass *pass)
{
    for (size_t l = 0; l < mlp->layer_count; l++) {
        const struct layer *layer = &mlp->layers[l];
        transpose_padded(parameters + layer->weight, layer->out, layer->in, pass->columns[l]);
        copy_padded(parameters + layer->bias, 1, layer->out, pass->biases[l]);
        if (backward && l > 0)
            copy_padded(parameters + layer->weight, layer->out, layer->in, pass->rows[l]);
    }
}

/* NaN stays NaN, so that it reaches the loss. */
static void rectify(float *values, size_t count)
{
    for (size_t i = 0; i < count; i++)
        values[i] = values[i] < 0 ? 0 : values[i];
}

/* The derivative of rectify at its results. */
static void rectify_backward(const float *restrict results, size_t count, float *restrict delta)
{
    for (size_t i = 0; i < count; i++)
        delta[i] = results[i] > 0 ? delta[i] : 0;
}

static void forward(const struct mlp *mlp, const struct bg_examples *batch, const struct pass *pass)
{
    size_t padded = bg_product_pad(mlp->layers[0].in);
    for (size_t i = 0; i < batch->count; i++)
        copy_padded(bg_example_features(batch, i), 1, batch->columns, pass->inputs[0] + i * padded);
    for (size_t l = 0; l < mlp->layer_count; l++) {
        const struct layer *layer = &mlp->layers[l];
        size_t in = bg_product_pad(layer->in);
        size_t out = bg_product_pad(layer->out);
        float *outputs = pass->inputs[l + 1];
        mlp->product(&(struct bg_product){
            .rows = batch->count, .columns = out, .depth = layer->in,
            .a = pass->inputs[l], .a_row = in, .a_step = 1,
            .b = pass->columns[l], .b_row = out,
            .start = pass->biases[l],
            .c = outputs, .c_row = out,
        });
        if (l + 1 < mlp->layer_count)
            rectify(outputs, batch->count * out);
    }
}

static double loss_and_delta(const struct mlp *mlp, const struct bg_examples *batch, const struct bg_loss *loss,
                             const struct pass *pass)
{
    size_t classes = mlp->model.classes;
    size_t padded = bg_product_pad(classes);
    double sum = 0;
    double share = 1 / (double)batch->count;
    for (size_t i = 0; i < batch->count; i++) {
        uint16_t label = bg_example_label(batch, i);
        float *delta = pass->deltas[mlp->layer_count] + i * padded;
        sum += bg_cross_entropy(loss, pass->inputs[mlp->layer_count] + i * padded, classes, label, share, delta);
        memset(delta + classes, 0, (padded - classes) * sizeof(float));
    }
    return sum * share;
}

/* Sums of rows (count, columns) that lie `padded` apart. */
static void sum_rows(const float *restrict rows, size_t count, size_t columns, size_t padded, float *restrict ret_sums)
{
    memset(ret_sums, 0, columns * sizeof *ret_sums);
    for (size_t i = 0; i < count; i++)
        for (size_t j = 0; j < columns; j++)
            ret_sums[j] += rows[i * padded + j];
}

static void weight_gradient(const struct mlp *mlp, size_t l, size_t count, const struct pass *pass,
                            float *ret_gradient)
{
    const struct layer *layer = &mlp->layers[l];
    const float *delta = pass->deltas[l + 1];
    size_t out = bg_product_pad(layer->out);
    mlp->product(&(struct bg_product){
        .rows = layer->out, .columns = layer->in, .depth = count,
        .a = delta, .a_row = 1, .a_step = out,
        .b = pass->inputs[l], .b_row = bg_product_pad(layer->in),
        .c = ret_gradient + layer->weight, .c_row = layer->in,
    });
    sum_rows(delta, count, layer->out, out, ret_gradient + layer->bias);
}

/* deltas[l] from deltas[l + 1], through the weight and the ReLU under it. */
static void delta_backward(const struct mlp *mlp, size_t l, size_t count, const struct pass *pass)
{
    const struct layer *layer = &mlp->layers[l];
    size_t in = bg_product_pad(layer->in);
    mlp->product(&(struct bg_product){
        .rows = count, .columns = in, .depth = layer->out,
        .a = pass->deltas[l + 1], .a_row = bg_product_pad(layer->out), .a_step = 1,
        .b = pass->rows[l], .b_row = in,
        .c = pass->deltas[l], .c_row = in,
    });
    rectify_backward(pass->inputs[l], count * in, pass->deltas[l]);
}

static double mlp_gradient(const struct bg_model *model, const float *parameters, const struct bg_examples *batch,
                           const struct bg_loss *loss, void *workspace, float *ret_gradient)
{
    const struct mlp *mlp = mlp_of(model);
    struct pass pass = carve(mlp, batch->count, &(struct bg_carver){.base = workspace});
    prepare_weights(mlp, parameters, true, &pass);
    forward(mlp, batch, &pass);
    double value = loss_and_delta(mlp, batch, loss, &pass);
    for (size_t l = mlp->layer_count; l-- > 0;) {
        weight_gradient(mlp, l, batch->count, &pass, ret_gradient);
        if (l > 0)
            delta_backward(mlp, l, batch->count, &pass);
    }
    return value;
}

static void mlp_scores(const struct bg_model *model, const float *parameters, const struct bg_examples *batch,
                       void *workspace, float *ret_scores)
{
    const struct mlp *mlp = mlp_of(model);
    size_t padded = bg_product_pad(model->classes);
    struct pass pass = carve(mlp, batch->count, &(struct bg_carver){.base = workspace});
    prepare_weights(mlp, parameters, false, &pass);
    forward(mlp, batch, &pass);
    for (size_t i = 0; i < batch->count; i++)
        memcpy(ret_scores + i * model->classes, pass.inputs[mlp->layer_count] + i * padded,
               model->classes * sizeof(float));
}

static void mlp_destroy(struct bg_model *model)
{
    bg_layout_finish(&model->layout);
    free(model);
}

static const struct bg_model_ops mlp_ops = {
    .initialise = mlp_initialise,
    .workspace_size = mlp_workspace_size,
    .scores = mlp_scores,
    .gradient = mlp_gradient,
    .destroy = mlp_destroy,
};

static enum bg_status add_layer(struct mlp *mlp, uint32_t in, uint32_t out, struct bg_error *error)
{
    char name[BG_TENSOR_NAME_BYTES];
    struct bg_layout *layout = &mlp->model.layout;
    struct layer layer = {.in = in, .out = out, .weight = layout->coordinates};
    snprintf(name, sizeof name, "layers.%zu.weight", mlp->layer_count);
    enum bg_status status = bg_layout_add(layout, name, 2, (uint32_t[]){out, in}, error);
    if (status != BG_OK)
        return status;
    layer.bias = layout->coordinates;
    snprintf(name, sizeof name, "layers.%zu.bias", mlp->layer_count);
    status = bg_layout_add(layout, name, 1, (uint32_t[]){out}, error);
    mlp->layers[mlp->layer_count++] = layer;
    return status;
}

static void write_spec(const uint32_t *hidden, size_t hidden_count, char ret_spec[static BG_MODEL_SPEC_BYTES])
{
    /* Eight widths of five digits and their separators fit. */
    size_t used = (size_t)snprintf(ret_spec, BG_MODEL_SPEC_BYTES, hidden_count ? "mlp" : "linear");
    for (size_t l = 0; l < hidden_count; l++)
        used += (size_t)snprintf(ret_spec + used, BG_MODEL_SPEC_BYTES - used, "%c%u", l ? '-' : ':', hidden[l]);
}

enum bg_status bg_mlp_create(uint32_t columns, const uint32_t *hidden, size_t hidden_count, uint32_t classes,
                             struct bg_error *error, struct bg_model **ret_model)
{
    struct mlp *mlp = calloc(1, sizeof *mlp);
    if (!mlp)
        return bg_fail(error, BG_NO_MEMORY, "no memory for a model description");
    mlp->model = (struct bg_model){.ops = &mlp_ops, .columns = columns, .classes = classes};
    mlp->product = bg_product_choose()->run;
    bg_layout_init(&mlp->model.layout);
    write_spec(hidden, hidden_count, mlp->model.spec);
    uint32_t in = columns;
    for (size_t l = 0; l <= hidden_count; l++) {
        uint32_t out = l < hidden_count ? hidden[l] : classes;
        enum bg_status status = add_layer(mlp, in, out, error);
        if (status != BG_OK) {
            mlp_destroy(&mlp->model);
            return status;
        }
        in = out;
    }
    *ret_model = &mlp->model;
    return BG_OK;
}
