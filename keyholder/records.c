/* SPDX-License-Identifier: Apache-2.0 */
#include "keyholder/records.h"

#include "crypto/digest.h"
#include "protocol/envelope.h"

#define SIGNED_BYTES (BG_RECORD_BYTES - BG_SIGNATURE_BYTES)

enum bg_status bg_records_sign(const struct bg_record_chain *chain, const struct bg_identity *identity,
                               struct bg_record *record)
{
    struct bg_writer w;
    record->sequence = chain->sequence + 1;
    record->previous = chain->head;
    bg_writer_init(&w);
    bg_record_encode(&w, record);
    enum bg_status status = w.status;
    if (status == BG_OK)
        status = bg_envelope_sign(identity, BG_SIGNED_RECORD, (struct bg_span){w.data, SIGNED_BYTES},
                                  record->signature);
    bg_writer_finish(&w);
    return status;
}

enum bg_status bg_records_extend(struct bg_record_chain *chain, const uint8_t *point, struct bg_span bytes,
                                 struct bg_error *error, struct bg_record *ret_record)
{
    struct bg_record record;
    unsigned long long next = chain->sequence + 1;
    enum bg_status status = bg_record_decode(bytes, &record);
    if (status != BG_OK)
        return bg_fail(error, status, "record %llu: %s", next, bg_status_text(status));
    if (point)
        status = bg_envelope_verify(point, BG_SIGNED_RECORD, (struct bg_span){bytes.data, SIGNED_BYTES},
                                    (struct bg_span){bytes.data + SIGNED_BYTES, BG_SIGNATURE_BYTES});
    if (status != BG_OK)
        return bg_fail(error, status, "record %llu: not signed by this key holder", next);
    if (record.sequence != next || !bg_digest_equal(&record.previous, &chain->head))
        return bg_fail(error, BG_BAD_DIGEST, "record %llu: record %llu does not follow the chain", next,
                       (unsigned long long)record.sequence);
    chain->sequence = record.sequence;
    bg_sha256(bytes, &chain->head);
    if (ret_record)
        *ret_record = record;
    return BG_OK;
}
