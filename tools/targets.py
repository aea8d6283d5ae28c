# SPDX-License-Identifier: Apache-2.0
"""The section "Paillier" of docs/BENCHMARKS.md, measured on this machine:
python3 targets.py [--rounds N] [--page FILE] BUILD_FOLDER

Runs burgee-bench crypto for both key sizes and s = 1 and 2, counts instructions and allocations where valgrind is
installed, lets the simulator tell how many bits travel, and prints markdown. Takes some minutes of one core; best on a
machine that does nothing else."""

import argparse
import json
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

CONFIGURATIONS = [(2048, 1), (2048, 2), (3072, 1), (3072, 2)]
MARK = '<!-- tools/targets.py -->'
OURS = ['ifma', 'neon', 'portable']
MILLION = {'model.spec': 'mlp:1024-650-384', 'model.components': 0, 'data.fit': 'central'}
SMALL = {'model.spec': 'mlp:64-32', 'model.components': 35}


class Bench:
    """The rows of one run by name; what is absent has no time and no ratios."""

    def __init__(self, program, rounds, bits, s):
        command = [program, 'crypto', '--bits', bits, '--s', s, '--rounds', rounds, '--json']
        told = json.loads(subprocess.run([*map(str, command)], check=True, capture_output=True, text=True).stdout)
        self.rows = {row['name']: row for row in told['rows']}

    def ms(self, name):
        return self.rows.get(name, {}).get('ms')

    def ratio(self, name, rival):
        return self.rows.get(name, {}).get('ratios', {}).get(rival)


def times(ratio):
    return '–' if ratio is None else f'{ratio:.{2 if ratio < 10 else 1 if ratio < 100 else 0}f}x'


def significant(number):
    """Three digits, never in powers of ten."""
    return f'{number:.0f}' if number >= 1000 else f'{number:.3g}' if number >= 1e-4 else f'{number:.7f}'


def bits_per_coordinate(simulator, changes):
    """Of everything that a client sends for one update."""
    settings = {'encryption.mode': 'null', 'clients.count': 8, 'groups.size': 4, 'rounds.count': 1,
                'training.steps': 1} | changes
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / 'result.json'
        sets = [part for key, value in settings.items() for part in ('--set', f'{key}={value}')]
        subprocess.run([simulator, *sets, '--quiet', '--json', path], check=True)
        return json.loads(path.read_text())['summary']['bits_per_coordinate']


def valgrind(program, pattern, *options):
    """What valgrind counts for 128 portable encryptions and not for 64; None where it is not installed."""
    def count(encryptions):
        command = ['valgrind', *options, program, 'crypto', '--bits', '2048', '--s', '1', '--table', '8',
                   '--instructions', 'portable', str(encryptions)]
        done = subprocess.run(command, check=True, capture_output=True, text=True)
        return int(re.search(pattern, done.stderr)[1].replace(',', ''))
    return count(128) - count(64) if shutil.which('valgrind') else None


def cell(bench, name):
    """Time of a row and how many times as fast it is as baselines."""
    row = bench.rows.get(name)
    if row is None or row['ms'] is None:
        return 'absent'
    units = {'us_per_coordinate': 'µs', 'ms': 'ms'}
    time = next(f'{significant(row[key])} {unit}' for key, unit in units.items() if key in row)
    rivals = [rival for rival in ('textbook', 'djn-powm', 'window', 'gmp') if rival in row.get('ratios', {})]
    return time + (f' ({" / ".join(times(row["ratios"][rival]) for rival in rivals)})' if rivals else '')


def table(*rows):
    """Markdown, the first row its head."""
    lines = ['| ' + ' | '.join(row) + ' |' for row in rows]
    return [lines[0], '|' + '---|' * len(rows[0]), *lines[1:], '']


def times_table(benches):
    names = [name for name in benches[0].rows if any(bench.ms(name) for bench in benches)
             and name not in ('coordinate-6/textbook-single', 'coordinate-8/textbook-single')]  # no slots: as with 4
    widths = [[bench.rows[f'coordinate-{width}/portable']['bytes_per_coordinate'] for width in (4, 6, 8)]
              for bench in benches]
    tables = [[bench.rows[f'encrypt/{who}'].get('table_bytes', 0) / 1e6 for who in ('portable', 'window')]
              for bench in benches]
    return table(['', *(f'{bits} bits, s = {s}' for bits, s in CONFIGURATIONS)],
                 *([f'`{name}`', *(cell(bench, name) for bench in benches)] for name in names),
                 ['bytes per coordinate, slots of 4 / 6 / 8 bits',
                  *(' / '.join(f'{x:.2f}' for x in one) for one in widths)],
                 ['table of a kernel / of `window`, MB', *(' / '.join(f'{x:.1f}' for x in one) for one in tables)])


def verdict(values, musts, stretches=(), most=False):
    """Whether all values are at least (or most) what they must be, and what is hoped for."""
    def reach(wanted):
        return all((value <= limit) if most else (value >= limit) for value, limit in zip(values, wanted))
    if any(value is None for value in values):
        return 'absent'
    if not reach(musts):
        return '**missed**'
    return 'stretch' if stretches and reach(stretches) else 'met'


def ratio_target(name, bench, row, rivals, musts, stretches=()):
    values = [bench.ratio(row, rival) for rival in rivals]
    return (name, ' / '.join(f'≥ {must}x' for must in musts), ' / '.join(f'{value}x' for value in stretches),
            ' / '.join(map(times, values)), verdict(values, musts, stretches))


def limit_target(name, value, must, stretch, unit, decimals):
    return (name, f'≤ {must}{unit}', f'{stretch}{unit}' if stretch else '',
            '–' if value is None else f'{value:.{decimals}f}{unit}',
            verdict([value], [must], [stretch] if stretch else [], most=True))


def targets(benches, program, simulator):
    one, two, large = benches[0], benches[1], benches[2]
    rivals = ['textbook', 'djn-powm', 'window']
    yield ratio_target('IFMA, encrypt, against textbook / djn-powm / window', one, 'encrypt/ifma', rivals,
                       (120, 60, 9), (180, 90, 13.5))
    yield ratio_target('portable, encrypt, against the same', one, 'encrypt/portable', rivals, (25, 12, 1.8),
                       (25, 12, 2.5))
    if one.ms('encrypt/window'):
        size = one.rows['encrypt/window']['table_bytes'] / one.rows['encrypt/portable']['table_bytes']
        yield 'the table of `window` is so many times that of portable', '≥ 6x', '', times(size), verdict([size], [6])
    count = valgrind(program, r'Collected : (\d+)', '--tool=callgrind', '--callgrind-out-file=/dev/null')
    yield limit_target('portable, encrypt, instructions, s = 1, 8 MB', count and count / 64e6, 3.6, 3.0, ' M', 2)
    count = valgrind(program, r'heap usage: ([\d,]+) allocs')
    yield limit_target('portable, encrypt, allocations in a call for 64 plaintexts', count, 63, None, '', 0)
    for bench, s in ((one, 1), (two, 2)):
        ms = bench.ms('coordinate-8/ifma')
        yield limit_target(f'IFMA, 1 M votes, 8-bit slots, s = {s}, per coordinate', ms and ms * 1e3, 0.25, 0.17,
                           ' µs', 3)
    for bench, s, must in ((one, 1, 100), (two, 2, 60)):
        best = next((f'encrypt-pool/{who}' for who in OURS if bench.ms(f'encrypt-pool/{who}')), '')
        yield ratio_target(f'`{best}` against fresh portable encryption, s = {s}', bench, best, ['portable'], [must])
    yield ratio_target('IFMA, sums, s = 1, against mpz_mul and mpz_mod', one, 'add/ifma', ['gmp'], [9])
    speed = one.rows.get('add/ifma', {}).get('gigabytes_per_second')
    yield ('IFMA, sums, s = 1', '≥ 1 GB/s', '', '–' if speed is None else f'{speed:.2f} GB/s', verdict([speed], [1]))
    yield ratio_target('IFMA, decrypt, s = 1, against CRT by mpz_powm', one, 'decrypt/ifma', ['gmp'], [7], [12])
    yield ratio_target('IFMA, encrypt, 3072 bits, against textbook', large, 'encrypt/ifma', ['textbook'], [90])
    for name, must, stretch, changes in (
            ('k = 4, 1 M coordinates, s = 2', 5.0, None, MILLION | {'encryption.s': 2}),
            ('k = 4, 1 M coordinates, s = 3, mixed radix', 5.0, 3.6,
             MILLION | {'encryption.s': 3, 'encryption.radix': 'mixed'}),
            ('k = 4, MLP 35-64-32-7, s = 2', 5.3, None, SMALL | {'encryption.s': 2}),
            ('k = 4, MLP 35-64-32-7, s = 4, mixed radix', 5.3, None,
             SMALL | {'encryption.s': 4, 'encryption.radix': 'mixed'})):
        yield limit_target(f'bits on the wire per coordinate, {name}',
                           bits_per_coordinate(simulator, {'encryption.bits': 2048} | changes), must, stretch, '', 2)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--rounds', type=int, default=7)
    parser.add_argument('--page', type=pathlib.Path, help='write the tables between the two marks of this file')
    parser.add_argument('build', type=pathlib.Path)
    arguments = parser.parse_args()
    program, simulator = arguments.build / 'burgee-bench', arguments.build / 'burgee-simulator'
    benches = [Bench(program, arguments.rounds, bits, s) for bits, s in CONFIGURATIONS]
    lines = times_table(benches) + table(['2048 bits, one thread', 'must', 'stretch', 'measured', ''],
                                         *targets(benches, program, simulator))
    if not arguments.page:
        print('\n'.join(lines))
        return
    before, mark, rest = arguments.page.read_text().partition(f'{MARK}\n')
    _, end, after = rest.partition(f'\n{MARK}\n')
    if not mark or not end:
        sys.exit(f'{arguments.page}: no two lines "{MARK}"')
    arguments.page.write_text(before + mark + '\n'.join(['', *lines[:-1]]) + '\n' + end + after)


if __name__ == '__main__':
    main()
