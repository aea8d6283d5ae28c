/* SPDX-License-Identifier: Apache-2.0 */
#include "datasets/cicids2017_columns.h"

#include <string.h>
#include <strings.h>

#define LENGTH(array) (sizeof(array) / sizeof *(array))

static const char *const improved_features[] = {
    "Dst Port", "Protocol", "Flow Duration", "Total Fwd Packet", "Total Bwd packets",
    "Total Length of Fwd Packet", "Total Length of Bwd Packet", "Fwd Packet Length Max",
    "Fwd Packet Length Min", "Fwd Packet Length Mean", "Fwd Packet Length Std", "Bwd Packet Length Max",
    "Bwd Packet Length Min", "Bwd Packet Length Mean", "Bwd Packet Length Std", "Flow Bytes/s",
    "Flow Packets/s", "Flow IAT Mean", "Flow IAT Std", "Flow IAT Max", "Flow IAT Min", "Fwd IAT Total",
    "Fwd IAT Mean", "Fwd IAT Std", "Fwd IAT Max", "Fwd IAT Min", "Bwd IAT Total", "Bwd IAT Mean",
    "Bwd IAT Std", "Bwd IAT Max", "Bwd IAT Min", "Fwd PSH Flags", "Bwd PSH Flags", "Fwd URG Flags",
    "Bwd URG Flags", "Fwd RST Flags", "Bwd RST Flags", "Fwd Header Length", "Bwd Header Length",
    "Fwd Packets/s", "Bwd Packets/s", "Packet Length Min", "Packet Length Max", "Packet Length Mean",
    "Packet Length Std", "Packet Length Variance", "FIN Flag Count", "SYN Flag Count", "RST Flag Count",
    "PSH Flag Count", "ACK Flag Count", "URG Flag Count", "CWR Flag Count", "ECE Flag Count", "Down/Up Ratio",
    "Average Packet Size", "Fwd Segment Size Avg", "Bwd Segment Size Avg", "Fwd Bytes/Bulk Avg",
    "Fwd Packet/Bulk Avg", "Fwd Bulk Rate Avg", "Bwd Bytes/Bulk Avg", "Bwd Packet/Bulk Avg",
    "Bwd Bulk Rate Avg", "Subflow Fwd Packets", "Subflow Fwd Bytes", "Subflow Bwd Packets",
    "Subflow Bwd Bytes", "FWD Init Win Bytes", "Bwd Init Win Bytes", "Fwd Act Data Pkts", "Fwd Seg Size Min",
    "Active Mean", "Active Std", "Active Max", "Active Min", "Idle Mean", "Idle Std", "Idle Max", "Idle Min",
    "ICMP Code", "ICMP Type", "Total TCP Flow Time",
};

static const char *const improved_ignored[] = {
    "id", "Flow ID", "Src IP", "Src Port", "Dst IP", "Timestamp", "Attempted Category",
};

static const char *const original_features[] = {
    "Destination Port", "Flow Duration", "Total Fwd Packets", "Total Backward Packets",
    "Total Length of Fwd Packets", "Total Length of Bwd Packets", "Fwd Packet Length Max",
    "Fwd Packet Length Min", "Fwd Packet Length Mean", "Fwd Packet Length Std", "Bwd Packet Length Max",
    "Bwd Packet Length Min", "Bwd Packet Length Mean", "Bwd Packet Length Std", "Flow Bytes/s",
    "Flow Packets/s", "Flow IAT Mean", "Flow IAT Std", "Flow IAT Max", "Flow IAT Min", "Fwd IAT Total",
    "Fwd IAT Mean", "Fwd IAT Std", "Fwd IAT Max", "Fwd IAT Min", "Bwd IAT Total", "Bwd IAT Mean",
    "Bwd IAT Std", "Bwd IAT Max", "Bwd IAT Min", "Fwd PSH Flags", "Bwd PSH Flags", "Fwd URG Flags",
    "Bwd URG Flags", "Fwd Header Length", "Bwd Header Length", "Fwd Packets/s", "Bwd Packets/s",
    "Min Packet Length", "Max Packet Length", "Packet Length Mean", "Packet Length Std",
    "Packet Length Variance", "FIN Flag Count", "SYN Flag Count", "RST Flag Count", "PSH Flag Count",
    "ACK Flag Count", "URG Flag Count", "CWE Flag Count", "ECE Flag Count", "Down/Up Ratio",
    "Average Packet Size", "Avg Fwd Segment Size", "Avg Bwd Segment Size", "Fwd Avg Bytes/Bulk",
    "Fwd Avg Packets/Bulk", "Fwd Avg Bulk Rate", "Bwd Avg Bytes/Bulk", "Bwd Avg Packets/Bulk",
    "Bwd Avg Bulk Rate", "Subflow Fwd Packets", "Subflow Fwd Bytes", "Subflow Bwd Packets",
    "Subflow Bwd Bytes", "Init_Win_bytes_forward", "Init_Win_bytes_backward", "act_data_pkt_fwd",
    "min_seg_size_forward", "Active Mean", "Active Std", "Active Max", "Active Min", "Idle Mean", "Idle Std",
    "Idle Max", "Idle Min",
};

static const char *const original_ignored[] = {
    "Flow ID", "Source IP", "Source Port", "Destination IP", "Protocol", "Timestamp", "External IP",
    "Fwd Header Length", "Fwd Header Length.1", "Family", "Source",
};

/* The destination port is the first feature. A feature that is also among the ignored columns may come again. */
struct release {
    const char *name;
    const char *const *features;
    size_t feature_count;
    const char *const *ignored;
    size_t ignored_count;
};

static const struct release releases[] = {
    [BG_CICIDS2017_IMPROVED] = {"improved", improved_features, LENGTH(improved_features), improved_ignored,
                                LENGTH(improved_ignored)},
    [BG_CICIDS2017_ORIGINAL] = {"original", original_features, LENGTH(original_features), original_ignored,
                                LENGTH(original_ignored)},
};

const char *bg_cicids2017_release_name(enum bg_cicids2017_release release)
{
    return releases[release].name;
}

const char *const *bg_cicids2017_features(enum bg_cicids2017_release release, bool drop_port,
                                          size_t *ret_count)
{
    *ret_count = releases[release].feature_count - drop_port;
    return releases[release].features + drop_port;
}

static bool is_called(const struct bg_csv_field *field, const char *name)
{
    return strlen(name) == field->size && strncasecmp(name, field->text, field->size) == 0;
}

/* Index of the name in the list, or `count`. */
static size_t position(const struct bg_csv_field *field, const char *const *names, size_t count)
{
    size_t i = 0;
    while (i < count && !is_called(field, names[i]))
        i++;
    return i;
}

static bool has_columns(const struct bg_csv_record *record, enum bg_cicids2017_release release)
{
    size_t count;
    const char *const *features = bg_cicids2017_features(release, true, &count);
    size_t found = 0;
    for (size_t i = 0; i < record->count; i++)
        found += position(&record->fields[i], features, count) < count;
    return found >= count;
}

static enum bg_status missing(const struct bg_csv_record *record, const char *path,
                              enum bg_cicids2017_release release, const char *name, struct bg_error *error)
{
    enum bg_cicids2017_release other = release == BG_CICIDS2017_IMPROVED ? BG_CICIDS2017_ORIGINAL
                                                                         : BG_CICIDS2017_IMPROVED;
    if (has_columns(record, other))
        return bg_fail(
            error, BG_DATA,
            "%s:%zu: no column \"%s\": the file is of the %s release of CIC-IDS2017, not of the %s one", path,
            record->line, name, releases[other].name, releases[release].name);
    return bg_fail(error, BG_DATA, "%s:%zu: the column \"%s\" of CIC-IDS2017's %s release is missing", path,
                   record->line, name, releases[release].name);
}

static enum bg_status surplus(const struct bg_csv_field *field, const struct bg_csv_record *record,
                              const char *path, enum bg_cicids2017_release release, struct bg_error *error)
{
    char shown[BG_CSV_SHOWN_BYTES];
    return bg_fail(error, BG_DATA,
                   "%s:%zu:%zu: CIC-IDS2017's %s release has no column \"%s\", or has it once: remove it",
                   path, record->line, field->column, releases[release].name, bg_csv_show(field, shown));
}

enum bg_status bg_cicids2017_match(const struct bg_csv_record *record, const char *path,
                                   enum bg_cicids2017_release release, bool drop_port, struct bg_error *error,
                                   struct bg_cicids2017_header *ret_header)
{
    const struct release *known = &releases[release];
    bool seen[LENGTH(improved_features)] = {false};
    bool labelled = false;
    const struct bg_csv_field *foreign = NULL;
    struct bg_cicids2017_header header = {.fields = record->count};
    for (size_t i = 0; i < record->count; i++) {
        const struct bg_csv_field *field = &record->fields[i];
        size_t feature = position(field, known->features, known->feature_count);
        header.target[i] = BG_COLUMN_IGNORED;
        if (feature < known->feature_count && !seen[feature]) {
            if (feature >= drop_port)
                header.target[i] = (int16_t)(feature - drop_port);
            seen[feature] = true;
        } else if (is_called(field, "Label") && !labelled) {
            header.target[i] = BG_COLUMN_LABEL;
            labelled = true;
        } else if (!foreign &&
                   position(field, known->ignored, known->ignored_count) == known->ignored_count) {
            foreign = field;
        }
    }
    for (size_t i = drop_port; i < known->feature_count; i++)
        if (!seen[i])
            return missing(record, path, release, known->features[i], error);
    if (!labelled)
        return missing(record, path, release, "Label", error);
    if (foreign)
        return surplus(foreign, record, path, release, error);
    *ret_header = header;
    return BG_OK;
}
