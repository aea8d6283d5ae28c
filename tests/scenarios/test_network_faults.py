# SPDX-License-Identifier: Apache-2.0
"""Requests and certificates that a root and a key holder must turn away, while honest clients go on:
python3 test_network_faults.py BURGEE_CLIENT BURGEE_AGGREGATOR BURGEE_KEYHOLDER

The programs are real, on loopback; updates are made by a client's program and sent by hand. What HTTP itself forbids
(slow, oversized, conflicting and smuggled requests, chunked garbage, lying lengths, broken TLS) is asked of the same
server in tests/tools/test_http_server.py, what disks and clocks do in test_network_storage.py."""

import hashlib
import pathlib
import ssl
import sys

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / 'policy')]
from network import HEADER, Federation  # noqa: E402
from policy import Tap  # noqa: E402

PROGRAMS = [pathlib.Path(argument).resolve() for argument in sys.argv[1:4]]
UPDATES = '/v1/burgee/updates'
MODULUS = slice(HEADER + 100, HEADER + 164)  # of a plan, 512 bits
BLOCK_HEAD, BLOCK_DIGEST = 56, HEADER + 160  # bytes before a block's payload; the first digest in a manifest
STARTED = ('Upload-Complete', '?0')
PART = ('Content-Type', 'application/partial-upload')


def send(device, update):
    return device.ask('POST', UPDATES, update, ('Content-Type', 'application/octet-stream'))


def refused(federation, name, answer, http, status, sentence):
    """The sender is told a status, the root's people who and why."""
    assert (answer.status, answer.burgee) == (http, status), answer
    reason = status.upper().replace('-', '_')
    told = federation.root.expect('refused', client=federation.id(name), reason=reason)
    assert sentence in told['error'], told
    federation.root.expect_log('level=warn msg="refused"', f'client={federation.id(name)} reason={reason}', sentence)


def flipped(update, at):
    return update[:at] + bytes([update[at] ^ 1]) + update[at + 1:]


def check_updates(tap, federation):
    made = federation.hand_made_updates()
    _, other = federation.hand_made_update('c0')
    c0, c1, c2 = (federation.device(f'c{i}') for i in range(3))
    update = made['c0']
    with tap.trying('another client\'s update is refused'):
        refused(federation, 'c1', send(c1, update), 403, 'refused', 'sent by another device')
    with tap.trying('a block that was altered after signing is refused'):
        refused(federation, 'c0', send(c0, flipped(update, len(update) - 1)), 400, 'bad-digest', federation.id('c0'))
    with tap.trying('a manifest that was altered after signing is refused'):
        end = HEADER + int.from_bytes(update[72:80], 'little')
        refused(federation, 'c0', send(c0, flipped(update, end - 1)), 403, 'bad-signature', federation.id('c0'))
    with tap.trying('an update under another plan is refused as stale'):
        refused(federation, 'c1', send(c1, flipped(made['c1'], 40)), 409, 'stale-plan', 'not in force')
    with tap.trying('an update of another population is refused'):
        refused(federation, 'c0', send(c0, flipped(update, 8)), 404, 'wrong-population', 'population')
    for name, body, http, status in (('garbage', b'x' * 500, 400, 'bad-magic'),
                                     ('half an update', update[:len(update) // 2], 400, 'truncated'),
                                     ('an update and a byte', update + b'x', 400, 'decode')):
        with tap.trying(f'{name} is no update'):
            refused(federation, 'c0', send(c0, body), http, status, '')
    with tap.trying('nothing is no update'):
        answer = send(c0, b'')
        assert answer.status == 400 and b'empty' in answer.body, answer
    with tap.trying('another client\'s upload is not to be seen, continued or ended'):
        half = len(update) // 2
        begun = c0.ask('POST', UPDATES, update[:half], STARTED, ('Upload-Length', len(update)),
                       ('Idempotency-Key', '00000000000000aa'), PART)
        assert begun.status == 201, begun
        place = begun.fields['location']
        for method, body in (('HEAD', b''), ('PATCH', update[half:]), ('GET', b''), ('DELETE', b'')):
            answer = c1.ask(method, place, body, ('Upload-Offset', half), ('Upload-Complete', '?1'), PART)
            assert answer.status == 404, (method, answer)
        answer = c0.ask('HEAD', place)
        assert (answer.status, answer.fields['upload-offset']) == (204, str(half)), answer
    with tap.trying('a TLS connection that is cut in an upload keeps what came'):
        size = len(update) - half
        with c0.connect() as connection:
            connection.send(f'PATCH {place} HTTP/1.1\r\nHost: x\r\nContent-Length: {size}\r\nUpload-Offset: {half}\r\n'
                            f'Upload-Complete: ?1\r\nContent-Type: application/partial-upload\r\n\r\n'.encode())
            connection.send(update[half:half + 100])
        offset = half
        while offset == half:  # the root takes note of the cut by itself
            offset = int(c0.ask('HEAD', place).fields['upload-offset'])
        assert offset == half + 100
        answer = c0.ask('PATCH', place, update[offset:], ('Upload-Offset', offset + 1), ('Upload-Complete', '?1'), PART)
        assert (answer.status, answer.fields['upload-offset']) == (409, str(offset)), answer
        answer = c0.ask('PATCH', place, update[offset:], ('Upload-Offset', offset), ('Upload-Complete', '?1'), PART)
        assert (answer.status, answer.burgee) == (200, 'ok'), answer
        federation.root.expect('update', client=federation.id('c0'), round=1)
    with tap.trying('a replayed update changes nothing'):
        answer = send(c0, update)
        assert (answer.status, answer.burgee) == (200, 'ok'), answer
    with tap.trying('a second update of the same round is refused'):
        assert other != update
        refused(federation, 'c0', send(c0, other), 409, 'duplicate', 'second, different update')
    with tap.trying('more than an update may have is refused before it is sent'):
        answer = c2.ask('POST', UPDATES, b'', STARTED, ('Upload-Length', 1 << 40), ('Idempotency-Key', '00' * 8), PART)
        assert answer.status == 413, answer
    with tap.trying('the honest updates of that round are in its model'):
        for i in range(1, 4):
            answer = send(federation.device(f'c{i}'), made[f'c{i}'])
            assert (answer.status, answer.burgee) == (200, 'ok'), answer
        assert federation.committed()['updates'] == 4
    return made


def check_old_updates(tap, federation, made):
    federation.root.expect('opened', round=2)
    c0 = federation.device('c0')
    with tap.trying('an update of a round that has ended is refused'):
        refused(federation, 'c0', send(c0, made['c0']), 409, 'wrong-round', 'update for round 1')
    with tap.trying('an update under a plan that was replaced is refused as stale'):
        second = federation.hand_made_updates()
        federation.make_client('c4', federation.tokens()[0])
        for name, update in second.items():
            assert send(federation.device(name), update).status == 200
        federation.root.expect('ended', round=2, outcome='committed')
        federation.root.expect('epoch', epoch=2, clients=5)
        federation.root.expect('opened', round=3)
        refused(federation, 'c0', send(c0, second['c0']), 409, 'stale-plan', 'not in force')


def mauled(federation, name, update, other, plan):
    """The update with c1 · c2³ in place of its first ciphertext, c2 being another member's, and everything that its
    sender can make right for it: the block's digest and its own signature."""
    modulus = int.from_bytes(plan[MODULUS], 'little')
    size = modulus.bit_length() // 8

    def read(content, at):
        digits = [int.from_bytes(content[at + i * size:at + (i + 1) * size], 'little') for i in range(2)]
        return digits[0] + digits[1] * modulus

    end = HEADER + int.from_bytes(update[72:80], 'little')
    other_end = HEADER + int.from_bytes(other[72:80], 'little')
    first = end + HEADER + BLOCK_HEAD
    product = read(update, first) * pow(read(other, other_end + HEADER + BLOCK_HEAD), 3, modulus**2) % modulus**2
    digits = b''.join(digit.to_bytes(size, 'little') for digit in (product % modulus, product // modulus))
    blocks = update[end:first] + digits + update[first + 2 * size:]
    payload = blocks[HEADER + BLOCK_HEAD:HEADER + int.from_bytes(blocks[72:80], 'little')]
    manifest = update[:BLOCK_DIGEST] + hashlib.sha256(payload).digest() + update[BLOCK_DIGEST + 32:end - 64]
    return manifest + federation.sign(name, b'burgee manifest', manifest) + blocks


def check_mauled(tap, federation):
    """In a round of five, which are one group."""
    who = federation.id('c0')
    made = federation.hand_made_updates(5)
    plan = federation.fetch(federation.device('c0'), 'plan')
    with tap.trying('mauled ciphertexts of another member name their sender and are not opened'):
        made['c0'] = mauled(federation, 'c0', made['c0'], made['c1'], plan)
        for name, update in made.items():
            answer = send(federation.device(name), update)
            assert (answer.status, answer.burgee) == (200, 'ok'), answer
        told = federation.root.expect('ended', round=3)
        assert told['outcome'] != 'committed' and told['opened'] == 0, told
        federation.holder.expect_log('level=error msg="rejected"', who)
        federation.root.expect_log('level=warn', 'round=3', 'knowledge tags do not fit')
    with tap.trying('and the others lose nothing but the round'):
        federation.root.expect('opened', round=4)
        for name, update in federation.hand_made_updates(5).items():
            assert send(federation.device(name), update).status == 200
        assert federation.committed()['updates'] == 5


def turned_away(federation, device, reason):
    """Root and key holder refuse the handshake, tell why, and their logs say so."""
    for process, url in ((federation.root, federation.root_url), (federation.holder, federation.holder_url)):
        try:
            with device.at(url).connect() as connection:
                connection.ask('GET', '/v1/burgee/plan')
            raise ValueError(f'{url} lets it in')
        except (ssl.SSLError, ConnectionError, AssertionError):
            pass
        process.expect_log('level=warn', '127.0.0.1', reason)


def check_certificates(tap, federation):
    with tap.trying('an expired certificate is refused'):
        turned_away(federation, federation.make_certificate('c0', end='20210101000000Z'), 'has expired')
    with tap.trying('a certificate of tomorrow is refused'):
        turned_away(federation, federation.make_certificate('c0', start='20390101000000Z'), 'not valid yet')
    with tap.trying('a foreign certificate is refused'):
        turned_away(federation, federation.make_certificate('c0', issuer='foreign'), 'not from our authority')
    with tap.trying('no certificate is refused by the root, and gets nothing but enrolment from the key holder'):
        nobody = federation.nobody()
        for path in ('roster/0', 'plan', 'updates'):
            answer = nobody.at(federation.holder_url).ask('GET', f'/v1/burgee/{path}')
            assert answer.status == 403, answer
        federation.holder.expect_log('level=warn', '127.0.0.1', 'enrol first')
        try:
            with nobody.connect() as connection:
                connection.ask('GET', '/v1/burgee/plan')
            raise ValueError('the root lets it in')
        except (ssl.SSLError, ConnectionError, AssertionError):
            federation.root.expect_log('level=warn', '127.0.0.1', 'showed no certificate')
    with tap.trying('a certificate of our authority alone makes no member'):
        federation.ok(federation.client, 'keygen', '--out', 'stranger', '--quiet')
        answer = federation.make_certificate('stranger').ask('GET', '/v1/burgee/plan')
        assert (answer.status, answer.burgee) == (403, 'unknown-client'), answer
        federation.root.expect_log('level=warn', federation.id('stranger'), 'not on the roster')
    with tap.trying('a client may not ask what a root may'):
        c0 = federation.device('c0', federation.holder_url)
        for path in ('epochs', 'plans', 'releases', 'sums', 'audits'):
            answer = c0.ask('POST', f'/v1/burgee/{path}', b'x')
            assert answer.status == 403, answer
            federation.holder.expect_log('level=warn', federation.id('c0'), 'no aggregator')


def check_revoked(tap, federation):
    """Last: it takes a member away."""
    who = federation.id('c4')
    places = federation.root_url, federation.holder_url
    devices = [federation.device('c4', url) for url in places]
    sessions = []
    for device, path in zip(devices, ('plan', 'roster/0')):
        with device.connect() as connection:
            connection.ask('GET', f'/v1/burgee/{path}')
            sessions.append(connection.tls.session)
    federation.ok(federation.keyholder, 'clients', 'revoke', 'kh', 'c4')
    federation.root.expect('roster', clients=4)
    for of, device, session, path, process in zip(('the root', 'the key holder'), devices, sessions,
                                                  ('plan', 'roster/0'), (federation.root, federation.holder)):
        for name, given in (('new', None), ('resumed', session)):
            with tap.trying(f'a revoked client is refused on a {name} session by {of}'):
                with device.connect(given) as connection:
                    assert given is None or connection.tls.version() == 'TLSv1.3' or connection.tls.session_reused
                    answer = connection.ask('GET', f'/v1/burgee/{path}')
                assert answer.status == 403 and b'revoked' in answer.body, answer
                process.expect_log('level=warn', who, 'revoked')


def main():
    tap = Tap()
    with Federation(*PROGRAMS) as federation:
        federation.set_up()
        federation.root.expect('opened', round=1)
        made = check_updates(tap, federation)
        check_old_updates(tap, federation, made)
        check_mauled(tap, federation)
        check_certificates(tap, federation)
        check_revoked(tap, federation)
        with tap.trying('both end when they are told to'):
            federation.root.stop()
            federation.holder.stop()
    tap.end()


if __name__ == '__main__':
    main()
