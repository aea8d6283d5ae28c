# SPDX-License-Identifier: Apache-2.0
"""net/https_client.h against servers that go wrong in every way: python3 test_https_client.py HTTPS_PROBE"""

import contextlib
import hashlib
import json
import os
import pathlib
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import threading

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / 'policy'))
from policy import Tap  # noqa: E402

PROBE = str(pathlib.Path(sys.argv[1]).resolve())
MEBIBYTE = 1 << 20


def openssl(*words, **options):
    return subprocess.run(['openssl', *map(str, words)], check=True, capture_output=True, **options).stdout


class Authority:
    """Certificates of P-256 keys, as a key holder would issue them."""

    def __init__(self, folder, name):
        self.folder, self.name = pathlib.Path(folder), name
        self.key, self.certificate = self.folder / f'{name}.key', self.folder / f'{name}.pem'
        openssl('req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', self.key,
                '-out', self.certificate, '-subj', f'/CN={name}', '-days', 10,
                '-addext', 'basicConstraints=critical,CA:TRUE')

    def issue(self, name, begin=None, end=None):
        """(key, certificate) files; valid from now on unless said otherwise ('YYMMDDHHMMSSZ')."""
        key, request, certificate = (self.folder / f'{self.name}-{name}.{end}' for end in ('key', 'csr', 'pem'))
        openssl('req', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-keyout', key, '-out',
                request, '-subj', f'/CN={name}')
        if begin is None:
            openssl('x509', '-req', '-in', request, '-CA', self.certificate, '-CAkey', self.key, '-set_serial', 7,
                    '-days', 5, '-out', certificate)
        else:
            (self.folder / 'index.txt').write_text('')
            (self.folder / 'ca.cnf').write_text(
                '[ca]\ndefault_ca=x\n[x]\ndatabase=index.txt\nnew_certs_dir=.\nrand_serial=yes\ndefault_md=sha256\n'
                'policy=p\nunique_subject=no\n[p]\ncommonName=supplied\n')
            openssl('ca', '-batch', '-config', 'ca.cnf', '-cert', self.certificate, '-keyfile', self.key, '-in',
                    request, '-out', certificate, '-startdate', begin, '-enddate', end, '-notext', cwd=self.folder)
        return key, certificate


def pin(key):
    """SHA-256 of the SubjectPublicKeyInfo, in hex."""
    return hashlib.sha256(openssl('pkey', '-in', key, '-pubout', '-outform', 'DER')).hexdigest()


def read_head(stream):
    head = b''
    while not head.endswith(b'\r\n\r\n'):
        byte = stream.recv(1)
        if not byte:
            raise ConnectionError('closed')
        head += byte
    return head.decode()


def answer(body=b'', status='200 OK', fields=()):
    lines = [f'HTTP/1.1 {status}', f'Content-Length: {len(body)}', *fields, '', '']
    return '\r\n'.join(lines).encode() + body


class Server:
    """One thread per connection: `serve(stream, number of the connection)` inside TLS, or without where key is None."""

    def __init__(self, serve, key=None, certificate=None, client_authority=None, family=socket.AF_INET,
                 version=None):
        self.serve, self.context, self.count = serve, None, 0
        if key:
            self.context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
            self.context.load_cert_chain(certificate, key)
            if version:
                self.context.maximum_version = version
            if client_authority:
                self.context.verify_mode = ssl.CERT_REQUIRED
                self.context.load_verify_locations(client_authority)
        self.listener = socket.socket(family, socket.SOCK_STREAM)
        self.listener.bind(('::1' if family == socket.AF_INET6 else '127.0.0.1', 0))
        self.listener.listen(20)
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self.listener.accept()
                self.count += 1
                threading.Thread(target=self.attend, args=(connection, self.count), daemon=True).start()

    def attend(self, connection, number):
        with contextlib.suppress(OSError, ConnectionError):
            if not self.context:
                self.serve(connection, number)
                return
            stream = self.context.wrap_socket(connection, server_side=True, do_handshake_on_connect=False)
            try:
                stream.do_handshake()
            except ssl.SSLError:
                # What the peer has sent must be read: a reset would overtake the alert.
                with socket.socket(fileno=stream.detach()) as raw:
                    raw.shutdown(socket.SHUT_WR)
                    while raw.recv(65536):
                        pass
                return
            self.serve(stream, number)
            stream.close()

    def url(self, path='/'):
        host = '[::1]' if self.listener.family == socket.AF_INET6 else '127.0.0.1'
        return f'https://{host}:{self.port}{path}'


def plain_http(stream, _):
    """Answers requests with their size until the peer goes."""
    while True:
        head = read_head(stream)
        fields = dict(line.split(': ', 1) for line in head.split('\r\n')[1:] if line)
        size = int(fields.get('Content-Length', 0))
        if fields.get('Expect') == '100-continue':
            stream.sendall(b'HTTP/1.1 100 Continue\r\n\r\n')
        left = size
        while left:
            left -= len(stream.recv(min(left, 65536)))
        head_only = head.startswith('HEAD')
        reply = answer(b'' if head_only else b'x' * 10, fields=[f'Seen: {size} {fields.get("User-Agent")}'])
        stream.sendall(reply)


class World:
    def __init__(self, folder):
        self.folder = folder
        self.ours, self.other = Authority(folder, 'ours'), Authority(folder, 'other')
        self.server_key, self.server_certificate = self.ours.issue('server')
        self.device_key, self.device_certificate = self.ours.issue('device')
        self.pin = pin(self.server_key)

    def server(self, serve=plain_http, **options):
        return Server(serve, **{'key': self.server_key, 'certificate': self.server_certificate, **options})

    def run(self, url, environment=None, **settings):
        settings = {'pin': self.pin, 'authority': self.ours.certificate, **settings}
        words = [f'{key}={value}' for key, value in settings.items() if value is not None]
        done = subprocess.run([PROBE, *words, url], capture_output=True, text=True, timeout=60,
                              env={**os.environ, 'NO_PROXY': '', **(environment or {})})
        assert done.returncode == 0, done
        return [json.loads(line) for line in done.stdout.splitlines()]

    def one(self, url, **settings):
        replies = self.run(url, **settings)
        assert len(replies) == 1, replies
        return replies[0]

    def fails(self, status, *says, url, **settings):
        """The sentence about a request that must fail so."""
        reply = self.one(url, **settings)
        assert reply['status'] == status and reply['http'] == 0 and reply['size'] == 0, reply
        assert url in reply['error'], reply
        missing = [words for words in says if words not in reply['error']]
        assert not missing, (missing, reply['error'])
        return reply


def answers(world):
    server = world.server()
    reply = world.one(server.url('/a'), field='seen')
    assert (reply['status'], reply['http'], reply['size']) == ('OK', 200, 10), reply
    assert reply['field'].startswith('0 burgee/'), reply
    reply = world.one(server.url('/a'), method='HEAD', field='Seen')
    assert (reply['http'], reply['size'], reply['field'][0]) == (200, 0, '0'), reply
    for method in ('POST', 'PUT', 'PATCH'):
        for size in (0, 1, 100_000, 3 * MEBIBYTE):
            reply = world.one(server.url('/a'), method=method, bytes=size, field='Seen')
            assert (reply['http'], reply['sent'], reply['field'].split()[0]) == (200, size, str(size)), reply


def keeps_connections(world):
    server = world.server()
    assert [reply['http'] for reply in world.run(server.url(), times=5)] == [200] * 5
    assert server.count == 1, server.count


def gets_over_connections_that_were_closed(world):
    """The server closes each connection after one answer, without saying so; bodies that are small are sent again."""
    def once(stream, _):
        head = read_head(stream)
        left = int(dict(line.split(': ', 1) for line in head.split('\r\n')[1:] if line).get('Content-Length', 0))
        while left:
            left -= len(stream.recv(min(left, 65536)))
        stream.sendall(answer(b'x'))
    for settings in ({}, {'method': 'POST', 'bytes': 50_000}):
        server = world.server(once)
        replies = world.run(server.url(), times=20, **settings)
        assert [reply['http'] for reply in replies] == [200] * 20, replies
        assert server.count == 20


def shows_its_certificate(world):
    server = world.server(client_authority=world.ours.certificate)
    reply = world.one(server.url(), certificate=world.device_certificate, key=world.device_key)
    assert reply['http'] == 200, reply


def believes_a_pinned_key_alone(world):
    assert world.one(world.server().url(), authority=None)['http'] == 200


def refuses_another_key(world):
    world.fails('BAD_KEY', "server's key is not the one", 'enrol', url=world.server().url(), pin='ab' * 32)
    world.fails('BAD_KEY', "server's key is not the one", url=world.server().url(), pin='ab' * 32, authority=None)


def refuses_another_authority(world):
    key, certificate = world.other.issue('server')
    server = world.server(key=key, certificate=certificate)
    world.fails('BAD_KEY', 'another authority', url=server.url(), pin=pin(key))


def names_the_clock(world):
    for begin, end, says in (('200101000000Z', '210101000000Z', 'has expired'),
                             ('480101000000Z', '490101000000Z', 'is not valid yet')):
        key, certificate = world.ours.issue(f'server{begin}', begin, end)
        server = world.server(key=key, certificate=certificate)
        world.fails('BAD_KEY', says, 'clock', ' UTC', url=server.url(), pin=pin(key))


def is_refused(world):
    key, certificate = world.other.issue('device')
    for version in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3):
        server = world.server(client_authority=world.ours.certificate, version=version)
        world.fails('REFUSED', 'revoked or unknown', 'enrol again', url=server.url(), key=key, certificate=certificate)
        world.fails('REFUSED', 'enrol', url=server.url())
    key, certificate = world.ours.issue('late', '200101000000Z', '210101000000Z')
    server = world.server(client_authority=world.ours.certificate)
    world.fails('REFUSED', 'has expired', 'clock', url=server.url(), key=key, certificate=certificate)


def names_what_cannot_be_reached(world):
    world.fails('IO', '"nowhere.invalid"', 'no address', url='https://nowhere.invalid/')
    with socket.socket() as listener:
        listener.bind(('127.0.0.1', 0))
        port = listener.getsockname()[1]
        world.fails('IO', 'no connection', f'127.0.0.1 port {port}', url=f'https://127.0.0.1:{port}/')


def names_proxies(world):
    def refuse(stream, _):
        read_head(stream)
        stream.sendall(answer(status='403 Forbidden'))
    server, proxy = world.server(), Server(refuse)
    world.fails('IO', 'proxy', '403', url=server.url(), proxy=f'http://127.0.0.1:{proxy.port}')
    world.fails('IO', 'proxy', '403', url=server.url(), environment={'https_proxy': f'http://127.0.0.1:{proxy.port}'})
    world.fails('IO', 'proxy', 'nowhere.invalid', url=server.url(), proxy='http://nowhere.invalid:1')
    with socket.socket() as listener:
        listener.bind(('127.0.0.1', 0))
        port = listener.getsockname()[1]
        world.fails('IO', 'proxy', str(port), url='https://device.test/', proxy=f'http://127.0.0.1:{port}')
    assert world.one(server.url(), proxy='', environment={'https_proxy': 'http://127.0.0.1:1'})['http'] == 200


def goes_through_proxies(world):
    server, asked = world.server(), []

    def relay(source, sink):
        with contextlib.suppress(OSError):
            while data := source.recv(65536):
                sink.sendall(data)
            sink.shutdown(socket.SHUT_WR)

    def connect(stream, _):
        asked.append(read_head(stream).split()[1])
        with socket.create_connection(('127.0.0.1', server.port)) as onward:
            stream.sendall(b'HTTP/1.1 200 Connection established\r\n\r\n')
            threading.Thread(target=relay, args=(stream, onward), daemon=True).start()
            relay(onward, stream)
    proxy = Server(connect)
    reply = world.one('https://device.test:8443/', proxy=f'http://127.0.0.1:{proxy.port}')
    assert reply['http'] == 200 and asked == ['device.test:8443'], (reply, asked)


def speaks_ipv6(world):
    assert world.one(world.server(family=socket.AF_INET6).url())['http'] == 200


def names_what_it_waited_for(world):
    stay = threading.Event()
    silent = Server(lambda stream, _: stay.wait(20))
    world.fails('IO', 'TLS was agreed on', '0.3 s', url=silent.url(), connect_ms=300)

    def after_head(stream, _):
        read_head(stream)
        stay.wait(20)

    def after_half(stream, _):
        read_head(stream)
        stream.sendall(answer(b'x' * 100)[:-50])
        stay.wait(20)
    world.fails('IO', 'the answer was waited for', '0.3 s', url=world.server(after_head).url(), timeout_ms=300)
    world.fails('IO', 'while the answer came', '0.3 s', url=world.server(after_half).url(), timeout_ms=300)
    stay.set()


def a_slow_answer_is_no_timeout(world):
    def slowly(stream, _):
        read_head(stream)
        for byte in answer(b'x' * 30):
            stream.sendall(bytes([byte]))
            threading.Event().wait(0.02)
    reply = world.one(world.server(slowly).url(), timeout_ms=700)
    assert (reply['status'], reply['size']) == ('OK', 30), reply


def names_what_breaks(world):
    def after_head(stream, _):
        read_head(stream)

    def in_the_body(stream, _):
        read_head(stream)
        stream.sendall(answer(b'x' * 100)[:-50])

    def no_http(stream, _):
        read_head(stream)
        stream.sendall(b'SSH-2.0-OpenSSH_9.2\r\n' * 3)
    for serve in (after_head, in_the_body):
        world.fails('IO', 'the connection broke', url=world.server(serve).url())
    world.fails('DECODE', 'not burgee', url=world.server(no_http).url())
    world.fails('IO', 'broke', url=Server(lambda stream, _: stream.recv(10) and stream.sendall(b'no TLS')).url())


def bounds_answers(world):
    sent = []

    def endless(stream, _):
        read_head(stream)
        stream.sendall(b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n')
        with contextlib.suppress(OSError):
            while True:
                stream.sendall(b'1000\r\n' + b'x' * 4096 + b'\r\n')
                sent.append(4096)

    def announced(stream, _):
        read_head(stream)
        stream.sendall(b'HTTP/1.1 200 OK\r\nContent-Length: 99999999\r\n\r\n' + b'x' * 100)
        threading.Event().wait(20)

    def head(stream, _):
        read_head(stream)
        with contextlib.suppress(OSError):
            stream.sendall(b'HTTP/1.1 200 OK\r\n')
            while True:
                stream.sendall(b'X: ' + b'x' * 1000 + b'\r\n')
    world.fails('TOO_LARGE', '50000 bytes', url=world.server(endless).url(), limit=50000)
    assert sum(sent) < 16 * MEBIBYTE
    world.fails('TOO_LARGE', '50000 bytes', url=world.server(announced).url(), limit=50000)
    world.fails('TOO_LARGE', url=world.server(head).url())
    assert world.one(world.server().url(), limit=10)['size'] == 10
    world.fails('TOO_LARGE', '9 bytes', url=world.server().url(), limit=9)


def follows_nobody(world):
    other = world.server()

    def elsewhere(stream, _):
        read_head(stream)
        stream.sendall(answer(status='302 Found', fields=[f'Location: {other.url()}']))
    reply = world.one(world.server(elsewhere).url(), field='Location')
    assert reply['http'] == 302 and reply['field'] == other.url() and other.count == 0, reply


def an_early_answer_ends_the_upload(world):
    def refuse(stream, _):
        read_head(stream)
        stream.sendall(answer(status='503 Service Unavailable', fields=['Retry-After: 7', 'Connection: close']))
        with contextlib.suppress(OSError):
            while stream.recv(65536):
                pass
    reply = world.one(world.server(refuse).url(), method='POST', bytes=8 * MEBIBYTE, field='Retry-After')
    assert reply['http'] == 503 and reply['field'] == '7' and reply['sent'] < MEBIBYTE, reply


def memory(pid):
    status = pathlib.Path(f'/proc/{pid}/status').read_text()
    return {key: int(value.split()[0]) for key, value in
            (line.split(':', 1) for line in status.splitlines() if 'kB' in line)}


def is_small_when_idle(world):
    server = world.server()
    words = [f'pin={world.pin}', f'authority={world.ours.certificate}', 'times=20', 'hold=1', 'idle_ms=50']
    with subprocess.Popen([PROBE, *words, server.url()], stdout=subprocess.PIPE, text=True) as process:
        try:
            for line in process.stdout:
                if json.loads(line).get('event') == 'idle':
                    break
            used = memory(process.pid)
            sockets = [link for link in pathlib.Path(f'/proc/{process.pid}/fd').iterdir()
                       if os.readlink(link).startswith('socket:')]
        finally:
            process.send_signal(signal.SIGTERM)
        assert process.wait(20) == 0
    print(f'# idle: RssAnon {used["RssAnon"]} kB, VmRSS {used["VmRSS"]} kB')
    assert not sockets, sockets
    most = 14 if ssl.OPENSSL_VERSION_INFO < (3, 2) else 16  # MiB; libcurl's libraries in Debian 13 are larger
    assert used['RssAnon'] <= 4 * 1024 and used['VmRSS'] <= most * 1024, used


def refuses_what_is_not_https(world):
    for url in ('http://127.0.0.1/', 'ftp://127.0.0.1/', 'file:///etc/passwd'):
        done = subprocess.run([PROBE, f'pin={world.pin}', url], capture_output=True, text=True, timeout=20)
        assert done.returncode == 64 and not done.stdout, done


tap = Tap()
with tempfile.TemporaryDirectory() as folder:
    world = World(folder)
    for name, check in {
        'answers come whole, bodies of all sizes go': answers,
        'connections are kept': keeps_connections,
        'connections that the server has closed do not matter': gets_over_connections_that_were_closed,
        "the device's certificate is shown": shows_its_certificate,
        'a pinned key is believed without an authority': believes_a_pinned_key_alone,
        'another key is refused': refuses_another_key,
        'a certificate of another authority is refused': refuses_another_authority,
        'a certificate out of its time names the clock': names_the_clock,
        'a device that is refused is told to enrol': is_refused,
        'names and addresses that lead nowhere are named': names_what_cannot_be_reached,
        'proxies that fail are named': names_proxies,
        'a proxy is gone through': goes_through_proxies,
        'a timeout says what was waited for': names_what_it_waited_for,
        'a slow answer is no timeout': a_slow_answer_is_no_timeout,
        'a broken connection is named': names_what_breaks,
        'answers are bounded while they come': bounds_answers,
        'redirections are not followed': follows_nobody,
        'an early answer ends an upload': an_early_answer_ends_the_upload,
        'only https is spoken': refuses_what_is_not_https,
        'an idle client is small and holds no socket': is_small_when_idle,
    }.items():
        with tap.trying(name):
            check(world)
    if pathlib.Path('/proc/net/if_inet6').exists() and '00000000000000000000000000000001' in \
            pathlib.Path('/proc/net/if_inet6').read_text():
        with tap.trying('IPv6 is spoken'):
            speaks_ipv6(world)
tap.end()
