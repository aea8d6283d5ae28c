/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A device's rows for its client: read when a plan first needs them, or when the files have changed, and kept as the
 * plan asks for them in a file without a name, whose mapping is there only while something trains.
 */
#pragma once

#include "client/client.h"
#include "client/local_data.h"

struct bg_device_data {
    struct bg_client_data data;          /* give it to a client */
    const char *folder;                  /* kept: where the file is */
    struct bg_dataset_settings settings; /* its texts are kept */
    int file;                            /* features (rows, columns), then labels (rows); −1: none yet */
    struct bg_digest made_of;            /* what the plan asks for; names, sizes and times of the files */
    size_t rows, columns;
    uint32_t classes;
    void *mapping; /* while open */
};

void bg_device_data_init(struct bg_device_data *data, const char *folder, const struct bg_dataset_settings *settings);
/* No training may run. */
void bg_device_data_finish(struct bg_device_data *data);
