/* SPDX-License-Identifier: Apache-2.0 */
#include "wire/task.h"

#include "base/layout.h"
#include "wire/decoder.h"

#include <float.h>

#define TENSOR_BYTES (1 + 8 + 8)

const char *bg_task_stage_name(enum bg_task_stage stage)
{
    static const char *const names[BG_STAGE_COUNT] = {"learning", "scales", "moments", "covariance"};
    return stage < BG_STAGE_COUNT ? names[stage] : "?";
}

void bg_task_encode_unsigned(struct bg_writer *w, const struct bg_population *population,
                             const struct bg_digest *plan_id, const struct bg_task *task)
{
    size_t start = bg_frame_begin(w, BG_FRAME_TASK, population, plan_id);
    bg_write_u64(w, task->round);
    bg_write_u32(w, task->attempt);
    bg_write_u64(w, task->epoch);
    bg_write_digest(w, &task->model);
    bg_write_digest(w, &task->receipt);
    bg_write_u8(w, (uint8_t)task->stage);
    bg_write_f64(w, task->learning_rate);
    bg_write_u32(w, task->steps);
    bg_write_u32(w, task->window_first);
    bg_write_u32(w, task->window_rest);
    bg_write_u64(w, task->deadline_ns);
    bg_write_u64(w, task->tensor_count);
    for (size_t i = 0; i < task->tensor_count; i++) {
        bg_write_u8(w, task->travels[i]);
        bg_write_f64(w, task->scales[i]);
        bg_write_f64(w, task->centres[i]);
    }
    bg_write_u64(w, task->invited_count);
    for (size_t i = 0; i < task->invited_count; i++)
        bg_write_u32(w, task->invited[i]);
    bg_frame_end_unsigned(w, start);
}

static void decode_tensors(struct bg_decoder *d, struct bg_arena *arena, struct bg_task *task)
{
    task->tensor_count = bg_read_count(&d->reader, BG_LAYOUT_MAX_TENSORS, TENSOR_BYTES);
    bool *travels = bg_decoder_alloc(d, arena, task->tensor_count, sizeof *travels);
    double *scales = bg_decoder_alloc(d, arena, task->tensor_count, sizeof *scales);
    double *centres = bg_decoder_alloc(d, arena, task->tensor_count, sizeof *centres);
    for (size_t i = 0; i < task->tensor_count && bg_decoder_ok(d); i++) {
        travels[i] = bg_decode_bool(d, "whether a tensor travels must be 0 or 1");
        scales[i] = bg_decode_real(d, DBL_TRUE_MIN, DBL_MAX, "a scale must be finite and above 0");
        centres[i] = bg_decode_real(d, -DBL_MAX, DBL_MAX, "a centre must be finite");
    }
    task->travels = travels;
    task->scales = scales;
    task->centres = centres;
}

static void decode_invited(struct bg_decoder *d, struct bg_arena *arena, struct bg_task *task)
{
    task->invited_count = bg_read_count(&d->reader, BG_MAX_GROUPS, sizeof *task->invited);
    uint32_t *invited = bg_decoder_alloc(d, arena, task->invited_count, sizeof *invited);
    for (size_t i = 0; i < task->invited_count && bg_decoder_ok(d); i++) {
        invited[i] = bg_decode_u32(d, 0, BG_MAX_GROUPS - 1, "an invited group has an index that no group can have");
        bg_require(d, i == 0 || invited[i] > invited[i - 1], BG_DECODE, "the invited groups must ascend");
    }
    task->invited = invited;
}

enum bg_status bg_task_decode(const struct bg_frame *frame, struct bg_arena *arena, struct bg_error *error,
                              struct bg_task *ret)
{
    struct bg_decoder d;
    struct bg_reader *r = &d.reader;
    struct bg_task task = {0};
    bg_decoder_init(&d, "task", frame->body);
    bg_require(&d, frame->type == BG_FRAME_TASK, BG_DECODE, "the frame is of another type");
    task.round = bg_read_u64(r);
    task.attempt = bg_read_u32(r);
    task.epoch = bg_read_u64(r);
    task.model = bg_read_digest(r);
    task.receipt = bg_read_digest(r);
    task.stage = bg_decode_choice(&d, BG_STAGE_LEARNING, BG_STAGE_COUNT - 1, "the stage is not a known one");
    task.learning_rate = bg_decode_real(&d, 0, DBL_MAX, "the learning rate must be finite and 0 or more");
    task.steps = bg_decode_u32(&d, 1, BG_MAX_STEPS, "the steps must be 1 to 1048576");
    task.window_first = bg_read_u32(r);
    task.window_rest = bg_read_u32(r);
    task.deadline_ns = bg_read_u64(r);
    decode_tensors(&d, arena, &task);
    decode_invited(&d, arena, &task);
    (void)bg_read_span(r, BG_SIGNATURE_BYTES);
    enum bg_status status = bg_decoder_end(&d, error);
    if (status == BG_OK)
        *ret = task;
    return status;
}
