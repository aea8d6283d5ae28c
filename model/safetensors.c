/* SPDX-License-Identifier: Apache-2.0 */
#include "model/safetensors.h"

#include "base/checked.h"
#include "base/json.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

#define METADATA_KEY "__metadata__"
#define LARGEST_EXACT 9007199254740992.0 /* 2^53: doubles count exactly up to here */

static const struct {
    const char *name;
    size_t bytes;
} dtypes[] = {
#define X(name, bytes) {#name, bytes},
    BG_DTYPE_MAP(X)
#undef X
};

const char *bg_dtype_name(enum bg_dtype dtype)
{
    return dtypes[dtype].name;
}

size_t bg_dtype_size(enum bg_dtype dtype)
{
    return dtypes[dtype].bytes;
}

/* One file being parsed. */
struct parsing {
    const char *file;
    struct bg_span data; /* the bytes after the header */
    struct bg_error *error;
};

static enum bg_status read_count(const struct parsing *p, const char *tensor, const struct bg_json *value,
                                 uint64_t *ret_count)
{
    double number = value && bg_json_type(value) == BG_JSON_NUMBER ? bg_json_number(value) : -1;
    if (!(number >= 0 && number <= LARGEST_EXACT && floor(number) == number))
        return bg_fail(p->error, BG_DECODE, "%s: tensor %s: shape and data_offsets are not whole numbers", p->file,
                       tensor);
    *ret_count = (uint64_t)number;
    return BG_OK;
}

static enum bg_status read_dtype(const struct parsing *p, const char *tensor, const struct bg_json *entry,
                                 enum bg_dtype *ret_dtype)
{
    const struct bg_json *value = bg_json_get(entry, "dtype");
    if (!value || bg_json_type(value) != BG_JSON_STRING)
        return bg_fail(p->error, BG_DECODE, "%s: tensor %s: dtype is missing or not a text", p->file, tensor);
    for (int i = 0; i < BG_DTYPE_COUNT; i++)
        if (strcmp(bg_json_string(value), dtypes[i].name) == 0) {
            *ret_dtype = (enum bg_dtype)i;
            return BG_OK;
        }
    return bg_fail(p->error, BG_UNSUPPORTED, "%s: tensor %s: dtype %.16s is not known here", p->file, tensor,
                   bg_json_string(value));
}

/* Fills rank and shape; gives the bytes that they and the dtype amount to. */
static enum bg_status read_shape(const struct parsing *p, const struct bg_json *entry, struct bg_safetensor *tensor,
                                 size_t *ret_bytes)
{
    const struct bg_json *shape = bg_json_get(entry, "shape");
    size_t bytes = bg_dtype_size(tensor->dtype);
    if (!shape || bg_json_type(shape) != BG_JSON_ARRAY || bg_json_count(shape) > BG_TENSOR_MAX_RANK)
        return bg_fail(p->error, BG_DECODE, "%s: tensor %s: shape is missing or not an array of up to %d extents",
                       p->file, tensor->name, BG_TENSOR_MAX_RANK);
    tensor->rank = (uint32_t)bg_json_count(shape);
    for (uint32_t i = 0; i < BG_TENSOR_MAX_RANK; i++) {
        tensor->shape[i] = 1;
        if (i >= tensor->rank)
            continue;
        enum bg_status status = read_count(p, tensor->name, bg_json_at(shape, i), &tensor->shape[i]);
        if (status != BG_OK)
            return status;
        if (tensor->shape[i] > SIZE_MAX || !bg_size_multiply(bytes, (size_t)tensor->shape[i], &bytes))
            return bg_fail(p->error, BG_TOO_LARGE, "%s: tensor %s: its shape is larger than any memory", p->file,
                           tensor->name);
    }
    *ret_bytes = bytes;
    return BG_OK;
}

static enum bg_status read_data(const struct parsing *p, const struct bg_json *entry, size_t bytes,
                                struct bg_safetensor *tensor)
{
    const struct bg_json *offsets = bg_json_get(entry, "data_offsets");
    uint64_t begin = 0, end = 0;
    if (!offsets || bg_json_type(offsets) != BG_JSON_ARRAY || bg_json_count(offsets) != 2)
        return bg_fail(p->error, BG_DECODE, "%s: tensor %s: data_offsets is missing or not a pair", p->file,
                       tensor->name);
    enum bg_status status = read_count(p, tensor->name, bg_json_at(offsets, 0), &begin);
    if (status == BG_OK)
        status = read_count(p, tensor->name, bg_json_at(offsets, 1), &end);
    if (status != BG_OK)
        return status;
    if (begin > end || end > p->data.size)
        return bg_fail(p->error, BG_TRUNCATED, "%s: tensor %s: its data are said to be at %llu to %llu of %zu bytes",
                       p->file, tensor->name, (unsigned long long)begin, (unsigned long long)end, p->data.size);
    if (end - begin != bytes)
        return bg_fail(p->error, BG_DECODE, "%s: tensor %s: its shape and dtype need %zu bytes, data_offsets give %llu",
                       p->file, tensor->name, bytes, (unsigned long long)(end - begin));
    tensor->data = (struct bg_span){p->data.data + begin, bytes};
    return BG_OK;
}

static bool is_name(const char *text)
{
    size_t size = 0;
    for (; text[size] != '\0'; size++)
        if ((unsigned char)text[size] < ' ' || text[size] == 0x7f)
            return false;
    return size > 0 && size < BG_TENSOR_NAME_BYTES;
}

static enum bg_status read_tensor(const struct parsing *p, const struct bg_json *entry, struct bg_safetensor *tensor)
{
    const char *name = bg_json_key(entry);
    size_t bytes = 0;
    if (!is_name(name))
        return bg_fail(p->error, BG_DECODE, "%s: line %d: a tensor's name is not 1 to %d printable characters",
                       p->file, bg_json_line(entry), BG_TENSOR_NAME_BYTES - 1);
    strcpy(tensor->name, name);
    if (bg_json_type(entry) != BG_JSON_OBJECT || bg_json_count(entry) != 3)
        return bg_fail(p->error, BG_DECODE, "%s: tensor %s: give dtype, shape and data_offsets and nothing else",
                       p->file, name);
    enum bg_status status = read_dtype(p, name, entry, &tensor->dtype);
    if (status == BG_OK)
        status = read_shape(p, entry, tensor, &bytes);
    if (status == BG_OK)
        status = read_data(p, entry, bytes, tensor);
    return status;
}

static enum bg_status read_metadata(const struct parsing *p, const struct bg_json *map, struct bg_safetensors *ret)
{
    size_t count = bg_json_count(map);
    if (bg_json_type(map) != BG_JSON_OBJECT || count > BG_SAFETENSORS_MAX_METADATA)
        return bg_fail(p->error, BG_DECODE, "%s: %s is not an object of up to %zu texts", p->file, METADATA_KEY,
                       BG_SAFETENSORS_MAX_METADATA);
    ret->metadata = BG_ARENA_ARRAY(&ret->arena, struct bg_metadata, count);
    if (!ret->metadata)
        return bg_fail(p->error, BG_NO_MEMORY, "%s: out of memory", p->file);
    for (; ret->metadata_count < count; ret->metadata_count++) {
        const struct bg_json *entry = bg_json_at(map, ret->metadata_count);
        if (bg_json_type(entry) != BG_JSON_STRING)
            return bg_fail(p->error, BG_DECODE, "%s: %s.%.64s is not a text", p->file, METADATA_KEY,
                           bg_json_key(entry));
        struct bg_metadata pair = {bg_arena_text(&ret->arena, bg_json_key(entry)),
                                   bg_arena_text(&ret->arena, bg_json_string(entry))};
        if (!pair.key || !pair.value)
            return bg_fail(p->error, BG_NO_MEMORY, "%s: out of memory", p->file);
        ret->metadata[ret->metadata_count] = pair;
    }
    return BG_OK;
}

static int compare_data(const void *a, const void *b)
{
    const struct bg_safetensor *x = a, *y = b;
    if (x->data.data != y->data.data)
        return x->data.data < y->data.data ? -1 : 1;
    if (x->data.size != y->data.size)
        return x->data.size < y->data.size ? -1 : 1;
    return strcmp(x->name, y->name);
}

static enum bg_status check_cover(const struct parsing *p, struct bg_safetensors *ret)
{
    size_t covered = 0;
    qsort(ret->tensors, ret->tensor_count, sizeof *ret->tensors, compare_data);
    for (size_t i = 0; i < ret->tensor_count; i++) {
        const struct bg_safetensor *tensor = &ret->tensors[i];
        size_t begin = (size_t)(tensor->data.data - p->data.data);
        if (begin != covered)
            return bg_fail(p->error, BG_DECODE, "%s: tensor %s: its data %s", p->file, tensor->name,
                           begin < covered ? "overlap another tensor's" : "begin after a hole");
        covered += tensor->data.size;
    }
    if (covered != p->data.size)
        return bg_fail(p->error, BG_DECODE, "%s: %zu bytes belong to no tensor", p->file, p->data.size - covered);
    return BG_OK;
}

static enum bg_status read_header(const struct parsing *p, const struct bg_json *header, struct bg_safetensors *ret)
{
    const struct bg_json *metadata = bg_json_get(header, METADATA_KEY);
    size_t entries = bg_json_count(header);
    size_t count = entries - (metadata != NULL);
    if (count > BG_LAYOUT_MAX_TENSORS)
        return bg_fail(p->error, BG_TOO_LARGE, "%s: %zu tensors, give at most %d", p->file, count,
                       BG_LAYOUT_MAX_TENSORS);
    ret->tensors = BG_ARENA_ARRAY(&ret->arena, struct bg_safetensor, count);
    if (!ret->tensors)
        return bg_fail(p->error, BG_NO_MEMORY, "%s: out of memory", p->file);
    enum bg_status status = metadata ? read_metadata(p, metadata, ret) : BG_OK;
    for (size_t i = 0; i < entries && status == BG_OK; i++) {
        const struct bg_json *entry = bg_json_at(header, i);
        if (entry != metadata)
            status = read_tensor(p, entry, &ret->tensors[ret->tensor_count++]);
    }
    return status == BG_OK ? check_cover(p, ret) : status;
}

/* Splits the content; the header without its padding. */
static enum bg_status split(struct bg_span content, const char *file, struct bg_error *error,
                            struct bg_span *ret_header, struct bg_span *ret_data)
{
    struct bg_reader reader;
    bg_reader_init(&reader, content);
    uint64_t size = bg_read_u64(&reader);
    if (reader.status != BG_OK)
        return bg_fail(error, BG_TRUNCATED, "%s: %zu bytes are too few for a safetensors file", file, content.size);
    if (size > BG_SAFETENSORS_MAX_HEADER)
        return bg_fail(error, BG_TOO_LARGE, "%s: a header of %llu bytes is said to follow, %zu are allowed", file,
                       (unsigned long long)size, BG_SAFETENSORS_MAX_HEADER);
    struct bg_span header = bg_read_span(&reader, (size_t)size);
    if (reader.status != BG_OK)
        return bg_fail(error, BG_TRUNCATED, "%s: the file ends within its header", file);
    struct bg_span data = bg_read_span(&reader, content.size - reader.offset);
    if (header.size == 0 || header.data[0] != '{')
        return bg_fail(error, BG_DECODE, "%s: the header does not start with '{'", file);
    while (header.data[header.size - 1] == ' ')
        header.size--;
    *ret_header = header;
    *ret_data = data;
    return BG_OK;
}

enum bg_status bg_safetensors_parse(struct bg_span content, const char *file, struct bg_error *error,
                                    struct bg_safetensors *ret_tensors)
{
    struct parsing p = {.file = file, .error = error};
    struct bg_safetensors tensors = {0};
    struct bg_json *root = NULL;
    struct bg_span header;
    enum bg_status status = split(content, file, error, &header, &p.data);
    if (status != BG_OK)
        return status;
    bg_arena_init(&tensors.arena, SIZE_MAX);
    status = bg_json_parse(header, file, error, &root);
    if (status == BG_OK)
        status = read_header(&p, root, &tensors);
    if (status == BG_OK && !(tensors.file = bg_arena_text(&tensors.arena, file)))
        status = bg_fail(error, BG_NO_MEMORY, "%s: out of memory", file);
    bg_json_destroy(&root);
    if (status != BG_OK) {
        bg_safetensors_finish(&tensors);
        return status;
    }
    *ret_tensors = tensors;
    return BG_OK;
}

void bg_safetensors_finish(struct bg_safetensors *tensors)
{
    bg_arena_finish(&tensors->arena);
    *tensors = (struct bg_safetensors){0};
}

const struct bg_safetensor *bg_safetensors_find(const struct bg_safetensors *tensors, const char *name)
{
    for (size_t i = 0; i < tensors->tensor_count; i++)
        if (strcmp(tensors->tensors[i].name, name) == 0)
            return &tensors->tensors[i];
    return NULL;
}

const char *bg_safetensors_metadata(const struct bg_safetensors *tensors, const char *key)
{
    for (size_t i = 0; i < tensors->metadata_count; i++)
        if (strcmp(tensors->metadata[i].key, key) == 0)
            return tensors->metadata[i].value;
    return NULL;
}

static bool same_shape(const struct bg_safetensor *found, const struct bg_tensor *wanted)
{
    bool same = found->rank == wanted->rank;
    for (uint32_t i = 0; i < BG_TENSOR_MAX_RANK; i++)
        same &= found->shape[i] == wanted->shape[i];
    return same;
}

enum bg_status bg_safetensors_check(const struct bg_safetensors *tensors, const struct bg_tensor *tensor,
                                    struct bg_error *error)
{
    const struct bg_safetensor *found = bg_safetensors_find(tensors, tensor->name);
    if (!found)
        return bg_fail(error, BG_DATA, "%s: tensor %s is missing", tensors->file, tensor->name);
    if (found->dtype != BG_DTYPE_F32)
        return bg_fail(error, BG_DATA, "%s: tensor %s is %s, not F32", tensors->file, tensor->name,
                       bg_dtype_name(found->dtype));
    if (!same_shape(found, tensor))
        return bg_fail(error, BG_DATA, "%s: tensor %s has another shape than its model", tensors->file,
                       tensor->name);
    return BG_OK;
}

enum bg_status bg_safetensors_read(const struct bg_safetensors *tensors, const struct bg_tensor *tensor,
                                   struct bg_error *error, float *ret_values)
{
    struct bg_reader reader;
    enum bg_status status = bg_safetensors_check(tensors, tensor, error);
    if (status != BG_OK)
        return status;
    bg_reader_init(&reader, bg_safetensors_find(tensors, tensor->name)->data);
    for (size_t i = 0; i < tensor->count; i++) {
        ret_values[i] = bg_read_f32(&reader);
        if (!isfinite(ret_values[i]))
            return bg_fail(error, BG_NOT_FINITE, "%s: tensor %s holds NaN or infinity at index %zu", tensors->file,
                           tensor->name, i);
    }
    return BG_OK;
}

static char *header_text(const struct bg_metadata *metadata, size_t metadata_count,
                         const struct bg_tensor_values *tensors, size_t tensor_count)
{
    struct bg_json *root = bg_json_object();
    struct bg_json *map = metadata_count ? bg_json_add_object(root, METADATA_KEY) : NULL;
    uint64_t offset = 0;
    for (size_t i = 0; i < metadata_count; i++)
        bg_json_add_string(map, metadata[i].key, metadata[i].value);
    for (size_t t = 0; t < tensor_count; t++) {
        const struct bg_tensor *tensor = tensors[t].tensor;
        struct bg_json *entry = bg_json_add_object(root, tensor->name);
        bg_json_add_string(entry, "dtype", bg_dtype_name(BG_DTYPE_F32));
        struct bg_json *shape = bg_json_add_array(entry, "shape");
        for (uint32_t i = 0; i < tensor->rank; i++)
            bg_json_add_u64(shape, NULL, tensor->shape[i]);
        struct bg_json *offsets = bg_json_add_array(entry, "data_offsets");
        bg_json_add_u64(offsets, NULL, offset);
        offset += (uint64_t)tensor->count * sizeof(float);
        bg_json_add_u64(offsets, NULL, offset);
    }
    char *text = bg_json_print(root, false);
    bg_json_destroy(&root);
    return text;
}

enum bg_status bg_safetensors_write(struct bg_writer *writer, const struct bg_metadata *metadata,
                                    size_t metadata_count, const struct bg_tensor_values *tensors,
                                    size_t tensor_count)
{
    char *header = header_text(metadata, metadata_count, tensors, tensor_count);
    if (!header)
        return BG_NO_MEMORY;
    size_t size = strlen(header);
    size_t padded = (size + 7) / 8 * 8;
    if (padded > BG_SAFETENSORS_MAX_HEADER) {
        free(header);
        return BG_TOO_LARGE;
    }
    bg_write_u64(writer, padded);
    bg_write_bytes(writer, header, size);
    bg_write_bytes(writer, "        ", padded - size);
    free(header);
    for (size_t t = 0; t < tensor_count; t++)
        for (size_t i = 0; i < tensors[t].tensor->count; i++)
            bg_write_f32(writer, tensors[t].values[i]);
    return writer->status;
}
