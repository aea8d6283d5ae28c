# SPDX-License-Identifier: Apache-2.0
"""Rounds carried by hand in every encryption, and what clients keep when updates are lost, unused or missed:
python3 many_rounds_by_hand.py BURGEE_CLIENT BURGEE_AGGREGATOR BURGEE_KEYHOLDER"""

import json
import pathlib
import struct
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / 'policy')]
from by_hand import CLIENTS, Population  # noqa: E402
from policy import Tap  # noqa: E402

PROGRAMS = [pathlib.Path(argument).resolve() for argument in sys.argv[1:4]]


def tensors(path):
    """Name → floats of a safetensors file."""
    content = path.read_bytes()
    size = struct.unpack_from('<Q', content)[0]
    header = json.loads(content[8:8 + size])
    header.pop('__metadata__')
    data = content[8 + size:]
    return {name: struct.unpack(f'<{(end - begin) // 4}f', data[begin:end])
            for name, (begin, end) in ((name, entry['data_offsets']) for name, entry in header.items())}


def moved(before, after):
    """How far each tensor's coordinates went, at most."""
    return {name: max(abs(a - b) for a, b in zip(before[name], after[name])) for name in before}


def check_updates(population, number, made, receipts):
    for i, (update, receipt) in enumerate(zip(made, receipts)):
        stage = 'scales' if number == 1 else 'learning'
        if (update['round'], update['stage'], update['missed_rounds']) != (number, stage, 0):
            yield f'client {i}: {update}'
        if update['bytes'] != population.path(f'c{i}/update').stat().st_size:
            yield f'client {i}: {update["bytes"]} bytes are not what was written'
        if update['insecure'] != (population.mode != 'off'):
            yield f'client {i}: the test key is not marked'
        if (receipt['round'], receipt['used']) != (number, True):
            yield f'client {i}: {receipt}'
    seats = {(update['group'], update['member']) for update in made}
    if len(seats) != CLIENTS:
        yield f'seats taken twice: {seats}'


def check_rounds(population, rounds):
    population.agree()
    before = tensors(population.model())
    for number in range(1, rounds + 1):
        yield from check_updates(population, number, *population.round(number))
        after = tensors(population.model())
        far = moved(before, after)
        if number == 1 and any(far.values()):
            yield f'the round of scales moved the model: {far}'
        if number > 1 and not all(0 < far[name] < 1 for name in far if name.startswith('layers.')):
            yield f'round {number} moved tensors by {far}'
        before = after


def check_lost_updates(population):
    """Round 3: one update never arrives, one arrives twice and once with a flipped bit."""
    population.open()
    made = [population.update(i, 3) for i in range(CLIENTS)]
    content = bytearray(population.path('c1/update').read_bytes())
    content[-1] ^= 1
    population.path('flipped').write_bytes(content)
    ran = population.call(population.aggregator, 'fold', 'root', 'flipped')
    if ran.returncode != 65 or population.id(1) not in ran.stderr:
        yield f'a flipped bit: exit {ran.returncode}: {ran.stderr}'
    population.fold(range(1, CLIENTS))
    population.fold([1])
    population.call(population.aggregator, 'close', 'root')
    answers = population.open_groups(3)
    if len(answers) != 1:
        yield f'{len(answers)} groups can be opened'
    population.step(*answers)
    if population.call(population.aggregator, 'fold', 'root', 'c0/update').returncode == 0:
        yield 'an update was accepted after its round'
    for i in range(CLIENTS):
        used = population.receipt(i, 3)['used']
        if used != (made[i]['group'] != made[0]['group']):
            yield f'client {i} of group {made[i]["group"]}: used is {used}'


def check_abandoned(population):
    """Round 4: no update arrives. One client is told that there will be no receipt, the others read it."""
    population.open()
    for i in range(CLIENTS):
        population.update(i, 4)
    ran = population.call(population.aggregator, 'close', 'root')
    if ran.returncode != 65:
        yield f'a round without updates: exit {ran.returncode}: {ran.stderr}'
    lost = population.json(population.client, 'receipt', '--state', 'c0/state', '--lost')
    if lost['used'] or lost['round'] != 4:
        yield f'client 0: {lost}'
    for i in range(1, CLIENTS):
        if population.receipt(i, 4)['used']:
            yield f'client {i}: used in an abandoned round'


def check_missed(population):
    """Round 5 without client 7, round 6 with it: it has missed one."""
    population.open()
    there = range(CLIENTS - 1)
    for i in there:
        population.update(i, 5)
    population.fold(there)
    population.call(population.aggregator, 'close', 'root')
    population.step(*population.open_groups(5))
    population.receipts(5, there)
    made, _ = population.round(6)
    missed = [update['missed_rounds'] for update in made]
    if missed != [0] * (CLIENTS - 1) + [1]:
        yield f'missed rounds: {missed}'


tap = Tap()
for mode, s in (('paillier', 1), ('paillier', 2), ('null', 1), ('off', 0)):
    with tempfile.TemporaryDirectory(prefix='burgee-') as folder:
        name = f'{mode}, s = {s}' if s else mode
        population = Population(folder, *PROGRAMS, mode=mode, s=s, settings=['robust.rule=mean', 'rounds.quorum=1'])
        tap.case(f'{name}: two rounds reach every client', check_rounds(population, 2))
        if (mode, s) != ('paillier', 1):
            continue
        tap.case('a group without one update sits out', check_lost_updates(population))
        tap.case('an abandoned round is folded back', check_abandoned(population))
        tap.case('a missed round is counted', check_missed(population))
tap.end()
