# SPDX-License-Identifier: Apache-2.0
"""A federation that serves, one of whose programs is killed at a point where it makes something durable, before or
after it (tests/crash/durable.c), and started again: the same round goes on, no update that was acknowledged is lost,
and the model is that of an undisturbed run. There are no deadlines.

python3 test_federation.py BURGEE_CLIENT BURGEE_AGGREGATOR BURGEE_KEYHOLDER DURABLE_LIBRARY
    [--all | --points N | --only PROGRAM:POINT] [--times N]

Some points of each program are tried, the same ones in every run; --all tries every one, which takes some seconds
each; --only one of them, as in root:41; --times so often, since who comes first after a restart is left to chance."""

import argparse
import json
import pathlib
import random
import shutil
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / 'scenarios'), str(HERE.parent / 'policy')]
from served import PATIENCE, Federation  # noqa: E402
from policy import Tap  # noqa: E402

parser = argparse.ArgumentParser()
parser.add_argument('programs', nargs=3, type=lambda name: pathlib.Path(name).resolve())
parser.add_argument('durable', type=lambda name: pathlib.Path(name).resolve())
parser.add_argument('--all', action='store_true')
parser.add_argument('--points', type=int, default=4)
parser.add_argument('--only')
parser.add_argument('--times', type=int, default=1)
OPTIONS = parser.parse_args()

CLIENTS, BEFORE, ROUNDS = 3, 2, 4  # rounds before the snapshot, and in all; one of scales comes first
CRASHED = 137
KILLED = ['root', 'keyholder', 'client-1']


def weights(content):
    """Of a model's file without its header, which names plan and parent."""
    return content[8 + int.from_bytes(content[:8], 'little'):]


class Life(Federation):
    """From the snapshot to the last round."""

    def __init__(self, folder, **more):
        super().__init__(folder, *OPTIONS.programs, clients=CLIENTS, **more)
        self.past = {name: [] for name in self.names()}

    def told(self, name, kind):
        return [event for event in (*self.past[name], *self.running[name].told(kind)) if event['event'] == kind]

    def again(self, name):
        """After its end: what it had told stays."""
        self.past[name] += self.running[name].events
        return self.start(name)

    def start_all(self, victim=None, environment=None):
        for name in self.names():
            self.start(name, environment if name == victim else None)

    def model(self):
        """That the root has published last."""
        path = self.path('model')
        self.ok(self.aggregator, 'models', 'export', self.path('root'), '--out', path)
        return weights(path.read_bytes())

    def settled(self, i, victim):
        """Whether a client knows how the last round ended. One that was killed between that and the word of it has it
        in its folder."""
        name = f'client-{i}'
        if any(one['round'] == ROUNDS for one in self.told(name, 'receipt')):
            return True
        return name == victim and json.loads(self.ok(self.client, 'show', self.path(name), '--json')).get(
            'settled_round') == ROUNDS

    def over(self, victim):
        return self.told('root', 'done') and all(self.settled(i, victim) for i in range(CLIENTS))

    def wait_until_over(self, victim, dies=False):
        until = time.monotonic() + PATIENCE
        while not self.over(victim):
            for name, program in self.running.items():
                if dies and name == victim and program.ended():
                    return
                assert not program.ended(), f'{name}: exit {program.process.returncode}: {program.said()}'
            assert time.monotonic() < until, [program.events[-3:] for program in self.running.values()]
            time.sleep(0.05)

    def check(self, first, victim):
        """Rounds follow each other, with all updates, and all that was acknowledged was used. An event that a killed
        program did not live to tell is missing; the model tells whether what it was about is."""
        ended = self.told('root', 'ended')
        rounds = list(range(first, ROUNDS + 1))
        missing = set(rounds) - {one['round'] for one in ended}
        assert [one['round'] for one in ended] == [one for one in rounds if one not in missing], ended
        assert len(missing) <= (victim == 'root'), f'no word of {missing}'
        assert all(one['outcome'] == 'committed' and one['updates'] == CLIENTS for one in ended), ended
        for i in range(CLIENTS):
            sent = {one['round'] for one in self.told(f'client-{i}', 'sent')}
            settled = self.told(f'client-{i}', 'receipt')
            unheard = sent - {one['round'] for one in settled}
            assert all(one['used'] for one in settled), f'{settled} {self.running["root"].said()}'
            assert len(unheard) <= (victim == f'client-{i}'), f'client {i}: acknowledged {sent}, settled {settled}'


def prepare(folder):
    """Enrolled, with some rounds behind them, so that what clients decide by lot is settled; nobody runs."""
    life = Life(folder, settings=[f'rounds.count={ROUNDS - 1}', 'rounds.deadline_seconds=86400', 'data.fit=central'])
    life.set_up()
    for i in range(CLIENTS):
        path = life.path(f'client-{i}') / 'config.json'
        config = json.loads(path.read_text())
        config.setdefault('network', {}).update(poll_seconds=0.05, patience_seconds=0.2)
        path.write_text(json.dumps(config))
    life.start('root')
    for i in range(CLIENTS):
        life.start(f'client-{i}')
    life.running['root'].wait('ended', count=BEFORE)
    life.stop()
    return life


def live(snapshot, folder, victim=None, environment=None):
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(snapshot, folder, ignore=shutil.ignore_patterns('control'))  # a socket
    life = Life(folder)
    life.start_all(victim, environment)
    return life


def finish(life, victim):
    life.wait_until_over(victim)
    life.check(BEFORE + 1, victim)
    model = life.model()
    life.stop()
    return model


def count_points(snapshot, scratch, victim):
    """That the program passes from here to the last round, and the model of an undisturbed run."""
    count = scratch / 'count'
    life = live(snapshot, scratch / 'calm', victim,
                {'LD_PRELOAD': str(OPTIONS.durable), 'BURGEE_CRASH_COUNT': str(count)})
    try:
        model = finish(life, None)
    finally:
        life.stop()
    return int(count.read_text()), model


def disturb(snapshot, scratch, victim, point, wanted):
    life = live(snapshot, scratch / 'killed', victim,
                {'LD_PRELOAD': str(OPTIONS.durable), 'BURGEE_CRASH_AT': str(point)})
    try:
        life.wait_until_over(victim, dies=True)
        status = life.running[victim].end(status=None)  # some points are passed at the end only
        assert status in (CRASHED, 0), f'exit {status}: {life.running[victim].said()}'
        life.again(victim)
        assert finish(life, victim) == wanted, 'the model is not as if nobody had been killed'
    finally:
        life.stop()


def choose(points, victim):
    if OPTIONS.all:
        return list(range(1, points + 1))
    if OPTIONS.only:
        return [int(OPTIONS.only.split(':')[1])]
    return sorted(random.Random(victim).sample(range(1, points + 1), min(OPTIONS.points, points)))


def main():
    tap = Tap()
    with tempfile.TemporaryDirectory(prefix='burgee-') as folder:
        scratch = pathlib.Path(folder)
        snapshot = scratch / 'snapshot'
        with tap.trying('a federation is enrolled and has rounds behind it'):
            prepare(snapshot)
        models = set()
        for victim in KILLED if not OPTIONS.only else [OPTIONS.only.split(':')[0]]:
            points, model = 0, None
            with tap.trying(f'{victim}: an undisturbed run'):
                points, model = count_points(snapshot, scratch, victim)
                models.add(model)
                assert len(models) == 1, 'two undisturbed runs came to different models'
                assert points >= 4, f'only {points} points'
            for point in choose(points, victim) * OPTIONS.times if points else []:
                with tap.trying(f'{victim}, killed at point {point} of {points}'):
                    disturb(snapshot, scratch, victim, point, model)
    tap.end()


main()
