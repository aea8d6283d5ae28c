# SPDX-License-Identifier: Apache-2.0
"""burgee-client as its user meets it: python3 test_client.py BURGEE_CLIENT BURGEE_AGGREGATOR BURGEE_KEYHOLDER

Wrong files, wrong words, wrong order: each gives one line that names the file and the right exit status, and leaves the
state as it was. Whole rounds are in tests/scenarios/one_round_by_hand.py."""

import json
import os
import pathlib
import stat
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / 'scenarios'), str(HERE.parent / 'policy')]
from by_hand import Population  # noqa: E402
from policy import Tap  # noqa: E402

CLIENT, AGGREGATOR, KEYHOLDER = PROGRAMS = [pathlib.Path(argument).resolve() for argument in sys.argv[1:4]]


class Bench(Population):
    """A population in its first round, and what its client 0 says."""

    def __init__(self, folder):
        super().__init__(folder, *PROGRAMS)
        self.agree()
        self.ok(AGGREGATOR, 'open', 'root')
        self.task = 'root/round-1/task'

    def run(self, *words):
        return self.call(CLIENT, *words)

    def refused(self, code, said, *words):
        ran = self.run(*words)
        if ran.returncode != code:
            yield f'{words}: exit {ran.returncode}, not {code}: {ran.stderr}'
        lines = [line for line in ran.stderr.splitlines() if not line.startswith('level=info')]
        if len(lines) != 1 or said not in lines[0]:
            yield f'{words}: {lines} does not say {said!r} on one line'
        if ran.stdout:
            yield f'{words}: prints {ran.stdout!r}'

    def update_refused(self, code, said, **changes):
        """An update of client 0 in which words or files are changed, by the name of their flag."""
        words = self.update_words(0, 1)
        for flag, value in changes.items():
            words[words.index('--' + flag.replace('_', '-')) + 1] = value
        yield from self.refused(code, said, *words)
        if self.path('c0/state/client.state').exists():
            yield f'{changes}: left a state'
        if self.path('c0/update').exists():
            yield f'{changes}: left an update'

    def changed(self, name, change):
        """A copy of a file whose bytes `change` has changed."""
        content = bytearray(self.path(name).read_bytes())
        copy = self.path('changed')
        copy.write_bytes(change(content) or content)
        return 'changed'


def flip(at):
    def change(content):
        content[at] ^= 1
    return change


def check_words(bench):
    for said, words in (('no verb given', []), ('no such verb', ['uptade']), ('one argument too many', ['keygen', 'x']),
                        ('no such option', ['keygen', '--colour', 'red']),
                        ('needs a value', ['keygen', '--out']), ('--out DIR', ['keygen']),
                        ('--plan FILE', ['update']), ('--state DIR', ['receipt', '--lost']),
                        ('--receipt FILE', ['receipt', '--state', 's']),
                        ('--lost says', ['receipt', '--state', 's', '--lost', '--receipt', 'r'])):
        yield from bench.refused(64, said, *words)
    for option, said in (('--help', 'usage: burgee-client'), ('--version', 'burgee-client ')):
        ran = bench.run(option)
        if ran.returncode != 0 or not ran.stdout.startswith(said) or ran.stderr:
            yield f'{option}: {ran}'


def check_settings(bench):
    bench.path('config.json').write_text('{"data": {"rows": 7}, "state": {"dir": "here"}}')
    ran = bench.run('--print-config', '--config', 'config.json', '--data', 'there', '--set', 'data.seed=9')
    config = json.loads(ran.stdout)
    found = (config['data']['rows'], config['data']['dir'], config['data']['seed'], config['state']['dir'])
    if found != (7, 'there', 9, 'here'):
        yield f'effective settings: {config}'
    for said, words in (('data.rowz', ['--set', 'data.rowz=1']), ('data.rows', ['--set', 'data.rows=0']),
                        ('data.kind', ['--set', 'data.kind=pictures'])):
        yield from bench.refused(78, said, 'keygen', '--out', 'new', *words)
    bench.path('config.json').write_text('{"data": {"rows": "many"}}')
    yield from bench.refused(78, 'config.json:1', 'keygen', '--out', 'new', '--config', 'config.json')
    yield from bench.refused(66, 'absent.json', 'keygen', '--out', 'new', '--config', 'absent.json')


def check_keygen(bench):
    shown = json.loads(bench.ok(CLIENT, 'keygen', '--out', 'made', '--json'))
    secret, point = bench.path('made/identity.secret'), bench.path('made/identity.point')
    if stat.S_IMODE(secret.stat().st_mode) != 0o600:
        yield f'the secret has mode {secret.stat().st_mode:o}'
    if len(shown['client']) != 64 or shown['status'] != 'OK':
        yield f'{shown}'
    before = secret.read_bytes(), point.read_bytes()
    yield from bench.refused(64, 'made/identity.secret', 'keygen', '--out', 'made')
    if (secret.read_bytes(), point.read_bytes()) != before:
        yield 'a refused keygen changed files'
    point.unlink()
    bench.ok(CLIENT, 'keygen', '--out', 'made')
    if (secret.read_bytes(), point.read_bytes()) != before:
        yield 'a key whose point is missing is not completed'
    yield from bench.refused(66, 'config.json', 'keygen', '--out', 'kh/config.json')


def check_documents(bench):
    """Each of them absent, cut, damaged, of another kind."""
    for flag, name in (('plan', 'root/plan'), ('groups', 'root/groups'), ('task', bench.task),
                       ('model', str(bench.model()))):
        yield from bench.update_refused(66, 'absent', **{flag: 'absent'})
        yield from bench.update_refused(65, 'changed', **{flag: bench.changed(name, lambda content: content[:-1])})
        yield from bench.update_refused(65, 'changed', **{flag: bench.changed(name, lambda content: content[:30])})
        yield from bench.update_refused(65, 'changed', **{flag: bench.changed(name, flip(-1))})
        yield from bench.update_refused(65, 'kh/config.json', **{flag: 'kh/config.json'})
        yield from bench.update_refused(74, 'kh', **{flag: 'kh'})
    yield from bench.update_refused(65, 'not a burgee frame', plan=bench.changed('root/plan', flip(0)))
    yield from bench.update_refused(65, 'protocol version', plan=bench.changed('root/plan', flip(5)))
    yield from bench.update_refused(65, 'was expected', plan='root/groups')
    yield from bench.update_refused(65, 'population', task=bench.changed(bench.task, flip(8)))


def check_trust(bench):
    yield from bench.update_refused(65, 'key holder this client trusts', trust_key_holder='root/identity.point')
    yield from bench.update_refused(65, 'root this client trusts', trust_root='kh/identity.point')
    yield from bench.update_refused(66, 'absent', trust_root='absent')
    yield from bench.update_refused(65, 'changed', trust_root=bench.changed('root/identity.point', flip(20)))
    yield from bench.update_refused(65, 'secret identity', trust_root='c0/identity.secret')
    yield from bench.refused(65, 'population', *bench.update_words(0, 1, '--set', 'population.name=elsewhere'))
    yield from bench.refused(64, 'population.name', *bench.update_words(0, 1, '--set', 'population.name=Two Words'))


def check_identity(bench):
    secret = bench.path('c0/identity.secret')
    yield from bench.update_refused(66, 'absent', identity='absent')
    os.chmod(secret, 0o644)
    yield from bench.update_refused(77, 'chmod 600 c0/identity.secret')
    os.chmod(secret, 0o600)
    bench.ok(CLIENT, 'keygen', '--out', 'stranger')
    yield from bench.update_refused(65, 'root/groups', identity='stranger/identity.secret')


def check_key(bench):
    words = [word for word in bench.update_words(0, 1) if word != '--insecure-test-key']
    yield from bench.refused(65, '512', *words)
    if bench.path('c0/state/client.state').exists():
        yield 'a refused key left a state'


def check_data(bench):
    real = ['--set', 'data.kind=cicids2017']
    yield from bench.refused(64, 'path', *bench.update_words(0, 1, *real))
    yield from bench.refused(66, 'absent', *bench.update_words(0, 1, *real, '--data', 'absent'))
    bench.path('flows.csv').write_text('id,Flow ID\n1,2\n')
    yield from bench.refused(65, 'flows.csv:1', *bench.update_words(0, 1, *real, '--data', 'flows.csv'))
    yield from bench.refused(66, 'no-such-map', *bench.update_words(0, 1, '--set', 'data.labels=no-such-map'))
    yield from bench.refused(65, 'data.labels', *bench.update_words(0, 1, '--set', 'data.labels=binary'))


def check_state(bench):
    state = bench.path('c0/state/client.state')
    yield from bench.refused(66, 'nowhere', 'receipt', '--state', 'nowhere', '--lost')
    bench.path('empty').mkdir()
    yield from bench.refused(66, 'empty/client.state', 'receipt', '--state', 'empty', '--lost')
    yield from bench.refused(74, 'kh/config.json', *bench.update_words(0, 1, '--state', 'kh/config.json'))
    report = bench.update(0, 1)
    found = [report[key] for key in ('round', 'stage', 'insecure', 'again', 'rows')]
    if found != [1, 'scales', True, False, 400]:
        yield f'{report}'
    masks = report['masks']
    if masks['drawn'] != report['positions'] or masks['hits'] > masks['drawn'] or not 0 <= masks['level'] <= \
            masks['capacity']:
        yield f'masks do not add up: {report}'
    if stat.S_IMODE(state.stat().st_mode) != 0o600:
        yield f'the state has mode {state.stat().st_mode:o}'
    good, update = state.read_bytes(), bench.path('c0/update').read_bytes()
    again = bench.json(CLIENT, *bench.update_words(0, 1, '--quiet', '--out', 'again'))
    if not again['again'] or again['bytes'] != report['bytes'] or bench.path('again').read_bytes() != update:
        yield f'the same call does not hand over the same update: {again}'
    if state.read_bytes() != good:
        yield 'a repeated call changed the state'
    yield from bench.refused(65, 'another client', *bench.update_words(1, 1, '--state', 'c0/state'))
    for said, content in (('ends after', good[:20]), ('damaged', good[:-1]), ('not the state', b'B' + good),
                          ('damaged', good[:100] + b'x' + good[101:]), ('version', good[:4] + b'\2' + good[5:])):
        state.write_bytes(content)
        yield from bench.refused(65, f'c0/state/client.state: {said}', *bench.update_words(0, 1))
        yield from bench.refused(65, said, 'receipt', '--state', 'c0/state', '--lost')
    state.write_bytes(good)
    if bench.path('c0/update').read_bytes() != update:
        yield 'a refused update changed the file of the first'


def check_receipts(bench):
    """Round 1 ends without updates, round 2 begins."""
    state = bench.path('c0/state/client.state')
    receipt = ['receipt', '--state', 'c0/state', '--receipt']
    bench.call(AGGREGATOR, 'close', 'root')
    bench.ok(AGGREGATOR, 'open', 'root')
    good = state.read_bytes()
    yield from bench.refused(75, 'round 1 waits for its receipt', *bench.update_words(0, 2))
    yield from bench.refused(66, 'absent', *receipt, 'absent')
    yield from bench.refused(65, 'root/plan', *receipt, 'root/plan')
    yield from bench.refused(65, 'changed: receipt: not signed',
                             *receipt, bench.changed('root/round-1/receipt', flip(90)))
    bench.update(1, 2)
    yield from bench.refused(65, 'receipt of round 1, attempt 0: the update is of round 2', 'receipt', '--state',
                             'c1/state', '--receipt', 'root/round-1/receipt')
    if state.read_bytes() != good:
        yield 'a refused receipt changed the state'
    if bench.receipt(0, 1) != {'verb': 'receipt', 'round': 1, 'used': False, 'status': 'OK'}:
        yield 'the receipt says otherwise'
    yield from bench.refused(66, 'no update waits', *receipt, 'root/round-1/receipt')
    yield from bench.refused(65, 'round 1, or for a later one,', *bench.update_words(1, 1))
    if bench.path('c0/state/client.update').exists():
        yield 'an update with a receipt is kept'
    yield from bench.refused(65, 'c0/state/client.state: the update for round 1 was made before',
                             *bench.update_words(0, 1))
    if bench.update(0, 2)['missed_rounds'] != 0:
        yield 'round 1 counts as missed'
    unwritten = bench.update_words(4, 2, '--out', 'absent/update')
    for _ in range(2):
        yield from bench.refused(66, 'absent/update', *unwritten)
    if not bench.update(4, 2)['again']:
        yield 'an update that could not be written is lost'


def check_json(bench):
    ran = bench.run(*bench.update_words(2, 2, '--json', '--plan', 'absent'))
    said = json.loads(ran.stdout)
    if (ran.returncode, said['verb'], said['status']) != (66, 'update', 'NOT_FOUND') or 'absent' not in said['error']:
        yield f'{ran}'
    ran = bench.run(*bench.update_words(2, 2, '--quiet'))
    if ran.returncode != 0 or ran.stdout or ran.stderr:
        yield f'--quiet: {ran}'
    ran = bench.run(*bench.update_words(3, 2))
    if ran.returncode != 0 or not ran.stdout.startswith('wrote c3/update: round 2') or 'INSECURE' not in ran.stdout:
        yield f'{ran}'
    if [line.split('msg=')[1] for line in ran.stderr.splitlines()] != ['"reading the data"', '"training"',
                                                                       '"encrypting"']:
        yield f'progress: {ran.stderr}'


def check_network(bench):
    """What can be told without servers; the rest is in tests/unit/client/test_enrol.c and test_service.c."""
    for verb in ('run', 'show', 'renew'):
        yield from bench.refused(64, f'usage: burgee-client {verb} DIR', verb)
        yield from bench.refused(64, 'one argument too many', verb, 'a', 'b')
        yield from bench.refused(66, 'not enrolled: run burgee-client enrol', verb, 'nowhere')
    yield from bench.refused(64, 'usage: burgee-client enrol DIR URL TOKEN', 'enrol', 'dev', 'https://localhost:1')
    yield from bench.refused(64, '--exit-after-rounds', 'run', 'c0', '--exit-after-rounds', 'many')
    token = bench.ok(KEYHOLDER, 'token', 'new', 'kh').strip()
    yield from bench.refused(65, 'token', 'enrol', 'dev', 'https://localhost:1', token[:-1])
    yield from bench.refused(65, 'token', 'enrol', 'dev', 'https://localhost:1', 'burgee-nothing')
    if bench.path('dev').exists():
        yield 'a bad token made a folder'
    yield from bench.refused(64, 'https://host:port', 'enrol', 'dev', 'http://localhost:1', token)
    yield from bench.refused(64, 'label', 'enrol', 'dev', 'https://localhost:1', token, '--label', 'x' * 64)
    yield from bench.refused(74, 'https://127.0.0.1:1/v1/-/enrolment', 'enrol', 'dev', 'https://127.0.0.1:1', token)
    secret = bench.path('dev/identity.secret')
    before = secret.read_bytes()
    if stat.S_IMODE(secret.stat().st_mode) != 0o600 or stat.S_IMODE(bench.path('dev').stat().st_mode) != 0o700:
        yield 'the folder or its secret is open to others'
    yield from bench.refused(74, '127.0.0.1', 'enrol', 'dev', 'https://127.0.0.1:1', token)
    if secret.read_bytes() != before:
        yield 'an enrolment that is repeated has another key'
    yield from bench.refused(66, 'not enrolled', 'run', 'dev')
    bench.path('dev/config.json').write_text('{"root": {"urls": ""}}')
    yield from bench.refused(78, 'dev/config.json:1', 'run', 'dev')


tap = Tap()
with tempfile.TemporaryDirectory(prefix='burgee-') as folder:
    bench = Bench(folder)
    for check in (check_words, check_settings, check_keygen, check_documents, check_trust, check_identity, check_key,
                  check_data, check_state, check_receipts, check_json, check_network):
        tap.case(check.__name__.removeprefix('check_'), check(bench))
tap.end()
