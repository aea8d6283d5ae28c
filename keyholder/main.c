/* SPDX-License-Identifier: Apache-2.0 */
/* burgee-keyholder: the key holder on files. One verb opens its folder, does one thing and lets go of it. */
#include "base/arguments.h"
#include "base/cpu.h"
#include "base/file.h"
#include "base/json.h"
#include "base/log.h"
#include "crypto/secure_heap.h"
#include "crypto/identity_file.h"
#include "keyholder/folder.h"
#include "keyholder/main_clients.h"
#include "keyholder/operate.h"
#include "keyholder/rotation.h"
#include "keyholder/service.h"
#include "keyholder/state.h"

#include <stdlib.h>
#include <string.h>

#define HEAP_BYTES ((size_t)16 << 20)
#define MESSAGE_MOST_BYTES ((size_t)INT32_MAX)

static const char usage[] =
    "usage: burgee-keyholder VERB ... [options]\n"
    "\n"
    "Holds the secret key: enrols clients, cuts each epoch's roster into groups, and opens sums of whole\n"
    "groups, never a single update. DIR is the folder that init makes.\n"
    "\n"
    "  init --out DIR [--bits N] [--insecure-test-key] [--config FILE] [--set KEY=VALUE]...\n"
    "                                     make keys, authority and folder; also called keygen\n"
    "  serve DIR [--set KEY=VALUE]...     answer devices and aggregators over HTTPS until SIGTERM\n"
    "  token new DIR [--role client|root|edge|operator] [--label TEXT] [--owner TEXT] [--cell LABEL]\n"
    "        [--hours N] [--count N]      print one-time tokens, one per line: each enrols one device\n"
    "  clients list DIR                   who is enrolled, until when, and who was revoked\n"
    "  clients revoke DIR WHO             for ever; WHO is a label, or 8 or more digits of the id\n"
    "  clients renew DIR WHO [--out FILE] a certificate for one whose own has run out\n"
    "  enrol DIR POINT... [--cell LABEL]  put clients on the roster, from the next epoch on\n"
    "  epoch DIR REQUEST --out ANSWER     cut the groups of the next epoch\n"
    "  plan DIR PLAN                      look at the plan that the root has signed\n"
    "  open DIR RELEASE [BLOCKS...] --out SUMS\n"
    "                                     open the sum of one group\n"
    "  rotate DIR                         a new key for the next epoch, with a new count of partitions; the old\n"
    "                                     key is removed. No program may have the folder: stop serve first\n"
    "  records DIR                        check and print the chain of openings\n"
    "  show DIR                           epoch, roster, commitment to the next nonce\n"
    "  clear DIR                          unlock, after an operator has looked at the aggregators\n"
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
    struct bg_arguments words;
    const char *verb, *folder;
    const char *const *inputs; /* what follows DIR */
    size_t input_count;
    const char *out, *cell, *config;
    const char *role, *label, *owner, *hours, *count; /* of tokens */
    bool json, quiet, help, version;
};

/* ---- results ---- */

/* One result: an object for --json, lines "key value" otherwise. */
static enum bg_status print_result(const struct arguments *arguments, struct bg_json *root, struct bg_error *error)
{
    enum bg_status status = BG_OK;
    if (arguments->json) {
        char *text = bg_json_print(root, true);
        status = text && puts(text) >= 0 ? BG_OK : bg_fail(error, BG_IO, "cannot print the result");
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

/* Takes what a key holder said of itself. */
static enum bg_status print_description(const struct arguments *arguments, struct bg_json *reply,
                                        struct bg_error *error)
{
    struct bg_json *root = bg_json_object();
    for (const struct bg_json *member = bg_json_at(reply, 0); member; member = bg_json_next(member))
        if (strcmp(bg_json_key(member), "status") != 0)
            bg_json_add_copy(root, bg_json_key(member), member);
    bg_json_destroy(&reply);
    return print_result(arguments, root, error);
}

static enum bg_status describe(const struct arguments *arguments, const char *folder,
                               const struct bg_keyholder_config *config, const char *verb, struct bg_error *error)
{
    struct bg_json *reply, *request = bg_json_object();
    bg_json_add_string(request, "verb", verb);
    enum bg_status status = bg_operate(folder, config, request, error, &reply);
    bg_json_destroy(&request);
    return status == BG_OK ? print_description(arguments, reply, error) : status;
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

static enum bg_status report_written(const struct arguments *arguments, struct bg_folder *folder,
                                     struct bg_error *error)
{
    struct bg_json *root = bg_json_object();
    bg_json_add_u64(root, "epoch", bg_keyholder_epoch(bg_folder_keyholder(folder)));
    if (arguments->out)
        bg_json_add_string(root, "wrote", arguments->out);
    return print_result(arguments, root, error);
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
    return print_result(arguments, root, error);
}

static enum bg_status epoch(const struct arguments *arguments, struct bg_folder *folder, struct bg_error *error)
{
    enum bg_status status = ask_with_files(arguments, folder, BG_ROUTE_EPOCH, error);
    return status == BG_OK ? report_written(arguments, folder, error) : status;
}

static enum bg_status plan(const struct arguments *arguments, struct bg_folder *folder, struct bg_error *error)
{
    enum bg_status status = ask_with_files(arguments, folder, BG_ROUTE_SIGNED_PLAN, error);
    return status == BG_OK ? report_written(arguments, folder, error) : status;
}

static enum bg_status open_release(const struct arguments *arguments, struct bg_folder *folder, struct bg_error *error)
{
    enum bg_status status = ask_with_files(arguments, folder, BG_ROUTE_RELEASE, error);
    return status == BG_OK ? report_written(arguments, folder, error) : status;
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
    bg_json_add_digest(object, "manifests", &record.manifests);
    bg_json_add_digest(object, "product", &record.product);
    bg_json_add_digest(object, "record", &listing->chain.head);
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

struct verb {
    const char *name;
    size_t least_inputs, most_inputs;
    bool writes; /* needs --out */
    enum bg_status (*run)(const struct arguments *arguments, struct bg_folder *folder, struct bg_error *error);
};

static const struct verb verbs[] = {
    {"enrol", 1, SIZE_MAX, false, enrol}, {"epoch", 1, 1, true, epoch},   {"plan", 1, 1, false, plan},
    {"open", 1, SIZE_MAX, true, open_release}, {"records", 0, 0, false, records},
};

static enum bg_status read_config(const char *folder, struct bg_error *error, struct bg_keyholder_config *ret_config)
{
    char path[BG_FOLDER_PATH_BYTES];
    enum bg_status status = bg_folder_path(folder, "config.json", error, path);
    if (status == BG_OK)
        status = bg_options_read(bg_keyholder_options, bg_keyholder_option_count, path, NULL, 0, ret_config, error);
    if (status == BG_OK)
        bg_cpu_choose(ret_config->kernels);
    return status;
}

static enum bg_status run_verb(const struct verb *verb, const struct arguments *arguments, struct bg_error *error)
{
    struct bg_keyholder_config config;
    struct bg_folder *folder = NULL;
    if (!arguments->folder || arguments->input_count < verb->least_inputs ||
        arguments->input_count > verb->most_inputs || verb->writes != !!arguments->out)
        return bg_fail(error, BG_INVALID, "%s: wrong number of files, or --out missing or too much; see --help",
                       verb->name);
    enum bg_status status = read_config(arguments->folder, error, &config);
    if (status == BG_OK)
        status = bg_folder_open(arguments->folder, &config, error, &folder);
    if (status == BG_OK)
        status = verb->run(arguments, folder, error);
    bg_folder_close(&folder);
    return status;
}

/* ---- verbs that work while another program has the folder ---- */

static enum bg_status show_or_clear(const struct arguments *arguments, struct bg_error *error)
{
    struct bg_keyholder_config config;
    if (!arguments->folder || arguments->input_count || arguments->out)
        return bg_fail(error, BG_INVALID, "%s: give one folder; see --help", arguments->verb);
    enum bg_status status = read_config(arguments->folder, error, &config);
    if (status == BG_OK)
        status = describe(arguments, arguments->folder, &config, arguments->verb, error);
    if (status == BG_OK && strcmp(arguments->verb, "clear") == 0)
        bg_log(BG_LOG_WARN, "unlocked by the operator", "");
    return status;
}

static enum bg_status token_or_clients(const struct arguments *arguments, struct bg_error *error)
{
    const char *const *words = arguments->words.words;
    size_t count = arguments->words.word_count;
    struct bg_keyholder_config config;
    struct bg_clients_call call = {.action = count > 1 ? words[1] : NULL,
                                   .folder = count > 2 ? words[2] : NULL,
                                   .who = count > 3 ? words[3] : NULL,
                                   .role = arguments->role,
                                   .label = arguments->label,
                                   .owner = arguments->owner,
                                   .cell = arguments->cell,
                                   .hours = arguments->hours,
                                   .count = arguments->count,
                                   .out = arguments->out,
                                   .json = arguments->json,
                                   .quiet = arguments->quiet,
                                   .config = &config};
    if (count > 4)
        return bg_fail(error, BG_INVALID, "%s: too many words; see --help", arguments->verb);
    enum bg_status status = call.folder ? read_config(call.folder, error, &config) : BG_OK;
    if (status != BG_OK)
        return status;
    return strcmp(arguments->verb, "token") == 0 ? bg_verb_token(&call, error) : bg_verb_clients(&call, error);
}

/* ---- keygen ---- */

static enum bg_status keygen(const struct arguments *arguments, struct bg_error *error)
{
    struct bg_keyholder_config config;
    if (!arguments->out || arguments->folder)
        return bg_fail(error, BG_INVALID, "%s: give the folder with --out DIR", arguments->verb);
    enum bg_status status =
        bg_options_read(bg_keyholder_options, bg_keyholder_option_count, arguments->config,
                        arguments->words.settings, arguments->words.setting_count, &config, error);
    if (status == BG_OK)
        bg_cpu_choose(config.kernels);
    if (status == BG_OK)
        status = bg_folder_make(arguments->out, &config, error);
    if (status == BG_OK)
        status = describe(arguments, arguments->out, &config, "show", error);
    return status;
}

/* ---- a new key ---- */

static enum bg_status rotate(const struct arguments *arguments, struct bg_error *error)
{
    struct bg_keyholder_config config;
    struct bg_digest key_id;
    char hex[2 * BG_DIGEST_BYTES + 1];
    if (!arguments->folder || arguments->input_count || arguments->out || arguments->words.setting_count)
        return bg_fail(error, BG_INVALID, "rotate: give the folder, and nothing else");
    enum bg_status status = read_config(arguments->folder, error, &config);
    if (status == BG_OK)
        status = bg_rotate(arguments->folder, &config, error, &key_id);
    if (status != BG_OK)
        return status;
    struct bg_json *root = bg_json_object();
    bg_digest_to_hex(&key_id, hex);
    bg_json_add_string(root, "key", hex);
    return print_result(arguments, root, error);
}

/* ---- serving ---- */

static enum bg_status serve(const struct arguments *arguments, struct bg_error *error)
{
    char path[BG_FOLDER_PATH_BYTES];
    struct bg_keyholder_config config;
    if (!arguments->folder || arguments->input_count || arguments->out || arguments->config)
        return bg_fail(error, BG_INVALID, "serve: give the folder that init has made");
    enum bg_status status = bg_folder_path(arguments->folder, "config.json", error, path);
    if (status == BG_OK)
        status = bg_options_read(bg_keyholder_options, bg_keyholder_option_count, path, arguments->words.settings,
                                 arguments->words.setting_count, &config, error);
    if (status != BG_OK)
        return status;
    bg_cpu_choose(config.kernels);
    return bg_keyholder_service_run(arguments->folder, &config, arguments->json, error);
}

/* ---- the command line ---- */

static enum bg_status parse(struct arguments *a, int argc, char **argv, struct bg_error *error)
{
    const struct bg_flag table[] = {{"--config", .value = &a->config},
                                    {"--set", .setting = ""},
                                    {"--bits", .setting = "encryption.bits="},
                                    {"--insecure-test-key", .setting = "encryption.insecure_test_key=true"},
                                    {"--out", .value = &a->out},
                                    {"--cell", .value = &a->cell},
                                    {"--role", .value = &a->role},
                                    {"--label", .value = &a->label},
                                    {"--owner", .value = &a->owner},
                                    {"--hours", .value = &a->hours},
                                    {"--count", .value = &a->count},
                                    {"--json", .on = &a->json},
                                    {"--quiet", .on = &a->quiet},
                                    {"--help", .on = &a->help},
                                    {"--version", .on = &a->version}};
    enum bg_status status = bg_arguments_parse(argc, argv, table, sizeof table / sizeof *table, error, &a->words);
    if (status != BG_OK)
        return status;
    a->verb = a->words.words[0];
    a->folder = a->words.word_count > 1 ? a->words.words[1] : NULL;
    a->input_count = a->words.word_count > 2 ? a->words.word_count - 2 : 0;
    a->inputs = a->words.words + a->words.word_count - a->input_count;
    return BG_OK;
}

static enum bg_status run(const struct arguments *arguments, struct bg_error *error)
{
    bool locked = false;
    if (!arguments->verb)
        return bg_fail(error, BG_INVALID, "no verb given; see --help");
    enum bg_status status = bg_secure_process(error);
    if (status == BG_OK)
        status = bg_secure_heap_install(HEAP_BYTES, error, &locked);
    if (status != BG_OK)
        return status;
    if (!locked)
        bg_log(BG_LOG_WARN, "memory of secrets may be swapped", "hint=\"raise the limit on locked memory\"");
    if (!strcmp(arguments->verb, "keygen") || !strcmp(arguments->verb, "init"))
        return keygen(arguments, error);
    if (!strcmp(arguments->verb, "serve"))
        return serve(arguments, error);
    if (!strcmp(arguments->verb, "rotate"))
        return rotate(arguments, error);
    if (arguments->words.setting_count || arguments->config)
        return bg_fail(error, BG_INVALID, "%s: settings are in DIR/config.json; change them there", arguments->verb);
    if (!strcmp(arguments->verb, "token") || !strcmp(arguments->verb, "clients"))
        return token_or_clients(arguments, error);
    if (!strcmp(arguments->verb, "show") || !strcmp(arguments->verb, "clear"))
        return show_or_clear(arguments, error);
    for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++)
        if (!strcmp(arguments->verb, verbs[i].name))
            return run_verb(&verbs[i], arguments, error);
    return bg_fail(error, BG_INVALID, "%s: no such verb; see --help", arguments->verb);
}

static enum bg_status run_program(struct arguments *arguments, int argc, char **argv, struct bg_error *error)
{
    enum bg_status status = parse(arguments, argc, argv, error);
    if (status != BG_OK)
        return status;
    if (arguments->help) {
        fputs(usage, stdout);
        bg_options_help(bg_keyholder_options, bg_keyholder_option_count, stdout);
        return BG_OK;
    }
    if (arguments->version) {
        puts("burgee-keyholder " BG_VERSION);
        return BG_OK;
    }
    return run(arguments, error);
}

int main(int argc, char **argv)
{
    struct arguments arguments = {0};
    struct bg_error error = {0};
    enum bg_status status = run_program(&arguments, argc, argv, &error);
    if (fflush(stdout) && status == BG_OK)
        status = bg_fail(&error, BG_IO, "cannot print the result");
    if (status != BG_OK)
        bg_log_error(BG_LOG_ERROR, "refused", &error);
    bg_arguments_finish(&arguments.words);
    return status == BG_OK ? 0 : bg_status_exit_code(status);
}
