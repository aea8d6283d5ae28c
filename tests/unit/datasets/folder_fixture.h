/* SPDX-License-Identifier: Apache-2.0 */
/* A folder of its own for each test: TestSuite(x, .init = folder_make, .fini = folder_remove). */
#pragma once

#include <stddef.h>

void folder_make(void);
void folder_remove(void);
const char *folder_path(void);
/* Each returns the file's path, valid until the folder is removed. */
const char *write_bytes(const char *name, const void *data, size_t size);
const char *write_text(const char *name, const char *text);
const char *write_gzip(const char *name, const void *data, size_t size);
const char *write_xz(const char *name, const void *data, size_t size);
const char *write_zstd(const char *name, const void *data, size_t size);
/* Makes a folder inside, with those above it. */
const char *make_folder(const char *name);
