/* SPDX-License-Identifier: Apache-2.0 */
/* burgee-keyholder: the key holder on files. One verb opens its folder, does one thing and lets go of it. */
#include "base/file.h"
#include "base/json.h"
#include "base/log.h"
#include "crypto/secure_heap.h"
#include "crypto/identity_file.h"
#include "keyholder/folder.h"
#include "keyholder/state.h"

#include <stdlib.h>
#include <string.h>

#define HEAP_BYTES ((size_t)16 << 20)
#define MESSAGE_MOST_BYTES ((size_t)INT32_MAX)
#define SETTINGS_MOST 32

static const char usage[] =
    "usage: burgee-keyholder VERB ... [options]\n"
    "\n"
    "Holds the secret key: enrols clients, cuts each epoch's roster into groups, and opens sums of whole\n"
    "groups, never a single update. DIR is the folder that keygen makes.\n"
    "\n"
    "  keygen --out DIR [--bits N] [--insecure-test-key] [--config FILE] [--set KEY=VALUE]...\n"
    "                                     make keys and folder; tells the root what to pin\n"
    "  enrol DIR POINT... [--cell LABEL]  put clients on the roster, from the next epoch on\n"
    "  epoch DIR REQUEST --out ANSWER     cut the groups of the next epoch\n"
    "  plan DIR PLAN                      look at the plan that the root has signed\n"
    "  open DIR RELEASE [BLOCKS...] --out SUMS\n"
    "                                     open the sum of one group\n"
    "  records DIR                        check and print the chain of openings\n"
    "  show DIR                           epoch, roster, commitment to the next nonce\n"
    "  clear DIR                          unlock, after an operator has looked at the aggregator\n"
    "\n"
    "  --json                             print results as JSON\n"
    "  --quiet                            print nothing but errors\n"
    "  --help, --version\n"
    "\n"
    "Exit status: 0, 64 wrong use, 65 refused or bad input, 66 not found, 70 a computation failed its check,\n"
    "71 out of memory, 74 input/output, 75 busy, 77 permissions, 78 configuration.\n"
    "\n"
    "Settings of DIR/config.json:\n";

struct arguments {
    const char *verb;
    const char *folder;
    char *const *inputs; /* what follows DIR */
    size_t input_count;
    const char *out;
    const char *cell;
    const char *config;
    const char *assignments[SETTINGS_MOST];
    size_t assignment_count;
    char bits[40];
    bool json, quiet;
};

/* ---- results ---- */

/* One result: an object for --json, lines "key value" otherwise. */
static enum bg_status print_result(const struct arguments *arguments, struct bg_json *root)
{
    enum bg_status status = BG_OK;
    if (arguments->json) {
        char *text = bg_json_print(root, true);
        status = text && puts(text) >= 0 ? BG_OK : BG_IO;
        free(text);
    } else if (!arguments->quiet) {
        for (const struct bg_json *member = bg_json_at(root, 0); member; member = bg_json_next(member)) {
            const char *value = bg_json_type(member) == BG_JSON_STRING   ? bg_json_string(member)
                                : bg_json_type(member) == BG_JSON_NUMBER ? bg_json_number_text(member)
                                : bg_json_bool(member)                   ? "yes"
                                                                         : "no";
            printf("%-11s %s\n", bg_json_key(member), value);
        }
    }
    bg_json_destroy(&root);
    return status;
}

static void add_digest(struct bg_json *object, const char *key, const struct bg_digest *digest)
{
    char hex[2 * BG_DIGEST_BYTES + 1];
    bg_digest_to_hex(digest, hex);
    bg_json_add_string(object, key, hex);
}

static struct bg_json *describe(struct bg_folder *folder)
{
    struct bg_keyholder *keyholder = bg_folder_keyholder(folder);
    const struct bg_keyholder_settings *settings = bg_folder_settings(folder);
    struct bg_json *root = bg_json_object();
    struct bg_digest commitment = bg_keyholder_commitment(keyholder), head = bg_keyholder_head(keyholder);
    bg_json_add_string(root, "population", settings->population.name);
    add_digest(root, "identity", bg_identity_digest(settings->identity));
    if (settings->public_key) {
        add_digest(root, "key", bg_public_key_id(settings->public_key));
        bg_json_add_u64(root, "bits", bg_public_key_bits(settings->public_key));
        bg_json_add_bool(root, "insecure", bg_public_key_insecure(settings->public_key));
    }
    bg_json_add_u64(root, "clients", bg_keyholder_roster(keyholder).count);
    bg_json_add_u64(root, "epoch", bg_keyholder_epoch(keyholder));
    add_digest(root, "commitment", &commitment);
    add_digest(root, "head", &head);
    bg_json_add_bool(root, "locked", bg_keyholder_locked(keyholder));
    return root;
}

/* ---- files ---- */

static enum bg_status append_file(const char *path, struct bg_writer *w, struct bg_error *error)
{
    uint8_t *data;
    size_t size;
    enum bg_status status = bg_file_read(path, MESSAGE_MOST_BYTES, error, &data, &size);
    if (status != BG_OK)
        return status;
    bg_write_bytes(w, data, size);
    free(data);
    return w->status == BG_OK ? BG_OK : bg_fail(error, w->status, "%s: out of memory", path);
}

/* Asks with the concatenated input files; writes the answer to --out, if there is one. */
static enum bg_status ask_with_files(const struct arguments *arguments, struct bg_folder *folder, enum bg_route route,
                                     struct bg_error *error)
{
    struct bg_writer body, answer;
    enum bg_status status = BG_OK;
    bg_writer_init(&body);
    bg_writer_init(&answer);
    for (size_t i = 0; i < arguments->input_count && status == BG_OK; i++)
        status = append_file(arguments->inputs[i], &body, error);
    if (status == BG_OK) {
        status = bg_folder_ask(folder, route, bg_writer_span(&body), error, &answer);
        if (status != BG_OK)
            bg_fail_in(error, status, "%s", arguments->inputs[0]);
    }
    if (status == BG_OK && arguments->out)
        status = bg_file_write(arguments->out, bg_writer_span(&answer), 0644, error);
    bg_writer_finish(&body);
    bg_writer_finish(&answer);
    return status;
}

static enum bg_status report_written(const struct arguments *arguments, struct bg_folder *folder)
{
    struct bg_json *root = bg_json_object();
    bg_json_add_u64(root, "epoch", bg_keyholder_epoch(bg_folder_keyholder(folder)));
    if (arguments->out)
        bg_json_add_string(root, "wrote", arguments->out);
    return print_result(arguments, root);
}

/* ---- verbs on a folder ---- */

static enum bg_status enrol(const struct arguments *arguments, struct bg_folder *folder, struct bg_error *error)
{
    struct bg_keyholder *keyholder = bg_folder_keyholder(folder);
    for (size_t i = 0; i < arguments->input_count; i++) {
        uint8_t point[BG_PUBLIC_POINT_BYTES];
        enum bg_status status = bg_point_load(BG_POINT_IDENTITY, arguments->inputs[i], error, point);
        if (status == BG_OK) {
            status = bg_keyholder_enrol(keyholder, point, arguments->cell ? arguments->cell : "default", error);
            if (status != BG_OK)
                bg_fail_in(error, status, "%s", arguments->inputs[i]);
        }
        if (status != BG_OK)
            return status;
    }
    struct bg_json *root = bg_json_object();
    bg_json_add_u64(root, "clients", bg_keyholder_roster(keyholder).count);
    return print_result(arguments, root);
}

static enum bg_status epoch(const struct arguments *arguments, struct bg_folder *folder, struct bg_error *error)
{
    enum bg_status status = ask_with_files(arguments, folder, BG_ROUTE_EPOCH, error);
    return status == BG_OK ? report_written(arguments, folder) : status;
}

static enum bg_status plan(const struct arguments *arguments, struct bg_folder *folder, struct bg_error *error)
{
    enum bg_status status = ask_with_files(arguments, folder, BG_ROUTE_SIGNED_PLAN, error);
    return status == BG_OK ? report_written(arguments, folder) : status;
}

static enum bg_status open_release(const struct arguments *arguments, struct bg_folder *folder, struct bg_error *error)
{
    enum bg_status status = ask_with_files(arguments, folder, BG_ROUTE_RELEASE, error);
    return status == BG_OK ? report_written(arguments, folder) : status;
}

struct listing {
    const struct bg_keyholder_settings *settings;
    struct bg_record_chain chain;
    struct bg_json *records; /* NULL: print lines */
    bool quiet;
};

static enum bg_status list_record(void *context, uint32_t kind, struct bg_span entry, struct bg_error *error)
{
    struct listing *listing = context;
    struct bg_record record;
    if (kind != BG_KEYHOLDER_ENTRY_RECORD)
        return BG_OK;
    struct bg_span bytes = {entry.data, entry.size < BG_RECORD_BYTES ? entry.size : BG_RECORD_BYTES};
    enum bg_status status = bg_records_extend(&listing->chain, bg_identity_point(listing->settings->identity), bytes,
                                              error, &record);
    if (status != BG_OK)
        return status;
    struct bg_json *object = bg_json_object();
    bg_json_add_u64(object, "sequence", record.sequence);
    bg_json_add_u64(object, "epoch", record.epoch);
    bg_json_add_u64(object, "round", record.round);
    bg_json_add_u64(object, "attempt", record.attempt);
    bg_json_add_u64(object, "group", record.group);
    bg_json_add_u64(object, "members", record.members);
    add_digest(object, "manifests", &record.manifests);
    add_digest(object, "product", &record.product);
    add_digest(object, "record", &listing->chain.head);
    char *text = bg_json_print(object, false);
    if (text && !listing->quiet)
        puts(text);
    status = text ? BG_OK : bg_fail(error, BG_NO_MEMORY, "records: out of memory");
    free(text);
    bg_json_destroy(&object);
    return status;
}

/* One JSON object per line, with --json and without: a chain may be long. */
static enum bg_status records(const struct arguments *arguments, struct bg_folder *folder, struct bg_error *error)
{
    const struct bg_keyholder_settings *settings = bg_folder_settings(folder);
    struct listing listing = {.settings = settings, .quiet = arguments->quiet};
    return settings->journal->replay(settings->journal->context, list_record, &listing, error);
}

static enum bg_status show(const struct arguments *arguments, struct bg_folder *folder, struct bg_error *error)
{
    (void)error;
    return print_result(arguments, describe(folder));
}

static enum bg_status clear(const struct arguments *arguments, struct bg_folder *folder, struct bg_error *error)
{
    enum bg_status status = bg_keyholder_clear(bg_folder_keyholder(folder));
    if (status != BG_OK)
        return bg_fail(error, status, "%s: %s", arguments->folder,
                       status == BG_INVALID ? "it is not locked" : bg_status_text(status));
    bg_log(BG_LOG_WARN, "unlocked by the operator", "");
    return print_result(arguments, describe(folder));
}

struct verb {
    const char *name;
    size_t least_inputs, most_inputs;
    bool writes; /* needs --out */
    enum bg_status (*run)(const struct arguments *arguments, struct bg_folder *folder, struct bg_error *error);
};

static const struct verb verbs[] = {
    {"enrol", 1, SIZE_MAX, false, enrol}, {"epoch", 1, 1, true, epoch},   {"plan", 1, 1, false, plan},
    {"open", 1, SIZE_MAX, true, open_release}, {"records", 0, 0, false, records}, {"show", 0, 0, false, show},
    {"clear", 0, 0, false, clear},
};

static enum bg_status run_verb(const struct verb *verb, const struct arguments *arguments, struct bg_error *error)
{
    char path[BG_FOLDER_PATH_BYTES];
    struct bg_keyholder_config config;
    struct bg_folder *folder = NULL;
    if (!arguments->folder || arguments->input_count < verb->least_inputs ||
        arguments->input_count > verb->most_inputs || verb->writes != !!arguments->out)
        return bg_fail(error, BG_INVALID, "%s: wrong number of files, or --out missing or too much; see --help",
                       verb->name);
    bg_options_defaults(bg_keyholder_options, bg_keyholder_option_count, &config);
    enum bg_status status = bg_folder_path(arguments->folder, "config.json", error, path);
    if (status == BG_OK)
        status = bg_options_load(bg_keyholder_options, bg_keyholder_option_count, path, &config, error);
    if (status == BG_OK)
        status = bg_folder_open(arguments->folder, &config, error, &folder);
    if (status == BG_OK)
        status = verb->run(arguments, folder, error);
    bg_folder_close(&folder);
    return status;
}

/* ---- keygen ---- */

static enum bg_status keygen(const struct arguments *arguments, struct bg_error *error)
{
    struct bg_keyholder_config config;
    struct bg_folder *folder = NULL;
    enum bg_status status = BG_OK;
    if (!arguments->out || arguments->folder)
        return bg_fail(error, BG_INVALID, "keygen: give the folder with --out DIR");
    bg_options_defaults(bg_keyholder_options, bg_keyholder_option_count, &config);
    if (arguments->config)
        status = bg_options_load(bg_keyholder_options, bg_keyholder_option_count, arguments->config, &config, error);
    for (size_t i = 0; i < arguments->assignment_count && status == BG_OK; i++)
        status = bg_options_set(bg_keyholder_options, bg_keyholder_option_count, arguments->assignments[i], &config,
                                error);
    if (status == BG_OK)
        status = bg_folder_make(arguments->out, &config, error);
    if (status == BG_OK)
        status = bg_folder_open(arguments->out, &config, error, &folder);
    if (status == BG_OK)
        status = print_result(arguments, describe(folder));
    bg_folder_close(&folder);
    return status;
}

/* ---- the command line ---- */

/* Of `--flag VALUE`; NULL if `argument` is another. */
static const char *value_of(int argc, char **argv, int *i, const char *flag)
{
    if (strcmp(argv[*i], flag) != 0 || *i + 1 >= argc)
        return NULL;
    return argv[++*i];
}

static enum bg_status parse_flag(struct arguments *arguments, int argc, char **argv, int *i, struct bg_error *error)
{
    const char *flag = argv[*i], *value = NULL, *assignment = NULL;
    if (!strcmp(flag, "--json"))
        arguments->json = true;
    else if (!strcmp(flag, "--quiet"))
        arguments->quiet = true;
    else if (!strcmp(flag, "--insecure-test-key"))
        assignment = "encryption.insecure_test_key=true";
    else if ((value = value_of(argc, argv, i, "--out")))
        arguments->out = value;
    else if ((value = value_of(argc, argv, i, "--cell")))
        arguments->cell = value;
    else if ((value = value_of(argc, argv, i, "--config")))
        arguments->config = value;
    else if ((value = value_of(argc, argv, i, "--set")))
        assignment = value;
    else if ((value = value_of(argc, argv, i, "--bits")) && strlen(value) < 12)
        snprintf(arguments->bits, sizeof arguments->bits, "encryption.bits=%s", value), assignment = arguments->bits;
    else
        return bg_fail(error, BG_INVALID, "%s: not an option, or without its value; see --help", flag);
    if (!assignment)
        return BG_OK;
    if (arguments->assignment_count == SETTINGS_MOST)
        return bg_fail(error, BG_INVALID, "%s: more than %d settings; put them into a file", flag, SETTINGS_MOST);
    arguments->assignments[arguments->assignment_count++] = assignment;
    return BG_OK;
}

/* Words are moved to the front of argv, so that the inputs are one array. */
static enum bg_status parse(int argc, char **argv, struct arguments *arguments, struct bg_error *error)
{
    int words = 1;
    for (int i = 1; i < argc; i++) {
        if (argv[i][0] == '-' && argv[i][1]) {
            enum bg_status status = parse_flag(arguments, argc, argv, &i, error);
            if (status != BG_OK)
                return status;
        } else {
            argv[words++] = argv[i];
        }
    }
    if (words < 2)
        return bg_fail(error, BG_INVALID, "no verb given; see --help");
    arguments->verb = argv[1];
    if (words > 2)
        arguments->folder = argv[2];
    if (words > 3) {
        arguments->inputs = argv + 3;
        arguments->input_count = (size_t)(words - 3);
    }
    return BG_OK;
}

static enum bg_status run(const struct arguments *arguments, struct bg_error *error)
{
    bool locked = false;
    enum bg_status status = bg_secure_process(error);
    if (status == BG_OK)
        status = bg_secure_heap_install(HEAP_BYTES, error, &locked);
    if (status != BG_OK)
        return status;
    if (!locked)
        bg_log(BG_LOG_WARN, "memory of secrets may be swapped", "hint=\"raise the limit on locked memory\"");
    if (!strcmp(arguments->verb, "keygen"))
        return keygen(arguments, error);
    if (arguments->assignment_count || arguments->config)
        return bg_fail(error, BG_INVALID, "%s: settings are in DIR/config.json; change them there", arguments->verb);
    for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++)
        if (!strcmp(arguments->verb, verbs[i].name))
            return run_verb(&verbs[i], arguments, error);
    return bg_fail(error, BG_INVALID, "%s: not a verb; see --help", arguments->verb);
}

static bool asks_for(int argc, char **argv, const char *flag)
{
    for (int i = 1; i < argc; i++)
        if (!strcmp(argv[i], flag))
            return true;
    return false;
}

int main(int argc, char **argv)
{
    struct arguments arguments = {0};
    struct bg_error error = {0};
    if (asks_for(argc, argv, "--help")) {
        fputs(usage, stdout);
        bg_options_help(bg_keyholder_options, bg_keyholder_option_count, stdout);
        return fflush(stdout) ? bg_status_exit_code(BG_IO) : 0;
    }
    if (asks_for(argc, argv, "--version")) {
        puts("burgee-keyholder " BG_VERSION);
        return fflush(stdout) ? bg_status_exit_code(BG_IO) : 0;
    }
    enum bg_status status = parse(argc, argv, &arguments, &error);
    if (status == BG_OK)
        status = run(&arguments, &error);
    if (fflush(stdout) && status == BG_OK)
        status = bg_fail(&error, BG_IO, "cannot print the result");
    if (status == BG_OK)
        return 0;
    char quoted[sizeof error.text * 2];
    bg_log(BG_LOG_ERROR, "refused", "status=%s error=%s", bg_status_name(status),
           bg_log_quote(error.text[0] ? error.text : bg_status_text(status), quoted, sizeof quoted));
    return bg_status_exit_code(status);
}
