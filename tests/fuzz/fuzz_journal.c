/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Journal files. A journal that opens gives the same entries the second time, and takes one more. And of entries that
 * were appended, here cut out of the input, a file that ends anywhere still gives all that are whole.
 */
#include "store/journal_file.h"
#include "tests/fuzz/fuzz.h"

#include <unistd.h>

static enum bg_status visit(void *context, uint32_t kind, struct bg_span entry, struct bg_error *error)
{
    struct bg_writer *seen = context;
    (void)error;
    bg_write_u32(seen, kind);
    bg_write_u64(seen, entry.size);
    bg_write_bytes(seen, entry.data, entry.size);
    return seen->status;
}

/* Writes what the file holds to *seen, and appends `more` entries, which hold nothing. */
static enum bg_status open_and_replay(const char *path, struct bg_writer *seen, size_t more)
{
    struct bg_journal_file *file = NULL;
    struct bg_error error = {0};
    enum bg_status status = bg_journal_file_open(path, &error, &file);
    if (status != BG_OK)
        return fuzz_refused(status, &error);
    struct bg_journal *journal = bg_journal_file_journal(file);
    status = journal->replay(journal->context, visit, seen, &error);
    for (size_t i = 0; status == BG_OK && i < more; i++)
        status = journal->append(journal->context, 7, (struct bg_span){NULL, 0});
    FUZZ_REQUIRE(status == BG_OK || status == BG_NO_MEMORY, "%s", error.text);
    bg_journal_file_close(&file);
    return status;
}

static enum bg_status check_file(struct bg_span input)
{
    struct bg_writer first, second, third;
    const char *path = fuzz_file(input);
    bg_writer_init(&first);
    bg_writer_init(&second);
    bg_writer_init(&third);
    enum bg_status status = open_and_replay(path, &first, 0);
    if (status == BG_OK)
        status = open_and_replay(path, &second, 1);
    if (status == BG_OK)
        status = open_and_replay(path, &third, 0);
    if (status == BG_OK) {
        visit(&second, 7, (struct bg_span){NULL, 0}, NULL);
        visit(&first, 7, (struct bg_span){NULL, 0}, NULL);
        status = first.status != BG_OK ? first.status : second.status;
    }
    if (status == BG_OK)
        FUZZ_REQUIRE(bg_span_equal(bg_writer_span(&first), bg_writer_span(&second)) &&
                         bg_span_equal(bg_writer_span(&second), bg_writer_span(&third)),
                     "%zu, then %zu, then %zu bytes", first.size, second.size, third.size);
    bg_writer_finish(&first);
    bg_writer_finish(&second);
    bg_writer_finish(&third);
    return status;
}

/* Appends entries of a kind and a size from two bytes each; writes those within `cut` bytes of the file to *whole. */
static enum bg_status append_entries(struct bg_journal *journal, struct bg_span input, size_t cut,
                                     struct bg_writer *whole, size_t *ret_end)
{
    struct bg_reader r;
    size_t end = 8;
    bg_reader_init(&r, input);
    while (r.offset < input.size) {
        uint32_t kind = bg_read_u8(&r);
        size_t size = bg_read_u8(&r), left = input.size - r.offset;
        struct bg_span entry = bg_read_span(&r, size < left ? size : left);
        enum bg_status status = journal->append(journal->context, kind, entry);
        end += 16 + entry.size;
        if (status == BG_OK && end <= cut)
            status = visit(whole, kind, entry, NULL);
        if (status != BG_OK)
            return status;
    }
    *ret_end = end;
    return BG_OK;
}

static enum bg_status check_cut(struct bg_span input)
{
    struct bg_journal_file *file = NULL;
    struct bg_error error;
    struct bg_writer whole, seen;
    const char *path = fuzz_file((struct bg_span){NULL, 0});
    if (input.size < 2)
        return BG_OK;
    size_t cut = input.data[0] + ((size_t)input.data[1] << 8), end = 0;
    bg_writer_init(&whole);
    bg_writer_init(&seen);
    enum bg_status status = bg_journal_file_open(path, &error, &file);
    if (status == BG_OK)
        status = append_entries(bg_journal_file_journal(file), (struct bg_span){input.data + 2, input.size - 2}, cut,
                                &whole, &end);
    bg_journal_file_close(&file);
    if (status == BG_OK && cut < end)
        FUZZ_REQUIRE(truncate(path, (off_t)cut) == 0, "cannot cut at %zu", cut);
    if (status == BG_OK)
        status = open_and_replay(path, &seen, 0);
    FUZZ_REQUIRE(status == BG_OK || status == BG_NO_MEMORY, "%s", bg_status_name(status));
    if (status == BG_OK)
        FUZZ_REQUIRE(bg_span_equal(bg_writer_span(&whole), bg_writer_span(&seen)), "cut at %zu", cut);
    bg_writer_finish(&whole);
    bg_writer_finish(&seen);
    return status;
}

static enum bg_status check(struct bg_span input)
{
    enum bg_status status = check_cut(input);
    return status == BG_OK ? check_file(input) : status;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    return fuzz_run(check, data, size);
}
