/* SPDX-License-Identifier: Apache-2.0 */
/* burgee-up: a whole federation as processes on this machine. */
#include "base/arguments.h"
#include "base/file.h"
#include "base/log.h"
#include "up/attacker.h"
#include "up/federation.h"
#include "up/settings.h"

#include <errno.h>
#include <ftw.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FOLDERS_OPEN 16

struct flags {
    const char *config, *byzantine, *json, *csv, *plot, *keep;
    bool quiet, insecure_test_key, print_config, help, version;
};

static void print_help(void)
{
    printf("usage: burgee up [--clients N] [--cells N] [--rounds N] [--byzantine N] [--attack KIND]\n"
           "                 [--config FILE] [--set KEY=VALUE]... [options]\n"
           "\n"
           "Starts a key holder, a root and clients as processes on this machine, with certificates of their own, in\n"
           "a temporary folder; runs all rounds, shows how good each model is, and ends everything. Nothing is left\n"
           "running, however this program ends.\n"
           "\n"
           "  --clients, --cells, --rounds N   as --set clients.count=, clients.cells=, rounds.count=\n"
           "  --byzantine N          so many clients are hostile; --attack says how, sign-flip if nothing does\n"
           "  --attack KIND          as --set attack.kind=; one client without --byzantine\n"
           "  --config FILE          settings as JSON, the same file as for burgee-simulator\n"
           "  --set KEY=VALUE        one setting; may be repeated\n"
           "  --json FILE            write everything measured\n"
           "  --csv FILE             write one row per round\n"
           "  --plot FILE            draw accuracy per round as PNG (needs gnuplot)\n"
           "  --keep DIR             use this folder, which is empty or absent, and leave it\n"
           "  --quiet                print nothing but errors\n"
           "  --insecure-test-key    allow keys below 2048 bits\n"
           "  --print-config         print the effective settings and end\n"
           "  --help, --version\n"
           "\n"
           "Exit status: 0 all rounds ended; 64 wrong usage; 74 a program ended that should not, or input/output;\n"
           "75 interrupted; 78 wrong settings.\n"
           "\n"
           "Settings; those of links, costs, trees and faults are for burgee-simulator:\n");
    bg_options_help(bg_simulator_options, bg_simulator_option_count, stdout);
}

/* ---- settings ---- */

static enum bg_status set_attack(const struct flags *f, struct bg_simulator_config *config, struct bg_error *error)
{
    uint64_t count = 1;
    if (f->byzantine && bg_parse_u64(f->byzantine, 0, config->clients, &count) != BG_OK)
        return bg_fail(error, BG_INVALID, "--byzantine %s: write a number of clients, %llu at most", f->byzantine,
                       (unsigned long long)config->clients);
    if (f->byzantine || (config->attack != BG_ATTACK_NONE && config->attack_share <= 0))
        config->attack_share = config->clients ? (double)count / (double)config->clients : 0;
    if (f->byzantine && count && config->attack == BG_ATTACK_NONE)
        config->attack = BG_ATTACK_SIGN_FLIP;
    if (f->byzantine && !count)
        config->attack = BG_ATTACK_NONE;
    return BG_OK;
}

static enum bg_status configure(const struct flags *f, const struct bg_arguments *arguments,
                                struct bg_simulator_config *config, struct bg_error *error)
{
    if (arguments->word_count)
        return bg_fail(error, BG_INVALID, "%s: no such argument; see --help", arguments->words[0]);
    enum bg_status status = bg_options_read(bg_simulator_options, bg_simulator_option_count, f->config,
                                            arguments->settings, arguments->setting_count, config, error);
    if (status == BG_OK)
        status = set_attack(f, config, error);
    return status == BG_OK ? bg_up_check(config, f->insecure_test_key, error) : status;
}

/* ---- folders ---- */

static int remove_one(const char *path, const struct stat *about, int kind, struct FTW *place)
{
    (void)about;
    (void)kind;
    (void)place;
    return remove(path);
}

static enum bg_status remove_folder(const char *folder, struct bg_error *error)
{
    if (nftw(folder, remove_one, FOLDERS_OPEN, FTW_DEPTH | FTW_PHYS) == 0)
        return BG_OK;
    return bg_fail(error, BG_IO, "%s: cannot remove it: %s", folder, strerror(errno));
}

static enum bg_status make_folder(const char *keep, char ret_folder[static PATH_MAX], struct bg_error *error)
{
    const char *temporary = getenv("TMPDIR");
    if (!keep) {
        snprintf(ret_folder, PATH_MAX, "%s/burgee-up-XXXXXX", temporary && temporary[0] ? temporary : "/tmp");
        return mkdtemp(ret_folder) ? BG_OK
                                   : bg_fail(error, BG_IO, "%s: cannot make it: %s", ret_folder, strerror(errno));
    }
    if (mkdir(keep, 0700) != 0 && errno != EEXIST)
        return bg_fail(error, BG_IO, "%s: cannot make it: %s", keep, strerror(errno));
    if (!realpath(keep, ret_folder))
        return bg_fail(error, BG_IO, "%s: %s", keep, strerror(errno));
    if (rmdir(ret_folder) != 0 || mkdir(ret_folder, 0700) != 0)
        return bg_fail(error, BG_INVALID, "--keep %s: give a folder that is empty or absent", keep);
    return BG_OK;
}

/* The folder of this program, where the others are. */
static enum bg_status find_programs(char ret_folder[static PATH_MAX], struct bg_error *error)
{
    ssize_t size = readlink("/proc/self/exe", ret_folder, PATH_MAX - 1);
    if (size <= 0)
        return bg_fail(error, BG_IO, "cannot tell where the other programs are: %s", strerror(errno));
    ret_folder[size] = '\0';
    *strrchr(ret_folder, '/') = '\0';
    return BG_OK;
}

/* ---- the run ---- */

static enum bg_status show(const struct flags *f, const struct bg_up_result *result, struct bg_error *error)
{
    enum bg_status status = BG_OK;
    if (!f->quiet)
        bg_up_print_summary(result, stdout);
    if (f->json)
        status = bg_up_write_json(result, f->json, error);
    if (status == BG_OK && f->csv)
        status = bg_up_write_csv(result, f->csv, error);
    if (status == BG_OK && f->plot)
        status = bg_up_plot(result, f->plot, error);
    if (status == BG_UNSUPPORTED) {
        bg_log(BG_LOG_WARN, "no plot", "reason=\"gnuplot is not installed\"");
        status = BG_OK;
    }
    return status;
}

static enum bg_status perform(const struct flags *f, const struct bg_simulator_config *config, struct bg_error *error)
{
    char folder[PATH_MAX], programs[PATH_MAX];
    struct bg_up *up;
    enum bg_status status = find_programs(programs, error);
    if (status == BG_OK)
        status = make_folder(f->keep, folder, error);
    if (status != BG_OK)
        return status;
    struct bg_up_settings settings = {.config = config,
                                      .insecure_test_key = f->insecure_test_key,
                                      .folder = folder,
                                      .programs = programs,
                                      .out = f->quiet ? NULL : stdout,
                                      .bar = isatty(STDOUT_FILENO)};
    status = bg_up_perform(&settings, error, &up);
    if (up && (status == BG_OK || bg_up_result(up)->round_count)) {
        struct bg_error later;
        enum bg_status shown = show(f, bg_up_result(up), &later);
        if (status == BG_OK && shown != BG_OK)
            *error = later;
        status = status == BG_OK ? shown : status;
    }
    bg_up_destroy(&up);
    if (f->keep)
        return status;
    struct bg_error later;
    enum bg_status removed = remove_folder(folder, &later);
    if (status == BG_OK && removed != BG_OK)
        *error = later;
    return status == BG_OK ? removed : status;
}

static enum bg_status check_places(const struct flags *f, struct bg_error *error)
{
    enum bg_status status = f->json ? bg_file_check_place(f->json, error) : BG_OK;
    if (status == BG_OK && f->csv)
        status = bg_file_check_place(f->csv, error);
    return status == BG_OK && f->plot ? bg_file_check_place(f->plot, error) : status;
}

static enum bg_status run(int argc, char **argv, struct bg_error *error)
{
    struct flags f = {0};
    struct bg_arguments arguments = {0};
    struct bg_simulator_config config;
    const struct bg_flag table[] = {{"--config", .value = &f.config},
                                    {"--set", .setting = ""},
                                    {"--clients", .setting = "clients.count="},
                                    {"--cells", .setting = "clients.cells="},
                                    {"--rounds", .setting = "rounds.count="},
                                    {"--byzantine", .value = &f.byzantine},
                                    {"--attack", .setting = "attack.kind="},
                                    {"--json", .value = &f.json},
                                    {"--csv", .value = &f.csv},
                                    {"--plot", .value = &f.plot},
                                    {"--keep", .value = &f.keep},
                                    {"--quiet", .on = &f.quiet},
                                    {"--insecure-test-key", .on = &f.insecure_test_key},
                                    {"--print-config", .on = &f.print_config},
                                    {"--help", .on = &f.help},
                                    {"--version", .on = &f.version}};
    enum bg_status status = bg_arguments_parse(argc, argv, table, sizeof table / sizeof *table, error, &arguments);
    if (status == BG_OK && f.help)
        print_help();
    else if (status == BG_OK && f.version)
        puts("burgee-up " BG_VERSION);
    if (status != BG_OK || f.help || f.version)
        goto out;
    status = configure(&f, &arguments, &config, error);
    if (status == BG_OK && f.print_config) {
        bg_options_print(bg_simulator_options, bg_simulator_option_count, &config, stdout);
        goto out;
    }
    if (status == BG_OK)
        status = check_places(&f, error);
    if (status == BG_OK)
        status = perform(&f, &config, error);
out:
    bg_arguments_finish(&arguments);
    return status;
}

int main(int argc, char **argv)
{
    struct bg_error error = {BG_OK, ""};
    bool attacks = argc == 6 && strcmp(argv[1], BG_UP_ATTACKER) == 0;
    enum bg_status status = attacks ? bg_attacker_run(argv + 2, &error) : run(argc, argv, &error);
    if (status != BG_OK)
        bg_log_error(BG_LOG_ERROR, "stopped", &error);
    return status == BG_OK ? 0 : bg_status_exit_code(status);
}
