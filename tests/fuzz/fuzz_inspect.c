/* SPDX-License-Identifier: Apache-2.0 */
/* burgee-inspect, which people point at anything: every kind of file, tried on the same bytes, and what it tells. */
#include "base/json.h"
#include "tests/fuzz/fuzz.h"
#include "tools/inspect.h"

#include <stdlib.h>
#include <string.h>

enum kind {
    FRAMES = 0,
    MODEL,
    PUBLIC_KEY,
    POINT,
    NPY,
    RESULTS,
    SECRET_KEY,
    SECRET_POINT,
    STATE,
    JOURNAL,
    KINDS
};

static enum bg_status inspect_journal(const char *path, struct bg_json *facts, struct bg_error *error)
{
    FILE *file = fopen(path, "rb");
    FUZZ_REQUIRE(file, "cannot open %s", path);
    enum bg_status status = bg_inspect_journal(path, file, facts, error);
    fclose(file);
    return status;
}

static enum bg_status inspect(enum kind kind, const char *path, struct bg_span content, struct bg_json *facts,
                              struct bg_error *error)
{
    struct bg_span head = {content.data, content.size < BG_INSPECT_HEAD_BYTES ? content.size : BG_INSPECT_HEAD_BYTES};
    switch (kind) {
    case FRAMES:
        return bg_inspect_frames(path, content, facts, error);
    case MODEL:
        return bg_inspect_model(path, content, facts, error);
    case PUBLIC_KEY:
        return bg_inspect_public_key(path, facts, error);
    case POINT:
        return bg_inspect_point(path, content, facts, error);
    case NPY:
        return bg_inspect_npy(path, facts, error);
    case RESULTS:
        return bg_inspect_results(path, content, facts, error);
    case SECRET_KEY:
        return bg_inspect_secret_key(path, head, facts, error);
    case SECRET_POINT:
        return bg_inspect_secret_point(path, head, facts, error);
    case STATE:
        return bg_inspect_state(path, head, facts, error);
    default:
        return inspect_journal(path, facts, error);
    }
}

static enum bg_status check_kind(enum kind kind, struct bg_span input)
{
    static FILE *nowhere;
    struct bg_error error;
    struct bg_json *facts = bg_json_object();
    if (!facts)
        return BG_NO_MEMORY;
    enum bg_status status = inspect(kind, fuzz_file(input), input, facts, &error);
    if (status != BG_OK)
        fuzz_refused(status, &error);
    char *text = status == BG_NO_MEMORY ? NULL : bg_json_print(facts, false);
    if (text) {
        nowhere = nowhere ? nowhere : fopen("/dev/null", "w");
        FUZZ_REQUIRE(nowhere, "no /dev/null");
        bg_facts_print(facts, nowhere);
        struct bg_json *again = NULL;
        fuzz_spare_memory();
        FUZZ_REQUIRE(bg_json_parse((struct bg_span){(uint8_t *)text, strlen(text)}, "facts", &error, &again) == BG_OK,
                     "%s: %s", error.text, text);
        bg_json_destroy(&again);
    } else {
        status = BG_NO_MEMORY;
    }
    free(text);
    bg_json_destroy(&facts);
    return status;
}

static enum bg_status check(struct bg_span input)
{
    enum bg_status status = BG_OK;
    for (int kind = 0; kind < KINDS && status != BG_NO_MEMORY; kind++)
        status = check_kind((enum kind)kind, input);
    return status;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    return fuzz_run(check, data, size);
}
