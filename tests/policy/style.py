# SPDX-License-Identifier: Apache-2.0
"""The form of our text files."""

import pathlib
import re

from policy import Tap, files, lines, run_rules, Rule

COLUMNS = 120
FILE_LINES = 700
CODE = ('.c', '.h', '.py', '.sh', '.build', '')


def is_code(path):
    name = pathlib.PurePath(path)
    return name.suffix in CODE and name.name != 'LICENSE' and not name.name.startswith('.')


def of_code(check):
    return lambda path, text: check(path, text) if is_code(path) else []


def forbid(pattern, complaint):
    return lambda path, text: ((line, complaint) for line, _ in lines(text, pattern))


def long_lines(path, text):
    for number, line in enumerate(text.split('\n'), 1):
        if len(line) > COLUMNS:
            yield number, f'{len(line)} columns'


def long_file(path, text):
    if text.count('\n') > FILE_LINES:
        yield FILE_LINES, f'{text.count(chr(10))} lines: look for a second subject'


def last_line(path, text):
    if text and not text.endswith('\n'):
        yield text.count('\n') + 1, 'no newline at the end'
    elif text.endswith('\n\n'):
        yield text.count('\n'), 'empty line at the end'


def licence_line(path, text):
    if 'SPDX-License-Identifier: Apache-2.0' not in '\n'.join(text.split('\n')[:2]):
        yield 1, 'no SPDX line on top'


# Put together here, so that this file keeps the rules it states.
MARKS = '|'.join(['TO' 'DO', 'FIX' 'ME', 'X' 'XX', 'HA' 'CK'])
MACHINE_FOLDERS = '|'.join(['home', 'root', 'tmp', 'work', 'workspace', 'mnt', 'Users'])
MACHINE_PATH = rf'(^|[^A-Za-z0-9_.])/({MACHINE_FOLDERS})/[A-Za-z0-9_.-]+/'

RULES = [
    Rule('no tabs and no blanks at line ends', forbid(r'\t|[ \r]+$', 'tab, or blank at the end of the line'),
         [('a.c', 'int a;\tint b;\n'), ('a.md', 'text \n'), ('a.c', 'int a;\r\n')], [('a.c', 'int a;\n')]),
    Rule('files end with one newline', last_line, [('a.c', 'int a;'), ('a.c', 'int a;\n\n')], [('a.c', 'int a;\n')]),
    Rule(f'lines of code fit {COLUMNS} columns', of_code(long_lines),
         [('a.c', 'x' * (COLUMNS + 1) + '\n')], [('a.c', 'é' * COLUMNS + '\n'), ('a.md', 'x' * 300 + '\n')]),
    Rule(f'files of code have at most {FILE_LINES} lines', of_code(long_file),
         [('a.c', '\n' * (FILE_LINES + 1))], [('a.c', '\n' * FILE_LINES)]),
    Rule('every source names its licence', of_code(licence_line), [('a.c', 'int a;\n')],
         [('check', '#!/bin/sh\n# SPDX-License-Identifier: Apache-2.0\n')]),
    Rule('no unfinished marks', forbid(rf'\b({MARKS})\b', 'finish it, or say it in an issue'),
         [('a.c', f'/* {mark}: later */\n') for mark in MARKS.split('|')], [('a.c', 'int HACKED;\n')]),
    Rule('no paths of one machine', forbid(MACHINE_PATH, 'path of one machine'),
         [('a.c', '"/' + 'home/someone/x"'), ('a.md', '`/' + 'tmp/results/a.json`')],
         [('a.c', '"/dev/null"'), ('a.md', 'https://example.org/home/page'), ('a.c', 'data/home/x/y'),
          ('a.c', '"/' + 'tmp/burgee-XXXXXX"')]),
]

tap = Tap()
generated = re.compile(r'tests/vectors/.*\.h')
run_rules(tap, RULES, [path for path in files(*CODE, '.md', '.json', '.txt') if not generated.match(path)])
tap.end()
