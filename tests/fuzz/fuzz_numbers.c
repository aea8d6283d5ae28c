/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Numbers and digests as text. What parses is formatted to a text that parses to the same number, and the reader of
 * data cells agrees with the parser of numbers on every text. The input ends at its first NUL.
 */
#include "base/number.h"
#include "datasets/cell.h"
#include "tests/fuzz/fuzz.h"

#include <inttypes.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#define CELL_BYTES 400 /* longer ones are refused */

static bool same_bits(double a, double b)
{
    return memcmp(&a, &b, sizeof a) == 0;
}

static void check_u64(const char *text)
{
    uint64_t value = 1, again = 2;
    char formatted[24];
    if (bg_parse_u64(text, 0, UINT64_MAX, &value) != BG_OK)
        return;
    snprintf(formatted, sizeof formatted, "%" PRIu64, value);
    const char *digits = text + strspn(text, "0");
    FUZZ_REQUIRE(strcmp(*digits ? digits : "0", formatted) == 0, "%s became %s", text, formatted);
    FUZZ_REQUIRE(bg_parse_u64(formatted, value, value, &again) == BG_OK && again == value, "%s", formatted);
    FUZZ_REQUIRE(value == 0 || bg_parse_u64(text, 0, value - 1, &again) == BG_INVALID, "%s", text);
}

static bool check_real(const char *text, double *ret_value)
{
    double again;
    char formatted[BG_REAL_TEXT_BYTES];
    if (bg_parse_real(text, -INFINITY, INFINITY, ret_value) != BG_OK)
        return false;
    FUZZ_REQUIRE(isfinite(*ret_value), "%s", text);
    bg_format_real(*ret_value, formatted);
    FUZZ_REQUIRE(bg_parse_real(formatted, *ret_value, *ret_value, &again) == BG_OK && same_bits(again, *ret_value),
                 "%s became %s", text, formatted);
    return true;
}

static void check_cell(const char *text, bool is_number, double value)
{
    double number = 0;
    size_t size = strlen(text);
    enum bg_cell cell = bg_cell_read(text, size, &number);
    if (is_number && size <= CELL_BYTES)
        FUZZ_REQUIRE(cell == BG_CELL_FINITE && same_bits(number, value), "%s is %a or %a", text, value, number);
    if (cell == BG_CELL_FINITE && !strchr(" \t", text[0]) && !strchr(" \t", text[size - 1]))
        FUZZ_REQUIRE(is_number, "%s is the cell %a", text, number);
    FUZZ_REQUIRE(cell != BG_CELL_INFINITE || isinf(number), "%s is %a", text, number);
}

static void check_digest(const char *text)
{
    struct bg_digest digest;
    char hex[2 * BG_DIGEST_BYTES + 1];
    if (bg_digest_from_hex(text, &digest) != BG_OK)
        return;
    bg_digest_to_hex(&digest, hex);
    FUZZ_REQUIRE(strcasecmp(text, hex) == 0, "%s became %s", text, hex);
}

static enum bg_status check(struct bg_span input)
{
    double value = 0;
    char *text = malloc(input.size + 1);
    if (!text)
        return BG_NO_MEMORY;
    if (input.size)
        memcpy(text, input.data, input.size);
    text[input.size] = '\0';
    check_u64(text);
    bool is_number = check_real(text, &value);
    check_cell(text, is_number, value);
    check_digest(text);
    free(text);
    return BG_OK;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    return fuzz_run(check, data, size);
}
