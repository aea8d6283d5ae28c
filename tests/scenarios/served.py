# SPDX-License-Identifier: Apache-2.0
"""A federation of programs that serve, each in a folder: what an operator sets up by hand. Keys are insecure test keys.
Nothing is left running: the kernel ends what the end of the test does not."""

import ctypes
import json
import os
import pathlib
import signal
import socket
import subprocess
import threading
import time

PATIENCE = 120  # seconds; for events, which take moments
PR_SET_PDEATHSIG = 1


def die_with_parent():
    ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)


def free_port():
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        return probe.getsockname()[1]


class Program:
    """One that runs, with what it has said."""

    def __init__(self, words, errors, environment=None):
        self.events, self.changed = [], threading.Condition()
        self.errors = pathlib.Path(errors)
        self.process = subprocess.Popen([*map(str, words)], stdout=subprocess.PIPE, stderr=self.errors.open('a'),
                                        text=True, env=dict(os.environ, **(environment or {})),
                                        preexec_fn=die_with_parent)
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()

    def read(self):
        for line in self.process.stdout:
            with self.changed:
                self.events.append(json.loads(line))
                self.changed.notify_all()
        with self.changed:
            self.changed.notify_all()

    def told(self, kind, **members):
        """Events of this kind that have these members."""
        with self.changed:
            return [event for event in self.events if event['event'] == kind and
                    all(event.get(key) == value for key, value in members.items())]

    def ended(self):
        return self.process.poll() is not None and not self.reader.is_alive()

    def wait(self, kind, count=1, **members):
        """Until so many such events were told; the last of them."""
        until = time.monotonic() + PATIENCE
        while time.monotonic() < until:
            found = self.told(kind, **members)
            if len(found) >= count:
                return found[-1]
            assert not self.ended(), f'exit {self.process.returncode} before "{kind}": {self.said()}'
            with self.changed:
                self.changed.wait(0.2)
        raise AssertionError(f'no "{kind}" {members} in {PATIENCE} s: {self.events[-5:]} {self.said()}')

    def said(self):
        return self.errors.read_text()[-1500:]

    def end(self, how=signal.SIGTERM, status=0):
        """Asks it to end; how it did."""
        self.process.send_signal(how)
        ended = self.process.wait(PATIENCE)
        self.reader.join(PATIENCE)
        assert status is None or ended == status, f'exit {ended}, not {status}: {self.said()}'
        return ended


class Federation:
    """Key holder `keyholder`, root `root`, clients `client-0` … enrolled by tokens, in one cell. `start` runs them."""

    def __init__(self, folder, client, aggregator, keyholder, clients=4, settings=(), mode='paillier', rows=200):
        self.folder = pathlib.Path(folder)
        self.client, self.aggregator, self.keyholder = client, aggregator, keyholder
        self.clients, self.rows = clients, rows
        self.settings = [word for setting in settings for word in ('--set', setting)]
        self.mode = mode
        self.running = {}
        self.folder.mkdir(exist_ok=True)

    # ---- set-up ----

    def path(self, name):
        return self.folder / name

    def ok(self, program, *words):
        done = subprocess.run([*map(str, (program, *words))], cwd=self.folder, capture_output=True, text=True,
                              timeout=PATIENCE)
        assert done.returncode == 0, f'{program} {words}: exit {done.returncode}: {done.stderr}'
        return done.stdout

    def token(self, role, *more):
        return self.ok(self.keyholder, 'token', 'new', 'keyholder', '--role', role, *more).split()[0]

    def set_up(self):
        """Everybody enrolled; only the key holder runs."""
        insecure = ['--insecure-test-key']
        self.ok(self.keyholder, 'init', '--out', 'keyholder', '--set', f'encryption.mode={self.mode}', '--bits', 512,
                '--set', 'encryption.s=1', '--set', f'groups.size={self.clients}', '--set', 'groups.least=3',
                '--set', f'listen.port={free_port()}', '--set', 'listen.address=127.0.0.1', *insecure)
        self.start_keyholder()
        url = self.running['keyholder'].wait('ready')['url']
        place = free_port()
        self.ok(self.aggregator, 'init', 'root', *insecure, '--set', f'listen.port={place}',
                '--set', 'listen.address=127.0.0.1', '--set', f'listen.url=https://127.0.0.1:{place}',
                '--set', f'epochs.clients={self.clients}', '--set', 'epochs.settle_seconds=0',
                '--set', 'data.rows=400', '--set', 'training.steps=3', '--set', 'robust.rule=mean',
                '--set', 'groups.least=3', '--set', 'model.spec=linear', *self.settings)
        self.ok(self.aggregator, 'enrol', 'root', url, self.token('root'))
        for i in range(self.clients):
            folder = self.path(f'client-{i}')
            folder.mkdir()
            (folder / 'config.json').write_text(json.dumps({
                'data': {'kind': 'synthetic', 'rows': self.rows, 'seed': i}, 'training': {'seed': i},
                'masks': {'table_kib': 16, 'pool_kib': 0}, 'encryption': {'insecure_test_key': True}}))
            self.ok(self.client, 'enrol', folder, url, self.token('client'))
        return url

    # ---- running ----

    def start(self, name, environment=None):
        program, verb = {'keyholder': (self.keyholder, 'serve'), 'root': (self.aggregator, 'serve')}.get(
            name, (self.client, 'run'))
        self.running[name] = Program([program, verb, self.path(name), '--json'], self.path(f'{name}.log'), environment)
        return self.running[name]

    def start_keyholder(self, environment=None):
        """At the place where the others know it."""
        return self.start('keyholder', environment)

    def names(self):
        return ['keyholder', 'root', *(f'client-{i}' for i in range(self.clients))]

    def stop(self):
        for program in self.running.values():
            if program.process.poll() is None:
                program.process.terminate()
        for program in self.running.values():
            program.process.wait(PATIENCE)
        self.running.clear()
