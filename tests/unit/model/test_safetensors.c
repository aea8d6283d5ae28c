/* SPDX-License-Identifier: Apache-2.0 */
#include "model/safetensors.h"

#include <criterion/criterion.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A file with this header and `size` bytes 0, 1, 2 … after it. */
static struct bg_writer file_of(const char *header, size_t size)
{
    struct bg_writer writer;
    bg_writer_init(&writer);
    bg_write_u64(&writer, strlen(header));
    bg_write_bytes(&writer, header, strlen(header));
    for (size_t i = 0; i < size; i++)
        bg_write_u8(&writer, (uint8_t)i);
    cr_assert_eq(writer.status, BG_OK);
    return writer;
}

/* On an exact-size copy, so that a sanitizer sees reads past the end. */
static enum bg_status parse_copy(struct bg_span content, struct bg_error *error)
{
    struct bg_safetensors tensors;
    uint8_t *copy = malloc(content.size + 1);
    cr_assert_not_null(copy);
    memcpy(copy + 1, content.data, content.size);
    enum bg_status status = bg_safetensors_parse((struct bg_span){copy + 1, content.size}, "x.st", error, &tensors);
    if (status == BG_OK)
        bg_safetensors_finish(&tensors);
    free(copy);
    return status;
}

static void expect_refused(const char *header, size_t size, enum bg_status wanted, const char *word)
{
    struct bg_error error = {0};
    struct bg_writer file = file_of(header, size);
    cr_expect_eq(parse_copy(bg_writer_span(&file), &error), wanted, "%s gives \"%s\"", header, error.text);
    cr_expect(strstr(error.text, word) != NULL, "\"%s\" lacks \"%s\"", error.text, word);
    cr_expect(strstr(error.text, "x.st") != NULL, "%s", error.text);
    bg_writer_finish(&file);
}

#define TENSOR(name, dtype, shape, offsets) \
    "\"" name "\":{\"dtype\":\"" dtype "\",\"shape\":" shape ",\"data_offsets\":" offsets "}"

static struct bg_writer written(const struct bg_layout *layout, const float *values)
{
    static const struct bg_metadata metadata[] = {{"format", "pt"}, {"note", "a \"quoted\" line\n"}};
    struct bg_tensor_values tensors[2];
    struct bg_writer writer;
    for (size_t t = 0; t < 2; t++)
        tensors[t] = (struct bg_tensor_values){&layout->tensors[t], values + layout->tensors[t].offset};
    bg_writer_init(&writer);
    cr_assert_eq(bg_safetensors_write(&writer, metadata, 2, tensors, 2), BG_OK);
    return writer;
}

static const float values[] = {1, -2.5f, 3e-40f, 1e30f, -0.0f, 7, 8};

static struct bg_layout two_tensors(void)
{
    struct bg_layout layout;
    bg_layout_init(&layout);
    cr_assert_eq(bg_layout_add(&layout, "b.weight", 2, (uint32_t[]){2, 3}, NULL), BG_OK);
    cr_assert_eq(bg_layout_add(&layout, "a", 1, (uint32_t[]){1}, NULL), BG_OK);
    return layout;
}

Test(safetensors, round_trips)
{
    struct bg_layout layout = two_tensors();
    struct bg_writer file = written(&layout, values);
    struct bg_safetensors tensors;
    float read[7];
    cr_assert_eq(bg_safetensors_parse(bg_writer_span(&file), "x.st", NULL, &tensors), BG_OK);
    cr_assert_eq(tensors.tensor_count, 2);
    cr_expect_str_eq(tensors.tensors[0].name, "b.weight");
    cr_expect_str_eq(bg_safetensors_metadata(&tensors, "format"), "pt");
    cr_expect_str_eq(bg_safetensors_metadata(&tensors, "note"), "a \"quoted\" line\n");
    cr_expect_null(bg_safetensors_metadata(&tensors, "x"));
    cr_expect_null(bg_safetensors_find(&tensors, "b"));
    for (size_t t = 0; t < 2; t++)
        cr_expect_eq(bg_safetensors_read(&tensors, &layout.tensors[t], NULL, read + layout.tensors[t].offset), BG_OK);
    cr_expect_arr_eq(read, values, sizeof values);
    bg_safetensors_finish(&tensors);
    bg_writer_finish(&file);
    bg_layout_finish(&layout);
}

Test(safetensors, writes_the_bytes_that_the_format_describes)
{
    static const char header[] = "{\"__metadata__\":{\"format\":\"pt\",\"note\":\"a \\\"quoted\\\" line\\n\"},"
                                 "\"b.weight\":{\"dtype\":\"F32\",\"shape\":[2,3],\"data_offsets\":[0,24]},"
                                 "\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[24,28]}}";
    struct bg_layout layout = two_tensors();
    struct bg_writer file = written(&layout, values);
    size_t padded = (sizeof header - 1 + 7) / 8 * 8;
    cr_assert_eq(file.size, 8 + padded + 28);
    cr_expect_eq(file.data[0], padded);
    cr_expect_eq(file.data[1], 0);
    cr_expect_arr_eq(file.data + 8, header, sizeof header - 1);
    for (size_t i = sizeof header - 1; i < padded; i++)
        cr_expect_eq(file.data[8 + i], ' ');
    static const uint8_t second[] = {0x00, 0x00, 0x20, 0xc0}; /* -2.5 */
    cr_expect_arr_eq(file.data + 8 + padded + 4, second, 4);
    struct bg_writer again = written(&layout, values);
    cr_expect(bg_span_equal(bg_writer_span(&file), bg_writer_span(&again)));
    bg_writer_finish(&again);
    bg_writer_finish(&file);
    bg_layout_finish(&layout);
}

Test(safetensors, refuses_every_truncation)
{
    struct bg_layout layout = two_tensors();
    struct bg_writer file = written(&layout, values);
    for (size_t size = 0; size < file.size; size++) {
        struct bg_error error = {0};
        enum bg_status status = parse_copy((struct bg_span){file.data, size}, &error);
        cr_expect_eq(status, BG_TRUNCATED, "%zu of %zu bytes: %s", size, file.size, error.text);
    }
    bg_write_u8(&file, 0);
    cr_expect_eq(parse_copy(bg_writer_span(&file), NULL), BG_DECODE);
    bg_writer_finish(&file);
    bg_layout_finish(&layout);
}

Test(safetensors, survives_every_flipped_bit_of_the_header)
{
    struct bg_layout layout = two_tensors();
    struct bg_writer file = written(&layout, values);
    for (size_t bit = 0; bit < 8 * (file.size - 28); bit++) {
        file.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
        (void)!parse_copy(bg_writer_span(&file), NULL);
        file.data[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    cr_expect_eq(parse_copy(bg_writer_span(&file), NULL), BG_OK);
    bg_writer_finish(&file);
    bg_layout_finish(&layout);
}

Test(safetensors, accepts_any_order_scalars_and_empty_tensors)
{
    static const char header[] = "{" TENSOR("late", "F32", "[2]", "[8,16]") ","
        TENSOR("early", "I64", "[]", "[0,8]") "," TENSOR("none", "F16", "[0,4]", "[8,8]") ","
        TENSOR("last", "BF16", "[1,2]", "[16,20]") "}   ";
    struct bg_writer file = file_of(header, 20);
    struct bg_safetensors tensors;
    struct bg_error error = {0};
    cr_assert_eq(bg_safetensors_parse(bg_writer_span(&file), "x.st", &error, &tensors), BG_OK, "%s", error.text);
    cr_assert_eq(tensors.tensor_count, 4);
    cr_expect_str_eq(tensors.tensors[0].name, "early");
    cr_expect_eq(tensors.tensors[0].rank, 0);
    cr_expect_eq(tensors.tensors[0].dtype, BG_DTYPE_I64);
    cr_expect_str_eq(tensors.tensors[1].name, "none");
    cr_expect_str_eq(tensors.tensors[2].name, "late");
    cr_expect_eq(tensors.tensors[3].shape[1], 2);
    cr_expect_eq(tensors.tensors[3].data.data[0], 16);
    cr_expect_eq(tensors.metadata_count, 0);
    bg_safetensors_finish(&tensors);
    bg_writer_finish(&file);
    expect_refused("{}", 1, BG_DECODE, "no tensor");
    file = file_of("{}", 0);
    cr_expect_eq(parse_copy(bg_writer_span(&file), NULL), BG_OK);
    bg_writer_finish(&file);
}

Test(safetensors, refuses_lies_about_the_header)
{
    static const uint64_t sizes[] = {3, 4, BG_SAFETENSORS_MAX_HEADER, BG_SAFETENSORS_MAX_HEADER + 1, UINT64_MAX,
                                     UINT64_MAX - 7};
    for (size_t i = 0; i < sizeof sizes / sizeof *sizes; i++) {
        struct bg_writer writer;
        bg_writer_init(&writer);
        bg_write_u64(&writer, sizes[i]);
        bg_write_bytes(&writer, "{}", 2);
        enum bg_status wanted = sizes[i] > BG_SAFETENSORS_MAX_HEADER ? BG_TOO_LARGE : BG_TRUNCATED;
        cr_expect_eq(parse_copy(bg_writer_span(&writer), NULL), wanted, "case %zu", i);
        bg_writer_finish(&writer);
    }
    expect_refused("", 0, BG_DECODE, "'{'");
    expect_refused(" {}", 0, BG_DECODE, "'{'");
    expect_refused("[]", 0, BG_DECODE, "'{'");
    expect_refused("{", 0, BG_DECODE, "x.st");
    expect_refused("{}}", 0, BG_DECODE, "x.st");
    expect_refused("{\"a\":1e999}", 0, BG_DECODE, "x.st");
}

Test(safetensors, refuses_data_that_do_not_cover_the_file)
{
    expect_refused("{" TENSOR("a", "F32", "[2]", "[0,8]") "," TENSOR("b", "F32", "[2]", "[4,12]") "}", 12, BG_DECODE,
                   "tensor b: its data overlap");
    expect_refused("{" TENSOR("a", "F32", "[2]", "[0,8]") "," TENSOR("b", "F32", "[2]", "[0,8]") "}", 8, BG_DECODE,
                   "overlap");
    expect_refused("{" TENSOR("a", "F32", "[1]", "[0,4]") "," TENSOR("b", "F32", "[1]", "[8,12]") "}", 12, BG_DECODE,
                   "tensor b: its data begin after a hole");
    expect_refused("{" TENSOR("a", "F32", "[1]", "[4,8]") "}", 8, BG_DECODE, "hole");
    expect_refused("{" TENSOR("a", "F32", "[1]", "[0,4]") "}", 8, BG_DECODE, "4 bytes belong to no tensor");
    expect_refused("{" TENSOR("a", "F32", "[1]", "[0,4]") "}", 3, BG_TRUNCATED, "tensor a");
    expect_refused("{" TENSOR("a", "F32", "[1]", "[8,4]") "}", 8, BG_TRUNCATED, "tensor a");
    expect_refused("{" TENSOR("a", "F32", "[1]", "[9007199254740988,9007199254740992]") "}", 4, BG_TRUNCATED,
                   "tensor a");
}

Test(safetensors, refuses_shapes_that_do_not_fit)
{
    expect_refused("{" TENSOR("a", "F32", "[3]", "[0,8]") "}", 8, BG_DECODE, "need 12 bytes");
    expect_refused("{" TENSOR("a", "I64", "[2]", "[0,8]") "}", 8, BG_DECODE, "need 16 bytes");
    expect_refused("{" TENSOR("a", "BF16", "[2]", "[0,8]") "}", 8, BG_DECODE, "need 4 bytes");
    expect_refused("{" TENSOR("a", "F32", "[4294967296,4294967296]", "[0,0]") "}", 0, BG_TOO_LARGE, "tensor a");
    expect_refused("{" TENSOR("a", "F32", "[4611686018427387904]", "[0,0]") "}", 0, BG_DECODE, "whole numbers");
    expect_refused("{" TENSOR("a", "F32", "[-1]", "[0,4]") "}", 4, BG_DECODE, "whole numbers");
    expect_refused("{" TENSOR("a", "F32", "[0.5]", "[0,2]") "}", 2, BG_DECODE, "whole numbers");
    expect_refused("{" TENSOR("a", "F32", "[\"1\"]", "[0,4]") "}", 4, BG_DECODE, "whole numbers");
    expect_refused("{" TENSOR("a", "F32", "[1,1,1,1,1]", "[0,4]") "}", 4, BG_DECODE, "shape");
    expect_refused("{" TENSOR("a", "F32", "1", "[0,4]") "}", 4, BG_DECODE, "shape");
    expect_refused("{" TENSOR("a", "F32", "[1]", "[0,4,4]") "}", 4, BG_DECODE, "data_offsets");
    expect_refused("{" TENSOR("a", "F32", "[1]", "4") "}", 4, BG_DECODE, "data_offsets");
    expect_refused("{" TENSOR("a", "F8", "[1]", "[0,1]") "}", 1, BG_UNSUPPORTED, "F8");
}

Test(safetensors, refuses_malformed_entries)
{
    expect_refused("{" TENSOR("a", "F32", "[1]", "[0,4]") "," TENSOR("a", "F32", "[1]", "[4,8]") "}", 8, BG_DECODE,
                   "twice");
    expect_refused("{\"a\":{\"dtype\":\"F32\",\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}", 4, BG_DECODE,
                   "twice");
    expect_refused("{\"a\":{\"dtype\":\"F32\",\"shape\":[1]}}", 0, BG_DECODE, "tensor a");
    expect_refused("{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4],\"x\":1}}", 4, BG_DECODE,
                   "tensor a");
    expect_refused("{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"offsets\":[0,4]}}", 4, BG_DECODE, "data_offsets");
    expect_refused("{\"a\":{\"dtype\":1,\"shape\":[1],\"data_offsets\":[0,4]}}", 4, BG_DECODE, "dtype");
    expect_refused("{\"a\":[1,2,3]}", 0, BG_DECODE, "tensor a");
    expect_refused("{" TENSOR("", "F32", "[1]", "[0,4]") "}", 4, BG_DECODE, "name");
    expect_refused("{" TENSOR("a\\u0007", "F32", "[1]", "[0,4]") "}", 4, BG_DECODE, "name");
    expect_refused("{\"__metadata__\":{\"a\":1}}", 0, BG_DECODE, "__metadata__.a");
    expect_refused("{\"__metadata__\":[]}", 0, BG_DECODE, "__metadata__");
    char header[512] = "{\"";
    memset(header + 2, 'n', BG_TENSOR_NAME_BYTES);
    strcat(header, "\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}");
    expect_refused(header, 4, BG_DECODE, "name");
}

Test(safetensors, refuses_too_many_tensors)
{
    struct bg_writer header;
    bg_writer_init(&header);
    for (int i = 0; i <= BG_LAYOUT_MAX_TENSORS; i++) {
        char entry[96];
        int size = snprintf(entry, sizeof entry, "%c\"t%d\":{\"dtype\":\"F32\",\"shape\":[0],\"data_offsets\":[0,0]}",
                            i ? ',' : '{', i);
        bg_write_bytes(&header, entry, (size_t)size);
    }
    bg_write_bytes(&header, "}", 2);
    expect_refused((const char *)header.data, 0, BG_TOO_LARGE, "tensors");
    bg_writer_finish(&header);
}

Test(safetensors, reads_only_the_tensor_that_was_meant)
{
    struct bg_layout layout = two_tensors();
    float bad[7], read[7];
    memcpy(bad, values, sizeof bad);
    bad[4] = NAN;
    struct bg_writer file = written(&layout, bad);
    struct bg_safetensors tensors;
    struct bg_error error = {0};
    cr_assert_eq(bg_safetensors_parse(bg_writer_span(&file), "x.st", NULL, &tensors), BG_OK);
    cr_expect_eq(bg_safetensors_read(&tensors, &layout.tensors[0], &error, read), BG_NOT_FINITE);
    cr_expect_str_eq(error.text, "x.st: tensor b.weight holds NaN or infinity at index 4");
    struct bg_tensor other = layout.tensors[1];
    other.shape[0] = 2;
    cr_expect_eq(bg_safetensors_read(&tensors, &other, &error, read), BG_DATA);
    cr_expect(strstr(error.text, "tensor a has another shape") != NULL, "%s", error.text);
    strcpy(other.name, "c");
    cr_expect_eq(bg_safetensors_read(&tensors, &other, &error, read), BG_DATA);
    cr_expect(strstr(error.text, "tensor c is missing") != NULL, "%s", error.text);
    bg_safetensors_finish(&tensors);
    bg_writer_finish(&file);
    bg_layout_finish(&layout);
}

Test(safetensors, does_not_take_other_types_for_floats)
{
    struct bg_writer file = file_of("{" TENSOR("a", "I64", "[1]", "[0,8]") "}", 8);
    struct bg_tensor wanted = {.name = "a", .rank = 1, .shape = {1, 1, 1, 1}, .count = 1};
    struct bg_safetensors tensors;
    struct bg_error error = {0};
    float read;
    cr_assert_eq(bg_safetensors_parse(bg_writer_span(&file), "x.st", NULL, &tensors), BG_OK);
    cr_expect_eq(bg_safetensors_read(&tensors, &wanted, &error, &read), BG_DATA);
    cr_expect_str_eq(error.text, "x.st: tensor a is I64, not F32");
    bg_safetensors_finish(&tensors);
    bg_writer_finish(&file);
}
