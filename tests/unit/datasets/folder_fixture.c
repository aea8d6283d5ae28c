/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/datasets/folder_fixture.h"

#include <criterion/criterion.h>
#include <ftw.h>
#include <lzma.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zlib.h>
#include <zstd.h>

#define MAX_FILES 16
#define PATH_BYTES 512

static char folder[] = "/tmp/burgee-XXXXXX";
static char paths[MAX_FILES][PATH_BYTES];
static size_t path_count;

void folder_make(void)
{
    memcpy(folder + sizeof folder - 7, "XXXXXX", 6);
    path_count = 0;
    cr_assert_not_null(mkdtemp(folder));
}

static int remove_entry(const char *path, const struct stat *status, int kind, struct FTW *place)
{
    (void)status;
    (void)kind;
    (void)place;
    return remove(path);
}

void folder_remove(void)
{
    nftw(folder, remove_entry, 8, FTW_DEPTH | FTW_PHYS);
}

const char *folder_path(void)
{
    return folder;
}

static const char *inside(const char *name)
{
    cr_assert_lt(path_count, MAX_FILES);
    snprintf(paths[path_count], PATH_BYTES, "%s/%s", folder, name);
    for (size_t i = 0; i < path_count; i++)
        if (strcmp(paths[i], paths[path_count]) == 0)
            return paths[i];
    return paths[path_count++];
}

const char *write_bytes(const char *name, const void *data, size_t size)
{
    const char *path = inside(name);
    FILE *file = fopen(path, "wb");
    cr_assert_not_null(file);
    cr_assert_eq(fwrite(data, 1, size, file), size);
    cr_assert_eq(fclose(file), 0);
    return path;
}

const char *write_text(const char *name, const char *text)
{
    return write_bytes(name, text, strlen(text));
}

const char *write_gzip(const char *name, const void *data, size_t size)
{
    const char *path = inside(name);
    gzFile file = gzopen(path, "wb");
    cr_assert_not_null(file);
    cr_assert_eq(gzwrite(file, data, (unsigned)size), (int)size);
    cr_assert_eq(gzclose(file), Z_OK);
    return path;
}

const char *write_xz(const char *name, const void *data, size_t size)
{
    size_t capacity = lzma_stream_buffer_bound(size);
    size_t used = 0;
    unsigned char *out = malloc(capacity);
    cr_assert_not_null(out);
    cr_assert_eq(lzma_easy_buffer_encode(1, LZMA_CHECK_CRC64, NULL, data, size, out, &used, capacity),
                 LZMA_OK);
    const char *path = write_bytes(name, out, used);
    free(out);
    return path;
}

const char *write_zstd(const char *name, const void *data, size_t size)
{
    size_t capacity = ZSTD_compressBound(size);
    unsigned char *out = malloc(capacity);
    cr_assert_not_null(out);
    ZSTD_CCtx *context = ZSTD_createCCtx();
    cr_assert(!ZSTD_isError(ZSTD_CCtx_setParameter(context, ZSTD_c_checksumFlag, 1)));
    size_t used = ZSTD_compress2(context, out, capacity, data, size);
    ZSTD_freeCCtx(context);
    cr_assert(!ZSTD_isError(used));
    const char *path = write_bytes(name, out, used);
    free(out);
    return path;
}

const char *make_folder(const char *name)
{
    char path[PATH_BYTES];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    for (char *at = path + strlen(folder) + 1; *at; at++)
        if (*at == '/') {
            *at = '\0';
            mkdir(path, 0700);
            *at = '/';
        }
    cr_assert_eq(mkdir(path, 0700), 0);
    return inside(name);
}
