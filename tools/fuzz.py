#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Searches for inputs that break a parser: builds the harnesses of tests/fuzz with libFuzzer, AddressSanitizer and
UndefinedBehaviorSanitizer, runs each for a while from its corpus, and prints what came of it.

An input that breaks one is left in build-fuzz/, and named. Once it is mended, it goes into the corpus of its harness
under the name of what was wrong: ./check tries it from then on."""

import argparse
import concurrent.futures
import hashlib
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
from typing import NamedTuple

ROOT = pathlib.Path(__file__).resolve().parent.parent
CORPUS = ROOT / 'tests' / 'fuzz' / 'corpus'
BUILD = ROOT / 'build-fuzz'
MOST_FILES = 40          # that a harness's corpus may hold ...
MOST_BYTES = 100_000     # ... and their size
MOST_INPUT = 8192        # bytes of one input
OPTIONS = ['-Dfuzzing=true', '-Dtests=enabled', '--buildtype=debug', '-Doptimization=1',
           '-Db_sanitize=address,undefined', '-Db_lundef=false', '-Dc_args=-fno-sanitize-recover=all']
# What a log says of a failure: the sentence, and our functions on the stack.
OURS = r'does not hold|ERROR|runtime error|SUMMARY|Assertion|^    #\d+ .* \S+\.c:\d+'


class Outcome(NamedTuple):
    name: str
    executions: int
    rate: int
    coverage: int
    features: int
    files: int
    verdict: str   # 'ok', or what happened
    log: str


def build(names):
    clang = next(filter(None, map(shutil.which, ['clang', 'clang-19', 'clang-16', 'clang-14'])), None)
    if not clang:
        sys.exit('fuzz: clang is not installed: apt-get install clang (it brings libFuzzer)')
    environment = dict(os.environ, CC=clang)
    subprocess.run([ROOT / 'package' / 'configure.sh', BUILD, *OPTIONS], env=environment, check=True)
    targets = [f'tests/fuzz/fuzz_{name}' for name in names]
    if subprocess.run(['ninja', '--quiet', '-C', BUILD, *targets]).returncode != 0:
        sys.exit('fuzz: the build failed; the compiler said why, above')


def harnesses():
    return sorted(path.stem[len('fuzz_'):] for path in (ROOT / 'tests' / 'fuzz').glob('fuzz_*.c'))


def fuzzer(name, *arguments):
    """The command line of a harness."""
    return [BUILD / 'tests' / 'fuzz' / f'fuzz_{name}', '-timeout=20', '-rss_limit_mb=1536', f'-max_len={MOST_INPUT}',
            *arguments]


def environment():
    return dict(os.environ, ASAN_OPTIONS='detect_leaks=1', UBSAN_OPTIONS='print_stacktrace=1')


def last(pattern, text, default=0):
    found = re.findall(pattern, text, re.M)
    return int(found[-1]) if found else default


def search(name, seconds):
    found = BUILD / 'found' / name
    found.mkdir(parents=True, exist_ok=True)
    prefix = BUILD / f'{name}-'
    command = fuzzer(name, f'-max_total_time={seconds}', '-print_final_stats=1', f'-artifact_prefix={prefix}', found,
                     CORPUS / name)
    done = subprocess.run(command, capture_output=True, text=True, errors='replace', env=environment())
    log = done.stderr
    artifact = re.search(r'Test unit written to (.*)', log)
    verdict = 'ok' if done.returncode == 0 else f'{artifact[1] if artifact else f"exit {done.returncode}"}'
    executions = last(r'^stat::number_of_executed_units: +(\d+)', log, last(r'^#(\d+)', log))
    return Outcome(name, executions, last(r'^stat::average_exec_per_sec: +(\d+)', log, executions // seconds),
                   last(r'cov: (\d+)', log), last(r'ft: (\d+)', log), len(list(found.iterdir())), verdict, log)


def report(outcomes):
    print(f'\n{"harness":16} {"executions":>10} {"per second":>10} {"edges":>7} {"features":>8} {"found":>6}  result')
    for o in outcomes:
        print(f'{o.name:16} {o.executions:10} {o.rate:10} {o.coverage:7} {o.features:8} {o.files:6}  {o.verdict}')
    failed = [o for o in outcomes if o.verdict != 'ok']
    for o in failed:
        lines = [line for line in o.log.splitlines() if re.search(OURS, line)]
        print(f'\n-- {o.name}: {o.verdict}')
        print('\n'.join('   ' + line[:240] for line in lines[:16]))
    print(f'\n{len(outcomes)} harnesses, {sum(o.executions for o in outcomes)} executions, {len(failed)} broken')
    return 1 if failed else 0


# --- Choosing what to keep ------------------------------------------------------------------------------------------

def features(name, folders):
    """Path -> set of features, for every file of the folders, as libFuzzer's merge measures them."""
    with tempfile.TemporaryDirectory() as scratch:
        control = pathlib.Path(scratch) / 'control'
        output = pathlib.Path(scratch) / 'merged'
        output.mkdir()
        subprocess.run(fuzzer(name, '-merge=1', f'-merge_control_file={control}', output, *folders), check=True,
                       capture_output=True, env=environment())
        lines = control.read_text().splitlines()
    count = int(lines[0])
    paths = lines[2:2 + count]
    measured = {}
    for line in lines[2 + count:]:
        words = line.split()
        if words[0] == 'FT':
            measured.setdefault(paths[int(words[1])], set()).update(words[2:])
    return measured


def keep(name):
    """Adds to the corpus what the search found, as far as it reaches something new and there is room."""
    corpus = CORPUS / name
    for path in corpus.glob('*.found'):
        shutil.copy(path, BUILD / 'found' / name / path.name)
        path.unlink()
    measured = features(name, [corpus, BUILD / 'found' / name])
    kept = [path for path in measured if pathlib.Path(path).parent == corpus]
    reached = set().union(*(measured.pop(path) for path in kept)) if kept else set()
    size = sum(path.stat().st_size for path in corpus.iterdir())
    count = len(list(corpus.iterdir()))
    while measured and count < MOST_FILES:
        # The most that is new for its bytes; of equals, the first by name.
        path = max(sorted(measured), key=lambda path: len(measured[path] - reached) / (64 + os.path.getsize(path)))
        new = measured.pop(path) - reached
        content = pathlib.Path(path).read_bytes()
        if not new:
            break
        if size + len(content) > MOST_BYTES:
            continue
        (corpus / f'{hashlib.sha256(content).hexdigest()[:12]}.found').write_bytes(content)
        reached |= new
        size += len(content)
        count += 1
    print(f'{name:16} {count} files, {size} bytes')


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition('\n\n')[0])
    parser.add_argument('harnesses', metavar='HARNESS', nargs='*', help='only these: ' + ', '.join(harnesses()))
    parser.add_argument('--seconds', type=int, default=60, help='per harness (60)')
    parser.add_argument('--jobs', type=int, default=2, help='harnesses at a time (2)')
    parser.add_argument('--keep', action='store_true',
                        help='afterwards, add to the corpora what was found and reaches something new')
    arguments = parser.parse_args()
    unknown = set(arguments.harnesses) - set(harnesses())
    if unknown:
        parser.error(f'there is no harness {", ".join(sorted(unknown))}')
    names = arguments.harnesses or harnesses()
    build(names)
    outcomes = []
    with concurrent.futures.ThreadPoolExecutor(arguments.jobs) as pool:
        for outcome in pool.map(lambda name: search(name, arguments.seconds), names):
            print(f'{outcome.name}: {outcome.executions} executions, {outcome.verdict}', flush=True)
            outcomes.append(outcome)
    if arguments.keep:
        print()
        for outcome in outcomes:
            keep(outcome.name)
    return report(outcomes)


if __name__ == '__main__':
    sys.exit(main())
