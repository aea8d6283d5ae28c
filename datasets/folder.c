/* SPDX-License-Identifier: Apache-2.0 */
#include "datasets/folder.h"

#include <dirent.h>
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>

#define MAX_FILES ((size_t)4096)

void bg_file_list_finish(struct bg_file_list *list)
{
    for (size_t i = 0; i < list->count; i++)
        free(list->paths[i]);
    free(list->paths);
    *list = (struct bg_file_list){0};
}

static bool is_data_file(const char *name)
{
    static const char *const endings[] = {".csv", ".csv.gz", ".csv.xz", ".csv.zst"};
    size_t length = strlen(name);
    for (size_t i = 0; i < sizeof endings / sizeof *endings; i++) {
        size_t size = strlen(endings[i]);
        if (name[0] != '.' && length > size && strcasecmp(name + length - size, endings[i]) == 0)
            return true;
    }
    return false;
}

static bool is_folder(const char *path)
{
    struct stat found;
    return stat(path, &found) == 0 && S_ISDIR(found.st_mode);
}

/* Takes path, also when it fails. */
static enum bg_status append(struct bg_file_list *list, char *path, struct bg_error *error)
{
    if (list->count == MAX_FILES) {
        enum bg_status status = bg_fail(error, BG_TOO_LARGE, "%s: more than %zu data files in one folder",
                                        path, MAX_FILES);
        free(path);
        return status;
    }
    char **paths = path ? reallocarray(list->paths, list->count + 1, sizeof *paths) : NULL;
    if (!paths) {
        free(path);
        return bg_fail(error, BG_NO_MEMORY, "no memory for the names of data files");
    }
    paths[list->count++] = path;
    list->paths = paths;
    return BG_OK;
}

static char *join(const char *folder, const char *name)
{
    size_t length = strlen(folder);
    char *path = NULL;
    if (asprintf(&path, "%s%s%s", folder, length > 0 && folder[length - 1] == '/' ? "" : "/", name) < 0)
        return NULL;
    return path;
}

static int compare_paths(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static enum bg_status list_folder(const char *folder, struct bg_error *error, struct bg_file_list *list)
{
    DIR *directory = opendir(folder);
    if (!directory)
        return bg_fail(error, BG_IO, "%s: %s", folder, strerror(errno));
    enum bg_status status = BG_OK;
    const struct dirent *entry;
    while (!status && (entry = readdir(directory)))
        if (is_data_file(entry->d_name))
            status = append(list, join(folder, entry->d_name), error);
    closedir(directory);
    if (!status && list->count == 0)
        return bg_fail(error, BG_NOT_FOUND, "%s: no *.csv, *.csv.gz, *.csv.xz or *.csv.zst in this folder",
                       folder);
    if (!status)
        qsort(list->paths, list->count, sizeof *list->paths, compare_paths);
    return status;
}

enum bg_status bg_file_list_find(const char *path, const char *subfolder, struct bg_error *error,
                                 struct bg_file_list *ret_list)
{
    struct bg_file_list list = {0};
    enum bg_status status;
    char *inner = join(path, subfolder);
    if (!inner)
        status = bg_fail(error, BG_NO_MEMORY, "no memory for the names of data files");
    else if (is_folder(inner))
        status = list_folder(inner, error, &list);
    else if (is_folder(path))
        status = list_folder(path, error, &list);
    else
        status = append(&list, strdup(path), error);
    free(inner);
    if (status) {
        bg_file_list_finish(&list);
        return status;
    }
    *ret_list = list;
    return BG_OK;
}
