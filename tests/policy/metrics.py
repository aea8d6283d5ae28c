# SPDX-License-Identifier: Apache-2.0
"""docs/OPERATIONS.md names every metric, with its type and label, and no other."""

import re

from policy import Tap, read

PAGE, SOURCES = 'docs/OPERATIONS.md', ['aggregator/metrics.c', 'base/usage.c']
FAMILY = re.compile(r'(?:bg_expose_(counter|gauge|histogram)\(w, "(\w+)"|bg_expose_family\(w, "(\w+)", "(\w+)"'
                    r'|write_each\(w, "(\w+)")')


def written(text):
    found = {}
    for kind, name, family, its_kind, each in FAMILY.findall(text):
        found[name or family or each] = kind or its_kind or 'counter'
    return found


def documented(page):
    return {name: kind for name, kind in re.findall(r'^\| `(\w+)(?:\{\w+=\})?` \| (\w+) \|', page, re.M)}


def complaints(sources, page):
    code, told = written(sources), documented(page)
    return [f'{name}: {code.get(name, "no metric")} in the code, {told.get(name, "not mentioned")} in {PAGE}'
            for name in sorted({*code, *told}) if code.get(name) != told.get(name)]


SAMPLE = '''bg_expose_counter(w, "a_total", "A.", 1); bg_expose_family(w, "b", "gauge", "B.");
write_each(w, "c_total", "C.", ...)'''
GOOD = '| `a_total` | counter | x |\n| `b{x=}` | gauge | x |\n| `c_total{y=}` | counter | x |\n'

tap = Tap()
tap.case('a page that names all passes', complaints(SAMPLE, GOOD))
for what, page in {'a missing metric': GOOD.replace('| `b{x=}` | gauge | x |\n', ''),
                   'a wrong type': GOOD.replace('gauge', 'counter'),
                   'a metric that is not there': GOOD + '| `d` | gauge | x |\n'}.items():
    tap.case(f'can fail: {what}', [] if complaints(SAMPLE, page) else ['nothing was found'])
tap.case('every metric is documented as it is', complaints('\n'.join(map(read, SOURCES)), read(PAGE)))
tap.end()
