# SPDX-License-Identifier: Apache-2.0
"""burgee-inspect as a user meets it: python3 test_inspect.py BURGEE_INSPECT"""

import gzip
import json
import lzma
import pathlib
import random
import struct
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent.parent
sys.dont_write_bytecode = True
sys.path[:0] = [str(HERE / 'policy'), str(HERE / 'vectors')]
from policy import Tap  # noqa: E402
import gen_protocol_page as protocol  # noqa: E402

PROGRAM = str(pathlib.Path(sys.argv[1]).resolve())
SECRET = bytes(range(0x80, 0xa0))


class Bench:
    """A folder, and the program run in it."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)

    def write(self, content, mode=0o644):
        path = self.folder / 'file'
        path.unlink(missing_ok=True)
        path.write_bytes(content)
        path.chmod(mode)

    def run(self, *words):
        return subprocess.run([PROGRAM, *words], cwd=self.folder, capture_output=True, timeout=60)

    def facts(self, content, mode=0o644):
        """JSON of a file that must be described; the text is checked to name its kind too."""
        self.write(content, mode)
        ran, text = self.run('file', '--json'), self.run('file')
        assert ran.returncode == 0 and text.returncode == 0, ran.stderr
        assert not ran.stderr and not text.stderr
        facts = json.loads(ran.stdout)
        assert f'kind: {facts["kind"]}\n' in text.stdout.decode()
        return facts

    def refusal(self, content, status):
        """The sentence about a file that must be refused."""
        self.write(content)
        ran = self.run('file', '--json')
        assert ran.returncode == status, (ran.returncode, ran.stderr)
        sentence = ran.stderr.decode()
        assert sentence.startswith('burgee-inspect: file: ') and sentence.count('\n') == 1, sentence
        return sentence


def example(name):
    return protocol.joined(protocol.EXAMPLES[name])


# ---- messages ----

def names_every_message(bench):
    kinds = ['plan', 'groups', 'task', 'manifest', 'block', 'receipt', 'release', 'sums', 'epoch-request',
             'epoch-reveal', 'pace', 'report']
    for kind in kinds:
        facts = bench.facts(example(kind))
        assert facts['kind'] == 'frames' and facts['bytes'] == len(example(kind))
        frame, = facts['frames']
        assert frame['type'] == kind.replace('-', ' ') and frame['version'] == 1 and frame['population'] == 'lab'
        assert frame['bytes'] == len(example(kind))
        without_plan = kind in ('groups', 'epoch-request', 'epoch-reveal', 'pace')
        assert frame['plan_id'] == (None if without_plan else protocol.PLAN_ID.hex())


def shows_the_fields_of_a_plan(bench):
    frame, = bench.facts(example('plan'))['frames']
    key, root = frame['key_part'], frame['root_part']
    assert frame['plan_id_matches'] is True
    assert (key['encryption'], key['key_bits'], key['s'], key['insecure']) == ('null', 512, 1, True)
    assert (key['k'], key['k_min'], key['k_max'], key['groups']) == (2, 2, 2, 1)
    assert key['key_id'] == protocol.KEY_ID.hex() and key['roster'] == protocol.ROSTER.hex()
    assert root['model'] == 'linear' and root['features'] == ['Flow Duration', 'Flow Bytes/s']
    assert root['parameters'] == 6 and root['layout'] == {'layers.0.weight': [2, 2], 'layers.0.bias': [2]}
    assert root['codec']['mode'] == 'ef' and root['codec']['growth'] == 1.2
    assert root['training']['class_weights'] == 'inverse square root' and root['training']['batch'] == 64


def says_when_a_plan_id_is_wrong(bench):
    plan = bytearray(example('plan'))
    plan[40] ^= 1
    assert bench.facts(bytes(plan))['frames'][0]['plan_id_matches'] is False


def shows_the_fields_of_a_round(bench):
    task, = bench.facts(example('task'))['frames']
    assert (task['round'], task['learning_rate'], task['deadline_seconds']) == (7, 0.1, 60)
    assert task['travels'] == [True, False] and task['scales'] == [0.5, 0.25] and task['invited_groups'] == [0]
    assert task['receipt'] == protocol.RECEIPT_BEFORE.hex()
    manifest, = bench.facts(example('manifest'))['frames']
    assert manifest['task'] == protocol.sha256(example('task')).hex()
    assert manifest['client'] == protocol.MEMBERS[0].hex() and manifest['blocks'] == 1 and manifest['sealed_seed']
    block, = bench.facts(example('block'))['frames']
    assert (block['block'], block['positions'], block['payload_bytes']) == (0, 1, 128)
    assert block['payload_digest'] == protocol.sha256(example('block')[-128:]).hex()
    receipt, = bench.facts(example('receipt'))['frames']
    assert receipt['outcome'] == 'committed' and receipt['groups'] == [{'index': 0, 'used': True, 'members': [0, 1]}]
    sums, = bench.facts(example('sums'))['frames']
    assert sums['record']['sequence'] == 1 and sums['record']['previous'] is None
    release, = bench.facts(example('release'))['frames']
    assert [m['client'] for m in release['manifests']] == [member.hex() for member in protocol.MEMBERS]
    report, = bench.facts(example('report'))['frames']
    assert report['edge'] == protocol.EDGE[2].hex() and report['opened'] is True
    assert report['record'] == sums['record'] and report['manifests'] == release['manifests']


def walks_a_file_of_frames(bench):
    facts = bench.facts(example('manifest') + example('block') + example('manifest-1') + example('block-1'))
    assert [frame['type'] for frame in facts['frames']] == ['manifest', 'block', 'manifest', 'block']
    text = bench.run('file').stdout.decode()
    assert 'frames[3]:\n  type: block\n' in text and 'sealed seed: yes' in text


def names_the_damaged_frame(bench):
    damaged = bytearray(example('task'))
    damaged[80 + 84] = 4
    sentence = bench.refusal(example('plan') + bytes(damaged), 65)
    assert f'frame 1 at byte {len(example("plan"))}: task: the stage' in sentence, sentence
    assert json.loads(bench.run('file', '--json').stdout)['frames'][0]['type'] == 'plan'
    assert 'too early' in bench.refusal(example('plan')[:-1], 65)
    assert 'protocol version 2' in bench.refusal(b'BRGE\2\0' + example('plan')[6:], 65)


# ---- keys ----

def describes_public_keys(bench):
    facts = bench.facts(example('public-key-file'))
    assert facts['kind'] == 'public key' and facts['bits'] == 512 and facts['key_id'] == protocol.KEY_ID.hex()
    assert facts['insecure'] is True and 'INSECURE' in facts['warning']
    facts = bench.facts(example('public-identity-file'))
    assert facts['kind'] == 'public P-256 key' and facts['of'] == 'identity' and facts['id'] == protocol.ROOT[2].hex()
    damaged = bytearray(example('public-key-file'))
    damaged[20] ^= 1
    assert 'digest' in bench.refusal(bytes(damaged), 65)


def never_shows_a_secret(bench):
    secret_key = b'BRGS' + struct.pack('<HHI', 1, 1, 512) + SECRET + SECRET
    for content, kind, fact in [
            (secret_key + protocol.sha256(secret_key), 'secret key', ('bits', 512)),
            (b'BRGI' + struct.pack('<HH', 1, 1) + SECRET + bytes(32), 'secret P-256 key', ('of', 'identity')),
            (b'BRGI' + struct.pack('<HH', 1, 3) + SECRET + bytes(32), 'secret P-256 key', ('of', 'sealing key')),
            (b'BRGJ' + struct.pack('<HH', 1, 0) + struct.pack('<IIII', 32, 5, 0, 0) + SECRET, 'journal',
             ('entries', 1)),
            (b'BRGC' + struct.pack('<HH', 1, 1) + SECRET, 'client state', ('version', 1)),
            (b'BRGR' + struct.pack('<HH', 2, 0) + SECRET, 'root state', ('version', 2))]:
        for mode, others in ((0o600, False), (0o644, True)):
            facts = bench.facts(content, mode)
            assert facts['kind'] == kind and facts[fact[0]] == fact[1] and facts['bytes'] == len(content)
            assert facts['others_may_read_it'] is others and ('chmod 600' in facts.get('advice', '')) is others
            assert 'sha256' not in facts
            shown = b''.join(bench.run('file', *words).stdout for words in ([], ['--json']))
            for i in range(len(SECRET) - 3):
                piece = SECRET[i:i + 4]
                assert piece not in shown and piece.hex().encode() not in shown.lower()


def marks_an_insecure_secret_key(bench):
    head = b'BRGS' + struct.pack('<HHI', 1, 1, 512)
    assert bench.facts(head + bytes(96))['insecure'] is True
    head = b'BRGS' + struct.pack('<HHI', 1, 0, 2048)
    assert bench.facts(head + bytes(288))['insecure'] is False
    assert 'secret key file of 7 bytes' in bench.refusal(b'BRGS\1\0\1', 65)


def counts_the_entries_of_a_journal(bench):
    entries = b''.join(struct.pack('<IIII', size, 1, 0, 0) + bytes(size) for size in (0, 10, 100))
    facts = bench.facts(b'BRGJ\1\0\0\0' + entries + b'torn')
    assert (facts['entries'], facts['content_bytes'], facts['torn_bytes']) == (3, 110, 4)


# ---- models, arrays, results ----

LAYOUT = {'layers.0.weight': [2, 2], 'layers.0.bias': [2]}


def model_file(**changes):
    metadata = {'format': 'pt', 'burgee.version': '1', 'burgee.model': 'linear',
                'burgee.features': '["Flow Duration","Flow Bytes/s"]', 'burgee.classes': '["BENIGN","ATTACK"]',
                'burgee.label_map': 'binary', 'burgee.round': '7', 'burgee.parent': '66' * 32,
                'burgee.plan': '0' * 64, **changes}
    header, at = {'__metadata__': metadata}, 0
    for name, shape in {**LAYOUT, 'features.mean': [2], 'features.scale': [2]}.items():
        size = 4 * (shape[0] * (shape[1] if len(shape) == 2 else 1))
        header[name] = {'dtype': 'F32', 'shape': shape, 'data_offsets': [at, at + size]}
        at += size
    text = json.dumps(header).encode()
    text += b' ' * (-len(text) % 8)
    return struct.pack('<Q', len(text)) + text + bytes(at)


def describes_models(bench):
    content = model_file()
    facts = bench.facts(content)
    assert facts['kind'] == 'model' and facts['model'] == 'linear' and facts['round'] == 7
    assert facts['parent'] == '66' * 32 and facts['plan'] is None and facts['label_map'] == 'binary'
    assert facts['classes'] == ['BENIGN', 'ATTACK'] and facts['parameters'] == 6 and facts['layout'] == LAYOUT
    assert facts['sha256'] == protocol.sha256(content).hex()
    assert 'burgee.round' in bench.refusal(model_file(**{'burgee.round': 'x'}), 65)


def describes_arrays(bench):
    header = b"{'descr': '<f4', 'fortran_order': False, 'shape': (3, 2), }"
    header += b' ' * (-(11 + len(header)) % 64) + b'\n'
    facts = bench.facts(b'\x93NUMPY\1\0' + struct.pack('<H', len(header)) + header + bytes(24))
    assert facts['kind'] == 'array' and facts['values'] == 'float32' and facts['shape'] == [3, 2]


def describes_results(bench):
    summary = {'accuracy': 0.996, 'rounds_committed': 25, 'model_digest': 'ab' * 32, 'peak_rss_bytes': 2**63,
               'central_accuracy': None, 'held': False}
    facts = bench.facts(json.dumps({'summary': summary, 'rounds': [1, 2], 'config': {}}, indent=2).encode())
    assert facts['kind'] == 'simulator results' and facts['summary'] == summary
    assert facts['other_members'] == ['rounds', 'config']
    assert 'summary' in bench.refusal(b'{"accuracy": 1}', 65)
    bench.write(b'{"summary": {}')
    assert bench.run('file').returncode == 65 and b'file:1:15' in bench.run('file').stderr


# ---- what it refuses ----

def names_unknown_files_by_their_bytes(bench):
    sentence = bench.refusal(b'PK\3\4' + bytes(30), 65)
    assert sentence.endswith('not a burgee file: it begins with 50 4b 03 04' + 12 * ' 00' + '\n'), sentence
    assert bench.refusal(b'', 65).endswith('it is empty\n')
    assert bench.refusal(b'\0', 65).endswith('begins with 00\n')


def explains_wrong_usage(bench):
    assert bench.run('absent').returncode == 66
    assert bench.run('.').returncode == 74
    assert bench.run().returncode == 64 and bench.run('--colour').returncode == 64
    assert bench.run('one', 'two').returncode == 64
    for word in ('--help', '--version'):
        ran = bench.run(word)
        assert ran.returncode == 0 and b'burgee-inspect' in ran.stdout
    bench.write(example('task'))
    (bench.folder / '--json').write_bytes(example('plan'))
    assert json.loads(bench.run('--json', '--', '--json').stdout)['frames'][0]['type'] == 'plan'


def survives_damage(bench):
    draw = random.Random(1)
    sources = [example(name) for name in ('plan', 'release', 'receipt', 'groups', 'public-key-file')] + [model_file()]
    for _ in range(120):
        content = bytearray(draw.choice(sources))
        for _ in range(draw.choice((1, 1, 3))):
            content[draw.randrange(len(content))] = draw.randrange(256)
        bench.write(bytes(content[:draw.choice((len(content), draw.randrange(1, len(content))))]))
        ran = bench.run('file', '--json')
        assert ran.returncode in (0, 65, 69, 71, 78), (ran.returncode, ran.stderr)
        assert (ran.returncode == 0) == (not ran.stderr)
        if ran.stdout:
            json.loads(ran.stdout)


# ---- data ----

FLOWS = ('id,host,proto,bytes,load,label\n' +
         ''.join(f'{i},h{i % 3},{"tcp" if i % 4 else "udp"},{10 ** 6 if i == 7 else i},{"?" if i == 5 else i / 8},'
                 f'{"calm" if i % 2 else "storm"}\n' for i in range(40))).encode()


def surveys_data(bench):
    for content in (FLOWS, lzma.compress(FLOWS), gzip.compress(FLOWS)):
        bench.write(content)
        facts = json.loads(bench.run('data', 'file', '--json').stdout)
        assert (facts['kind'], facts['delimiter'], facts['rows']) == ('data', ',', 40)
        columns = {column['name']: column for column in facts['columns']}
        assert [columns[name]['type'] for name in ('id', 'host', 'bytes', 'load')] == ['id', 'category', 'integer',
                                                                                     'real']
        assert columns['load']['missing'] == 1 and (columns['bytes']['least'], columns['bytes']['most']) == (0, 10 ** 6)
        assert columns['label']['values'] == {'calm': 20, 'storm': 20}
    text = bench.run('data', 'file').stdout.decode()
    proto, = [line.split() for line in text.splitlines() if line.startswith('proto ')]
    assert proto[1:4] == ['category', 'one_hot', '2'] and '--suggest' in text


def suggests_a_schema_that_reads_the_file(bench):
    bench.write(FLOWS)
    suggestion = bench.run('data', 'file', '--suggest').stdout
    (bench.folder / 'schema.json').write_bytes(suggestion)
    assert json.loads(suggestion)['columns']['proto'] == {'use': 'one_hot', 'values': ['tcp', 'udp'],
                                                          'unlisted': 'other'}
    facts = json.loads(bench.run('data', 'file', '--schema', './schema.json', '--json').stdout)
    assert facts['rows'] == 40 and facts['classes'] == {'calm': 20, 'storm': 20} and facts['refused'] == {}
    assert set(facts['features']) == {'proto=tcp', 'proto=udp', 'proto=*', 'bytes', 'load'}
    assert facts['features']['bytes'] == {'least': 0, 'most': 10 ** 6, 'log': True}
    text = bench.run('data', 'file', '--schema', './schema.json').stdout.decode()
    assert '       20  storm\n' in text
    bench.write(FLOWS.replace(b',calm\n', b',\n', 1).replace(b',tcp,', b',inf,', 1))
    facts = json.loads(bench.run('data', 'file', '--suggest').stdout)
    assert facts['missing_label'] == 'refuse'
    by_host = json.loads(bench.run('data', 'file', '--suggest', '--label', 'host').stdout)
    assert by_host['labels'] == ['h0', 'h1', 'h2'] and by_host['columns']['label'] == 'drop'


def says_why_data_do_not_fit(bench):
    bench.write(FLOWS)
    ran = bench.run('data', 'file', '--schema', 'unsw-nb15')
    assert ran.returncode == 65 and b'the column' in ran.stderr
    assert bench.run('data', 'file', '--schema', 'no-such').returncode == 66
    assert bench.run('data', 'file', '--suggest', '--label', 'mood').returncode == 66
    assert bench.run('data', 'absent').returncode == 66
    bench.write(b'a,b\n1,2\n3,-\n')
    ran = bench.run('data', 'file', '--suggest')
    assert ran.returncode == 64 and not ran.stdout and b'--label' in ran.stderr
    assert json.loads(bench.run('data', 'file', '--json').stdout)['no_schema_because']
    for words in ('file --suggest', 'data file --schema nsl-kdd --suggest', 'data file more'):
        assert bench.run(*words.split()).returncode == 64
    bench.write(lzma.compress(FLOWS)[:-9])
    assert bench.run('data', 'file').returncode == 65
    bench.write(b'a,b\n1,"\n')
    assert bench.run('data', 'file').returncode == 65
    bench.write(b'BRGS,secret\n1,2\n', 0o600)
    ran = bench.run('data', 'file')
    assert ran.returncode == 65 and b'a secret key, not data' in ran.stderr and not ran.stdout


TESTS = [surveys_data, suggests_a_schema_that_reads_the_file, says_why_data_do_not_fit,
         names_every_message, shows_the_fields_of_a_plan, says_when_a_plan_id_is_wrong, shows_the_fields_of_a_round,
         walks_a_file_of_frames, names_the_damaged_frame, describes_public_keys, never_shows_a_secret,
         marks_an_insecure_secret_key, counts_the_entries_of_a_journal, describes_models, describes_arrays,
         describes_results, names_unknown_files_by_their_bytes, explains_wrong_usage, survives_damage]


def main():
    tap = Tap()
    for test in TESTS:
        with tempfile.TemporaryDirectory() as folder, tap.trying(test.__name__.replace('_', ' ')):
            test(Bench(folder))
    tap.end()


main()
