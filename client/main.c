/* SPDX-License-Identifier: Apache-2.0 */
/* burgee-client: a client on the network, or on files with one verb per call. */
#include "client/main_parts.h"

#include "base/cpu.h"
#include "base/json.h"
#include "base/log.h"
#include "client/key_ring.h"
#include "client/offline.h"
#include "crypto/identity_file.h"
#include "protocol/membership.h"

#include <errno.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

struct verb {
    const char *name;
    bg_client_verb *work;
    const char *usage, *help;
    size_t words;   /* after the name */
    bool in_folder; /* the first of them is a device's folder, with its config.json */
    bool events;    /* --json is a stream of them, the verb's own */
};

/* ---- what is printed ---- */

bool bg_client_prints_lines(const struct bg_client_run *run)
{
    return !run->json && !run->flags.quiet;
}

static void print_json(struct bg_json *root)
{
    char *text = bg_json_print(root, true);
    if (text)
        puts(text);
    free(text);
}

static void on_progress(void *context, const char *what)
{
    const struct bg_client_run *run = context;
    if (!run->flags.quiet)
        bg_log(BG_LOG_INFO, what, "");
}

static void masks_to_json(const struct bg_mask_stats *masks, struct bg_json *parent)
{
    struct bg_json *object = bg_json_add_object(parent, "masks");
    bg_json_add_u64(object, "capacity", masks->capacity);
    bg_json_add_u64(object, "level", masks->level);
    bg_json_add_u64(object, "drawn", masks->drawn);
    bg_json_add_u64(object, "hits", masks->hits);
}

static void report_update(struct bg_client_run *run, const struct bg_device_report *report, struct bg_mask_stats masks,
                          const char *file)
{
    struct bg_json *object = run->json;
    if (object) {
        bg_json_add_string(object, "wrote", file);
        bg_json_add_u64(object, "round", report->round);
        bg_json_add_u64(object, "attempt", report->attempt);
        bg_json_add_string(object, "stage", bg_task_stage_name(report->stage));
        bg_json_add_bool(object, "insecure", report->insecure);
        bg_json_add_u64(object, "group", report->seat.group);
        bg_json_add_u64(object, "member", report->seat.member);
        bg_json_add_bool(object, "again", report->again);
        bg_json_add_u64(object, "missed_rounds", report->missed);
        bg_json_add_u64(object, "rows", report->rows);
        bg_json_add_number(object, "loss", report->loss);
        bg_json_add_u64(object, "positions", report->positions);
        bg_json_add_u64(object, "bytes", report->bytes);
        bg_json_add_number(object, "bits_per_coordinate", report->bits_per_coordinate);
        masks_to_json(&masks, object);
    }
    if (!bg_client_prints_lines(run))
        return;
    printf("wrote %s%s: round %llu (%s), group %u, ", file, report->again ? " again" : "",
           (unsigned long long)report->round, bg_task_stage_name(report->stage), report->seat.group);
    if (!report->again)
        printf("%zu rows, loss %.4f, ", report->rows, report->loss);
    printf("%zu bytes", report->bytes);
    if (report->stage == BG_STAGE_LEARNING)
        printf(", %.2f bits per coordinate", report->bits_per_coordinate);
    if (masks.drawn)
        printf(", %llu of %llu masks made while training", (unsigned long long)masks.hits,
               (unsigned long long)masks.drawn);
    puts(report->insecure ? " [INSECURE test key]" : "");
}

/* ---- verbs ---- */

struct requirement {
    const char *flag, *value;
};

static enum bg_status require(const struct requirement *wanted, size_t count, const char *verb,
                              struct bg_error *error)
{
    for (size_t i = 0; i < count; i++)
        if (!wanted[i].value || !wanted[i].value[0])
            return bg_fail(error, BG_INVALID, "%s needs %s; see --help", verb, wanted[i].flag);
    return BG_OK;
}

static enum bg_status load_points(const struct bg_client_config *config, struct bg_error *error,
                                  uint8_t ret_key_holder[static BG_PUBLIC_POINT_BYTES],
                                  uint8_t ret_root[static BG_PUBLIC_POINT_BYTES])
{
    enum bg_status status = bg_point_load(BG_POINT_IDENTITY, config->key_holder, error, ret_key_holder);
    return status == BG_OK ? bg_point_load(BG_POINT_IDENTITY, config->root, error, ret_root) : status;
}

static enum bg_status make_update(struct bg_client_run *run, const struct bg_identity *identity, struct bg_error *error)
{
    const struct bg_client_flags *f = &run->flags;
    const struct bg_client_config *config = &run->config;
    uint8_t key_holder[BG_PUBLIC_POINT_BYTES], root[BG_PUBLIC_POINT_BYTES];
    struct bg_random random = bg_random_system();
    struct bg_device_ring_settings ring_settings = {
        .random = random,
        .masks = {.memory_bytes = (size_t)config->table_kib << 10,
                  .uniform_reads = config->uniform_reads,
                  .exponent_bits = config->exponent == BG_MASK_EXPONENT_SHORT ? BG_MASK_SHORT_EXPONENT_BITS : 0},
        .pool_bytes = (size_t)config->pool_kib << 10,
        .allow_insecure = config->insecure_test_key};
    struct bg_device_ring ring;
    struct bg_device_report report;
    struct bg_device_files files = {f->plan, f->groups, f->task, f->model, f->out};
    enum bg_status status = load_points(config, error, key_holder, root);
    if (status != BG_OK)
        return status;
    bg_device_ring_init(&ring, &ring_settings);
    struct bg_device_settings settings = {.folder = config->folder,
                                          .identity = identity,
                                          .key_holder = key_holder,
                                          .root = root,
                                          .population = config->population,
                                          .keys = &ring.keys,
                                          .random = &random,
                                          .fills_pool = config->pool_kib > 0,
                                          .seed = config->training_seed,
                                          .data = {.kind = (enum bg_dataset_kind)config->data_kind,
                                                   .path = config->data_dir,
                                                   .schema = config->data_schema,
                                                   .label_map = config->data_labels,
                                                   .bound_infinite = config->data_bound_infinite,
                                                   .rows = config->data_rows,
                                                   .seed = config->data_seed},
                                          .progress = on_progress,
                                          .context = run};
    status = bg_device_update(&settings, &files, error, &report);
    if (status == BG_OK)
        report_update(run, &report, bg_device_ring_stats(&ring), f->out);
    bg_device_ring_finish(&ring);
    return status;
}

static enum bg_status update(struct bg_client_run *run, struct bg_error *error)
{
    const struct bg_client_flags *f = &run->flags;
    const struct bg_client_config *config = &run->config;
    const struct requirement wanted[] = {{"--plan FILE", f->plan},
                                         {"--groups FILE", f->groups},
                                         {"--task FILE", f->task},
                                         {"--model FILE", f->model},
                                         {"--identity FILE", config->identity},
                                         {"--trust-key-holder POINT", config->key_holder},
                                         {"--trust-root POINT", config->root},
                                         {"--state DIR", config->folder},
                                         {"--out FILE", f->out}};
    struct bg_identity *identity;
    enum bg_status status = require(wanted, sizeof wanted / sizeof *wanted, "update", error);
    if (status == BG_OK)
        status = bg_identity_load(config->identity, error, &identity);
    if (status != BG_OK)
        return status;
    status = make_update(run, identity, error);
    bg_identity_destroy(&identity);
    return status;
}

static enum bg_status receipt(struct bg_client_run *run, struct bg_error *error)
{
    const struct bg_client_flags *f = &run->flags;
    const struct requirement wanted[] = {{"--state DIR", run->config.folder},
                                         {"--receipt FILE, or --lost", f->lost ? "none" : f->receipt}};
    uint64_t round;
    bool used;
    enum bg_status status = require(wanted, sizeof wanted / sizeof *wanted, "receipt", error);
    if (status == BG_OK && f->lost && f->receipt)
        status = bg_fail(error, BG_INVALID, "receipt: --lost says that there is no --receipt");
    if (status == BG_OK)
        status = bg_device_settle(run->config.folder, f->receipt, error, &round, &used);
    if (status != BG_OK)
        return status;
    if (run->json) {
        bg_json_add_u64(run->json, "round", round);
        bg_json_add_bool(run->json, "used", used);
    }
    if (bg_client_prints_lines(run))
        printf("round %llu: the update was %s\n", (unsigned long long)round,
               used ? "used, its residual is committed" : "not used, it is folded back into the residual");
    return BG_OK;
}

/* A secret whose point is missing was left by an interrupted call. */
static enum bg_status provide_identity(const char *folder, struct bg_error *error, struct bg_identity **ret_identity)
{
    char secret[PATH_MAX], point[PATH_MAX];
    struct bg_random random = bg_random_system();
    int a = snprintf(secret, sizeof secret, "%s/identity.secret", folder);
    int b = snprintf(point, sizeof point, "%s/identity.point", folder);
    if (a < 0 || b < 0 || (size_t)a >= sizeof secret || (size_t)b >= sizeof point)
        return bg_fail(error, BG_INVALID, "the path of the folder is too long");
    if (mkdir(folder, 0700) != 0 && errno != EEXIST)
        return bg_fail(error, BG_IO, "%s: cannot make the folder: %s", folder, strerror(errno));
    if (access(secret, F_OK) == 0 && access(point, F_OK) == 0)
        return bg_fail(error, BG_INVALID, "%s: a client lives there already; give another --out", secret);
    return bg_identity_provide(secret, point, &random, error, ret_identity);
}

static enum bg_status keygen(struct bg_client_run *run, struct bg_error *error)
{
    const struct requirement wanted[] = {{"--out DIR", run->flags.out}};
    struct bg_identity *identity;
    char hex[2 * BG_DIGEST_BYTES + 1];
    enum bg_status status = require(wanted, sizeof wanted / sizeof *wanted, "keygen", error);
    if (status == BG_OK)
        status = provide_identity(run->flags.out, error, &identity);
    if (status != BG_OK)
        return status;
    bg_digest_to_hex(bg_identity_digest(identity), hex);
    bg_identity_destroy(&identity);
    bg_json_add_string(run->json, "client", hex);
    if (bg_client_prints_lines(run))
        puts(hex);
    return BG_OK;
}

static const struct verb verbs[] = {
    {"enrol", bg_client_verb_enrol, "enrol DIR URL TOKEN [--label TEXT]",
     "become a member: make a key in DIR, have the key holder at URL certify it (TOKEN -: from stdin)", 3, true, false},
    {"run", bg_client_verb_run, "run DIR [--exit-after-rounds N]",
     "take part in rounds until told to end (SIGTERM)", 1, true, true},
    {"renew", bg_client_verb_renew, "renew DIR",
     "fetch a fresh certificate, and where the root is; run does it by itself", 1, true, false},
    {"show", bg_client_verb_show, "show DIR",
     "who this device is, what it owes and keeps", 1, true, false},
    {"keygen", keygen, "keygen --out DIR",
     "make this client's identity: secret (0600) and point to enrol", 0, false, false},
    {"update", update, "update --plan F --groups F --task F --model F ... --out FILE",
     "train and make one encrypted update for the root", 0, false, false},
    {"receipt", receipt, "receipt --state DIR --receipt FILE | --lost",
     "read how the round ended: commit the residual, or fold the update back", 0, false, false},
};

/* ---- the command line ---- */

static void print_help(void)
{
    printf("usage: burgee-client VERB [arguments] [options]\n"
           "\n"
           "A device that learns with others: on the network, or on files, where documents of the root are\n"
           "carried here, updates and receipts to and fro. DIR/config.json has its settings.\n"
           "\n");
    for (size_t i = 0; i < sizeof verbs / sizeof *verbs; i++)
        printf("  %s\n      %s\n", verbs[i].usage, verbs[i].help);
    printf("\n"
           "  --plan, --groups, --task, --model FILE      what the root hands out\n"
           "  --identity FILE                             this client's secret\n"
           "  --trust-key-holder, --trust-root POINT      whose signatures count\n"
           "  --data DIR|FILE                             its own data\n"
           "  --state DIR                                 its memory from round to round\n"
           "  --out FILE|DIR                              what to write\n"
           "  --config FILE          settings as JSON\n"
           "  --set KEY=VALUE        one setting; may be repeated\n"
           "  --insecure-test-key    as --set encryption.insecure_test_key=true\n"
           "  --label TEXT           what people call the device that enrols\n"
           "  --exit-after-rounds N  of run: end after N receipts\n"
           "  --json                 print one JSON object, run one per event\n"
           "  --quiet                print nothing but errors\n"
           "  --print-config         print the effective settings and end\n"
           "  --help, --version\n"
           "\n"
           "Settings:\n");
    bg_options_help(bg_client_options, bg_client_option_count, stdout);
    printf("\n"
           "Exit status: 0 done; 64 wrong usage; 65 a document, the data or the round is refused, or the\n"
           "device was revoked; 66 no such file; 75 busy, or a receipt is awaited; 77 a secret is open to\n"
           "others; 78 wrong settings.\n");
}

static enum bg_status parse(struct bg_client_run *run, int argc, char **argv, struct bg_error *error)
{
    struct bg_client_flags *f = &run->flags;
    const struct bg_flag table[] = {{"--config", .value = &f->config},
                                    {"--set", .setting = ""},
                                    {"--identity", .setting = "identity.file="},
                                    {"--trust-key-holder", .setting = "trust.key_holder="},
                                    {"--trust-root", .setting = "trust.root="},
                                    {"--data", .setting = "data.dir="},
                                    {"--state", .setting = "state.dir="},
                                    {"--insecure-test-key", .setting = "encryption.insecure_test_key=true"},
                                    {"--plan", .value = &f->plan},
                                    {"--groups", .value = &f->groups},
                                    {"--task", .value = &f->task},
                                    {"--model", .value = &f->model},
                                    {"--out", .value = &f->out},
                                    {"--receipt", .value = &f->receipt},
                                    {"--lost", .on = &f->lost},
                                    {"--label", .value = &f->label},
                                    {"--exit-after-rounds", .value = &f->rounds},
                                    {"--json", .on = &f->json},
                                    {"--quiet", .on = &f->quiet},
                                    {"--print-config", .on = &f->print_config},
                                    {"--help", .on = &f->help},
                                    {"--version", .on = &f->version}};
    return bg_arguments_parse(argc, argv, table, sizeof table / sizeof *table, error, &run->arguments);
}

static enum bg_status find_verb(const struct bg_arguments *a, struct bg_error *error, const struct verb **ret_verb)
{
    if (!a->word_count)
        return bg_fail(error, BG_INVALID, "no verb given; see --help");
    const struct verb *verb = verbs, *end = verbs + sizeof verbs / sizeof *verbs;
    while (verb < end && strcmp(a->words[0], verb->name) != 0)
        verb++;
    if (verb == end)
        return bg_fail(error, BG_INVALID, "%s: no such verb; see --help", a->words[0]);
    if (a->word_count > 1 + verb->words)
        return bg_fail(error, BG_INVALID, "%s: one argument too many; see --help", a->words[1 + verb->words]);
    if (a->word_count < 1 + verb->words)
        return bg_fail(error, BG_INVALID, "usage: burgee-client %s", verb->usage);
    *ret_verb = verb;
    return BG_OK;
}

/* Of the file given, or of the device's own if it has one. */
static enum bg_status read_config(struct bg_client_run *run, const struct verb *verb, struct bg_error *error)
{
    char own[BG_DEVICE_PATH_BYTES];
    const char *path = run->flags.config;
    if (!path && verb && verb->in_folder) {
        enum bg_status status = bg_device_path(run->arguments.words[1], "config.json", error, own);
        if (status != BG_OK)
            return status;
        path = access(own, F_OK) == 0 ? own : NULL;
    }
    return bg_options_read(bg_client_options, bg_client_option_count, path, run->arguments.settings,
                           run->arguments.setting_count, &run->config, error);
}

static enum bg_status work(struct bg_client_run *run, const struct verb *verb, struct bg_error *error)
{
    bg_cpu_choose(run->config.kernels);
    if (run->flags.json && !verb->events) {
        run->json = bg_json_object();
        bg_json_add_string(run->json, "verb", verb->name);
    }
    enum bg_status status = verb->work(run, error);
    if (run->json) {
        bg_json_add_string(run->json, "status", status == BG_OK ? "OK" : bg_status_name(status));
        if (status != BG_OK)
            bg_json_add_string(run->json, "error", error->text);
        print_json(run->json);
    }
    bg_json_destroy(&run->json);
    return status;
}

static enum bg_status run_program(struct bg_client_run *run, int argc, char **argv, struct bg_error *error)
{
    const struct verb *verb = NULL;
    enum bg_status status = parse(run, argc, argv, error);
    if (status != BG_OK)
        return status;
    if (run->flags.help) {
        print_help();
        return BG_OK;
    }
    if (run->flags.version) {
        puts("burgee-client " BG_VERSION);
        return BG_OK;
    }
    if (!run->flags.print_config || run->arguments.word_count)
        status = find_verb(&run->arguments, error, &verb);
    if (status == BG_OK)
        status = read_config(run, verb, error);
    if (status != BG_OK || !run->flags.print_config)
        return status == BG_OK ? work(run, verb, error) : status;
    bg_options_print(bg_client_options, bg_client_option_count, &run->config, stdout);
    return BG_OK;
}

int main(int argc, char **argv)
{
    static struct bg_client_run run;
    struct bg_error error = {.status = BG_OK};
    enum bg_status status = run_program(&run, argc, argv, &error);
    if (fflush(stdout) != 0 && status == BG_OK)
        status = bg_fail(&error, BG_IO, "cannot print the result");
    if (status != BG_OK)
        bg_log_error(BG_LOG_ERROR, "stopped", &error);
    if (run.abandoned)
        _exit(status == BG_OK ? 0 : bg_status_exit_code(status));
    bg_arguments_finish(&run.arguments);
    return status == BG_OK ? 0 : bg_status_exit_code(status);
}
