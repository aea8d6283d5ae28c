#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Builds and runs burgee's tests, shows what failed and why, and ends with one line:

    N passed, N failed, N skipped

counted per test case. A program that finds no test, crashes, hangs or leaks is a failure, and so is a run without
any test. ./check calls this after installing what is needed."""

import argparse
import collections
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import threading
import time
from typing import NamedTuple

ROOT = pathlib.Path(__file__).resolve().parent.parent
DETAIL_LINES = 60  # of one failure's output


class Stage(NamedTuple):
    """One build folder and the suites that run in it."""
    title: str
    folder: str
    options: list
    suites: set         # names; empty: every suite but those in `without`
    without: set
    patience: int       # multiplies the tests' time limits
    sanitized: bool


RELEASE = Stage('release build', 'build', ['--buildtype=release'], set(), {'unit', 'fuzz', 'threads'}, 1, False)
QUICK = RELEASE._replace(without={'arm'})
STAGES = [
    Stage('address and undefined-behaviour sanitizers', 'build-check-asan',
          ['--buildtype=debug', '-Doptimization=1', '-Db_sanitize=address,undefined',
           '-Dc_args=-fno-sanitize-recover=all'], {'unit', 'fuzz'}, set(), 4, True),
    RELEASE,
    Stage('thread sanitizer', 'build-check-tsan',
          ['--buildtype=debug', '-Doptimization=1', '-Db_sanitize=thread'], {'threads'}, set(), 4, True),
]


class Failure(NamedTuple):
    name: str
    detail: str


class Tally:
    """What all stages together found."""

    def __init__(self):
        self.passed = 0
        self.failures = []
        self.skips = []  # (name, reason)

    def fail(self, name, detail=''):
        self.failures.append(Failure(name, detail))

    def skip(self, name, reason):
        self.skips.append((name, reason))


def say(text=''):
    print(text, flush=True)


def suites_of(test):
    """Suite names without meson's project prefix."""
    return {suite.split(':')[-1] for suite in test['suite']}


def select(tests, stage, wanted):
    def runs(test):
        suites = suites_of(test)
        return (not (suites & stage.without) and (not stage.suites or suites & stage.suites)
                and (not wanted or suites & wanted))
    return [test for test in tests if runs(test)]


def introspect(folder, what):
    return json.loads((folder / 'meson-info' / f'intro-{what}.json').read_text())


def test_targets(folder, tests):
    """Files that must be built before `tests` can run."""
    needed = {target for test in tests for target in test['depends']}
    return [os.path.relpath(file, folder) for target in introspect(folder, 'targets') if target['id'] in needed
            for file in target['filename']]


def fixed_addresses():
    """Some kernels randomize addresses more than the sanitizers of gcc 12 bear; this prefix turns that off."""
    prefix = ['setarch', '-R']
    if shutil.which('setarch') and subprocess.run(prefix + ['true'], capture_output=True).returncode == 0:
        return prefix
    return []


def environment(logs):
    env = dict(os.environ, CRITERION_JOBS='2', PYTHONDONTWRITEBYTECODE='1')
    # Criterion fails on the sanitizers' errors but not on leaks: they go to files, and a file is a failure. The status
    # says nothing then: with another one a leak cuts off what the program has printed.
    env['ASAN_OPTIONS'] = f'log_path={logs}/log:print_summary=1:halt_on_error=1:detect_leaks=1:exitcode=0'
    env['UBSAN_OPTIONS'] = f'log_path={logs}/log:print_summary=1:halt_on_error=1:print_stacktrace=1'
    env['TSAN_OPTIONS'] = 'halt_on_error=1:second_deadlock_stack=1'
    return env


# --- The protocol of the tests --------------------------------------------------------------------------------------

TAP_CASE = re.compile(r'(not )?ok\b(?:\s+\d+)?\s*(?:-\s*)?([^#]*)(?:#\s*(\w+)\s*(.*))?')


def tally_tap(name, output, tally):
    """Counts the cases of one TAP program; gives (cases, failed cases)."""
    cases = failed = 0
    lines = output.splitlines()
    for i, line in enumerate(lines):
        match = TAP_CASE.match(line)
        if not match:
            continue
        cases += 1
        label = f'{name}: {re.sub(r"[(][0-9.]+s[)]$", "", match[2].strip()).strip()}'
        if match[1]:
            failed += 1
            tally.fail(label, '\n'.join(following(lines, i + 1)))
        elif (match[3] or '').upper() == 'SKIP':
            tally.skip(label, match[4].strip())
        else:
            tally.passed += 1
    return cases, failed


def following(lines, start):
    """The indented block, or comment lines, under a TAP case."""
    for line in lines[start:]:
        if not line.startswith((' ', '#')):
            return
        if line.strip() not in ('---', '...'):
            yield line


def tally_test(entry, test, tally):
    """Counts one entry of meson's test log."""
    name = f'{min(suites_of(test))}/{test["name"]}'
    result, errors = entry['result'], entry.get('stderr') or ''
    output = entry['stdout'] or ''
    if test['protocol'] == 'tap':
        cases, failed = tally_tap(name, output, tally)
        if failed:
            last = tally.failures[-1]
            tally.failures[-1] = last._replace(detail=f'{last.detail}\n{errors}'.strip('\n'))
        elif result not in ('OK', 'SKIP'):
            tally.fail(f'{name} ({result.lower()})', output + errors)
        elif cases == 0 and not re.search(r'^1\.\.0\s*#\s*skip', output, re.I | re.M):
            tally.fail(name, 'the program found no test to run')
        elif cases == 0:
            tally.skip(name, output.partition('#')[2].strip())
    elif result == 'OK':
        tally.passed += 1
    elif result == 'SKIP':
        tally.skip(name, (output + errors).strip().splitlines()[-1] if (output + errors).strip() else '')
    else:
        tally.fail(f'{name} ({result.lower()})', output + errors)


# --- Running --------------------------------------------------------------------------------------------------------

class StillRunning(threading.Thread):
    """Names what is running whenever nothing ended for a while."""

    def __init__(self, tests, seconds=30):
        super().__init__(daemon=True)
        self.left = {test['name'] for test in tests}
        self.seconds = seconds
        self.event = threading.Event()
        self.over = False

    def ended(self, line):
        match = re.search(r'/ (.*?)\s+(OK|FAIL|SKIP|ERROR|TIMEOUT|EXPECTEDFAIL|UNEXPECTEDPASS|INTERRUPT)\b', line)
        if match:
            self.left.discard(match[1])
        self.event.set()

    def run(self):
        while not self.over:
            if self.event.wait(self.seconds):
                self.event.clear()
            elif len(self.left) <= 4:
                say('      … still running: ' + ', '.join(sorted(self.left)))
            else:
                say(f'      … {len(self.left)} left')

    def stop(self):
        self.over = True
        self.event.set()


def run_meson_test(folder, tests, stage, logs):
    """Streams one line per ended test program; gives meson's exit status."""
    suites = sorted(set().union(*map(suites_of, tests)))
    command = ['meson', 'test', '-C', str(folder), '--no-rebuild', '-t', str(stage.patience)]
    command += [f'--suite={suite}' for suite in suites]
    if stage.sanitized:
        command = fixed_addresses() + command
    watch = StillRunning(tests)
    watch.start()
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
                          env=environment(logs), text=True, errors='replace') as process:
        for line in process.stdout:
            if re.match(r'\s*\d+/\d+ ', line):
                say('  ' + line.rstrip())
                watch.ended(line)
            elif line.startswith(('ERROR', 'Traceback')):
                say('  ' + line.rstrip())
    watch.stop()
    return process.returncode


FRAME = re.compile(r'^\s+#\d+ 0x[0-9a-f]+ (.*)$', re.M)
RUNNERS_FRAME = re.compile(r'libsanitizer/|\(\S*/lib(?:criterion|boxfort|nanomsg)\.so')


def is_runners_leak(report):
    """Whether all that leaked is memory that Criterion allocated for itself: its runner forgets some at its end."""
    frames = FRAME.findall(report)
    return ('LeakSanitizer: detected memory leaks' in report and frames
            and all(RUNNERS_FRAME.search(frame) for frame in frames))


def tally_logs(logs, tally):
    for log in sorted(logs.iterdir()):
        text = log.read_text(errors='replace').partition('\nShadow bytes around')[0]
        if is_runners_leak(text):
            continue
        summary = re.search(r'^SUMMARY: (.*)', text, re.M)
        tally.fail(f'sanitizer report: {summary[1] if summary else log.name}', text)


def build(folder, tests, stage):
    """Builds what `tests` need; the release build is for people too and is built whole."""
    targets = test_targets(folder, tests) if stage.sanitized else []
    if stage.sanitized and not targets:
        return True
    quiet = [] if sys.stdout.isatty() else ['--quiet']
    return subprocess.run(['ninja', *quiet, '-C', str(folder), *targets]).returncode == 0


def run_stage(stage, wanted, tally):
    say(f'\n== {stage.title} ({stage.folder}/)')
    folder = ROOT / stage.folder
    begin = time.monotonic()
    configure = [str(ROOT / 'package' / 'configure.sh'), str(folder), '-Dtests=enabled', *stage.options]
    if subprocess.run(configure).returncode != 0:
        tally.fail(f'{stage.title}: the build could not be configured')
        return
    tests = select(introspect(folder, 'tests'), stage, wanted)
    if not tests:
        if wanted:
            say('   no test of the suites asked for')
        else:
            tally.fail(f'{stage.title}: no test to run')
        return
    if not build(folder, tests, stage):
        tally.fail(f'{stage.title}: the build failed', 'The compiler said why, above.')
        return
    say(f'   built in {time.monotonic() - begin:.0f} s; {len(tests)} test programs')

    logs = folder / 'sanitizer-logs'
    shutil.rmtree(logs, ignore_errors=True)
    logs.mkdir()
    log = folder / 'meson-logs' / 'testlog.json'
    log.unlink(missing_ok=True)
    status = run_meson_test(folder, tests, stage, logs)

    by_command = {tuple(test['cmd']): test for test in tests}
    failures_before = len(tally.failures)
    entries = [json.loads(line) for line in log.read_text().splitlines()] if log.exists() else []
    for entry in entries:
        test = by_command.pop(tuple(entry['command']), None)
        if test:
            tally_test(entry, test, tally)
    for test in by_command.values():
        tally.fail(f'{min(suites_of(test))}/{test["name"]}', 'the test did not run')
    tally_logs(logs, tally)
    if status != 0 and len(tally.failures) == failures_before:
        tally.fail(f'{stage.title}: meson test ended with status {status}')


def report(tally, seconds):
    if tally.skips:
        say('\n== skipped')
        reasons = collections.Counter(reason or 'no reason given' for _, reason in tally.skips)
        for reason, count in reasons.most_common():
            names = [name for name, why in tally.skips if (why or 'no reason given') == reason]
            say(f'   {count} × {reason}  ({names[0]}{" …" if count > 1 else ""})')
    if tally.failures:
        say('\n== failed')
        for failure in tally.failures:
            say(f'\n-- {failure.name}')
            lines = failure.detail.strip('\n').splitlines()
            if len(lines) > DETAIL_LINES:
                lines = lines[:DETAIL_LINES] + [f'… {len(lines) - DETAIL_LINES} more lines in meson-logs/testlog.txt']
            for line in lines:
                say('   ' + line)
    minutes, rest = divmod(round(seconds), 60)
    say(f'\ntook {minutes} min {rest} s' if minutes else f'\ntook {rest} s')
    say(f'{tally.passed} passed, {len(tally.failures)} failed, {len(tally.skips)} skipped')


def parse_arguments():
    parser = argparse.ArgumentParser(
        prog='./check', description='Installs what is missing, builds, and runs every test.',
        epilog='Exit status 0: every test that ran passed, and at least one did.')
    parser.add_argument('suites', metavar='SUITE', nargs='*',
                        help='run only these suites: unit, fuzz, tools, scenario, policy, threads, arm')
    parser.add_argument('--quick', action='store_true', help='one release build, no sanitizers')
    parser.add_argument('--werror', action='store_true', help='a compiler warning in the release build is a failure')
    return parser.parse_args()


def main():
    arguments = parse_arguments()
    begin = time.monotonic()
    tally = Tally()
    try:
        for stage in [QUICK] if arguments.quick else STAGES:
            if not stage.sanitized and arguments.werror:
                stage = stage._replace(options=stage.options + ['-Dwerror=true'])
            if not stage.suites or not arguments.suites or stage.suites & set(arguments.suites):
                run_stage(stage, set(arguments.suites), tally)
    except KeyboardInterrupt:
        tally.fail('interrupted')
    if not tally.passed and not tally.failures:
        tally.fail('no test was run')
    report(tally, time.monotonic() - begin)
    return 1 if tally.failures else 0


if __name__ == '__main__':
    sys.exit(main())
