/* SPDX-License-Identifier: Apache-2.0 */
/* What one cell of a data file holds: a number, exactly rounded in every locale and on every machine, or why
 * not. */
#pragma once

#include <stddef.h>

enum bg_cell {
    BG_CELL_FINITE = 0,
    BG_CELL_MISSING,  /* empty, or only blanks */
    BG_CELL_NAN,      /* "nan" in any case, with or without sign */
    BG_CELL_INFINITE, /* "inf" or "infinity" in any case, with or without sign, or a number beyond double's range;
                         *ret is ±infinity */
    BG_CELL_BAD,      /* anything else, or more than 400 characters */
};

/* The whole text but for blanks around it must be one number, as bg_parse_real has it, which gives the same
 * double and takes what is rare; this reads the bytes where they lie, several times faster. *ret is written
 * for FINITE and INFINITE. */
enum bg_cell bg_cell_read(const char *text, size_t size, double *ret);
