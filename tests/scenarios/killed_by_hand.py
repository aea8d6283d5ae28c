# SPDX-License-Identifier: Apache-2.0
"""Rounds by hand in which every call is killed again and again before it may end: nothing that was done is lost, and
the model is the one of an undisturbed population. Once calls are killed at random moments, once at every point where
they make a file durable or visible (tests/crash/durable.c).

python3 killed_by_hand.py BURGEE_CLIENT BURGEE_AGGREGATOR BURGEE_KEYHOLDER DURABLE_LIBRARY"""

import os
import pathlib
import random
import subprocess
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / 'policy')]
from by_hand import CLIENTS, Population  # noqa: E402
from policy import Tap  # noqa: E402

*PROGRAMS, DURABLE = [pathlib.Path(argument).resolve() for argument in sys.argv[1:5]]
CLIENT, AGGREGATOR, KEYHOLDER = PROGRAMS
KILLS = 5  # per call
POINTS = 500  # no call passes more
CRASHED = 137
# Verbs that cannot be told from being called twice, and how they say that the killed call had done it all.
DONE = {(CLIENT, 'receipt'): 'no update waits for a receipt', (AGGREGATOR, 'init'): 'a root lives here already',
        (AGGREGATOR, 'open'): 'is open', (AGGREGATOR, 'close'): 'no round is open',
        (CLIENT, 'keygen'): 'a client lives there already',
        (KEYHOLDER, 'keygen'): 'a key holder lives there already'}


class Calm(Population):
    """Undisturbed; notes how long calls take."""

    def __init__(self, *arguments, **more):
        self.seconds = {}
        super().__init__(*arguments, **more)

    def ended(self, status, program, *words):
        begin = time.monotonic()
        ran = super().ended(status, program, *words)
        self.seconds[program, words[0]] = time.monotonic() - begin
        return ran


class Killed(Population):
    """Each call is killed before it may end."""

    def __init__(self, *arguments, **more):
        self.kills = 0
        super().__init__(*arguments, **more)

    def disturb(self, program, words):
        raise NotImplementedError

    def ended(self, status, program, *words):
        self.disturb(program, words)
        ran = self.call(program, *words)
        done = DONE.get((program, words[0]))
        assert ran.returncode == status or done and done in ran.stderr, \
            f'{program} {words}: exit {ran.returncode}, not {status}: {ran.stderr}'
        return ran


class KilledAtMoments(Killed):
    """Right after its start, then at random moments of the time that it usually takes."""

    def __init__(self, *arguments, calm, seed, **more):
        self.seconds, self.draw = calm.seconds, random.Random(seed)
        super().__init__(*arguments, **more)

    def kill(self, seconds, program, words):
        """Whether it could be killed in time."""
        process = subprocess.Popen([str(program), *map(str, words)], cwd=self.folder, stdout=subprocess.DEVNULL,
                                   stderr=subprocess.DEVNULL)
        try:
            process.wait(seconds)
        except subprocess.TimeoutExpired:
            process.kill()
        return process.wait() == -9

    def disturb(self, program, words):
        usual = self.seconds[program, words[0]]
        for moment in [0] + [self.draw.random() for _ in range(KILLS - 1)]:
            self.kills += self.kill(moment * usual, program, words)


class KilledAtPoints(Killed):
    """At the first point where it makes something durable, then at the second, until it has passed them all. What an
    earlier try has done need not be done again, so that later ones pass fewer."""

    def disturb(self, program, words):
        environment = dict(os.environ, LD_PRELOAD=str(DURABLE))
        for point in range(1, POINTS):
            environment['BURGEE_CRASH_AT'] = str(point)
            ran = subprocess.run([str(program), *map(str, words)], cwd=self.folder, env=environment,
                                 capture_output=True, timeout=120)
            if ran.returncode != CRASHED:
                return
            self.kills += 1
        raise AssertionError(f'{program} {words} passes more than {POINTS} points')


def begin(population, number, clients):
    population.open()
    for i in clients:
        population.update(i, number)
        assert population.fold([i])[0]['accepted']


def end(population, number, answers):
    """Sums one by one: the last ones end the round."""
    for answer in answers[:-1]:
        population.ended(75, AGGREGATOR, 'step', 'root', answer)
    for answer in answers[-1:]:
        population.ended(0, AGGREGATOR, 'step', 'root', answer)
    for answer in answers:
        before = population.path(answer).read_bytes()
        population.open_group(*answer.split('-')[1:])
        assert population.path(answer).read_bytes() == before, f'{answer}: opened again, a release gives other sums'


def check(population, number, clients, records):
    shown = population.json(AGGREGATOR, 'show', 'root')
    found = {key: shown[key] for key in ('clients', 'groups', 'model_round', 'open_round')}
    assert found == {'clients': CLIENTS, 'groups': 2, 'model_round': number, 'open_round': 0}, shown
    for i in clients:
        assert population.receipt(i, number).get('used', True), f'client {i} was not used in round {number}'
    found = [(record['sequence'], record['round'], record['group']) for record in population.records()]
    assert found == [(1 + at, *which) for at, which in enumerate(records)], found


def whole_rounds(population):
    population.agree()
    records = []
    for number in (1, 2):
        begin(population, number, range(CLIENTS))
        end(population, number, population.open_groups(number))
        records += [(number, 0), (number, 1)] if population.mode != 'off' else []
        check(population, number, range(CLIENTS), records)
        yield


def round_without_one(population):
    """The second cell, one short, sits it out."""
    begin(population, 3, range(CLIENTS - 1))
    population.ended(0, AGGREGATOR, 'close', 'root')
    end(population, 3, population.open_groups(3))
    records = [(1, 0), (1, 1), (2, 0), (2, 1), (3, 0)] if population.mode != 'off' else []
    check(population, 3, range(CLIENTS // 2), records)


def compare(tap, name, folder, mode, kind, how):
    ways = {'mode': mode, 'cells': ('east', 'west'), 'settings': ['model.spec=mlp:8', 'robust.rule=mean',
                                                                 'rounds.quorum=1']}
    with tap.trying(f'{name}: keys, folders, enrolment'):
        calm = Calm(folder / 'calm', *PROGRAMS, **ways)
        killed = kind(folder / 'killed', *PROGRAMS, **how(calm), **ways)
    with tap.trying(f'{name}: an epoch and two rounds'):
        for _ in zip(whole_rounds(calm), whole_rounds(killed)):
            killed.share_ties(calm)
        assert killed.weights() == calm.weights(), 'the model is not as if nobody had been killed'
    with tap.trying(f'{name}: a round that is closed early'):
        for population in calm, killed:
            round_without_one(population)
        assert killed.weights() == calm.weights(), 'the model is not as if nobody had been killed'
    with tap.trying(f'{name}: calls were killed'):
        assert killed.kills > 150, f'only {killed.kills}'


def at_moments(seed):
    return KilledAtMoments, lambda calm: {'calm': calm, 'seed': seed}


AT_POINTS = KilledAtPoints, lambda calm: {}

tap = Tap()
for name, mode, (kind, how) in (('paillier, seed 1', 'paillier', at_moments(1)),
                                ('paillier, seed 2', 'paillier', at_moments(2)),
                                ('off, seed 3', 'off', at_moments(3)),
                                ('paillier, every durable point', 'paillier', AT_POINTS),
                                ('off, every durable point', 'off', AT_POINTS)):
    with tempfile.TemporaryDirectory(prefix='burgee-') as folder:
        compare(tap, name, pathlib.Path(folder), mode, kind, how)
tap.end()
