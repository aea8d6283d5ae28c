# SPDX-License-Identifier: Apache-2.0
"""./check counts what meson's log holds, and cannot be fooled by programs that test nothing."""

import sys
import tempfile
from pathlib import Path

from policy import ROOT, Tap

sys.path.insert(0, str(ROOT / 'tools'))
import run_tests  # noqa: E402  (found through the line above)

HEAD = 'TAP version 13\n1..2\n# Criterion v2.4.1\n'


def counts(output, result='OK', protocol='tap', errors=''):
    """(passed, failed, skipped) for one program's entry in the log, and its failures."""
    tally = run_tests.Tally()
    test = {'name': 'x', 'suite': ['burgee:unit'], 'protocol': protocol, 'cmd': ['x'], 'depends': []}
    run_tests.tally_test({'stdout': output, 'result': result, 'stderr': errors, 'command': ['x']}, test, tally)
    return (tally.passed, len(tally.failures), len(tally.skips)), tally.failures


def expect(output, expected, **entry):
    found, failures = counts(output, **entry)
    return [] if found == expected else [f'counted {found} instead of {expected}: {failures}']


def detail_names_the_assertion():
    _, failures = counts(HEAD + 'not ok - a::b  (0.00s)\n  ---\n  - f.c:5: |+\n      Assertion failed: 1\n  ...\n'
                                'ok - a::c  (0.00s)\n', result='ERROR', errors='said on stderr\n')
    wanted = ['unit/x: a::b', 'f.c:5', 'Assertion failed: 1', 'said on stderr']
    text = ' '.join(failures[0])
    return [f'{word!r} is missing in {text!r}' for word in wanted if word not in text]


def leak_is_failure():
    with tempfile.TemporaryDirectory() as folder:
        (Path(folder) / 'log.1').write_text('==1==ERROR: LeakSanitizer\nSUMMARY: AddressSanitizer: 7 byte(s) leaked\n')
        tally = run_tests.Tally()
        run_tests.tally_logs(Path(folder), tally)
    return [] if [failure.name for failure in tally.failures] == \
        ['sanitizer report: AddressSanitizer: 7 byte(s) leaked'] else [str(tally.failures)]


LEAK = """==7==ERROR: LeakSanitizer: detected memory leaks

Direct leak of 48 byte(s) in 1 object(s) allocated from:
    #0 0x7ffff78b83b7 in __interceptor_calloc ../../../../src/libsanitizer/asan/asan_malloc_linux.cpp:77
    #1 0x7ffff7fa4332  (/lib/x86_64-linux-gnu/libcriterion.so.3+0x1a332)
{}
SUMMARY: AddressSanitizer: 48 byte(s) leaked in 1 allocation(s).
"""


def leak_of_the_runner():
    def failures(report):
        with tempfile.TemporaryDirectory() as folder:
            (Path(folder) / 'log.1').write_text(report)
            tally = run_tests.Tally()
            run_tests.tally_logs(Path(folder), tally)
        return len(tally.failures)
    counted = failures(LEAK.format('')), failures(LEAK.format('    #2 0x55 in test_body ../tests/unit/x.c:7\n'))
    return [] if counted == (0, 1) else [f'failures of the runner\'s own leak and of a test\'s: {counted}']


def selection():
    tests = [{'name': name, 'suite': [f'burgee:{name}']} for name in ('unit', 'fuzz', 'tools', 'threads')]
    stages = {stage.folder: {test['name'] for test in run_tests.select(tests, stage, set())}
              for stage in run_tests.STAGES}
    wanted = {'build-check-asan': {'unit', 'fuzz'}, 'build': {'tools'}, 'build-check-tsan': {'threads'}}
    complaints = [] if stages == wanted else [f'stages run {stages}']
    left = [test['name'] for test in run_tests.select(tests, run_tests.QUICK, {'tools'})]
    return complaints + ([] if left == ['tools'] else [f'a filter leaves {left}'])


CASES = {
    'counts passed and skipped cases': expect(HEAD + 'ok - a::b  (0.00s)\nok - a::c  # SKIP no data\n', (1, 0, 1)),
    'counts failed cases once': expect(HEAD + 'ok - a::b\nnot ok - a::c  (0.00s)\n', (1, 1, 0), result='ERROR'),
    'fails a program that found no test': expect('TAP version 13\n1..0\n# Criterion v2.4.1\n', (0, 1, 0),
                                                 result='SKIP'),
    'fails a program without output': expect('', (0, 1, 0), result='SKIP'),
    'takes a program that skips itself with a reason': expect('1..0 # SKIP no network\n', (0, 0, 1), result='SKIP'),
    'fails a program that hangs after good cases': expect(HEAD + 'ok - a::b\n', (1, 1, 0), result='TIMEOUT'),
    'fails a program that ends badly after good cases': expect(HEAD + 'ok 1 - b\nok 2 - c\n', (2, 1, 0),
                                                               result='ERROR'),
    'counts plain programs by their status': expect('', (1, 0, 0), protocol='exitcode')
    + expect('no data\n', (0, 0, 1), protocol='exitcode', result='SKIP')
    + expect('', (0, 1, 0), protocol='exitcode', result='FAIL'),
    'shows the assertion and what the program said': detail_names_the_assertion(),
    'fails on a leak': leak_is_failure(),
    'passes over what Criterion itself forgets, and no more': leak_of_the_runner(),
    'runs each suite in its build': selection(),
}

tap = Tap()
for name, complaints in CASES.items():
    tap.case(name, complaints)
tap.end()
