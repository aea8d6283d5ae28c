# SPDX-License-Identifier: Apache-2.0
"""burgee-bench server as a user meets it: python3 test_bench_server.py BURGEE_BENCH"""

import json
import pathlib
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / 'policy'))
from policy import Tap  # noqa: E402

PROGRAM = pathlib.Path(sys.argv[1]).resolve()
INVALID = 64


def run(*words):
    return subprocess.run([PROGRAM, 'server', *map(str, words)], capture_output=True, text=True, timeout=120)


tap = Tap()
with tap.trying('every upload is acknowledged, and what they took is told'):
    told = json.loads(run('--clients', 6, '--kib', 100, '--idle', 12, '--json').stdout)
    assert [row['name'] for row in told['rows']] == ['tls', 'sink'], told
    assert all(row['errors'] == 0 and row['cpu_seconds'] > 0 and row['seconds'] > 0 for row in told['rows']), told
    assert told['idle_errors'] == 0 and 0 < told['idle_bytes'] < told['idle_resident_bytes'], told
with tap.trying('people get a table'):
    done = run('--clients', 2, '--kib', 1, '--idle', 0)
    assert done.returncode == 0 and [line.split()[0] for line in done.stdout.splitlines()] == ['tls', 'sink'], done
with tap.trying('wrong words are refused'):
    for words in (['--clients', 'many'], ['--clients', 0], ['more']):
        done = run(*words)
        assert done.returncode == INVALID and str(words[-1]) in done.stderr, done
tap.end()
