# SPDX-License-Identifier: Apache-2.0
"""A root that signs different things for members of one group, made of a copy of its folder, and who notices:
python3 two_faced_root.py BURGEE_CLIENT BURGEE_AGGREGATOR BURGEE_KEYHOLDER"""

import pathlib
import shutil
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / 'policy')]
from by_hand import CLIENTS, Population, release_of  # noqa: E402
from policy import Tap  # noqa: E402

PROGRAMS = [pathlib.Path(argument).resolve() for argument in sys.argv[1:4]]


def vote(population, i, number, root, out):
    """Client i's update for the task of one of the root's faces: (group, member, file's bytes)."""
    words = population.update_words(i, number, '--quiet')
    words[words.index('--task') + 1] = f'{root}/round-{number}/task'
    words[words.index('--state') + 1] = f'{out}/state'
    words[words.index('--out') + 1] = f'{out}/update'
    population.path(out).mkdir(exist_ok=True)
    facts = population.json(population.client, *words)
    return facts['group'], facts['member'], population.path(f'{out}/update').read_bytes()


def refusal(population, program, *words):
    """What a call that must end in a refusal says."""
    return population.ended(65, program, *words).stderr


def check_two_tasks(population):
    population.agree()
    shutil.copytree(population.path('root'), population.path('face'))
    population.open()
    population.ok(population.aggregator, 'open', 'face', '--set', 'training.learning_rate=1e-06')
    told = [vote(population, i, 1, 'root', f'told-{i}') for i in range(CLIENTS)]
    lied = [vote(population, i, 1, 'face', f'lied-{i}') for i in range(CLIENTS)]
    group = told[0][0]
    members = sorted((member, i) for i, (where, member, _) in enumerate(told) if where == group)
    said = refusal(population, population.aggregator, 'fold', 'root', f'lied-{members[0][1]}/update')
    if 'another task' not in said:
        yield f'the root itself: {said}'
    for _, victim in members:
        updates = [(told if i == victim else lied)[i][2] for _, i in members]
        population.path('release').write_bytes(release_of(population, updates, 1, group))
        said = refusal(population, population.keyholder, 'open', 'kh', 'release', '--out', 'sums')
        stranger = next(i for _, i in members[1:] if (i == victim) != (members[0][1] == victim))
        if 'another task' not in said or population.id(stranger) not in said:
            yield f'two tasks, client {victim} told apart: {said}'
    population.path('release').write_bytes(release_of(population, [lied[i][2] for _, i in members], 1, group))
    population.ok(population.keyholder, 'open', 'kh', 'release', '--out', 'sums')


def check_two_receipts(population):
    population.agree()
    population.open()
    for i in range(CLIENTS):
        population.update(i, 1)
    population.fold()
    shutil.copytree(population.path('root'), population.path('face'))
    population.step(*population.open_groups(1))
    ran = population.call(population.aggregator, 'step', 'face', '--without-missing')
    if not population.path('face/round-1/receipt').exists():
        yield f'no second end of the round: {ran.stderr}'
        return
    victim = 3
    for i in range(CLIENTS):
        face = 'face' if i == victim else 'root'
        population.ok(population.client, 'receipt', '--state', f'c{i}/state', '--receipt', f'{face}/round-1/receipt')
    population.open()
    before = population.path(f'c{victim}/state/client.state').read_bytes()
    said = refusal(population, population.client, *population.update_words(victim, 2))
    if 'another receipt of round 1' not in said:
        yield f'the client with another receipt: {said}'
    if population.path(f'c{victim}/state/client.state').read_bytes() != before:
        yield 'a refused task changed the state'
    for i in range(CLIENTS):
        if i != victim:
            population.update(i, 2)


tap = Tap()
for name, check in (('members who were told two tasks are not added up', check_two_tasks),
                    ('a client that was told another end of a round refuses the next', check_two_receipts)):
    with tempfile.TemporaryDirectory(prefix='burgee-') as folder:
        settings = ['codec.mode=sign', 'robust.rule=mean', 'rounds.quorum=1']
        tap.case(name, check(Population(folder, *PROGRAMS, mode='null', settings=settings)))
tap.end()
