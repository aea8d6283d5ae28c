# SPDX-License-Identifier: Apache-2.0
"""Rounds with the three programs on files, as people do them: key holder, root and eight clients, in two cells of one
group each so that the partition is the same in every run, with an insecure test key.

python3 one_round_by_hand.py BURGEE_AGGREGATOR BURGEE_KEYHOLDER BURGEE_CLIENT"""

import hashlib
import json
import pathlib
import subprocess
import sys
import tempfile
import traceback

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / 'policy'))
from policy import Tap  # noqa: E402

AGGREGATOR, KEYHOLDER, CLIENT = (str(pathlib.Path(argument).resolve()) for argument in sys.argv[1:4])
CLIENTS = range(8)


class Federation:
    """One key holder, one root and the clients' memories, in a folder of their own; clients' keys are shared."""

    def __init__(self, folder, encryption):
        self.folder = folder / encryption
        self.keys = folder / 'clients'
        self.encryption = encryption
        self.folder.mkdir()
        self.round = 0

    def run(self, program, *words, status=0):
        done = subprocess.run([program, *map(str, words)], cwd=self.folder, capture_output=True, text=True, timeout=120)
        assert done.returncode == status, f'{words}: exit {done.returncode}: {done.stderr}'
        return done

    def json(self, program, *words, status=0):
        return json.loads(self.run(program, *words, '--json', status=status).stdout)

    def point(self, client):
        return self.keys / f'{client}' / 'identity.point'

    def set_up(self):
        made = self.json(KEYHOLDER, 'keygen', '--out', 'k', '--bits', 512, '--insecure-test-key',
                         '--set', f'encryption.mode={self.encryption}', '--set', 'encryption.s=1')
        self.run(AGGREGATOR, 'init', 'r', '--key-holder', 'k/identity.point', '--commitment', made['commitment'],
                 '--insecure-test-key', '--set', 'model.spec=mlp:8', '--set', 'data.rows=1000',
                 '--set', 'training.steps=5')
        (self.folder / 'k' / 'root.point').write_bytes((self.folder / 'r' / 'identity.point').read_bytes())
        for cell, members in ('east', CLIENTS[:4]), ('west', CLIENTS[4:]):
            for program, folder in (KEYHOLDER, 'k'), (AGGREGATOR, 'r'):
                self.run(program, 'enrol', folder, *map(self.point, members), '--cell', cell)

    def agree(self):
        self.run(AGGREGATOR, 'epoch', 'r', '--out', 'request')
        self.run(KEYHOLDER, 'epoch', 'k', 'request', '--out', 'answer')
        self.run(AGGREGATOR, 'epoch', 'r', '--reveal', 'answer')
        self.run(KEYHOLDER, 'plan', 'k', 'r/plan')

    def open(self):
        self.run(AGGREGATOR, 'open', 'r')
        self.round += 1
        self.base = f'r/round-{self.round}'

    def update(self, client):
        """Its update's file; every client has flows of its own."""
        model = self.json(AGGREGATOR, 'show', 'r')['model_round']
        file = f'update-{client}'
        self.run(CLIENT, 'update', '--plan', 'r/plan', '--groups', 'r/groups', '--task', f'{self.base}/task',
                 '--model', f'r/model-{model}.safetensors', '--identity', self.keys / f'{client}' / 'identity.secret',
                 '--trust-key-holder', 'k/identity.point', '--trust-root', 'r/identity.point',
                 '--state', f'memory-{client}', '--out', file, '--set', 'data.kind=synthetic',
                 '--set', f'data.seed={client}', '--set', 'data.rows=300', '--set', 'encryption.table_kib=16',
                 '--insecure-test-key', '--quiet')
        return file

    def fold(self, clients):
        files = [self.update(client) for client in clients]
        return self.json(AGGREGATOR, 'fold', 'r', *files)

    def have_opened(self, group, status=0):
        file = f'sums-{group}'
        self.run(KEYHOLDER, 'open', 'k', f'{self.base}/group-{group}.release', '--out', file, status=status)
        return file

    def receipts(self, clients=CLIENTS):
        return [self.json(CLIENT, 'receipt', '--state', f'memory-{client}', '--receipt', f'{self.base}/receipt')
                for client in clients]

    def whole_round(self):
        self.open()
        folded = self.fold(CLIENTS)
        assert all(update['accepted'] for update in folded['updates']), folded
        files = [self.have_opened(group) for group in (0, 1)]
        return self.json(AGGREGATOR, 'step', 'r', *files)['round']

    def tensors(self, round_):
        """The bytes of a model without the header, which names plan and parent."""
        content = (self.folder / 'r' / f'model-{round_}.safetensors').read_bytes()
        return content[8 + int.from_bytes(content[:8], 'little'):]

    def tie_secret(self, client, secret=None):
        """What decides votes without an opinion; given one, it takes the place of the client's own."""
        path = self.folder / f'memory-{client}' / 'client.state'
        content = bytearray(path.read_bytes()[:-32])
        start = 8 + 32 + 2 * 65
        if secret:
            content[start:start + 32] = secret
            path.write_bytes(bytes(content) + hashlib.sha256(content).digest())
        return bytes(content[start:start + 32])


def set_up(federation):
    federation.set_up()
    shown = federation.json(AGGREGATOR, 'show', 'r')
    assert (shown['clients'], shown['epoch_stage']) == (8, 'none'), shown
    federation.agree()
    shown = federation.json(AGGREGATOR, 'show', 'r')
    assert (shown['epoch'], shown['groups'], shown['waiting_for']) == (1, 2, 'the next round'), shown


def calibrate(federation):
    ended = federation.whole_round()
    assert ended['calibration'] and ended['outcome'] == 'committed' and ended['used'] == 2, ended
    assert all(receipt['used'] for receipt in federation.receipts())
    assert federation.tensors(1) == federation.tensors(0), 'a calibration round moves no weight'


def learn(federation):
    ended = federation.whole_round()
    assert not ended['calibration'] and ended['outcome'] == 'committed' and ended['used'] == 2, ended
    assert all(receipt['round'] == 2 and receipt['used'] for receipt in federation.receipts())
    assert federation.tensors(2) != federation.tensors(1), 'a learning round moves weights'


def equal_bits(paillier, null):
    set_up(null)
    calibrate(null)
    for client in CLIENTS:
        null.tie_secret(client, paillier.tie_secret(client))
    learn(null)
    assert paillier.tensors(2) == null.tensors(2), 'encryption changed what was learnt'


def piecewise(federation):
    """A round in many calls: updates one by one and twice, sums one by one and twice, questions in between."""
    federation.open()
    for client in CLIENTS:
        file = federation.update(client)
        for _ in range(2):
            folded = federation.json(AGGREGATOR, 'fold', 'r', file)
            assert folded['updates'][0]['accepted'], folded
        waiting = federation.json(AGGREGATOR, 'show', 'r')['waiting_for']
        assert f'updates of {7 - client} clients' in waiting, waiting
    file = federation.have_opened(1)
    said = federation.run(AGGREGATOR, 'step', 'r', file, status=75).stderr
    assert 'the sums of 1 groups' in said, said
    federation.run(AGGREGATOR, 'step', 'r', file, status=75)
    assert (federation.folder / federation.have_opened(1)).read_bytes() == (federation.folder / file).read_bytes()
    ended = federation.json(AGGREGATOR, 'step', 'r', federation.have_opened(0))['round']
    assert ended['used'] == 2, ended
    federation.receipts()


def refuse(federation):
    """What does not belong into the open round: one line, and the round goes on."""
    federation.open()
    stale = (federation.folder / 'update-0').read_bytes()
    good = federation.folder / federation.update(0)
    fresh = good.read_bytes()
    damaged = bytearray(fresh)
    damaged[-9] ^= 4
    for content, status in ((stale, 'WRONG_ROUND'), (damaged, 'BAD_DIGEST'), (fresh[:-1], 'TRUNCATED'),
                            (b'BRGX' + fresh[4:], 'BAD_MAGIC'), (fresh + fresh, 'DECODE'), (b'', 'TRUNCATED')):
        good.write_bytes(content)
        folded = federation.json(AGGREGATOR, 'fold', 'r', 'update-0', status=65)['updates'][0]
        assert folded['status'] == status and 'update-0' in folded['error'], (status, folded)
    good.write_bytes(fresh)
    assert federation.json(AGGREGATOR, 'fold', 'r', 'update-0')['updates'][0]['accepted']


def close_early(federation):
    """The round that `refuse` began: the second group, always opened with four, is one short and sits it out."""
    federation.fold([1, 2, 3, 4, 5, 6])
    closed = federation.json(AGGREGATOR, 'close', 'r')
    assert closed['wrote'] == [], closed
    late = federation.update(7)
    folded = federation.json(AGGREGATOR, 'fold', 'r', late, status=65)['updates'][0]
    assert folded['status'] == 'TOO_LATE', folded
    ended = federation.json(AGGREGATOR, 'step', 'r', federation.have_opened(0))['round']
    assert (ended['outcome'], ended['used'], ended['sat_out']) == ('committed', 1, 1), ended
    assert [receipt['used'] for receipt in federation.receipts()] == [True] * 4 + [False] * 4


def check_records(federation):
    records = [json.loads(line) for line in federation.run(KEYHOLDER, 'records', 'k').stdout.splitlines()]
    wanted = [(1, 0), (1, 1), (2, 0), (2, 1), (3, 1), (3, 0), (4, 0)]
    assert [(record['round'], record['group']) for record in records] == wanted, records
    assert [record['sequence'] for record in records] == list(range(1, 8)), records


def make_clients(folder):
    for client in CLIENTS:
        subprocess.run([CLIENT, 'keygen', '--out', str(folder / f'{client}'), '--quiet'], check=True, timeout=60)


tap = Tap()
with tempfile.TemporaryDirectory() as temporary:
    root = pathlib.Path(temporary)
    (root / 'clients').mkdir()
    make_clients(root / 'clients')
    first, second = Federation(root, 'paillier'), Federation(root, 'null')
    for name, step in (('keys, folders, enrolment, an epoch', lambda: set_up(first)),
                       ('a calibration round', lambda: calibrate(first)),
                       ('a round of learning', lambda: learn(first)),
                       ('the same bits without encryption', lambda: equal_bits(first, second)),
                       ('a round in many small steps', lambda: piecewise(first)),
                       ('files that do not belong', lambda: refuse(first)),
                       ('a round that is closed early', lambda: close_early(first)),
                       ("the key holder's records", lambda: check_records(first))):
        try:
            step()
        except (AssertionError, KeyError, OSError, ValueError, subprocess.SubprocessError):
            tap.case(name, traceback.format_exc(limit=-3).splitlines())
        else:
            tap.case(name, [])
tap.end()
