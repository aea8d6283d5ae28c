/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A run as one page that opens offline: no script, nothing fetched, charts inline, light or dark as the reader's
 * system is. Every text that came from a file or a setting is escaped.
 */
#pragma once

#include "simulator/report.h"

BG_MUST_CHECK enum bg_status bg_report_write_html(const struct bg_report *report, const char *path,
                                                  struct bg_error *error);
