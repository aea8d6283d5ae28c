/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What burgee-bench measures, one function per word behind the program's name. argv[0] is that word; the function reads
 * its own options, among them --help and --json, and prints what it found to stdout.
 */
#pragma once

#include "base/error.h"

BG_MUST_CHECK enum bg_status bg_bench_codec(int argc, char **argv, struct bg_error *error);
BG_MUST_CHECK enum bg_status bg_bench_data(int argc, char **argv, struct bg_error *error);
BG_MUST_CHECK enum bg_status bg_bench_crypto(int argc, char **argv, struct bg_error *error);
BG_MUST_CHECK enum bg_status bg_bench_server(int argc, char **argv, struct bg_error *error);
BG_MUST_CHECK enum bg_status bg_bench_updates(int argc, char **argv, struct bg_error *error);
