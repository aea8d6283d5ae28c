/* SPDX-License-Identifier: Apache-2.0 */
#include "protocol/membership.h"

#include "tests/unit/no_leaks.h"

#include <criterion/criterion.h>
#include <ftw.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define NOW 1800000000u
#define DAYS 30
#define DAY 86400u

static char folder[64], home[80];
static struct bg_random source;
static struct bg_identity *authority_key, *stranger;
static struct bg_pem authority, certificate;
static struct bg_digest fingerprint, pin;
static struct bg_error error;

static void begin(void)
{
    struct bg_certificate about;
    source = bg_random_system();
    strcpy(folder, "/tmp/burgee-test-XXXXXX");
    cr_assert_not_null(mkdtemp(folder));
    snprintf(home, sizeof home, "%s/home", folder);
    cr_assert_eq(bg_identity_create(&source, &authority_key), BG_OK);
    cr_assert_eq(bg_identity_create(&source, &stranger), BG_OK);
    cr_assert_eq(bg_authority_create(authority_key, "test", NOW, &source, &authority), BG_OK);
    cr_assert_eq(bg_certificate_read(&authority, "authority", &authority, &error, &about), BG_OK);
    fingerprint = about.fingerprint;
    bg_point_pin(bg_identity_point(authority_key), &pin); /* the key holder is its own authority here */
}

static int remove_one(const char *path, const struct stat *about, int type, struct FTW *walk)
{
    (void)about;
    (void)type;
    (void)walk;
    return remove(path);
}

static void end(void)
{
    bg_identity_destroy(&authority_key);
    bg_identity_destroy(&stranger);
    cr_assert_eq(nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS), 0);
}

TestSuite(membership, .init = begin, .fini = end);

/* A certificate for this identity. */
static struct bg_grant grant_for(const struct bg_identity *identity, bool with_root)
{
    cr_assert_eq(bg_certificate_issue(authority_key, "test", bg_identity_point(identity), BG_CERTIFICATE_CLIENT, NOW,
                                      DAYS, &source, &certificate),
                 BG_OK);
    return (struct bg_grant){.certificate = &certificate,
                             .authority = &authority,
                             .key_holder = bg_identity_point(authority_key),
                             .root = with_root ? bg_identity_point(stranger) : NULL};
}

static void enrol(bool with_root)
{
    struct bg_identity *identity;
    cr_assert_eq(bg_membership_begin(home, &source, &error, &identity), BG_OK, "%s", error.text);
    struct bg_grant grant = grant_for(identity, with_root);
    cr_assert_eq(bg_grant_check(&grant, identity, &fingerprint, &pin, &error), BG_OK, "%s", error.text);
    cr_assert_eq(bg_grant_save(&grant, home, &error), BG_OK, "%s", error.text);
    bg_identity_destroy(&identity);
}

Test(membership, is_read_as_it_was_granted)
{
    for (int with_root = 0; with_root < 2; with_root++) {
        struct bg_membership m;
        snprintf(home, sizeof home, "%s/%d", folder, with_root);
        enrol(with_root);
        cr_assert_eq(bg_membership_load(home, "cure", &error, &m), BG_OK, "%s", error.text);
        cr_assert_str_eq(m.certificate.text, certificate.text);
        cr_assert_str_eq(m.authority.text, authority.text);
        cr_assert_not_null(strstr(m.key.text, "PRIVATE KEY"));
        cr_assert(bg_digest_equal(&m.about.id, bg_identity_digest(m.identity)));
        cr_assert_eq(m.about.role, BG_CERTIFICATE_CLIENT);
        cr_assert_arr_eq(m.key_holder, bg_identity_point(authority_key), BG_PUBLIC_POINT_BYTES);
        cr_assert_eq(m.has_root, with_root);
        if (with_root)
            cr_assert_arr_eq(m.root, bg_identity_point(stranger), BG_PUBLIC_POINT_BYTES);
        bg_membership_finish(&m);
    }
    NO_LEAKS();
}

Test(membership, an_interrupted_enrolment_goes_on_with_the_same_key)
{
    struct bg_identity *first, *second;
    cr_assert_eq(bg_membership_begin(home, &source, &error, &first), BG_OK);
    cr_assert_eq(bg_membership_begin(home, &source, &error, &second), BG_OK);
    cr_assert(bg_digest_equal(bg_identity_digest(first), bg_identity_digest(second)));
    bg_identity_destroy(&first);
    bg_identity_destroy(&second);
    enrol(true);
    cr_assert_eq(bg_membership_begin(home, &source, &error, &first), BG_INVALID);
    cr_assert_not_null(strstr(error.text, "enrolled already"), "%s", error.text);
    NO_LEAKS();
}

Test(membership, what_is_missing_is_told_with_the_cure)
{
    static const char *const names[] = {"identity.secret", "certificate.pem", "authority.pem", "keyholder.point"};
    for (size_t i = 0; i < 4; i++) {
        struct bg_membership m;
        char path[200];
        snprintf(home, sizeof home, "%s/%zu", folder, i);
        enrol(true);
        snprintf(path, sizeof path, "%s/%s", home, names[i]);
        cr_assert_eq(unlink(path), 0);
        cr_assert_eq(bg_membership_load(home, "drink tea", &error, &m), BG_NOT_FOUND, "%s", error.text);
        cr_assert_eq(strncmp(error.text, "drink tea: ", 11), 0, "%s", error.text);
        cr_assert_not_null(strstr(error.text, names[i]), "%s", error.text);
    }
    NO_LEAKS();
}

Test(membership, a_certificate_of_another_key_is_refused)
{
    struct bg_membership m;
    enrol(true);
    struct bg_grant grant = grant_for(stranger, true);
    cr_assert_eq(bg_grant_save(&grant, home, &error), BG_OK);
    cr_assert_eq(bg_membership_load(home, "cure", &error, &m), BG_REFUSED, "%s", error.text);
    NO_LEAKS();
}

Test(membership, a_grant_must_be_what_the_token_names)
{
    struct bg_grant grant = grant_for(stranger, true);
    struct bg_digest other = fingerprint;
    other.bytes[3] ^= 1;
    cr_assert_eq(bg_grant_check(&grant, stranger, &fingerprint, &pin, &error), BG_OK, "%s", error.text);
    cr_assert_eq(bg_grant_check(&grant, stranger, &other, &pin, &error), BG_BAD_DIGEST);
    cr_assert_not_null(strstr(error.text, "not the one of the token"), "%s", error.text);
    cr_assert_eq(bg_grant_check(&grant, stranger, &fingerprint, &other, &error), BG_BAD_KEY);
    cr_assert_eq(bg_grant_check(&grant, authority_key, &fingerprint, &pin, &error), BG_BAD_KEY);
    cr_assert_not_null(strstr(error.text, "another device's key"), "%s", error.text);
    struct bg_pem foreign;
    cr_assert_eq(bg_certificate_issue(stranger, "test", bg_identity_point(stranger), BG_CERTIFICATE_CLIENT, NOW, DAYS,
                                      &source, &foreign),
                 BG_OK);
    grant.certificate = &foreign;
    cr_assert_eq(bg_grant_check(&grant, stranger, &fingerprint, &pin, &error), BG_BAD_SIGNATURE, "%s", error.text);
    NO_LEAKS();
}

Test(membership, a_renewal_changes_nothing_but_the_certificate)
{
    struct bg_membership m;
    struct bg_pem foreign;
    enrol(true);
    cr_assert_eq(bg_membership_load(home, "cure", &error, &m), BG_OK);
    struct bg_grant good = grant_for(m.identity, true), bad = good;
    cr_assert_eq(bg_grant_check_renewal(&good, &m, &error), BG_OK, "%s", error.text);
    bad.root = NULL;
    cr_assert_eq(bg_grant_check_renewal(&bad, &m, &error), BG_OK, "%s", error.text);
    bad.root = bg_identity_point(m.identity);
    cr_assert_eq(bg_grant_check_renewal(&bad, &m, &error), BG_REFUSED);
    cr_assert_not_null(strstr(error.text, "another root"), "%s", error.text);
    bad = good;
    bad.key_holder = bg_identity_point(stranger);
    cr_assert_eq(bg_grant_check_renewal(&bad, &m, &error), BG_REFUSED);
    cr_assert_not_null(strstr(error.text, "another key holder"), "%s", error.text);
    bad = good;
    cr_assert_eq(bg_authority_create(authority_key, "test", NOW + 1, &source, &foreign), BG_OK);
    bad.authority = &foreign;
    cr_assert_eq(bg_grant_check_renewal(&bad, &m, &error), BG_REFUSED);
    cr_assert_not_null(strstr(error.text, "another authority"), "%s", error.text);
    bad = grant_for(stranger, true);
    cr_assert_eq(bg_grant_check_renewal(&bad, &m, &error), BG_BAD_KEY);
    bg_membership_finish(&m);
    NO_LEAKS();
}

Test(membership, is_due_for_renewal_in_the_last_third_of_its_life)
{
    struct bg_membership m;
    enrol(false);
    cr_assert_eq(bg_membership_load(home, "cure", &error, &m), BG_OK);
    cr_assert(!bg_membership_renewal_due(&m, NOW));
    cr_assert(!bg_membership_renewal_due(&m, NOW + 19 * DAY));
    cr_assert(bg_membership_renewal_due(&m, NOW + 21 * DAY));
    cr_assert(bg_membership_renewal_due(&m, NOW + 40 * DAY));
    bg_membership_finish(&m);
}
