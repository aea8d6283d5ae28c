/* SPDX-License-Identifier: Apache-2.0 */
/* Edges that lie on their way to the root and to the key holder: what is refused, who is named, and what goes on. */
#include "crypto/digest.h"
#include "protocol/envelope.h"
#include "simulator/config.h"
#include "simulator/federation_state.h"
#include "tests/unit/no_leaks.h"
#include "wire/report.h"

#include <criterion/criterion.h>
#include <string.h>

TestSuite(lying_edge, .timeout = 120);

#define LIES 64

/* What an edge's messages go through, and what was said of them. */
struct liar {
    struct bg_federation *federation;
    struct tree_edge *edge;
    void (*lie)(struct liar *liar, struct bg_report *report);
    struct bg_identity *signer; /* NULL: the edge itself */
    struct bg_writer sent[LIES]; /* requests live until they are answered */
    size_t count;
    struct bg_writer first;      /* the first report of all, as it was */
    struct bg_arena arena;       /* of what is told again */
    char said[16384];
};

static void remember(void *context, const char *what, uint64_t round, const struct bg_error *error)
{
    struct liar *liar = context;
    size_t used = strlen(liar->said);
    snprintf(liar->said + used, sizeof liar->said - used, "%s %llu: %s\n", what, (unsigned long long)round,
             error->text);
}

static bool blames(const struct liar *liar, const char *text)
{
    char hex[2 * BG_DIGEST_BYTES + 1];
    bg_digest_to_hex(bg_identity_digest(liar->edge->identity), hex);
    for (const char *at = liar->said; (at = strstr(at, hex)); at++) {
        const char *end = strchr(at, '\n'), *found = strstr(at, text);
        if (found && end && found < end)
            return true;
    }
    return false;
}

static const struct bg_request *keep(struct liar *liar, const struct bg_request *request, struct bg_request *changed)
{
    *changed = *request;
    changed->body = bg_writer_span(&liar->sent[liar->count++]);
    return changed;
}

/* Reports of the edge, told anew and signed again. */
static void tell_lies(void *server, const struct bg_request *request, struct bg_call *call)
{
    struct liar *liar = server;
    struct bg_request changed;
    if (request->route == BG_ROUTE_REPORT && liar->lie) {
        struct bg_frame frame;
        struct bg_arena arena;
        struct bg_report report;
        struct bg_writer *w = &liar->sent[liar->count];
        cr_assert_lt(liar->count, LIES);
        bg_arena_init(&arena, SIZE_MAX);
        cr_assert_eq(bg_frame_expect(request->body, BG_FRAME_REPORT, NULL, &frame), BG_OK);
        cr_assert_eq(bg_report_decode(&frame, &arena, NULL, &report), BG_OK);
        if (!liar->first.size)
            bg_write_bytes(&liar->first, request->body.data, request->body.size);
        liar->lie(liar, &report);
        bg_report_encode_unsigned(w, &frame.population, &frame.plan_id, &report);
        cr_assert_eq(bg_envelope_close(liar->signer ? liar->signer : liar->edge->identity, BG_SIGNED_REPORT, w, 0),
                     BG_OK);
        bg_arena_finish(&arena);
        request = keep(liar, request, &changed);
    }
    bg_federation_serve_root(liar->federation, request, call);
}

/* Two edges; the first has every second cell, hence two of the four groups. */
static void run(struct liar *liar, const char *mode, void (*rounds)(struct liar *liar))
{
    static const char *const settings[] = {"data.rows=600",   "model.spec=mlp:8", "training.steps=2",
                                           "clients.count=16", "clients.cells=4", "rounds.count=2",
                                           "encryption.s=1",  "data.least_rows=4", "data.partition=iid",
                                           "tree.edges=2",    "encryption.bits=512", "data.fit=central"};
    struct bg_simulator_config config;
    struct bg_simulator_data data;
    struct bg_workers *workers;
    struct bg_error error = {BG_OK, ""};
    bg_options_defaults(bg_simulator_options, bg_simulator_option_count, &config);
    for (size_t i = 0; i <= sizeof settings / sizeof *settings; i++)
        cr_assert_eq(bg_options_set(bg_simulator_options, bg_simulator_option_count,
                                    i < sizeof settings / sizeof *settings ? settings[i] : mode, &config, &error),
                     BG_OK, "%s", error.text);
    cr_assert_eq(bg_workers_create(1, 16, NULL, NULL, &workers), BG_OK);
    cr_assert_eq(bg_simulator_data_open(&config, &error, &data), BG_OK, "%s", error.text);
    struct bg_federation_settings federation = {
        .config = &config, .data = &data, .insecure_test_key = true, .warn = remember, .context = liar};
    cr_assert_eq(bg_federation_create(&federation, workers, &error, &liar->federation), BG_OK, "%s", error.text);
    liar->edge = &liar->federation->edges[0];
    bg_arena_init(&liar->arena, SIZE_MAX);
    rounds(liar);
    bg_arena_finish(&liar->arena);
    bg_federation_destroy(&liar->federation);
    for (size_t i = 0; i < liar->count; i++)
        bg_writer_finish(&liar->sent[i]);
    bg_writer_finish(&liar->first);
    bg_simulator_data_finish(&data);
    bg_workers_destroy(&workers);
    NO_LEAKS();
}

static struct bg_round_result one_round(struct liar *liar)
{
    struct bg_error error = {BG_OK, ""};
    struct bg_round_result result;
    cr_assert_eq(bg_federation_round(liar->federation, false, &error, &result), BG_OK, "%s", error.text);
    return result;
}

/* The honest edge's groups are used, the liar's sit out. */
static void expect_blame(struct liar *liar, const char *text)
{
    liar->edge->to_parent.serve = tell_lies;
    liar->edge->to_parent.server = liar;
    struct bg_round_result result = one_round(liar);
    cr_expect(blames(liar, text), "nothing says \"%s\":\n%s", text, liar->said);
    cr_expect(result.committed);
    cr_expect_eq(result.groups_used, 2);
    cr_expect_eq(result.groups_late, 2);
    liar->lie = NULL;
    result = one_round(liar);
    cr_expect(result.committed);
    cr_expect_eq(result.groups_used, 4, "an honest round later all are back");
}

static void forge_record(struct liar *liar, struct bg_report *report)
{
    (void)liar;
    report->record.sequence++;
}

static void forged_record(struct liar *liar)
{
    liar->lie = forge_record;
    expect_blame(liar, "not signed by the key holder");
}

Test(lying_edge, with_a_record_that_the_key_holder_did_not_sign)
{
    struct liar liar = {0};
    run(&liar, "encryption.mode=null", forged_record);
}

static void name_another_group(struct liar *liar, struct bg_report *report)
{
    (void)liar;
    report->group = report->record.group = 99;
}

static void another_group(struct liar *liar)
{
    liar->lie = name_another_group;
    expect_blame(liar, "not invited");
}

Test(lying_edge, with_a_group_that_there_is_not)
{
    struct liar liar = {0};
    run(&liar, "encryption.mode=null", another_group);
}

/* The members of its own first group, said to be of a group of the other edge. */
static void name_a_foreign_group(struct liar *liar, struct bg_report *report)
{
    (void)liar;
    report->group = report->record.group = (report->group + 1) % 4;
}

static void foreign_group(struct liar *liar)
{
    liar->lie = name_a_foreign_group;
    expect_blame(liar, "no member of it");
}

Test(lying_edge, with_manifests_of_clients_of_another_group)
{
    struct liar liar = {0};
    run(&liar, "encryption.mode=null", foreign_group);
}

static void leave_out_a_manifest(struct liar *liar, struct bg_report *report)
{
    (void)liar;
    report->member_count--;
    report->record.members &= report->record.members - 1;
}

static void fewer_manifests(struct liar *liar)
{
    liar->lie = leave_out_a_manifest;
    expect_blame(liar, "its record is of other manifests");
}

Test(lying_edge, with_fewer_manifests_than_the_record_names)
{
    struct liar liar = {0};
    run(&liar, "encryption.mode=null", fewer_manifests);
}

static void leave_as_it_is(struct liar *liar, struct bg_report *report)
{
    (void)liar;
    (void)report;
}

static void signed_by_another(struct liar *liar)
{
    liar->lie = leave_as_it_is;
    liar->signer = liar->federation->edges[1].identity;
    expect_blame(liar, "not signed by the edge it names");
}

Test(lying_edge, with_a_report_that_another_signed)
{
    struct liar liar = {0};
    run(&liar, "encryption.mode=null", signed_by_another);
}

/* The report of an earlier round once more, and the present one a second time. */
static void repeat_the_first(struct liar *liar, struct bg_report *report)
{
    struct bg_frame frame;
    cr_assert_eq(bg_frame_expect(bg_writer_span(&liar->first), BG_FRAME_REPORT, NULL, &frame), BG_OK);
    cr_assert_eq(bg_report_decode(&frame, &liar->arena, NULL, report), BG_OK);
    liar->federation->result.moves++; /* seen in the result: the lie was told */
}

static void replayed(struct liar *liar)
{
    liar->edge->to_parent.serve = tell_lies;
    liar->edge->to_parent.server = liar;
    liar->lie = leave_as_it_is;
    cr_expect_eq(one_round(liar).groups_used, 4);
    liar->lie = repeat_the_first;
    struct bg_round_result result = one_round(liar);
    cr_expect_eq(result.moves, 2);
    cr_expect(blames(liar, "report of round 1, the root is in 2"), "%s", liar->said);
    cr_expect_eq(result.groups_used, 2);
}

Test(lying_edge, with_a_report_of_an_earlier_round)
{
    struct liar liar = {0};
    run(&liar, "encryption.mode=null", replayed);
}

/* A false product: one byte of it is another. */
static void spoil_product(void *server, const struct bg_request *request, struct bg_call *call)
{
    struct liar *liar = server;
    struct bg_frame frame;
    struct bg_span rest;
    struct bg_request changed;
    struct bg_writer *w = &liar->sent[liar->count];
    cr_assert_lt(liar->count, LIES);
    cr_assert_eq(bg_frame_decode(request->body, NULL, &frame, &rest), BG_OK);
    bg_write_bytes(w, request->body.data, request->body.size);
    w->data[frame.bytes.size - 3] ^= 1; /* the product stands last */
    bg_federation_serve_keyholder(liar->federation, keep(liar, request, &changed), call);
}

static void false_product(struct liar *liar)
{
    liar->edge->to_keyholder.serve = spoil_product;
    liar->edge->to_keyholder.server = liar;
    struct bg_round_result result = one_round(liar);
    cr_expect(blames(liar, "the product is not that of the members' blocks"), "%s", liar->said);
    cr_expect(!bg_keyholder_locked(liar->federation->keyholder));
    cr_expect_eq(bg_keyholder_barred(liar->federation->keyholder), 1);
    cr_expect(result.committed);
    cr_expect_eq(result.groups_used, 2);
    liar->edge->to_keyholder.serve = bg_federation_serve_keyholder;
    liar->edge->to_keyholder.server = liar->federation;
    cr_expect_eq(one_round(liar).groups_used, 2, "barred until somebody has looked");
    cr_expect_eq(bg_keyholder_clear(liar->federation->keyholder), BG_OK);
    cr_expect_eq(one_round(liar).groups_used, 4);
}

Test(lying_edge, with_a_false_product)
{
    struct liar liar = {0};
    run(&liar, "encryption.mode=paillier", false_product);
}
