/* SPDX-License-Identifier: Apache-2.0 */
/* Audits as the role answers them: one per group and epoch, kept before its verdict leaves. */
#include "keyholder/audit.h"
#include "keyholder/state.h"
#include "protocol/envelope.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

struct bg_keyholder_audit {
    struct bg_work work;
    struct bg_keyholder *keyholder;
    struct bg_call *call;
    struct bg_audit audit;
    enum bg_status status; /* of the work */
    struct bg_error error;
    struct bg_keyholder_audit *next;
};

static void end(struct bg_keyholder_audit *task)
{
    struct bg_keyholder_audit **link = &task->keyholder->audits;
    while (*link != task)
        link = &(*link)->next;
    *link = task->next;
    bg_audit_finish(&task->audit);
    free(task);
}

static void refuse(struct bg_keyholder_audit *task)
{
    bg_keyholder_refuse(task->keyholder, task->call, &task->error, task->audit.request.round,
                        task->audit.request.group);
    end(task);
}

/* "round 7, group 2: client 3f… sent what no honest member sends, by an audit of position 0" */
static void name_clients(const struct bg_keyholder_audit *task, struct bg_error *ret_error)
{
    const struct bg_audit *audit = &task->audit;
    unsigned others = (unsigned)__builtin_popcountll(audit->verdict.named) - 1;
    char hex[2 * BG_DIGEST_BYTES + 1] = "", more[32] = "";
    for (uint32_t i = audit->request.member_count; i-- > 0;)
        if (audit->verdict.named >> audit->members[i].place & 1)
            bg_digest_to_hex(&audit->members[i].manifest.client, hex);
    if (others)
        snprintf(more, sizeof more, " and %u more", others);
    bg_fail(ret_error, BG_OUT_OF_RANGE,
            "round %llu, group %u: client %s%s sent what no honest member sends, by an audit of position %llu",
            (unsigned long long)audit->request.round, audit->request.group, hex, more,
            (unsigned long long)audit->request.position);
}

static enum bg_status keep_verdict(struct bg_keyholder_audit *task, struct bg_verdict_kept *ret_kept)
{
    struct bg_keyholder *keyholder = task->keyholder;
    struct bg_writer w;
    bg_writer_init(&w);
    bg_write_digest(&w, &task->audit.digest);
    bg_audit_verdict_encode_unsigned(&w, &keyholder->settings.population, &task->audit.frame.plan_id,
                                     &task->audit.verdict);
    enum bg_status status =
        bg_envelope_close(keyholder->settings.identity, BG_SIGNED_VERDICT, &w, BG_DIGEST_BYTES);
    if (status == BG_OK) {
        ret_kept->request = task->audit.digest;
        memcpy(ret_kept->frame, w.data + BG_DIGEST_BYTES, sizeof ret_kept->frame);
        status = bg_keyholder_keep(keyholder, BG_KEYHOLDER_ENTRY_AUDIT, bg_writer_span(&w), &task->error);
    } else {
        bg_fail(&task->error, status, "audit: %s", bg_status_text(status));
    }
    bg_writer_finish(&w);
    return status;
}

static struct bg_keyholder_audit *task_of(struct bg_job *job)
{
    return (struct bg_keyholder_audit *)((char *)job - offsetof(struct bg_keyholder_audit, work.job));
}

static void run(struct bg_job *job)
{
    struct bg_keyholder_audit *task = task_of(job);
    task->status = bg_audit_run(&task->audit, &task->error);
}

static void done(struct bg_job *job)
{
    struct bg_keyholder_audit *task = task_of(job);
    struct bg_keyholder *keyholder = task->keyholder;
    const struct bg_audit_request *request = &task->audit.request;
    if (task->status == BG_OK && (keyholder->policy.locked || keyholder->epochs.epoch != request->epoch))
        task->status = bg_fail(&task->error, BG_REFUSED, "round %llu, group %u: audit: the epoch has ended, or the key "
                               "holder was locked meanwhile", (unsigned long long)request->round, request->group);
    struct bg_verdict_kept kept = {.given = true};
    if (task->status == BG_OK)
        task->status = keep_verdict(task, &kept);
    if (task->status != BG_OK) {
        refuse(task);
        return;
    }
    keyholder->verdicts[request->group] = kept;
    name_clients(task, &task->error);
    bg_keyholder_notify(keyholder, (struct bg_keyholder_notice){.kind = BG_KEYHOLDER_NOTICE_AUDITED,
                                                                .round = request->round,
                                                                .group = request->group,
                                                                .error = &task->error});
    bg_call_answer(task->call, BG_OK, (struct bg_span){kept.frame, sizeof kept.frame});
    end(task);
}

static bool is_busy(const struct bg_keyholder_audit *fresh)
{
    for (const struct bg_keyholder_audit *task = fresh->keyholder->audits; task; task = task->next)
        if (task != fresh && task->audit.request.group == fresh->audit.request.group)
            return true;
    return false;
}

/* Whether it was answered, or one of its group was: no second one tells more. */
static enum bg_status check_first(struct bg_keyholder_audit *task, const struct bg_verdict_kept **ret_kept)
{
    const struct bg_audit_request *request = &task->audit.request;
    const struct bg_verdict_kept *kept = &task->keyholder->verdicts[request->group];
    *ret_kept = NULL;
    if (kept->given && bg_digest_equal(&kept->request, &task->audit.digest))
        *ret_kept = kept;
    else if (kept->given)
        return bg_fail(&task->error, BG_REFUSED, "round %llu, group %u: audit: the group was audited in this epoch "
                       "already", (unsigned long long)request->round, request->group);
    else if (is_busy(task))
        return bg_fail(&task->error, BG_BUSY, "round %llu, group %u: audit: another one is under way",
                       (unsigned long long)request->round, request->group);
    return BG_OK;
}

void bg_keyholder_serve_audit(struct bg_keyholder *keyholder, struct bg_span body, struct bg_call *call)
{
    const struct bg_verdict_kept *kept = NULL;
    struct bg_error error;
    struct bg_keyholder_audit *task = calloc(1, sizeof *task);
    bool closed = keyholder->policy.locked || keyholder->settings.encryption == BG_PLAN_OFF;
    if (!task || closed) {
        free(task);
        bg_fail(&error, closed ? BG_REFUSED : BG_NO_MEMORY, closed ? "audit: the key holder is locked, or nothing was "
                                                                     "encrypted" : "audit: out of memory");
        bg_keyholder_refuse(keyholder, call, &error, 0, 0);
        return;
    }
    task->keyholder = keyholder;
    task->call = call;
    task->next = keyholder->audits;
    keyholder->audits = task;
    bg_audit_init(&task->audit, &keyholder->settings);
    enum bg_status status = bg_audit_read(&task->audit, &keyholder->epochs, keyholder->records, body, &task->error);
    if (status == BG_OK)
        status = check_first(task, &kept);
    if (status != BG_OK) {
        refuse(task);
    } else if (kept) {
        bg_call_answer(call, BG_OK, (struct bg_span){kept->frame, sizeof kept->frame});
        end(task);
    } else {
        task->work = (struct bg_work){.job = {.run = run, .done = done},
                                      .phase = BG_PHASE_OPENING,
                                      .actor = task->audit.request.group,
                                      .round = task->audit.request.round,
                                      .units = task->audit.request.member_count + 1};
        bg_work_push(&keyholder->queue, &task->work);
    }
}

void bg_keyholder_drop_audits(struct bg_keyholder *keyholder)
{
    while (keyholder->audits)
        end(keyholder->audits);
}

enum bg_status bg_keyholder_restore_audit(struct bg_keyholder *keyholder, struct bg_span entry, struct bg_error *error)
{
    struct bg_reader r;
    struct bg_frame frame;
    struct bg_audit_verdict verdict;
    struct bg_verdict_kept kept = {.given = true};
    bg_reader_init(&r, entry);
    kept.request = bg_read_digest(&r);
    struct bg_span bytes = bg_read_span(&r, sizeof kept.frame);
    enum bg_status status = bg_reader_end(&r);
    if (status != BG_OK)
        return bg_fail(error, BG_DATA, "an audit of %zu bytes", entry.size);
    status = bg_frame_expect(bytes, BG_FRAME_AUDIT_VERDICT, error, &frame);
    if (status == BG_OK)
        status = bg_audit_verdict_decode(&frame, error, &verdict);
    if (status != BG_OK)
        return status;
    if (verdict.epoch != keyholder->epochs.epoch || verdict.group >= keyholder->epochs.groups.count)
        return bg_fail(error, BG_DATA, "an audit of group %u, which epoch %llu does not have", verdict.group,
                       (unsigned long long)keyholder->epochs.epoch);
    memcpy(kept.frame, bytes.data, sizeof kept.frame);
    keyholder->verdicts[verdict.group] = kept;
    return BG_OK;
}
