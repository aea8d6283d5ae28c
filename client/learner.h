/* SPDX-License-Identifier: Apache-2.0 */
/* What a client carries from round to round: the plan it learns under, its residual, its momentum and its drift. */
#pragma once

#include "client/documents.h"

/* Zeroed: no plan yet, hence nothing else. */
struct bg_learner {
    struct bg_trusted_plan plan;
    struct bg_codec_update codec; /* `sums` is the residual e; p while an update is out */
    float *momentum;              /* (coordinates); NULL unless the plan asks for it */
    float *drift;                 /* (coordinates) h of client/jobs.h; the same */
};

void bg_learner_finish(struct bg_learner *learner);
static inline bool bg_learner_has_plan(const struct bg_learner *learner)
{
    return learner->codec.sums != NULL;
}
/* Takes a plan while no update is out. Its numbers survive a plan over the same tensors; otherwise they begin at zero.
 * BG_NO_MEMORY: nothing has changed. */
BG_MUST_CHECK enum bg_status bg_learner_adopt(struct bg_learner *learner, struct bg_trusted_plan *plan);
