# SPDX-License-Identifier: Apache-2.0
"""What a real root takes for the updates of many clients at once, next to servers that keep nothing:
python3 bench_root.py [--clients N] [--hidden WIDTHS] BUILD_FOLDER

Sets up a key holder, a root and so many enrolled clients, encryption null, groups of five of which four send, so that
no group becomes complete and is opened. One round, one update of about 1 MiB each, all at the same time. Prints the
root's processor time from before the first connection to after the last acknowledgement, in all, without folds, and
without intake as well (digests, signature and checks of ciphertexts), as /metrics tells them; and the ratios to what
burgee-bench server measures."""

import argparse
import json
import pathlib
import re
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / 'tests' / 'scenarios'))
from served import Federation, free_port  # noqa: E402


class Loaded(Federation):
    """Enrolled clients that never run: burgee-bench updates sends for them."""

    def set_up(self):
        place = free_port()
        self.ok(self.keyholder, 'init', '--out', 'keyholder', '--set', 'encryption.mode=null', '--set', 'groups.size=5',
                '--set', f'listen.port={free_port()}', '--set', 'listen.address=127.0.0.1')
        self.start_keyholder()
        url = self.running['keyholder'].wait('ready')['url']
        self.ok(self.aggregator, 'init', 'root', '--set', f'listen.port={place}', '--set', 'listen.address=127.0.0.1',
                '--set', f'listen.url=https://127.0.0.1:{place}', '--set', f'epochs.clients={self.clients}',
                '--set', 'epochs.settle_seconds=0', '--set', 'rounds.count=1', *self.settings)
        self.ok(self.aggregator, 'enrol', 'root', url, self.token('root'))
        tokens = self.ok(self.keyholder, 'token', 'new', 'keyholder', '--count', self.clients).split()
        for i, token in enumerate(tokens):
            self.ok(self.client, 'enrol', f'client-{i}', url, token)
        self.ok(self.client, 'enrol', 'operator', url, self.token('operator'))


def metrics(status, federation):
    """Processor seconds of the root: all, in folds, in intake."""
    text = federation.ok(status, '--identity', 'operator', '--metrics')
    phases = dict(re.findall(r'burgee_phase_seconds_total\{phase="(\w+)"\} (\S+)', text))
    total = re.search(r'^process_cpu_seconds_total (\S+)', text, re.M)[1]
    return float(total), float(phases['fold']), float(phases['intake'])


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument('build', type=lambda name: pathlib.Path(name).resolve())
    parser.add_argument('--clients', type=int, default=1000, help='that send')
    parser.add_argument('--hidden', default='1344-1216', help='layers: how large an update is')
    options = parser.parse_args()
    bench, status, *programs = [options.build / f'burgee-{name}' for name in
                                ('bench', 'status', 'client', 'aggregator', 'keyholder')]
    with tempfile.TemporaryDirectory(prefix='burgee-') as folder:
        federation = Loaded(folder, *programs, clients=options.clients * 5 // 4, settings=[
            'data.fit=central', 'codec.mode=sign', f'model.spec=mlp:{options.hidden}', 'rounds.deadline_seconds=86400'])
        try:
            federation.set_up()
            federation.start('root').wait('opened')
            before = metrics(status, federation)
            told = json.loads(federation.ok(bench, 'updates', '--per-group', 4, '--json',
                                            *[f'client-{i}' for i in range(federation.clients)]))
            after = metrics(status, federation)
        finally:
            federation.stop()
    total, fold, intake = (later - sooner for later, sooner in zip(after, before))
    size = told['bytes'] // told['updates']
    compared = json.loads(subprocess.run([bench, 'server', '--clients', str(told['updates']), '--kib',
                                          str(size // 1024), '--idle', '0', '--json'], check=True,
                                         capture_output=True, text=True).stdout)
    seconds = {row['name']: row['cpu_seconds'] for row in compared['rows']}
    print(f'{told["updates"]} updates of {size} bytes, {told["errors"]} errors, {told["seconds"]:.1f} s; processor:')
    print(f'{"":<32} {"s":>8}' + ''.join(f' {"/ " + name:>8}' for name in seconds))
    for name, value in {'root': total, 'root without folds': total - fold,
                        'root without folds and intake': total - fold - intake, **seconds}.items():
        print(f'{name:<32} {value:8.2f}' + ''.join(f' {value / other:7.2f}x' for other in seconds.values()))


if __name__ == '__main__':
    main()
