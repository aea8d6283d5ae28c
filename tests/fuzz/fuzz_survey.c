/* SPDX-License-Identifier: Apache-2.0 */
/*
 * burgee-inspect data on any file: what it tells is JSON that parses again, whatever the file's texts are made of, and
 * a schema that it suggests loads.
 */
#include "base/json.h"
#include "datasets/schema.h"
#include "tests/fuzz/fuzz.h"
#include "tools/inspect.h"

#include <stdlib.h>
#include <string.h>

static void require_schema(const struct bg_json *draft)
{
    const struct bg_schema_settings settings = {.labels = ""};
    struct bg_schema schema;
    struct bg_error error;
    char *text = bg_json_print(draft, true);
    FUZZ_REQUIRE(text, "no memory");
    enum bg_status status = bg_schema_parse((struct bg_span){(const uint8_t *)text, strlen(text)}, "suggested",
                                            &settings, &error, &schema);
    FUZZ_REQUIRE(status == BG_OK, "%s: %s", error.text, text);
    bg_schema_finish(&schema);
    free(text);
}

static void require_facts(const char *text)
{
    static FILE *nowhere;
    struct bg_json *facts = NULL;
    struct bg_error error;
    fuzz_spare_memory();
    FUZZ_REQUIRE(bg_json_parse((struct bg_span){(const uint8_t *)text, strlen(text)}, "facts", &error, &facts) == BG_OK,
                 "%s: %s", error.text, text);
    if (bg_json_get(facts, "suggested_schema") && !bg_json_get(facts, "no_schema_because"))
        require_schema(bg_json_get(facts, "suggested_schema"));
    nowhere = nowhere ? nowhere : fopen("/dev/null", "w");
    FUZZ_REQUIRE(nowhere, "no /dev/null");
    bg_inspect_data_print(facts, nowhere);
    bg_json_destroy(&facts);
}

static enum bg_status check(struct bg_span input)
{
    const struct bg_inspect_data_settings settings = {.suggest = false};
    struct bg_error error;
    struct bg_json *facts = bg_json_object();
    if (!facts)
        return BG_NO_MEMORY;
    enum bg_status status = bg_inspect_data(fuzz_file(input), &settings, facts, &error);
    char *text = status == BG_OK ? bg_json_print(facts, false) : NULL;
    if (status != BG_OK)
        fuzz_refused(status, &error);
    else if (text)
        require_facts(text);
    else
        status = BG_NO_MEMORY;
    free(text);
    bg_json_destroy(&facts);
    return status;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    return fuzz_run(check, data, size);
}
