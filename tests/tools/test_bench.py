# SPDX-License-Identifier: Apache-2.0
"""burgee-bench as a user meets it: python3 test_bench.py BURGEE_BENCH DATA_FOLDER"""

import gzip
import json
import lzma
import os
import pathlib
import re
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / 'policy'))
from policy import Tap  # noqa: E402

PROGRAM = str(pathlib.Path(sys.argv[1]).resolve())
REAL = pathlib.Path(sys.argv[2]) / 'cicids2017' / 'improved' / 'cic2017_improved_union.csv.xz'
REAL_TEXT_BYTES = 32835229  # all of it stays in the decoder's window, which is 64 MiB
ROWS, COLUMNS = 40000, 80
# Meson has the C library fill fresh memory, which touches pages that a user's run never does.
ENVIRONMENT = {name: value for name, value in os.environ.items() if name != 'MALLOC_PERTURB_'}


def bench(*arguments, status=0):
    done = subprocess.run([PROGRAM, *map(str, arguments)], capture_output=True, text=True, timeout=300,
                          env=ENVIRONMENT)
    assert done.returncode == status, f'exit {done.returncode}: {done.stderr}'
    return done.stdout if status == 0 else done.stderr


def table():
    """A CSV of 12.8 MB as float32, and about twice that as text."""
    header = ','.join(f'c{j}' for j in range(COLUMNS)) + ',state\n'
    lines = (','.join(str((i * 7919 + j * 104729) % 1000003 / 8) for j in range(COLUMNS)) + f',{"ab"[i % 2]}\n'
             for i in range(ROWS))
    return (header + ''.join(lines)).encode()


def check_memory(tap, folder):
    schema = folder / 'schema.json'
    schema.write_text(json.dumps({'columns': {**{f'c{j}': 'number' for j in range(COLUMNS)}, 'state': 'label'},
                                  'labels': ['a', 'b']}))
    text = table()
    for name, pack in (('plain.csv', bytes), ('packed.csv.gz', lambda data: gzip.compress(data, 1)),
                       ('packed.csv.xz', lambda data: lzma.compress(data, preset=0))):
        with tap.trying(f'{name}: reading holds hardly more than the matrix'):
            path = folder / name
            path.write_bytes(pack(text))
            told = json.loads(bench('data', path, '--kind', 'csv', '--schema', schema, '--json'))
            assert (told['rows'], told['columns']) == (ROWS, COLUMNS), told
            assert told['matrix_bytes'] == 4 * ROWS * COLUMNS, told
            assert told['matrix_bytes'] < told['peak_bytes'] < 1.5 * told['matrix_bytes'], told
            assert 0 < told['cpu_seconds'], told


def check_usage(tap, folder):
    with tap.trying('wrong usage is refused with a sentence'):
        assert '--kind papers' in bench('data', folder, '--kind', 'papers', status=64)
        assert 'see burgee-bench data --help' in bench('data', status=64)
        assert '"code"' in bench('code', folder, status=64)
        assert 'see --help' in bench(status=64)
        assert 'nowhere' in bench('data', folder / 'nowhere.csv', status=66)

    with tap.trying('every bench of --help has a --help of its own'):
        names = re.findall(r'^  (\w+) ', bench('--help'), re.M)
        assert 'data' in names, names
        for name in names:
            assert bench(name, '--help').startswith(f'usage: burgee-bench {name}'), name


def check_codec(tap):
    with tap.trying('codec: every task has a row for every kernel, next to memcpy'):
        kernels = {kernel['name']: kernel['usable'] for kernel in json.loads(bench('codec', '--kernels', '--json'))}
        assert kernels['portable'] is True, kernels
        told = json.loads(bench('codec', '--coordinates', 1000, '--rounds', 1, '--json'))
        assert (told['coordinates'], told['rounds']) == (1000, 1), told
        rows = {row.pop('name'): row for row in told['rows']}
        tasks = 'sign', 'residual', 'sign+residual', 'encode', 'commit', 'encode-turn', 'commit-turn', \
            'median', 'pack', 'unpack'
        assert set(rows) == {'memcpy', *(f'{task}/{kernel}' for task in tasks for kernel in kernels)}, rows
        assert abs(rows['memcpy']['of_memcpy'] - 1) < 1e-6, rows
        for name, row in rows.items():
            task, _, kernel = name.partition('/')
            if not kernels.get(kernel, True):
                assert row == {'absent': True}, (name, row)
                continue
            assert row['nanoseconds'] > 0, (name, row)
            assert abs(row['nanoseconds'] * row['coordinates_per_second'] / 1e9 - 1) < 1e-6, (name, row)
            assert ('gb_per_second' in row) == (task in ('memcpy', 'sign', 'residual', 'sign+residual')), (name, row)

    with tap.trying('codec: wrong usage is refused with a sentence'):
        assert '--coordinates 999: want a number from 1000' in bench('codec', '--coordinates', 999, status=64)
        assert '"fast"' in bench('codec', 'fast', status=64)


def check_real(tap):
    name = 'the improved CIC-IDS2017 takes the window of its decoder and hardly more than the matrix'
    if not REAL.exists():
        tap.skip(name, f'{REAL.name} is not here')
        return
    with tap.trying(name):
        told = json.loads(bench('data', REAL, '--json'))
        assert told['rows'] > 56000 and told['columns'] == 83, told
        assert told['peak_bytes'] < REAL_TEXT_BYTES + 1.25 * told['matrix_bytes'], told


def main():
    tap = Tap()
    with tempfile.TemporaryDirectory() as folder:
        check_memory(tap, pathlib.Path(folder))
        check_usage(tap, pathlib.Path(folder))
    check_codec(tap)
    check_real(tap)
    tap.end()


main()
