# SPDX-License-Identifier: Apache-2.0
"""Rounds with the three programs on files, as people do them: two cells of one group each.

python3 one_round_by_hand.py BURGEE_CLIENT BURGEE_AGGREGATOR BURGEE_KEYHOLDER"""

import pathlib
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / 'policy')]
from by_hand import CLIENTS, Population  # noqa: E402
from policy import Tap  # noqa: E402

PROGRAMS = CLIENT, AGGREGATOR, KEYHOLDER = [pathlib.Path(argument).resolve() for argument in sys.argv[1:4]]


def set_up(folder, mode):
    population = Population(folder, *PROGRAMS, mode=mode, rows=300, cells=('east', 'west'),
                            settings=['model.spec=mlp:8', 'data.rows=1000'])
    shown = population.json(AGGREGATOR, 'show', 'root')
    assert (shown['clients'], shown['epoch_stage']) == (8, 'none'), shown
    population.agree()
    shown = population.json(AGGREGATOR, 'show', 'root')
    assert (shown['epoch'], shown['groups'], shown['waiting_for']) == (1, 2, 'the next round'), shown
    return population


def whole_round(population, number):
    population.open()
    for i in range(CLIENTS):
        population.update(i, number)
    folded = population.fold()
    assert all(update['accepted'] for update in folded), folded
    ended = population.step(*population.open_groups(number))
    assert ended['outcome'] == 'committed' and ended['used'] == 2, ended
    receipts = population.receipts(number)
    assert all(receipt['round'] == number and receipt['used'] for receipt in receipts), receipts
    return ended


def find_scales(population):
    before = population.weights()
    assert whole_round(population, 1)['stage'] == 'scales'
    assert population.weights() == before, 'a round of scales moves no weight'


def learn(population):
    before = population.weights()
    assert whole_round(population, 2)['stage'] == 'learning'
    assert population.weights() != before, 'a learning round moves weights'


def equal_bits(paillier, null):
    find_scales(null)
    null.share_ties(paillier)
    learn(null)
    assert paillier.weights() == null.weights(), 'encryption changed what was learnt'


def piecewise(population):
    """A round in many calls: updates one by one and twice, sums one by one and twice, questions in between."""
    population.open()
    for i in range(CLIENTS):
        population.update(i, 3)
        for _ in range(2):
            folded = population.fold([i])
            assert folded[0]['accepted'], folded
        waiting = population.json(AGGREGATOR, 'show', 'root')['waiting_for']
        assert f'updates of {7 - i} clients' in waiting, waiting
    answer = population.open_group(3, 1)
    for _ in range(2):
        said = population.ended(75, AGGREGATOR, 'step', 'root', answer).stderr
        assert 'the sums of 1 groups' in said, said
    sums = population.path(answer).read_bytes()
    assert population.path(population.open_group(3, 1)).read_bytes() == sums
    ended = population.step(population.open_group(3, 0))
    assert ended['used'] == 2, ended
    population.receipts(3)


def refuse(population):
    """What does not belong into the open round: one line, and the round goes on."""
    population.open()
    file = population.path('c0/update')
    stale = file.read_bytes()
    population.update(0, 4)
    fresh = file.read_bytes()
    damaged = bytearray(fresh)
    damaged[-9] ^= 4
    for content, status in ((stale, 'WRONG_ROUND'), (damaged, 'BAD_DIGEST'), (fresh[:-1], 'TRUNCATED'),
                            (b'BRGX' + fresh[4:], 'BAD_MAGIC'), (fresh + fresh, 'DECODE'), (b'', 'TRUNCATED')):
        file.write_bytes(content)
        folded = population.fold([0], status=65)[0]
        assert folded['status'] == status and 'c0/update' in folded['error'], (status, folded)
    file.write_bytes(fresh)
    assert population.fold([0])[0]['accepted']


def close_early(population):
    """The round that `refuse` began: the second group, always opened with four, is one short and sits it out."""
    for i in range(1, CLIENTS - 1):
        population.update(i, 4)
    population.fold(range(1, CLIENTS - 1))
    closed = population.json(AGGREGATOR, 'close', 'root')
    assert closed['wrote'] == [], closed
    population.update(7, 4)
    folded = population.fold([7], status=65)[0]
    assert folded['status'] == 'TOO_LATE', folded
    ended = population.step(population.open_group(4, 0))
    assert (ended['outcome'], ended['used'], ended['sat_out']) == ('committed', 1, 1), ended
    assert [receipt['used'] for receipt in population.receipts(4)] == [True] * 4 + [False] * 4


def check_records(population):
    records = population.records()
    wanted = [(1, 0), (1, 1), (2, 0), (2, 1), (3, 1), (3, 0), (4, 0)]
    assert [(record['round'], record['group']) for record in records] == wanted, records
    assert [record['sequence'] for record in records] == list(range(1, 8)), records


tap = Tap()
with tempfile.TemporaryDirectory(prefix='burgee-') as temporary:
    folder = pathlib.Path(temporary)
    with tap.trying('keys, folders, enrolment, an epoch'):
        first, second = set_up(folder / 'paillier', 'paillier'), set_up(folder / 'null', 'null')
    for name, step in (('a round of scales', find_scales), ('a round of learning', learn),
                       ('the same bits without encryption', lambda first: equal_bits(first, second)),
                       ('a round in many small steps', piecewise), ('files that do not belong', refuse),
                       ('a round that is closed early', close_early), ("the key holder's records", check_records)):
        with tap.trying(name):
            step(first)
tap.end()
