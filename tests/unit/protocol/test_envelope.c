/* SPDX-License-Identifier: Apache-2.0 */
#include "protocol/envelope.h"

#include "crypto/digest.h"
#include "tests/unit/crypto/hex.h"
#include "tests/unit/no_leaks.h"
#include "tests/unit/protocol/population.h"
#include "tests/vectors/partition_vectors.h"

static struct bg_identity *some_identity(void)
{
    static const uint8_t secret[BG_SCALAR_BYTES] = {[BG_SCALAR_BYTES - 1] = 42};
    struct bg_identity *identity;
    cr_assert_eq(bg_identity_from_secret(secret, &identity), BG_OK);
    return identity;
}

Test(envelope, labels_keep_kinds_apart)
{
    struct bg_identity *identity = some_identity();
    struct bg_span message = of_text("the same bytes");
    for (unsigned made = 0; made < BG_SIGNED_COUNT; made++) {
        uint8_t signature[BG_SIGNATURE_BYTES];
        cr_assert_eq(bg_envelope_sign(identity, made, message, signature), BG_OK);
        for (unsigned read = 0; read < BG_SIGNED_COUNT; read++)
            cr_assert_eq(bg_envelope_verify(bg_identity_point(identity), read, message,
                                            (struct bg_span){signature, sizeof signature}),
                         made == read ? BG_OK : BG_BAD_SIGNATURE);
    }
    bg_identity_destroy(&identity);
    NO_LEAKS();
}

Test(envelope, signs_the_digest_of_label_nul_and_message)
{
    struct bg_identity *identity = some_identity();
    uint8_t signature[BG_SIGNATURE_BYTES];
    static const char bytes[] = "burgee manifest\0the bytes";
    struct bg_digest digest;
    bg_sha256((struct bg_span){(const uint8_t *)bytes, sizeof bytes - 1}, &digest);
    cr_assert_eq(bg_envelope_sign(identity, BG_SIGNED_MANIFEST, of_text("the bytes"), signature), BG_OK);
    cr_assert_eq(bg_point_verify(bg_identity_point(identity), (struct bg_span){digest.bytes, sizeof digest.bytes},
                                 signature),
                 BG_OK);
    bg_identity_destroy(&identity);
}

Test(envelope, refuses_every_flipped_bit)
{
    struct bg_identity *identity = some_identity();
    uint8_t message[24] = "what was signed", signature[BG_SIGNATURE_BYTES];
    struct bg_span spans[2] = {{message, sizeof message}, {signature, sizeof signature}};
    cr_assert_eq(bg_envelope_sign(identity, BG_SIGNED_TASK, spans[0], signature), BG_OK);
    for (size_t which = 0; which < 2; which++) {
        uint8_t *bytes = which ? signature : message;
        for (size_t bit = 0; bit < 8 * spans[which].size; bit++) {
            bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
            cr_assert_eq(bg_envelope_verify(bg_identity_point(identity), BG_SIGNED_TASK, spans[0], spans[1]),
                         BG_BAD_SIGNATURE, "bit %zu", bit);
            bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        }
    }
    cr_assert_eq(bg_envelope_verify(bg_identity_point(identity), BG_SIGNED_TASK, spans[0], spans[1]), BG_OK);
    bg_identity_destroy(&identity);
}

Test(envelope, refuses_signatures_of_another_size_and_longer_or_shorter_messages)
{
    struct bg_identity *identity = some_identity();
    uint8_t signature[BG_SIGNATURE_BYTES + 1] = {0};
    const uint8_t *point = bg_identity_point(identity);
    cr_assert_eq(bg_envelope_sign(identity, BG_SIGNED_TASK, of_text("message"), signature), BG_OK);
    static const size_t sizes[] = {0, 1, BG_SIGNATURE_BYTES - 1, BG_SIGNATURE_BYTES + 1};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++)
        cr_assert_eq(bg_envelope_verify(point, BG_SIGNED_TASK, of_text("message"),
                                        (struct bg_span){signature, sizes[i]}),
                     BG_BAD_SIGNATURE);
    struct bg_span whole = {signature, BG_SIGNATURE_BYTES};
    cr_assert_eq(bg_envelope_verify(point, BG_SIGNED_TASK, of_text("messag"), whole), BG_BAD_SIGNATURE);
    cr_assert_eq(bg_envelope_verify(point, BG_SIGNED_TASK, of_text("messages"), whole), BG_BAD_SIGNATURE);
    cr_assert_eq(bg_envelope_verify(point, BG_SIGNED_TASK, (struct bg_span){NULL, 0}, whole), BG_BAD_SIGNATURE);
    bg_identity_destroy(&identity);
}

/* ---- frames ---- */

static const double one = 1, zero = 0;
static const bool travels = true;
static const uint32_t invited = 0;

static struct bg_task some_task(void)
{
    return (struct bg_task){.round = 3,
                            .learning_rate = 0.1,
                            .steps = 20,
                            .tensor_count = 1,
                            .travels = &travels,
                            .scales = &one,
                            .centres = &zero,
                            .invited_count = 1,
                            .invited = &invited};
}

Test(envelope, closes_a_frame_behind_other_bytes)
{
    struct bg_identity *identity = some_identity();
    struct bg_population population;
    struct bg_digest plan_id = {{9}};
    struct bg_task task = some_task();
    struct bg_writer w;
    struct bg_frame frame;
    cr_assert_eq(bg_population_set(&population, "test"), BG_OK);
    bg_writer_init(&w);
    bg_write_bytes(&w, "before", 6);
    bg_task_encode_unsigned(&w, &population, &plan_id, &task);
    cr_assert_eq(bg_envelope_close(identity, BG_SIGNED_TASK, &w, 6), BG_OK);
    struct bg_span bytes = {w.data + 6, w.size - 6};
    cr_assert_eq(bg_frame_expect(bytes, BG_FRAME_TASK, NULL, &frame), BG_OK);
    cr_assert_eq(bg_envelope_verify_frame(bg_identity_point(identity), BG_SIGNED_TASK, &frame), BG_OK);
    cr_assert_eq(bg_envelope_verify_frame(bg_identity_point(identity), BG_SIGNED_RECEIPT, &frame), BG_BAD_SIGNATURE);
    for (size_t byte = 8; byte < bytes.size; byte++) {
        if (byte >= 72 && byte < 80)
            continue; /* the size: another frame altogether */
        uint8_t *changed = w.data + 6 + byte;
        *changed ^= 1;
        if (bg_frame_expect(bytes, BG_FRAME_TASK, NULL, &frame) == BG_OK)
            cr_assert_eq(bg_envelope_verify_frame(bg_identity_point(identity), BG_SIGNED_TASK, &frame),
                         BG_BAD_SIGNATURE, "byte %zu", byte);
        *changed ^= 1;
    }
    bg_writer_finish(&w);
    bg_identity_destroy(&identity);
    NO_LEAKS();
}

Test(envelope, a_frame_too_short_for_a_signature_is_truncated)
{
    struct bg_identity *identity = some_identity();
    struct bg_population population;
    struct bg_digest plan_id = {{0}};
    struct bg_writer w;
    struct bg_frame frame;
    cr_assert_eq(bg_population_set(&population, "test"), BG_OK);
    bg_writer_init(&w);
    size_t start = bg_frame_begin(&w, BG_FRAME_TASK, &population, &plan_id);
    uint8_t *body = bg_write_reserve(&w, BG_SIGNATURE_BYTES - 1);
    cr_assert_not_null(body);
    bg_frame_end(&w, start);
    cr_assert_eq(bg_frame_expect(bg_writer_span(&w), BG_FRAME_TASK, NULL, &frame), BG_OK);
    cr_assert_eq(bg_envelope_verify_frame(bg_identity_point(identity), BG_SIGNED_TASK, &frame), BG_TRUNCATED);
    bg_writer_finish(&w);
    bg_identity_destroy(&identity);
}

Test(envelope, a_writer_without_memory_is_not_signed)
{
    struct bg_identity *identity = some_identity();
    struct bg_writer w;
    bg_writer_init(&w);
    w.status = BG_NO_MEMORY;
    cr_assert_eq(bg_envelope_close(identity, BG_SIGNED_TASK, &w, 0), BG_NO_MEMORY);
    bg_identity_destroy(&identity);
}

/* ---- plans ---- */

Test(envelope, plan_id_is_as_computed_elsewhere)
{
    struct bg_digest id = bg_plan_id(of_text(VECTOR_KEY_PART), of_text(VECTOR_ROOT_PART));
    expect_hex(id.bytes, VECTOR_PLAN_ID);
    struct bg_digest moved = bg_plan_id(of_text(VECTOR_KEY_PART "t"), of_text(&VECTOR_ROOT_PART[1]));
    cr_assert_not(bg_digest_equal(&id, &moved), "a byte that changes sides changes the id");
}

static enum bg_status verify_plan(const struct population *p, const struct bg_identity *key_holder,
                                  const struct bg_identity *root, struct bg_error *error)
{
    struct bg_frame frame;
    struct bg_plan plan;
    struct bg_arena arena;
    bg_arena_init(&arena, SIZE_MAX);
    cr_assert_eq(bg_frame_expect(bg_writer_span(&p->plan_frame), BG_FRAME_PLAN, error, &frame), BG_OK);
    cr_assert_eq(bg_plan_decode(&frame, &arena, error, &plan), BG_OK, "%s", error->text);
    enum bg_status status =
        bg_plan_verify(&frame, &plan, bg_identity_point(key_holder), bg_identity_point(root), error);
    bg_plan_finish(&plan);
    bg_arena_finish(&arena);
    return status;
}

Test(envelope, a_plan_needs_both_signers)
{
    struct population p;
    struct bg_error error;
    population_init(&p, &(struct population_terms){.encryption = BG_PLAN_NULL});
    cr_assert_eq(verify_plan(&p, p.key_holder, p.root, &error), BG_OK);
    cr_assert_eq(verify_plan(&p, p.clients[0], p.root, &error), BG_BAD_SIGNATURE);
    cr_assert_not_null(strstr(error.text, "key holder"), "%s", error.text);
    cr_assert_eq(verify_plan(&p, p.key_holder, p.clients[0], &error), BG_BAD_SIGNATURE);
    cr_assert_not_null(strstr(error.text, "root"), "%s", error.text);
    p.plan_frame.data[40] ^= 1;
    cr_assert_eq(verify_plan(&p, p.key_holder, p.root, &error), BG_BAD_DIGEST);
    population_finish(&p);
    NO_LEAKS();
}

Test(envelope, a_plan_of_single_members_is_refused_unless_nothing_is_encrypted)
{
    static const enum bg_plan_encryption modes[] = {BG_PLAN_PAILLIER, BG_PLAN_NULL, BG_PLAN_OFF};
    for (size_t i = 0; i < sizeof modes / sizeof *modes; i++) {
        struct population p;
        struct bg_error error;
        population_init(&p, &(struct population_terms){.encryption = modes[i]});
        p.plan.key.group_least = 1;
        population_sign_plan(&p);
        cr_assert_eq(verify_plan(&p, p.key_holder, p.root, &error), modes[i] == BG_PLAN_OFF ? BG_OK : BG_REFUSED);
        p.plan.key.group_least = 2;
        population_sign_plan(&p);
        cr_assert_eq(verify_plan(&p, p.key_holder, p.root, &error), BG_OK);
        population_finish(&p);
    }
    NO_LEAKS();
}
