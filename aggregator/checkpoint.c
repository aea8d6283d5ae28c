/* SPDX-License-Identifier: Apache-2.0 */
#include "aggregator/checkpoint.h"

#include "aggregator/root_state.h"

#include <math.h>

/* One float per coordinate; nothing where all are 0. */
static void write_memory(const float *values, size_t coordinates, struct bg_writer *w)
{
    size_t count = 0;
    for (size_t i = 0; i < coordinates && count == 0; i++)
        count = values[i] != 0 ? coordinates : 0;
    bg_write_u64(w, count);
    for (size_t i = 0; i < count; i++)
        bg_write_f32(w, values[i]);
}

static enum bg_status read_memory(const struct bg_layout *layout, const char *what, struct bg_reader *r,
                                  struct bg_error *error, float *values)
{
    size_t count = bg_read_count(r, BG_LAYOUT_MAX_COORDINATES, 4);
    if (count && count != layout->coordinates)
        return bg_fail(error, BG_DATA, "%s: of a model with %zu coordinates, this one has %zu", what, count,
                       layout->coordinates);
    for (size_t i = 0; i < count; i++)
        values[i] = bg_read_f32(r);
    return count ? bg_model_check_finite(layout, values, what, error) : BG_OK;
}

static void write_server_state(const struct bg_root *root, struct bg_writer *w)
{
    size_t tensors = root->model->layout.tensor_count;
    bg_write_u64(w, tensors);
    for (size_t i = 0; i < tensors; i++) {
        bg_write_f64(w, root->current.scales[i]);
        bg_write_f64(w, root->current.centres[i]);
    }
    write_memory(root->current.momentum, root->model->layout.coordinates, w);
    write_memory(root->current.squares, root->model->layout.coordinates, w);
}

static void write_records(const struct bg_root *root, struct bg_writer *w)
{
    uint64_t count = 0;
    for (size_t i = 0; i < BG_ROOT_RECORDS; i++)
        count += root->records[i].sequence != 0;
    bg_write_u64(w, count);
    for (size_t i = 0; i < BG_ROOT_RECORDS; i++) {
        const struct bg_root_record *record = &root->records[i];
        if (!record->sequence)
            continue;
        bg_write_u64(w, record->sequence);
        bg_write_digest(w, &record->digest);
        bg_write_digest(w, &record->previous);
    }
}

void bg_checkpoint_write(const struct bg_root *root, struct bg_writer *w)
{
    bg_write_u64(w, root->round.number);
    bg_write_u32(w, root->round.attempt);
    bg_write_digest(w, &root->receipt);
    bg_write_u32(w, root->round.holds);
    bg_write_u64(w, root->learning_rounds);
    bg_write_u8(w, root->stages_done);
    bg_write_f64(w, root->pace.availability);
    bg_write_u64(w, root->pace.deadline_ns);
    bg_write_u64(w, root->pace.arrival_ns);
    bg_write_u64(w, root->pace.length_ns);
    write_server_state(root, w);
    write_records(root, w);
    bg_write_u64(w, root->round.epoch_rounds);
    bg_write_u64(w, root->group_count);
    for (size_t g = 0; g < root->group_count; g++) {
        bg_write_u64(w, root->round.groups[g].release_set);
        bg_write_u8(w, root->round.groups[g].opened);
    }
}

static enum bg_status read_server_state(struct bg_root *root, struct bg_reader *r, struct bg_error *error)
{
    const struct bg_layout *layout = &root->model->layout;
    size_t tensors = bg_read_count(r, BG_LAYOUT_MAX_TENSORS, 16);
    if (r->status == BG_OK && tensors != layout->tensor_count)
        return bg_fail(error, BG_DATA, "checkpoint: of a model with %zu tensors, this one has %zu", tensors,
                       layout->tensor_count);
    for (size_t i = 0; i < tensors; i++) {
        root->current.scales[i] = bg_read_f64(r);
        root->current.centres[i] = bg_read_f64(r);
        if (r->status == BG_OK && !(isfinite(root->current.scales[i]) && root->current.scales[i] > 0 &&
                                    isfinite(root->current.centres[i])))
            return bg_fail(error, BG_DATA, "checkpoint: scale or centre of tensor %s is no such number",
                           layout->tensors[i].name);
    }
    enum bg_status status = read_memory(layout, "checkpoint: momentum", r, error, root->current.momentum);
    return status == BG_OK ? read_memory(layout, "checkpoint: squares", r, error, root->current.squares) : status;
}

static void read_records(struct bg_root *root, struct bg_reader *r)
{
    size_t count = bg_read_count(r, BG_ROOT_RECORDS, 8 + 2 * BG_DIGEST_BYTES);
    for (size_t i = 0; i < count; i++) {
        struct bg_root_record record;
        record.sequence = bg_read_u64(r);
        record.digest = bg_read_digest(r);
        record.previous = bg_read_digest(r);
        root->records[record.sequence % BG_ROOT_RECORDS] = record;
    }
}

/* A deadline learnt under other settings is brought within those of today. */
static void read_pace(struct bg_root *root, struct bg_reader *r)
{
    struct bg_pace *pace = &root->pace;
    pace->availability = bg_read_f64(r);
    uint64_t deadline = bg_read_u64(r);
    pace->arrival_ns = bg_read_u64(r);
    pace->length_ns = bg_read_u64(r);
    pace->deadline_ns = deadline < pace->rules.least_ns  ? pace->rules.least_ns
                        : deadline > pace->rules.most_ns ? pace->rules.most_ns
                                                         : deadline;
}

enum bg_status bg_checkpoint_restore(struct bg_root *root, uint64_t epoch, struct bg_reader *r,
                                     struct bg_error *error)
{
    root->epoch = epoch;
    root->round.number = bg_read_u64(r);
    root->round.attempt = bg_read_u32(r);
    root->receipt = bg_read_digest(r);
    root->round.holds = bg_read_u32(r);
    root->learning_rounds = bg_read_u64(r);
    root->stages_done = bg_read_u8(r);
    read_pace(root, r);
    enum bg_status status = read_server_state(root, r, error);
    if (status != BG_OK)
        return status;
    read_records(root, r);
    if (r->status == BG_OK && root->stages_done >> BG_STAGE_COUNT)
        return bg_fail(error, BG_DATA, "checkpoint: stages are done that do not exist");
    if (r->status == BG_OK && !(root->pace.availability >= 0 && root->pace.availability <= 1))
        return bg_fail(error, BG_DATA, "checkpoint: availability outside 0 to 1");
    return r->status == BG_OK ? BG_OK : bg_fail(error, r->status, "checkpoint: %s", bg_status_text(r->status));
}

enum bg_status bg_checkpoint_restore_groups(struct bg_root *root, struct bg_reader *r, struct bg_error *error)
{
    root->round.epoch_rounds = bg_read_u64(r);
    size_t groups = bg_read_count(r, BG_MAX_GROUPS, 9);
    if (r->status == BG_OK && groups != root->group_count)
        return bg_fail(error, BG_DATA, "checkpoint: %zu groups, the epoch has %zu", groups, root->group_count);
    for (size_t g = 0; g < groups; g++) {
        root->round.groups[g].release_set = bg_read_u64(r);
        root->round.groups[g].opened = bg_read_u8(r) != 0;
    }
    return r->status == BG_OK ? BG_OK : bg_fail(error, r->status, "checkpoint: %s", bg_status_text(r->status));
}
