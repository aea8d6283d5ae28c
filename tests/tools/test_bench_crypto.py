# SPDX-License-Identifier: Apache-2.0
"""burgee-bench crypto as a user meets it: python3 test_bench_crypto.py BURGEE_BENCH. No time is asserted."""

import json
import pathlib
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / 'policy'))
from policy import Tap  # noqa: E402

PROGRAM = str(pathlib.Path(sys.argv[1]).resolve())
SHORT = ['--rounds', 1, '--coordinates', 20000]
CIPHERTEXT = 512  # bytes at 2048 bits and s = 1
WIDTHS = (4, 6, 8)
OURS = ['ifma', 'portable']
PLAIN = ['textbook', 'djn-powm', 'window']


def bench(*arguments, status=0):
    done = subprocess.run([PROGRAM, 'crypto', *map(str, arguments)], capture_output=True, text=True, timeout=300)
    assert done.returncode == status, f'exit {done.returncode}: {done.stderr}'
    return done.stdout if status == 0 else done.stderr


def check_rows(tap):
    kernels = {kernel['name']: kernel for kernel in json.loads(bench('--kernels', '--json'))}
    told, rows = {}, {}
    with tap.trying('one JSON object with the names that others read'):
        told = json.loads(bench('--bits', 2048, '--s', 1, '--json', *SHORT))
        assert (told['bits'], told['s'], told['exponent_bits']) == (2048, 1, 1024), told
        assert (told['rounds'], told['coordinates']) == (1, 20000), told
        rows = {row['name']: row for row in told['rows']}
        wanted = (['keygen'] + [f'encrypt/{who}' for who in OURS + PLAIN] + [f'encrypt-pool/{who}' for who in OURS]
                  + [f'{what}/{who}' for what in ('add', 'decrypt') for who in OURS + ['gmp']]
                  + [f'coordinate-{w}/{who}' for w in WIDTHS for who in OURS + PLAIN + ['textbook-single']])
        assert set(wanted) <= set(rows), set(wanted) - set(rows)
        assert len(rows) == len(told['rows'])

    with tap.trying('what is absent says why, all else took time'):
        assert kernels['portable']['usable'] and kernels['portable']['lanes'] == 1, kernels
        for name, row in rows.items():
            who = name.rpartition('/')[2]
            if who == 'window' and row['ms'] is None:
                assert row['absent'] == 'built without OpenSSL', row
            elif who in OURS and not kernels.get(who, {}).get('usable'):
                assert row['ms'] is None and row['absent'], row
            else:
                assert row['ms'] > 0 and 'absent' not in row, row

    with tap.trying('ratios are quotients of the rows'):
        for name, row in rows.items():
            group, _, who = name.rpartition('/')
            group = group.removesuffix('-pool')
            for rival, ratio in row.get('ratios', {}).items():
                assert abs(ratio - rows[f'{group}/{rival}']['ms'] / row['ms']) < 1e-9 * ratio, (name, rival)
        assert set(rows['encrypt/portable']['ratios']) >= {'textbook', 'djn-powm'}, rows['encrypt/portable']
        assert set(rows['encrypt-pool/portable']['ratios']) >= {'textbook', 'djn-powm', 'portable'}
        assert set(rows['add/portable']['ratios']) == set(rows['decrypt/portable']['ratios']) == {'gmp'}
        assert 'ratios' not in rows['encrypt/textbook'], 'of baselines nothing is claimed'

    with tap.trying('bytes of tables, sums and coordinates'):
        assert 0 < rows['encrypt/portable']['table_bytes'] <= 32 << 20, rows['encrypt/portable']
        if rows['encrypt/window']['ms']:
            assert rows['encrypt/window']['table_bytes'] == 103 * 1023 * CIPHERTEXT, rows['encrypt/window']
        add = rows['add/portable']
        assert abs(add['gigabytes_per_second'] - CIPHERTEXT / add['ms'] / 1e6) < 1e-6 * add['gigabytes_per_second'], add
        for width in WIDTHS:
            ciphertexts = -(-20000 // ((2048 - 64) // width))
            row = rows[f'coordinate-{width}/portable']
            assert abs(row['bytes_per_coordinate'] - ciphertexts * CIPHERTEXT / 20000) < 1e-9, row
            assert rows[f'coordinate-{width}/textbook-single']['bytes_per_coordinate'] == CIPHERTEXT


def check_text(tap):
    with tap.trying('a table for people, of one width of slots'):
        text = bench('--s', 2, '--slots', 3, '--table', 1, '--exponent', 512, *SHORT)
        assert text.startswith('2048 bits, s = 2, exponents of 512 bits, 20000 coordinates; medians of 1 rounds'), text
        assert 'coordinate-3/portable' in text and 'coordinate-8' not in text, text
        assert not [line for line in text.splitlines() if line != line.rstrip()], 'blanks at line ends'
        (row,) = [line.split() for line in text.splitlines() if line.startswith('encrypt/portable')]
        assert 0 < float(row[2]) <= 1.05, row


def check_instructions(tap):
    with tap.trying('encrypting for a count of instructions prints nothing'):
        assert bench('--s', 1, '--table', 1, '--instructions', 'portable', 3) == ''
        assert bench('--s', 4, '--table', 1, '--instructions', 'portable', 65) == ''
        assert 'no kernel of this build' in bench('--instructions', 'quantum', 1, status=69)
        assert 'COUNT many: want a number' in bench('--instructions', 'portable', 'many', status=64)
        assert 'wants KERNEL and COUNT' in bench('--instructions', 'portable', status=64)


def check_usage(tap):
    with tap.trying('wrong usage is refused with a sentence'):
        assert '--bits 2049: want 2048 or 3072' in bench('--bits', 2049, status=64)
        assert '--bits 1024: want a number from 2048 to 3072' in bench('--bits', 1024, status=64)
        assert '--s 5: want a number from 1 to 4' in bench('--s', 5, status=64)
        assert '--slots 1: want a number from 2 to 31' in bench('--slots', 1, status=64)
        assert '--rounds 0' in bench('--rounds', 0, status=64)
        assert '--exponent 504: want a number from 512' in bench('--exponent', 504, status=64)
        assert '--exponent 1032: want a multiple of 8, at most half' in bench('--exponent', 1032, status=64)
        assert '"now" is no option' in bench('now', status=64)

    with tap.trying('--help names every option'):
        text = bench('--help')
        for option in 'bits s slots rounds coordinates table exponent kernels instructions json'.split():
            assert f'\n  --{option} ' in text, option


def main():
    tap = Tap()
    check_rows(tap)
    check_text(tap)
    check_instructions(tap)
    check_usage(tap)
    tap.end()


main()
