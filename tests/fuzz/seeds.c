/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/fuzz/seeds.h"

#include "base/file.h"
#include "tests/fuzz/fuzz.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static const char *corpus;

static void write_seed(const char *harness, const char *name, struct bg_span content)
{
    char path[4096];
    struct bg_error error;
    snprintf(path, sizeof path, "%s/%s", corpus, harness);
    (void)mkdir(path, 0755);
    snprintf(path, sizeof path, "%s/%s/%s.seed", corpus, harness, name);
    enum bg_status status = bg_file_write(path, content, 0644, &error);
    FUZZ_REQUIRE(status == BG_OK, "%s", error.text);
}

/* burgee-inspect tells about many kinds of files. */
static bool is_inspected(const char *harness)
{
    static const char *const kinds[] = {"frames", "model_file", "public_key", "secret_key", "identity_file", "npy",
                                        "device_state", "root_state"};
    for (size_t i = 0; i < sizeof kinds / sizeof *kinds; i++)
        if (strcmp(harness, kinds[i]) == 0)
            return true;
    return false;
}

void seed(const char *harness, const char *name, struct bg_span content)
{
    char longer[128];
    write_seed(harness, name, content);
    snprintf(longer, sizeof longer, "%s_%s", harness, name);
    if (is_inspected(harness))
        write_seed("inspect", longer, content);
}

void seed_text(const char *harness, const char *name, const char *text)
{
    seed(harness, name, (struct bg_span){(const uint8_t *)text, strlen(text)});
}

void seed_file(const char *harness, const char *name, const char *path)
{
    uint8_t *bytes;
    size_t size;
    struct bg_error error;
    enum bg_status status = bg_file_read(path, SIZE_MAX / 4, &error, &bytes, &size);
    FUZZ_REQUIRE(status == BG_OK, "%s", error.text);
    seed(harness, name, (struct bg_span){bytes, size});
    free(bytes);
}

int main(int argc, char **argv)
{
    if (argc != 2) {
        fprintf(stderr, "usage: %s CORPUS\n", argv[0]);
        return 2;
    }
    corpus = argv[1];
    seed_texts();
    seed_messages();
    seed_states();
    seed_requests();
    seed_enrolment();
    return 0;
}
