# SPDX-License-Identifier: Apache-2.0
"""A root on the network, with a key holder and four clients as processes: served_root.py CLIENT AGGREGATOR KEYHOLDER

It is killed again and again while rounds run and goes on from its folder; its models are listed, exported and fetched
in ranges by a client; strangers, a revoked client and a second aggregator on the same folder are turned away."""

import hashlib
import json
import pathlib
import signal
import ssl
import subprocess
import sys
import tempfile
import threading
import time
import http.client

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / 'policy'))
from policy import Tap  # noqa: E402

CLIENT, AGGREGATOR, KEYHOLDER = (pathlib.Path(argument).resolve() for argument in sys.argv[1:4])
CLIENTS = 4
ROUNDS = 8
PATIENCE = 120  # seconds for what takes less than ten


class Process:
    """A program that prints one event per line, and what it has said so far."""

    def __init__(self, *words, folder):
        self.errors = tempfile.TemporaryFile(mode='w+')
        self.process = subprocess.Popen([str(word) for word in words], cwd=folder, stdout=subprocess.PIPE,
                                        stderr=self.errors, text=True)
        self.events = []
        self.news = threading.Condition()
        self.reader = threading.Thread(target=self.read, daemon=True)
        self.reader.start()

    def read(self):
        for line in self.process.stdout:
            with self.news:
                self.events.append(json.loads(line))
                self.news.notify_all()
        with self.news:
            self.news.notify_all()

    def wait_for(self, name, **values):
        """The first event that fits."""
        until = time.monotonic() + PATIENCE
        with self.news:
            while True:
                for event in self.events:
                    if event['event'] == name and all(event.get(key) == value for key, value in values.items()):
                        return event
                left = until - time.monotonic()
                if left <= 0 or (self.process.poll() is not None and not self.reader.is_alive()):
                    raise AssertionError(f'no event {name} {values} but {self.events[-3:]}\n{self.log()}')
                self.news.wait(min(left, 0.5))

    def log(self):
        self.errors.seek(0)
        return self.errors.read()[-2000:]

    def end(self, number=signal.SIGTERM):
        self.process.send_signal(number)
        code = self.process.wait(PATIENCE)
        self.reader.join(PATIENCE)
        return code


class World:
    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.processes = []
        self.call(KEYHOLDER, 'init', '--out', 'k', '--bits', 512, '--insecure-test-key', '--set', 'listen.port=0',
                  '--set', 'listen.address=127.0.0.1')
        self.holder = self.start(KEYHOLDER, 'serve', 'k', '--json')
        self.url = self.holder.wait_for('ready')['url']
        self.call(AGGREGATOR, 'init', 'r', '--insecure-test-key', *self.settings(
            'listen.address=127.0.0.1', 'listen.port=0', f'rounds.count={ROUNDS}', f'epochs.clients={CLIENTS}',
            'epochs.settle_seconds=0.1', 'data.fit=central', 'model.spec=linear', 'data.rows=1000',
            'robust.rule=unit-mean'))
        self.call(AGGREGATOR, 'enrol', 'r', self.url, '-', told=self.token('--role', 'root'))
        self.root = self.serve()
        self.clients = []

    @staticmethod
    def settings(*assignments):
        return [word for assignment in assignments for word in ('--set', assignment)]

    def call(self, *words, code=0, told=''):
        ran = subprocess.run([str(word) for word in words], cwd=self.folder, input=told, capture_output=True,
                             text=True, timeout=PATIENCE)
        assert ran.returncode == code, f'{words}: exit {ran.returncode}: {ran.stdout} {ran.stderr}'
        return ran.stdout if code == 0 else ran.stderr

    def start(self, *words):
        self.processes.append(Process(*words, folder=self.folder))
        return self.processes[-1]

    def serve(self):
        root = self.start(AGGREGATOR, 'serve', 'r', '--json')
        self.ready = root.wait_for('ready')
        return root

    def token(self, *words):
        return self.call(KEYHOLDER, 'token', 'new', 'k', *words).strip()

    def add_client(self, name):
        self.call(CLIENT, 'enrol', name, self.url, '-', code=66)
        self.call(CLIENT, 'enrol', name, self.url, '-', told=self.token('--label', name) + '\n')
        self.clients.append(self.start(CLIENT, 'run', name, '--json', '--insecure-test-key', *self.settings(
            'data.kind=synthetic', 'data.rows=300', 'network.poll_seconds=0.1', 'network.patience_seconds=0.2')))

    def ask(self, folder, path, **fields):
        """As the device in that folder: status, fields, body."""
        context = ssl.create_default_context(cafile=self.folder / folder / 'authority.pem')
        context.check_hostname = False
        key = self.folder / f'{folder}.key'
        key.write_text(pem_of(self.folder / folder / 'identity.secret'))
        context.load_cert_chain(self.folder / folder / 'certificate.pem', key)
        host, port = self.ready['url'].removeprefix('https://').split(':')
        connection = http.client.HTTPSConnection(host, int(port), context=context, timeout=PATIENCE)
        connection.request('GET', path, headers={name.replace('_', '-'): value for name, value in fields.items()})
        response = connection.getresponse()
        answer = response.status, response.headers, response.read()
        connection.close()
        return answer

    def stop(self):
        for process in self.processes:
            if process.process.poll() is None:
                process.end(signal.SIGKILL)


def pem_of(path):
    """The secret of identity.secret as a key that TLS libraries read."""
    scalar = path.read_bytes()[8:40]
    der = b'\x30\x31\x02\x01\x01\x04\x20' + scalar + b'\xa0\x0a\x06\x08\x2a\x86\x48\xce\x3d\x03\x01\x07'
    return ssl.DER_cert_to_PEM_cert(der).replace('CERTIFICATE', 'EC PRIVATE KEY')


def killed_in_rounds(world):
    """kill -9 at moments that differ by how far its rounds are."""
    for i in range(CLIENTS):
        world.add_client(f'c{i}')
    number = 1
    for event in ('opened', 'update', 'ended', 'update', 'opened', 'ended'):
        world.root.wait_for(event, round=number)
        world.root.end(signal.SIGKILL)
        url = world.ready['url']
        world.root = world.serve()
        assert world.ready['url'] == url, 'it moved'
        number = max(world.ready['round'], number) + 1
    world.root.wait_for('done')
    for client in world.clients:
        unused = [event for event in client.events if event['event'] == 'receipt' and not event['used']]
        sent = {event['round'] for event in client.events if event['event'] == 'sent'}
        told = {event['round'] for event in client.events if event['event'] == 'receipt'}
        assert not unused, f'updates that were acknowledged were not used: {unused}'
        client.wait_for('receipt', round=max(sent))
        assert sent - {max(sent)} <= told, f'no receipt for {sent - told}'


def models_with_their_line(world):
    models = json.loads(world.call(AGGREGATOR, 'models', 'list', 'r', '--json'))['models']
    assert models[0]['round'] == 0 and len(models) == ROUNDS + 2, models
    for before, model in zip(models, models[1:]):
        assert model['parent'] == before['digest'], model
    newest = models[-1]
    shown = json.loads(world.call(AGGREGATOR, 'models', 'show', 'r', newest['digest'][:12], '--json'))
    assert shown['round'] == newest['round'] and len(shown['updates']) == CLIENTS, shown
    world.call(AGGREGATOR, 'models', 'export', 'r', '--out', 'newest')
    content = (world.folder / 'newest').read_bytes()
    assert hashlib.sha256(content).hexdigest() == newest['digest']
    world.call(AGGREGATOR, 'models', 'export', 'r', '3', '--out', 'third')
    assert hashlib.sha256((world.folder / 'third').read_bytes()).hexdigest() == models[3]['digest']
    world.call(AGGREGATOR, 'models', 'show', 'r', 'fedcba9876543210', code=66)
    return models


def models_in_ranges(world, models):
    digest, size = models[2]['digest'], models[2]['bytes']
    path = f'/v1/burgee/models/{digest}'
    status, fields, whole = world.ask('c0', path)
    assert status == 200 and hashlib.sha256(whole).hexdigest() == digest and fields['ETag'] == f'"{digest}"'
    for asked, first, last in (('0-9', 0, 9), ('100-', 100, size - 1), ('-7', size - 7, size - 1),
                               (f'5-{size * 2}', 5, size - 1)):
        status, fields, part = world.ask('c0', path, Range=f'bytes={asked}')
        assert status == 206 and part == whole[first:last + 1], (asked, status)
        assert fields['Content-Range'] == f'bytes {first}-{last}/{size}', fields
    assert world.ask('c0', path, Range=f'bytes={size}-')[0] == 416
    assert world.ask('c0', path, Range='lines=1-2')[0] == 200
    assert world.ask('c0', path, If_None_Match=f'"{digest}"')[0] == 304
    assert world.ask('c0', path, Range='bytes=0-1', If_Range='"other"')[2] == whole
    assert world.ask('c0', '/v1/burgee/models/' + '0' * 64)[0] == 404
    assert world.ask('c0', '/v1/burgee/models/short')[0] == 404


def turned_away(world):
    assert world.ask('c0', '/metrics')[0] == 403, 'pages are for operators'
    assert world.ask('c0', '/healthz')[0] == 200
    second = world.call(AGGREGATOR, 'serve', 'r', code=75)
    assert f'process {world.root.process.pid}' in second, second
    world.call(AGGREGATOR, 'show', 'r', code=64)
    world.call(KEYHOLDER, 'clients', 'revoke', 'k', 'c3')
    world.root.wait_for('roster', clients=CLIENTS - 1)
    status, fields, body = world.ask('c3', '/v1/burgee/plan')
    assert status == 403 and b'revoked' in body, (status, body)
    assert world.ask('c3', '/healthz')[0] == 403
    assert world.ask('c0', '/v1/burgee/plan')[0] == 200
    assert any(event['event'] == 'refused' for event in world.root.events)


def ends_when_told(world):
    assert world.root.end() == 0
    assert world.holder.end() == 0


def main():
    tap = Tap()
    with tempfile.TemporaryDirectory() as folder:
        world = World(folder)
        models = []
        try:
            with tap.trying('a root that is killed in its rounds goes on with them'):
                killed_in_rounds(world)
            with tap.trying('its models make one line and can be exported'):
                models = models_with_their_line(world)
            with tap.trying('its models are served whole, in ranges, and not twice'):
                models_in_ranges(world, models)
            with tap.trying('strangers and second owners are turned away'):
                turned_away(world)
            with tap.trying('it ends when it is told to'):
                ends_when_told(world)
        finally:
            world.stop()
    tap.end()


if __name__ == '__main__':
    main()
