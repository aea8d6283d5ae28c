/* SPDX-License-Identifier: Apache-2.0 */
#include "store/journal_file.h"

#include "base/file.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[64], path[80];

static void make_folder(void)
{
    snprintf(folder, sizeof folder, "%s/burgee-journal-XXXXXX", "/tmp");
    cr_assert_not_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/journal", folder);
}

static void remove_folder(void)
{
    unlink(path);
    rmdir(folder);
}

TestSuite(journal_file, .init = make_folder, .fini = remove_folder);

static struct bg_journal_file *reopen(void)
{
    struct bg_journal_file *file = NULL;
    struct bg_error error = {0};
    cr_assert_eq(bg_journal_file_open(path, &error, &file), BG_OK, "%s", error.text);
    return file;
}

static enum bg_status try_open(struct bg_error *error)
{
    struct bg_journal_file *file = NULL;
    enum bg_status status = bg_journal_file_open(path, error, &file);
    bg_journal_file_close(&file);
    return status;
}

static enum bg_status append(struct bg_journal_file *file, uint32_t kind, const char *text)
{
    struct bg_journal *journal = bg_journal_file_journal(file);
    return journal->append(journal->context, kind, (struct bg_span){(const uint8_t *)text, strlen(text)});
}

/* "1:first 2: 3:third ", and how often it was called. */
struct listing {
    char text[256];
    size_t length;
    size_t stop_at;
    size_t count;
};

static enum bg_status list_entry(void *context, uint32_t kind, struct bg_span entry, struct bg_error *error)
{
    struct listing *listing = context;
    if (listing->stop_at && ++listing->count == listing->stop_at)
        return bg_fail(error, BG_DATA, "enough");
    listing->length += (size_t)snprintf(listing->text + listing->length, sizeof listing->text - listing->length,
                                        "%u:%.*s ", kind, (int)entry.size, (const char *)entry.data);
    return BG_OK;
}

static struct listing list(struct bg_journal_file *file)
{
    struct bg_journal *journal = bg_journal_file_journal(file);
    struct bg_error error = {0};
    struct listing listing = {0};
    cr_assert_eq(journal->replay(journal->context, list_entry, &listing, &error), BG_OK, "%s", error.text);
    return listing;
}

static void write_three(void)
{
    struct bg_journal_file *file = reopen();
    cr_assert_eq(append(file, 1, "first"), BG_OK);
    cr_assert_eq(append(file, 2, ""), BG_OK);
    cr_assert_eq(append(file, 3, "third"), BG_OK);
    bg_journal_file_close(&file);
}

static struct bg_span read_all(void)
{
    uint8_t *data = NULL;
    size_t size = 0;
    cr_assert_eq(bg_file_read(path, 1 << 20, NULL, &data, &size), BG_OK);
    return (struct bg_span){data, size};
}

static void write_all(const uint8_t *data, size_t size)
{
    cr_assert_eq(bg_file_write(path, (struct bg_span){data, size}, 0600, NULL), BG_OK);
}

Test(journal_file, gives_back_what_was_appended_in_order)
{
    write_three();
    struct bg_journal_file *file = reopen();
    cr_expect_str_eq(list(file).text, "1:first 2: 3:third ");
    cr_assert_eq(append(file, 4, "fourth"), BG_OK);
    cr_expect_str_eq(list(file).text, "1:first 2: 3:third 4:fourth ", "what this process appended is in it");
    bg_journal_file_close(&file);
    file = reopen();
    cr_expect_str_eq(list(file).text, "1:first 2: 3:third 4:fourth ");
    bg_journal_file_close(&file);
}

Test(journal_file, is_for_its_owner_alone)
{
    struct stat about;
    struct bg_error error = {0};
    write_three();
    cr_assert_eq(stat(path, &about), 0);
    cr_expect_eq(about.st_mode & 0777, 0600);
    cr_assert_eq(chmod(path, 0640), 0);
    cr_expect_eq(try_open(&error), BG_PERMISSION);
    cr_expect_not_null(strstr(error.text, "chmod 600"));
}

Test(journal_file, is_for_one_process_at_a_time)
{
    struct bg_error error = {0};
    struct bg_journal_file *file = reopen();
    cr_expect_eq(try_open(&error), BG_BUSY);
    cr_expect_not_null(strstr(error.text, path));
    bg_journal_file_close(&file);
    cr_expect_eq(try_open(&error), BG_OK);
}

/* At every length the file may have been cut to, the entries that are whole survive and the journal goes on. */
Test(journal_file, drops_a_torn_tail_wherever_it_is_torn)
{
    static const size_t ends[] = {8, 8 + 16 + 5, 8 + 16 + 5 + 16, 8 + 16 + 5 + 16 + 16 + 5};
    static const char *const left[] = {"", "1:first ", "1:first 2: ", "1:first 2: 3:third "};
    write_three();
    struct bg_span whole = read_all();
    cr_assert_eq(whole.size, ends[3]);
    for (size_t size = 0; size <= whole.size; size++) {
        char expected[64];
        size_t entries = 0;
        while (entries < 3 && ends[entries + 1] <= size)
            entries++;
        write_all(whole.data, size);
        struct bg_journal_file *file = reopen();
        cr_expect_str_eq(list(file).text, left[entries], "cut to %zu bytes", size);
        cr_assert_eq(append(file, 9, "next"), BG_OK);
        bg_journal_file_close(&file);
        file = reopen();
        snprintf(expected, sizeof expected, "%s9:next ", left[entries]);
        cr_expect_str_eq(list(file).text, expected, "cut to %zu bytes, then continued", size);
        bg_journal_file_close(&file);
    }
    free((void *)whole.data);
}

Test(journal_file, refuses_every_flipped_bit)
{
    write_three();
    struct bg_span whole = read_all();
    uint8_t *bytes = (uint8_t *)whole.data;
    for (size_t bit = 0; bit < 8 * whole.size; bit++) {
        struct bg_error error = {0};
        bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
        write_all(bytes, whole.size);
        enum bg_status status = try_open(&error);
        enum bg_status expected = bit / 8 < 4 ? BG_BAD_MAGIC : bit / 8 < 8 ? BG_BAD_VERSION : BG_BAD_DIGEST;
        cr_expect_eq(status, expected, "bit %zu: %s", bit, error.text);
        cr_expect_not_null(strstr(error.text, path));
        bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
    }
    free(bytes);
}

Test(journal_file, refuses_a_journal_with_an_entry_taken_out)
{
    struct bg_error error = {0};
    write_three();
    struct bg_span whole = read_all();
    uint8_t *bytes = (uint8_t *)whole.data;
    memmove(bytes + 29, bytes + 45, whole.size - 45);
    write_all(bytes, whole.size - 16);
    cr_expect_eq(try_open(&error), BG_BAD_DIGEST);
    cr_expect_not_null(strstr(error.text, "byte 29"), "%s", error.text);
    free(bytes);
}

Test(journal_file, refuses_what_is_no_journal)
{
    struct bg_error error = {0};
    write_all((const uint8_t *)"a text file", 11);
    cr_expect_eq(try_open(&error), BG_BAD_MAGIC);
    unlink(path);
    cr_assert_eq(mkfifo(path, 0600), 0);
    cr_expect_neq(try_open(&error), BG_OK);
    unlink(path);
    snprintf(path, sizeof path, "%s/absent/journal", folder);
    cr_expect_eq(try_open(&error), BG_IO);
}

Test(journal_file, ends_the_replay_with_what_the_visitor_says)
{
    write_three();
    struct bg_journal_file *file = reopen();
    struct bg_journal *journal = bg_journal_file_journal(file);
    struct bg_error error = {0};
    struct listing listing = {.stop_at = 2};
    cr_expect_eq(journal->replay(journal->context, list_entry, &listing, &error), BG_DATA);
    cr_expect_str_eq(listing.text, "1:first ");
    cr_expect_not_null(strstr(error.text, "entry at byte 29: enough"), "%s", error.text);
    cr_expect_not_null(strstr(error.text, path));
    bg_journal_file_close(&file);
}

Test(journal_file, takes_no_entry_after_one_that_failed)
{
    write_three();
    struct bg_journal_file *file = reopen();
    struct rlimit limit = {.rlim_cur = 80, .rlim_max = RLIM_INFINITY};
    cr_assert_eq(getrlimit(RLIMIT_FSIZE, &limit), 0);
    rlim_t before = limit.rlim_cur;
    limit.rlim_cur = 80;
    signal(SIGXFSZ, SIG_IGN);
    cr_assert_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
    cr_expect_eq(append(file, 4, "does not fit in what the file may grow by"), BG_IO);
    limit.rlim_cur = before;
    cr_assert_eq(setrlimit(RLIMIT_FSIZE, &limit), 0);
    cr_expect_eq(append(file, 5, "would fit"), BG_IO);
    bg_journal_file_close(&file);
    file = reopen();
    cr_expect_str_eq(list(file).text, "1:first 2: 3:third ");
    bg_journal_file_close(&file);
}

Test(journal_file, refuses_an_entry_past_its_bound)
{
    struct bg_journal_file *file = reopen();
    struct bg_journal *journal = bg_journal_file_journal(file);
    uint8_t byte = 0;
    cr_expect_eq(journal->append(journal->context, 1, (struct bg_span){&byte, BG_JOURNAL_ENTRY_MOST_BYTES + 1}),
                 BG_TOO_LARGE);
    cr_assert_eq(append(file, 2, "later"), BG_OK);
    cr_expect_str_eq(list(file).text, "2:later ");
    bg_journal_file_close(&file);
}
