# SPDX-License-Identifier: Apache-2.0
"""A population of programs on files: a key holder, a root and clients, each in a folder, and what people carry between
them. Keys are insecure test keys."""

import hashlib
import json
import pathlib
import subprocess

CLIENTS = 8
HEADER = 80
MANIFEST, BLOCK, RELEASE = 4, 5, 7
CIPHERTEXT = 128  # 512 bits, s = 1
MODULUS = slice(HEADER + 100, HEADER + 164)  # of a plan
POSITIONS, BLOCK_PAYLOAD = slice(HEADER + 152, HEADER + 160), HEADER + 56
TIE_SECRET = slice(8 + 32 + 2 * 65, 8 + 32 + 2 * 65 + 32)  # in a client's state


class Population:
    """Key holder `kh`, root `root`, clients `c0` …, in equal parts in the cells; a cell of four is always one group, so
    that the partition is the same in every run."""

    def __init__(self, folder, client, aggregator, keyholder, mode='paillier', s=1, settings=(), rows=400,
                 cells=('default',)):
        self.folder = pathlib.Path(folder)
        self.client, self.aggregator, self.keyholder = client, aggregator, keyholder
        self.mode, self.rows = mode, rows
        self.insecure = [] if mode == 'off' else ['--insecure-test-key']
        keys = ['--set', f'encryption.mode={mode}']
        if mode != 'off':
            keys += ['--bits', 512, '--set', f'encryption.s={s}', *self.insecure]
        self.folder.mkdir(exist_ok=True)
        self.ok(keyholder, 'keygen', '--out', 'kh', '--quiet', *keys)
        commitment = self.json(keyholder, 'show', 'kh')['commitment']
        self.ok(aggregator, 'init', 'root', '--key-holder', 'kh/identity.point', '--commitment', commitment,
                *self.insecure, '--set', 'model.spec=linear', '--set', 'data.rows=400', '--set', 'training.steps=5',
                '--set', 'data.fit=central',
                *[word for setting in settings for word in ('--set', setting)])
        self.path('kh/root.point').write_bytes(self.path('root/identity.point').read_bytes())
        for i in range(CLIENTS):
            self.ok(client, 'keygen', '--out', f'c{i}', '--quiet')
        size = CLIENTS // len(cells)
        for at, cell in enumerate(cells):
            points = [f'c{i}/identity.point' for i in range(at * size, (at + 1) * size)]
            self.ok(keyholder, 'enrol', 'kh', *points, '--cell', cell)
            self.ok(aggregator, 'enrol', 'root', *points, '--cell', cell)

    def path(self, name):
        return self.folder / name

    # ---- calls ----

    def call(self, program, *words):
        return subprocess.run([str(program), *map(str, words)], cwd=self.folder, capture_output=True, text=True,
                              timeout=120)

    def ended(self, status, program, *words):
        """A call that must end with this status."""
        ran = self.call(program, *words)
        assert ran.returncode == status, f'{program} {words}: exit {ran.returncode}, not {status}: {ran.stderr}'
        return ran

    def ok(self, program, *words):
        """Output of a call that must succeed."""
        return self.ended(0, program, *words).stdout

    def json(self, program, *words, status=0):
        return json.loads(self.ended(status, program, *words, '--json').stdout)

    # ---- verbs ----

    def id(self, i):
        """SHA-256 of the client's point."""
        return hashlib.sha256(self.path(f'c{i}/identity.point').read_bytes()[8:-32]).hexdigest()

    def agree(self):
        """An epoch of the whole roster."""
        self.ok(self.aggregator, 'epoch', 'root', '--out', 'request')
        self.ok(self.keyholder, 'epoch', 'kh', 'request', '--out', 'answer')
        self.ok(self.aggregator, 'epoch', 'root', '--reveal', 'answer')
        self.ok(self.keyholder, 'plan', 'kh', 'root/plan')

    def model(self):
        """The newest model's file."""
        return max(self.folder.glob('root/model-*.safetensors'), key=lambda path: int(path.stem.split('-')[1]))

    def weights(self):
        """The bytes of the newest model without the header, which names plan and parent."""
        content = self.model().read_bytes()
        return content[8 + int.from_bytes(content[:8], 'little'):]

    def open(self):
        self.ok(self.aggregator, 'open', 'root')

    def update_words(self, i, number, *more):
        return ['update', '--plan', 'root/plan', '--groups', 'root/groups', '--task', f'root/round-{number}/task',
                '--model', self.model(), '--identity', f'c{i}/identity.secret',
                '--trust-key-holder', 'kh/identity.point', '--trust-root', 'root/identity.point',
                '--set', 'data.kind=synthetic', '--set', f'data.rows={self.rows}', '--set', f'data.seed={i}',
                '--set', 'masks.table_kib=16', '--state', f'c{i}/state', '--out', f'c{i}/update',
                *self.insecure, *more]

    def update(self, i, number):
        return self.json(self.client, *self.update_words(i, number), '--quiet')

    def fold(self, clients=range(CLIENTS), status=0):
        """What the root says of each update."""
        return self.json(self.aggregator, 'fold', 'root', *[f'c{i}/update' for i in clients],
                         status=status)['updates']

    def open_group(self, number, group):
        """The key holder's answer to a release, as a file."""
        answer = f'sums-{number}-{group}'
        self.ok(self.keyholder, 'open', 'kh', f'root/round-{number}/group-{group}.release', '--out', answer)
        return answer

    def open_groups(self, number):
        """Its answers to all releases of a round."""
        groups = [path.stem.split('-')[1] for path in self.folder.glob(f'root/round-{number}/*.release')]
        return [self.open_group(number, group) for group in sorted(groups)]

    def step(self, *answers):
        """How the round ended."""
        return self.json(self.aggregator, 'step', 'root', *answers)['round']

    def receipt(self, i, number):
        return self.json(self.client, 'receipt', '--state', f'c{i}/state', '--receipt', f'root/round-{number}/receipt')

    def receipts(self, number, clients=range(CLIENTS)):
        return [self.receipt(i, number) for i in clients]

    def round(self, number):
        """One round of all clients, from the task to the receipts."""
        self.open()
        made = [self.update(i, number) for i in range(CLIENTS)]
        self.fold()
        answers = self.open_groups(number)
        if answers:
            self.step(*answers)
        return made, self.receipts(number)

    def records(self):
        """What the key holder has opened, after it has checked the chain."""
        return [json.loads(line) for line in self.ok(self.keyholder, 'records', 'kh').splitlines()]

    def share_ties(self, other):
        """Gives the clients what decides another population's votes without an opinion: then both learn the same."""
        for i in range(CLIENTS):
            content, theirs = (bytearray(of.path(f'c{i}/state/client.state').read_bytes()) for of in (self, other))
            content[TIE_SECRET] = theirs[TIE_SECRET]
            content[-32:] = hashlib.sha256(content[:-32]).digest()
            self.path(f'c{i}/state/client.state').write_bytes(content)


def frames(content):
    """(type, frame) of each frame."""
    while content:
        size = HEADER + int.from_bytes(content[72:80], 'little')
        yield int.from_bytes(content[6:8], 'little'), content[:size]
        content = content[size:]


def u64(value):
    return value.to_bytes(8, 'little')


def release_of(population, updates, number, group):
    """What a root writes that hands these updates' sum to the key holder without checks of its own; encryption null."""
    modulus = int.from_bytes(population.path('root/plan').read_bytes()[MODULUS], 'little')
    manifests = [frame for update in updates for kind, frame in frames(update) if kind == MANIFEST]
    blocks = [[frame for kind, frame in frames(update) if kind == BLOCK] for update in updates]
    payloads = [b''.join(frame[BLOCK_PAYLOAD:] for frame in member) for member in blocks]
    positions = int.from_bytes(manifests[0][POSITIONS], 'little')
    assert all(len(payload) == positions * CIPHERTEXT for payload in payloads)
    product = b''.join(
        (sum(int.from_bytes(payload[at:at + CIPHERTEXT], 'little') for payload in payloads) % modulus)
        .to_bytes(CIPHERTEXT, 'little') for at in range(0, positions * CIPHERTEXT, CIPHERTEXT))
    body = u64(number) + bytes(4) + u64(1) + group.to_bytes(4, 'little') + u64(len(manifests))
    body += b''.join(u64(len(manifest)) + manifest for manifest in manifests)
    body += u64(positions) + u64(len(product)) + product
    header = manifests[0][:6] + RELEASE.to_bytes(2, 'little') + manifests[0][8:72] + u64(len(body))
    return header + body + b''.join(frame for member in blocks for frame in member)
