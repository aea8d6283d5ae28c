/* SPDX-License-Identifier: Apache-2.0 */
#include "store/journal_file.h"

#include "store/crc32c.h"

#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_HEAD_BYTES 8
#define ENTRY_HEAD_BYTES 16

static const uint8_t file_head[FILE_HEAD_BYTES] = {'B', 'R', 'G', 'J', 1};

struct bg_journal_file {
    struct bg_journal journal;
    char *path;
    int fd;
    uint64_t end;   /* of the last whole entry */
    uint32_t chain; /* its head checksum */
    bool failed;
};

static enum bg_status fail_errno(struct bg_error *error, const char *path, const char *verb)
{
    int number = errno;
    char text[128];
    return bg_fail(error, BG_IO, "%s: cannot %s: %s", path, verb, strerror_r(number, text, sizeof text));
}

static bool write_at(int fd, struct bg_span bytes, uint64_t offset)
{
    while (bytes.size) {
        ssize_t written = pwrite(fd, bytes.data, bytes.size, (off_t)offset);
        if (written < 0 && errno == EINTR)
            continue;
        if (written < 0)
            return false;
        bytes.data += written;
        bytes.size -= (size_t)written;
        offset += (uint64_t)written;
    }
    return true;
}

static bool read_at(int fd, uint8_t *data, size_t size, uint64_t offset)
{
    while (size) {
        ssize_t got = pread(fd, data, size, (off_t)offset);
        if (got < 0 && errno == EINTR)
            continue;
        if (got == 0)
            errno = EIO; /* cut off while it is read */
        if (got <= 0)
            return false;
        data += got;
        size -= (size_t)got;
        offset += (uint64_t)got;
    }
    return true;
}

/* ---- entries ---- */

struct entry_head {
    uint32_t size;
    uint32_t kind;
    uint32_t content; /* checksum */
    uint32_t head;    /* checksum */
};

static void head_to_bytes(const struct entry_head *head, uint8_t ret_bytes[static ENTRY_HEAD_BYTES])
{
    const uint32_t words[] = {head->size, head->kind, head->content, head->head};
    for (size_t i = 0; i < ENTRY_HEAD_BYTES; i++)
        ret_bytes[i] = (uint8_t)(words[i / 4] >> (8 * (i % 4)));
}

static uint32_t head_checksum(uint32_t previous, const struct entry_head *head)
{
    uint8_t link[4], bytes[ENTRY_HEAD_BYTES];
    for (size_t i = 0; i < sizeof link; i++)
        link[i] = (uint8_t)(previous >> (8 * i));
    head_to_bytes(head, bytes);
    return bg_crc32c(bg_crc32c(0, (struct bg_span){link, sizeof link}), (struct bg_span){bytes, ENTRY_HEAD_BYTES - 4});
}

static enum bg_status append(void *context, uint32_t kind, struct bg_span entry)
{
    struct bg_journal_file *file = context;
    if (file->failed)
        return BG_IO;
    if (entry.size > BG_JOURNAL_ENTRY_MOST_BYTES)
        return BG_TOO_LARGE;
    struct entry_head head = {.size = (uint32_t)entry.size, .kind = kind, .content = bg_crc32c(0, entry)};
    head.head = head_checksum(file->chain, &head);
    uint8_t bytes[ENTRY_HEAD_BYTES];
    head_to_bytes(&head, bytes);
    if (!write_at(file->fd, (struct bg_span){bytes, sizeof bytes}, file->end) ||
        !write_at(file->fd, entry, file->end + sizeof bytes) || fdatasync(file->fd) != 0) {
        file->failed = true;
        return BG_IO;
    }
    file->end += sizeof bytes + entry.size;
    file->chain = head.head;
    return BG_OK;
}

/* Reads the entry at `offset`, of which `left` bytes are there. BG_TRUNCATED: they end in the middle of it. The
 * content goes to `content`, which is overwritten. */
static enum bg_status read_entry(const struct bg_journal_file *file, uint64_t offset, uint64_t left, uint32_t chain,
                                 struct bg_writer *content, struct bg_error *error, struct entry_head *ret_head)
{
    uint8_t bytes[ENTRY_HEAD_BYTES];
    struct bg_reader r;
    if (left < sizeof bytes)
        return BG_TRUNCATED;
    if (!read_at(file->fd, bytes, sizeof bytes, offset))
        return fail_errno(error, file->path, "read");
    bg_reader_init(&r, (struct bg_span){bytes, sizeof bytes});
    struct entry_head head = {.size = bg_read_u32(&r)};
    head.kind = bg_read_u32(&r);
    head.content = bg_read_u32(&r);
    head.head = bg_read_u32(&r);
    if (head_checksum(chain, &head) == head.head && head.size <= BG_JOURNAL_ENTRY_MOST_BYTES) {
        if (left - sizeof bytes < head.size)
            return BG_TRUNCATED;
        content->size = 0;
        uint8_t *data = bg_write_reserve(content, head.size);
        if (content->status != BG_OK)
            return bg_fail(error, BG_NO_MEMORY, "%s: no memory for an entry of %u bytes", file->path, head.size);
        if (head.size && !read_at(file->fd, data, head.size, offset + sizeof bytes))
            return fail_errno(error, file->path, "read");
        *ret_head = head;
        if (bg_crc32c(0, bg_writer_span(content)) == head.content)
            return BG_OK;
    }
    return bg_fail(error, BG_BAD_DIGEST, "%s: damaged in the entry at byte %llu; restore the file from a copy",
                   file->path, (unsigned long long)offset);
}

/* Visits (NULL: nobody) the whole entries of the first `size` bytes; *ret_end and *ret_chain are where they end. */
static enum bg_status walk(const struct bg_journal_file *file, uint64_t size, bg_journal_visit *visit, void *visitor,
                           struct bg_error *error, uint64_t *ret_end, uint32_t *ret_chain)
{
    uint64_t offset = FILE_HEAD_BYTES;
    uint32_t chain = 0;
    struct bg_writer content;
    struct entry_head head = {0};
    enum bg_status status = BG_OK;
    bg_writer_init(&content);
    while (status == BG_OK && offset < size) {
        status = read_entry(file, offset, size - offset, chain, &content, error, &head);
        if (status == BG_OK && visit) {
            status = visit(visitor, head.kind, bg_writer_span(&content), error);
            if (status != BG_OK)
                bg_fail_in(error, status, "%s: entry at byte %llu", file->path, (unsigned long long)offset);
        }
        if (status == BG_OK) {
            offset += ENTRY_HEAD_BYTES + head.size;
            chain = head.head;
        }
    }
    bg_writer_finish(&content);
    *ret_end = offset;
    *ret_chain = chain;
    return status;
}

static enum bg_status replay(void *context, bg_journal_visit *visit, void *visitor, struct bg_error *error)
{
    const struct bg_journal_file *file = context;
    uint64_t end;
    uint32_t chain;
    return walk(file, file->end, visit, visitor, error, &end, &chain);
}

/* ---- the file ---- */

/* Its name is durable once the folder's entries are. */
static bool sync_folder_of(const char *path)
{
    char copy[PATH_MAX];
    if ((size_t)snprintf(copy, sizeof copy, "%s", path) >= sizeof copy) {
        errno = ENAMETOOLONG;
        return false;
    }
    int fd = open(dirname(copy), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (fd < 0)
        return false;
    bool good = fsync(fd) == 0 || errno == EINVAL;
    int number = errno;
    close(fd);
    errno = number;
    return good;
}

/* A file that ends in its head was never acknowledged either: it is written again. */
static enum bg_status check_file_head(struct bg_journal_file *file, uint64_t *size, struct bg_error *error)
{
    uint8_t head[FILE_HEAD_BYTES] = {0};
    size_t there = *size < sizeof head ? (size_t)*size : sizeof head;
    if (!read_at(file->fd, head, there, 0))
        return fail_errno(error, file->path, "read");
    if (memcmp(head, file_head, there < 4 ? there : 4) != 0)
        return bg_fail(error, BG_BAD_MAGIC, "%s: not a burgee journal", file->path);
    if (memcmp(head, file_head, there) != 0)
        return bg_fail(error, BG_BAD_VERSION, "%s: a journal of version %u, this program reads version %u", file->path,
                       (unsigned)head[4] | (unsigned)head[5] << 8, (unsigned)file_head[4]);
    if (there == sizeof head)
        return BG_OK;
    if (!write_at(file->fd, (struct bg_span){file_head, sizeof file_head}, 0) || fsync(file->fd) != 0 ||
        !sync_folder_of(file->path))
        return fail_errno(error, file->path, "write");
    *size = sizeof file_head;
    return BG_OK;
}

static enum bg_status claim(struct bg_journal_file *file, uint64_t *ret_size, struct bg_error *error)
{
    struct stat about;
    file->fd = open(file->path, O_RDWR | O_CREAT | O_CLOEXEC | O_NONBLOCK, 0600);
    if (file->fd < 0)
        return fail_errno(error, file->path, "open");
    if (flock(file->fd, LOCK_EX | LOCK_NB) != 0)
        return errno == EWOULDBLOCK ? bg_fail(error, BG_BUSY, "%s: in use by another process", file->path)
                                    : fail_errno(error, file->path, "lock");
    if (fstat(file->fd, &about) != 0)
        return fail_errno(error, file->path, "read");
    if (!S_ISREG(about.st_mode))
        return bg_fail(error, BG_IO, "%s: not a regular file", file->path);
    if (about.st_mode & (S_IRWXG | S_IRWXO))
        return bg_fail(error, BG_PERMISSION, "%s: others may use this journal (mode %03o); run: chmod 600 %s",
                       file->path, (unsigned)about.st_mode & 0777u, file->path);
    *ret_size = (uint64_t)about.st_size;
    return BG_OK;
}

/* Cuts a torn tail off, so that the next entry follows the last whole one. */
static enum bg_status settle(struct bg_journal_file *file, uint64_t size, struct bg_error *error)
{
    enum bg_status status = walk(file, size, NULL, NULL, error, &file->end, &file->chain);
    if (status == BG_OK)
        return BG_OK;
    if (status != BG_TRUNCATED)
        return status;
    if (ftruncate(file->fd, (off_t)file->end) != 0 || fsync(file->fd) != 0)
        return fail_errno(error, file->path, "cut the torn tail off");
    return BG_OK;
}

enum bg_status bg_journal_file_open(const char *path, struct bg_error *error, struct bg_journal_file **ret_file)
{
    struct bg_journal_file *file = calloc(1, sizeof *file);
    uint64_t size = 0;
    if (!file)
        return bg_fail(error, BG_NO_MEMORY, "%s: out of memory", path);
    file->journal = (struct bg_journal){.append = append, .replay = replay, .context = file};
    file->fd = -1;
    file->path = strdup(path);
    enum bg_status status =
        file->path ? claim(file, &size, error) : bg_fail(error, BG_NO_MEMORY, "%s: out of memory", path);
    if (status == BG_OK)
        status = check_file_head(file, &size, error);
    if (status == BG_OK)
        status = settle(file, size, error);
    if (status == BG_OK)
        *ret_file = file;
    else
        bg_journal_file_close(&file);
    return status;
}

void bg_journal_file_close(struct bg_journal_file **file)
{
    struct bg_journal_file *f = *file;
    if (!f)
        return;
    if (f->fd >= 0)
        close(f->fd);
    free(f->path);
    free(f);
    *file = NULL;
}

struct bg_journal *bg_journal_file_journal(struct bg_journal_file *file)
{
    return &file->journal;
}
