# SPDX-License-Identifier: Apache-2.0
"""Writes JSON files into a C file, so that programs need no data folder: embed.py OUT.c ARRAY FILE.json ..."""
import pathlib
import sys

out, array, *files = sys.argv[1:]
lines = ['/* SPDX-License-Identifier: Apache-2.0 */', '#include "datasets/embedded.h"', '',
         f'const struct bg_embedded_file {array}[] = {{']
for path in map(pathlib.Path, files):
    lines.append(f'    {{"{path.stem}",')
    for text in path.read_text(encoding='ascii').splitlines():
        escaped = text.replace('\\', '\\\\').replace('"', '\\"')
        lines.append(f'     "{escaped}\\n"')
    lines[-1] += '},'
lines += ['    {0},', '};', '']
pathlib.Path(out).write_text('\n'.join(lines), encoding='ascii')
