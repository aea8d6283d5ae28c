/* SPDX-License-Identifier: Apache-2.0 */
/* What must hold of every kernel of the codec. */
#pragma once

#include "compress/kernel.h"

/* Compares a kernel with the portable one on random and extreme inputs. NULL, or what differs. */
const char *kernel_complaint(const struct bg_codec_kernel *kernel);
