# SPDX-License-Identifier: Apache-2.0
"""Rounds before and after the key of the scheme was rotated: python3 rotated_by_hand.py BURGEE_CLIENT
BURGEE_AGGREGATOR BURGEE_KEYHOLDER"""

import pathlib
import shutil
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / 'policy')]
from by_hand import Population  # noqa: E402
from policy import Tap  # noqa: E402

PROGRAMS = CLIENT, AGGREGATOR, KEYHOLDER = [pathlib.Path(argument).resolve() for argument in sys.argv[1:4]]


def spend(population):
    """Epochs until the key's partitions are used up; how many there were."""
    for count in range(1, 20):
        population.ok(AGGREGATOR, 'epoch', 'root', '--out', 'request')
        ran = population.call(KEYHOLDER, 'epoch', 'kh', 'request', '--out', 'answer')
        if ran.returncode:
            assert 'partitions' in ran.stderr, ran.stderr
            return count - 1
        population.ok(AGGREGATOR, 'epoch', 'root', '--reveal', 'answer')
        population.ok(KEYHOLDER, 'plan', 'kh', 'root/plan')
    raise AssertionError('the key has no budget')


def rotate(population):
    """The ids of the key before and after."""
    before = population.json(KEYHOLDER, 'show', 'kh')['key']
    said = population.json(KEYHOLDER, 'rotate', 'kh')['key']
    after = population.json(KEYHOLDER, 'show', 'kh')['key']
    assert said == after != before, (before, said, after)
    assert not population.path('kh/secret.key.new').exists()
    assert population.path('kh/secret.key').stat().st_mode & 0o777 == 0o600


def check_rounds(population):
    population.agree()
    population.round(1)
    population.round(2)
    release = sorted(population.folder.glob('root/round-2/*.release'))[0]
    rotate(population)
    said = population.ended(65, KEYHOLDER, 'open', 'kh', release, '--out', 'late').stderr
    assert 'rotated' in said, said
    before = population.weights()
    population.agree()
    _, receipts = population.round(3)
    assert all(receipt['used'] for receipt in receipts), receipts
    assert population.weights() != before, 'the model goes on'
    records = population.records()
    assert [record['sequence'] for record in records] == list(range(1, len(records) + 1)), 'one chain'


def check_budget(population):
    assert spend(population) == 3
    rotate(population)
    assert spend(population) == 3


def check_interruption(population):
    """Killed after the journal had it and before the key was in its place; and before the journal had it."""
    population.agree()
    old = population.path('kh/secret.key').read_bytes()
    rotate(population)
    new, key = population.path('kh/secret.key').read_bytes(), population.json(KEYHOLDER, 'show', 'kh')['key']
    population.path('kh/secret.key.new').write_bytes(new)
    population.path('kh/secret.key.new').chmod(0o600)
    population.path('kh/secret.key').write_bytes(old)
    assert population.json(KEYHOLDER, 'show', 'kh')['key'] == key, 'the next program ends it'
    assert population.path('kh/secret.key').read_bytes() == new
    shutil.copy(population.path('other/kh/secret.key'), population.path('kh/secret.key.new'))
    assert population.json(KEYHOLDER, 'show', 'kh')['key'] == key, 'what the journal does not know is not taken'
    rotate(population)
    population.path('kh/secret.key').write_bytes(new)
    said = population.ended(78, KEYHOLDER, 'show', 'kh').stderr
    assert 'rotated' in said, said


tap = Tap()
with tempfile.TemporaryDirectory() as place:
    folder = pathlib.Path(place)
    with tap.trying('rounds go on under a new key, and nothing old is opened'):
        check_rounds(Population(folder / 'rounds', *PROGRAMS))
    with tap.trying('a new key has a new count of partitions'):
        check_budget(Population(folder / 'budget', *PROGRAMS))
    with tap.trying('a rotation that was interrupted is ended, or has not been'):
        interrupted = Population(folder / 'interrupted', *PROGRAMS)
        Population(folder / 'interrupted' / 'other', *PROGRAMS)
        check_interruption(interrupted)
tap.end()
