/* SPDX-License-Identifier: Apache-2.0 */
/* How fast encryption is, by every kernel of this machine, next to how others write it. */
#include "tools/bench.h"

#include "base/arguments.h"
#include "base/number.h"
#include "base/prng.h"
#include "tools/bench_crypto_kernel.h"
#include "tools/bench_crypto_run.h"

#include <stdlib.h>
#include <string.h>

static const char help[] =
    "usage: burgee-bench crypto [--bits BITS] [--s S] [--slots W] [--rounds N] [--coordinates N] [--table MB]\n"
    "                           [--exponent BITS] [--json]\n"
    "       burgee-bench crypto --kernels\n"
    "       burgee-bench crypto --instructions KERNEL COUNT [--bits BITS] [--s S] [--table MB]\n"
    "                           [--exponent BITS]\n"
    "\n"
    "Generates a key, and times with it what burgee does with ciphertexts: keygen, encrypt with fresh masks,\n"
    "encrypt-pool with masks computed before, add, decrypt (64 at a time, with every check), and coordinate-W, an\n"
    "update of votes packed into slots of W bits and encrypted. In turns with them, on GMP and checked against\n"
    "burgee's decryption:\n"
    "\n"
    "  textbook           (1+n)^m r^n; textbook-single: one coordinate per ciphertext\n"
    "  djn-powm           (1+n)^m h^a, by mpz_powm\n"
    "  window             the same from a table with windows of 10 bits, multiplied by OpenSSL\n"
    "  gmp                mpz_mul and mpz_mod; mpz_powm modulo powers of both primes\n"
    "\n"
    "Times are processor time of one thread, medians over rounds in which all take turns. A column titled by another\n"
    "tells how many times as fast a row is. Coordinates of baselines count encryption alone, without packing.\n"
    "\n"
    "  --bits BITS        of n: 2048 (default) or 3072\n"
    "  --s S              1 to 4, 2 by default: plaintexts of S times as many bits\n"
    "  --slots W          bits of a slot, 2 to 31, instead of 4, 6 and 8\n"
    "  --rounds N         5 by default\n"
    "  --coordinates N    of the update, 1000000 by default\n"
    "  --table MB         2^20 bytes at most for a kernel's table instead of what clients take\n"
    "  --exponent BITS    of masks, also of baselines: half of --bits by default; fewer, at least 512, are faster and\n"
    "                     rest on one more assumption (crypto/mask.h)\n"
    "  --kernels          list the kernels of this build\n"
    "  --instructions KERNEL COUNT\n"
    "                     only encrypt so many plaintexts, all random numbers from a fixed seed: of two runs with\n"
    "                     different counts the difference is what encryption takes (docs/BENCHMARKS.md)\n"
    "  --json             print one JSON object\n"
    "  --help             print this and exit\n"
    "\n"
    "Exit status: 0 measured; 64 wrong usage; 69 a kernel that is not here; 70 a wrong result; 71 out of memory.\n";

struct options {
    struct bg_arguments words;
    const char *bits, *s, *slots, *rounds, *coordinates, *table, *exponent, *instructions;
    bool kernels, json, help;
};

static enum bg_status parse_words(int argc, char **argv, struct options *options, struct bg_error *error)
{
    const struct bg_flag flags[] = {{"--bits", .value = &options->bits},
                                    {"--s", .value = &options->s},
                                    {"--slots", .value = &options->slots},
                                    {"--rounds", .value = &options->rounds},
                                    {"--coordinates", .value = &options->coordinates},
                                    {"--table", .value = &options->table},
                                    {"--exponent", .value = &options->exponent},
                                    {"--instructions", .value = &options->instructions},
                                    {"--kernels", .on = &options->kernels},
                                    {"--json", .on = &options->json},
                                    {"--help", .on = &options->help}};
    enum bg_status status =
        bg_arguments_parse(argc, argv, flags, sizeof flags / sizeof *flags, error, &options->words);
    if (status == BG_OK && !options->help && options->words.word_count != (options->instructions ? 1 : 0))
        return bg_fail(error, BG_INVALID, options->instructions ? "--instructions wants KERNEL and COUNT"
                                                                : "\"%s\" is no option; see burgee-bench crypto --help",
                       options->words.word_count ? options->words.words[0] : "");
    return status;
}

/* *ret stays what it is without the option. */
static enum bg_status parse_number(const char *name, const char *text, uint64_t min, uint64_t max,
                                   struct bg_error *error, uint64_t *ret)
{
    if (!text || bg_parse_u64(text, min, max, ret) == BG_OK)
        return BG_OK;
    return bg_fail(error, BG_INVALID, "%s %s: want a number from %llu to %llu", name, text, (unsigned long long)min,
                   (unsigned long long)max);
}

static enum bg_status make_settings(const struct options *options, struct bg_error *error,
                                    struct bg_bench_crypto_settings *ret_settings)
{
    uint64_t bits = 2048, s = 2, width = 0, rounds = 5, coordinates = 1000000;
    uint64_t table = BG_MASK_TABLE_STANDARD_BYTES >> 20, exponent = 0;
    const struct {
        const char *name, *text;
        uint64_t min, max, *value;
    } numbers[] = {
        {"--bits", options->bits, 2048, 3072, &bits},
        {"--s", options->s, 1, BG_KEY_MOST_S, &s},
        {"--slots", options->slots, 2, 31, &width},
        {"--rounds", options->rounds, 1, 1000, &rounds},
        {"--coordinates", options->coordinates, 1, 100000000, &coordinates},
        {"--table", options->table, 1, 4096, &table},
        {"--exponent", options->exponent, BG_MASK_SHORT_EXPONENT_BITS, 1536, &exponent},
    };
    for (size_t i = 0; i < sizeof numbers / sizeof *numbers; i++) {
        enum bg_status status =
            parse_number(numbers[i].name, numbers[i].text, numbers[i].min, numbers[i].max, error, numbers[i].value);
        if (status != BG_OK)
            return status;
    }
    if (bits != 2048 && bits != 3072)
        return bg_fail(error, BG_INVALID, "--bits %s: want 2048 or 3072", options->bits);
    if (exponent % 8 || exponent > bits / 2)
        return bg_fail(error, BG_INVALID, "--exponent %s: want a multiple of 8, at most half of --bits",
                       options->exponent);
    *ret_settings = (struct bg_bench_crypto_settings){.bits = (uint32_t)bits,
                                                      .s = (uint32_t)s,
                                                      .widths = {4, 6, 8},
                                                      .width_count = 3,
                                                      .coordinates = coordinates,
                                                      .masks = {.memory_bytes = table << 20,
                                                                .exponent_bits = (uint32_t)(exponent ? exponent
                                                                                                     : bits / 2)},
                                                      .rounds = rounds};
    if (width) {
        ret_settings->widths[0] = (uint32_t)width;
        ret_settings->width_count = 1;
    }
    return BG_OK;
}

static void print_kernels(bool json)
{
    struct bg_crypto_kernel kernel;
    struct bg_json *array = bg_json_array();
    for (size_t i = 0; bg_crypto_kernel_at(i, &kernel); i++) {
        bool usable = bg_bench_kernel_usable(&kernel);
        struct bg_json *object = bg_json_add_object(array, NULL);
        bg_json_add_string(object, "name", kernel.name);
        bg_json_add_u64(object, "lanes", kernel.lanes);
        bg_json_add_bool(object, "usable", usable);
        if (!json)
            printf("%-18s %u at once%s\n", kernel.name, kernel.lanes, usable ? "" : "; absent: not on this processor");
    }
    char *text = bg_json_print(array, true);
    if (json)
        puts(text ? text : "[]");
    free(text);
    bg_json_destroy(&array);
}

static enum bg_status print_json(const struct bg_bench_crypto_settings *settings, const struct bg_bench_rows *rows,
                                 struct bg_error *error)
{
    struct bg_json *object = bg_json_object();
    bg_json_add_u64(object, "bits", settings->bits);
    bg_json_add_u64(object, "s", settings->s);
    bg_json_add_u64(object, "exponent_bits", settings->masks.exponent_bits);
    bg_json_add_u64(object, "rounds", settings->rounds);
    bg_json_add_u64(object, "coordinates", settings->coordinates);
    bg_bench_rows_add(rows, bg_json_add_array(object, "rows"));
    char *text = bg_json_print(object, true);
    if (text)
        puts(text);
    bg_json_destroy(&object);
    enum bg_status status = text ? BG_OK : bg_fail(error, BG_NO_MEMORY, "out of memory");
    free(text);
    return status;
}

static enum bg_status compare(const struct bg_bench_crypto_settings *settings, bool json, struct bg_error *error)
{
    struct bg_bench_rows rows;
    enum bg_status status = bg_bench_crypto_run(settings, error, &rows);
    if (status != BG_OK)
        return status;
    if (json)
        return print_json(settings, &rows, error);
    printf("%u bits, s = %u, exponents of %u bits, %zu coordinates; medians of %zu rounds\n", settings->bits,
           settings->s, settings->masks.exponent_bits, settings->coordinates, settings->rounds);
    bg_bench_rows_print(&rows, stdout);
    return BG_OK;
}

static enum bg_status fill_seeded(void *context, void *data, size_t size)
{
    uint8_t *bytes = data;
    for (size_t i = 0; i < size; i += sizeof(uint64_t)) {
        uint64_t next = bg_prng_next(context);
        memcpy(bytes + i, &next, size - i < sizeof next ? size - i : sizeof next);
    }
    return BG_OK;
}

/* Any modulus does: nothing is decrypted. */
static enum bg_status draw_public_key(const struct bg_bench_crypto_settings *settings, const struct bg_random *random,
                                      struct bg_error *error, struct bg_public_key **ret_key)
{
    uint8_t n[BG_KEY_MOST_BYTES];
    struct bg_span span = {n, settings->bits / 8};
    enum bg_status status;
    do {
        status = bg_random_fill(random, n, span.size);
        n[0] |= 1;
        n[span.size - 1] |= 0x80;
        if (status == BG_OK)
            status = bg_public_key_create(span, settings->bits, settings->s, false, error, ret_key);
    } while (status == BG_BAD_KEY);
    return status;
}

static enum bg_status encrypt_many(const struct bg_public_key *key, const struct bg_random *random,
                                   const struct bg_mask_settings *settings, size_t count)
{
    struct bg_cipher cipher = {BG_ENCRYPTION_PAILLIER, key};
    size_t plaintext_bytes = bg_public_key_plaintext_bytes(key);
    uint8_t *plaintexts = malloc(BG_BENCH_BATCH * plaintext_bytes);
    uint8_t *ciphertexts = malloc(BG_BENCH_BATCH * bg_public_key_ciphertext_bytes(key));
    struct bg_mask_table *table = NULL;
    struct bg_mask_source *masks = NULL;
    enum bg_status status = plaintexts && ciphertexts ? BG_OK : BG_NO_MEMORY;

    if (status == BG_OK)
        status = bg_mask_table_create(key, random, settings, &table);
    if (status == BG_OK)
        status = bg_mask_source_create(table, random, NULL, &masks);
    if (status == BG_OK)
        status = bg_bench_draw_batch(key, random, plaintexts);
    for (size_t done = 0; done < count && status == BG_OK; done += BG_BENCH_BATCH) {
        size_t now = count - done < BG_BENCH_BATCH ? count - done : BG_BENCH_BATCH;
        status = bg_cipher_encrypt(&cipher, (struct bg_span){plaintexts, now * plaintext_bytes}, now, masks,
                                   ciphertexts);
    }
    bg_mask_source_destroy(&masks);
    bg_mask_table_destroy(&table);
    free(plaintexts);
    free(ciphertexts);
    return status;
}

static enum bg_status find_kernel(const char *name, struct bg_error *error, struct bg_crypto_kernel *ret_kernel)
{
    struct bg_crypto_kernel kernel;
    for (size_t i = 0; bg_crypto_kernel_at(i, &kernel); i++)
        if (strcmp(name, kernel.name) == 0) {
            if (!bg_bench_kernel_usable(&kernel))
                return bg_fail(error, BG_UNSUPPORTED, "--instructions %s: not on this processor", name);
            *ret_kernel = kernel;
            return BG_OK;
        }
    return bg_fail(error, BG_UNSUPPORTED, "--instructions %s: no kernel of this build; see --kernels", name);
}

static enum bg_status run_instructions(const struct options *options, const struct bg_bench_crypto_settings *settings,
                                       struct bg_error *error)
{
    struct bg_prng prng;
    struct bg_random random = {.fill = fill_seeded, .context = &prng};
    struct bg_crypto_kernel kernel;
    struct bg_public_key *key = NULL;
    uint64_t count = 0;

    enum bg_status status = parse_number("COUNT", options->words.words[0], 0, 1000000, error, &count);
    if (status == BG_OK)
        status = find_kernel(options->instructions, error, &kernel);
    if (status != BG_OK)
        return status;
    bg_prng_init(&prng, 1);
    bg_bench_kernel_choose(&kernel);
    status = draw_public_key(settings, &random, error, &key);
    if (status == BG_OK) {
        status = encrypt_many(key, &random, &settings->masks, count);
        if (status != BG_OK)
            bg_fail(error, status, "%s: %s", kernel.name, bg_status_text(status));
    }
    bg_public_key_destroy(&key);
    return status;
}

enum bg_status bg_bench_crypto(int argc, char **argv, struct bg_error *error)
{
    struct options options = {0};
    struct bg_bench_crypto_settings settings;
    enum bg_status status = parse_words(argc, argv, &options, error);
    if (status == BG_OK && options.help)
        fputs(help, stdout);
    else if (status == BG_OK && options.kernels)
        print_kernels(options.json);
    else if (status == BG_OK) {
        status = make_settings(&options, error, &settings);
        if (status == BG_OK)
            status = options.instructions ? run_instructions(&options, &settings, error)
                                          : compare(&settings, options.json, error);
    }
    bg_arguments_finish(&options.words);
    return status;
}
