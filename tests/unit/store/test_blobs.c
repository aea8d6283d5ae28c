/* SPDX-License-Identifier: Apache-2.0 */
#include "store/blobs.h"

#include "base/file.h"

#include <criterion/criterion.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[64];
static struct bg_blobs *blobs;

/* Any function of all bytes does for these tests. */
static void digest_of(struct bg_span bytes, struct bg_digest *ret_digest)
{
    *ret_digest = (struct bg_digest){{(uint8_t)bytes.size, 77}};
    for (size_t i = 0; i < bytes.size; i++)
        ret_digest->bytes[i % BG_DIGEST_BYTES] = (uint8_t)(ret_digest->bytes[i % BG_DIGEST_BYTES] * 31 + bytes.data[i]);
}

static void open_blobs(void)
{
    struct bg_error error = {0};
    cr_assert_eq(bg_blobs_open(folder, "models", digest_of, &error, &blobs), BG_OK, "%s", error.text);
}

static void make_folder(void)
{
    snprintf(folder, sizeof folder, "%s", "/tmp/burgee-blobs-XXXXXX");
    cr_assert_not_null(mkdtemp(folder));
    open_blobs();
}

static void remove_folder(void)
{
    char command[128];
    bg_blobs_close(&blobs);
    snprintf(command, sizeof command, "rm -rf '%s'", folder);
    cr_assert_eq(system(command), 0);
}

TestSuite(blobs, .init = make_folder, .fini = remove_folder);

static struct bg_span text(const char *words)
{
    return (struct bg_span){(const uint8_t *)words, strlen(words)};
}

static struct bg_digest put(const char *words)
{
    struct bg_error error = {0};
    struct bg_digest name = {{0}};
    cr_assert_eq(bg_blobs_put(blobs, text(words), &error, &name), BG_OK, "%s", error.text);
    return name;
}

static void path_of(const struct bg_digest *name, char ret_path[static 256])
{
    char hex[2 * BG_DIGEST_BYTES + 1];
    bg_digest_to_hex(name, hex);
    snprintf(ret_path, 256, "%s/models/%s", folder, hex);
}

static void expect(const struct bg_digest *name, bool whole, const char *words)
{
    struct bg_error error = {0};
    struct bg_mapping mapping;
    cr_assert_eq(bg_blobs_map(blobs, name, whole, &error, &mapping), BG_OK, "%s", error.text);
    cr_assert(bg_span_equal(mapping.bytes, text(words)));
    bg_mapping_finish(&mapping);
}

static enum bg_status try_map(const struct bg_digest *name, struct bg_error *error)
{
    struct bg_mapping mapping;
    enum bg_status status = bg_blobs_map(blobs, name, true, error, &mapping);
    if (status == BG_OK)
        bg_mapping_finish(&mapping);
    return status;
}

Test(blobs, gives_back_what_was_put)
{
    struct bg_digest name = put("a model"), empty = put("");
    expect(&name, true, "a model");
    expect(&empty, true, "");
    cr_assert(bg_digest_equal(&name, &(struct bg_digest){{0}}) == false);
    struct bg_digest again = put("a model");
    cr_assert(bg_digest_equal(&name, &again));
    bg_blobs_close(&blobs);
    open_blobs();
    expect(&name, true, "a model");
}

Test(blobs, names_what_is_not_there)
{
    struct bg_error error = {0};
    struct bg_digest name = {{9}};
    cr_assert_eq(try_map(&name, &error), BG_NOT_FOUND);
    cr_assert_not_null(strstr(error.text, "/models/09"));
    bg_blobs_remove(blobs, &name);
}

Test(blobs, takes_over_a_file_and_replaces_what_was_there)
{
    struct bg_error error = {0};
    struct bg_digest name = {{1, 2, 3}};
    char path[128];
    snprintf(path, sizeof path, "%s/upload", folder);
    for (int i = 0; i < 2; i++) {
        const char *words = i ? "sent again" : "sent";
        unlink(path);
        cr_assert_eq(bg_file_write(path, text(words), 0600, &error), BG_OK);
        for (int twice = 0; twice < 2; twice++) {
            cr_assert_eq(bg_blobs_adopt(blobs, &name, path, &error), BG_OK, "%s", error.text);
            cr_assert_eq(bg_blobs_sync(blobs, &error), BG_OK, "%s", error.text);
        }
        expect(&name, false, words);
    }
    unlink(path);
    expect(&name, false, "sent again");
    cr_assert_eq(bg_blobs_adopt(blobs, &name, path, &error), BG_NOT_FOUND);
    cr_assert_not_null(strstr(error.text, "take over"));
    expect(&name, false, "sent again");
}

Test(blobs, sets_a_damaged_file_aside_and_names_it)
{
    struct bg_error error = {0};
    struct bg_digest name = put("a model that lies on a bad disk");
    char path[256], aside[512], hex[2 * BG_DIGEST_BYTES + 1];
    path_of(&name, path);
    int fd = open(path, O_WRONLY);
    cr_assert_eq(pwrite(fd, "X", 1, 3), 1);
    close(fd);
    cr_assert_eq(try_map(&name, &error), BG_BAD_DIGEST);
    cr_assert_not_null(strstr(error.text, path));
    cr_assert_not_null(strstr(error.text, "backup"));
    bg_digest_to_hex(&name, hex);
    snprintf(aside, sizeof aside, "%s/models/damaged/%s", folder, hex);
    cr_assert_eq(access(aside, F_OK), 0);
    cr_assert_eq(try_map(&name, &error), BG_NOT_FOUND);
    put("a model that lies on a bad disk");
    expect(&name, true, "a model that lies on a bad disk");
}

Test(blobs, a_mapping_outlives_its_name)
{
    struct bg_error error = {0};
    struct bg_digest name = put("still here");
    struct bg_mapping mapping;
    cr_assert_eq(bg_blobs_map(blobs, &name, true, &error, &mapping), BG_OK);
    bg_blobs_remove(blobs, &name);
    cr_assert(bg_span_equal(mapping.bytes, text("still here")));
    bg_mapping_finish(&mapping);
    cr_assert_eq(try_map(&name, &error), BG_NOT_FOUND);
}

static bool is_wanted(void *context, const struct bg_digest *name)
{
    return bg_digest_equal(context, name);
}

Test(blobs, sweeps_orphans_and_halves)
{
    struct bg_error error = {0};
    struct bg_digest wanted = put("wanted"), orphan = put("orphan"), damaged = put("damaged");
    char path[256];
    size_t removed = 0;
    path_of(&wanted, path);
    strcat(path, ".XyZ123"); /* what a write that was cut off leaves */
    cr_assert_eq(bg_file_write(path, text("half"), 0600, &error), BG_OK);
    cr_assert(bg_blobs_set_aside(blobs, &damaged));
    cr_assert_not(bg_blobs_set_aside(blobs, &damaged));
    cr_assert_eq(bg_blobs_sweep(blobs, is_wanted, &wanted, &error, &removed), BG_OK, "%s", error.text);
    cr_assert_eq(removed, 2);
    expect(&wanted, true, "wanted");
    cr_assert_eq(try_map(&orphan, &error), BG_NOT_FOUND);
    cr_assert_neq(access(path, F_OK), 0);
    path_of(&damaged, path);
    cr_assert_neq(access(path, F_OK), 0);
}

Test(blobs, names_a_folder_that_cannot_be_made)
{
    struct bg_error error = {0};
    struct bg_blobs *none = NULL;
    cr_assert_eq(bg_blobs_open("/proc/nowhere", "models", digest_of, &error, &none), BG_NOT_FOUND);
    cr_assert_not_null(strstr(error.text, "/proc/nowhere/models"));
    cr_assert_null(none);
}
