# SPDX-License-Identifier: Apache-2.0
"""burgee up: a federation of processes, and what is left of it. python3 test_up.py BURGEE_UP BURGEE_SIMULATOR"""

import contextlib
import json
import pathlib
import random
import signal
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / 'policy'))
from policy import Tap  # noqa: E402

UP, SIMULATOR = [pathlib.Path(argument).resolve() for argument in sys.argv[1:3]]
PATIENCE = 240  # seconds
INVALID, BUSY, CONFIG = 64, 75, 78
BASE = {'clients.count': 6, 'clients.cells': 2, 'rounds.count': 3, 'groups.size': 3, 'groups.least': 3,
        'data.rows': 900, 'data.least_rows': 8, 'model.spec': 'linear', 'training.steps': 5, 'robust.rule': 'mean',
        'encryption.bits': 512, 'encryption.s': 1, 'masks.table_bytes': 65536}


def words(settings):
    return [part for key, value in {**BASE, **settings}.items() for part in ('--set', f'{key}={value}')]


class Place:
    """Where federations are made, and who runs there."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.temporary = self.folder / 'tmp'
        self.temporary.mkdir()
        self.environment = {'TMPDIR': str(self.temporary), 'PATH': '/usr/bin:/bin'}

    def command(self, *flags, **settings):
        merged = {key.replace('__', '.'): value for key, value in settings.items()}
        return [UP, *words(merged), '--insecure-test-key', *map(str, flags)]

    def run(self, *flags, **settings):
        return subprocess.run(self.command(*flags, **settings), env=self.environment, capture_output=True, text=True,
                              timeout=PATIENCE)

    def result(self, *flags, **settings):
        path = self.folder / 'result.json'
        done = self.run('--json', path, *flags, **settings)
        assert done.returncode == 0, f'exit {done.returncode}: {done.stderr}'
        return json.loads(path.read_text())

    @contextlib.contextmanager
    def begun(self, *flags, **settings):
        """A run that has ended a round."""
        process = subprocess.Popen(self.command(*flags, **settings), env=self.environment, stdout=subprocess.PIPE,
                                   stderr=subprocess.PIPE, text=True)
        try:
            for line in process.stdout:
                if ' used' in line:
                    break
            else:
                raise AssertionError(f'it ended: {process.stderr.read()}')
            assert len(self.processes()) >= 8, self.processes()
            yield process
        finally:
            process.kill()
            process.wait(PATIENCE)
            process.stdout.close()
            process.stderr.close()

    def processes(self):
        """Those that work in a folder of this place."""
        found = []
        for path in pathlib.Path('/proc').glob('[0-9]*/cmdline'):
            with contextlib.suppress(OSError):
                if str(self.temporary).encode() in path.read_bytes():
                    found.append(path.read_text().replace('\0', ' '))
        return found

    def nobody_is_left(self):
        until = time.monotonic() + 20
        while self.processes() and time.monotonic() < until:
            time.sleep(0.05)
        assert not self.processes(), self.processes()

    def nothing_is_left(self):
        self.nobody_is_left()
        assert not list(self.temporary.iterdir()), list(self.temporary.iterdir())


def in_place(check):
    def run():
        with tempfile.TemporaryDirectory(prefix='burgee-') as folder:
            check(Place(folder))
    return run


@in_place
def runs_all_rounds(place):
    result = place.result(training__steps=30)
    summary, rounds = result['summary'], result['rounds']
    learning = [one for one in rounds if one['stage'] == 'learning']
    assert len(learning) == 3 and all(one['outcome'] == 'committed' for one in rounds), rounds
    assert all(one['updates'] == 6 and one['groups_used'] == one['groups_invited'] == 2 for one in rounds), rounds
    assert all(one['update_bytes'] > 6 * 1000 and one['seconds'] > 0 for one in learning), rounds
    assert all(one['usage'][role]['resident_bytes'] > 1 << 20 for one in rounds for role in one['usage']), rounds
    assert summary['clients'] == 6 and summary['clients_lost'] == summary['killed'] == 0, summary
    assert all(seconds > 0 for seconds in summary['cpu_seconds'].values()), summary
    assert 0.4 < summary['accuracy'] == learning[-1]['accuracy'] <= 1, summary
    place.nothing_is_left()


@in_place
def is_what_is_simulated(place):
    """With one group in one cell the partition cannot differ. A linear model of features that vary has no ties, which
    clients decide by lot."""
    path, rows, schema = (place.folder / name for name in ('simulated.json', 'rows.csv', 'schema.json'))
    draw = random.Random(1)
    rows.write_text('a,b,c,d,class\n' + ''.join(
        f'{draw.gauss(i % 2, 1):.4f},{draw.gauss(0, 3):.4f},{draw.random():.4f},{draw.gauss(-2 * (i % 2), 2):.4f},'
        f'{"busy" if i % 2 else "calm"}\n' for i in range(600)))
    schema.write_text(json.dumps({'columns': {**dict.fromkeys('abcd', 'number'), 'class': 'label'},
                                  'labels': ['calm', 'busy']}))
    one_group = {'clients.count': 4, 'clients.cells': 1, 'groups.size': 4, 'data.kind': 'csv', 'data.dir': rows,
                 'data.schema': schema}
    subprocess.run([SIMULATOR, *words(one_group), '--insecure-test-key', '--quiet', '--json', path], check=True,
                   timeout=PATIENCE)
    simulated = json.loads(path.read_text())['summary']['model_digest']
    as_keywords = {key.replace('.', '__'): value for key, value in one_group.items()}
    encrypted, plain = (place.result(**as_keywords, encryption__mode=mode)['summary'] for mode in ('paillier', 'null'))
    assert encrypted['model_digest'] == plain['model_digest'], 'encryption changes the model'
    assert encrypted['model_digest'] == simulated, 'the network changes the model'


@in_place
def ends_when_asked(place):
    for how in signal.SIGINT, signal.SIGTERM:
        with place.begun(rounds__count=10000) as process:
            process.send_signal(how)
            said = process.communicate(timeout=PATIENCE)[1]
            assert process.returncode == BUSY and 'interrupted after' in said, (process.returncode, said)
        place.nothing_is_left()


@in_place
def leaves_nobody_when_killed(place):
    with place.begun(rounds__count=10000) as process:
        process.kill()
        process.wait(PATIENCE)
        place.nobody_is_left()


@in_place
def a_liar_is_found(place):
    result = place.result('--byzantine', 1, '--attack', 'out-of-range', clients__count=9, clients__cells=1)
    assert result['summary']['byzantine_clients'] == 1, result['summary']
    learning = [one for one in result['rounds'] if one['stage'] == 'learning']
    assert learning and all(one['groups_invalid'] == 1 and one['groups_used'] == 2 for one in learning), learning
    place.nothing_is_left()


@in_place
def keeps_a_folder(place):
    kept = place.folder / 'kept'
    assert place.run('--keep', kept, '--quiet', rounds__count=1).returncode == 0
    assert {'keyholder', 'root', 'client-0', 'client-5'} <= {path.name for path in kept.iterdir()}
    done = place.run('--keep', kept)
    assert done.returncode == INVALID and 'empty or absent' in done.stderr, done
    place.nobody_is_left()


@in_place
def refuses_what_it_cannot_do(place):
    for flags, status, says in ((['--set', 'link.loss=0.1'], CONFIG, 'link.loss'),
                                (['--byzantine', 7], INVALID, '--byzantine'),
                                (['--clients', 'many'], CONFIG, 'clients.count'),
                                (['elsewhere'], INVALID, 'elsewhere'),
                                (['--json', place.folder / 'none' / 'x'], 66, 'none/x')):
        done = place.run(*flags)
        assert done.returncode == status and says in done.stderr and done.stderr.count('\n') == 1, done
    place.nothing_is_left()


tap = Tap()
for name, check in {'all clients take part in all rounds, and nothing is left': runs_all_rounds,
                    'the model is that of a simulation, encrypted or not': is_what_is_simulated,
                    'it ends when it is asked to, and nothing is left': ends_when_asked,
                    'nobody is left when it is killed': leaves_nobody_when_killed,
                    'the group of a client that lies is found out': a_liar_is_found,
                    'a folder may be kept': keeps_a_folder,
                    'what it cannot do is refused': refuses_what_it_cannot_do}.items():
    with tap.trying(name):
        check()
tap.end()
