# SPDX-License-Identifier: Apache-2.0
"""A federation of real programs on loopback, and devices of our own making that say to it whatever a test wants: the
key holder, the root and clients are processes whose events are waited for; a Device speaks HTTPS with the key of any
folder. Keys are insecure test keys."""

import base64
import hashlib
import json
import pathlib
import queue
import signal
import socket
import ssl
import subprocess
import tempfile
import threading
from concurrent.futures import ThreadPoolExecutor

HEADER = 80  # bytes, of a frame
PATIENCE = 60  # seconds: far more than anything here takes
QUICK = ('model.spec=linear', 'data.rows=400', 'training.steps=5', 'data.fit=central', 'codec.mode=sign',
         'robust.rule=mean', 'epochs.settle_seconds=0', 'rounds.count=0', 'listen.threads=1', 'workers.threads=1')
LOCAL = ('listen.address=127.0.0.1', 'listen.port=0')

AUTHORITY_CONFIG = """[ca]
default_ca = authority
[authority]
new_certs_dir = {folder}
database = {folder}/index
rand_serial = yes
default_md = sha256
policy = names
unique_subject = no
x509_extensions = extensions
[names]
commonName = supplied
organizationalUnitName = supplied
organizationName = supplied
[extensions]
basicConstraints = critical, CA:FALSE
keyUsage = critical, digitalSignature
extendedKeyUsage = clientAuth
"""


def setting_words(settings):
    return [word for setting in settings for word in ('--set', setting)]


class Process:
    """A program that tells events on stdout, one JSON object per line, and logs on stderr."""

    def __init__(self, words, **more):
        self.words = [str(word) for word in words]
        self.process = subprocess.Popen(self.words, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE, text=True, **more)
        self.events, self.told, self.lines = queue.Queue(), [], []
        self.news = threading.Condition()
        self.readers = [threading.Thread(target=reader) for reader in (self.hear_events, self.hear_log)]
        for reader in self.readers:
            reader.start()

    def hear_events(self):
        for line in self.process.stdout:
            self.events.put(json.loads(line))
        self.events.put({'event': 'end'})

    def hear_log(self):
        for line in self.process.stderr:
            with self.news:
                self.lines.append(line)
                self.news.notify_all()
        with self.news:
            self.lines.append(None)
            self.news.notify_all()

    def expect(self, event, **like):
        """The next event of this name with these members, text anywhere in theirs; others before it are dropped."""
        while True:
            try:
                told = self.events.get(timeout=PATIENCE)
            except queue.Empty:
                raise AssertionError(f'no {event} {like} in time after {self.told}: {self.log()}') from None
            self.told.append(told)
            if told['event'] == event and all(
                    value in told[key] if isinstance(value, str) else told[key] == value
                    for key, value in like.items()):
                return told
            assert told['event'] != 'end', f'ended instead of telling {event} {like}: {self.log()}'

    def heard(self):
        """All events of a program that has ended."""
        while not self.events.empty():
            self.told.append(self.events.get())
        return self.told

    def expect_log(self, *texts):
        """The first line of the log with all of these in it, whether it was written already or comes."""
        def find():
            return next((line for line in self.lines if line and all(text in line for text in texts)), None)
        with self.news:
            self.news.wait_for(lambda: find() or None in self.lines, PATIENCE)
            assert find(), f'no line with {texts}: {self.log()}'
            return find()

    def log(self):
        return ''.join(line for line in self.lines if line)

    def ended(self, code):
        """Waits for its end, which must be this one; what it logged."""
        got = self.process.wait(PATIENCE)
        self.close()
        assert got == code, f'{self.words[:2]} ended with {got}, not {code}: {self.log()}'
        return self.log()

    def stop(self):
        self.process.terminate()
        return self.ended(0)

    def kill(self):
        self.process.kill()
        self.process.wait(PATIENCE)
        self.close()

    def pause(self):
        self.process.send_signal(signal.SIGSTOP)

    def go_on(self):
        self.process.send_signal(signal.SIGCONT)

    def close(self):
        for reader in self.readers:
            reader.join()
        self.process.stdout.close()
        self.process.stderr.close()

    def ensure_ended(self):
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait(PATIENCE)
        if not self.process.stdout.closed:
            self.close()


class Federation:
    """Key holder `kh`, root `root`, clients `c0` … in one folder. Nothing runs until it is started; whatever does is
    ended with the block, however that ends."""

    def __init__(self, client, aggregator, keyholder, clients=4, settings=(), holder_settings=(), client_settings=()):
        self.client, self.aggregator, self.keyholder = client, aggregator, keyholder
        self.count = clients
        self.settings = (*QUICK, *LOCAL, f'epochs.clients={clients}', *settings)
        self.holder_settings = (*LOCAL, *holder_settings)
        self.client_settings = ('network.poll_seconds=0.02', 'network.patience_seconds=0.2', 'masks.table_kib=16',
                                'masks.pool_kib=0', *client_settings)
        self.running = []
        self.place = tempfile.TemporaryDirectory(prefix='burgee-')
        self.folder = pathlib.Path(self.place.name)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        for process in self.running:
            process.ensure_ended()
        self.place.cleanup()

    def path(self, name):
        return self.folder / name

    # ---- calls ----

    def call(self, program, *words, **more):
        return subprocess.run([str(program), *map(str, words)], cwd=self.folder, capture_output=True, text=True,
                              timeout=PATIENCE, **more)

    def ended(self, status, program, *words):
        """A call that must end with this status; what it says on stderr."""
        ran = self.call(program, *words)
        assert ran.returncode == status, f'{program} {words}: exit {ran.returncode}, not {status}: {ran.stderr}'
        return ran.stderr

    def ok(self, program, *words):
        ran = self.call(program, *words)
        assert ran.returncode == 0, f'{program} {words}: exit {ran.returncode}: {ran.stderr}'
        return ran.stdout

    def start(self, *words, **more):
        process = Process(words, cwd=self.folder, **more)
        self.running.append(process)
        return process

    # ---- roles ----

    def make_holder(self):
        self.ok(self.keyholder, 'init', '--out', 'kh', '--bits', 512, '--insecure-test-key', '--quiet',
                *setting_words(['encryption.s=1', *self.holder_settings]))

    def serve_holder(self, *words, **more):
        """Starts it; from the second time on at the same port."""
        process = self.start(self.keyholder, 'serve', 'kh', '--json', *words, **more)
        url = process.expect('ready')['url']
        if not hasattr(self, 'holder_url'):
            self.holder_url = url
            config = json.loads(self.path('kh/config.json').read_text())
            config['listen']['port'] = int(url.rsplit(':', 1)[1])
            self.path('kh/config.json').write_text(json.dumps(config))
        self.holder = process
        return process

    def tokens(self, role='client', count=1, *words):
        return self.ok(self.keyholder, 'token', 'new', 'kh', '--role', role, '--count', count, *words).splitlines()

    def make_root(self):
        self.ok(self.aggregator, 'init', 'root', '--insecure-test-key', '--quiet', *setting_words(self.settings))
        self.ok(self.aggregator, 'enrol', 'root', self.holder_url, *self.tokens('root'))

    def serve_root(self, *words, **more):
        process = self.start(self.aggregator, 'serve', 'root', '--json', *words, **more)
        self.root_url = process.expect('ready')['url']
        self.root = process
        return process

    def make_client(self, name, token):
        self.ok(self.client, 'enrol', name, self.holder_url, token, '--insecure-test-key', '--label', name, '--quiet',
                *setting_words(['data.kind=synthetic', 'data.rows=200', f'data.seed={int(name[1:])}',
                                *self.client_settings]))

    def make_clients(self):
        names = [f'c{i}' for i in range(self.count)]
        with ThreadPoolExecutor(4) as pool:
            list(pool.map(self.make_client, names, self.tokens(count=self.count)))

    def run_client(self, name, *words, **more):
        return self.start(self.client, 'run', name, '--json', *words, **more)

    def set_up(self):
        """Key holder and root serve, clients are enrolled and do not run."""
        self.make_holder()
        self.serve_holder()
        self.make_root()
        self.serve_root()
        self.make_clients()
        return self

    def hand_made_updates(self, count=None):
        """Those of all clients for the open round, by name."""
        names = [f'c{i}' for i in range(count or self.count)]
        with ThreadPoolExecutor(2) as pool:
            return dict(zip(names, (update for _, update in pool.map(self.hand_made_update, names))))

    def run_clients(self, *indices):
        return [self.run_client(f'c{i}') for i in (indices or range(self.count))]

    def committed(self, count=1):
        """Waits for rounds that commit; the last one's event."""
        for _ in range(count):
            told = self.root.expect('ended', outcome='committed')
        return told

    # ---- devices of our own ----

    def id(self, name):
        """The id of a folder's identity."""
        return hashlib.sha256(self.path(f'{name}/identity.point').read_bytes()[8:73]).hexdigest()


    def device(self, name, url=None):
        """The identity of a folder, in our hands."""
        key = self.path(f'{name}.key')
        key.write_text(key_pem(self.path(f'{name}/identity.secret')))
        return Device(self.path(f'{name}/certificate.pem'), key, url or self.root_url)

    def nobody(self):
        """A device without a certificate."""
        return Device(None, None, self.root_url)

    def make_device(self, name, role, url=None):
        """A device that OpenSSL makes and the key holder enrols: (device, what the key holder answered)."""
        key, request = self.path(f'{name}.key'), make_request(self.path(f'{name}.key'))
        answer = Device(None, None, self.holder_url).ask(
            'POST', '/v1/-/enrolment', json.dumps(
                {'secret': token_secret(self.tokens(role)[0]), 'request': request, 'label': name}).encode(),
            ('Content-Type', 'application/json'))
        assert answer.status == 200, answer
        certificate = self.path(f'{name}.pem')
        certificate.write_text(json.loads(answer.body)['certificate'])
        return Device(certificate, key, url or self.root_url), answer

    def make_certificate(self, name, issuer='kh/ca', start='20200101000000Z', end='20400101000000Z', role='client'):
        """The device of a folder with a certificate of our own making, for its own key; issuer 'foreign' is nobody."""
        key, authority = self.path(f'{name}.key'), self.path(f'{issuer}.pem')
        key.write_text(key_pem(self.path(f'{name}/identity.secret')))
        if issuer == 'foreign':
            authority_key = self.path('foreign.key')
            openssl('req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', 9,
                    '-subj', '/CN=burgee authority/O=burgee', '-keyout', authority_key, '-out', authority)
        else:
            authority_key = self.path('authority.key')
            authority_key.write_text(key_pem(self.path(f'{issuer}.secret')))
        with tempfile.TemporaryDirectory(dir=self.folder) as folder:
            folder = pathlib.Path(folder)
            (folder / 'index').touch()
            (folder / 'config').write_text(AUTHORITY_CONFIG.format(folder=folder))
            openssl('req', '-new', '-key', key, '-subj', f'/CN={self.id(name)}/OU={role}/O=burgee', '-out',
                    folder / 'request')
            certificate = self.path(f'{name}-{issuer.replace("/", "-")}-{start}-{end}.pem')
            openssl('ca', '-batch', '-notext', '-config', folder / 'config', '-in', folder / 'request', '-keyfile',
                    authority_key, '-cert', authority, '-startdate', start, '-enddate', end, '-out', certificate)
        return Device(certificate, key, self.root_url)

    def sign(self, name, label, message):
        """As the identity of a folder does (docs/PROTOCOL.md): r and s, 32 bytes each."""
        key, digest = self.path(f'{name}.key'), self.path(f'{name}.digest')
        key.write_text(key_pem(self.path(f'{name}/identity.secret')))
        digest.write_bytes(hashlib.sha256(label + b'\0' + message).digest())
        der = openssl('dgst', '-sha256', '-sign', key, digest)
        r_end = 4 + der[3]
        return b''.join(number.lstrip(b'\0').rjust(32, b'\0')
                        for number in (der[4:r_end], der[r_end + 2:]))

    def fetch(self, device, path):
        answer = device.ask('GET', f'/v1/burgee/{path}')
        assert answer.status == 200, answer
        return answer.body

    def hand_made_update(self, name, device=None):
        """What a client would send for the open round, made by its program from what the root hands out, as if it had
        never made one before: the task and the bytes of the update."""
        device = device or self.device(name)
        folder = pathlib.Path(tempfile.mkdtemp(prefix=f'{name}.', dir=self.folder))
        (folder / 'state').mkdir()
        for part in ('plan', 'groups', 'task'):
            (folder / part).write_bytes(self.fetch(device, part))
        model = model_of(folder / 'task')
        (folder / 'model').write_bytes(self.fetch(device, f'models/{model}'))
        self.ok(self.client, 'update', '--plan', folder / 'plan', '--groups', folder / 'groups', '--task',
                folder / 'task', '--model', folder / 'model', '--identity', f'{name}/identity.secret',
                '--trust-key-holder', 'kh/identity.point', '--trust-root', 'root/identity.point', '--state',
                folder / 'state', '--out', folder / 'update', '--insecure-test-key', '--quiet',
                *setting_words(['data.kind=synthetic', 'data.rows=200', 'masks.table_kib=16']))
        return (folder / 'task').read_bytes(), (folder / 'update').read_bytes()


def key_pem(path):
    """The private key of such a file, as OpenSSL reads it (RFC 5915)."""
    der = bytes.fromhex('3031020101 0420') + path.read_bytes()[8:40] + bytes.fromhex('a00a06082a8648ce3d030107')
    return f'-----BEGIN EC PRIVATE KEY-----\n{base64.encodebytes(der).decode()}-----END EC PRIVATE KEY-----\n'


def make_request(key, secret=None):
    """The text of a certificate request by the key, which is written to this file: a new one unless it is given."""
    if secret:
        key.write_text(secret)
    else:
        openssl('genpkey', '-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-256', '-out', key)
    point = openssl('pkey', '-in', key, '-pubout', '-outform', 'DER')[-65:]
    return openssl('req', '-new', '-key', key, '-subj', f'/CN={hashlib.sha256(point).hexdigest()}').decode()


def openssl(*words):
    return subprocess.run(['openssl', *map(str, words)], check=True, capture_output=True, timeout=PATIENCE).stdout


def token_secret(token):
    text = token.removeprefix('burgee-').upper()
    return base64.b32decode(text + '=' * (-len(text) % 8))[1:17].hex()


def model_of(task):
    return task.read_bytes()[HEADER + 20:HEADER + 52].hex()


class Answer:
    def __init__(self, status, fields, body):
        self.status, self.fields, self.body = status, fields, body

    def __repr__(self):
        return f'{self.status} {self.fields} {self.body[:300]!r}'

    @property
    def burgee(self):
        return self.fields.get('burgee-status')


class Connection:
    """Raw bytes to a server and its answers."""

    def __init__(self, tls):
        self.tls, self.held = tls, b''

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.tls.close()

    def send(self, data):
        self.tls.sendall(data)

    def more(self):
        data = self.tls.recv(1 << 20)
        self.held += data
        return bool(data)

    def answer(self, method='GET'):
        while b'\r\n\r\n' not in self.held:
            assert self.more(), f'the connection ended after {self.held!r}'
        head, self.held = self.held.split(b'\r\n\r\n', 1)
        first, *lines = head.decode().split('\r\n')
        fields = {key.lower(): value for key, value in (line.split(': ', 1) for line in lines)}
        status = int(first.split()[1])
        size = 0 if method == 'HEAD' or status in (100, 204, 304) else int(fields['content-length'])
        while len(self.held) < size:
            assert self.more(), 'the connection ended in a body'
        body, self.held = self.held[:size], self.held[size:]
        return Answer(status, fields, body)

    def ask(self, method, path, body=b'', *fields):
        lines = [f'{method} {path} HTTP/1.1', 'Host: x', *[f'{key}: {value}' for key, value in fields]]
        if body or method in ('POST', 'PATCH', 'PUT'):
            lines.append(f'Content-Length: {len(body)}')
        self.send('\r\n'.join([*lines, '', '']).encode() + body)
        return self.answer(method)


class Device:
    """A certificate and its key, or none, on the way to one server. Servers are not looked at: what they are is not
    what is tested here."""

    def __init__(self, certificate, key, url):
        self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        self.context.check_hostname, self.context.verify_mode = False, ssl.CERT_NONE
        if certificate:
            self.context.load_cert_chain(certificate, key)
        self.certificate, self.key = certificate, key
        host, port = url.removeprefix('https://').rsplit(':', 1)
        self.address = host, int(port)

    def at(self, url):
        return Device(self.certificate, self.key, url)

    def raw(self):
        return socket.create_connection(self.address, timeout=PATIENCE)

    def connect(self, session=None):
        return Connection(self.context.wrap_socket(self.raw(), session=session))

    def ask(self, method, path, body=b'', *fields):
        with self.connect() as connection:
            return connection.ask(method, path, body, *fields)
