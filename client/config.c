/* SPDX-License-Identifier: Apache-2.0 */
#include "client/config.h"

#include "base/cpu.h"
#include "crypto/mask.h"
#include "datasets/source.h"

#define FIELD(name) offsetof(struct bg_client_config, name)
#define TEXT(macro) TEXT_OF(macro)
#define TEXT_OF(value) #value

const struct bg_option bg_client_options[] = {
    {"population.name", BG_OPTION_TEXT, FIELD(population), "", 0, 0, NULL, NULL,
     "who learns together; without one whichever key holder and root sign for"},
    {"identity.file", BG_OPTION_TEXT, FIELD(identity), "", 0, 0, NULL, NULL,
     "this client's secret identity (--identity)"},
    {"trust.key_holder", BG_OPTION_TEXT, FIELD(key_holder), "", 0, 0, NULL, NULL,
     "point file of the key holder (--trust-key-holder)"},
    {"trust.root", BG_OPTION_TEXT, FIELD(root), "", 0, 0, NULL, NULL,
     "point file of the root (--trust-root)"},
    {"state.dir", BG_OPTION_TEXT, FIELD(folder), "", 0, 0, NULL, NULL,
     "folder that keeps the residual between rounds (--state)"},
    {"root.url", BG_OPTION_TEXT, FIELD(root_url), "", 0, 0, NULL, NULL,
     "where the root serves, https://host:port; enrol fills it in"},
    {"key_holder.url", BG_OPTION_TEXT, FIELD(key_holder_url), "", 0, 0, NULL, NULL,
     "where certificates are renewed; enrol fills it in"},
    {"network.proxy", BG_OPTION_TEXT, FIELD(proxy), "", 0, 0, NULL, NULL,
     "URL of a proxy; without one as the environment says"},
    {"network.connect_seconds", BG_OPTION_REAL, FIELD(connect_seconds), "20", 0.1, 3600, NULL, "s",
     "longest time to connect"},
    {"network.poll_seconds", BG_OPTION_REAL, FIELD(poll_seconds), "0.5", 0.01, 86400, NULL, "s",
     "least pause between two looks at the root"},
    {"network.patience_seconds", BG_OPTION_REAL, FIELD(patience_seconds), "60", 0.01, 86400, NULL, "s",
     "longest pause between tries that fail; pauses double up to it"},
    {"network.longest_wait_seconds", BG_OPTION_REAL, FIELD(longest_wait_seconds), "3600", 0.01, 604800, NULL, "s",
     "longest pause that the root may ask for"},
    {"spool.most_bytes", BG_OPTION_U64, FIELD(spool_bytes), "1073741824", 1, 1e15, NULL, "bytes",
     "that an update may take on the disk until the root has it"},
    {"processor.nice", BG_OPTION_U64, FIELD(nice), "10", 0, 19, NULL, NULL,
     "how much this program gives way to others, of run"},
    {"data.kind", BG_OPTION_CHOICE, FIELD(data_kind), "cicids2017", 0, 0, bg_dataset_kind_names, NULL,
     "what the data are"},
    {"data.dir", BG_OPTION_TEXT, FIELD(data_dir), "", 0, 0, NULL, NULL,
     "folder or file of the data (--data)"},
    {"data.schema", BG_OPTION_TEXT, FIELD(data_schema), "", 0, 0, NULL, NULL,
     "what the columns of data.kind=csv are: a JSON file, see docs/DATASETS.md"},
    {"data.labels", BG_OPTION_TEXT, FIELD(data_labels), "", 0, 0, NULL, NULL,
     "label map: a built-in name or a JSON file; without one the plan's"},
    {"data.bound_infinite", BG_OPTION_BOOL, FIELD(data_bound_infinite), "false", 0, 0, NULL, NULL,
     "keep rows with infinite values as large numbers"},
    {"data.rows", BG_OPTION_U64, FIELD(data_rows), "2000", 1, 100000000, NULL, "rows",
     "synthetic flows to generate"},
    {"data.seed", BG_OPTION_U64, FIELD(data_seed), "42", 0, 0, NULL, NULL,
     "of synthetic flows"},
    {"training.seed", BG_OPTION_U64, FIELD(training_seed), "1", 0, 0, NULL, NULL,
     "of the order of minibatches"},
    {"encryption.insecure_test_key", BG_OPTION_BOOL, FIELD(insecure_test_key), "false", 0, 0, NULL, NULL,
     "accept a key below 2048 bits, for tests"},
    {"masks.table_kib", BG_OPTION_U64, FIELD(table_kib), TEXT(BG_MASK_TABLE_STANDARD_KIB), 16, 1048576, NULL, "KiB",
     "memory for the table that makes masks fast"},
    {"masks.pool_kib", BG_OPTION_U64, FIELD(pool_kib), "4096", 0, 1048576, NULL, "KiB",
     "memory for masks computed while it trains"},
    {"masks.uniform_reads", BG_OPTION_BOOL, FIELD(uniform_reads), "false", 0, 0, NULL, NULL,
     "read the table alike for every mask, for processors shared with strangers; 2 to 4 times the time"},
    {"masks.exponent", BG_OPTION_CHOICE, FIELD(exponent), "half", 0, 0, bg_mask_exponent_names, NULL,
     "half the bits of n; 512 bits are faster and rest on one more assumption"},
    BG_CPU_OPTION(FIELD(kernels)),
};

const size_t bg_client_option_count = sizeof bg_client_options / sizeof *bg_client_options;
