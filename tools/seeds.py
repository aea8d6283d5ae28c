# SPDX-License-Identifier: Apache-2.0
"""Runs one simulation for several seeds and prints each result and the mean.

python3 tools/seeds.py [--seeds 1,2,3] PROGRAM [its arguments …]
"""

import argparse
import json
import pathlib
import subprocess
import sys
import tempfile

COLUMNS = [('accuracy', 100, '%8.2f %%'), ('macro_f1', 100, '%8.2f %%'), ('central_accuracy', 100, '%8.2f %%'),
           ('central_macro_f1', 100, '%8.2f %%'), ('rounds_committed', 1, '%10.1f'), ('groups_invalid', 1, '%10.1f'),
           ('uplink_bytes_per_client_round', 1, '%10.0f'), ('bits_per_coordinate', 1, '%10.2f'),
           ('wall_seconds', 1, '%10.1f'), ('peak_rss_bytes', 1e-6, '%10.1f')]
HEADS = ['accuracy', 'macro-F1', 'central', 'central F1', 'committed', 'invalid', 'up, bytes', 'bit/coord', 'wall, s',
         'peak, MB']


def summary(command, seed):
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / 'result.json'
        done = subprocess.run([*command, '--set', f'simulation.seed={seed}', '--quiet', '--json', str(path)])
        if done.returncode:
            sys.exit(done.returncode)
        return json.loads(path.read_text())['summary']


def row(name, values):
    cells = [form % (values[key] * factor) if key in values else '-' for key, factor, form in COLUMNS]
    print(f'{name:<6}' + ''.join(f'{cell:>12}' for cell in cells), flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--seeds', default='1,2,3', help='comma-separated; default 1,2,3')
    parser.add_argument('program')
    parser.add_argument('arguments', nargs=argparse.REMAINDER)
    options = parser.parse_args()
    print(f'{"seed":<6}' + ''.join(f'{head:>12}' for head in HEADS))
    results = []
    for seed in options.seeds.split(','):
        results.append(summary([options.program, *options.arguments], int(seed)))
        row(seed, results[-1])
    row('mean', {key: sum(one[key] for one in results) / len(results)
                 for key, _, _ in COLUMNS if all(key in one for one in results)})


if __name__ == '__main__':
    main()
