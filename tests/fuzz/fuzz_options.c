/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The configuration file of every role. What loads prints to a file that loads to the same settings. The input is tried
 * as each role's file, and, a line at a time, as what follows --set.
 */
#include "aggregator/config.h"
#include "client/config.h"
#include "keyholder/config.h"
#include "simulator/config.h"
#include "tests/fuzz/fuzz.h"

#include <stdlib.h>
#include <string.h>

union any_config {
    struct bg_simulator_config simulator;
    struct bg_client_config client;
    struct bg_aggregator_config aggregator;
    struct bg_keyholder_config keyholder;
};

/* Gives text to free(). */
static char *print(const struct bg_option *table, size_t count, const union any_config *config)
{
    char *text = NULL;
    size_t size;
    fuzz_spare_memory();
    FILE *out = open_memstream(&text, &size);
    FUZZ_REQUIRE(out, "no stream in memory");
    bg_options_print(table, count, config, out);
    FUZZ_REQUIRE(fclose(out) == 0 && size > 2, "nothing was printed");
    return text;
}

static void require_lasting(const struct bg_option *table, size_t count, const union any_config *config)
{
    static union any_config again;
    struct bg_error error;
    char *first = print(table, count, config);
    bg_options_defaults(table, count, &again);
    const char *path = fuzz_file((struct bg_span){(uint8_t *)first, strlen(first)});
    enum bg_status status = bg_options_load(table, count, path, &again, &error);
    FUZZ_REQUIRE(status == BG_OK, "%s: %s", error.text, first);
    char *second = print(table, count, &again);
    FUZZ_REQUIRE(strcmp(first, second) == 0, "%s became %s", first, second);
    free(first);
    free(second);
}

static enum bg_status check_file(const struct bg_option *table, size_t count, struct bg_span input)
{
    static union any_config config;
    struct bg_error error;
    bg_options_defaults(table, count, &config);
    enum bg_status status = bg_options_load(table, count, fuzz_file(input), &config, &error);
    if (status != BG_OK)
        return fuzz_refused(status, &error);
    require_lasting(table, count, &config);
    return status;
}

static enum bg_status check_line(const struct bg_option *table, size_t count, struct bg_span input)
{
    static union any_config config;
    struct bg_error error;
    char line[1024];
    const uint8_t *end = input.size ? memchr(input.data, '\n', input.size) : NULL;
    size_t size = end ? (size_t)(end - input.data) : input.size;
    if (size >= sizeof line)
        return BG_OK;
    if (size)
        memcpy(line, input.data, size);
    line[size] = '\0';
    bg_options_defaults(table, count, &config);
    enum bg_status status = bg_options_set(table, count, line, &config, &error);
    if (status != BG_OK)
        return fuzz_refused(status, &error);
    require_lasting(table, count, &config);
    return status;
}

static enum bg_status check(struct bg_span input)
{
    const struct {
        const struct bg_option *table;
        size_t count;
    } roles[] = {{bg_client_options, bg_client_option_count},
                 {bg_aggregator_options, bg_aggregator_option_count},
                 {bg_keyholder_options, bg_keyholder_option_count},
                 {bg_simulator_options, bg_simulator_option_count}};
    enum bg_status status = BG_OK;
    for (size_t i = 0; i < sizeof roles / sizeof *roles && status != BG_NO_MEMORY; i++) {
        status = check_file(roles[i].table, roles[i].count, input);
        if (status != BG_NO_MEMORY)
            status = check_line(roles[i].table, roles[i].count, input);
    }
    return status;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    return fuzz_run(check, data, size);
}
