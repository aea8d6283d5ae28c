#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The examples of docs/PROTOCOL.md, from a second implementation of every encoding.

One small population lives through an epoch and a round: two clients, encryption `null`, a key of 512 bits. Each
fenced block "hex NAME" of the page is one example: a field per line, hex first, then type, name and value.

    python3 tests/vectors/gen_protocol_page.py docs/PROTOCOL.md           writes the blocks anew
    python3 tests/vectors/gen_protocol_page.py --check docs/PROTOCOL.md   fails where a block differs
"""
import hashlib
import hmac
import pathlib
import re
import struct
import sys

from gen_hpke import G, ORDER, encode, multiply, seal
from gen_knowledge import challenge, tag
from gen_pad import modulus, pad

POPULATION = 'lab'
ZERO = bytes(32)
BITS, S = 512, 1


def sha256(*parts):
    return hashlib.sha256(b''.join(parts)).digest()


# ---- fields: (bytes, comment) ----

def integer(kind, size):
    return lambda name, value: (value.to_bytes(size, 'little'), f'{kind} {name} = {value}')


u8, u16, u32, u64 = integer('u8', 1), integer('u16', 2), integer('u32', 4), integer('u64', 8)


def f64(name, value):
    return struct.pack('<d', value), f'f64 {name} = {value!r}'


def text(name, value):
    return len(value.encode()).to_bytes(2, 'little') + value.encode(), f'text {name} = {value}'


def label(name, value):
    return value.encode().ljust(32, b'\0'), f'label {name} = {value}'


def raw(name, value):
    return value, f'{len(value)} bytes {name}'


def size_of(name, rows):
    return u64(f'size of the {name}', len(joined(rows)))


def joined(rows):
    return b''.join(value for value, _ in rows)


# ---- signatures: ECDSA with the nonce of RFC 6979, over SHA-256 of the labelled digest ----

def sign(secret, kind, message):
    digest = sha256(sha256(kind.encode() + b'\0', message))
    x, h = secret.to_bytes(32, 'big'), (int.from_bytes(digest, 'big') % ORDER).to_bytes(32, 'big')
    key, v = bytes(32), b'\1' * 32
    for tag in (b'\0', b'\1'):
        key = hmac.digest(key, v + tag + x + h, 'sha256')
        v = hmac.digest(key, v, 'sha256')
    while True:
        v = hmac.digest(key, v, 'sha256')
        k = int.from_bytes(v, 'big')
        if 0 < k < ORDER:
            r = multiply(k, G)[0] % ORDER
            s = pow(k, -1, ORDER) * (int.from_bytes(digest, 'big') + r * secret) % ORDER
            return r.to_bytes(32, 'big') + s.to_bytes(32, 'big')
        key = hmac.digest(key, v + b'\0', 'sha256')
        v = hmac.digest(key, v, 'sha256')


def frame(kind, plan_id, body, signed=None):
    """Rows of a frame; `signed` = (secret, label) appends a signature over everything before it."""
    number = ['plan', 'groups', 'task', 'manifest', 'block', 'receipt', 'release', 'sums', 'epoch request',
              'epoch reveal', 'pace', 'report', 'roster', 'audit', 'audit verdict'].index(kind) + 1
    size = len(joined(body)) + (64 if signed else 0)
    rows = [raw('magic', b'BRGE'), u16('version', 1), (u16('', number)[0], f'u16 type = {number} ({kind})'),
            label('population', POPULATION), raw('plan id', plan_id), u64('body size', size), *body]
    if signed:
        rows.append(raw('signature', sign(signed[0], signed[1], joined(rows))))
    return rows


# ---- who takes part ----

def party(byte):
    secret = int.from_bytes(bytes([byte]) * 32, 'big')
    point = encode(multiply(secret, G))
    return secret, point, sha256(point)


KEY_HOLDER, ROOT, SEALING, EDGE = party(0x4b), party(0x52), party(0x53), party(0x45)
TAG_SEALING = party(0x4c)
CLIENTS = {party(byte)[2]: party(byte) for byte in (0xa1, 0xa2)}
CELL = label('cell', 'west')
N = modulus(BITS, 0)
MODULUS = N.to_bytes(BITS // 8, 'little')
KEY_ID = sha256(b'burgee key', BITS.to_bytes(4, 'little'), MODULUS)

# ---- epoch ----

ROOT_NONCE, NONCE, NEXT_NONCE = b'\1' * 32, b'\2' * 32, b'\3' * 32
ROSTER = sha256(*(client + CELL[0] for client in sorted(CLIENTS)))
BEACON = sha256(b'burgee beacon\0', ROSTER, ROOT_NONCE, NONCE)
MEMBERS = sorted(CLIENTS, key=lambda client: sha256(BEACON, client))

REQUEST = frame('epoch request', ZERO, [u64('epoch', 1), raw('roster digest', ROSTER), raw('root nonce', ROOT_NONCE)])
REVEAL = frame('epoch reveal', ZERO, [u64('epoch', 1), raw('key-holder nonce', NONCE),
                                      raw('commitment to the next nonce', sha256(NEXT_NONCE))],
               (KEY_HOLDER[0], 'burgee epoch reveal'))
GROUPS_BODY = [u64('epoch', 1), raw('roster digest', ROSTER), raw('beacon', BEACON), u64('groups', 1), CELL,
               u64('members', 2), *(raw(f'client id of member {i}', client) for i, client in enumerate(MEMBERS))]
GROUPS = frame('groups', ZERO, GROUPS_BODY)

REVOKED = party(0xa3)[2]
ROSTER_MESSAGE = frame('roster', ZERO, [
    u64('version', 4), u64('clients', 2),
    *(row for secret, point, _ in CLIENTS.values() for row in (CELL, raw('point', point))),
    u64('edges', 1), raw('point', EDGE[1]), u64('revoked', 1), raw('id', REVOKED)], (KEY_HOLDER[0], 'burgee roster'))

# ---- plan ----

KEY_PART = [
    label('population', POPULATION), u64('epoch', 1), u8('encryption', 2), u32('key bits', BITS), u32('s', S),
    u8('insecure', 1), u8('mixed radix', 0), u8('knowledge tags', 1), raw('key id', KEY_ID),
    u64('size of the modulus', BITS // 8), raw('modulus', MODULUS), u32('k', 2), u32('k_min', 2), u32('k_max', 2),
    u32('groups', 1), raw('roster digest', ROSTER), raw('groups digest', sha256(joined(GROUPS_BODY))),
    raw('sealing key of the key holder', TAG_SEALING[1])]
ROOT_PART = [
    text('model', 'linear'), text('label map', 'binary'),
    u64('features', 2), text('feature', 'Flow Duration'), text('feature', 'Flow Bytes/s'),
    u64('classes', 2), text('class', 'BENIGN'), text('class', 'ATTACK'),
    u64('tensors', 2), text('name', 'layers.0.weight'), u32('rank', 2), u32('extent', 2), u32('extent', 2),
    text('name', 'layers.0.bias'), u32('rank', 1), u32('extent', 2),
    u8('codec mode', 1), u8('scale from residual', 0), u8('centre median', 0), f64('clip', 4.0), f64('growth', 1.2),
    u32('growth from', 5), f64('percentile', 0.25), f64('decay', 0.9), f64('client momentum', 0.0),
    f64('server momentum', 0.9), f64('server step', 0.001),
    u8('optimizer', 1), u8('class weights', 2), f64('momentum', 0.9), f64('weight decay', 0.0),
    f64('clip norm', 1.0), f64('proximal mu', 0.125), f64('drift memory', 0.5), f64('own prior', 1.0),
    f64('federated prior', 0.5), u32('batch', 64),
    raw('sealing key', SEALING[1])]
KEY_BYTES, ROOT_BYTES = joined(KEY_PART), joined(ROOT_PART)
PLAN_ID = sha256(b'burgee plan\0', len(KEY_BYTES).to_bytes(8, 'little'), KEY_BYTES,
                 len(ROOT_BYTES).to_bytes(8, 'little'), ROOT_BYTES)
PLAN = frame('plan', PLAN_ID, [
    size_of('key part', KEY_PART), *KEY_PART, raw('signature of the key holder', sign(KEY_HOLDER[0], 'burgee key part',
                                                                                      KEY_BYTES)),
    size_of('root part', ROOT_PART), *ROOT_PART, raw('signature of the root', sign(ROOT[0], 'burgee root part',
                                                                                   ROOT_BYTES))])

# ---- round ----

ROUND, ATTEMPT, GROUP = 7, 0, 0
MODEL, NEXT_MODEL, RECEIPT_BEFORE = b'\x66' * 32, b'\x77' * 32, b'\x55' * 32
TASK = frame('task', PLAN_ID, [
    u64('round', ROUND), u32('attempt', ATTEMPT), u64('epoch', 1), raw('model digest', MODEL),
    raw('receipt digest', RECEIPT_BEFORE), u8('stage', 0),
    f64('learning rate', 0.1), u32('steps', 20), u32('window first', 0), u32('window rest', 0),
    u64('deadline ns', 60 * 10**9),
    u64('tensors', 2), u8('travels', 1), f64('scale', 0.5), f64('centre', 0.0),
    u8('travels', 0), f64('scale', 0.25), f64('centre', 0.0),
    u64('invited groups', 1), u32('group', GROUP)], (ROOT[0], 'burgee task'))

# Per member: slots (count field, scale field, four votes), seed of the pads, ephemeral secrets of its seals.
SLOTS = [[1, 60, 1, 0, 1, 1], [1, 70, 1, 1, 0, 1]]
SEEDS = [b'\x0a' * 32, b'\x0b' * 32]
EPHEMERAL = [int.from_bytes(bytes([byte]) * 32, 'big') for byte in (0xe1, 0xe2)]
TAG_EPHEMERAL = [int.from_bytes(bytes([byte]) * 32, 'big') for byte in (0xf1, 0xf2)]
WIDTHS = [2, 9, 2, 2, 2, 2]  # ceil(log2(2·max + 2)) bits for max = 1, 128, 1, 1, 1, 1


def pack(slots):
    value = shift = 0
    for slot, width in zip(slots, WIDTHS):
        value |= slot << shift
        shift += width
    return value


def position_key(seed):
    info = b'burgee pad' + POPULATION.encode().ljust(32, b'\0') + PLAN_ID
    info += ROUND.to_bytes(8, 'little') + ATTEMPT.to_bytes(4, 'little') + (0).to_bytes(8, 'little')
    return hmac.digest(seed, info + b'\1', 'sha256')


KEYS = [position_key(seed) for seed in SEEDS]
PADS = [pad(key, N, S) for key in KEYS]
PLAINTEXTS = [pack(slots) for slots in SLOTS]
PADDED = [(m + r) % N for m, r in zip(PLAINTEXTS, PADS)]


def null_cipher(value):
    return value.to_bytes((S + 1) * BITS // 8, 'little')


def knowledge_header(member):
    """Of block 0: population, plan id, the manifest's body up to its positions, block, digest of its payload."""
    return b''.join([POPULATION.encode().ljust(32, b'\0'), PLAN_ID, joined(manifest_head(MEMBERS[member])),
                     (0).to_bytes(4, 'little'), sha256(null_cipher(PADDED[member]))])


def manifest_head(client):
    return [raw('key id', KEY_ID), raw('model digest', MODEL), raw('task digest', sha256(joined(TASK))),
            u64('epoch', 1), u64('round', ROUND), u32('attempt', ATTEMPT), u32('group', GROUP),
            raw('client id', client), u64('positions', 1)]


TAGS = [tag(knowledge_header(member), [PADDED[member]], N, S, S) for member in range(2)]


def update(member):
    client, payload = MEMBERS[member], null_cipher(PADDED[member])
    sealed = seal(SEALING[1], EPHEMERAL[member], b'burgee pad seed', client + PLAN_ID, SEEDS[member])[3]
    tags = seal(TAG_SEALING[1], TAG_EPHEMERAL[member], b'burgee knowledge tags', client + PLAN_ID, TAGS[member])[3]
    manifest = frame('manifest', PLAN_ID, [
        *manifest_head(client),
        raw('digest of block 0', sha256(payload)), raw('pad commitment', sha256(sha256(KEYS[member]))),
        u32('size of the sealed seed', len(sealed)), raw('sealed seed', sealed),
        u32('size of the sealed tags', len(tags)), raw('sealed tags', tags)],
        (CLIENTS[client][0], 'burgee manifest'))
    block = frame('block', PLAN_ID, [
        u64('round', ROUND), u32('attempt', ATTEMPT), u32('group', GROUP), raw('client id', client), u32('block', 0),
        u32('positions', 1), raw('payload', payload)])
    return manifest, block


UPDATES = [update(member) for member in range(2)]
MANIFESTS = [joined(manifest) for manifest, _ in UPDATES]
PRODUCT = null_cipher(sum(PADDED) % N)
RELEASE = frame('release', PLAN_ID, [
    u64('round', ROUND), u32('attempt', ATTEMPT), u64('epoch', 1), u32('group', GROUP), u64('members', 2),
    u64('size of the manifest', len(MANIFESTS[0])), raw('manifest of member 0', MANIFESTS[0]),
    u64('size of the manifest', len(MANIFESTS[1])), raw('manifest of member 1', MANIFESTS[1]),
    u64('positions', 1), u64('size of the product', len(PRODUCT)), raw('product', PRODUCT)])
RECORD = [
    u64('sequence', 1), u64('epoch', 1), u64('round', ROUND), u32('attempt', ATTEMPT), u32('group', GROUP),
    u64('member mask', 3), raw('manifests digest', sha256(*map(sha256, MANIFESTS))),
    raw('product digest', sha256(PRODUCT)), raw('previous record', ZERO)]
RECORD.append(raw('signature', sign(KEY_HOLDER[0], 'burgee record', joined(RECORD))))
SUM = (sum(PADDED) % N).to_bytes(S * BITS // 8, 'little')
SUMS = frame('sums', PLAN_ID, [u64('round', ROUND), u32('attempt', ATTEMPT), u32('group', GROUP), u64('positions', 1),
                               u64('size of the sums', len(SUM)), raw('sums', SUM), *RECORD])
REPORT = frame('report', PLAN_ID, [
    raw('edge id', EDGE[2]), u64('round', ROUND), u32('attempt', ATTEMPT), u32('group', GROUP), u64('members', 2),
    u64('size of the manifest', len(MANIFESTS[0])), raw('manifest of member 0', MANIFESTS[0]),
    u64('size of the manifest', len(MANIFESTS[1])), raw('manifest of member 1', MANIFESTS[1]),
    u8('opened', 1), raw('record', joined(RECORD))], (EDGE[0], 'burgee report'))
PLAN_BYTES, TASK_BYTES = joined(PLAN), joined(TASK)
AUDIT = frame('audit', PLAN_ID, [
    u64('epoch', 1), u64('round', ROUND), u32('attempt', ATTEMPT), u32('group', GROUP), u64('position', 0),
    u64('size of the plan', len(PLAN_BYTES)), raw('plan', PLAN_BYTES),
    u64('size of the task', len(TASK_BYTES)), raw('task', TASK_BYTES), u64('members', 2),
    *(row for i in range(2) for row in (
        u64('size of the manifest', len(MANIFESTS[i])), raw(f'manifest of member {i}', MANIFESTS[i]),
        raw(f'position key of member {i}', KEYS[i]), u64('size of the list', 32),
        raw(f'list of member {i}', sha256(KEYS[i]))))])
VERDICT = frame('audit verdict', PLAN_ID, [
    u64('epoch', 1), u64('round', ROUND), u32('attempt', ATTEMPT), u32('group', GROUP), u64('position', 0),
    u64('named', 2), raw('record', sha256(joined(RECORD)))], (KEY_HOLDER[0], 'burgee verdict'))
RECEIPT = frame('receipt', PLAN_ID, [
    u64('round', ROUND), u32('attempt', ATTEMPT), u8('outcome', 1), u16('reason', 0),
    raw('next model digest', NEXT_MODEL), u64('tensors', 2), f64('scale', 0.5), f64('scale', 0.25),
    u64('groups', 1), u32('group', GROUP), u8('used', 1), u64('member mask', 3)], (ROOT[0], 'burgee receipt'))

PACE = frame('pace', ZERO, [u64('round', ROUND), u64('least wait in ns', 2 * 10**9), u64('most wait in ns', 5 * 10**9)])

# ---- enrolment ----

SPKI = bytes.fromhex('3059301306072a8648ce3d020106082a8648ce3d030107034200')
TOKEN = [u8('version', 1), raw('secret', bytes(range(16))), u64('expiry', 1800000000),
         raw('pin of the key holder', sha256(SPKI, KEY_HOLDER[1])), raw('fingerprint of the authority', b'\xca' * 32)]
TOKEN.append(raw('check', sha256(joined(TOKEN))[:4]))

# ---- what is inside ----

COUNTS = [a + b for a, b in zip(*SLOTS)]
assert (sum(PADDED) - sum(PADS)) % N == pack(COUNTS)
PLAIN_VECTOR = [u16('count field', 1), u16('scale field', 60), raw('votes 1 0 1 1', b'\x0d'),
                raw('zeros', bytes(256 - 5))]


def key_file(rows):
    return [*rows, raw('SHA-256 of everything before', sha256(joined(rows)))]


EXAMPLES = {
    'epoch-request': REQUEST, 'epoch-reveal': REVEAL, 'groups': GROUPS, 'plan': PLAN, 'task': TASK,
    'manifest': UPDATES[0][0], 'manifest-1': UPDATES[1][0], 'block': UPDATES[0][1], 'block-1': UPDATES[1][1],
    'release': RELEASE, 'sums': SUMS, 'report': REPORT, 'audit': AUDIT, 'audit-verdict': VERDICT,
    'roster': ROSTER_MESSAGE, 'receipt': RECEIPT,
    'pace': PACE,
    'plain-vector': PLAIN_VECTOR,
    'pads': [raw('position key of member 0', KEYS[0]), raw('pad of member 0', PADS[0].to_bytes(BITS // 8, 'little')),
             raw('position key of member 1', KEYS[1]), raw('pad of member 1', PADS[1].to_bytes(BITS // 8, 'little'))],
    'knowledge': [raw(f'{what} of member {i}', value) for i in range(2) for what, value in (
        ('challenge', challenge(knowledge_header(i))), ('knowledge tag', TAGS[i]))],
    'plaintexts': [raw(f'plaintext of member {i}: slots {" ".join(map(str, slots))}',
                       PLAINTEXTS[i].to_bytes(BITS // 8, 'little')) for i, slots in enumerate(SLOTS)]
    + [raw(f'their sum: counts {" ".join(map(str, COUNTS))}', pack(COUNTS).to_bytes(BITS // 8, 'little'))],
    'token': TOKEN,
    'public-key-file': key_file([raw('magic', b'BRGP'), u16('version', 1), u16('flags', 1), u32('bits', BITS),
                                 raw('n', MODULUS)]),
    'public-identity-file': key_file([raw('magic', b'BRGI'), u16('version', 1), u16('kind', 2),
                                      raw('public point of the root', ROOT[1])]),
}


def block(name):
    """One example as it stands on the page: at most 32 bytes per line, the comment beside the first."""
    lines = []
    for value, comment in EXAMPLES[name]:
        pieces = [value[i:i + 32].hex() for i in range(0, len(value), 32)] or ['']
        lines.append(f'{pieces[0]}  {comment}')
        lines += pieces[1:]
    return f'```hex {name}\n' + '\n'.join(lines) + '\n```'


def main():
    check = sys.argv[1:2] == ['--check']
    page = pathlib.Path(sys.argv[-1])
    before = page.read_text(encoding='utf-8')
    found = re.findall(r'^```hex (\S+)\n', before, re.M)
    if sorted(found) != sorted(EXAMPLES):
        sys.exit(f'{page}: blocks that differ from the examples: {sorted(set(found) ^ set(EXAMPLES))}')
    after = re.sub(r'^```hex (\S+)\n.*?^```$', lambda match: block(match[1]), before, flags=re.M | re.S)
    if not check:
        page.write_text(after, encoding='utf-8')
    elif after != before:
        for number, (old, new) in enumerate(zip(before.split('\n'), after.split('\n')), 1):
            if old != new:
                sys.exit(f'{page}:{number}: is "{old}", the second implementation has "{new}"')
        sys.exit(f'{page}: an example has another length than the second implementation gives')


if __name__ == '__main__':
    main()
