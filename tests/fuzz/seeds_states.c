/* SPDX-License-Identifier: Apache-2.0 */
#include "aggregator/offline_state.h"
#include "client/device_state.h"
#include "crypto/identity_file.h"
#include "crypto/key_file.h"
#include "crypto/public_key_file.h"
#include "store/journal_file.h"
#include "tests/fuzz/fuzz.h"
#include "tests/fuzz/seeds.h"
#include "tests/unit/client/stage.h"
#include "tests/unit/crypto/secret_fixture.h"
#include "tools/npy.h"

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

void seed_states(void)
{
    static struct stage stage;
    stage_init(&stage, &(struct population_terms){.encryption = BG_PLAN_NULL});
    seed_keys(&stage.population);
    seed_models(&stage);
    seed_device_state(&stage, false, "at_rest");
    seed_device_state(&stage, true, "update_out");
    seed_root_state(&stage.population, false, "before_the_first_epoch");
    seed_root_state(&stage.population, true, "open_round");
    seed_journals();
    stage_finish(&stage);
}
