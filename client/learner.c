/* SPDX-License-Identifier: Apache-2.0 */
#include "client/learner.h"

#include <stdlib.h>

void bg_learner_finish(struct bg_learner *learner)
{
    bg_trusted_plan_finish(&learner->plan);
    bg_codec_update_finish(&learner->codec);
    free(learner->momentum);
    free(learner->drift);
    *learner = (struct bg_learner){0};
}

/* What there is, or zeros; NULL if none is wanted, or out of memory. */
static float *carry(float *had, bool wanted, bool same, size_t coordinates)
{
    if (!wanted)
        return NULL;
    return had && same ? had : calloc(coordinates, sizeof *had);
}

static void replace(float **array, float *with)
{
    if (*array != with)
        free(*array);
    *array = with;
}

enum bg_status bg_learner_adopt(struct bg_learner *learner, struct bg_trusted_plan *plan)
{
    const struct bg_root_part *root = &plan->plan.root;
    const struct bg_layout *layout = &root->layout;
    bool same = bg_learner_has_plan(learner) && bg_layout_equal(&learner->plan.plan.root.layout, layout);
    bool with_momentum = root->codec.client_momentum > 0, with_drift = root->training.drift_memory > 0;
    struct bg_codec_update codec = learner->codec;
    float *momentum = carry(learner->momentum, with_momentum, same, layout->coordinates);
    float *drift = carry(learner->drift, with_drift, same, layout->coordinates);
    if ((with_momentum && !momentum) || (with_drift && !drift) ||
        (!same && bg_codec_update_init(&codec, layout) != BG_OK)) {
        if (momentum != learner->momentum)
            free(momentum);
        if (drift != learner->drift)
            free(drift);
        return BG_NO_MEMORY;
    }
    if (!same)
        bg_codec_update_finish(&learner->codec);
    bg_trusted_plan_finish(&learner->plan);
    learner->plan = *plan;
    learner->codec = codec;
    replace(&learner->momentum, momentum);
    replace(&learner->drift, drift);
    return BG_OK;
}
