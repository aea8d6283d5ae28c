# SPDX-License-Identifier: Apache-2.0
"""burgee-keyholder serve, asked by Python's TLS and openssl's certificate requests:
python3 test_keyholder_serve.py BURGEE_CLIENT BURGEE_AGGREGATOR BURGEE_KEYHOLDER confined|free

The root's messages are those of the programs on files; the root here is its identity behind a certificate."""

import base64
import contextlib
import hashlib
import http.client
import json
import os
import pathlib
import re
import signal
import ssl
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / 'scenarios'), str(HERE.parent / 'policy')]
from by_hand import CLIENTS, Population, release_of  # noqa: E402
from policy import Tap  # noqa: E402

PROGRAMS = CLIENT, AGGREGATOR, KEYHOLDER = [pathlib.Path(argument).resolve() for argument in sys.argv[1:4]]
CONFINED = sys.argv[4] == 'confined'  # whether this build filters system calls
MEMBERS = 4
SCALAR = slice(8, 40)  # of an identity.secret
P256 = bytes.fromhex('06082a8648ce3d030107')


def openssl(*words, **options):
    return subprocess.run(['openssl', *map(str, words)], check=True, capture_output=True, timeout=60, **options).stdout


def secret_of(token):
    digits = token[7:].upper()
    return base64.b32decode(digits + '=' * (-len(digits) % 8))[1:17].hex()


class Served:
    """A key holder on a free port, until it is stopped or killed."""

    def __init__(self, folder):
        self.process = subprocess.Popen(
            [KEYHOLDER, 'serve', folder, '--json', '--set', 'listen.port=0', '--set', 'listen.address=127.0.0.1'],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        ready = self.event('ready')
        self.port = int(ready['url'].rsplit(':', 1)[1])

    def event(self, name):
        """The next event of this name."""
        while True:
            line = self.process.stdout.readline()
            assert line, f'no event {name!r}: {self.process.stderr.read()}'
            event = json.loads(line)
            if event['event'] == name:
                return event

    def stop(self, how=signal.SIGTERM):
        self.process.send_signal(how)
        self.process.communicate(timeout=30)
        return self.process.returncode


class Device:
    """A key, and what a key holder gave for it."""

    def __init__(self, folder, identity=None):
        self.key, self.certificate = folder / 'tls.key', folder / 'tls.pem'
        folder.mkdir(exist_ok=True)
        if identity:
            scalar = identity.read_bytes()[SCALAR]
            body = b'\x02\x01\x01\x04\x20' + scalar + b'\xa0' + bytes([len(P256)]) + P256
            openssl('ec', '-inform', 'DER', '-out', self.key, input=b'\x30' + bytes([len(body)]) + body)
        else:
            openssl('ecparam', '-genkey', '-name', 'prime256v1', '-noout', '-out', self.key)
        public = openssl('ec', '-in', self.key, '-pubout', '-outform', 'DER')
        self.id = hashlib.sha256(public[-65:]).hexdigest()
        self.request = openssl('req', '-new', '-key', self.key, '-subj', f'/CN={self.id}').decode()

    def ask(self, served, method, path, body=None, shown=True):
        """(HTTP status, Burgee-Status, body)"""
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
        if shown:
            context.load_cert_chain(self.certificate, self.key)
        connection = http.client.HTTPSConnection('127.0.0.1', served.port, context=context, timeout=60)
        with contextlib.closing(connection):
            connection.request(method, path, body)
            reply = connection.getresponse()
            return reply.status, reply.getheader('Burgee-Status'), reply.read()

    def enrol(self, served, token, path='/v1/-/enrolment', **more):
        asked = json.dumps({'secret': secret_of(token), 'request': self.request, **more})
        status, said, body = self.ask(served, 'POST', path, asked, shown=False)
        if status == 200:
            self.certificate.write_text(json.loads(body)['certificate'])
        return status, said, json.loads(body)


def make(folder):
    population = Population(folder, *PROGRAMS, mode='null')
    population.agree()
    population.open()
    for i in range(CLIENTS):
        population.update(i, 1)
    population.fold()
    return population


def token(population, *words):
    return population.ok(KEYHOLDER, 'token', 'new', 'kh', *words).strip()


def check_health(served, population):
    nobody = Device(population.path('nobody'))
    status, _, body = nobody.ask(served, 'GET', '/healthz', shown=False)
    assert status == 200 and json.loads(body) == {'status': 'ok', 'role': 'keyholder', 'epoch': 1}, body
    for path in ('/v1/burgee/roster/0', '/v1/burgee/renewal', '/v1/burgee/releases'):
        status, said, _ = nobody.ask(served, 'POST' if 'r/' not in path else 'GET', path, '', shown=False)
        assert (status, said) == (403, 'permission'), (path, status, said)
    status, _, _ = nobody.ask(served, 'GET', '/elsewhere', shown=False)
    assert status == 404, status


def check_enrolment(served, population):
    client = Device(population.path('device'))
    issued = token(population, '--role', 'client', '--label', 'kitchen')
    status, _, reply = client.enrol(served, issued)
    assert status == 200, reply
    assert reply['population'] == 'burgee' and reply['root'], reply
    said = served.event('enrolled')
    assert (said['client'], said['role']) == (client.id, 'client'), said
    again, _, repeated = client.enrol(served, issued)
    assert again == 200 and served.event('enrolled')['client'] == client.id, repeated
    status, said, _ = Device(population.path('thief')).enrol(served, issued)
    assert (status, said) == (403, 'refused'), 'redeemed by another key'
    status, _, body = client.ask(served, 'POST', '/v1/burgee/renewal', json.dumps({'request': client.request}))
    assert status == 200 and json.loads(body)['certificate'], body
    status, said, _ = client.ask(served, 'POST', '/v1/burgee/releases', b'x')
    assert (status, said) == (403, 'refused'), 'a client is no aggregator'
    return client


def check_guesses(served, population):
    """Wrong tokens are refused, and soon not even looked at; a right one still is."""
    guesser, issued = Device(population.path('guesser')), token(population)
    statuses = []
    for _ in range(40):
        wrong = json.dumps({'secret': os.urandom(16).hex(), 'request': guesser.request})
        statuses.append(guesser.ask(served, 'POST', '/v1/-/enrolment', wrong, shown=False)[0])
    assert statuses[0] == 403 and statuses[-1] == 503, statuses
    status, _, body = guesser.ask(served, 'POST', '/v1/-/enrolment', '{"secret": 5}', shown=False)
    assert status == 400 and b'secret' in body, body
    assert issued


def check_revocation(served, population, client):
    population.ok(KEYHOLDER, 'clients', 'revoke', 'kh', 'kitchen')
    status, said, body = client.ask(served, 'POST', '/v1/burgee/renewal', json.dumps({'request': client.request}))
    assert (status, said) == (403, 'refused') and b'revoked' in body, body


def enrol_root(served, population):
    root = Device(population.path('root-tls'), population.path('root/identity.secret'))
    status, _, reply = root.enrol(served, token(population, '--role', 'root'), url='https://root.example:8443')
    assert status == 200, reply
    assert served.event('enrolled')['role'] == 'root'
    return root


def updates_of(population, release):
    """The updates of its group, in the order of the release."""
    content = release.read_bytes()
    found = []
    for i in range(CLIENTS):
        update = population.path(f'c{i}/update').read_bytes()
        manifest = update[:80 + int.from_bytes(update[72:80], 'little')]
        if manifest in content:
            found.append((content.index(manifest), update))
    return [update for _, update in sorted(found)]


def check_release(served, population, root):
    group = 0
    release = population.path(f'root/round-1/group-{group}.release')
    updates = updates_of(population, release)
    assert len(updates) == MEMBERS

    def ask(which):
        content = release_of(population, [updates[i] for i in which], 1, group)
        return root.ask(served, 'POST', '/v1/burgee/releases', content)

    for which, expected in (((0,), 'too-few'), ((0, 1), 'too-few'), ((0, 1, 2), 'refused')):
        status, said, _ = ask(which)
        assert said == expected, (which, status, said)
    status, said, sums = root.ask(served, 'POST', '/v1/burgee/releases', release.read_bytes())
    assert (status, said) == (200, 'ok'), (status, said)
    assert served.event('opened')['group'] == group
    for which in ((0, 1), (0, 1, 2), (1, 2, 3)):
        status, said, _ = ask(which)
        assert said in ('refused', 'too-few'), (which, status, said)
    return release, sums


def check_restart(population, root, release, sums, how):
    """The same numbers after it was stopped or killed, from what its journal has."""
    served = Served(population.path('kh'))
    try:
        status, said, again = root.ask(served, 'POST', '/v1/burgee/releases', release.read_bytes())
        assert (status, said) == (200, 'ok') and again == sums, (status, said)
        assert served.event('repeated')['group'] == 0
        status, said, roster = root.ask(served, 'GET', '/v1/burgee/roster/0')
        assert (status, said) == (200, 'ok') and roster[:4] == b'BRGE', said
    finally:
        assert served.stop(how) == (0 if how == signal.SIGTERM else -how)


def filters(process):
    """Of system calls, that the process is under."""
    about = pathlib.Path(f'/proc/{process}/status').read_text(encoding='ascii')
    return int(re.search(r'^Seccomp_filters:\s*(\d+)$', about, re.MULTILINE)[1])


def check_process(served, population):
    limits = pathlib.Path(f'/proc/{served.process.pid}/limits').read_text(encoding='ascii')
    assert any(line.split()[:6] == ['Max', 'core', 'file', 'size', '0', '0'] for line in limits.splitlines()), limits
    assert filters(served.process.pid) - filters('self') == (2 if CONFINED else 0)
    ran = population.call(KEYHOLDER, 'serve', 'kh')
    assert ran.returncode == 75, f'a second program on the folder: {ran.stderr}'


tap = Tap()
with tempfile.TemporaryDirectory() as place:
    whole = make(pathlib.Path(place))
    running = Served(whole.path('kh'))
    try:
        with tap.trying('health is for everybody, and the rest for nobody without a certificate'):
            check_health(running, whole)
        with tap.trying('a device enrols with a token, once, and renews'):
            kitchen = check_enrolment(running, whole)
        with tap.trying('a revoked device is refused by name'):
            check_revocation(running, whole, kitchen)
        with tap.trying('the root enrols and opens groups, not pairs, singles or a group minus a member'):
            rooted = enrol_root(running, whole)
            asked, given = check_release(running, whole, rooted)
        with tap.trying('guessing of tokens is slowed down'):
            check_guesses(running, whole)
        with tap.trying('the process leaves no core dumps, and a folder has one'):
            check_process(running, whole)
        with tap.trying('it ends cleanly on SIGTERM'):
            assert running.stop() == 0
    finally:
        if running.process.poll() is None:
            running.stop(signal.SIGKILL)
    with tap.trying('a restart gives identical answers'):
        check_restart(whole, rooted, asked, given, signal.SIGKILL)
    with tap.trying('so does one after it was killed'):
        check_restart(whole, rooted, asked, given, signal.SIGTERM)
    with tap.trying('its socket stays behind, and leads nobody astray'):
        assert whole.path('kh/control').is_socket()
        assert 'kitchen' in whole.call(KEYHOLDER, 'clients', 'list', 'kh').stdout
    with tap.trying('a secret that others may read is refused'):
        whole.path('kh/secret.key').chmod(0o644) if whole.path('kh/secret.key').exists() else None
        whole.path('kh/identity.secret').chmod(0o644)
        whole.ended(77, KEYHOLDER, 'serve', 'kh')
tap.end()
