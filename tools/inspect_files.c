/* SPDX-License-Identifier: Apache-2.0 */
#include "tools/inspect.h"

#include "base/number.h"
#include "crypto/identity_file.h"
#include "crypto/public_key_file.h"
#include "model/model_file.h"
#include "tools/npy.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#define INSECURE_FLAG 1u
#define NUMBER_BYTES_SHOWN 16

/* ---- keys ---- */

enum bg_status bg_inspect_public_key(const char *path, struct bg_json *facts, struct bg_error *error)
{
    struct bg_public_key *key;
    enum bg_status status = bg_public_key_load(path, 1, true, error, &key);
    if (status != BG_OK)
        return status;
    bg_json_add_u64(facts, "bits", bg_public_key_bits(key));
    bg_facts_digest(facts, "key_id", bg_public_key_id(key));
    bg_json_add_bool(facts, "insecure", bg_public_key_insecure(key));
    if (bg_public_key_insecure(key))
        bg_json_add_string(facts, "warning", "INSECURE: a test key, too short to protect anybody");
    bg_public_key_destroy(&key);
    return BG_OK;
}

enum bg_status bg_inspect_secret_key(const char *path, struct bg_span head, struct bg_json *facts,
                                     struct bg_error *error)
{
    struct bg_reader r;
    bg_reader_init(&r, head);
    (void)bg_read_u32(&r);
    unsigned version = bg_read_u16(&r);
    unsigned flags = bg_read_u16(&r);
    uint32_t bits = bg_read_u32(&r);
    if (r.status != BG_OK)
        return bg_fail(error, r.status, "%s: secret key file of %zu bytes", path, head.size);
    bg_json_add_u64(facts, "version", version);
    bg_json_add_u64(facts, "bits", bits);
    bg_json_add_bool(facts, "insecure", flags & INSECURE_FLAG);
    if (flags & INSECURE_FLAG)
        bg_json_add_string(facts, "warning", "INSECURE: a test key, too short to protect anybody");
    return BG_OK;
}

static const char *const point_kinds[] = {NULL, "identity", "identity", "sealing key", "sealing key"};

enum bg_status bg_inspect_secret_point(const char *path, struct bg_span head, struct bg_json *facts,
                                       struct bg_error *error)
{
    struct bg_reader r;
    bg_reader_init(&r, head);
    (void)bg_read_u32(&r);
    unsigned version = bg_read_u16(&r);
    unsigned kind = bg_read_u16(&r);
    if (r.status != BG_OK)
        return bg_fail(error, r.status, "%s: key file of %zu bytes", path, head.size);
    if (kind != 1 && kind != 3)
        return bg_fail(error, BG_DECODE, "%s: secret key of kind %u, which does not exist", path, kind);
    bg_json_add_u64(facts, "version", version);
    bg_json_add_string(facts, "of", point_kinds[kind]);
    bg_json_add_string(facts, "curve", "P-256");
    return BG_OK;
}

enum bg_status bg_inspect_point(const char *path, struct bg_span content, struct bg_json *facts,
                                struct bg_error *error)
{
    uint8_t point[BG_PUBLIC_POINT_BYTES];
    struct bg_digest digest;
    if (content.size < 8)
        return bg_fail(error, BG_TRUNCATED, "%s: key file of %zu bytes", path, content.size);
    unsigned kind = (unsigned)(content.data[6] | content.data[7] << 8);
    if (kind != BG_POINT_IDENTITY && kind != BG_POINT_SEALING)
        return bg_fail(error, BG_DECODE, "%s: key of kind %u, which does not exist", path, kind);
    enum bg_status status = bg_point_load((enum bg_point_kind)kind, path, error, point);
    if (status != BG_OK)
        return status;
    bg_json_add_string(facts, "of", point_kinds[kind]);
    bg_json_add_string(facts, "curve", "P-256");
    bg_facts_hex(facts, "point", (struct bg_span){point, sizeof point}, sizeof point);
    bg_point_digest(point, &digest);
    bg_facts_digest(facts, "id", &digest);
    return BG_OK;
}

/* ---- models and arrays ---- */

static void add_names(struct bg_json *facts, const char *key, const char *const *names, size_t count)
{
    struct bg_json *array = bg_json_add_array(facts, key);
    for (size_t i = 0; i < count; i++)
        bg_json_add_string(array, NULL, names[i]);
}

enum bg_status bg_inspect_model(const char *path, struct bg_span content, struct bg_json *facts,
                                struct bg_error *error)
{
    struct bg_model_file file;
    enum bg_status status = bg_model_decode(content, path, error, &file);
    if (status != BG_OK)
        return status;
    const struct bg_layout *layout = &file.model->layout;
    bg_json_add_string(facts, "model", file.model->spec);
    bg_json_add_u64(facts, "round", file.card.round);
    bg_facts_digest(facts, "parent", &file.card.parent);
    bg_facts_digest(facts, "plan", &file.card.plan);
    bg_json_add_string(facts, "label_map", file.card.label_map);
    add_names(facts, "features", file.card.feature_names, file.card.transform.columns);
    add_names(facts, "classes", file.card.class_names, file.model->classes);
    bg_json_add_u64(facts, "inputs", file.card.transform.inputs);
    bg_json_add_bool(facts, "projection", file.card.transform.projection != NULL);
    if (file.card.class_prior) {
        struct bg_json *prior = bg_json_add_array(facts, "class_prior");
        for (uint32_t i = 0; i < file.model->classes; i++)
            bg_json_add_number(prior, NULL, (double)file.card.class_prior[i]);
    }
    bg_json_add_u64(facts, "parameters", layout->coordinates);
    struct bg_json *tensors = bg_json_add_object(facts, "layout");
    for (size_t i = 0; i < layout->tensor_count; i++) {
        struct bg_json *shape = bg_json_add_array(tensors, layout->tensors[i].name);
        for (uint32_t axis = 0; axis < layout->tensors[i].rank; axis++)
            bg_json_add_u64(shape, NULL, layout->tensors[i].shape[axis]);
    }
    bg_model_file_finish(&file);
    return BG_OK;
}

static const char *column_type_name(enum bg_column_type type)
{
    return type == BG_COLUMN_INT8 ? "int8" : type == BG_COLUMN_FLOAT32 ? "float32" : "float64";
}

enum bg_status bg_inspect_npy(const char *path, struct bg_json *facts, struct bg_error *error)
{
    struct bg_npy npy;
    enum bg_status status = bg_npy_load(path, error, &npy);
    if (status != BG_OK)
        return status;
    bg_json_add_string(facts, "values", column_type_name(npy.type));
    struct bg_json *shape = bg_json_add_array(facts, "shape");
    if (npy.dimensions == 2)
        bg_json_add_u64(shape, NULL, npy.rows);
    bg_json_add_u64(shape, NULL, npy.columns);
    bg_npy_finish(&npy);
    return BG_OK;
}

/* ---- results ---- */

static void copy_scalar(struct bg_json *facts, const char *key, const struct bg_json *value)
{
    uint64_t whole;
    switch (bg_json_type(value)) {
    case BG_JSON_BOOL:
        bg_json_add_bool(facts, key, bg_json_bool(value));
        break;
    case BG_JSON_NUMBER:
        if (bg_parse_u64(bg_json_number_text(value), 0, UINT64_MAX, &whole) == BG_OK)
            bg_json_add_u64(facts, key, whole);
        else
            bg_json_add_number(facts, key, bg_json_number(value));
        break;
    case BG_JSON_STRING:
        bg_json_add_string(facts, key, bg_json_string(value));
        break;
    case BG_JSON_NULL:
        bg_json_add_null(facts, key);
        break;
    case BG_JSON_ARRAY:
    case BG_JSON_OBJECT:
        break;
    }
}

enum bg_status bg_inspect_results(const char *path, struct bg_span content, struct bg_json *facts,
                                  struct bg_error *error)
{
    struct bg_json *root;
    enum bg_status status = bg_json_parse(content, path, error, &root);
    if (status != BG_OK)
        return status;
    const struct bg_json *summary = bg_json_get(root, "summary");
    if (!summary || bg_json_type(summary) != BG_JSON_OBJECT) {
        bg_json_destroy(&root);
        return bg_fail(error, BG_DATA, "%s: JSON without a \"summary\" object: not a result of the simulator", path);
    }
    struct bg_json *ours = bg_json_add_object(facts, "summary");
    for (const struct bg_json *member = bg_json_at(summary, 0); member; member = bg_json_next(member))
        copy_scalar(ours, bg_json_key(member), member);
    struct bg_json *others = bg_json_add_array(facts, "other_members");
    for (const struct bg_json *member = bg_json_at(root, 0); member; member = bg_json_next(member))
        if (member != summary)
            bg_json_add_string(others, NULL, bg_json_key(member));
    bg_json_destroy(&root);
    return BG_OK;
}

/* ---- states and journals ---- */

enum bg_status bg_inspect_state(const char *path, struct bg_span head, struct bg_json *facts, struct bg_error *error)
{
    struct bg_reader r;
    bg_reader_init(&r, head);
    (void)bg_read_u32(&r);
    unsigned version = bg_read_u16(&r);
    if (r.status != BG_OK)
        return bg_fail(error, r.status, "%s: state file of %zu bytes", path, head.size);
    bg_json_add_u64(facts, "version", version);
    return BG_OK;
}

#define JOURNAL_HEADER_BYTES 8
#define JOURNAL_HEAD_BYTES 16

enum bg_status bg_inspect_journal(const char *path, FILE *file, struct bg_json *facts, struct bg_error *error)
{
    uint8_t bytes[JOURNAL_HEAD_BYTES];
    uint64_t entries = 0, content = 0;
    if (fseeko(file, 0, SEEK_END) != 0)
        return bg_fail(error, BG_IO, "%s: %s", path, strerror(errno));
    off_t end = ftello(file), at = JOURNAL_HEADER_BYTES;
    while (end - at >= JOURNAL_HEAD_BYTES) {
        struct bg_reader r;
        if (fseeko(file, at, SEEK_SET) != 0 || fread(bytes, 1, sizeof bytes, file) != sizeof bytes)
            return bg_fail(error, BG_IO, "%s: cannot read the entry at byte %" PRIu64, path, (uint64_t)at);
        bg_reader_init(&r, (struct bg_span){bytes, sizeof bytes});
        uint32_t size = bg_read_u32(&r);
        if (end - at - JOURNAL_HEAD_BYTES < (off_t)size)
            break;
        at += JOURNAL_HEAD_BYTES + (off_t)size;
        content += size;
        entries++;
    }
    bg_json_add_u64(facts, "entries", entries);
    bg_json_add_u64(facts, "content_bytes", content);
    bg_json_add_u64(facts, "torn_bytes", (uint64_t)(end - at));
    return BG_OK;
}
