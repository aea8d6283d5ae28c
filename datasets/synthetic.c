/* SPDX-License-Identifier: Apache-2.0 */
#include "datasets/synthetic.h"

#include "base/math.h"
#include "base/prng.h"
#include "datasets/schema.h"
#include "datasets/traffic.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define COLUMNS 83
#define HEADER_BYTES 20
#define LONGEST_US 1.2e8 /* CICFlowMeter ends a flow after 120 s */
#define MOST_PACKETS 20000.0
#define LARGEST_PAYLOAD 11680.0
#define IDLE_US 5e6 /* a longer gap ends an active period */

/* What a set of values looks like. */
struct spread {
    double total, mean, deviation, most, least;
};

struct side {
    double packets;
    struct spread payload;
    struct spread gaps;
    double push, reset, window;
};

struct flow {
    double port, protocol, duration;
    struct side forward, backward;
    struct spread payload, gaps;
    double fin, syn, urgent;
};

static double bounded(double x, double least, double most)
{
    return x < least ? least : x > most ? most : x;
}

/* Numbers with a given mean and coefficient of variation: their extremes are drawn, in agreement with the
 * count. */
static struct spread draw_spread(double count, double mean, double variation, double most,
                                 struct bg_prng *prng)
{
    if (count < 1)
        return (struct spread){0};
    struct spread spread = {.mean = mean, .most = mean, .least = mean, .total = mean * count};
    if (count < 2)
        return spread;
    double relative = variation * (0.7 + 0.6 * bg_prng_uniform(prng));
    double reach = sqrt(count) < 4 ? sqrt(count) : 4;
    spread.deviation = mean * (relative < reach ? relative : reach);
    spread.most = floor(
        bounded(mean + spread.deviation * (1 + 0.4 * reach * bg_prng_uniform(prng)), mean, most));
    spread.least = floor(mean - bounded(spread.deviation * (0.6 + 0.8 * bg_prng_uniform(prng)), 0, mean));
    return spread;
}

static struct side draw_side(double packets, const struct bg_lognormal *size, const struct bg_traffic *kind,
                             double window, double duration, struct bg_prng *prng)
{
    struct side side = {.packets = packets, .window = window};
    double payload = bounded(floor(bg_lognormal_draw(size, prng)), 0, LARGEST_PAYLOAD);
    side.payload = draw_spread(packets, payload, kind->variety, LARGEST_PAYLOAD, prng);
    side.payload.total = floor(side.payload.total);
    if (packets >= 2) {
        double span = duration * (0.9 + 0.1 * bg_prng_uniform(prng));
        side.gaps = draw_spread(packets - 1, span / (packets - 1), kind->burst, span, prng);
    }
    side.push = kind->udp ? 0 : floor(packets * kind->push * (0.5 + bg_prng_uniform(prng)) * (payload >= 1));
    side.reset = !kind->udp && bg_prng_uniform(prng) < kind->reset / 2;
    return side;
}

static double draw_port(const struct bg_traffic *kind, struct bg_prng *prng)
{
    size_t count = 0;
    while (count < sizeof kind->ports / sizeof *kind->ports && kind->ports[count])
        count++;
    if (count > 0)
        return kind->ports[bg_prng_below(prng, count)];
    uint64_t highest = bg_prng_uniform(prng) < 0.5 ? 1024 : 65535;
    return (double)(1 + bg_prng_below(prng, highest));
}

static struct flow draw_flow(const struct bg_traffic *kind, struct bg_prng *prng)
{
    struct flow flow = {.port = draw_port(kind, prng), .protocol = kind->udp ? 17 : 6};
    double load = bg_exp(0.3 * bg_prng_normal(prng)); /* a busy flow has more packets and lasts longer */
    flow.duration = bounded(floor(load * bg_lognormal_draw(&kind->duration, prng)), 1, LONGEST_US);
    double sent = bounded(floor(load * bg_lognormal_draw(&kind->requests, prng) + 0.5), 1, MOST_PACKETS);
    double answered = floor(sent * bg_lognormal_draw(&kind->answers, prng) + 0.5);
    answered = bounded(answered, 0, MOST_PACKETS);
    flow.forward = draw_side(sent, &kind->request_size, kind, kind->windows[0], flow.duration, prng);
    flow.backward = draw_side(answered, &kind->answer_size, kind, kind->windows[1], flow.duration, prng);
    double packets = sent + answered;
    const struct spread *a = &flow.forward.payload, *b = &flow.backward.payload;
    flow.payload.total = a->total + b->total;
    flow.payload.mean = flow.payload.total / packets;
    flow.payload.most = a->most > b->most ? a->most : b->most;
    flow.payload.least = answered >= 1 && b->least < a->least ? b->least : a->least;
    double between = (a->mean - b->mean) * (a->mean - b->mean) * (sent / packets) * (answered / packets);
    double within = (sent * a->deviation * a->deviation + answered * b->deviation * b->deviation) / packets;
    flow.payload.deviation = sqrt(within + between);
    if (packets >= 2)
        flow.gaps = draw_spread(packets - 1, flow.duration / (packets - 1), kind->burst, flow.duration, prng);
    if (!kind->udp) {
        flow.syn = 2 * (bg_prng_uniform(prng) < kind->handshake);
        flow.fin = 2 * (bg_prng_uniform(prng) < kind->handshake);
        flow.urgent = bg_prng_uniform(prng) < 0.002;
    }
    return flow;
}

static float *put(float *at, double value)
{
    *at = (float)value;
    return at + 1;
}

/* most, least, mean, deviation */
static float *put_sizes(float *at, const struct spread *spread)
{
    at = put(at, spread->most);
    at = put(at, spread->least);
    at = put(at, spread->mean);
    return put(at, spread->deviation);
}

/* mean, deviation, most, least */
static float *put_times(float *at, const struct spread *spread)
{
    at = put(at, spread->mean);
    at = put(at, spread->deviation);
    at = put(at, spread->most);
    return put(at, spread->least);
}

/* Bulk transfers: CICFlowMeter counts four or more packets with data in a row. */
static float *put_bulk(float *at, const struct side *side, double duration)
{
    bool bulk = side->packets >= 8 && side->payload.mean > 200;
    at = put(at, bulk ? floor(side->payload.total / 2) : 0);
    at = put(at, bulk ? floor(side->packets / 2) : 0);
    return put(at, bulk ? floor(side->payload.total / (duration * 1e-6)) : 0);
}

static float *put_volume(float *at, const struct flow *flow)
{
    const struct side *forward = &flow->forward, *backward = &flow->backward;
    double seconds = flow->duration * 1e-6;
    at = put(at, flow->port);
    at = put(at, flow->protocol);
    at = put(at, flow->duration);
    at = put(at, forward->packets);
    at = put(at, backward->packets);
    at = put(at, forward->payload.total);
    at = put(at, backward->payload.total);
    at = put_sizes(at, &forward->payload);
    at = put_sizes(at, &backward->payload);
    at = put(at, flow->payload.total / seconds);
    return put(at, (forward->packets + backward->packets) / seconds);
}

static float *put_gaps(float *at, const struct flow *flow)
{
    at = put_times(at, &flow->gaps);
    at = put(at, flow->forward.gaps.total);
    at = put_times(at, &flow->forward.gaps);
    at = put(at, flow->backward.gaps.total);
    return put_times(at, &flow->backward.gaps);
}

static float *put_sides(float *at, const struct flow *flow)
{
    const struct side *forward = &flow->forward, *backward = &flow->backward;
    double seconds = flow->duration * 1e-6;
    double header = flow->protocol == 6 ? 1.3 * HEADER_BYTES : 8;
    at = put(at, forward->push);
    at = put(at, backward->push);
    at = put(at, flow->urgent);
    at = put(at, 0);
    at = put(at, forward->reset);
    at = put(at, backward->reset);
    at = put(at, floor(header * forward->packets));
    at = put(at, floor(header * backward->packets));
    at = put(at, forward->packets / seconds);
    at = put(at, backward->packets / seconds);
    at = put(at, flow->payload.least);
    at = put(at, flow->payload.most);
    at = put(at, flow->payload.mean);
    at = put(at, flow->payload.deviation);
    return put(at, flow->payload.deviation * flow->payload.deviation);
}

static float *put_flags(float *at, const struct flow *flow)
{
    const struct side *forward = &flow->forward, *backward = &flow->backward;
    double packets = forward->packets + backward->packets;
    at = put(at, flow->fin);
    at = put(at, flow->syn);
    at = put(at, forward->reset + backward->reset);
    at = put(at, forward->push + backward->push);
    at = put(at, flow->protocol == 6 ? packets - (flow->syn > 0) : 0);
    at = put(at, flow->urgent);
    at = put(at, 0);
    at = put(at, 0);
    at = put(at, backward->packets / forward->packets);
    at = put(at, flow->payload.mean);
    at = put(at, forward->payload.mean);
    return put(at, backward->payload.mean);
}

static float *put_rest(float *at, const struct flow *flow)
{
    const struct side *forward = &flow->forward, *backward = &flow->backward;
    double packets = forward->packets + backward->packets;
    at = put_bulk(at, forward, flow->duration);
    at = put_bulk(at, backward, flow->duration);
    at = put(at, floor(forward->packets / packets));
    at = put(at, floor(forward->payload.total / packets));
    at = put(at, floor(backward->packets / packets));
    at = put(at, floor(backward->payload.total / packets));
    at = put(at, forward->window);
    at = put(at, backward->packets >= 1 ? backward->window : 0);
    at = put(at, forward->payload.mean >= 1 ? forward->packets - 1 : 0);
    at = put(at, flow->protocol == 6 ? HEADER_BYTES : 8);
    bool idle = flow->gaps.most > IDLE_US;
    struct spread pauses = {0}, active = {0};
    if (idle) {
        double pause = flow->gaps.most;
        double work = (flow->duration - pause) / 4;
        pauses = (struct spread){0, 0.8 * pause, 0.2 * pause, pause, 0.6 * pause};
        active = (struct spread){0, work, work / 2, 2 * work, work / 2};
    }
    at = put_times(at, &active);
    at = put_times(at, &pauses);
    at = put(at, -1);
    at = put(at, -1);
    return put(at, flow->protocol == 6 ? flow->duration : 0);
}

static void write_features(const struct flow *flow, float features[static COLUMNS])
{
    float *at = put_volume(features, flow);
    at = put_gaps(at, flow);
    at = put_sides(at, flow);
    at = put_flags(at, flow);
    at = put_rest(at, flow);
    (void)at;
}

struct mixture {
    const struct bg_traffic *kinds;
    size_t count;
    double *until; /* cumulated weights; a dropped kind adds nothing */
    uint16_t *classes;
};

static enum bg_status mixture_init(struct mixture *mixture, const struct bg_label_map *map,
                                   struct bg_error *error)
{
    mixture->kinds = bg_traffic_kinds(&mixture->count);
    mixture->until = calloc(mixture->count, sizeof *mixture->until);
    mixture->classes = calloc(mixture->count, sizeof *mixture->classes);
    if (!mixture->until || !mixture->classes)
        return bg_fail(error, BG_NO_MEMORY, "no memory for synthetic flows");
    double sum = 0;
    for (size_t i = 0; i < mixture->count; i++) {
        const char *label = mixture->kinds[i].label;
        if (bg_label_map_find(map, label, strlen(label), &mixture->classes[i]))
            return bg_fail(error, BG_NOT_FOUND, "the label map %s does not know CIC-IDS2017's label \"%s\"",
                           map->name, label);
        if (mixture->classes[i] != BG_LABEL_DROPPED)
            sum += mixture->kinds[i].weight;
        mixture->until[i] = sum;
    }
    if (!(sum > 0))
        return bg_fail(error, BG_INVALID, "the label map %s drops every kind of synthetic traffic",
                       map->name);
    return BG_OK;
}

static void mixture_finish(struct mixture *mixture)
{
    free(mixture->until);
    free(mixture->classes);
}

/* The first kind whose cumulated weight lies above the draw: never a dropped one, but where a draw is rounded
 * up to the sum itself. */
static size_t mixture_draw(const struct mixture *mixture, struct bg_prng *prng)
{
    double draw = bg_prng_uniform(prng) * mixture->until[mixture->count - 1];
    size_t i = 0;
    while (i + 1 < mixture->count && mixture->until[i] <= draw)
        i++;
    while (mixture->classes[i] == BG_LABEL_DROPPED)
        i--;
    return i;
}

static enum bg_status generate(const struct mixture *mixture, const struct bg_synthetic_settings *settings,
                               struct bg_error *error, struct bg_dataset *dataset)
{
    for (size_t i = 0; i < settings->rows; i++) {
        struct bg_prng prng;
        bg_prng_init_stream(&prng, settings->seed, "synthetic flow", i);
        size_t k = mixture_draw(mixture, &prng);
        const struct bg_traffic *kind = &mixture->kinds[k];
        if (bg_prng_uniform(&prng) < kind->stealthy)
            kind = &mixture->kinds[0];
        struct flow flow = draw_flow(kind, &prng);
        float features[COLUMNS];
        write_features(&flow, features);
        float *row = bg_dataset_next(dataset);
        if (!row)
            return bg_fail(error, BG_NO_MEMORY, "no memory for %zu synthetic flows", settings->rows);
        memcpy(row, features + settings->drop_port, dataset->columns * sizeof *row);
        bg_dataset_push(dataset, mixture->classes[k]);
    }
    return BG_OK;
}

/* A data set without rows, with the columns of the improved release. */
static enum bg_status begin(const struct bg_synthetic_settings *settings, struct bg_error *error,
                            struct bg_dataset *ret_dataset)
{
    const struct bg_schema_settings choices = {.drop_port = settings->drop_port};
    struct bg_schema schema;
    enum bg_status status = bg_schema_load("cicids2017", &choices, error, &schema);
    if (status)
        return status;
    status = bg_dataset_init(ret_dataset, schema.feature_names, schema.feature_count,
                             settings->labels->class_names, settings->labels->classes, error);
    bg_schema_finish(&schema);
    return status;
}

enum bg_status bg_synthetic_generate(const struct bg_synthetic_settings *settings, struct bg_error *error,
                                     struct bg_dataset *ret_dataset)
{
    if (settings->rows == 0 || settings->rows > BG_DATASET_MAX_ROWS)
        return bg_fail(error, BG_INVALID, "synthetic data need 1 to 2^32-1 rows");
    struct bg_dataset dataset;
    enum bg_status status = begin(settings, error, &dataset);
    if (status)
        return status;
    dataset.synthetic = true;
    struct mixture mixture = {0};
    status = mixture_init(&mixture, settings->labels, error);
    if (!status)
        status = generate(&mixture, settings, error, &dataset);
    mixture_finish(&mixture);
    char text[200];
    snprintf(text, sizeof text, "synthetic flows with CIC-IDS2017's columns, seed %llu, label map %.100s",
             (unsigned long long)settings->seed, settings->labels->name);
    if (!status && (bg_dataset_set_provenance(&dataset, text) ||
                    bg_dataset_set_label_map(&dataset, settings->labels->name)))
        status = bg_fail(error, BG_NO_MEMORY, "no memory for synthetic flows");
    if (status) {
        bg_dataset_finish(&dataset);
        return status;
    }
    bg_dataset_trim(&dataset);
    *ret_dataset = dataset;
    return BG_OK;
}
