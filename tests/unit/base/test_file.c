/* SPDX-License-Identifier: Apache-2.0 */
#include "base/file.h"

#include "tests/unit/no_leaks.h"

#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

TestSuite(file);

static char folder[64];

static void make_folder(void)
{
    strcpy(folder, "/tmp/burgee-test-file-XXXXXX");
    cr_assert_not_null(mkdtemp(folder));
}

static const char *in_folder(const char *name)
{
    static char path[128];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    return path;
}

static size_t files_in_folder(void)
{
    size_t count = 0;
    DIR *stream = opendir(folder);
    for (const struct dirent *entry; (entry = readdir(stream));)
        count += entry->d_name[0] != '.';
    closedir(stream);
    return count;
}

static void remove_folder(void)
{
    unlink(in_folder("a"));
    unlink(in_folder("link"));
    rmdir(in_folder("folder"));
    rmdir(folder);
}

static struct bg_span span_of(const char *text)
{
    return (struct bg_span){(const uint8_t *)text, strlen(text)};
}

static void holds(const char *name, const char *text)
{
    uint8_t *data;
    size_t size;
    cr_assert_eq(bg_file_read(in_folder(name), 1 << 20, NULL, &data, &size), BG_OK);
    cr_assert(bg_span_equal((struct bg_span){data, size}, span_of(text)));
    cr_assert_eq(data[size], 0);
    free(data);
}

Test(file, what_is_written_is_read_back, .init = make_folder, .fini = remove_folder)
{
    cr_assert_eq(bg_file_write(in_folder("a"), span_of("first"), 0644, NULL), BG_OK);
    holds("a", "first");
    cr_assert_eq(bg_file_write(in_folder("a"), span_of("2"), 0644, NULL), BG_OK);
    holds("a", "2");
    cr_assert_eq(bg_file_write(in_folder("a"), (struct bg_span){NULL, 0}, 0644, NULL), BG_OK);
    holds("a", "");
    cr_assert_eq(files_in_folder(), 1, "no temporary file stays");
    NO_LEAKS();
}

Test(file, the_mode_is_exact, .init = make_folder, .fini = remove_folder)
{
    static const unsigned modes[] = {0600, 0644, 0400, 0666};
    struct stat about;
    umask(027);
    for (size_t i = 0; i < sizeof modes / sizeof *modes; i++) {
        cr_assert_eq(bg_file_write(in_folder("a"), span_of("x"), modes[i], NULL), BG_OK);
        cr_assert_eq(stat(in_folder("a"), &about), 0);
        cr_assert_eq(about.st_mode & 07777, modes[i]);
    }
}

Test(file, a_read_is_bounded, .init = make_folder, .fini = remove_folder)
{
    uint8_t *data = NULL;
    size_t size = 7;
    struct bg_error error;
    cr_assert_eq(bg_file_write(in_folder("a"), span_of("12345"), 0600, NULL), BG_OK);
    cr_assert_eq(bg_file_read(in_folder("a"), 4, &error, &data, &size), BG_TOO_LARGE);
    cr_assert_not_null(strstr(error.text, "5 bytes, the limit is 4"), "%s", error.text);
    cr_assert_null(data);
    cr_assert_eq(size, 7);
    cr_assert_eq(bg_file_read(in_folder("a"), 5, NULL, &data, &size), BG_OK);
    cr_assert_eq(size, 5);
    free(data);
    data = NULL;
    cr_assert_eq(bg_file_read("/dev/zero", 300000, &error, &data, &size), BG_TOO_LARGE);
    cr_assert_not_null(strstr(error.text, "/dev/zero"));
    cr_assert_eq(bg_file_read("/dev/null", 0, NULL, &data, &size), BG_OK);
    cr_assert_not_null(data);
    cr_assert_eq(size, 0);
    free(data);
    NO_LEAKS();
}

Test(file, large_files_round_trip, .init = make_folder, .fini = remove_folder)
{
    size_t size = 3000001, read_size;
    uint8_t *bytes = malloc(size), *data;
    for (size_t i = 0; i < size; i++)
        bytes[i] = (uint8_t)(i * 31 >> 3);
    cr_assert_eq(bg_file_write(in_folder("a"), (struct bg_span){bytes, size}, 0600, NULL), BG_OK);
    cr_assert_eq(bg_file_read(in_folder("a"), SIZE_MAX, NULL, &data, &read_size), BG_OK);
    cr_assert(bg_span_equal((struct bg_span){bytes, size}, (struct bg_span){data, read_size}));
    free(data);
    free(bytes);
    NO_LEAKS();
}

Test(file, errors_name_the_path, .init = make_folder, .fini = remove_folder)
{
    uint8_t *data;
    size_t size;
    struct bg_error error;
    cr_assert_eq(bg_file_read(in_folder("none"), 10, &error, &data, &size), BG_NOT_FOUND);
    cr_assert_not_null(strstr(error.text, in_folder("none")));
    cr_assert_eq(bg_file_read(folder, 1 << 20, &error, &data, &size), BG_IO);
    cr_assert_not_null(strstr(error.text, folder));
    cr_assert_eq(bg_file_write(in_folder("none/a"), span_of("x"), 0600, &error), BG_NOT_FOUND);
    cr_assert_not_null(strstr(error.text, in_folder("none/a")), "%s", error.text);
    NO_LEAKS();
}

Test(file, a_failed_write_leaves_nothing_behind, .init = make_folder, .fini = remove_folder)
{
    struct bg_error error;
    cr_assert_eq(mkdir(in_folder("folder"), 0700), 0);
    cr_assert_eq(bg_file_write(in_folder("folder"), span_of("x"), 0600, &error), BG_IO);
    cr_assert_eq(files_in_folder(), 1, "only the folder");
    char *name = malloc(PATH_MAX + 10);
    memset(name, 'n', PATH_MAX);
    name[PATH_MAX] = '\0';
    cr_assert_eq(bg_file_write(name, span_of("x"), 0600, &error), BG_INVALID);
    free(name);
    NO_LEAKS();
}

Test(file, a_write_replaces_a_link_and_not_its_target, .init = make_folder, .fini = remove_folder)
{
    char target[128];
    strcpy(target, in_folder("a"));
    cr_assert_eq(bg_file_write(target, span_of("target"), 0600, NULL), BG_OK);
    cr_assert_eq(symlink(target, in_folder("link")), 0);
    cr_assert_eq(bg_file_write(in_folder("link"), span_of("new"), 0600, NULL), BG_OK);
    holds("a", "target");
    holds("link", "new");
}

Test(file, a_place_is_checked_before_the_work, .init = make_folder, .fini = remove_folder)
{
    struct bg_error error;
    cr_assert_eq(bg_file_check_place(in_folder("a"), &error), BG_OK);
    cr_assert_eq(files_in_folder(), 0, "nothing is written");
    cr_assert_eq(bg_file_check_place("a-file-beside", &error), BG_OK);
    cr_assert_eq(bg_file_check_place(in_folder("none/a"), &error), BG_NOT_FOUND);
    cr_assert_not_null(strstr(error.text, "none/a"), "%s", error.text);
    cr_assert_eq(bg_file_check_place(folder, &error), BG_IO);
    cr_assert_not_null(strstr(error.text, "directory"), "%s", error.text);
}

Test(file, what_a_killed_writer_left_is_swept, .init = make_folder, .fini = remove_folder)
{
    static const char *const names[] = {"a",        "a.new-Zmpq52", "a.new-mvTohf", "a.backup",
                                        "a.new-17", "b.new-mvTohf", "a.old-mvTohf"};
    for (size_t i = 0; i < sizeof names / sizeof *names; i++)
        cr_assert_eq(bg_file_write(in_folder(names[i]), span_of("text"), 0600, NULL), BG_OK);
    bg_file_sweep(in_folder("a"));
    cr_assert_eq(files_in_folder(), 5);
    holds("a", "text");
    for (size_t i = 3; i < sizeof names / sizeof *names; i++)
        cr_assert_eq(unlink(in_folder(names[i])), 0, "%s", names[i]);
    bg_file_sweep(in_folder("folder/a"));
}
