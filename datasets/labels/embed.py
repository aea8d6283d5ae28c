# SPDX-License-Identifier: Apache-2.0
"""Writes label maps into a C file, so that programs need no data folder: embed.py OUT.c MAP.json ..."""
import pathlib
import sys

out, *maps = map(pathlib.Path, sys.argv[1:])
lines = ['/* SPDX-License-Identifier: Apache-2.0 */', '#include "datasets/label_files.h"', '',
         'const struct bg_label_file bg_label_files[] = {']
for path in maps:
    lines.append(f'    {{"{path.stem}",')
    for text in path.read_text(encoding='ascii').splitlines():
        escaped = text.replace('\\', '\\\\').replace('"', '\\"')
        lines.append(f'     "{escaped}\\n"')
    lines[-1] += '},'
lines += ['    {0},', '};', '']
out.write_text('\n'.join(lines), encoding='ascii')
