/* SPDX-License-Identifier: Apache-2.0 */
#include "base/span.h"

#include "tests/unit/no_leaks.h"

#include <math.h>

TestSuite(span);

static const struct bg_digest some_digest = {{0x01, 0xab, 0xff}};

static void write_everything(struct bg_writer *w)
{
    bg_writer_init(w);
    bg_write_u8(w, 0xfe);
    bg_write_u16(w, 0x1234);
    bg_write_u32(w, 0xdeadbeef);
    bg_write_u64(w, 0x0102030405060708);
    bg_write_f32(w, -0.0f);
    bg_write_f64(w, 0.1);
    bg_write_digest(w, &some_digest);
    bg_write_text(w, "héllo");
    bg_write_bytes(w, "xyz", 3);
    bg_write_u64(w, 2);
    bg_write_u32(w, 7);
    bg_write_u32(w, 8);
}

static void read_everything(struct bg_reader *r)
{
    char text[16];
    (void)bg_read_u8(r);
    (void)bg_read_u16(r);
    (void)bg_read_u32(r);
    (void)bg_read_u64(r);
    (void)bg_read_f32(r);
    (void)bg_read_f64(r);
    (void)bg_read_digest(r);
    bg_read_text(r, text, sizeof text);
    (void)bg_read_span(r, 3);
    size_t count = bg_read_count(r, 10, 4);
    for (size_t i = 0; i < count; i++)
        (void)bg_read_u32(r);
}

Test(span, what_is_written_is_read_back)
{
    struct bg_writer w;
    struct bg_reader r;
    char text[16];
    write_everything(&w);
    cr_assert_eq(w.status, BG_OK);
    cr_assert_eq(w.data[1], 0x34, "little-endian");
    bg_reader_init(&r, bg_writer_span(&w));
    cr_assert_eq(bg_read_u8(&r), 0xfe);
    cr_assert_eq(bg_read_u16(&r), 0x1234);
    cr_assert_eq(bg_read_u32(&r), 0xdeadbeef);
    cr_assert_eq(bg_read_u64(&r), 0x0102030405060708);
    cr_assert(signbit(bg_read_f32(&r)));
    cr_assert_eq(bg_read_f64(&r), 0.1);
    struct bg_digest digest = bg_read_digest(&r);
    cr_assert(bg_digest_equal(&digest, &some_digest));
    bg_read_text(&r, text, sizeof text);
    cr_assert_str_eq(text, "héllo");
    cr_assert(bg_span_equal(bg_read_span(&r, 3), (struct bg_span){(const uint8_t *)"xyz", 3}));
    cr_assert_eq(bg_read_count(&r, 2, 4), 2);
    cr_assert_eq(bg_reader_end(&r), BG_DECODE, "bytes are left");
    cr_assert_eq(bg_read_u32(&r), 7);
    cr_assert_eq(bg_read_u32(&r), 8);
    cr_assert_eq(bg_reader_end(&r), BG_OK);
    bg_writer_finish(&w);
    NO_LEAKS();
}

Test(span, every_truncation_is_refused)
{
    struct bg_writer w;
    write_everything(&w);
    for (size_t size = 0; size < w.size; size++) {
        uint8_t *exact = malloc(size ? size : 1);
        memcpy(exact, w.data, size);
        struct bg_reader r;
        bg_reader_init(&r, (struct bg_span){exact, size});
        read_everything(&r);
        cr_assert_eq(bg_reader_end(&r), BG_TRUNCATED, "%zu of %zu bytes", size, w.size);
        cr_assert_leq(r.offset, size);
        free(exact);
    }
    bg_writer_finish(&w);
    NO_LEAKS();
}

Test(span, a_failed_reader_yields_zero_and_keeps_the_first_reason)
{
    static const uint8_t bytes[] = {1, 2, 3, 4};
    struct bg_reader r;
    bg_reader_init(&r, (struct bg_span){bytes, sizeof bytes});
    cr_assert_eq(bg_read_u8(&r), 1);
    bg_reader_fail(&r, BG_BAD_MAGIC);
    bg_reader_fail(&r, BG_BAD_VERSION);
    cr_assert_eq(bg_read_u16(&r), 0);
    cr_assert_eq(bg_read_span(&r, 1).size, 0);
    cr_assert_eq(bg_read_count(&r, 9, 1), 0);
    char text[4] = "abc";
    bg_read_text(&r, text, sizeof text);
    cr_assert_str_eq(text, "");
    struct bg_digest digest = bg_read_digest(&r), zero = {{0}};
    cr_assert(bg_digest_equal(&digest, &zero));
    cr_assert_eq(r.offset, 1);
    cr_assert_eq(bg_reader_end(&r), BG_BAD_MAGIC);
}

Test(span, left_over_bytes_are_refused)
{
    struct bg_reader r;
    bg_reader_init(&r, (struct bg_span){(const uint8_t *)"ab", 2});
    (void)bg_read_u8(&r);
    cr_assert_eq(bg_reader_end(&r), BG_DECODE);
    bg_reader_init(&r, (struct bg_span){NULL, 0});
    cr_assert_eq(bg_reader_end(&r), BG_OK);
    (void)bg_read_u8(&r);
    cr_assert_eq(bg_reader_end(&r), BG_TRUNCATED);
}

static enum bg_status read_text_of(const char *bytes, size_t size, size_t capacity)
{
    struct bg_writer w;
    struct bg_reader r;
    char text[64] = "before";
    bg_writer_init(&w);
    bg_write_u16(&w, (uint16_t)size);
    bg_write_bytes(&w, bytes, size);
    bg_reader_init(&r, bg_writer_span(&w));
    bg_read_text(&r, text, capacity);
    enum bg_status status = bg_reader_end(&r);
    if (status == BG_OK)
        cr_assert(strlen(text) == size && memcmp(text, bytes, size) == 0);
    else
        cr_assert_str_eq(text, "");
    bg_writer_finish(&w);
    return status;
}
#define TEXT(bytes) read_text_of((bytes), sizeof(bytes) - 1, 64)

Test(span, text_must_be_printable_utf8)
{
    cr_assert_eq(TEXT(""), BG_OK);
    cr_assert_eq(TEXT("plain, é, €, \xf0\x9f\x9a\xa9"), BG_OK);
    cr_assert_eq(TEXT("\xc2\xa0"), BG_OK);
    cr_assert_eq(TEXT("nul\0inside"), BG_DECODE);
    cr_assert_eq(TEXT("line\nbreak"), BG_DECODE);
    cr_assert_eq(TEXT("\x1b[31m"), BG_DECODE);
    cr_assert_eq(TEXT("\x7f"), BG_DECODE);
    cr_assert_eq(TEXT("\xc2\x85"), BG_DECODE, "C1 control");
    cr_assert_eq(TEXT("\x80"), BG_DECODE, "continuation alone");
    cr_assert_eq(TEXT("\xc3"), BG_DECODE, "lead alone");
    cr_assert_eq(TEXT("\xc3("), BG_DECODE);
    cr_assert_eq(TEXT("\xc0\xaf"), BG_DECODE, "overlong");
    cr_assert_eq(TEXT("\xe0\x80\xaf"), BG_DECODE, "overlong");
    cr_assert_eq(TEXT("\xf0\x80\x80\xaf"), BG_DECODE, "overlong");
    cr_assert_eq(TEXT("\xed\xa0\x80"), BG_DECODE, "surrogate");
    cr_assert_eq(TEXT("\xf4\x90\x80\x80"), BG_DECODE, "past U+10FFFF");
    cr_assert_eq(TEXT("\xff"), BG_DECODE);
}

Test(span, text_must_fit)
{
    cr_assert_eq(read_text_of("abc", 3, 4), BG_OK);
    cr_assert_eq(read_text_of("abcd", 4, 4), BG_TOO_LARGE);
    cr_assert_eq(read_text_of("", 0, 1), BG_OK);
    cr_assert_eq(read_text_of("a", 1, 1), BG_TOO_LARGE);
}

static enum bg_status read_count_of(uint64_t count, size_t remaining, size_t limit, size_t least_bytes_each)
{
    struct bg_writer w;
    struct bg_reader r;
    bg_writer_init(&w);
    bg_write_u64(&w, count);
    (void)bg_write_reserve(&w, remaining);
    bg_reader_init(&r, bg_writer_span(&w));
    size_t read = bg_read_count(&r, limit, least_bytes_each);
    cr_assert_eq(read, r.status == BG_OK ? count : 0);
    bg_writer_finish(&w);
    return r.status;
}

Test(span, counts_are_bounded_by_the_limit_and_by_what_is_left)
{
    cr_assert_eq(read_count_of(0, 0, 0, 1), BG_OK);
    cr_assert_eq(read_count_of(5, 40, 5, 8), BG_OK);
    cr_assert_eq(read_count_of(6, 48, 5, 8), BG_TOO_LARGE);
    cr_assert_eq(read_count_of(5, 39, 5, 8), BG_TRUNCATED);
    cr_assert_eq(read_count_of(UINT64_MAX, 100, SIZE_MAX, 1), BG_TRUNCATED);
    cr_assert_eq(read_count_of(UINT64_MAX, 100, SIZE_MAX, SIZE_MAX), BG_TRUNCATED);
    cr_assert_eq(read_count_of((uint64_t)1 << 61, 100, SIZE_MAX, 8), BG_TRUNCATED);
}

Test(span, a_writer_grows_and_reserves_zeros)
{
    struct bg_writer w;
    bg_writer_init(&w);
    for (uint32_t i = 0; i < 10000; i++)
        bg_write_u32(&w, i);
    uint8_t *place = bg_write_reserve(&w, 1000);
    for (size_t i = 0; i < 1000; i++)
        cr_assert_eq(place[i], 0);
    cr_assert_eq(w.size, 41000);
    struct bg_reader r;
    bg_reader_init(&r, bg_writer_span(&w));
    for (uint32_t i = 0; i < 10000; i++)
        cr_assert_eq(bg_read_u32(&r), i);
    bg_writer_finish(&w);
    cr_assert_eq(w.size, 0);
    NO_LEAKS();
}

Test(span, a_writer_that_failed_stays_failed)
{
    struct bg_writer w;
    bg_writer_init(&w);
    bg_write_u8(&w, 1);
    cr_assert_null(bg_write_reserve(&w, SIZE_MAX));
    cr_assert_eq(w.status, BG_NO_MEMORY);
    bg_write_u8(&w, 2);
    cr_assert_eq(w.size, 1);
    bg_writer_finish(&w);
    NO_LEAKS();
}

Test(span, hex_round_trips)
{
    char hex[2 * BG_DIGEST_BYTES + 1];
    struct bg_digest digest;
    bg_digest_to_hex(&some_digest, hex);
    cr_assert_eq(strncmp(hex, "01abff0000", 10), 0);
    cr_assert_eq(strlen(hex), 64);
    cr_assert_eq(bg_digest_from_hex(hex, &digest), BG_OK);
    cr_assert(bg_digest_equal(&digest, &some_digest));
    hex[3] = 'B';
    cr_assert_eq(bg_digest_from_hex(hex, &digest), BG_OK);
    hex[63] = 'g';
    cr_assert_eq(bg_digest_from_hex(hex, &digest), BG_DECODE);
    hex[63] = '\0';
    cr_assert_eq(bg_digest_from_hex(hex, &digest), BG_DECODE);
    cr_assert_eq(bg_digest_from_hex("", &digest), BG_DECODE);
    cr_assert(bg_digest_equal(&digest, &some_digest), "untouched on failure");
}

Test(span, digests_order_by_their_bytes)
{
    struct bg_digest a = {{0}}, b = {{0}};
    b.bytes[31] = 1;
    cr_assert_lt(bg_digest_compare(&a, &b), 0);
    a.bytes[0] = 0x80;
    cr_assert_gt(bg_digest_compare(&a, &b), 0);
    cr_assert_eq(bg_digest_compare(&a, &a), 0);
    cr_assert(bg_span_equal((struct bg_span){NULL, 0}, (struct bg_span){a.bytes, 0}));
    cr_assert_not(bg_span_equal((struct bg_span){a.bytes, 1}, (struct bg_span){b.bytes, 1}));
    cr_assert_not(bg_span_equal((struct bg_span){a.bytes, 1}, (struct bg_span){a.bytes, 2}));
}

Test(span, writer_makes_room_for_what_is_expected_and_no_more)
{
    struct bg_writer w;
    bg_writer_init(&w);
    bg_write_u8(&w, 1);
    bg_writer_expect(&w, 1000);
    const uint8_t *data = w.data;
    cr_assert_eq(w.capacity, 1001);
    for (int i = 0; i < 1000; i++)
        bg_write_u8(&w, 2);
    cr_assert_eq(w.capacity, 1001);
    cr_assert_eq(w.data, data);
    bg_writer_expect(&w, 0);
    cr_assert_eq(w.capacity, 1001);
    bg_writer_expect(&w, SIZE_MAX);
    cr_assert_eq(w.status, BG_NO_MEMORY);
    bg_writer_finish(&w);
}
