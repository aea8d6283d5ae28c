/* SPDX-License-Identifier: Apache-2.0 */
#include "crypto/key_file.h"

#include "crypto/decrypt.h"
#include "crypto/digest.h"
#include "crypto/key_frame.h"
#include "crypto/public_key_file.h"
#include "tests/unit/crypto/secret_fixture.h"

#include <criterion/criterion.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[64], path[96];

static void enter(void)
{
    snprintf(folder, sizeof folder, "%s/burgee-key-XXXXXX", P_tmpdir);
    cr_assert(mkdtemp(folder));
    snprintf(path, sizeof path, "%s/key", folder);
}

static void leave(void)
{
    unlink(path);
    rmdir(folder);
}

TestSuite(key_file, .init = enter, .fini = leave);

static void put_file(const uint8_t *bytes, size_t size)
{
    unlink(path);
    FILE *file = fopen(path, "wb");
    cr_assert(file);
    cr_assert_eq(fwrite(bytes, 1, size, file), size);
    cr_assert_eq(fclose(file), 0);
    cr_assert_eq(chmod(path, 0600), 0);
}

static size_t get_file(uint8_t *ret_bytes, size_t capacity)
{
    FILE *file = fopen(path, "rb");
    cr_assert(file);
    size_t size = fread(ret_bytes, 1, capacity, file);
    cr_assert_lt(size, capacity);
    fclose(file);
    return size;
}

static void sign(uint8_t *bytes, size_t size)
{
    struct bg_digest digest;
    bg_sha256((struct bg_span){bytes, size - BG_DIGEST_BYTES}, &digest);
    memcpy(bytes + size - BG_DIGEST_BYTES, digest.bytes, BG_DIGEST_BYTES);
}

/* Both kinds of file behind one verb. */
static enum bg_status load(bool secret, struct bg_error *error)
{
    struct bg_secret_key *secret_key = NULL;
    struct bg_public_key *public_key = NULL;
    enum bg_status status = secret ? bg_secret_key_load(path, 1, true, error, &secret_key)
                                   : bg_public_key_load(path, 1, true, error, &public_key);
    if (status != BG_OK) {
        cr_assert_null(secret_key);
        cr_assert_null(public_key);
        cr_assert(!error || strstr(error->text, path), "%s", error ? error->text : "");
    }
    bg_secret_key_destroy(&secret_key);
    bg_public_key_destroy(&public_key);
    return status;
}

static size_t save(bool secret, uint8_t *ret_bytes, size_t capacity)
{
    struct bg_secret_key *key = vector_key(0, 1);
    unlink(path);
    cr_assert_eq(secret ? bg_secret_key_save(key, path, NULL)
                        : bg_public_key_save(bg_secret_key_public(key), path, NULL), BG_OK);
    bg_secret_key_destroy(&key);
    return get_file(ret_bytes, capacity);
}

Test(key_file, decrypts_with_a_key_that_was_saved_and_loaded)
{
    struct bg_random random = bg_random_system();
    struct bg_secret_key *key = vector_key(1, 1), *loaded = NULL;
    struct bg_error error;

    cr_assert_eq(bg_secret_key_save(key, path, &error), BG_OK, "%s", error.text);
    for (uint32_t s = 1; s <= BG_KEY_MOST_S; s++) {
        cr_assert_eq(bg_secret_key_load(path, s, true, &error, &loaded), BG_OK, "%s", error.text);
        struct bg_cipher cipher = {.mode = BG_ENCRYPTION_PAILLIER, .key = bg_secret_key_public(loaded)};
        size_t size = bg_public_key_plaintext_bytes(cipher.key);
        uint8_t *plaintexts = random_plaintexts(cipher.key, 2), *found = malloc(2 * size);
        uint8_t *ciphertexts = encrypt(&cipher, plaintexts, 2);
        struct bg_span span = {ciphertexts, 2 * bg_public_key_ciphertext_bytes(cipher.key)};
        cr_assert(found);
        cr_assert(bg_digest_equal(bg_public_key_id(cipher.key), bg_public_key_id(bg_secret_key_public(key))));
        cr_assert_eq(bg_decrypt(loaded, span, 2, &random, NULL, &error, found), BG_OK, "%s", error.text);
        cr_assert_arr_eq(found, plaintexts, 2 * size);
        free(ciphertexts);
        free(found);
        free(plaintexts);
        bg_secret_key_destroy(&loaded);
    }
    bg_secret_key_destroy(&key);
}

Test(key_file, loads_the_public_key_that_was_saved)
{
    struct bg_secret_key *key = vector_key(2, 1);
    struct bg_public_key *loaded = NULL;
    struct bg_error error;

    cr_assert_eq(bg_public_key_save(bg_secret_key_public(key), path, &error), BG_OK, "%s", error.text);
    cr_assert_eq(bg_public_key_load(path, 3, false, &error, &loaded), BG_OK, "%s", error.text);
    cr_assert_eq(bg_public_key_s(loaded), 3);
    cr_assert(bg_span_equal(bg_public_key_n(loaded), bg_public_key_n(bg_secret_key_public(key))));
    cr_assert(!bg_public_key_insecure(loaded));
    bg_public_key_destroy(&loaded);
    bg_secret_key_destroy(&key);
}

Test(key_file, has_the_bytes_of_its_description)
{
    uint8_t bytes[256], p[32], q[32];

    size_t size = save(true, bytes, sizeof bytes);
    cr_assert_eq(size, 12 + 64 + 32);
    cr_assert_arr_eq(bytes, "BRGS\x01\x00\x01\x00\x00\x02\x00\x00", 12);
    from_hex(secret_keys[0].p, p);
    from_hex(secret_keys[0].q, q);
    cr_assert_arr_eq(bytes + 12, p, sizeof p);
    cr_assert_arr_eq(bytes + 12 + 32, q, sizeof q);
    size = save(false, bytes, sizeof bytes);
    cr_assert_eq(size, 12 + 64 + 32);
    cr_assert_arr_eq(bytes, "BRGP\x01\x00\x01\x00\x00\x02\x00\x00", 12);
}

Test(key_file, refuses_a_secret_that_others_can_use)
{
    static const mode_t modes[] = {0640, 0604, 0660, 0620, 0602, 0610, 0601, 0644, 0666};
    uint8_t bytes[256];
    struct stat info;
    char cure[128];

    save(true, bytes, sizeof bytes);
    cr_assert_eq(stat(path, &info), 0);
    cr_assert_eq(info.st_mode & 0777, 0600);
    snprintf(cure, sizeof cure, "chmod 600 %s", path);
    for (size_t i = 0; i < COUNT(modes); i++) {
        struct bg_error error;
        cr_assert_eq(chmod(path, modes[i]), 0);
        cr_assert_eq(load(true, &error), BG_PERMISSION);
        cr_assert(strstr(error.text, cure), "%s", error.text);
    }
    cr_assert_eq(chmod(path, 0400), 0);
    cr_assert_eq(load(true, NULL), BG_OK);
}

Test(key_file, never_overwrites_a_secret)
{
    struct bg_secret_key *key = vector_key(1, 1);
    uint8_t before[256], after[256];
    struct bg_error error;

    size_t size = save(true, before, sizeof before);
    cr_assert_eq(bg_secret_key_save(key, path, &error), BG_INVALID);
    cr_assert(strstr(error.text, path));
    cr_assert_eq(get_file(after, sizeof after), size);
    cr_assert_arr_eq(before, after, size);
    bg_secret_key_destroy(&key);
}

Test(key_file, refuses_what_is_not_there_or_no_file)
{
    struct bg_error error;

    for (int secret = 0; secret < 2; secret++) {
        snprintf(path, sizeof path, "%s/key", folder);
        cr_assert_eq(load(secret, &error), BG_NOT_FOUND);
        snprintf(path, sizeof path, "%s", folder);
        cr_assert_neq(load(secret, &error), BG_OK);
    }
    snprintf(path, sizeof path, "%s/key", folder);
}

Test(key_file, refuses_a_file_cut_anywhere)
{
    uint8_t bytes[256];

    for (int secret = 0; secret < 2; secret++) {
        size_t size = save(secret, bytes, sizeof bytes);
        for (size_t cut = 0; cut < size; cut++) {
            struct bg_error error;
            put_file(bytes, cut);
            cr_assert_eq(load(secret, &error), BG_TRUNCATED, "%zu bytes", cut);
        }
    }
}

Test(key_file, refuses_bytes_after_the_end)
{
    uint8_t bytes[2048] = {0};

    for (int secret = 0; secret < 2; secret++) {
        struct bg_error error;
        size_t size = save(secret, bytes, sizeof bytes);
        put_file(bytes, size + 1);
        cr_assert_eq(load(secret, &error), BG_DECODE);
        put_file(bytes, sizeof bytes);
        cr_assert_neq(load(secret, &error), BG_OK);
    }
}

Test(key_file, refuses_every_flipped_bit)
{
    uint8_t bytes[256];

    for (int secret = 0; secret < 2; secret++) {
        size_t size = save(secret, bytes, sizeof bytes);
        for (size_t bit = 0; bit < 8 * size; bit++) {
            struct bg_error error;
            bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
            put_file(bytes, size);
            enum bg_status status = load(secret, &error);
            bytes[bit / 8] ^= (uint8_t)(1u << bit % 8);
            if (bit < 32)
                cr_assert_eq(status, BG_BAD_MAGIC);
            else if (bit < 48)
                cr_assert_eq(status, BG_BAD_VERSION);
            else if (bit < 64 || bit >= 96)
                cr_assert_eq(status, BG_BAD_DIGEST);
            else /* the length of the key */
                cr_assert(status == BG_DECODE || status == BG_TRUNCATED);
        }
    }
}

Test(key_file, refuses_the_other_kind_of_file)
{
    uint8_t bytes[256];
    struct bg_error error;

    save(true, bytes, sizeof bytes);
    cr_assert_eq(load(false, &error), BG_BAD_MAGIC);
    save(false, bytes, sizeof bytes);
    cr_assert_eq(chmod(path, 0600), 0);
    cr_assert_eq(load(true, &error), BG_BAD_MAGIC);
}

Test(key_file, refuses_flags_that_contradict_the_length)
{
    static const uint8_t flags[][2] = {{0, 0}, {2, 0}, {3, 0}, {1, 1}, {1, 0x80}};
    uint8_t bytes[256];

    for (int secret = 0; secret < 2; secret++) {
        size_t size = save(secret, bytes, sizeof bytes);
        for (size_t i = 0; i < COUNT(flags); i++) {
            struct bg_error error;
            memcpy(bytes + 6, flags[i], 2);
            sign(bytes, size);
            put_file(bytes, size);
            cr_assert_eq(load(secret, &error), BG_DECODE);
        }
    }
}

Test(key_file, names_the_file_of_a_key_that_fails_a_check)
{
    uint8_t bytes[256];
    struct bg_error error;

    size_t size = save(true, bytes, sizeof bytes);
    from_hex(flawed_keys[0].p, bytes + 12);
    sign(bytes, size);
    put_file(bytes, size);
    cr_assert_eq(load(true, &error), BG_BAD_KEY);
    size = save(false, bytes, sizeof bytes);
    bytes[12] ^= 1;
    sign(bytes, size);
    put_file(bytes, size);
    cr_assert_eq(load(false, &error), BG_BAD_KEY);
}

/* Primes of 512 bits in a file that claims 576. */
Test(key_file, refuses_primes_too_short_for_the_length)
{
    uint8_t bytes[12 + 72 + 32] = "BRGS\x01\x00\x01\x00\x40\x02";
    struct bg_error error;

    from_hex(secret_keys[0].p, bytes + 12);
    from_hex(secret_keys[0].q, bytes + 12 + 36);
    sign(bytes, sizeof bytes);
    put_file(bytes, sizeof bytes);
    cr_assert_eq(load(true, &error), BG_BAD_KEY);
    cr_assert(strstr(error.text, "shorter than the key"), "%s", error.text);
}

Test(key_file, refuses_an_insecure_key_unless_asked_for)
{
    struct bg_secret_key *secret_key = NULL;
    struct bg_public_key *public_key = NULL;
    uint8_t bytes[256];
    struct bg_error error;

    save(true, bytes, sizeof bytes);
    cr_assert_eq(bg_secret_key_load(path, 1, false, &error, &secret_key), BG_BAD_KEY);
    cr_assert(strstr(error.text, "INSECURE"));
    save(false, bytes, sizeof bytes);
    cr_assert_eq(bg_public_key_load(path, 1, false, &error, &public_key), BG_BAD_KEY);
    cr_assert(strstr(error.text, "INSECURE"));
}
