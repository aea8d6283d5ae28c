# SPDX-License-Identifier: Apache-2.0
"""burgee-aggregator as an operator meets it: python3 test_aggregator.py BURGEE_AGGREGATOR BURGEE_KEYHOLDER

Wrong files, wrong order, wrong words: each gives one line and the right exit status. What happens in a round is in
tests/scenarios/one_round_by_hand.py and tests/unit/aggregator/test_offline.c."""

import json
import pathlib
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / 'policy'))
from policy import Tap  # noqa: E402

AGGREGATOR, KEYHOLDER = (pathlib.Path(argument).resolve() for argument in sys.argv[1:3])
FAST = ['--set', 'model.spec=linear', '--set', 'data.rows=400']
HEX = 'ab' * 32


class Bench:
    """A folder with a key holder `k` of an insecure test key, and roots made in it."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        made = self.call(KEYHOLDER, 'keygen', '--out', 'k', '--bits', 512, '--insecure-test-key', '--set',
                         'encryption.s=1', '--json')
        assert made.returncode == 0, made.stderr
        self.commitment = json.loads(made.stdout)['commitment']
        self.point = 'k/identity.point'
        for i in range(4):
            self.call(AGGREGATOR, 'init', f'c{i}', '--key-holder', self.point, '--commitment', HEX, *FAST)

    def call(self, *words):
        return subprocess.run([str(word) for word in words], cwd=self.folder, capture_output=True, text=True,
                              timeout=60)

    def run(self, *words):
        return self.call(AGGREGATOR, *words)

    def root(self, name, *words):
        ran = self.run('init', name, '--key-holder', self.point, '--commitment', self.commitment,
                       '--insecure-test-key', *FAST, *words)
        assert ran.returncode == 0, ran.stderr
        (self.folder / 'k' / 'root.point').write_bytes((self.folder / name / 'identity.point').read_bytes())
        return name

    def refused(self, code, said, *words):
        ran = self.run(*words)
        if ran.returncode != code:
            yield f'{words}: exit {ran.returncode}, not {code}: {ran.stderr}'
        if said not in ran.stderr or ran.stderr.count('\n') != 1:
            yield f'{words}: {ran.stderr!r} does not say {said!r} on one line'

    def done(self, *words):
        ran = self.run(*words)
        if ran.returncode != 0 or ran.stderr:
            yield f'{words}: exit {ran.returncode}: {ran.stderr}'

    def clients(self):
        """Any identity's point will do."""
        return [f'c{i}/identity.point' for i in range(4)]

    def agreed(self, name):
        """A root with an epoch."""
        root = self.root(name)
        for program, folder in ((AGGREGATOR, root), (KEYHOLDER, 'k')):
            assert self.call(program, 'enrol', folder, *self.clients()).returncode == 0
        assert self.run('epoch', root, '--out', 'request').returncode == 0
        answered = self.call(KEYHOLDER, 'epoch', 'k', 'request', '--out', 'answer')
        assert answered.returncode == 0, answered.stderr
        accepted = self.run('epoch', root, '--reveal', 'answer')
        assert accepted.returncode == 0, accepted.stderr
        return root


def check_words(bench):
    bench.root('words')
    for said, words in (('no verb given', []), ('no such verb', ['fould', 'words']), ('usage', ['fold']),
                        ('no file given', ['fold', 'words']), ('usage', ['open', 'words', 'file']),
                        ('no such option', ['show', 'words', '--colour']),
                        ('needs a value', ['show', 'words', '--set']),
                        ('--out REQUEST', ['epoch', 'words']),
                        ('--commitment HEX together', ['init', 'other', '--key-holder', bench.point]),
                        ('--key-holder POINT', ['init', 'other', '--commitment', HEX]),
                        ('64 hex digits', ['init', 'other', '--key-holder', bench.point, '--commitment', 'f00']),
                        ('lives here already', ['init', 'words', '--key-holder', bench.point, '--commitment', HEX])):
        yield from bench.refused(64, said, *words)
    for option, said in (('--help', 'usage: burgee-aggregator'), ('--version', 'burgee-aggregator ')):
        ran = bench.run(option)
        if ran.returncode != 0 or not ran.stdout.startswith(said) or ran.stderr:
            yield f'{option}: {ran}'


def check_settings(bench):
    bench.root('settings', '--set', 'training.steps=7')
    config = bench.folder / 'settings' / 'config.json'
    ran = bench.run('show', 'settings', '--print-config', '--set', 'training.batch=9')
    training = json.loads(ran.stdout)['training']
    if (training['steps'], training['batch']) != (7, 9):
        yield f'effective settings: {training}'
    for said, words in (('training.stepz', ['--set', 'training.stepz=1']),
                        ('robust.rule', ['--set', 'robust.rule=krum']),
                        ('data.dir', ['--set', 'data.kind=cicids2017', '--set', 'model.file=']),
                        ('population.name', ['--set', 'population.name=Two Words'])):
        yield from bench.refused(78, said, 'show', 'settings', *words)
    good = config.read_text()
    config.write_text(good.replace('"steps": 7', '"steps": "many"'))
    yield from bench.refused(78, 'config.json', 'show', 'settings')
    config.write_text(good[:-9])
    yield from bench.refused(78, 'config.json', 'show', 'settings')
    config.write_text(good)
    yield from bench.refused(66, 'absent.json', 'show', 'settings', '--config', 'absent.json')
    yield from bench.done('show', 'settings')


def check_init(bench):
    words = ['--commitment', HEX, *FAST]
    yield from bench.refused(66, 'absent.point', 'init', 'new', '--key-holder', 'absent.point', *words)
    yield from bench.refused(65, 'identity.secret', 'init', 'new', '--key-holder', 'k/identity.secret', *words)
    words = ['--key-holder', bench.point, *words]
    yield from bench.refused(66, 'absent.safetensors', 'init', 'new', '--set', 'model.file=absent.safetensors', *words)
    yield from bench.refused(64, 'mlp:0', 'init', 'new', *words, '--set', 'model.spec=mlp:0')
    yield from bench.refused(66, 'absent', 'init', 'new', *words, '--set', 'data.labels=absent')
    yield from bench.refused(74, 'no/new', 'init', 'no/new', *words)
    bench.root('given')
    model = bytearray((bench.folder / 'given' / 'model-0.safetensors').read_bytes())
    model[-4:] = b'\0\0\xc0\x7f'
    (bench.folder / 'nan.safetensors').write_bytes(model)
    yield from bench.refused(65, 'nan.safetensors', 'init', 'new', *words, '--set', 'model.file=nan.safetensors')
    (bench.folder / 'cut.safetensors').write_bytes(model[:-1])
    yield from bench.refused(65, 'cut.safetensors', 'init', 'new', *words, '--set', 'model.file=cut.safetensors')
    yield from bench.done('init', 'new', *words, '--set', 'model.file=given/model-0.safetensors')
    if (bench.folder / 'new' / 'model-0.safetensors').read_bytes() != \
            (bench.folder / 'given' / 'model-0.safetensors').read_bytes():
        yield 'a given model is not taken over as it is'
    for name in ('identity.secret', 'sealing.secret', 'state'):
        if (bench.folder / 'new' / name).stat().st_mode & 0o077:
            yield f'{name} is open to others'


def check_enrolment(bench):
    bench.root('enrol')
    point = 'c0/identity.point'
    yield from bench.done('enrol', 'enrol', point)
    yield from bench.done('enrol', 'enrol', point)
    if json.loads(bench.run('show', 'enrol', '--json').stdout)['clients'] != 1:
        yield 'one client counts twice'
    yield from bench.refused(65, 'cell default', 'enrol', 'enrol', point, '--cell', 'west')
    yield from bench.refused(64, 'West!', 'enrol', 'enrol', 'c1/identity.point', '--cell', 'West!')
    yield from bench.refused(66, 'absent.point', 'enrol', 'enrol', 'absent.point')
    damaged = bytearray((bench.folder / point).read_bytes())
    damaged[20] ^= 1
    (bench.folder / 'damaged.point').write_bytes(damaged)
    yield from bench.refused(65, 'damaged.point', 'enrol', 'enrol', 'damaged.point')


def check_order(bench):
    bench.root('order')
    yield from bench.refused(66, 'no root lives here', 'show', 'nowhere')
    yield from bench.refused(65, 'roster is empty', 'epoch', 'order', '--out', 'request')
    yield from bench.refused(64, 'no epoch', 'open', 'order')
    yield from bench.refused(64, 'no epoch was asked for', 'epoch', 'order', '--reveal', bench.point)
    for verb in (['close', 'order'], ['step', 'order'], ['step', 'order', bench.point],
                 ['step', 'order', '--without-missing']):
        yield from bench.refused(65, 'no round is open', *verb)
    yield from bench.done('enrol', 'order', *bench.clients())
    yield from bench.done('epoch', 'order', '--out', 'request')
    yield from bench.refused(66, 'absent', 'epoch', 'order', '--reveal', 'absent')
    for said, name in (('request', 'request'), ('frame', 'c0/identity.point')):
        yield from bench.refused(65, name, 'epoch', 'order', '--reveal', name)
    yield from bench.refused(64, 'no epoch', 'open', 'order')
    yield from bench.refused(66, 'no/request', 'epoch', 'order', '--out', 'no/request')


def check_round(bench):
    root = bench.agreed('round')
    yield from bench.done('open', root, '--quiet')
    yield from bench.refused(75, 'round 1 is open', 'open', root)
    yield from bench.refused(75, 'round 1 is open', 'epoch', root, '--out', 'request')
    yield from bench.refused(75, 'the updates of 4 clients', 'step', root)
    yield from bench.refused(64, 'close it first', 'step', root, '--without-missing')
    yield from bench.refused(66, 'absent', 'step', root, 'absent')
    yield from bench.refused(65, 'plan', 'step', root, f'{root}/plan')
    ran = bench.run('fold', root, f'{root}/plan', 'absent', '--json')
    report = json.loads(ran.stdout)
    if ran.returncode != 65 or [update['status'] for update in report['updates']] != ['DECODE', 'NOT_FOUND']:
        yield f'refused updates: {ran}'
    if any(update['file'] not in update['error'] for update in report['updates']):
        yield f'a refusal does not name its file: {report}'
    if ran.stderr.count('\n') != 3 or 'plan' not in ran.stderr:
        yield f'one line per refusal and one in all: {ran.stderr}'
    yield from bench.refused(78, 'task', 'show', root, '--set', 'training.learning_rate=0.5')
    shown = json.loads(bench.run('show', root, '--json').stdout)
    if (shown['open_round'], shown['groups'], shown['epoch_stage']) != (1, 1, 'agreed'):
        yield f'show: {shown}'
    yield from bench.refused(65, 'round 1 abandoned', 'close', root, '--quiet')
    yield from bench.refused(78, 'no longer make its plan', 'open', root, '--set', 'training.batch=9')
    yield from bench.refused(78, 'no longer make its plan', 'epoch', root, '--reveal', 'answer', '--set',
                             'codec.clip=9')
    yield from bench.done('open', root, '--set', 'training.learning_rate=0.5', '--quiet')
    if not (bench.folder / root / 'round-2' / 'task').exists():
        yield 'an abandoned round keeps its number'
    yield from bench.refused(65, 'abandoned', 'close', root, '--set', 'training.learning_rate=0.5', '--quiet')


def check_damage(bench):
    root = 'round'
    folder = bench.folder / root
    for name, code, said in (('state', 65, 'state'), ('identity.secret', 65, 'identity.secret'),
                             ('model-0.safetensors', 65, 'model-0')):
        good = (folder / name).read_bytes()
        (folder / name).write_bytes(good[:30] + bytes([good[30] ^ 1]) + good[31:])
        yield from bench.refused(code, said, 'show', root)
        (folder / name).write_bytes(good[:-5])
        yield from bench.refused(code, said, 'show', root)
        (folder / name).write_bytes(good)
    (folder / 'sealing.secret').chmod(0o644)
    yield from bench.refused(77, 'sealing.secret', 'show', root)
    (folder / 'sealing.secret').chmod(0o600)
    yield from bench.done('show', root)


tap = Tap()
with tempfile.TemporaryDirectory() as temporary:
    bench = Bench(temporary)
    for name, check in (('words that are not understood', check_words), ('settings', check_settings),
                        ('new folders', check_init), ('enrolment', check_enrolment),
                        ('verbs out of order', check_order), ('a round without updates', check_round),
                        ('damaged folders', check_damage)):
        tap.case(name, list(check(bench)))
tap.end()
