# SPDX-License-Identifier: Apache-2.0
"""A population of programs on files: a key holder, a root and clients, each in a folder, and what people carry between
them."""

import json
import pathlib
import subprocess

CLIENTS = 8


class Population:
    def __init__(self, folder, client, aggregator, keyholder, mode='paillier', s=1, settings=(), rows=400):
        self.folder = pathlib.Path(folder)
        self.client, self.aggregator, self.keyholder = client, aggregator, keyholder
        self.mode, self.rows = mode, rows
        self.insecure = [] if mode == 'off' else ['--insecure-test-key']
        keys = ['--set', f'encryption.mode={mode}']
        if mode != 'off':
            keys += ['--bits', 512, '--set', f'encryption.s={s}', *self.insecure]
        made = json.loads(self.ok(keyholder, 'keygen', '--out', 'kh', '--json', *keys))
        self.ok(aggregator, 'init', 'root', '--key-holder', 'kh/identity.point', '--commitment', made['commitment'],
                *self.insecure, '--set', 'model.spec=linear', '--set', 'data.rows=400', '--set', 'training.steps=5',
                *[word for setting in settings for word in ('--set', setting)])
        (self.path('kh/root.point')).write_bytes(self.path('root/identity.point').read_bytes())
        self.ids = [self.ok(client, 'keygen', '--out', f'c{i}').strip() for i in range(CLIENTS)]
        points = [f'c{i}/identity.point' for i in range(CLIENTS)]
        self.ok(keyholder, 'enrol', 'kh', *points)
        self.ok(aggregator, 'enrol', 'root', *points)

    def path(self, name):
        return self.folder / name

    def call(self, program, *words):
        return subprocess.run([str(program), *map(str, words)], cwd=self.folder, capture_output=True, text=True,
                              timeout=120)

    def ok(self, program, *words):
        """Output of a call that must succeed."""
        ran = self.call(program, *words)
        assert ran.returncode == 0, f'{program} {words}: exit {ran.returncode}: {ran.stderr}'
        return ran.stdout

    def agree(self):
        """An epoch of the whole roster."""
        self.ok(self.aggregator, 'epoch', 'root', '--out', 'request')
        self.ok(self.keyholder, 'epoch', 'kh', 'request', '--out', 'answer')
        self.ok(self.aggregator, 'epoch', 'root', '--reveal', 'answer')
        self.ok(self.keyholder, 'plan', 'kh', 'root/plan')

    def model(self):
        """The newest model's file."""
        return max(self.folder.glob('root/model-*.safetensors'), key=lambda path: int(path.stem.split('-')[1]))

    def update_words(self, i, number, *more):
        return ['update', '--plan', 'root/plan', '--groups', 'root/groups', '--task', f'root/round-{number}/task',
                '--model', self.model(), '--identity', f'c{i}/identity.secret',
                '--trust-key-holder', 'kh/identity.point', '--trust-root', 'root/identity.point',
                '--set', 'data.kind=synthetic', '--set', f'data.rows={self.rows}', '--set', f'data.seed={i}',
                '--state', f'c{i}/state', '--out', f'c{i}/update', *self.insecure, *more]

    def update(self, i, number):
        return json.loads(self.ok(self.client, *self.update_words(i, number), '--json', '--quiet'))

    def open_groups(self, number):
        """The key holder's answers to all releases of a round."""
        answers = []
        for release in sorted(self.folder.glob(f'root/round-{number}/*.release')):
            answer = f'sums-{number}-{release.stem}'
            self.ok(self.keyholder, 'open', 'kh', release, '--out', answer)
            answers.append(answer)
        return answers

    def receipt(self, i, number):
        return json.loads(self.ok(self.client, 'receipt', '--state', f'c{i}/state', '--receipt',
                                  f'root/round-{number}/receipt', '--json'))

    def round(self, number):
        """One round of all clients, from the task to the receipts."""
        self.ok(self.aggregator, 'open', 'root')
        made = [self.update(i, number) for i in range(CLIENTS)]
        self.ok(self.aggregator, 'fold', 'root', *[f'c{i}/update' for i in range(CLIENTS)])
        answers = self.open_groups(number)
        if answers:
            self.ok(self.aggregator, 'step', 'root', *answers)
        return made, [self.receipt(i, number) for i in range(CLIENTS)]
