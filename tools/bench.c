/* SPDX-License-Identifier: Apache-2.0 */
/* burgee-bench: how fast the parts of burgee are on this machine. */
#include "tools/bench.h"

#include <stdio.h>
#include <string.h>

static const struct {
    const char *name;
    enum bg_status (*run)(int argc, char **argv, struct bg_error *error);
    const char *what;
} benches[] = {
    {"codec", bg_bench_codec, "making votes of updates, next to copying memory"},
    {"crypto", bg_bench_crypto, "encryption, sums and decryption, next to how others write them"},
    {"data", bg_bench_data, "how long reading a data set takes, and how much memory"},
    {"server", bg_bench_server, "uploads of many clients at once: what a server takes for them"},
    {"updates", bg_bench_updates, "updates of enrolled clients for a root that runs"},
};
#define BENCHES (sizeof benches / sizeof *benches)

static void print_help(void)
{
    puts("usage: burgee-bench WHAT [OPTION]...\n"
         "\n"
         "Measures one part of burgee on this machine:\n");
    for (size_t i = 0; i < BENCHES; i++)
        printf("  %-18s %s\n", benches[i].name, benches[i].what);
    puts("  --help, --version  print this, or the version, and exit\n"
         "\n"
         "burgee-bench WHAT --help lists the options of each. All of them take --json: print one JSON object.");
}

static enum bg_status run(int argc, char **argv, struct bg_error *error)
{
    if (argc < 2)
        return bg_fail(error, BG_INVALID, "say what to measure; see --help");
    const char *what = argv[1];
    if (strcmp(what, "--help") == 0) {
        print_help();
        return BG_OK;
    }
    if (strcmp(what, "--version") == 0) {
        puts("burgee-bench " BG_VERSION);
        return BG_OK;
    }
    for (size_t i = 0; i < BENCHES; i++)
        if (strcmp(what, benches[i].name) == 0)
            return benches[i].run(argc - 1, argv + 1, error);
    return bg_fail(error, BG_INVALID, "\"%s\": nothing to measure goes by that name; see --help", what);
}

int main(int argc, char **argv)
{
    struct bg_error error = {0};
    enum bg_status status = run(argc, argv, &error);
    if (status == BG_OK && fflush(stdout) != 0)
        status = bg_fail(&error, BG_IO, "cannot print");
    if (status != BG_OK)
        fprintf(stderr, "burgee-bench: %s\n", error.text);
    return status ? bg_status_exit_code(status) : 0;
}
