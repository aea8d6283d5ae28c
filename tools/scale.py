# SPDX-License-Identifier: Apache-2.0
"""How a federation in one process grows with its clients:
python3 scale.py [--rounds N] [--set KEY=VALUE]... BURGEE_SIMULATOR CLIENTS...

Runs the simulator on synthetic flows, 40 rows per client, with the model 35-64-32-7 (35 principal components) and
encryption null, once per number of clients, and prints one row each. Processor time includes the set-up of all keys."""

import argparse
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time


def run(program, clients, rounds, changes):
    """The simulator's result, real seconds and processor seconds of one run."""
    settings = {'clients.count': clients, 'data.rows': 40 * clients, 'rounds.count': rounds, 'model.spec': 'mlp:64-32',
                'model.components': 35, 'encryption.mode': 'null', 'report.evaluate_every': rounds}
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / 'result.json'
        sets = [part for setting in [f'{key}={value}' for key, value in settings.items()] + changes
                for part in ('--set', setting)]
        begin = time.monotonic()
        process = subprocess.Popen([program, *sets, '--quiet', '--json', str(path)])
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        if process.returncode:
            sys.exit(f'{clients} clients: exit {process.returncode}')
        return json.loads(path.read_text()), time.monotonic() - begin, usage.ru_utime + usage.ru_stime


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument('--rounds', type=int, default=10, help='of learning; those before it come on top')
    parser.add_argument('--set', action='append', default=[], metavar='KEY=VALUE', help='another setting')
    parser.add_argument('program')
    parser.add_argument('clients', type=int, nargs='+')
    arguments = parser.parse_args()
    print(f'{"clients":>8} {"rounds":>7} {"updates":>9} {"peak, MB":>9} {"kB/client":>10} {"real, s":>8} {"cpu, s":>8} '
          f'{"updates/s":>10} {"updates/cpu s":>14}')
    for clients in arguments.clients:
        result, wall, cpu = run(arguments.program, clients, arguments.rounds, arguments.set)
        updates = sum(one['updates'] for one in result['rounds'])
        peak = result['summary']['peak_rss_bytes']
        print(f'{clients:8} {len(result["rounds"]):7} {updates:9} {peak / 1e6:9.0f} {peak / 1e3 / clients:10.0f} '
              f'{wall:8.0f} {cpu:8.0f} {updates / wall:10.1f} {updates / cpu:14.1f}', flush=True)


if __name__ == '__main__':
    main()
