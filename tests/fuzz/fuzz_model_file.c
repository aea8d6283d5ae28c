/* SPDX-License-Identifier: Apache-2.0 */
/* Model files. What decodes encodes to a file that decodes and encodes to itself; headers have many spellings. */
#include "model/model_file.h"
#include "tests/fuzz/fuzz.h"

#include <string.h>

static void require_same(const struct bg_model_card *a, const struct bg_model_card *b)
{
    FUZZ_REQUIRE(bg_layout_equal(&a->model->layout, &b->model->layout) && strcmp(a->model->spec, b->model->spec) == 0,
                 "another model");
    FUZZ_REQUIRE(memcmp(a->parameters, b->parameters, a->model->layout.coordinates * sizeof *a->parameters) == 0,
                 "other parameters");
    for (uint32_t i = 0; i < a->model->columns; i++)
        FUZZ_REQUIRE(strcmp(a->feature_names[i], b->feature_names[i]) == 0, "%s", a->feature_names[i]);
    for (uint32_t i = 0; i < a->model->classes; i++)
        FUZZ_REQUIRE(strcmp(a->class_names[i], b->class_names[i]) == 0, "%s", a->class_names[i]);
    FUZZ_REQUIRE(strcmp(a->label_map, b->label_map) == 0 && a->round == b->round &&
                     bg_digest_equal(&a->parent, &b->parent) && bg_digest_equal(&a->plan, &b->plan),
                 "another origin");
}

static enum bg_status encode(const struct bg_model_card *card, struct bg_writer *w)
{
    struct bg_error error;
    enum bg_status status = bg_model_encode(card, w, &error);
    FUZZ_REQUIRE(status == BG_OK || status == BG_NO_MEMORY, "%s", error.text);
    return status;
}

static enum bg_status check_again(const struct bg_model_card *card)
{
    struct bg_model_file again;
    struct bg_error error;
    struct bg_writer first, second;
    bg_writer_init(&first);
    bg_writer_init(&second);
    enum bg_status status = encode(card, &first);
    if (status == BG_OK) {
        status = bg_model_decode(bg_writer_span(&first), "again", &error, &again);
        FUZZ_REQUIRE(status == BG_OK || status == BG_NO_MEMORY, "%s", error.text);
    }
    if (status == BG_OK) {
        require_same(card, &again.card);
        status = encode(&again.card, &second);
        FUZZ_REQUIRE(status != BG_OK || bg_span_equal(bg_writer_span(&first), bg_writer_span(&second)),
                     "%zu bytes, then %zu", first.size, second.size);
        bg_model_file_finish(&again);
    }
    bg_writer_finish(&first);
    bg_writer_finish(&second);
    return status;
}

static enum bg_status check(struct bg_span input)
{
    struct bg_model_file file;
    struct bg_error error;
    enum bg_status status = bg_model_decode(input, "input", &error, &file);
    if (status != BG_OK)
        return fuzz_refused(status, &error);
    status = check_again(&file.card);
    bg_model_file_finish(&file);
    return status;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    return fuzz_run(check, data, size);
}
