/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every outcome burgee knows, from one list: enum value, HTTP status, exit code of a program that ends on it,
 * and the text a person reads. Negative values are failures. Conventions of the whole tree:
 *
 *   - A function that can fail returns enum bg_status and is marked BG_MUST_CHECK.
 *   - Out-parameters are named ret_x, come last, and are written only on success.
 *   - bug -> assert; peer, environment, policy -> a status. Untrusted bytes never reach an assert.
 *   - Libraries return, programs log.
 *   - borrows: until return. keeps: until the object dies. takes: ownership moves on success.
 *     gives: the caller owns the result. copies: nothing is shared.
 *   - init/finish: caller's memory. create/destroy: heap; destroy takes T **, accepts NULL, stores NULL.
 */
#pragma once

#define BG_MUST_CHECK __attribute__((warn_unused_result))
#define BG_PRINTF(text, first) __attribute__((format(printf, text, first)))

/*        name              value  http  exit  text */
#define BG_STATUS_MAP(X)                                                                                     \
    X(NO_MEMORY,            -1,    503,  71,   "out of memory or over a memory cap")                         \
    X(IO,                   -2,    500,  74,   "input/output error")                                         \
    X(NOT_FOUND,            -3,    404,  66,   "not found")                                                  \
    X(INVALID,              -4,    400,  64,   "argument out of its range")                                  \
    X(CONFIG,               -5,    400,  78,   "configuration refused")                                      \
    X(DATA,                 -6,    400,  65,   "data file is not what it claims to be")                      \
    X(PERMISSION,           -7,    403,  77,   "file permissions are too open")                              \
    X(BUSY,                 -8,    503,  75,   "over capacity, try again later")                             \
    X(UNSUPPORTED,          -9,    501,  69,   "not supported by this build")                                \
    X(DECODE,              -20,    400,  65,   "malformed message")                                          \
    X(TRUNCATED,           -21,    400,  65,   "message ends too early")                                     \
    X(TOO_LARGE,           -22,    413,  65,   "larger than its limit")                                      \
    X(BAD_MAGIC,           -23,    400,  65,   "not a burgee message")                                       \
    X(BAD_VERSION,         -24,    400,  65,   "protocol version not spoken here")                           \
    X(WRONG_POPULATION,    -25,    404,  65,   "message of another population")                              \
    X(STALE_PLAN,          -26,    409,  65,   "message under a plan that is not in force")                  \
    X(WRONG_ROUND,         -27,    409,  65,   "message for a round that is not open")                       \
    X(DUPLICATE,           -28,    409,  65,   "already received with other content")                        \
    X(BAD_SIGNATURE,       -29,    403,  65,   "signature does not verify")                                  \
    X(BAD_DIGEST,          -30,    400,  65,   "content does not match its digest")                          \
    X(BAD_CIPHERTEXT,      -31,    400,  65,   "ciphertext out of its range or not coprime to n")            \
    X(BAD_COMMITMENT,      -32,    400,  65,   "pad commitment does not match the seed")                     \
    X(UNKNOWN_CLIENT,      -33,    403,  65,   "client is not on the roster or not in this group")           \
    X(NOT_FINITE,          -34,    400,  65,   "NaN or infinity where a number is needed")                   \
    X(BAD_SEAL,            -35,    400,  65,   "sealed message was altered or is for another key")           \
    X(BAD_KNOWLEDGE,       -36,    403,  65,   "knowledge tags do not fit the ciphertexts") \
    X(REFUSED,             -40,    403,  65,   "refused by policy")                                          \
    X(OUT_OF_RANGE,        -41,    422,  65,   "group sum outside what honest members can produce")          \
    X(MARGIN,              -42,    409,  65,   "groups disagree too much to aggregate safely")               \
    X(TOO_FEW,             -43,    409,  65,   "too few groups or members")                                  \
    X(TOO_LATE,            -44,    409,  65,   "the deadline has passed")                                    \
    X(BAD_KEY,             -50,    500,  65,   "key fails a check")                                          \
    X(FAULT,               -51,    500,  70,   "a computation failed its check; nothing was released")       \
    X(RANDOM,              -52,    500,  71,   "the system's random source failed")

enum bg_status {
    BG_OK = 0,
#define X(name, value, http, exit, text) BG_##name = (value),
    BG_STATUS_MAP(X)
#undef X
};

/* Identifier as in the list ("STALE_PLAN"), for logs and JSON; "UNKNOWN" for a value not in the list. */
const char *bg_status_name(enum bg_status status);
/* One clause for people. */
const char *bg_status_text(enum bg_status status);
int bg_status_http(enum bg_status status);
int bg_status_exit_code(enum bg_status status);
