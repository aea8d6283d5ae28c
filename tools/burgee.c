/* SPDX-License-Identifier: Apache-2.0 */
/* burgee VERB …: becomes burgee-VERB …, from its own folder or else from PATH. */
#include "base/error.h"

#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define PREFIX "burgee-"
#define VERB_BYTES 64
#define VERBS_MOST 64

static const struct {
    const char *verb, *help;
} known[] = {
    {"aggregator", "root: takes updates in, publishes models"},
    {"bench", "how fast the parts are on this machine"},
    {"client", "a device: trains on its own data, sends encrypted updates"},
    {"combine", "robust rules on arrays in files"},
    {"inspect", "what is in a message, a model or a table"},
    {"keyholder", "enrols, holds the secret key, opens sums of groups"},
    {"simulator", "many clients in one process, on a virtual clock"},
    {"status", "what a running root or key holder does"},
    {"up", "a whole federation of processes on this machine"},
};

struct verbs {
    char names[VERBS_MOST][VERB_BYTES];
    size_t count;
};

static const char *help_of(const char *verb)
{
    for (size_t i = 0; i < sizeof known / sizeof *known; i++)
        if (strcmp(known[i].verb, verb) == 0)
            return known[i].help;
    return "";
}

static bool is_verb(const char *text)
{
    size_t size = strlen(text);
    return size > 0 && size < VERB_BYTES && text[0] != '-' &&
           strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789-") == size;
}

static bool is_program(const char *path)
{
    struct stat about;
    return stat(path, &about) == 0 && S_ISREG(about.st_mode) && access(path, X_OK) == 0;
}

/* The folder of this program; "" where the system does not tell. */
static void find_home(char ret_home[static PATH_MAX])
{
    ssize_t size = readlink("/proc/self/exe", ret_home, PATH_MAX - 1);
    ret_home[size > 0 ? size : 0] = '\0';
    char *slash = strrchr(ret_home, '/');
    if (slash)
        *slash = '\0';
}

/* ---- which verbs there are ---- */

static void add_verb(struct verbs *verbs, const char *name)
{
    for (size_t i = 0; i < verbs->count; i++)
        if (strcmp(verbs->names[i], name) == 0)
            return;
    if (verbs->count < VERBS_MOST)
        strcpy(verbs->names[verbs->count++], name);
}

static void look_into(struct verbs *verbs, const char *folder)
{
    char path[PATH_MAX];
    DIR *dir = opendir(folder);
    for (const struct dirent *entry; dir && (entry = readdir(dir));) {
        const char *verb = entry->d_name + strlen(PREFIX);
        if (strncmp(entry->d_name, PREFIX, strlen(PREFIX)) != 0 || !is_verb(verb))
            continue;
        int length = snprintf(path, sizeof path, "%s/%s", folder, entry->d_name);
        if (length > 0 && (size_t)length < sizeof path && is_program(path))
            add_verb(verbs, verb);
    }
    if (dir)
        closedir(dir);
}

static int compare(const void *a, const void *b)
{
    return strcmp(a, b);
}

static void find_verbs(const char *home, struct verbs *verbs)
{
    const char *path = getenv("PATH");
    char *copy = strdup(path ? path : "");
    if (home[0])
        look_into(verbs, home);
    for (char *rest = copy, *folder; rest && (folder = strsep(&rest, ":"));)
        if (folder[0])
            look_into(verbs, folder);
    free(copy);
    qsort(verbs->names, verbs->count, sizeof *verbs->names, compare);
}

/* Changes of one character that turn a into b. */
static size_t distance(const char *a, const char *b)
{
    size_t row[VERB_BYTES], size = strlen(b);
    for (size_t j = 0; j <= size; j++)
        row[j] = j;
    for (size_t i = 0; a[i]; i++) {
        size_t corner = row[0];
        row[0] = i + 1;
        for (size_t j = 0; j < size; j++) {
            size_t change = corner + (a[i] != b[j]);
            size_t other = (row[j] < row[j + 1] ? row[j] : row[j + 1]) + 1;
            corner = row[j + 1];
            row[j + 1] = change < other ? change : other;
        }
    }
    return row[size];
}

/* The verb that is meant, perhaps; NULL: none is near. */
static const char *suggest(const struct verbs *verbs, const char *verb)
{
    const char *nearest = NULL;
    size_t least = strlen(verb) / 3 + 1;
    for (size_t i = 0; i < verbs->count; i++) {
        const char *name = verbs->names[i];
        size_t away = strncmp(name, verb, strlen(verb)) == 0 ? 0 : distance(verb, name);
        if (away < least || (away == least && !nearest)) {
            nearest = name;
            least = away;
        }
    }
    return nearest;
}

/* ---- what it does ---- */

static void print_help(const char *home)
{
    static struct verbs verbs;
    find_verbs(home, &verbs);
    printf("usage: burgee VERB [arguments]\n"
           "\n"
           "Runs burgee-VERB. Verbs found beside this program and in PATH:\n"
           "\n");
    for (size_t i = 0; i < verbs.count; i++) {
        const char *help = help_of(verbs.names[i]);
        printf("  %-*s%s%s\n", help[0] ? 12 : 0, verbs.names[i], help[0] ? " " : "", help);
    }
    printf("\n"
           "  burgee VERB --help         what it does\n"
           "  burgee --help, --version\n");
}

static enum bg_status fail_unknown(const char *home, const char *verb, struct bg_error *error)
{
    static struct verbs verbs;
    find_verbs(home, &verbs);
    const char *nearest = is_verb(verb) ? suggest(&verbs, verb) : NULL;
    return bg_fail(error, BG_INVALID, "\"%.64s\" is no verb; %s%s%s", verb, nearest ? "did you mean \"" : "see --help",
                   nearest ? nearest : "", nearest ? "\"? See --help" : "");
}

/* Returns only if there is no such program, or it cannot be run. */
static enum bg_status become(const char *home, char **arguments, struct bg_error *error)
{
    char name[sizeof PREFIX + VERB_BYTES], path[PATH_MAX];
    const char *verb = arguments[0];
    if (!is_verb(verb))
        return fail_unknown(home, verb, error);
    snprintf(name, sizeof name, PREFIX "%s", verb);
    int length = snprintf(path, sizeof path, "%s/%s", home, name);
    bool beside = home[0] && length > 0 && (size_t)length < sizeof path && is_program(path);
    arguments[0] = beside ? path : name;
    if (beside)
        execv(path, arguments);
    else
        execvp(name, arguments);
    int number = errno;
    arguments[0] = (char *)verb;
    if (number == ENOENT)
        return fail_unknown(home, name + strlen(PREFIX), error);
    return bg_fail(error, BG_IO, "%s: cannot run it: %s", name, strerror(number));
}

static enum bg_status run(int argc, char **argv, struct bg_error *error)
{
    char home[PATH_MAX];
    char help[] = "--help";
    find_home(home);
    if (argc < 2)
        return bg_fail(error, BG_INVALID, "no verb given; see --help");
    bool asks = strcmp(argv[1], "help") == 0;
    if (asks && argc > 2) {
        char *arguments[] = {argv[2], help, NULL};
        return become(home, arguments, error);
    }
    if (asks || strcmp(argv[1], "--help") == 0) {
        print_help(home);
        return BG_OK;
    }
    if (strcmp(argv[1], "--version") == 0) {
        puts("burgee " BG_VERSION);
        return BG_OK;
    }
    return become(home, argv + 1, error);
}

int main(int argc, char **argv)
{
    struct bg_error error = {BG_OK, ""};
    enum bg_status status = run(argc, argv, &error);
    if (status == BG_OK && fflush(stdout) != 0)
        status = bg_fail(&error, BG_IO, "cannot print");
    if (status != BG_OK)
        fprintf(stderr, "burgee: %s\n", error.text);
    return status == BG_OK ? 0 : bg_status_exit_code(status);
}
