/* SPDX-License-Identifier: Apache-2.0 */
#include "client/learner.h"

#include <stdlib.h>

void bg_learner_finish(struct bg_learner *learner)
{
    bg_trusted_plan_finish(&learner->plan);
    bg_codec_update_finish(&learner->codec);
    free(learner->momentum);
    *learner = (struct bg_learner){0};
}

enum bg_status bg_learner_adopt(struct bg_learner *learner, struct bg_trusted_plan *plan)
{
    const struct bg_layout *layout = &plan->plan.root.layout;
    bool same = bg_learner_has_plan(learner) && bg_layout_equal(&learner->plan.plan.root.layout, layout);
    bool with_momentum = plan->plan.root.codec.client_momentum > 0;
    struct bg_codec_update codec = learner->codec;
    float *momentum = same && with_momentum ? learner->momentum : NULL;
    float *fresh = with_momentum && !momentum ? calloc(layout->coordinates, sizeof *fresh) : NULL;
    if (with_momentum && !momentum && !fresh)
        return BG_NO_MEMORY;
    if (!same && bg_codec_update_init(&codec, layout) != BG_OK) {
        free(fresh);
        return BG_NO_MEMORY;
    }
    if (!same)
        bg_codec_update_finish(&learner->codec);
    if (!momentum)
        free(learner->momentum);
    bg_trusted_plan_finish(&learner->plan);
    *learner = (struct bg_learner){.plan = *plan, .codec = codec, .momentum = momentum ? momentum : fresh};
    return BG_OK;
}
