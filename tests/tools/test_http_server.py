# SPDX-License-Identifier: Apache-2.0
"""The HTTPS server as clients meet it, honest and not: python3 test_http_server.py SERVE_FOR_TESTS"""

import hashlib
import json
import pathlib
import queue
import socket
import ssl
import subprocess
import sys
import tempfile
import threading

HERE = pathlib.Path(__file__).resolve().parent.parent
sys.dont_write_bytecode = True
sys.path[:0] = [str(HERE / 'policy')]
from policy import Tap  # noqa: E402

PROGRAM = str(pathlib.Path(sys.argv[1]).resolve())
PATIENCE = 60  # seconds: far more than anything here takes
GET = b'GET %s HTTP/1.1\r\nHost: x\r\n\r\n'


class Server:
    """The program in a folder of its own; what it tells is kept until somebody waits for it."""

    def __init__(self, *limits):
        self.place = tempfile.TemporaryDirectory()
        self.folder = pathlib.Path(self.place.name)
        self.process = subprocess.Popen([PROGRAM, self.place.name, *limits], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, text=True)
        self.events = queue.Queue()
        self.reader = threading.Thread(target=self.listen)
        self.reader.start()
        self.port = self.expect('ready')['port']

    def listen(self):
        for line in self.process.stdout:
            self.events.put(json.loads(line))
        self.events.put({'event': 'end'})

    def expect(self, event, text=''):
        """The next event of this kind with this in its text; others before it are dropped."""
        while True:
            told = self.events.get(timeout=PATIENCE)
            if told['event'] == event and text in told.get('text', ''):
                return told
            assert told['event'] != 'end', f'the server ended instead of telling {event} {text}'

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        code = self.process.wait(PATIENCE)
        self.reader.join()
        self.process.stdout.close()
        self.place.cleanup()
        assert code == 0, f'the server ended with {code}'

    def context(self, name='client', most=None):
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        context.load_verify_locations(self.folder / 'authority.pem')
        context.check_hostname = False
        if name:
            context.load_cert_chain(self.folder / f'{name}.pem', self.folder / f'{name}.key')
        if most:
            context.minimum_version, context.maximum_version = ssl.TLSVersion.TLSv1, most
            context.set_ciphers('DEFAULT:@SECLEVEL=0')
        return context

    def connect(self, context=None, session=None):
        raw = socket.create_connection(('127.0.0.1', self.port), timeout=PATIENCE)
        return Connection((context or self.context()).wrap_socket(raw, session=session))

    def ask(self, request):
        with self.connect() as connection:
            return connection.ask(request)

    def stats(self):
        return json.loads(self.ask(GET % b'/stats').body)


class Response:
    def __init__(self, status, fields, body):
        self.status, self.fields, self.body = status, fields, body


class Connection:
    """Raw bytes in, responses out."""

    def __init__(self, tls):
        self.tls, self.held = tls, b''

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.tls.close()

    def send(self, data):
        self.tls.sendall(data)

    def more(self):
        data = self.tls.recv(65536)
        self.held += data
        return bool(data)

    def response(self, bodiless=False):
        while b'\r\n\r\n' not in self.held:
            assert self.more(), f'the connection ended after {self.held!r}'
        head, self.held = self.held.split(b'\r\n\r\n', 1)
        first, *lines = head.decode().split('\r\n')
        fields = dict(line.split(': ', 1) for line in lines)
        size = 0 if bodiless or first.split()[1] == '100' else int(fields['Content-Length'])
        while len(self.held) < size:
            assert self.more(), 'the connection ended in a body'
        body, self.held = self.held[:size], self.held[size:]
        return Response(int(first.split()[1]), fields, body)

    def ask(self, request):
        self.send(request)
        return self.response()

    def ended(self):
        """Whether the server closes it with nothing more to say."""
        return not self.held and not self.more()


def request(method, path, body, *fields):
    lines = [f'{method} {path} HTTP/1.1', 'Host: x', f'Content-Length: {len(body)}', *fields, '', '']
    return '\r\n'.join(lines).encode() + body


def case_requests_are_answered():
    with Server() as server, server.connect() as connection:
        answer = connection.ask(GET % b'/hello')
        assert (answer.status, answer.body) == (200, b'hello')
        assert answer.fields['Content-Type'] == 'text/plain' and answer.fields['Date'].endswith(' GMT')
        answer = connection.ask(request('POST', '/echo', b'abc'))
        assert (answer.status, answer.body) == (200, b'abc')
        assert connection.ask(GET % b'/nowhere').status == 404
        assert connection.tls.version() in ('TLSv1.2', 'TLSv1.3')
        assert connection.tls.cipher()[0].endswith(('CHACHA20-POLY1305', 'CHACHA20_POLY1305_SHA256'))


def case_a_body_goes_into_a_file():
    body = bytes(range(256)) * 12345
    with Server() as server, server.connect() as connection:
        for place in ('file', 'durable'):
            answer = connection.ask(request('PUT', f'/{place}/{place}', body))
            assert (answer.status, answer.body.decode()) == (200, f'OK {len(body)} 0')
            assert (server.folder / f'upload-{place}').read_bytes() == body


def case_the_peer_is_who_the_certificate_says():
    with Server() as server, server.connect() as connection:
        der = ssl.PEM_cert_to_DER_cert((server.folder / 'client.pem').read_text())
        point = der[der.index(b'\x03\x42\x00\x04') + 3:][:65]
        told = connection.ask(GET % b'/peer').body.decode().split()
        assert told == ['1', hashlib.sha256(point).hexdigest(), 'client', '127.0.0.1'], told


def case_a_session_is_resumed_with_its_peer():
    with Server('threads=2') as server:
        context = server.context()
        with server.connect(context) as connection:
            before = connection.ask(GET % b'/peer').body
            session, version = connection.tls.session, connection.tls.version()
        if version == 'TLSv1.3':
            return  # this server resumes none there
        with server.connect(context, session) as connection:
            assert connection.tls.session_reused
            assert connection.ask(GET % b'/peer').body == before
        assert server.stats()['resumptions'] == 1


def main():
    tap = Tap()
    for name, case in sorted(globals().items()):
        if name.startswith('case_'):
            with tap.trying(name[5:].replace('_', ' ')):
                case()
    tap.end()


if __name__ == '__main__':
    main()
