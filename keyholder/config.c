/* SPDX-License-Identifier: Apache-2.0 */
#include "keyholder/config.h"

#include "base/cpu.h"
#include "crypto/cipher.h"

#include <stddef.h>

static const char *const radices[] = {"bits", "mixed", NULL};

#define FIELD(name) offsetof(struct bg_keyholder_config, name)

/* key, type, field, default, least, most, choices, unit, help */
const struct bg_option bg_keyholder_options[] = {
    {"population.name", BG_OPTION_TEXT, FIELD(population), "burgee", 0, 0, NULL, NULL,
     "who learns together: 1 to 31 of a-z 0-9 . _ -"},
    {"root.point", BG_OPTION_TEXT, FIELD(root_point), "root.point", 0, 0, NULL, NULL,
     "the root's identity.point; a relative path starts in the key holder's folder"},
    {"groups.size", BG_OPTION_U64, FIELD(group_size), "4", 1, 32, NULL, "clients",
     "k: wanted members of a group"},
    {"groups.least", BG_OPTION_U64, FIELD(group_least), "3", 1, 32, NULL, "clients",
     "k_min: fewer are never opened together; at least 2 unless encryption is off"},
    {"groups.full_rounds", BG_OPTION_U64, FIELD(full_rounds), "3", 0, 1000, NULL, "rounds",
     "first opened rounds of an epoch in which only full groups open"},
    {"groups.partitions", BG_OPTION_U64, FIELD(partitions), "0", 0, 1000000, NULL, "epochs",
     "that one key may see: each new one tells more about single clients; 0: k - 1"},
    {"encryption.mode", BG_OPTION_CHOICE, FIELD(encryption), "paillier", 0, 0, bg_encryption_names, NULL,
     "null: same sizes, nothing hidden; off: plain vectors, groups only"},
    {"encryption.bits", BG_OPTION_U64, FIELD(key_bits), "3072", 512, 8192, NULL, "bits",
     "of the key that keygen makes"},
    {"encryption.s", BG_OPTION_U64, FIELD(key_s), "2", 1, 4, NULL, NULL,
     "a plaintext holds s times the key's bits, a ciphertext s + 1 times"},
    {"encryption.radix", BG_OPTION_CHOICE, FIELD(radix), "bits", 0, 0, radices, NULL,
     "of slots: whole bits, or the smallest number that still has an invalid code"},
    {"encryption.insecure_test_key", BG_OPTION_BOOL, FIELD(insecure_test_key), "false", 0, 0, NULL, NULL,
     "allow a key below 2048 bits, for tests: everything made with it is marked"},
    {"encryption.knowledge_tags", BG_OPTION_BOOL, FIELD(knowledge_tags), "true", 0, 0, NULL, NULL,
     "every member shows that it knows what its ciphertexts hide; checked with release.blocks"},
    {"release.blocks", BG_OPTION_U64, FIELD(release_blocks), "0", 0, 65536, NULL, "blocks",
     "of each update that are checked against the product, drawn at random; 0: all"},
    {"certificates.days", BG_OPTION_U64, FIELD(certificate_days), "365", 1, 3660, NULL, "days",
     "that certificates of devices are good for; they renew them by themselves"},
    {"listen.address", BG_OPTION_TEXT, FIELD(listen_address), "0.0.0.0", 0, 0, NULL, NULL,
     "numeric address that serve listens on; :: for IPv6, 127.0.0.1 for this machine alone"},
    {"listen.port", BG_OPTION_U64, FIELD(listen_port), "7443", 0, 65535, NULL, NULL, "0: any free one"},
    {"root.url", BG_OPTION_TEXT, FIELD(root_url), "", 0, 0, NULL, NULL,
     "where devices are told that the root is; empty: where it says itself when it enrols"},
    {"limits.body_bytes", BG_OPTION_U64, FIELD(body_bytes), "1073741824", 1048576, 1099511627776, NULL, "bytes",
     "of requests in memory at a time; a release carries all updates of its group"},
    {"limits.connections", BG_OPTION_U64, FIELD(connections), "4096", 1, 1000000, NULL, NULL, "at a time"},
    {"process.confine", BG_OPTION_BOOL, FIELD(confine), "true", 0, 0, NULL, NULL,
     "give up system calls that serve does not need, such as opening files and running programs"},
    BG_CPU_OPTION(FIELD(kernels)),
};

const size_t bg_keyholder_option_count = sizeof bg_keyholder_options / sizeof *bg_keyholder_options;

enum bg_status bg_keyholder_config_apply(const struct bg_keyholder_config *config, struct bg_error *error,
                                         struct bg_keyholder_settings *settings)
{
    static const enum bg_plan_encryption modes[] = {[BG_ENCRYPTION_PAILLIER] = BG_PLAN_PAILLIER,
                                                    [BG_ENCRYPTION_NULL] = BG_PLAN_NULL,
                                                    [BG_ENCRYPTION_OFF] = BG_PLAN_OFF};
    if (bg_population_set(&settings->population, config->population) != BG_OK)
        return bg_fail(error, BG_CONFIG, "population.name=%.40s: give 1 to 31 of a-z 0-9 . _ -", config->population);
    settings->group_size = (uint32_t)config->group_size;
    settings->group_least = (uint32_t)config->group_least;
    settings->full_rounds = (uint32_t)config->full_rounds;
    settings->partitions = (uint32_t)config->partitions;
    settings->encryption = modes[config->encryption];
    settings->mixed_radix = config->radix == 1;
    settings->knowledge_tags = config->knowledge_tags && settings->encryption != BG_PLAN_OFF;
    settings->release_blocks = (uint32_t)config->release_blocks;
    settings->certificate_days = (uint32_t)config->certificate_days;
    return BG_OK;
}
