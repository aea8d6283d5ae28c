/* SPDX-License-Identifier: Apache-2.0 */
#include "aggregator/offline_state.h"
#include "client/device_state.h"
#include "crypto/identity_file.h"
#include "crypto/key_file.h"
#include "crypto/public_key_file.h"
#include "keyholder/admission.h"
#include "keyholder/state.h"
#include "net/loopback.h"
#include "store/journal_file.h"
#include "tests/fuzz/authority.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/seeds.h"
#include "tests/unit/client/stage.h"
#include "tests/unit/crypto/secret_fixture.h"
#include "tools/npy.h"
#include "wire/epoch.h"

#include <string.h>
#include <unistd.h>

#define SAVED(...) FUZZ_REQUIRE((__VA_ARGS__) == BG_OK, "cannot save")

static void seed_keys(const struct population *p)
{
    struct bg_secret_key *longer = vector_key(1, 1);
    const char *path = fuzz_path();
    SAVED(bg_public_key_save(bg_secret_key_public(p->secret), path, NULL));
    seed_file("public_key", "bits_512", path);
    SAVED(bg_public_key_save(bg_secret_key_public(longer), path, NULL));
    seed_file("public_key", "bits_1024", path);
    SAVED(bg_secret_key_save(p->secret, fuzz_path(), NULL));
    seed_file("secret_key", "bits_512", path);
    SAVED(bg_secret_key_save(longer, fuzz_path(), NULL));
    seed_file("secret_key", "bits_1024", path);
    SAVED(bg_identity_save(p->root, fuzz_path(), NULL));
    seed_file("identity_file", "identity", path);
    SAVED(bg_sealing_key_save(p->sealing_key, fuzz_path(), NULL));
    seed_file("identity_file", "sealing_key", path);
    SAVED(bg_point_save(BG_POINT_IDENTITY, bg_identity_point(p->root), path, NULL));
    seed_file("identity_file", "identity_point", path);
    SAVED(bg_point_save(BG_POINT_SEALING, bg_sealing_key_point(p->sealing_key), path, NULL));
    seed_file("identity_file", "sealing_point", path);
    bg_secret_key_destroy(&longer);
}

static void seed_models(const struct stage *stage)
{
    static const double values[] = {0, -1.5, 1e300};
    struct bg_span model = bg_writer_span(&stage->model_file);
    seed("model_file", "mlp", model);
    seed("safetensors", "model", model);
    static const char header[] = "{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]},"
                                 "\"b\":{\"dtype\":\"BF16\",\"shape\":[],\"data_offsets\":[8,10]}}";
    struct bg_writer w;
    bg_writer_init(&w);
    bg_write_u64(&w, sizeof header - 1);
    bg_write_bytes(&w, header, sizeof header - 1);
    bg_write_f32(&w, 1);
    bg_write_f32(&w, -0.5f);
    bg_write_u16(&w, 0x3f80);
    seed("safetensors", "two_tensors", bg_writer_span(&w));
    bg_writer_finish(&w);
    const char *path = fuzz_path();
    SAVED(bg_npy_save(path, values, 3, NULL));
    seed_file("npy", "vector", path);
}

static void seed_device_state(struct stage *stage, bool out, const char *name)
{
    struct bg_device_state state = {.client = {{3}}, .trust = stage_trust(stage), .tie_secret = {9}, .attempt = 2};
    struct bg_trusted_plan plan;
    size_t count = stage->model->layout.coordinates;
    state.round = stage->task.round;
    state.settlement = (struct bg_settlement){.round = 5, .receipt = {{6}}};
    SAVED(bg_trusted_plan_accept(&state.trust, bg_writer_span(&stage->population.plan_frame), NULL, &plan));
    SAVED(bg_learner_adopt(&state.learner, &plan));
    for (size_t i = 0; i < count; i++)
        state.learner.codec.sums[i] = (float)i / 3 - 2;
    if (out) {
        stage->task.attempt = 2;
        struct bg_writer frame = task_frame(&stage->population, &stage->task);
        SAVED(bg_trusted_task_accept(&state.trust, bg_writer_span(&frame), NULL, &state.task));
        bg_writer_finish(&frame);
        state.out = true;
        state.seat = stage->seat;
        state.learner.codec.bits.count = count;
        for (size_t i = 0; i < count; i += 3)
            bg_sign_bit_set(&state.learner.codec.bits, i, true);
    }
    const char *path = fuzz_path();
    SAVED(bg_device_state_save(&state, path, NULL));
    seed_file("device_state", name, path);
    bg_device_state_finish(&state);
}

static void seed_root_state(const struct population *p, bool open, const char *name)
{
    struct bg_offline_state state;
    bg_offline_state_init(&state);
    for (size_t i = 0; i < 3; i++) {
        struct bg_roster_entry entry = {.client = *bg_identity_digest(p->clients[i]), .cell = {"all"}};
        memcpy(entry.public_key, bg_identity_point(p->clients[i]), sizeof entry.public_key);
        SAVED(bg_offline_state_enrol(&state, &entry));
    }
    if (open) {
        state.epoch = 2;
        state.stage = BG_EPOCH_AGREED;
        state.epoch_clients = 3;
        state.model_round = 4;
        state.open = true;
        bg_write_text(&state.answer, "answer");
        bg_write_text(&state.checkpoint, "checkpoint");
    }
    const char *path = fuzz_path();
    SAVED(bg_offline_state_save(&state, path, NULL));
    seed_file("root_state", name, path);
    bg_offline_state_finish(&state);
}

static void seed_journals(void)
{
    struct bg_journal_file *file = NULL;
    const char *path = fuzz_path();
    SAVED(bg_journal_file_open(path, NULL, &file));
    bg_journal_file_close(&file);
    seed_file("journal", "empty", path);
    SAVED(bg_journal_file_open(path, NULL, &file));
    struct bg_journal *journal = bg_journal_file_journal(file);
    static const uint8_t content[] = "what must not be forgotten";
    for (uint32_t kind = 1; kind <= 3; kind++)
        SAVED(journal->append(journal->context, kind, (struct bg_span){content, sizeof content / kind}));
    bg_journal_file_close(&file);
    seed_file("journal", "three_entries", path);
    FUZZ_REQUIRE(truncate(path, 60) == 0, "cannot cut");
    seed_file("journal", "torn", path);
    seed("journal", "to_be_cut", (struct bg_span){(const uint8_t *)"\x40\0\1\4abcd\2\0\3\10efghijkl\4\2mn", 22});
}

/* ---- what a client is told, and what a root keeps of it ---- */

static void seed_documents(struct stage *stage)
{
    struct bg_receipt_group groups[2];
    double scales[STAGE_TENSORS];
    struct bg_receipt receipt = stage_receipt(stage, true, groups, scales);
    const struct population *p = &stage->population;
    struct bg_writer all, task = task_frame(p, &stage->task), end = receipt_frame(p, &receipt);
    bg_writer_init(&all);
    bg_write_bytes(&all, p->plan_frame.data, p->plan_frame.size);
    seed("documents", "plan", bg_writer_span(&all));
    bg_write_bytes(&all, p->groups_frame.data, p->groups_frame.size);
    bg_write_bytes(&all, task.data, task.size);
    seed("documents", "task", bg_writer_span(&all));
    bg_write_bytes(&all, end.data, end.size);
    seed("documents", "receipt", bg_writer_span(&all));
    bg_writer_finish(&all);
    bg_writer_finish(&task);
    bg_writer_finish(&end);
}

/* As aggregator/checkpoint.h has it, for the model of the stage and two groups. */
static void seed_checkpoint(const struct stage *stage, bool moved, const char *name)
{
    const struct bg_layout *layout = &stage->model->layout;
    struct bg_writer w;
    struct bg_digest digest = {{moved}};
    bg_writer_init(&w);
    bg_write_u64(&w, 6);
    bg_write_u32(&w, 1);
    bg_write_digest(&w, &digest);
    bg_write_u32(&w, 0);
    bg_write_u64(&w, 5);
    bg_write_u8(&w, moved);
    bg_write_f64(&w, 0.75);
    bg_write_u64(&w, layout->tensor_count);
    for (size_t i = 0; i < layout->tensor_count; i++) {
        bg_write_f64(&w, 0.5);
        bg_write_f64(&w, 0);
    }
    for (int kind = 0; kind < 2; kind++) {
        bg_write_u64(&w, moved ? layout->coordinates : 0);
        for (size_t i = 0; moved && i < layout->coordinates; i++)
            bg_write_f32(&w, 0.25f * (float)(i + 1));
    }
    bg_write_u64(&w, moved);
    if (moved) {
        bg_write_u64(&w, 9);
        bg_write_digest(&w, &digest);
        bg_write_digest(&w, &digest);
    }
    bg_write_u64(&w, 4);
    bg_write_u64(&w, 2);
    for (int group = 0; group < 2; group++) {
        bg_write_u64(&w, moved ? 0xf : 0);
        bg_write_u8(&w, moved);
    }
    seed("checkpoint", name, bg_writer_span(&w));
    bg_writer_finish(&w);
}

/* ---- the memory of a key holder ---- */

struct scribe {
    struct bg_journal journal;
    struct bg_writer entries; /* as the harness keyholder_journal reads them */
    void (*run)(void *argument);
    void *argument;
};

static enum bg_status write_entry(void *context, uint32_t kind, struct bg_span entry)
{
    struct scribe *scribe = context;
    bg_write_u8(&scribe->entries, (uint8_t)kind);
    bg_write_u16(&scribe->entries, (uint16_t)entry.size);
    bg_write_bytes(&scribe->entries, entry.data, entry.size);
    return scribe->entries.status;
}

static enum bg_status read_nothing(void *context, bg_journal_visit *visit, void *visitor, struct bg_error *error)
{
    (void)context, (void)visit, (void)visitor, (void)error;
    return BG_OK;
}

static uint64_t no_delay(void *owner, const struct bg_request *request, size_t bytes, int upward)
{
    (void)owner, (void)request, (void)bytes, (void)upward;
    return 0;
}

static enum bg_status post(void *owner, uint64_t delay_ns, void (*run)(void *argument), void *argument)
{
    struct scribe *scribe = owner;
    (void)delay_ns;
    scribe->run = run;
    scribe->argument = argument;
    return BG_OK;
}

static void on_reply(void *context, enum bg_status status, struct bg_span reply)
{
    (void)context, (void)reply;
    FUZZ_REQUIRE(status == BG_OK, "%s", bg_status_name(status));
}

static void ask_for_epoch(struct scribe *scribe, struct bg_keyholder *keyholder, const struct population *p)
{
    struct bg_loopback loopback;
    struct bg_writer frame;
    struct bg_roster roster = bg_keyholder_roster(keyholder);
    struct bg_epoch_request request = {.epoch = 1, .roster = bg_roster_digest(&roster), .nonce = {{7}}};
    bg_loopback_init(&loopback, bg_keyholder_serve, keyholder, no_delay, post, scribe, 0);
    bg_writer_init(&frame);
    bg_epoch_request_encode(&frame, &p->name, &request);
    SAVED(bg_transport_send(&loopback.transport,
                            &(struct bg_request){.route = BG_ROUTE_EPOCH,
                                                 .peer = *bg_identity_digest(p->root),
                                                 .body = bg_writer_span(&frame)},
                            on_reply, NULL));
    while (scribe->run) {
        void (*run)(void *argument) = scribe->run;
        scribe->run = NULL;
        run(scribe->argument);
    }
    bg_writer_finish(&frame);
}

static void write_record(struct scribe *scribe)
{
    struct bg_writer w;
    struct bg_record record = {.sequence = 1, .epoch = 1, .round = 3, .attempt = 1, .members = 15};
    struct bg_digest request = {{4}};
    bg_writer_init(&w);
    bg_record_encode(&w, &record);
    bg_write_digest(&w, &request);
    SAVED(write_entry(scribe, BG_KEYHOLDER_ENTRY_RECORD, bg_writer_span(&w)));
    bg_writer_finish(&w);
}

static void seed_keyholder(struct population *p)
{
    struct scribe scribe = {.journal = {write_entry, read_nothing, &scribe}};
    struct bg_keyholder *keyholder = NULL;
    static const struct bg_digest plan_id = {{8}};
    struct bg_keyholder_settings settings = {.population = p->name,
                                             .group_size = 4,
                                             .group_least = 3,
                                             .encryption = BG_PLAN_NULL,
                                             .public_key = bg_secret_key_public(p->secret),
                                             .identity = p->key_holder,
                                             .random = p->random,
                                             .blinding = p->random,
                                             .journal = &scribe.journal};
    memcpy(settings.root, bg_identity_point(p->root), sizeof settings.root);
    bg_writer_init(&scribe.entries);
    SAVED(bg_keyholder_create(&settings, 0, NULL, &keyholder));
    seed("keyholder_journal", "set_up", bg_writer_span(&scribe.entries));
    for (size_t i = 0; i < POPULATION_CLIENTS; i++)
        SAVED(bg_keyholder_enrol(keyholder, bg_identity_point(p->clients[i]), "all", NULL));
    seed("keyholder_journal", "enrolled", bg_writer_span(&scribe.entries));
    ask_for_epoch(&scribe, keyholder, p);
    SAVED(write_entry(&scribe, BG_KEYHOLDER_ENTRY_PLAN, (struct bg_span){plan_id.bytes, BG_DIGEST_BYTES}));
    seed("keyholder_journal", "epoch", bg_writer_span(&scribe.entries));
    write_record(&scribe);
    SAVED(write_entry(&scribe, BG_KEYHOLDER_ENTRY_LOCK, (struct bg_span){(const uint8_t *)"why", 3}));
    SAVED(write_entry(&scribe, BG_KEYHOLDER_ENTRY_CLEAR, (struct bg_span){NULL, 0}));
    seed("keyholder_journal", "opened", bg_writer_span(&scribe.entries));
    bg_keyholder_destroy(&keyholder);
    bg_writer_finish(&scribe.entries);
}

/* One client by token, renewed, then revoked; and a token that nobody has redeemed. */
static void seed_admission(struct population *p)
{
    struct scribe scribe = {.journal = {write_entry, read_nothing, &scribe}};
    struct bg_keyholder *keyholder = NULL;
    struct bg_keyholder_settings settings = {.population = p->name,
                                             .group_size = 4,
                                             .group_least = 3,
                                             .encryption = BG_PLAN_NULL,
                                             .public_key = bg_secret_key_public(p->secret),
                                             .identity = p->key_holder,
                                             .authority = authority_identity(),
                                             .authority_certificate = authority_certificate(),
                                             .certificate_days = 90,
                                             .random = p->random,
                                             .blinding = p->random,
                                             .journal = &scribe.journal};
    struct bg_token_terms terms = {.role = BG_CERTIFICATE_CLIENT, .expiry = AUTHORITY_NOW + 60, .cell = {"all"}};
    struct bg_token tokens[2];
    struct bg_enrolment_request request = {.has_secret = true, .label = "pump", .url = "https://root:1"};
    struct bg_enrolment_reply reply;
    uint64_t wait;
    const struct bg_digest *id = bg_identity_digest(p->clients[0]);
    memcpy(settings.root, bg_identity_point(p->root), sizeof settings.root);
    bg_writer_init(&scribe.entries);
    SAVED(bg_keyholder_create(&settings, 0, NULL, &keyholder));
    SAVED(bg_keyholder_token_new(keyholder, &terms, 2, NULL, tokens));
    seed("keyholder_journal", "tokens", bg_writer_span(&scribe.entries));
    memcpy(request.secret, tokens[0].secret, sizeof request.secret);
    SAVED(bg_request_create(p->clients[0], &request.request));
    SAVED(bg_keyholder_redeem(keyholder, &request, NULL, AUTHORITY_NOW, NULL, &reply, &wait));
    seed("keyholder_journal", "redeemed", bg_writer_span(&scribe.entries));
    SAVED(bg_keyholder_renew(keyholder, id, &request, AUTHORITY_NOW + 1, NULL, &reply));
    SAVED(bg_keyholder_revoke(keyholder, id, AUTHORITY_NOW + 2, NULL));
    seed("keyholder_journal", "revoked", bg_writer_span(&scribe.entries));
    bg_keyholder_destroy(&keyholder);
    bg_writer_finish(&scribe.entries);
}

void seed_states(void)
{
    static struct stage stage;
    stage_init(&stage, &(struct population_terms){.encryption = BG_PLAN_NULL});
    seed_keys(&stage.population);
    seed_models(&stage);
    seed_documents(&stage);
    seed_device_state(&stage, false, "at_rest");
    seed_device_state(&stage, true, "update_out");
    seed_root_state(&stage.population, false, "before_the_first_epoch");
    seed_root_state(&stage.population, true, "open_round");
    seed_checkpoint(&stage, false, "first_round");
    seed_checkpoint(&stage, true, "moved");
    seed_journals();
    seed_keyholder(&stage.population);
    seed_admission(&stage.population);
    stage_finish(&stage);
}
