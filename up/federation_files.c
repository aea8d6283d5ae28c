/* SPDX-License-Identifier: Apache-2.0 */
/* What is on disk before anybody starts. */
#include "simulator/attack.h"
#include "up/deal.h"
#include "up/federation_state.h"

#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

enum bg_status bg_up_path(char ret_path[static PATH_MAX], const char *folder, const char *name,
                          struct bg_error *error)
{
    int length = snprintf(ret_path, PATH_MAX, "%s/%s", folder, name);
    return length > 0 && length < PATH_MAX ? BG_OK : bg_fail(error, BG_INVALID, "%.100s...: too long a path", folder);
}

void bg_up_last_line(const char *path, char *ret_line, size_t capacity)
{
    char line[512] = "";
    FILE *file = fopen(path, "r");
    snprintf(ret_line, capacity, "it said nothing");
    while (file && fgets(line, sizeof line, file)) {
        line[strcspn(line, "\n")] = '\0';
        if (line[0])
            snprintf(ret_line, capacity, "%s", line);
    }
    if (file)
        fclose(file);
}

static enum bg_status make_member(struct bg_up *up, struct bg_up_member *member, enum bg_up_role role, const char *name,
                                  struct bg_error *error)
{
    char log[64];
    member->up = up;
    member->role = role;
    snprintf(log, sizeof log, "%s.log", name);
    enum bg_status status = bg_up_path(member->folder, up->settings.folder, name, error);
    return status == BG_OK ? bg_up_path(member->errors, up->settings.folder, log, error) : status;
}

/* Names of features and classes need one row, a central fit all of them. */
static enum bg_status deal_to_root(struct bg_up *up, struct bg_error *error)
{
    struct bg_examples rows = up->data.training;
    if (up->config.learning.fit == 0)
        rows.count = 1;
    return bg_deal_rows(&up->data.dataset, &rows, false, up->names, error);
}

static enum bg_status save(const struct bg_option *table, size_t count, const void *config, const char *folder,
                           struct bg_error *error)
{
    char path[PATH_MAX];
    enum bg_status status = bg_up_path(path, folder, "config.json", error);
    return status == BG_OK ? bg_options_save(table, count, config, path, error) : status;
}

static enum bg_status make_client(struct bg_up *up, size_t i, struct bg_error *error)
{
    struct bg_up_member *member = &up->clients[i];
    struct bg_client_config config;
    struct bg_up_data data = {up->schema, up->names};
    struct bg_examples rows = bg_partition_examples(&up->data.training, &up->data.partition, (uint32_t)i);
    char name[32], file[PATH_MAX];
    bool flipped = member->byzantine && up->config.attack == BG_ATTACK_LABEL_FLIP;
    snprintf(name, sizeof name, "client-%zu", i);
    member->index = i;
    enum bg_status status = make_member(up, member, BG_UP_CLIENTS, name, error);
    if (status == BG_OK && mkdir(member->folder, 0700) != 0)
        status = bg_fail(error, BG_IO, "%s: cannot make the folder: %s", member->folder, strerror(errno));
    if (status == BG_OK)
        status = bg_up_path(file, member->folder, "rows.csv", error);
    if (status == BG_OK)
        status = bg_deal_rows(&up->data.dataset, &rows, flipped, file, error);
    if (status == BG_OK)
        status = bg_up_configure_client(&up->config, up->settings.insecure_test_key, &data, file, i, error, &config);
    return status == BG_OK ? save(bg_client_options, bg_client_option_count, &config, member->folder, error) : status;
}

static enum bg_status make_clients(struct bg_up *up, struct bg_error *error)
{
    size_t count = up->client_count;
    bool *byzantine = calloc(count, sizeof *byzantine);
    up->clients = calloc(count, sizeof *up->clients);
    enum bg_status status = byzantine && up->clients ? BG_OK : bg_fail(error, BG_NO_MEMORY, "clients: out of memory");
    if (status == BG_OK && up->config.attack != BG_ATTACK_NONE)
        bg_attack_choose(up->config.seed, up->config.attack_share, count, byzantine);
    for (size_t i = 0; status == BG_OK && i < count; i++) {
        up->clients[i].byzantine = byzantine[i];
        up->result.byzantine += byzantine[i];
        status = make_client(up, i, error);
    }
    free(byzantine);
    return status;
}

enum bg_status bg_up_make_files(struct bg_up *up, struct bg_error *error)
{
    enum bg_status status = make_member(up, &up->keyholder, BG_UP_KEYHOLDER, "keyholder", error);
    if (status == BG_OK)
        status = make_member(up, &up->root, BG_UP_ROOT, "root", error);
    if (status == BG_OK)
        status = bg_up_path(up->schema, up->settings.folder, "schema.json", error);
    if (status == BG_OK)
        status = bg_up_path(up->names, up->settings.folder, "names.csv", error);
    if (status == BG_OK)
        status = bg_deal_schema(&up->data.dataset, up->schema, error);
    if (status == BG_OK)
        status = deal_to_root(up, error);
    return status == BG_OK ? make_clients(up, error) : status;
}
