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
import time

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

    def resuming_context(self, name='client'):
        """The server resumes no session of TLS 1.3."""
        context = self.context(name)
        context.maximum_version = ssl.TLSVersion.TLSv1_2
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
        self.tls, self.held = tls, bytearray()

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
        body = bytes(self.held[:size])
        del self.held[:size]
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
        context = server.resuming_context()
        with server.connect(context) as connection:
            before = connection.ask(GET % b'/peer').body
            session = connection.tls.session
        with server.connect(context, session) as connection:
            assert connection.tls.session_reused
            assert connection.ask(GET % b'/peer').body == before
        assert server.stats()['resumptions'] == 1


def case_a_session_is_not_resumed_after_the_certificates_end():
    with Server() as server:
        context = server.resuming_context('ending')
        with server.connect(context) as connection:
            assert connection.ask(GET % b'/hello').status == 200
            session = connection.tls.session
            end = ssl.cert_time_to_seconds(time_of(server.folder / 'ending.pem'))
            time.sleep(max(0, end + 1.1 - time.time()))
            answer = connection.ask(GET % b'/hello')
            assert answer.status == 403 and b'has expired' in answer.body and connection.ended()
        server.expect('refused', 'has expired')
        refused(server, context, 'handshake failed', 'has expired', session)


def time_of(certificate):
    shown = subprocess.run(['openssl', 'x509', '-noout', '-enddate', '-in', certificate], check=True, text=True,
                           capture_output=True)
    return shown.stdout.strip().removeprefix('notAfter=')


def refused(server, context, event, text, session=None):
    """The server ends the handshake, or what looks like one to a client that has not heard yet; and says why."""
    try:
        with server.connect(context, session) as connection:
            connection.send(GET % b'/hello')
            assert connection.ended(), 'it answers'
    except (ssl.SSLError, ConnectionError) as error:
        assert event == 'refused' or 'alert' in str(error).lower() or 'EOF' in str(error), error
    server.expect(event, text)


def case_no_foreign_expired_and_early_certificates_are_told_apart():
    with Server() as server:
        for name, text in ((None, 'showed no certificate'), ('foreign', 'not from our authority'),
                           ('expired', 'has expired'), ('future', 'not valid yet')):
            refused(server, server.context(name), 'handshake failed', text)
        assert server.stats()['handshakes_failed'] == 4


def case_the_alert_of_a_refused_certificate_reaches_the_client():
    with Server() as server:
        for _ in range(20):
            try:
                with server.connect(server.context('expired')) as connection:
                    connection.send(b'x' * 100000)
                    connection.more()
                raise AssertionError('it was let in')
            except (ssl.SSLError, BrokenPipeError) as error:
                assert isinstance(error, BrokenPipeError) or 'ALERT' in str(error), error


def case_strangers_are_let_in_where_they_may_be():
    with Server('strangers=1') as server:
        with server.connect(server.context(None)) as connection:
            assert connection.ask(GET % b'/peer').body.split()[:3] == [b'0', b'-', b'-']
            session = connection.tls.session
        with server.connect(server.context()) as connection:
            assert connection.ask(GET % b'/peer').body.startswith(b'1 ')
        for name, text in (('foreign', 'not from our authority'), ('expired', 'has expired')):
            refused(server, server.context(name), 'handshake failed', text)
        assert session is not None


def case_old_versions_and_other_protocols_are_refused():
    with Server() as server:
        refused(server, server.context(most=ssl.TLSVersion.TLSv1_1), 'handshake failed', 'no version of TLS')
        with socket.create_connection(('127.0.0.1', server.port), timeout=PATIENCE) as raw:
            raw.sendall(GET % b'/hello')
            while raw.recv(100):
                pass
        server.expect('handshake failed')
        assert server.ask(GET % b'/hello').status == 200


def case_a_truncated_handshake_is_told():
    with Server() as server:
        with socket.create_connection(('127.0.0.1', server.port), timeout=PATIENCE) as raw:
            raw.sendall(b'\x16\x03\x01\x02\x00\x01\x00')
        server.expect('handshake failed', 'ended in the middle of a TLS handshake')


def case_a_mauled_record_ends_the_connection():
    with Server() as server, server.connect() as connection:
        assert connection.ask(GET % b'/hello').status == 200
        raw = socket.socket(fileno=socket.dup(connection.tls.fileno()))
        raw.sendall(b'\x17\x03\x03\x00\x20' + bytes(32))
        try:
            assert connection.ended()
        except (ssl.SSLError, ConnectionError):
            pass
        raw.close()
        assert server.ask(GET % b'/hello').status == 200


GOOD = b'Host: x\r\n'
REFUSED = {
    'no host': (400, b'GET / HTTP/1.1\r\n\r\n'),
    'two hosts': (400, b'GET / HTTP/1.1\r\nHost: a\r\nhost: b\r\n\r\n'),
    'two lengths': (400, b'POST /echo HTTP/1.1\r\n' + GOOD + b'Content-Length: 3\r\nContent-Length: 3\r\n\r\nabc'),
    'a list of lengths': (400, b'POST /echo HTTP/1.1\r\n' + GOOD + b'Content-Length: 3, 3\r\n\r\nabc'),
    'a signed length': (400, b'POST /echo HTTP/1.1\r\n' + GOOD + b'Content-Length: +3\r\n\r\nabc'),
    'a negative length': (400, b'POST /echo HTTP/1.1\r\n' + GOOD + b'Content-Length: -3\r\n\r\nabc'),
    'a hex length': (400, b'POST /echo HTTP/1.1\r\n' + GOOD + b'Content-Length: 0x3\r\n\r\nabc'),
    'a length beyond': (400, b'POST /echo HTTP/1.1\r\n' + GOOD + b'Content-Length: 99999999999999999999\r\n\r\n'),
    'length and chunks': (400, b'POST /echo HTTP/1.1\r\n' + GOOD + b'Content-Length: 3\r\n'
                          b'Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n'),
    'chunks and length': (400, b'POST /echo HTTP/1.1\r\n' + GOOD + b'Transfer-Encoding: chunked\r\n'
                          b'Content-Length: 3\r\n\r\n0\r\n\r\n'),
    'two codings': (400, b'POST /echo HTTP/1.1\r\n' + GOOD + b'Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n'),
    'a coding twice': (400, b'POST /echo HTTP/1.1\r\n' + GOOD + b'Transfer-Encoding: chunked\r\n'
                       b'Transfer-Encoding: identity\r\n\r\n0\r\n\r\n'),
    'a coding with a tab': (400, b'POST /echo HTTP/1.1\r\n' + GOOD + b'Transfer-Encoding:\x0bchunked\r\n\r\n0\r\n\r\n'),
    'a blank before the colon': (400, b'POST /echo HTTP/1.1\r\n' + GOOD + b'Content-Length : 3\r\n\r\nabc'),
    'a folded line': (400, b'GET / HTTP/1.1\r\n' + GOOD + b'X: a\r\n b\r\n\r\n'),
    'a folded first line': (400, b'GET / HTTP/1.1\r\n X: a\r\n' + GOOD + b'\r\n'),
    'a bare LF': (400, b'GET / HTTP/1.1\nHost: x\n\n'),
    'a bare CR': (400, b'GET / HTTP/1.1\r\nHost: x\rX: y\r\n\r\n'),
    'a NUL': (400, b'GET / HTTP/1.1\r\nHost: x\0\r\n\r\n'),
    'other bytes': (400, b'GET / HTTP/1.1\r\nHost: \xff\r\n\r\n'),
    'an empty line first': (400, b'\r\nGET / HTTP/1.1\r\n' + GOOD + b'\r\n'),
    'an absolute target': (400, b'GET http://x/hello HTTP/1.1\r\n' + GOOD + b'\r\n'),
    'a target without slash': (400, b'GET hello HTTP/1.1\r\n' + GOOD + b'\r\n'),
    'dots': (400, b'GET /a/../hello HTTP/1.1\r\n' + GOOD + b'\r\n'),
    'encoded dots': (400, b'GET /a/%2e%2E/hello HTTP/1.1\r\n' + GOOD + b'\r\n'),
    'an encoded slash': (400, b'GET /a%2fhello HTTP/1.1\r\n' + GOOD + b'\r\n'),
    'an encoded NUL': (400, b'GET /hello%00 HTTP/1.1\r\n' + GOOD + b'\r\n'),
    'half an escape': (400, b'GET /hello%2 HTTP/1.1\r\n' + GOOD + b'\r\n'),
    'broken UTF-8': (400, b'GET /%c3%28 HTTP/1.1\r\n' + GOOD + b'\r\n'),
    'an empty segment': (400, b'GET //hello HTTP/1.1\r\n' + GOOD + b'\r\n'),
    'a backslash': (400, b'GET /a%5chello HTTP/1.1\r\n' + GOOD + b'\r\n'),
    'another method': (405, b'TRACE / HTTP/1.1\r\n' + GOOD + b'\r\n'),
    'a tunnel': (405, b'CONNECT x:1 HTTP/1.1\r\n' + GOOD + b'\r\n'),
    'an older version': (505, b'GET /hello HTTP/1.0\r\n' + GOOD + b'\r\n'),
    'no such version': (505, b'GET /hello HTTP/1.2\r\n' + GOOD + b'\r\n'),
    'another expectation': (417, b'POST /echo HTTP/1.1\r\n' + GOOD + b'Expect: tea\r\nContent-Length: 1\r\n\r\na'),
    'a long head': (431, b'GET / HTTP/1.1\r\n' + GOOD + b'X: ' + b'a' * 20000 + b'\r\n\r\n'),
    'many fields': (431, b'GET / HTTP/1.1\r\n' + GOOD + b''.join(b'X%d: a\r\n' % i for i in range(70)) + b'\r\n'),
    'a long target': (414, b'GET /' + b'a' * 20000 + b' HTTP/1.1\r\n' + GOOD + b'\r\n'),
}


def case_ambiguous_requests_are_refused_and_nothing_after_them_is_read():
    smuggled = GET % b'/release'
    with Server() as server:
        context = server.context()
        for name, (status, sent) in REFUSED.items():
            with server.connect(context) as connection:
                answer = connection.ask(sent + smuggled)
                assert answer.status == status, f'{name}: {answer.status} {answer.body}'
                assert answer.fields['Connection'] == 'close' and connection.ended(), name
                told = json.loads(answer.body)
                assert told['status'] == status and server.expect('refused')['text'] == told['detail'], name
        assert server.stats()['requests_refused'] == len(REFUSED)


CHUNKS = {
    'no digits': b'\r\nabc\r\n0\r\n\r\n',
    'a sign': b'+3\r\nabc\r\n0\r\n\r\n',
    'a prefix': b'0x3\r\nabc\r\n0\r\n\r\n',
    'an extension': b'3;a=b\r\nabc\r\n0\r\n\r\n',
    'a blank': b'3 \r\nabc\r\n0\r\n\r\n',
    'a bare LF': b'3\nabc\n0\n\n',
    'more than its size': b'3\r\nabcd\r\n0\r\n\r\n',
    'a size beyond': b'ffffffffffffffff\r\nabc',
    'a trailer': b'3\r\nabc\r\n0\r\nX: y\r\n\r\n',
}


def case_chunks_are_read_in_one_form_only():
    head = b'POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n'
    with Server() as server:
        context = server.context()
        with server.connect(context) as connection:
            connection.send(head)
            for byte in b'3\r\nabc\r\n00A\r\n0123456789\r\n0\r\n\r\n':
                connection.send(bytes([byte]))
            assert connection.response().body == b'abc0123456789'
            assert connection.ask(GET % b'/hello').status == 200
        for name, chunks in CHUNKS.items():
            with server.connect(context) as connection:
                answer = connection.ask(head + chunks)
                assert answer.status == 400 and connection.ended(), name


def case_slow_heads_and_bodies_time_out():
    with Server('head-ms=200', 'body-ms=200', 'body-least=1000', 'handshake-ms=200', 'idle-ms=100') as server:
        context = server.context()
        with server.connect(context) as connection:
            answer = connection.ask(b'GET / HTTP/1.1\r\n')
            assert answer.status == 408 and connection.ended()
        server.expect('refused', 'head came too slowly')
        with server.connect(context) as connection:
            answer = connection.ask(b'POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 5000\r\n\r\nabc')
            assert answer.status == 408 and connection.ended()
        server.expect('refused', 'body came too slowly')
        with socket.create_connection(('127.0.0.1', server.port), timeout=PATIENCE) as raw:
            server.expect('handshake failed', 'took too long')
            assert not raw.recv(100)
        with server.connect(context) as connection:
            assert connection.ended(), 'idle'


def case_a_trickling_head_times_out_however_often_it_goes_on():
    with Server('head-ms=300') as server, server.connect() as connection:
        connection.tls.settimeout(0.02)
        connection.send(b'GET / HTTP/1.1\r\n')
        while not connection.held:
            try:
                connection.more()
            except TimeoutError:
                connection.send(b'X: y\r\n'[:3])
        connection.tls.settimeout(PATIENCE)
        assert connection.response().status == 408


def case_a_reader_that_does_not_read_is_dropped():
    with Server('response-ms=300') as server, server.connect() as connection:
        for _ in range(4):
            connection.send(GET % b'/shared')
        server.expect('broken', 'took too long to read its response')


def case_pipelined_requests_are_answered_in_their_order():
    with Server() as server, server.connect() as connection:
        bodies = [bytes([i]) * (i * 997) for i in range(20)]
        connection.send(b''.join(request('POST', '/echo', body) for body in bodies) + GET % b'/hello')
        for body in bodies:
            assert connection.response().body == body
        assert connection.response().body == b'hello'


def case_100_continue_comes_once_the_body_is_wanted():
    with Server() as server:
        with server.connect() as connection:
            connection.send(request('POST', '/echo', b'abc', 'Expect: 100-continue')[:-3])
            assert connection.response().status == 100
            assert connection.ask(b'abc').body == b'abc'
        with server.connect() as connection:
            answer = connection.ask(request('POST', '/nowhere', b'abc', 'Expect: 100-continue')[:-3])
            assert answer.status == 404 and answer.fields['Connection'] == 'close' and connection.ended()


def case_a_small_body_that_nobody_wants_is_skipped():
    with Server() as server, server.connect() as connection:
        assert connection.ask(request('POST', '/nowhere', b'a' * 60000)).status == 404
        assert connection.ask(GET % b'/hello').body == b'hello'


def case_an_early_answer_reaches_who_still_sends():
    with Server() as server:
        for _ in range(10):
            with server.connect() as connection:
                answer = connection.ask(request('POST', '/nowhere', b'a' * 4000000))
                assert answer.status == 404 and answer.fields['Connection'] == 'close'


def case_bodies_beyond_their_limit_are_refused():
    with Server('memory=100000') as server:
        with server.connect() as connection:
            answer = connection.ask(b'POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 2000000\r\n\r\n')
            assert answer.status == 413
        with server.connect() as connection:
            answer = connection.ask(b'POST /echo HTTP/1.1\r\nHost: x\r\nContent-Length: 200000\r\n\r\n')
            assert answer.status == 503 and answer.fields['Retry-After'] == '5', 'before the body'
        with server.connect() as connection:
            chunk = b'1000\r\n' + bytes(4096) + b'\r\n'
            connection.send(b'POST /echo HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n')
            answer = connection.ask(40 * chunk)
            assert answer.status == 503
        assert server.ask(request('POST', '/echo', b'a' * 90000)).status == 200, 'what was held is free again'


def case_beyond_the_exchanges_there_is_503():
    with Server('exchanges=2', 'retry-after=7') as server:
        context = server.context()
        with server.connect(context) as first, server.connect(context) as second, server.connect(context) as third:
            for waiting in (first, second):
                waiting.send(GET % b'/wait')
                server.expect('waiting')
            answer = third.ask(GET % b'/hello')
            assert answer.status == 503 and answer.fields['Retry-After'] == '7' and third.ended()
            server.expect('refused', 'as many requests')


def case_beyond_the_connections_new_ones_are_turned_away():
    with Server('connections=2') as server:
        context = server.context()
        with server.connect(context) as first, server.connect(context) as second:
            assert first.ask(GET % b'/hello').status == second.ask(GET % b'/hello').status == 200
            refused(server, context, 'refused', 'as many connections')
            assert first.ask(GET % b'/hello').status == 200


def case_a_broken_upload_keeps_what_came():
    with Server() as server:
        with server.connect() as connection:
            connection.send(request('PUT', '/durable/half', b'a' * 300000)[:-100000])
            connection.tls.shutdown(socket.SHUT_RDWR)
        size = int(server.expect('file', 'TRUNCATED')['text'].split()[1])
        held = (server.folder / 'upload-half').read_bytes()
        assert held == b'a' * size and size <= 200000


def case_a_lying_length_is_a_truncated_body():
    with Server() as server:
        with server.connect() as connection:
            connection.send(b'PUT /file/short HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\nabc')
            connection.tls.shutdown(socket.SHUT_WR)
            server.expect('broken', 'ended in the middle of a request')
        assert server.expect('file')['text'] == 'TRUNCATED 3 0'


def case_a_full_disk_is_told():
    with Server() as server, server.connect() as connection:
        answer = connection.ask(request('PUT', '/file/full', b'abc'))
        assert answer.status == 500 and answer.body == b'IO 0 28'


def case_an_upload_can_be_aborted_from_elsewhere():
    with Server() as server, server.connect() as connection:
        connection.send(request('PUT', '/file/aborted', b'a' * 300000)[:-100000])
        while not server.ask(GET % b'/abort').status == 200:
            pass
        assert server.expect('file')['text'].startswith('TRUNCATED')
        try:
            assert connection.ended()
        except (ssl.SSLError, ConnectionError):
            pass


def case_a_connection_works_on_after_a_rest():
    body = bytes(range(256)) * 400
    with Server('head-ms=200') as server, server.connect() as connection, server.connect() as waiting:
        waiting.send(GET % b'/wait')
        server.expect('waiting')
        for _ in range(2):
            assert connection.ask(request('POST', '/echo', body)).body == body
            time.sleep(1.3)  # it rests after a second
        assert connection.ask(request('POST', '/echo', body)).body == body
        assert connection.ask(GET % b'/release').body == b'done' and waiting.response().body == b'released'
        assert waiting.ask(request('POST', '/echo', body)).body == body


def case_shared_content_is_sent_whole_and_in_part():
    with Server() as server, server.connect() as connection:
        whole = connection.ask(GET % b'/shared').body
        assert whole == bytes(i * 31 >> 3 & 255 for i in range(2048)) * 4096
        connection.send(b'HEAD /shared HTTP/1.1\r\nHost: x\r\n\r\n')
        answer = connection.response(bodiless=True)
        assert answer.fields['Content-Length'] == str(8 << 20)
        connection.send(b'GET /shared HTTP/1.1\r\nHost: x\r\nRange: bytes=1000-1009\r\n\r\n')
        answer = connection.response()
        assert (answer.status, answer.body) == (206, whole[1000:1010])


def case_who_leaves_while_it_waits_is_forgotten():
    with Server() as server:
        context = server.context()
        with server.connect(context) as connection:
            connection.send(GET % b'/wait')
            server.expect('waiting')
        server.expect('broken')
        assert server.ask(GET % b'/release').body == b'done'
        assert server.stats()['open'] <= 2


def case_it_stops_gracefully():
    with Server() as server:
        context = server.context()
        with server.connect(context) as idle, server.connect(context) as waiting, server.connect(context) as other:
            assert idle.ask(GET % b'/hello').status == 200
            waiting.send(GET % b'/wait')
            server.expect('waiting')
            assert other.ask(GET % b'/hello').status == 200
            other.send(GET % b'/release' + GET % b'/stop')
            assert waiting.response().body == b'released'
            assert other.response().body == b'done'
            answer = other.response()
            assert answer.body == b'stopping' and answer.fields['Connection'] == 'close'
            assert idle.ended()
        server.expect('stopped')


def case_a_stop_waits_for_a_long_poll_no_longer_than_its_patience():
    with Server() as server:
        with server.connect() as waiting:
            waiting.send(GET % b'/wait')
            server.expect('waiting')
            assert server.ask(GET % b'/stop').status == 200
            server.expect('stopped')


def case_a_port_in_use_is_an_error():
    with Server('threads=2') as server:
        with tempfile.TemporaryDirectory() as folder:
            ran = subprocess.run([PROGRAM, folder, f'port={server.port}'], stdin=subprocess.DEVNULL, text=True,
                                 capture_output=True, timeout=PATIENCE)
        assert ran.returncode == 1 and f'cannot listen on 127.0.0.1 port {server.port}' in ran.stderr, ran


def main():
    tap = Tap()
    for name, case in sorted(globals().items()):
        if name.startswith('case_'):
            with tap.trying(name[5:].replace('_', ' ')):
                case()
    tap.end()


if __name__ == '__main__':
    main()
