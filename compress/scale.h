/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The codec, server's half of scales and centres: groups' field sums → s_T and c_T. Only sums of groups are
 * ever seen; a group's value is the mean of its members' fields.
 */
#pragma once

#include "compress/codec.h"

/* Fields of one used group, each summed over its members. Borrowed. */
struct bg_field_sums {
    const uint64_t *sums; /* (tensors); entries of tensors that do not travel are not read */
    uint32_t members;     /* k' > 0 */
};

/*
 * s_T of round `number` (from 0) into ret_scales, which may be previous. With q the groups' means of the
 * scale field, and the percentile taken as the ascending value of index floor(percentile·(groups − 1)):
 *   scales only   s_T = 2^(percentile of q/512 − 64)
 *   otherwise     s_T = previous·2^(percentile of q/64 − 1), at most growth·previous in rounds > growth_from
 * kept within 2^±64. A tensor that does not travel keeps its scale. BG_TOO_FEW: no group; BG_OUT_OF_RANGE
 * names the group and the tensor whose sum no honest members can produce; nothing is written then.
 */
BG_MUST_CHECK enum bg_status bg_codec_scales(const struct bg_codec_settings *settings,
                                             const struct bg_layout *layout,
                                             const struct bg_codec_round *round, uint64_t number,
                                             const struct bg_field_sums *groups, size_t group_count,
                                             struct bg_error *error, double *ret_scales);

/* c_T for the next round from the centre fields of one with centre median (not a round of scales): s_T of
 * that round's broadcast times the median over groups (mean of the two middle ones) of q/64 − 1. Tensors that
 * do not travel keep their centre. Errors as above; ret_centres may be round->centres. */
BG_MUST_CHECK enum bg_status bg_codec_centres(const struct bg_layout *layout,
                                              const struct bg_codec_round *round,
                                              const struct bg_field_sums *groups, size_t group_count,
                                              struct bg_error *error, double *ret_centres);
