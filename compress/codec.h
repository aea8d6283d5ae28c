/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The update codec, client's half: float vector → sign bits and scale fields → receipt → residual.
 *
 * Mode `ef`, per tensor T, with Δ the local update of the round and e what earlier rounds left behind:
 *   p = Δ + e        b = sign(p − c_T)        e' = clip(p − c_T − s_T·b, ±C·s_T)
 * c_T is broadcast with the round, s_T comes back with its receipt. p is kept until then.
 *
 * A *vote* is one coordinate of a tensor that travels this round, if the round's window has it
 * (mode ef, compress/window.h): votes follow each other in the order of the layout, all other coordinates skipped. Sign
 * bits and the server's vectors are indexed by vote; Δ, e, p and weights by coordinate. What is not voted on
 * keeps its p: e' = clip(p, ±C·s_T).
 * Centres and scales are rounded to float before use; p, p − c and ± s are float operations in that order; a mean is
 * made of sixteen sums in double, each of every sixteenth vote of the tensor, which are added up in order. So every
 * machine gets the same bits, with every kernel (compress/kernel.h).
 */
#pragma once

#include "base/layout.h"
#include "base/sign_bits.h"
#include "compress/window.h"

/* Values are the plan's (wire/plan.h). */
enum bg_codec_mode {
    BG_CODEC_EF = 1, /* sign(p − c_T) with residual and scales; p = c_T votes a tie bit, so does every
                      * coordinate of a tensor whose p is all zero */
    BG_CODEC_MEDIAN, /* +1 where Δ ≥ the median of all votes' Δ, else −1; no residual or scale (EdgeDetect) */
    BG_CODEC_SIGN,   /* +1 where Δ ≥ 0 (−0 included), else −1; no residual, no scale (signSGD) */
    BG_CODEC_DENSE,  /* float32 Δ itself; no bits, no residual, no scale (FedAvg) */
};

/* What a client reports as its own scale of a tensor. */
enum bg_scale_basis {
    BG_SCALE_FROM_DELTA = 1, /* 2·mean|Δ| / share of the window */
    BG_SCALE_FROM_RESIDUAL,  /* RMS(p) */
};

enum bg_codec_centre {
    BG_CENTRE_ZERO = 1,
    BG_CENTRE_MEDIAN, /* clients report the median of p per tensor, the root broadcasts the groups' median */
};

/* Values within the ranges given: decoding a plan refuses others. */
struct bg_codec_settings {
    enum bg_codec_mode mode;
    enum bg_scale_basis scale_basis;
    enum bg_codec_centre centre;
    double clip;            /* C > 0: residuals stay within ±C·s_T */
    double growth;          /* ≥ 1: largest growth of a scale per round … */
    uint32_t growth_from;   /* … in rounds after this one */
    double percentile;      /* of the groups' scales, 0 to 1 */
    double decay;           /* of a residual per missed round, 0 to 1 */
    double client_momentum; /* μ of m = μ·m + (1−μ)·Δ in front of the sign, 0 (none) to < 1 */
    double server_momentum; /* modes sign and median, 0 to < 1 */
    double server_step;     /* η of modes sign and median, > 0 */
};

/* What the root broadcasts with a round. Arrays are per tensor of the layout and borrowed. */
struct bg_codec_round {
    bool scales_only;      /* absolute scale fields and no votes */
    const bool *travels;   /* NULL: all. A tensor that travels has a coordinate in the window */
    struct bg_window window; /* all, but in mode ef */
    const double *centres; /* c_T; NULL: all zero */
    const double *scales;  /* s_T of the previous round, > 0; for encoding not read in a round of scales */
};

/* Random bits for ties, from a secret of the client: bit i % 64 of word(context, i / 64) belongs to vote i,
 * and asking twice must give the same word. A root that knew them could subtract them. */
struct bg_tie_bits {
    uint64_t (*word)(void *context, uint64_t index);
    void *context;
};

#define BG_SCALE_FIELD_MAX 128        /* 64·log2(own/s_T) + 64 */
#define BG_SCALE_FIELD_ABSOLUTE 65535 /* scales only: 512·(log2(own) + 64) */
#define BG_CENTRE_FIELD_MAX 128       /* 64·median/s_T + 64 */

/* One client's update between encoding and its receipt. */
struct bg_codec_update {
    float *sums;              /* (coordinates) p; Δ itself in modes without residual */
    struct bg_sign_bits bits; /* one per vote; count 0 in a round of scales and in mode dense */
    uint16_t *scale_fields;   /* (tensors) mode ef; 0 where the tensor does not travel */
    uint16_t *centre_fields;  /* (tensors) mode ef with centre median, not in a round of scales; 0 otherwise */
};

struct bg_codec_input {
    const float *delta;      /* (coordinates) */
    const float *residual;   /* (coordinates) e; NULL: zero. Read in mode ef only; may be update->sums */
    struct bg_tie_bits ties; /* mode ef */
    float *workspace;        /* (coordinates) in modes ef and median; else may be NULL */
};

/* Votes of a round; none in a round of scales. */
size_t bg_codec_votes(const struct bg_layout *layout, const struct bg_codec_round *round);

BG_MUST_CHECK enum bg_status bg_codec_update_init(struct bg_codec_update *update,
                                                  const struct bg_layout *layout);
void bg_codec_update_finish(struct bg_codec_update *update);

/* Fills *update. BG_NOT_FINITE names the first tensor whose Δ or p has a NaN or infinity; the contents of
 * *update are then unspecified, unless sums is the residual: that is untouched. */
BG_MUST_CHECK enum bg_status bg_codec_encode(const struct bg_codec_settings *settings,
                                             const struct bg_layout *layout,
                                             const struct bg_codec_round *round,
                                             const struct bg_codec_input *input, struct bg_error *error,
                                             struct bg_codec_update *update);

/* delta ← momentum ← μ·momentum + (1 − μ)·delta. BG_NOT_FINITE, nothing changed, as for encoding. */
BG_MUST_CHECK enum bg_status bg_codec_client_momentum(const struct bg_codec_settings *settings,
                                                      const struct bg_layout *layout, float *momentum,
                                                      float *delta, struct bg_error *error);

/*
 * The receipt: what becomes of p. Mode ef; `scales` are s_T of this very round, > 0, from the receipt.
 * residual (coordinates) may be update->sums.
 */
/* The group was used: e' = clip(p − c_T − s_T·b). What was not voted on keeps clip(p), and so does everything
 * after a round of scales. */
void bg_codec_commit(const struct bg_codec_settings *settings, const struct bg_layout *layout,
                     const struct bg_codec_round *round, const double *scales,
                     const struct bg_codec_update *update, float *residual);
/* The group was not used, or the round was abandoned: e = clip(p). */
void bg_codec_fold_back(const struct bg_codec_settings *settings, const struct bg_layout *layout,
                        const double *scales, const struct bg_codec_update *update, float *residual);
/* Rounds this client took no part in: e ← e·decay^missed. */
void bg_codec_decay(const struct bg_codec_settings *settings, size_t coordinates, uint64_t missed,
                    float *residual);
