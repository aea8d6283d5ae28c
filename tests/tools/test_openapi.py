# SPDX-License-Identifier: Apache-2.0
"""docs/openapi.json against the programs that it describes: python3 test_openapi.py CLIENT AGGREGATOR KEYHOLDER

Every route of the code is in the document, and every method of every path is called on a real root or key holder, with
success where one can be had and with failures: each answer is one of those listed, in a type that is listed."""

import json
import pathlib
import re
import sys
from concurrent.futures import ThreadPoolExecutor

HERE = pathlib.Path(__file__).resolve().parent.parent
sys.path[:0] = [str(HERE / 'policy'), str(HERE / 'scenarios')]
from by_hand import Population  # noqa: E402
from network import Device, Federation, key_pem, make_request, token_secret  # noqa: E402
from policy import Tap, read  # noqa: E402

PROGRAMS = [pathlib.Path(argument).resolve() for argument in sys.argv[1:4]]
PATHS = json.loads(read('docs/openapi.json'))['paths']
JSON = ('Content-Type', 'application/json')
FRAMES = ('Content-Type', 'application/octet-stream')
PART = ('Content-Type', 'application/partial-upload')
V1 = '/v1/{population}/'


def described():
    """(method, path) of the document."""
    return {(method.upper(), path) for path, methods in PATHS.items() for method in methods}


def written():
    """(method, path) of the code; None for a method where that is decided elsewhere."""
    arguments = {'NONE': '', 'BODY': '', 'DIGEST': '/{}', 'NUMBER': '/{}'}
    for method, path, argument in re.findall(r'= \{BG_HTTP_(\w+), "(\w+)", BG_ARGUMENT_(\w+),',
                                             read('net/http_routes.c')):
        yield method, V1 + path + arguments[argument]
    for method in re.findall(r'case BG_HTTP_(\w+):', read('net/uploads.c')):
        yield method, V1 + 'updates/{}'
    for name in ('aggregator/routes.c', 'keyholder/routes.c'):
        for path in re.findall(r'strcmp\((?:path|rest|target->rest), "([a-z/]+)"\)', read(name)):
            yield None, path if path[0] == '/' else V1 + path


def check_routes(tap):
    listed = {(method, re.sub(r'\{(?!population)\w+\}', '{}', path)) for method, path in described()}
    paths = {path for _, path in listed}
    routes = set(written())
    known = {path for _, path in routes}
    with tap.trying('every route of the code is in the document'):
        assert len(routes) > 18, f'read from the sources: {routes}'
        missing = [route for route in routes if route not in listed and (route[0] or route[1] not in paths)]
        assert not missing, missing
    with tap.trying('every path of the document is in the code'):
        assert paths <= known, paths - known


class Calls:
    """Calls of one method of one path after the other, each compared with what the document lists for it."""

    def __init__(self):
        self.complaints, self.made, self.succeeded = [], set(), set()

    def call(self, device, method, template, body=b'', *fields, last='', expect=None):
        """`last` stands for the parameter in braces at the end; `expect` is the status that the test needs."""
        path = re.sub(r'\{\w+\}$', str(last), template.replace('{population}', 'burgee'))
        answer = device.ask(method, path, body, *fields)
        self.compare(method, template, answer)
        if expect is not None and answer.status != expect:
            self.complaints.append(f'{method} {path}: {answer}, not {expect}')
        return answer

    def compare(self, method, template, answer):
        self.made.add((method, template))
        if answer.status < 300:
            self.succeeded.add((method, template))
        listed = PATHS[template][method.lower()]['responses'].get(str(answer.status))
        if listed is None:
            self.complaints.append(f'{method} {template} answers {answer.status}, which is not listed: {answer}')
            return
        types = listed.get('content', {})
        given = answer.fields.get('content-type', '').split(';')[0]
        if method != 'HEAD' and answer.status not in (204, 304) and given not in (types or ['']):
            self.complaints.append(f'{method} {template}: {answer.status} with "{given}", listed are {list(types)}')
        fields = {name.lower() for name in listed.get('headers', {})}
        for name in fields - set(answer.fields):
            self.complaints.append(f'{method} {template}: {answer.status} without {name}: {answer}')


def call_documents(calls, federation, operator, clients):
    root, client = federation.device('root'), clients[0]
    for name in 'plan', 'groups', 'task':
        calls.call(client, 'GET', V1 + name, expect=200)
        calls.call(operator, 'GET', V1 + name, expect=403)
    digest = json.loads(federation.ok(PROGRAMS[1], 'models', 'list', 'root', '--json'))['models'][0]['digest']
    for method in 'GET', 'HEAD':
        path = V1 + 'models/{digest}'
        calls.call(client, method, path, last=digest, expect=200)
        calls.call(client, method, path, b'', ('Range', 'bytes=0-9'), last=digest, expect=206)
        calls.call(client, method, path, b'', ('Range', 'bytes=999999999-'), last=digest, expect=416)
        calls.call(client, method, path, b'', ('If-None-Match', f'"{digest}"'), last=digest, expect=304)
        calls.call(client, method, path, last='ab' * 32, expect=404)
        for page in V1 + 'rounds', '/metrics', '/healthz':
            calls.call(operator, method, page, expect=200)
        for page in V1 + 'rounds', '/metrics':
            calls.call(client, method, page, expect=403)
    calls.call(root, 'GET', '/metrics', expect=200)
    calls.call(client, 'GET', '/healthz', expect=200)


def call_uploads(calls, federation, clients):
    """Two of them whole, two in parts."""
    updates = federation.hand_made_updates()
    create, part = V1 + 'updates', V1 + 'updates/{upload}'
    operator = federation.devices['operator']
    calls.call(operator, 'POST', create, b'x', expect=403)
    calls.call(clients[0], 'POST', create, b'x' * 200, expect=400)
    calls.call(clients[0], 'POST', create, b'', ('Upload-Complete', '?0'), ('Upload-Length', 1 << 50),
               ('Idempotency-Key', '1' * 16), expect=413)
    calls.call(clients[0], 'POST', create, updates['c1'], FRAMES, expect=403)
    for i in 0, 1:
        calls.call(clients[i], 'POST', create, updates[f'c{i}'], FRAMES, expect=200)
    calls.call(clients[0], 'POST', create, federation.second, FRAMES, expect=409)
    for i in 2, 3:
        client, update = clients[i], updates[f'c{i}']
        begun = calls.call(client, 'POST', create, b'', ('Upload-Complete', '?0'), ('Upload-Length', len(update)),
                           ('Idempotency-Key', f'{i:016x}'), expect=201)
        upload = begun.fields['location'].rsplit('/', 1)[1]
        calls.call(client, 'HEAD', part, last=upload, expect=204)
        calls.call(clients[0], 'HEAD', part, last=upload, expect=404)
        first = [('Upload-Offset', 0), ('Upload-Complete', '?0'), PART]
        calls.call(client, 'PATCH', part, update[:500], *first, last=upload, expect=204)
        calls.call(client, 'PATCH', part, update[:500], *first, last=upload, expect=409)
        calls.call(client, 'PATCH', part, update[500:] + b'x', ('Upload-Offset', 500), ('Upload-Complete', '?1'), PART,
                   last=upload, expect=413)
        calls.call(client, 'PATCH', part, b'x', ('Upload-Offset', 500), ('Upload-Complete', '?1'), FRAMES, last=upload,
                   expect=415)
        if i == 3:
            calls.call(client, 'DELETE', part, last=upload, expect=204)
            for method in 'GET', 'DELETE', 'PATCH':
                calls.call(client, method, part, b'', *first, last=upload, expect=404)
            calls.call(client, 'POST', create, update, FRAMES, expect=200)
            continue
        calls.call(client, 'PATCH', part, update[500:], ('Upload-Offset', 500), ('Upload-Complete', '?1'), PART,
                   last=upload, expect=200)
        calls.call(client, 'GET', part, last=upload, expect=200)
    federation.committed()
    calls.call(clients[0], 'GET', V1 + 'receipts/{round}', last=1, expect=200)
    calls.call(clients[0], 'GET', V1 + 'receipts/{round}', last=0, expect=404)
    calls.call(clients[0], 'GET', V1 + 'receipts/{round}', last=77, expect=503)
    calls.call(operator, 'GET', V1 + 'receipts/{round}', last=1, expect=403)
    calls.call(federation.devices['edge'], 'POST', V1 + 'reports', b'x', FRAMES)
    calls.call(operator, 'POST', V1 + 'reports', b'x', FRAMES, expect=403)


def call_root(calls, federation):
    federation.devices = {role: federation.make_device(role, role)[0] for role in ('operator', 'edge')}
    clients = [federation.device(f'c{i}') for i in range(federation.count)]
    federation.root.expect('roster', clients=federation.count)
    _, federation.second = federation.hand_made_update('c0')
    call_documents(calls, federation, federation.devices['operator'], clients)
    call_uploads(calls, federation, clients)


class Holder:
    """A key holder that serves, with a round of a population by hand in front of it."""

    def __init__(self, folder, federation):
        self.population = Population(folder, *PROGRAMS, mode='null')
        self.population.agree()
        self.population.open()
        for i in range(8):
            self.population.update(i, 1)
        self.population.fold()
        self.process = federation.start(PROGRAMS[2], 'serve', folder / 'kh', '--json', '--set', 'listen.port=0',
                                        '--set', 'listen.address=127.0.0.1')
        self.url = self.process.expect('ready')['url']
        self.nobody = Device(None, None, self.url)

    def read(self, name):
        return self.population.path(name).read_bytes()

    def enrol(self, calls, name, role, key=None):
        """With the document's own route; the key is a new one where none is given."""
        token = self.population.ok(PROGRAMS[2], 'token', 'new', 'kh', '--role', role).strip()
        path = self.population.path(f'{name}.key')
        asked = {'secret': token_secret(token), 'request': make_request(path, key), 'label': name}
        answer = calls.call(self.nobody, 'POST', V1 + 'enrolment', json.dumps(asked).encode(), JSON, expect=200)
        certificate = self.population.path(f'{name}.pem')
        certificate.write_text(json.loads(answer.body)['certificate'])
        return Device(certificate, path, self.url), asked


def call_admission(calls, holder):
    enrolment, renewal = V1 + 'enrolment', V1 + 'renewal'
    calls.call(holder.nobody, 'POST', enrolment, b'{}', JSON, expect=400)
    calls.call(holder.nobody, 'POST', enrolment, b'x' * 100000, JSON, expect=413)
    root, asked = holder.enrol(calls, 'by-hand-root', 'root', key_pem(holder.population.path('root/identity.secret')))
    edge, _ = holder.enrol(calls, 'by-hand-edge', 'edge')
    wrong = json.dumps({**asked, 'secret': '00' * 16}).encode()
    calls.call(holder.nobody, 'POST', enrolment, wrong, JSON, expect=403)
    again = json.dumps({'request': asked['request']}).encode()
    calls.call(root, 'POST', renewal, again, JSON, expect=200)
    calls.call(root, 'POST', renewal, b'x', JSON, expect=400)
    calls.call(edge, 'POST', renewal, again, JSON, expect=403)
    calls.call(holder.nobody, 'POST', renewal, again, JSON, expect=403)
    calls.call(holder.nobody, 'GET', '/healthz', expect=200)
    while calls.call(holder.nobody, 'POST', enrolment, wrong, JSON).status == 403:
        pass  # guesses run out: 503
    return root, edge


def call_holder(calls, holder):
    root, edge = call_admission(calls, holder)
    calls.call(root, 'GET', V1 + 'roster/{version}', last=0, expect=200)
    calls.call(holder.nobody, 'GET', V1 + 'roster/{version}', last=0, expect=403)
    for name in 'epochs', 'plans', 'releases', 'sums', 'audits':
        calls.call(holder.nobody, 'POST', V1 + name, b'x', FRAMES, expect=403)
        calls.call(root, 'POST', V1 + name, b'x', FRAMES)
    calls.call(root, 'POST', V1 + 'epochs', holder.read('request'), FRAMES, expect=200)
    calls.call(root, 'POST', V1 + 'plans', holder.read('root/plan'), FRAMES, expect=200)
    first, second = (holder.read(f'root/round-1/group-{group}.release') for group in range(2))
    calls.call(root, 'POST', V1 + 'releases', first, FRAMES, expect=200)
    record = calls.call(edge, 'POST', V1 + 'releases', second, FRAMES, expect=200)
    calls.call(root, 'POST', V1 + 'sums', record.body, FRAMES, expect=200)
    altered = record.body[:-1] + bytes([record.body[-1] ^ 1])
    calls.call(root, 'POST', V1 + 'sums', altered, FRAMES)


def main():
    tap = Tap()
    check_routes(tap)
    calls = Calls()
    with Federation(*PROGRAMS) as federation, ThreadPoolExecutor(1) as pool:
        making = pool.submit(Holder, federation.path('by-hand'), federation)
        with tap.trying('the root answers as described'):
            federation.set_up()
            federation.root.expect('opened', round=1)
            call_root(calls, federation)
            assert not calls.complaints, '\n'.join(calls.complaints)
        calls.complaints = []
        with tap.trying('the key holder answers as described'):
            call_holder(calls, making.result())
            assert not calls.complaints, '\n'.join(calls.complaints)
    with tap.trying('every method of every path was called'):
        assert calls.made == described(), described() - calls.made
    with tap.trying('and succeeded, but for reports and audits of groups that went wrong'):
        rest = described() - calls.succeeded
        assert rest <= {('POST', V1 + 'reports'), ('POST', V1 + 'audits')}, rest
    tap.end()


if __name__ == '__main__':
    main()
