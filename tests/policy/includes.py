# SPDX-License-Identifier: Apache-2.0
"""Who includes whom: enforces the tables of docs/ARCHITECTURE.md on every #include."""

import fnmatch
import pathlib
import re

from policy import ROOT, Rule, Tap, files, lines, read, run_rules

PAGE = 'docs/ARCHITECTURE.md'
INCLUDE = r'^[ \t]*#[ \t]*include[ \t]*([<"])([^>"]+)[>"]'
SYSTEM = set('''assert complex ctype dirent errno fcntl fenv float getopt inttypes libgen limits locale math pthread
    sched setjmp signal stdalign stdarg stdatomic stdbool stddef stdint stdio stdlib stdnoreturn string strings
    threads time unistd poll semaphore ftw spawn'''.split())


def tables(page, *head):
    """Rows of the page's tables with these column titles: one tuple of `code` word lists per row."""
    rows = []
    inside = False
    for line in page.splitlines():
        cells = [cell.strip() for cell in line.strip().strip('|').split('|')] if line.startswith('|') else []
        if cells[:len(head)] == list(head):
            inside = True
        elif not cells:
            inside = False
        elif inside and not set(line) <= set('|-: '):
            rows.append(tuple(re.findall(r'`([^`]+)`', cell) for cell in cells[:len(head)]))
    return rows


class Architecture:
    def __init__(self, page):
        self.folders = {name.rstrip('/'): [other.rstrip('/') for other in allowed]
                        for names, allowed in tables(page, 'folder', 'may include') for name in names}
        self.confined = tables(page, 'header', 'only from')

    def only_from(self, header):
        """Path patterns that may include this header, None if the page does not confine it."""
        for headers, places in self.confined:
            if any(fnmatch.fnmatch(header, pattern) for pattern in headers):
                return places
        return None

    def may_include(self, path, header):
        """An empty string, or why not."""
        folder, _, other = path.partition('/')[0], '', header.partition('/')[0]
        places = self.only_from(header)
        if places is not None and not any(fnmatch.fnmatch(path, place + '*' if place.endswith('/') else place)
                                          for place in places):
            return f'{header} is only for {" ".join(places)}'
        allowed = self.folders.get(folder)
        if allowed is None:
            return f'{folder}/ is not in the include table'
        if other in self.folders and other != folder and other not in allowed and '*' not in allowed:
            return f'{folder}/ may not include {other}/'
        return ''


def is_system(header):
    name = header[:-2] if header.endswith('.h') else header
    return name in SYSTEM or name.startswith(('sys/', 'arpa/', 'netinet/', 'linux/', 'net/if'))


def includes(text):
    return [(line, match[1] == '"', match[2]) for line, match in lines(text, INCLUDE)]


def layers(architecture):
    def check(path, text):
        for line, ours, header in includes(text):
            complaint = architecture.may_include(path, header) if ours or not is_system(header) else ''
            if complaint:
                yield line, complaint
    return check


def known_third_party(architecture):
    def check(path, text):
        for line, ours, header in includes(text):
            if not ours and not is_system(header) and architecture.only_from(header) is None:
                yield line, f'<{header}> is neither a system header nor in the table of third-party headers'
    return check


def from_the_root(path, text):
    for line, ours, header in includes(text):
        beside = path.startswith('tests/') and ((ROOT / path).parent / header).is_file()
        if ours and not beside and not (ROOT / header).is_file():
            yield line, f'"{header}" is not a path from the root of the project'


def own_header_first(path, text):
    own = pathlib.PurePath(path).with_suffix('.h').as_posix()
    found = includes(text)
    if path.endswith('.c') and any(header == own for _, _, header in found) and found[0][2] != own:
        yield found[0][0], f'{own} comes first'


def guarded(path, text):
    if path.endswith('.h') and not re.search(r'^#pragma once$', text, re.M):
        yield 1, 'no #pragma once'


SAMPLE = Architecture('''
| folder | may include | why |
|---|---|---|
| `low` | | |
| `left` `right` | `low` | |
| `top` | `low` `left` | |
| `tests` | `*` | |

| header | only from |
|---|---|
| `big.h` `big/*` | `low/` `left/one.c` |
| `low/secret.h` | `low/` `top/` |
''')


REAL = Architecture(read(PAGE))

RULES = [
    Rule('every include keeps to the tables', layers(REAL),
         [('left/a.c', '#include "right/a.h"\n'), ('low/a.c', '#include "top/a.h"\n'),
          ('left/two.c', '#include <big.h>\n'), ('left/two.c', '#  include <big/number.h>\n'),
          ('left/a.c', '#include "low/secret.h"\n'), ('elsewhere/a.c', '#include "low/a.h"\n')],
         [('top/a.c', '#include "left/a.h"\n'), ('left/one.c', '#include <big.h>\n'),
          ('top/a.c', '#include "low/secret.h"\n'), ('tests/a.c', '#include "right/a.h"\n')],
         layers(SAMPLE)),
    Rule('every third-party header is in a table', known_third_party(REAL),
         [('low/a.c', '#include <openssl/ssl.h>\n')],
         [('low/a.c', '#include <sys/stat.h>\n#include <string.h>\n'), ('low/a.c', '#include <big.h>\n')],
         known_third_party(SAMPLE)),
    Rule('our headers are named by their path from the root (or stand beside a test)', from_the_root,
         [('base/span.c', '#include "span.h"\n'), ('base/a.c', '#include "base/none.h"\n')],
         [('wire/a.c', '#include "base/span.h"\n')]),
    Rule('a source includes its own header first', own_header_first,
         [('base/a.c', '#include <string.h>\n#include "base/a.h"\n')],
         [('base/a.c', '#include "base/a.h"\n#include <string.h>\n'), ('base/a.c', '#include <string.h>\n')]),
    Rule('every header is guarded by #pragma once', guarded, [('base/a.h', 'int a;\n')],
         [('base/a.h', '#pragma once\n'), ('base/a.c', 'int a;\n')]),
]


def folders_that_differ():
    """Complaints where the include table and the folders on disk disagree."""
    stated = set(REAL.folders)
    found = {path.partition('/')[0] for path in files('.c', '.h')}
    yield from (f'{name}/ is in the table and has no source' for name in sorted(stated - found))
    yield from (f'{name}/ is not in the table' for name in sorted(found - stated))


def named_and_missing():
    """Files with a path that the page names in `code` and that are not there."""
    for line, match in lines(read(PAGE), r'`([a-z_./-]+/[A-Za-z_.-]+\.[a-z]+)`'):
        if not (ROOT / match[1]).exists():
            yield f'{PAGE}:{line}: there is no {match[1]}'


tap = Tap()
tap.case('the architecture page names files that exist', named_and_missing())
tap.case('the include table names the folders there are', folders_that_differ())
run_rules(tap, RULES, files('.c', '.h'))
tap.end()
