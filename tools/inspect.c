/* SPDX-License-Identifier: Apache-2.0 */
/* burgee-inspect: describes any burgee file, without its secrets. */
#include "tools/inspect.h"

#include "base/arguments.h"
#include "base/file.h"
#include "crypto/digest.h"
#include "model/safetensors.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static const char help[] =
    "usage: burgee-inspect FILE [--json]\n"
    "       burgee-inspect data FILE [--schema SCHEMA | --suggest] [--label COLUMN] [--json]\n"
    "\n"
    "Describes a file of burgee: messages (one frame or several), models, public keys, arrays of updates, results\n"
    "of the simulator. Of files that hold secrets (keys, journals, states of clients and roots) it says what they\n"
    "are and whether others may read them, and reads no further.\n"
    "Signatures are not checked: that takes the signers' keys.\n"
    "\n"
    "data FILE describes delimited text (CSV, ARFF, plain or compressed) that a model is to learn from: columns with\n"
    "types, ranges, missing values and most frequent values, and suggests a schema (docs/DATASETS.md).\n"
    "\n"
    "  --schema SCHEMA    read the file as a schema says, a .json file or the name of a data set: rows of each class,\n"
    "                     refused rows and why\n"
    "  --suggest          print the suggested schema only, as a file for data.schema\n"
    "  --label COLUMN     the column with the labels, where the guess is wrong\n"
    "  --json             print one JSON object\n"
    "  --help, --version  print this, or the version, and exit\n"
    "\n"
    "Exit status: 0 described; 64 wrong usage; 65 not a burgee file, or damaged (what was understood is printed);\n"
    "66 no such file; 69 an array of another kind; 71 out of memory; 74 input/output error.\n";

enum kind {
    KIND_UNKNOWN = 0,
    KIND_FRAMES,
    KIND_MODEL,
    KIND_PUBLIC_KEY,
    KIND_SECRET_KEY,
    KIND_PUBLIC_POINT,
    KIND_SECRET_POINT,
    KIND_JOURNAL,
    KIND_CLIENT_STATE,
    KIND_ROOT_STATE,
    KIND_NPY,
    KIND_RESULTS,
};

static const struct {
    const char *name;
    bool private; /* its content is not read */
} kinds[] = {
    [KIND_FRAMES] = {"frames", false},
    [KIND_MODEL] = {"model", false},
    [KIND_PUBLIC_KEY] = {"public key", false},
    [KIND_SECRET_KEY] = {"secret key", true},
    [KIND_PUBLIC_POINT] = {"public P-256 key", false},
    [KIND_SECRET_POINT] = {"secret P-256 key", true},
    [KIND_JOURNAL] = {"journal", true},
    [KIND_CLIENT_STATE] = {"client state", true},
    [KIND_ROOT_STATE] = {"root state", true},
    [KIND_NPY] = {"array", false},
    [KIND_RESULTS] = {"simulator results", false},
};

struct subject {
    const char *path;
    FILE *file;
    uint64_t size;
    unsigned mode;
    uint8_t head[BG_INSPECT_HEAD_BYTES];
    size_t head_size;
};

static bool begins(const struct subject *s, const char *magic, size_t size)
{
    return s->head_size >= size && memcmp(s->head, magic, size) == 0;
}

static bool is_safetensors(const struct subject *s)
{
    struct bg_reader r;
    bg_reader_init(&r, (struct bg_span){s->head, s->head_size});
    uint64_t header = bg_read_u64(&r);
    return bg_read_u8(&r) == '{' && header <= BG_SAFETENSORS_MAX_HEADER && header <= s->size - 8;
}

static enum kind kind_of(const struct subject *s)
{
    static const struct {
        char magic[7];
        enum kind kind;
    } magics[] = {{"BRGE", KIND_FRAMES},       {"BRGP", KIND_PUBLIC_KEY}, {"BRGS", KIND_SECRET_KEY},
                  {"BRGJ", KIND_JOURNAL},      {"BRGC", KIND_CLIENT_STATE}, {"BRGR", KIND_ROOT_STATE},
                  {"\x93NUMPY", KIND_NPY},     {"{", KIND_RESULTS}};
    for (size_t i = 0; i < sizeof magics / sizeof *magics; i++)
        if (begins(s, magics[i].magic, strlen(magics[i].magic)))
            return magics[i].kind;
    if (begins(s, "BRGI", 4))
        return s->head_size >= 8 && s->head[7] == 0 && (s->head[6] == 1 || s->head[6] == 3) ? KIND_SECRET_POINT
                                                                                           : KIND_PUBLIC_POINT;
    return is_safetensors(s) ? KIND_MODEL : KIND_UNKNOWN;
}

static enum bg_status open_subject(const char *path, struct bg_error *error, struct subject *s)
{
    struct stat about;
    *s = (struct subject){.path = path};
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a FIFO must not hang the program */
    if (fd < 0)
        return bg_fail(error, errno == ENOENT ? BG_NOT_FOUND : BG_IO, "%s: %s", path, strerror(errno));
    if (fstat(fd, &about) != 0 || !S_ISREG(about.st_mode)) {
        close(fd);
        return bg_fail(error, BG_IO, "%s: not a regular file", path);
    }
    s->file = fdopen(fd, "rb");
    if (!s->file) {
        close(fd);
        return bg_fail(error, BG_NO_MEMORY, "%s: out of memory", path);
    }
    setvbuf(s->file, NULL, _IONBF, 0); /* reads ahead into nothing that may be secret */
    s->size = (uint64_t)about.st_size;
    s->mode = (unsigned)about.st_mode & 0777u;
    s->head_size = fread(s->head, 1, sizeof s->head, s->file);
    if (ferror(s->file))
        return bg_fail(error, BG_IO, "%s: cannot be read", path);
    return BG_OK;
}

static enum bg_status unknown(const struct subject *s, struct bg_error *error)
{
    char hex[3 * BG_INSPECT_HEAD_BYTES + 1] = "";
    if (s->size == 0)
        return bg_fail(error, BG_DATA, "%s: not a burgee file: it is empty", s->path);
    for (size_t i = 0; i < s->head_size; i++)
        snprintf(hex + 3 * i, 4, " %02x", s->head[i]);
    return bg_fail(error, BG_DATA, "%s: not a burgee file: it begins with%s", s->path, hex);
}

/* Kinds whose whole content may be read. */
static enum bg_status describe_content(const struct subject *s, enum kind kind, struct bg_json *facts,
                                       struct bg_error *error)
{
    uint8_t *data;
    size_t size;
    struct bg_digest digest;
    enum bg_status status = bg_file_read(s->path, SIZE_MAX / 4, error, &data, &size);
    if (status != BG_OK)
        return status;
    struct bg_span content = {data, size};
    bg_sha256(content, &digest);
    bg_facts_digest(facts, "sha256", &digest);
    switch (kind) {
    case KIND_FRAMES:
        status = bg_inspect_frames(s->path, content, facts, error);
        break;
    case KIND_MODEL:
        status = bg_inspect_model(s->path, content, facts, error);
        break;
    case KIND_PUBLIC_KEY:
        status = bg_inspect_public_key(s->path, facts, error);
        break;
    case KIND_PUBLIC_POINT:
        status = bg_inspect_point(s->path, content, facts, error);
        break;
    case KIND_NPY:
        status = bg_inspect_npy(s->path, facts, error);
        break;
    default:
        status = bg_inspect_results(s->path, content, facts, error);
        break;
    }
    free(data);
    return status;
}

/* Kinds of which no more is read than what is told. */
static enum bg_status describe_private(const struct subject *s, enum kind kind, struct bg_json *facts,
                                       struct bg_error *error)
{
    struct bg_span head = {s->head, s->head_size};
    bool others = (s->mode & 077) != 0;
    bg_json_add_bool(facts, "others_may_read_it", others);
    if (others)
        bg_json_add_string(facts, "advice", "chmod 600: it tells about somebody's data or keys");
    switch (kind) {
    case KIND_SECRET_KEY:
        return bg_inspect_secret_key(s->path, head, facts, error);
    case KIND_SECRET_POINT:
        return bg_inspect_secret_point(s->path, head, facts, error);
    case KIND_JOURNAL:
        return bg_inspect_journal(s->path, s->file, facts, error);
    default:
        return bg_inspect_state(s->path, head, facts, error);
    }
}

static enum bg_status describe(const struct subject *s, struct bg_json *facts, struct bg_error *error)
{
    enum kind kind = kind_of(s);
    if (kind == KIND_UNKNOWN)
        return unknown(s, error);
    bg_json_add_string(facts, "file", s->path);
    bg_json_add_string(facts, "kind", kinds[kind].name);
    bg_json_add_u64(facts, "bytes", s->size);
    return kinds[kind].private ? describe_private(s, kind, facts, error) : describe_content(s, kind, facts, error);
}

static enum bg_status print_facts(const struct bg_json *facts, bool json, bool of_data)
{
    if (bg_json_count(facts) == 0)
        return BG_OK;
    char *text = bg_json_print(facts, true); /* NULL too if a fact was lost */
    if (!text)
        return BG_NO_MEMORY;
    if (json)
        puts(text);
    else if (of_data)
        bg_inspect_data_print(facts, stdout);
    else
        bg_facts_print(facts, stdout);
    free(text);
    return BG_OK;
}

/* Nothing of a file that holds secrets is shown as if it were a table. */
static enum bg_status describe_data(const struct subject *s, const struct bg_inspect_data_settings *settings,
                                    struct bg_json *facts, struct bg_error *error)
{
    enum kind kind = kind_of(s);
    if (kinds[kind].private)
        return bg_fail(error, BG_DATA, "%s: a %s, not data", s->path, kinds[kind].name);
    return bg_inspect_data(s->path, settings, facts, error);
}

struct options {
    struct bg_arguments words;
    bool json, help, version;
    bool of_data;
    struct bg_inspect_data_settings data;
};

static enum bg_status parse_options(int argc, char **argv, struct options *options, struct bg_error *error)
{
    const struct bg_flag flags[] = {
        {"--json", .on = &options->json},
        {"--help", .on = &options->help},
        {"--version", .on = &options->version},
        {"--schema", .value = &options->data.schema},
        {"--label", .value = &options->data.label},
        {"--suggest", .on = &options->data.suggest},
    };
    enum bg_status status =
        bg_arguments_parse(argc, argv, flags, sizeof flags / sizeof *flags, error, &options->words);
    if (status != BG_OK || options->help || options->version)
        return status;
    options->of_data = options->words.word_count == 2 && strcmp(options->words.words[0], "data") == 0;
    const struct bg_inspect_data_settings *data = &options->data;
    if (!options->of_data && (data->schema || data->label || data->suggest))
        return bg_fail(error, BG_INVALID, "--schema, --suggest and --label are for \"data FILE\"; see --help");
    if (data->schema && (data->suggest || data->label))
        return bg_fail(error, BG_INVALID, "--schema and a suggestion exclude each other; see --help");
    if (options->words.word_count > 1 && !options->of_data)
        return bg_fail(error, BG_INVALID, "%s: one file at a time; see --help", options->words.words[1]);
    return options->words.word_count ? BG_OK : bg_fail(error, BG_INVALID, "want a file; see --help");
}

static enum bg_status inspect(const struct options *options, struct bg_error *error)
{
    struct subject subject = {0};
    struct bg_json *facts = bg_json_object();
    const char *path = options->words.words[options->of_data];
    enum bg_status status = open_subject(path, error, &subject);
    if (status == BG_OK)
        status = options->of_data ? describe_data(&subject, &options->data, facts, error)
                                  : describe(&subject, facts, error);
    bool draft = options->data.suggest;
    enum bg_status printed = BG_OK;
    if (status == BG_OK || !draft) /* half a schema is none */
        printed = print_facts(facts, options->json || draft, options->of_data);
    if (fflush(stdout) != 0)
        printed = BG_IO;
    if (status == BG_OK && printed != BG_OK)
        status = bg_fail(error, printed, "cannot print what was found");
    bg_json_destroy(&facts);
    if (subject.file)
        fclose(subject.file);
    return status;
}

int main(int argc, char **argv)
{
    struct options options = {0};
    struct bg_error error = {0};
    enum bg_status status = parse_options(argc, argv, &options, &error);
    if (status == BG_OK && (options.help || options.version)) {
        fputs(options.help ? help : "burgee-inspect " BG_VERSION "\n", stdout);
        if (fflush(stdout) != 0)
            status = bg_fail(&error, BG_IO, "cannot print");
    } else if (status == BG_OK) {
        status = inspect(&options, &error);
    }
    if (status != BG_OK)
        fprintf(stderr, "burgee-inspect: %s\n", error.text);
    bg_arguments_finish(&options.words);
    return status ? bg_status_exit_code(status) : 0;
}
