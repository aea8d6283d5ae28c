# SPDX-License-Identifier: Apache-2.0
"""What the policy tests share: the project's files, rules that are checked on them, and the test protocol."""

import contextlib
import pathlib
import re
import subprocess
import sys
import traceback
from typing import Callable, NamedTuple

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
NOT_OURS = re.compile(r'^(build|build-.*|demo-results|__pycache__|\.(?!ci$|gitignore$|clang-format$).*)$')

MOST_SHOWN = 20  # complaints per case


class Rule(NamedTuple):
    """One sentence that holds for every file; `check` gives (line, complaint) pairs."""
    name: str
    check: Callable     # (path from the root, text) -> iterable of (line number, complaint)
    violations: list    # samples (path, text) that it must complain about ...
    accepted: list      # ... and samples that it must not: a rule that cannot fail proves nothing
    trial: Callable = None  # the check on the samples, where it is not the same


def files(*suffixes):
    """Paths of our files with one of the suffixes ('' for none), from the root, sorted."""
    def walk(folder):
        for entry in sorted(folder.iterdir()):
            if entry.is_dir() and not NOT_OURS.match(entry.name):
                yield from walk(entry)
            elif entry.suffix in suffixes and not NOT_OURS.match(entry.name):
                yield entry.relative_to(ROOT).as_posix()
    return list(walk(ROOT))


def read(path):
    return (ROOT / path).read_text(encoding='utf-8')


def lines(text, pattern):
    """(line number, match) of every match of a regular expression."""
    for match in re.finditer(pattern, text, re.M):
        yield text.count('\n', 0, match.start()) + 1, match


COMMENT_OR_LITERAL = re.compile(r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'', re.S)


def code_only(text):
    """C text with comments and literals blanked out, lines kept."""
    return COMMENT_OR_LITERAL.sub(lambda match: re.sub(r'[^\n]', ' ', match[0]), text)


class Tap:
    """Writes the Test Anything Protocol, which meson and ./check count."""

    def __init__(self):
        self.cases = self.failed = 0
        print('TAP version 13')

    def case(self, name, complaints):
        complaints = list(complaints)
        self.cases += 1
        self.failed += bool(complaints)
        print(f'{"not ok" if complaints else "ok"} {self.cases} - {name.replace("#", "no.")}')
        if complaints:
            print('  ---')
            for complaint in complaints[:MOST_SHOWN]:
                for line in str(complaint).splitlines():
                    print('  ' + line)
            if len(complaints) > MOST_SHOWN:
                print(f'  … and {len(complaints) - MOST_SHOWN} more')
            print('  ...')
        sys.stdout.flush()

    @contextlib.contextmanager
    def trying(self, name):
        """A case: what goes wrong inside is its complaint."""
        try:
            yield
        except (AssertionError, LookupError, NameError, OSError, ValueError, subprocess.SubprocessError):
            self.case(name, [traceback.format_exc(limit=-3)])
        else:
            self.case(name, [])

    def skip(self, name, reason):
        self.cases += 1
        print(f'ok {self.cases} - {name} # SKIP {reason}')

    def end(self):
        print(f'1..{self.cases}')
        sys.exit(1 if self.failed else 0)


def run_rules(tap, rules, paths):
    """For every rule: its samples, then all files."""
    texts = {path: read(path) for path in paths}
    for rule in rules:
        trial = rule.trial or rule.check
        missed = [f'accepted: {path}: {text!r}' for path, text in rule.violations if not list(trial(path, text))]
        wrong = [f'refused: {path}: {text!r}' for path, text in rule.accepted if list(trial(path, text))]
        tap.case(f'can fail: {rule.name}', missed + wrong)
        tap.case(rule.name, [f'{path}:{line}: {complaint}' for path, text in texts.items()
                             for line, complaint in rule.check(path, text)])
