/* SPDX-License-Identifier: Apache-2.0 */
/* Made by gen_partition.py, which says what is what. */
#pragma once

#define VECTOR_CLIENTS 19
#define VECTOR_KEY_PART "the key part"
#define VECTOR_ROOT_PART "the part of the root"
#define VECTOR_PLAN_ID "663b5c52a43f0518bd60299f27d9e2a07541eddb6855b01a8dc7de473ea15cfb"
#define VECTOR_ROSTER "8ac961a8cb179520e795a63690e21a7bcdb326d92d04ce908ea5256a2996e096"
#define VECTOR_BEACON "26901650c3506890f815b60655c337fb3869835f173170ac9bf573b36be17b02"
#define VECTOR_GROUPS 5

/* Members by the numbers of their clients, ended by −1; k = 4, k_min = 3. */
static const int vector_groups[VECTOR_GROUPS][5] = {
    {15, 3, 0, 18, -1},
    {9, 6, 12, -1},
    {13, 7, 10, 4, -1},
    {11, 2, 8, 1, -1},
    {14, 5, 17, 16, -1},
};
