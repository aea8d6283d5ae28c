/* SPDX-License-Identifier: Apache-2.0 */
#include "../no_leaks.h"
#include "examples.h"

#include <criterion/criterion.h>
#include <string.h>

static const struct bg_digest plan_id = {{1, 2, 3}};

static void write_frame(struct bg_writer *w, const char *body)
{
    struct bg_population population;
    cr_assert_eq(bg_population_set(&population, "lab"), BG_OK);
    size_t start = bg_frame_begin(w, BG_FRAME_TASK, &population, &plan_id);
    bg_write_bytes(w, body, strlen(body));
    bg_frame_end(w, start);
}

Test(frame, keeps_header_and_body)
{
    struct bg_writer w;
    struct bg_frame frame;
    bg_writer_init(&w);
    write_frame(&w, "body");
    cr_assert_eq(bg_frame_expect(bg_writer_span(&w), BG_FRAME_TASK, NULL, &frame), BG_OK);
    cr_assert_eq(frame.type, BG_FRAME_TASK);
    cr_assert_str_eq(frame.population.name, "lab");
    cr_assert(bg_digest_equal(&frame.plan_id, &plan_id));
    cr_assert_eq(frame.body.size, 4);
    cr_assert_eq(memcmp(frame.body.data, "body", 4), 0);
    cr_assert_eq(frame.bytes.size, BG_FRAME_HEADER_BYTES + 4);
    bg_writer_finish(&w);
    NO_LEAKS();
}

Test(frame, walks_a_file_of_frames)
{
    struct bg_writer w;
    struct bg_frame frame;
    bg_writer_init(&w);
    write_frame(&w, "one");
    write_frame(&w, "");
    write_frame(&w, "three");
    struct bg_span rest = bg_writer_span(&w);
    size_t sizes[] = {3, 0, 5};
    for (size_t i = 0; i < 3; i++) {
        cr_assert_eq(bg_frame_decode(rest, NULL, &frame, &rest), BG_OK);
        cr_assert_eq(frame.body.size, sizes[i]);
    }
    cr_assert_eq(rest.size, 0);
    cr_assert_eq(bg_frame_decode(rest, NULL, &frame, &rest), BG_TRUNCATED);
    cr_assert_eq(bg_frame_decode(bg_writer_span(&w), NULL, &frame, NULL), BG_DECODE);
    bg_writer_finish(&w);
    NO_LEAKS();
}

Test(frame, counts_a_signature_that_follows)
{
    struct bg_writer w;
    struct bg_population population;
    struct bg_frame frame;
    uint8_t signature[BG_SIGNATURE_BYTES] = {7};
    bg_writer_init(&w);
    cr_assert_eq(bg_population_set(&population, "lab"), BG_OK);
    size_t start = bg_frame_begin(&w, BG_FRAME_TASK, &population, &plan_id);
    bg_frame_end_unsigned(&w, start);
    cr_assert_eq(bg_frame_decode(bg_writer_span(&w), NULL, &frame, NULL), BG_TRUNCATED);
    bg_write_bytes(&w, signature, sizeof signature);
    cr_assert_eq(bg_frame_decode(bg_writer_span(&w), NULL, &frame, NULL), BG_OK);
    cr_assert_eq(frame.body.size, BG_SIGNATURE_BYTES);
    bg_writer_finish(&w);
    NO_LEAKS();
}

/* One byte of the header changed. */
static const struct {
    size_t at;
    uint8_t value;
    enum bg_status status;
    const char *says;
} damages[] = {
    {0, 'b', BG_BAD_MAGIC, "62 52 47 45"},
    {3, 0, BG_BAD_MAGIC, "42 52 47 00"},
    {4, 0, BG_BAD_VERSION, "version 0; versions 1 to 1"},
    {4, 2, BG_BAD_VERSION, "version 2; versions 1 to 1"},
    {5, 1, BG_BAD_VERSION, "version 257"},
    {6, 0, BG_DECODE, "type 0"},
    {6, 16, BG_DECODE, "type 16"},
    {7, 1, BG_DECODE, "type 259"},
    {8, 0, BG_DECODE, "population"},
    {8, 'L', BG_DECODE, "population"},
    {9, 0, BG_DECODE, "population"},
    {10, ' ', BG_DECODE, "population"},
    {11, '/', BG_DECODE, "population"},
    {39, 'a', BG_DECODE, "population"},
    {72, 5, BG_TRUNCATED, "4 of its 5 bytes"},
    {72, 3, BG_DECODE, "1 bytes after its end"},
    {76, 2, BG_TOO_LARGE, "at most 4294967296"},
    {79, 0x80, BG_TOO_LARGE, "at most 4294967296"},
};

Test(frame, refuses_a_damaged_header_and_says_why)
{
    for (size_t i = 0; i < sizeof damages / sizeof *damages; i++) {
        struct bg_writer w;
        struct bg_frame frame;
        struct bg_error error = {0};
        bg_writer_init(&w);
        write_frame(&w, "body");
        w.data[damages[i].at] = damages[i].value;
        enum bg_status status = bg_frame_decode(bg_writer_span(&w), &error, &frame, NULL);
        cr_assert_eq(status, damages[i].status, "byte %zu: %s", damages[i].at, error.text);
        cr_assert(strstr(error.text, damages[i].says), "byte %zu: %s", damages[i].at, error.text);
        bg_writer_finish(&w);
    }
    NO_LEAKS();
}

Test(frame, accepts_a_population_of_31_characters)
{
    struct bg_population population;
    cr_assert_eq(bg_population_set(&population, "abcdefghijklmnopqrstuvwxyz.0_9-"), BG_OK);
    cr_assert_eq(population.name[31], 0);
    cr_assert_eq(bg_population_set(&population, "abcdefghijklmnopqrstuvwxyz.0_9-x"), BG_INVALID);
    cr_assert_eq(bg_population_set(&population, ""), BG_INVALID);
    cr_assert_eq(bg_population_set(&population, "Lab"), BG_INVALID);
    cr_assert_eq(bg_population_set(&population, "lab/7"), BG_INVALID);
    cr_assert_eq(bg_population_set(&population, "grün"), BG_INVALID);
    cr_assert_str_eq(population.name, "abcdefghijklmnopqrstuvwxyz.0_9-");
}

Test(frame, names_both_types_when_another_was_expected)
{
    struct bg_writer w;
    struct bg_frame frame;
    struct bg_error error;
    bg_writer_init(&w);
    write_frame(&w, "");
    cr_assert_eq(bg_frame_expect(bg_writer_span(&w), BG_FRAME_EPOCH_REVEAL, &error, &frame), BG_DECODE);
    cr_assert_str_eq(error.text, "a frame of type \"task\" where \"epoch reveal\" was expected");
    bg_writer_finish(&w);
    NO_LEAKS();
}

Test(frame, names_each_type_once)
{
    cr_assert_null(bg_frame_type_name(0));
    cr_assert_null(bg_frame_type_name(16));
    cr_assert_null(bg_frame_type_name(UINT32_MAX));
    for (unsigned type = 1; type <= 12; type++)
        for (unsigned other = 1; other < type; other++)
            cr_assert_str_neq(bg_frame_type_name(type), bg_frame_type_name(other));
}
