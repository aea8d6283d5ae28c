# SPDX-License-Identifier: Apache-2.0
"""Whether memory and descriptors of every role stay as they are over many rounds:
python3 flat.py [--rounds N] [--skip N] [--result FILE] BURGEE_UP

Runs a small federation of processes and prints, per role, private memory and open files at the first round that counts
and at the last, and the slope of a line through all of them (least squares). The first rounds do not count: tables are
made and caches filled."""

import argparse
import json
import pathlib
import subprocess
import tempfile

SETTINGS = {'clients.count': 4, 'groups.size': 4, 'data.rows': 400, 'data.least_rows': 8, 'model.spec': 'linear',
            'training.steps': 2, 'robust.rule': 'mean', 'encryption.bits': 512, 'encryption.s': 1,
            'masks.table_bytes': 65536}


def slope(values):
    """Of the line through (0, values[0]), (1, values[1]), … that is nearest to them."""
    middle = (len(values) - 1) / 2
    mean = sum(values) / len(values)
    over = sum((i - middle) * (value - mean) for i, value in enumerate(values))
    return over / sum((i - middle) ** 2 for i in range(len(values)))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('program')
    parser.add_argument('--rounds', type=int, default=1000)
    parser.add_argument('--skip', type=int, default=100)
    parser.add_argument('--result', type=pathlib.Path)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        result = options.result or pathlib.Path(folder) / 'result.json'
        settings = SETTINGS | {'rounds.count': options.rounds, 'report.evaluate_every': options.rounds}
        sets = [part for key, value in settings.items() for part in ('--set', f'{key}={value}')]
        subprocess.run([options.program, *sets, '--insecure-test-key', '--quiet', '--json', result], check=True)
        rounds = json.loads(result.read_text())['rounds'][options.skip:]
    print(f'{"role":<10} {"first MB":>9} {"last MB":>9} {"bytes/round":>12} {"first files":>12} {"last files":>11} '
          f'{"files/round":>12}')
    for role in rounds[0]['usage']:
        memory, files = ([one['usage'][role][key] for one in rounds] for key in ('private_bytes', 'open_files'))
        print(f'{role:<10} {memory[0] / 1e6:9.2f} {memory[-1] / 1e6:9.2f} {slope(memory):12.1f} {files[0]:12} '
              f'{files[-1]:11} {slope(files):12.5f}')


if __name__ == '__main__':
    main()
