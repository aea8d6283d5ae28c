# SPDX-License-Identifier: Apache-2.0
"""Every header compiles alone, and a second compiler has nothing to say about any source: compile.py BUILD_FOLDER."""

import concurrent.futures
import json
import os
import pathlib
import shlex
import shutil
import subprocess
import sys

from policy import ROOT, Tap, files

BUILD = pathlib.Path(sys.argv[1])
CLANG = next(filter(None, map(shutil.which, ['clang', 'clang-19', 'clang-16', 'clang-14'])), None)


def flags(command):
    """What a compile command says about language, warnings and include paths."""
    words = shlex.split(command)
    return [word for before, word in zip(['', *words], words)
            if before == '-isystem' or word.startswith(('-I', '-isystem', '-D', '-W', '-std', '-pthread'))
            and not word.startswith('-Wl,')]


def compiled():
    """Source path from the root -> flags, for everything of the project that this build compiles."""
    commands = json.loads((BUILD / 'compile_commands.json').read_text())
    paths = {os.path.relpath(BUILD / entry['file'], ROOT): flags(entry['command']) for entry in commands}
    return {path: options for path, options in paths.items() if not path.startswith('..')}


def flags_near(path, sources):
    """Flags of a source in the same folder, or else in the nearest one above or beside it."""
    def distance(source):
        return -len(os.path.commonpath([os.path.dirname(path) or '.', os.path.dirname(source) or '.']))
    return sources[min(sources, key=distance)]


def complaints(compiler, options, code=None, path=None):
    """What the compiler says about a text, or about a file."""
    command = [compiler, *options, '-Werror', '-fsyntax-only', *(['-x', 'c', '-'] if path is None else [path])]
    done = subprocess.run(command, input=code, text=True, capture_output=True, cwd=BUILD)
    return [] if done.returncode == 0 else [done.stderr or done.stdout]


def in_parallel(check, paths):
    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        return list(zip(paths, pool.map(check, paths)))


def flat(results):
    return [complaint for _, found in results for complaint in found]


tap = Tap()
sources = compiled()
any_flags = next(iter(sources.values()))
alone = '#include <stddef.h>\nsize_t bg_x(void);\n'
not_alone = 'size_t bg_x(void);\n'
unused = 'int bg_x(int a);\nint bg_x(int a)\n{\n    int b = a;\n    return a;\n}\n'

tap.case('can fail: every header compiles alone',
         [] if complaints('gcc', any_flags, not_alone) and not complaints('gcc', any_flags, alone) else ['it cannot'])
headers = [path for path in files('.h') if not path.startswith('tests/vectors/')]  # those are tables of one test
# Twice, so that a missing guard shows.
for path, found in in_parallel(
        lambda path: complaints('gcc', flags_near(path, sources), f'#include "{path}"\n' * 2), headers):
    tap.case(f'{path} compiles alone', found)

if CLANG:
    tap.case('can fail: clang warns about no source',
             [] if complaints(CLANG, any_flags, unused) and not complaints(CLANG, any_flags, alone) else ['it cannot'])
    tap.case('clang warns about no source',
             flat(in_parallel(lambda path: complaints(
                 CLANG, sources[path] + ['-Wno-unknown-warning-option'], path=str(ROOT / path)),
                 sorted(path for path in sources if path.endswith('.c')))))
else:
    tap.skip('clang warns about no source', 'clang is not installed')
tap.end()
