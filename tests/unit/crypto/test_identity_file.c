/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/identity_file.h"

#include "base/file.h"
#include "crypto/digest.h"
#include "tests/unit/crypto/hex.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define SECRET_FILE_BYTES (8 + BG_SCALAR_BYTES + BG_DIGEST_BYTES)
#define PUBLIC_FILE_BYTES (8 + BG_PUBLIC_POINT_BYTES + BG_DIGEST_BYTES)

static char folder[] = "/tmp/burgee-test-XXXXXX";
static char path[sizeof folder + 16];

static void set_up(void)
{
    cr_assert_not_null(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/key", folder);
}

static void tear_down(void)
{
    unlink(path);
    rmdir(folder);
}

TestSuite(identity_file, .init = set_up, .fini = tear_down);

static struct bg_identity *some_identity(void)
{
    struct bg_random random = bg_random_system();
    struct bg_identity *identity;
    cr_assert_eq(bg_identity_create(&random, &identity), BG_OK);
    return identity;
}

static void write_file(const void *bytes, size_t size, mode_t mode)
{
    struct bg_error error;
    cr_assert_eq(bg_file_write(path, (struct bg_span){bytes, size}, mode, &error), BG_OK);
}

static void expect_identity_refused(enum bg_status expected, const char *words)
{
    struct bg_error error = {0};
    struct bg_identity *identity = NULL;
    cr_assert_eq(bg_identity_load(path, &error, &identity), expected, "%s", error.text);
    cr_assert_eq(error.status, expected);
    cr_assert_null(identity);
    cr_assert_not_null(strstr(error.text, path), "%s", error.text);
    cr_assert_not_null(strstr(error.text, words), "%s", error.text);
}

Test(identity_file, round_trips_with_the_owners_rights_only)
{
    struct bg_identity *identity = some_identity(), *loaded;
    struct stat about;
    struct bg_error error;
    cr_assert_eq(bg_identity_save(identity, path, &error), BG_OK);
    cr_assert_eq(stat(path, &about), 0);
    cr_assert_eq(about.st_mode & 0777, 0600);
    cr_assert_eq(about.st_size, SECRET_FILE_BYTES);
    cr_assert_eq(bg_identity_load(path, &error, &loaded), BG_OK);
    cr_assert(bg_digest_equal(bg_identity_digest(identity), bg_identity_digest(loaded)));
    bg_identity_destroy(&loaded);
    bg_identity_destroy(&identity);
}

Test(identity_file, secret_bytes_are_as_documented)
{
    static const uint8_t one[BG_SCALAR_BYTES] = {[BG_SCALAR_BYTES - 1] = 1};
    uint8_t expected[SECRET_FILE_BYTES] = {'B', 'R', 'G', 'I', 1, 0, 1, 0, [39] = 1}, *bytes;
    struct bg_digest digest;
    struct bg_identity *identity;
    struct bg_error error;
    size_t size;
    bg_sha256((struct bg_span){expected, 40}, &digest);
    memcpy(expected + 40, digest.bytes, sizeof digest.bytes);
    cr_assert_eq(bg_identity_from_secret(one, &identity), BG_OK);
    cr_assert_eq(bg_identity_save(identity, path, &error), BG_OK);
    cr_assert_eq(bg_file_read(path, 1000, &error, &bytes, &size), BG_OK);
    cr_assert_eq(size, sizeof expected);
    cr_assert_arr_eq(bytes, expected, sizeof expected);
    free(bytes);
    bg_identity_destroy(&identity);
}

Test(identity_file, refuses_files_that_others_may_use)
{
    struct bg_identity *identity = some_identity();
    struct bg_error error;
    static const mode_t bad[] = {0640, 0604, 0660, 0644, 0610, 0601, 0620, 0602, 0666, 0777};
    char cure[sizeof path + 16];
    snprintf(cure, sizeof cure, "chmod 600 %s", path);
    cr_assert_eq(bg_identity_save(identity, path, &error), BG_OK);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        cr_assert_eq(chmod(path, bad[i]), 0);
        expect_identity_refused(BG_PERMISSION, cure);
    }
    cr_assert_eq(chmod(path, 0400), 0);
    struct bg_identity *loaded;
    cr_assert_eq(bg_identity_load(path, &error, &loaded), BG_OK);
    bg_identity_destroy(&loaded);
    bg_identity_destroy(&identity);
}

Test(identity_file, never_overwrites_a_secret)
{
    struct bg_identity *identity = some_identity(), *other = some_identity(), *loaded;
    struct bg_error error;
    cr_assert_eq(bg_identity_save(identity, path, &error), BG_OK);
    cr_assert_eq(bg_identity_save(other, path, &error), BG_INVALID);
    cr_assert_not_null(strstr(error.text, path));
    cr_assert_eq(bg_identity_load(path, &error, &loaded), BG_OK);
    cr_assert(bg_digest_equal(bg_identity_digest(identity), bg_identity_digest(loaded)));
    bg_identity_destroy(&loaded);
    bg_identity_destroy(&other);
    bg_identity_destroy(&identity);
}

Test(identity_file, provides_one_identity_however_often)
{
    struct bg_random random = bg_random_system();
    char point[sizeof path + 8];
    uint8_t loaded[BG_PUBLIC_POINT_BYTES];
    struct bg_identity *first, *again;
    struct bg_error error;
    snprintf(point, sizeof point, "%s.point", path);
    cr_assert_eq(bg_identity_provide(path, point, &random, &error, &first), BG_OK);
    cr_assert_eq(unlink(point), 0);
    cr_assert_eq(bg_identity_provide(path, point, &random, &error, &again), BG_OK);
    cr_assert(bg_digest_equal(bg_identity_digest(first), bg_identity_digest(again)));
    cr_assert_eq(bg_point_load(BG_POINT_IDENTITY, point, &error, loaded), BG_OK);
    cr_assert_arr_eq(loaded, bg_identity_point(first), sizeof loaded);
    bg_identity_destroy(&again);
    cr_assert_eq(chmod(path, 0644), 0);
    cr_assert_eq(bg_identity_provide(path, point, &random, &error, &again), BG_PERMISSION);
    cr_assert_eq(bg_identity_provide("/absent/secret", point, &random, &error, &again), BG_NOT_FOUND);
    cr_assert_eq(unlink(point), 0);
    bg_identity_destroy(&first);
}

Test(identity_file, refuses_every_shorter_file_and_flipped_bit)
{
    struct bg_identity *identity = some_identity();
    struct bg_error error;
    uint8_t *bytes;
    size_t size;
    cr_assert_eq(bg_identity_save(identity, path, &error), BG_OK);
    cr_assert_eq(bg_file_read(path, 1000, &error, &bytes, &size), BG_OK);
    for (size_t shorter = 0; shorter < size; shorter++) {
        write_file(bytes, shorter, 0600);
        expect_identity_refused(BG_TRUNCATED, "bytes");
    }
    for (size_t bit = 0; bit < 8 * size; bit++) {
        static const enum bg_status by_byte[] = {BG_BAD_MAGIC, BG_BAD_MAGIC, BG_BAD_MAGIC, BG_BAD_MAGIC,
                                                 BG_BAD_VERSION, BG_BAD_VERSION, BG_DECODE, BG_DECODE};
        bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
        write_file(bytes, size, 0600);
        expect_identity_refused(bit / 8 < 8 ? by_byte[bit / 8] : BG_BAD_DIGEST, "");
        bytes[bit / 8] ^= (uint8_t)(1 << bit % 8);
    }
    uint8_t longer[200] = {0};
    memcpy(longer, bytes, size);
    write_file(longer, size + 1, 0600);
    expect_identity_refused(BG_TOO_LARGE, "72 bytes");
    write_file(longer, sizeof longer, 0600);
    expect_identity_refused(BG_TOO_LARGE, "72 bytes");
    free(bytes);
    bg_identity_destroy(&identity);
}

Test(identity_file, refuses_a_scalar_outside_the_order)
{
    uint8_t bytes[SECRET_FILE_BYTES] = {'B', 'R', 'G', 'I', 1, 0, 1, 0};
    struct bg_digest digest;
    bg_sha256((struct bg_span){bytes, 40}, &digest);
    memcpy(bytes + 40, digest.bytes, sizeof digest.bytes);
    write_file(bytes, sizeof bytes, 0600);
    expect_identity_refused(BG_BAD_KEY, "secret identity");
}

Test(identity_file, refuses_what_is_no_file)
{
    expect_identity_refused(BG_NOT_FOUND, "key");
    cr_assert_eq(mkdir(path, 0700), 0);
    expect_identity_refused(BG_IO, "regular");
    rmdir(path);
    cr_assert_eq(mkfifo(path, 0600), 0);
    expect_identity_refused(BG_IO, "regular");
}

Test(identity_file, sealing_keys_are_another_kind)
{
    struct bg_random random = bg_random_system();
    struct bg_sealing_key *key, *loaded;
    struct bg_error error;
    cr_assert_eq(bg_sealing_key_create(&random, &key), BG_OK);
    cr_assert_eq(bg_sealing_key_save(key, path, &error), BG_OK);
    expect_identity_refused(BG_DECODE, "secret sealing key");
    cr_assert_eq(bg_sealing_key_load(path, &error, &loaded), BG_OK);
    cr_assert_arr_eq(bg_sealing_key_point(key), bg_sealing_key_point(loaded), BG_PUBLIC_POINT_BYTES);
    bg_sealing_key_destroy(&loaded);
    bg_sealing_key_destroy(&key);
}

Test(identity_file, public_halves_round_trip_and_are_checked)
{
    struct bg_identity *identity = some_identity();
    const uint8_t *point = bg_identity_point(identity);
    uint8_t loaded[BG_PUBLIC_POINT_BYTES], off_curve[BG_PUBLIC_POINT_BYTES], *bytes;
    struct bg_error error;
    size_t size;
    cr_assert_eq(bg_point_save(BG_POINT_IDENTITY, point, path, &error), BG_OK);
    cr_assert_eq(bg_point_save(BG_POINT_IDENTITY, point, path, &error), BG_OK, "public files are replaced");
    cr_assert_eq(bg_point_load(BG_POINT_IDENTITY, path, &error, loaded), BG_OK);
    cr_assert_arr_eq(loaded, point, sizeof loaded);
    cr_assert_eq(bg_point_load(BG_POINT_SEALING, path, &error, loaded), BG_DECODE);
    cr_assert_not_null(strstr(error.text, "holds a public identity, not a public sealing key"));

    cr_assert_eq(bg_file_read(path, 1000, &error, &bytes, &size), BG_OK);
    cr_assert_eq(size, PUBLIC_FILE_BYTES);
    struct bg_digest digest;
    bytes[20] ^= 1;
    bg_sha256((struct bg_span){bytes, size - BG_DIGEST_BYTES}, &digest);
    memcpy(bytes + size - BG_DIGEST_BYTES, digest.bytes, BG_DIGEST_BYTES);
    write_file(bytes, size, 0644);
    cr_assert_eq(bg_point_load(BG_POINT_IDENTITY, path, &error, loaded), BG_BAD_KEY);
    free(bytes);

    memcpy(off_curve, point, sizeof off_curve);
    off_curve[64] ^= 1;
    unlink(path);
    cr_assert_eq(bg_point_save(BG_POINT_IDENTITY, off_curve, path, &error), BG_BAD_KEY);
    cr_assert_eq(access(path, F_OK), -1);
    bg_identity_destroy(&identity);
}
