#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Known answers for what all roles compute alike, from the rules in protocol/envelope.h and protocol/partition.h.

Writes partition_vectors.h beside itself. Clients are SHA-256 of "client 0", "client 1", …; client i is in cell
"north" if i is a multiple of 3, otherwise in "south".
"""
import hashlib
import pathlib


def sha(*parts):
    return hashlib.sha256(b"".join(parts)).digest()


def cell_of(i):
    return b"north" if i % 3 == 0 else b"south"


def padded(label):
    return label.ljust(32, b"\0")


def sized(part):
    return len(part).to_bytes(8, "little") + part


def partition(clients, beacon, k, k_min):
    """Groups of indices, cells in order of their labels."""
    groups = []
    for cell in sorted({cell_of(i) for i in range(len(clients))}):
        order = sorted((i for i in range(len(clients)) if cell_of(i) == cell), key=lambda i: sha(beacon, clients[i]))
        n = len(order)
        count = -(-n // k)
        while count and n // count < k_min:
            count -= 1
        begin = 0
        for g in range(count):
            size = n // count + (g < n % count)
            groups.append(order[begin:begin + size])
            begin += size
    return groups


CLIENTS = [sha(b"client %d" % i) for i in range(19)]
ROSTER = sha(*(client + padded(cell_of(i)) for client, i in sorted((c, i) for i, c in enumerate(CLIENTS))))
ROOT_NONCE, KEYHOLDER_NONCE = sha(b"root nonce"), sha(b"key-holder nonce")
BEACON = sha(b"burgee beacon\0", ROSTER, ROOT_NONCE, KEYHOLDER_NONCE)
KEY_PART, ROOT_PART = b"the key part", b"the part of the root"
PLAN_ID = sha(b"burgee plan\0", sized(KEY_PART), sized(ROOT_PART))
GROUPS = partition(CLIENTS, BEACON, 4, 3)

rows = ",\n".join("    {" + ", ".join(str(i) for i in group + [-1]) + "}" for group in GROUPS)
text = f"""/* SPDX-License-Identifier: Apache-2.0 */
/* Made by gen_partition.py, which says what is what. */
#pragma once

#define VECTOR_CLIENTS {len(CLIENTS)}
#define VECTOR_KEY_PART "{KEY_PART.decode()}"
#define VECTOR_ROOT_PART "{ROOT_PART.decode()}"
#define VECTOR_PLAN_ID "{PLAN_ID.hex()}"
#define VECTOR_ROSTER "{ROSTER.hex()}"
#define VECTOR_BEACON "{BEACON.hex()}"
#define VECTOR_GROUPS {len(GROUPS)}

/* Members by the numbers of their clients, ended by −1; k = 4, k_min = 3. */
static const int vector_groups[VECTOR_GROUPS][{max(map(len, GROUPS)) + 1}] = {{
{rows},
}};
"""
pathlib.Path(__file__).with_name("partition_vectors.h").write_text(text)
