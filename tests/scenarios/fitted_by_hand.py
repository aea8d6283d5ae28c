# SPDX-License-Identifier: Apache-2.0
"""Rounds of statistics carried by hand, and a plan that changes within its epoch:
python3 fitted_by_hand.py BURGEE_CLIENT BURGEE_AGGREGATOR BURGEE_KEYHOLDER"""

import json
import pathlib
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / 'policy')]
from by_hand import CLIENTS, Population  # noqa: E402
from policy import Tap  # noqa: E402

PROGRAMS = [pathlib.Path(argument).resolve() for argument in sys.argv[1:4]]
COMPONENTS = 6
STAGES = ['moments', 'covariance', 'scales', 'learning', 'learning']


def shapes(path):
    """Name → shape of a safetensors file."""
    content = path.read_bytes()
    header = json.loads(content[8:8 + int.from_bytes(content[:8], 'little')])
    return {name: entry['shape'] for name, entry in header.items() if name != '__metadata__'}


def make(folder, mode):
    population = Population(folder, *PROGRAMS, mode=mode, s=2, cells=('north', 'south'),
                            settings=['data.fit=federated', f'model.components={COMPONENTS}'])
    population.agree()
    return population


def round_of(population, number):
    made, receipts = population.round(number)
    assert {update['stage'] for update in made} == {STAGES[number - 1]}, made
    assert all(receipt['used'] for receipt in receipts), receipts
    return made


def moments(population):
    assert 'classes.prior' not in shapes(population.model()), 'nothing is known before the first round'
    plan = population.path('root/plan').read_bytes()
    made = round_of(population, 1)
    assert {update['loss'] for update in made} == {0}, 'nothing is trained'
    after = shapes(population.model())
    columns, classes = after['features.mean'][0], after['layers.0.bias'][0]
    assert after['classes.prior'] == [classes] and after['layers.0.weight'] == [classes, columns], after
    assert 'features.projection' not in after
    assert population.path('root/plan').read_bytes() == plan, 'the tensors are still the same'


def covariance(population):
    plan = population.path('root/plan').read_bytes()
    round_of(population, 2)
    after = shapes(population.model())
    assert after['features.projection'] == [COMPONENTS, after['features.mean'][0]], after
    assert after['layers.0.weight'][1] == COMPONENTS, after
    assert population.path('root/plan').read_bytes() != plan, 'the tensors have changed, the plan has not'


def scales(population):
    """The key holder opens nothing under a plan that it has not seen."""
    if population.mode != 'off':
        population.open()
        for i in range(CLIENTS):
            population.update(i, 3)
        population.fold()
        release = sorted(population.folder.glob('root/round-3/*.release'))[0]
        refused = population.call(population.keyholder, 'open', 'kh', release, '--out', 'early')
        assert refused.returncode != 0 and 'plan' in refused.stderr, refused.stderr
        population.ok(population.keyholder, 'plan', 'kh', 'root/plan')
        population.step(*population.open_groups(3))
        assert all(receipt['used'] for receipt in population.receipts(3))
    else:
        round_of(population, 3)


def learning(population):
    before = population.weights()
    round_of(population, 4)
    assert population.weights() != before


tap = Tap()
with tempfile.TemporaryDirectory(prefix='burgee-') as temporary:
    weights = {}
    ties = None
    for mode in ('paillier', 'null', 'off'):
        population = make(pathlib.Path(temporary) / mode, mode)
        for step in (moments, covariance, scales, learning):
            with tap.trying(f'{mode}: {step.__name__}'):
                step(population)
            if step is moments:
                ties = ties or population
                if ties is not population:
                    population.share_ties(ties)
        weights[mode] = population.weights()
    with tap.trying('encryption changes neither statistics nor what is learnt'):
        assert weights['paillier'] == weights['null'] == weights['off']
tap.end()
