/* SPDX-License-Identifier: Apache-2.0 */
/* The second implementation is the openssl command. */
#include "crypto/certificate.h"

#include "base/file.h"
#include "crypto/digest.h"

#include <criterion/criterion.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define NOW 1800000000u
#define DAYS 30

static char folder[] = "/tmp/burgee-test-XXXXXX";
static struct bg_random source;
static struct bg_identity *ca, *device;
static struct bg_pem authority, pem;
static struct bg_error error;

static void set_up(void)
{
    cr_assert_not_null(mkdtemp(folder));
    source = bg_random_system();
    cr_assert_eq(bg_identity_create(&source, &ca), BG_OK);
    cr_assert_eq(bg_identity_create(&source, &device), BG_OK);
    cr_assert_eq(bg_authority_create(ca, "pumps.north-1", NOW, &source, &authority), BG_OK);
    cr_assert_eq(setenv("BURGEE_TEST", folder, 1), 0);
}

static void tear_down(void)
{
    bg_identity_destroy(&device);
    bg_identity_destroy(&ca);
    cr_expect_eq(system("rm -rf \"$BURGEE_TEST\""), 0);
}

TestSuite(certificate, .init = set_up, .fini = tear_down);

static void save(const char *name, const struct bg_pem *text)
{
    char path[256];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    cr_assert_eq(bg_file_write(path, (struct bg_span){(const uint8_t *)text->text, strlen(text->text)}, 0600, &error),
                 BG_OK, "%s", error.text);
}

static void load(const char *name, struct bg_pem *ret)
{
    char path[256];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    cr_assert_eq(bg_pem_load(path, &error, ret), BG_OK, "%s", error.text);
}

/* Runs in the folder; whether it succeeded. */
BG_PRINTF(1, 2) static bool shell(const char *format, ...)
{
    char words[1024], command[1200];
    va_list list;
    va_start(list, format);
    vsnprintf(words, sizeof words, format, list);
    va_end(list);
    snprintf(command, sizeof command, "cd \"$BURGEE_TEST\" && { %s ; } >output 2>&1", words);
    return system(command) == 0;
}

static const char *device_id(void)
{
    static char hex[2 * BG_DIGEST_BYTES + 1];
    bg_digest_to_hex(bg_identity_digest(device), hex);
    return hex;
}

static void issue(enum bg_certificate_role role)
{
    cr_assert_eq(bg_certificate_issue(ca, "pumps.north-1", bg_identity_point(device), role, NOW, DAYS, &source, &pem),
                 BG_OK);
}

static void expect_certificate_refused(const struct bg_pem *text, enum bg_status expected, const char *words)
{
    struct bg_certificate read;
    cr_assert_eq(bg_certificate_read(text, "a.pem", &authority, &error, &read), expected, "%s", error.text);
    cr_assert_not_null(strstr(error.text, "a.pem"), "%s", error.text);
    cr_assert_not_null(strstr(error.text, words), "%s", error.text);
}

static void expect_request_refused(const struct bg_pem *text, enum bg_status expected, const char *words)
{
    uint8_t point[BG_PUBLIC_POINT_BYTES];
    cr_assert_eq(bg_request_read(text, "a.csr", &error, point), expected, "%d %s", error.status, error.text);
    cr_assert_not_null(strstr(error.text, "a.csr"), "%s", error.text);
    cr_assert_not_null(strstr(error.text, words), "%s", error.text);
}

Test(certificate, reads_back_what_was_issued)
{
    for (unsigned role = BG_CERTIFICATE_CLIENT; role < BG_CERTIFICATE_ROLE_COUNT; role++) {
        struct bg_certificate read;
        issue((enum bg_certificate_role)role);
        cr_assert_eq(bg_certificate_read(&pem, "a.pem", &authority, &error, &read), BG_OK, "%s", error.text);
        cr_assert(bg_digest_equal(&read.id, bg_identity_digest(device)));
        cr_assert_arr_eq(read.point, bg_identity_point(device), BG_PUBLIC_POINT_BYTES);
        cr_assert_eq(read.role, role);
        cr_assert_eq(read.not_before, NOW - BG_CERTIFICATE_SKEW_SECONDS);
        cr_assert_eq(read.not_after, NOW + DAYS * 86400);
        cr_assert(bg_certificate_valid_at(&read, NOW - 3600));
        cr_assert(bg_certificate_valid_at(&read, read.not_after));
        cr_assert_not(bg_certificate_valid_at(&read, NOW - 3601));
        cr_assert_not(bg_certificate_valid_at(&read, read.not_after + 1));
    }
}

Test(certificate, an_authority_reads_back_as_one_without_a_role)
{
    struct bg_certificate read;
    cr_assert_eq(bg_certificate_read(&authority, "ca.pem", &authority, &error, &read), BG_OK, "%s", error.text);
    cr_assert_eq(read.role, 0);
    cr_assert(bg_digest_equal(&read.id, bg_identity_digest(ca)));
    cr_assert_eq(read.not_after, NOW + (uint64_t)BG_AUTHORITY_DAYS * 86400);
}

Test(certificate, openssl_verifies_chains_and_purposes)
{
    save("ca.pem", &authority);
    cr_assert(shell("openssl verify -x509_strict -attime %u -CAfile ca.pem ca.pem", NOW));
    for (unsigned role = BG_CERTIFICATE_CLIENT; role < BG_CERTIFICATE_ROLE_COUNT; role++) {
        bool serves = role != BG_CERTIFICATE_CLIENT && role != BG_CERTIFICATE_OPERATOR;
        issue((enum bg_certificate_role)role);
        save("a.pem", &pem);
        cr_assert(shell("openssl verify -x509_strict -attime %u -purpose sslclient -CAfile ca.pem a.pem", NOW));
        cr_assert_eq(shell("openssl verify -x509_strict -attime %u -purpose sslserver -CAfile ca.pem a.pem", NOW),
                     serves);
        cr_assert(shell("openssl x509 -in a.pem -noout -subject -nameopt RFC2253 | grep -w 'CN=%s' | grep -w 'OU=%s' "
                        "| grep -w 'O=pumps.north-1'",
                        device_id(), bg_certificate_role_name(role)));
    }
    cr_assert_not(shell("openssl verify -attime %u -CAfile ca.pem a.pem", NOW - 3700));
    cr_assert_not(shell("openssl verify -attime %u -CAfile ca.pem a.pem", NOW + DAYS * 86400 + 60));
    cr_assert(shell("openssl x509 -in a.pem -noout -text | grep 'ecdsa-with-SHA256'"));
}

Test(certificate, openssl_computes_the_same_fingerprint_and_pin)
{
    struct bg_certificate read;
    struct bg_digest pin;
    char hex[2 * BG_DIGEST_BYTES + 1];
    issue(BG_CERTIFICATE_ROOT);
    save("a.pem", &pem);
    cr_assert_eq(bg_certificate_read(&pem, "a.pem", &authority, &error, &read), BG_OK, "%s", error.text);
    bg_digest_to_hex(&read.fingerprint, hex);
    cr_assert(shell("openssl x509 -in a.pem -outform DER | openssl dgst -sha256 -r | grep ^%s", hex));
    bg_point_pin(read.point, &pin);
    bg_digest_to_hex(&pin, hex);
    cr_assert(shell("openssl x509 -in a.pem -noout -pubkey | openssl pkey -pubin -outform DER | openssl dgst -sha256 "
                    "-r | grep ^%s",
                    hex));
}

Test(certificate, openssl_reads_the_private_key)
{
    issue(BG_CERTIFICATE_CLIENT);
    save("a.pem", &pem);
    cr_assert_eq(bg_identity_pem(device, &pem), BG_OK);
    save("key.pem", &pem);
    cr_assert(shell("openssl pkey -in key.pem -check -noout"));
    cr_assert(shell("openssl pkey -in key.pem -pubout >a && openssl x509 -in a.pem -noout -pubkey >b && cmp a b"));
}

Test(certificate, serials_are_positive_differ_and_have_sixteen_bytes)
{
    for (int i = 0; i < 4; i++) {
        char name[16];
        snprintf(name, sizeof name, "%d.pem", i);
        issue(BG_CERTIFICATE_CLIENT);
        save(name, &pem);
        cr_assert(shell("openssl x509 -in %s -noout -serial | grep -E '^serial=[4-7][0-9A-F]{31}$' >>serials", name));
    }
    cr_assert(shell("test $(sort -u serials | wc -l) = 4"));
}

Test(certificate, a_request_goes_both_ways_with_openssl)
{
    uint8_t point[BG_PUBLIC_POINT_BYTES];
    cr_assert_eq(bg_request_create(device, &pem), BG_OK);
    cr_assert_eq(bg_request_read(&pem, "a.csr", &error, point), BG_OK, "%s", error.text);
    cr_assert_arr_eq(point, bg_identity_point(device), sizeof point);
    save("a.csr", &pem);
    cr_assert(shell("openssl req -in a.csr -noout -verify -subject -nameopt RFC2253"));
    cr_assert(shell("openssl req -in a.csr -noout -subject -nameopt RFC2253 | grep -x 'subject=CN=%s'", device_id()));
    cr_assert_eq(bg_identity_pem(device, &pem), BG_OK);
    save("key.pem", &pem);
    cr_assert(shell("openssl req -new -sha256 -key key.pem -subj /CN=%s -out b.csr", device_id()));
    load("b.csr", &pem);
    cr_assert_eq(bg_request_read(&pem, "b.csr", &error, point), BG_OK, "%s", error.text);
    cr_assert_arr_eq(point, bg_identity_point(device), sizeof point);
}

Test(certificate, requests_of_other_keys_names_or_digests_are_refused)
{
    cr_assert_eq(bg_identity_pem(device, &pem), BG_OK);
    save("key.pem", &pem);
    cr_assert(shell("openssl req -new -sha256 -key key.pem -subj /CN=somebody -out a.csr"));
    load("a.csr", &pem);
    expect_request_refused(&pem, BG_INVALID, "common name");
    cr_assert(shell("openssl req -new -sha256 -key key.pem -subj /CN=%s/CN=%s -out a.csr", device_id(), device_id()));
    load("a.csr", &pem);
    expect_request_refused(&pem, BG_INVALID, "common name");
    cr_assert(shell("openssl req -new -sha384 -key key.pem -subj /CN=%s -out a.csr", device_id()));
    load("a.csr", &pem);
    expect_request_refused(&pem, BG_BAD_SIGNATURE, "SHA-256");
    cr_assert(shell("openssl req -new -newkey ec -pkeyopt ec_paramgen_curve:P-384 -nodes -keyout k -subj /CN=x "
                    "-out a.csr"));
    load("a.csr", &pem);
    expect_request_refused(&pem, BG_BAD_KEY, "P-256");
    cr_assert(shell("openssl req -new -newkey rsa:2048 -nodes -keyout k -subj /CN=x -out a.csr"));
    load("a.csr", &pem);
    expect_request_refused(&pem, BG_BAD_KEY, "P-256");
}

Test(certificate, a_request_that_was_altered_anywhere_is_refused)
{
    struct bg_pem whole;
    cr_assert_eq(bg_request_create(device, &whole), BG_OK);
    size_t size = strlen(whole.text), at = (size_t)(strchr(whole.text, '\n') - whole.text) + 1;
    for (; at < size - 35; at++) {
        uint8_t point[BG_PUBLIC_POINT_BYTES];
        pem = whole;
        if (pem.text[at] == '\n' || pem.text[at] == '=')
            continue;
        pem.text[at] = pem.text[at] == 'A' ? 'B' : 'A';
        enum bg_status status = bg_request_read(&pem, "a.csr", &error, point);
        /* Bits of the last character that base 64 ignores change nothing; all others are signed or the signature. */
        cr_assert(status != BG_OK || pem.text[at + 1] == '=' || pem.text[at + 1] == '\n', "at %zu", at);
    }
}

Test(certificate, a_foreign_authority_is_refused_even_with_the_same_name)
{
    struct bg_identity *other;
    struct bg_pem theirs;
    cr_assert_eq(bg_identity_create(&source, &other), BG_OK);
    cr_assert_eq(bg_certificate_issue(other, "pumps.north-1", bg_identity_point(device), BG_CERTIFICATE_CLIENT, NOW,
                                      DAYS, &source, &theirs),
                 BG_OK);
    expect_certificate_refused(&theirs, BG_BAD_SIGNATURE, "authority");
    cr_assert_eq(bg_certificate_issue(ca, "pumps.south", bg_identity_point(device), BG_CERTIFICATE_CLIENT, NOW, DAYS,
                                      &source, &theirs),
                 BG_OK);
    expect_certificate_refused(&theirs, BG_BAD_SIGNATURE, "authority");
    bg_identity_destroy(&other);
}

Test(certificate, subjects_of_another_form_are_refused)
{
    cr_assert_eq(bg_identity_pem(ca, &pem), BG_OK);
    save("ca.key", &pem);
    save("ca.pem", &authority);
    cr_assert_eq(bg_identity_pem(device, &pem), BG_OK);
    save("key.pem", &pem);
    const char *const subjects[] = {"/CN=somebody/OU=client", "/OU=client", "/CN=%s", "/CN=%s/OU=admin",
                                    "/CN=%s/OU=client/OU=root"};
    for (size_t i = 0; i < sizeof subjects / sizeof *subjects; i++) {
        char subject[256];
        const char *marker = strstr(subjects[i], "%s");
        snprintf(subject, sizeof subject, "%.*s%s%s", marker ? (int)(marker - subjects[i]) : (int)strlen(subjects[i]),
                 subjects[i], marker ? device_id() : "", marker ? marker + 2 : "");
        cr_assert(shell("openssl req -new -key key.pem -subj %s | openssl x509 -req -sha256 -CA ca.pem -CAkey ca.key "
                        "-days 5 -out a.pem",
                        subject));
        load("a.pem", &pem);
        expect_certificate_refused(&pem, BG_DECODE, "CN");
    }
    cr_assert(shell("openssl req -new -key key.pem -subj /CN=%s/OU=client | openssl x509 -req -sha256 -CA ca.pem "
                    "-CAkey ca.key -days 5 -out a.pem",
                    device_id()));
    load("a.pem", &pem);
    struct bg_certificate read;
    cr_assert_eq(bg_certificate_read(&pem, "a.pem", &authority, &error, &read), BG_OK, "%s", error.text);
}

Test(certificate, a_device_cannot_issue)
{
    struct bg_pem own, leaf;
    struct bg_certificate read;
    issue(BG_CERTIFICATE_ROOT);
    own = pem;
    cr_assert_eq(bg_certificate_issue(device, "pumps.north-1", bg_identity_point(ca), BG_CERTIFICATE_CLIENT, NOW,
                                      DAYS, &source, &leaf),
                 BG_OK);
    cr_assert_eq(bg_certificate_read(&leaf, "a.pem", &own, &error, &read), BG_BAD_SIGNATURE);
    expect_certificate_refused(&leaf, BG_BAD_SIGNATURE, "authority");
    pem = own;
    cr_assert_lt(strlen(pem.text) + strlen(leaf.text), BG_PEM_BYTES);
    strcat(pem.text, leaf.text);
    expect_certificate_refused(&pem, BG_DECODE, "more than one");
}

Test(certificate, nothing_is_issued_for_bad_points_days_or_times)
{
    uint8_t point[BG_PUBLIC_POINT_BYTES];
    memcpy(point, bg_identity_point(device), sizeof point);
    cr_expect_eq(bg_certificate_issue(ca, "p", point, BG_CERTIFICATE_CLIENT, NOW, 0, &source, &pem), BG_INVALID);
    cr_expect_eq(bg_certificate_issue(ca, "p", point, BG_CERTIFICATE_CLIENT, NOW, 3661, &source, &pem), BG_INVALID);
    cr_expect_eq(bg_certificate_issue(ca, "p", point, BG_CERTIFICATE_CLIENT, 253402300799u, 1, &source, &pem),
                 BG_INVALID);
    cr_expect_eq(bg_certificate_issue(ca, "p", point, BG_CERTIFICATE_CLIENT, 253402300799u - 86400, 1, &source, &pem),
                 BG_OK);
    cr_expect_eq(bg_certificate_issue(ca, "p", point, 0, NOW, 1, &source, &pem), BG_INVALID);
    point[64] ^= 1;
    cr_expect_eq(bg_certificate_issue(ca, "p", point, BG_CERTIFICATE_CLIENT, NOW, 1, &source, &pem), BG_BAD_KEY);
}

Test(certificate, roles_have_one_name_each)
{
    enum bg_certificate_role role;
    for (unsigned i = BG_CERTIFICATE_CLIENT; i < BG_CERTIFICATE_ROLE_COUNT; i++) {
        cr_expect_eq(bg_certificate_role_parse(bg_certificate_role_name(i), &role), BG_OK);
        cr_expect_eq(role, i);
    }
    cr_expect_eq(bg_certificate_role_parse("Client", &role), BG_INVALID);
    cr_expect_null(bg_certificate_role_name(0));
    cr_expect_null(bg_certificate_role_name(BG_CERTIFICATE_ROLE_COUNT));
}

Test(certificate, texts_have_a_limit)
{
    static char long_text[BG_PEM_BYTES + 1];
    memset(long_text, 'x', BG_PEM_BYTES);
    cr_expect_eq(bg_pem_set(long_text, &pem), BG_TOO_LARGE);
    long_text[BG_PEM_BYTES - 1] = 0;
    cr_expect_eq(bg_pem_set(long_text, &pem), BG_OK);
    expect_certificate_refused(&pem, BG_DECODE, "PEM");
    expect_request_refused(&pem, BG_DECODE, "PEM");
}
