# SPDX-License-Identifier: Apache-2.0
"""burgee-combine as a user meets it: python3 test_combine.py BURGEE_COMBINE REFERENCE_FOLDER"""

import ast
import json
import math
import pathlib
import struct
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / 'policy'))
from policy import Tap  # noqa: E402

PROGRAM, REFERENCES = (pathlib.Path(argument).resolve() for argument in sys.argv[1:3])
FORMATS = {'<f4': 'f', '<f8': 'd', '|i1': 'b'}


def npy(rows, descr='<f8', version=(1, 0), order='False', shape=None, text=None, vector=False):
    """The bytes of a .npy file."""
    columns = len(rows[0]) if rows else 0
    shape = shape or (f'({columns},)' if vector else f'({len(rows)}, {columns})')
    header = (text or f"{{'descr': '{descr}', 'fortran_order': {order}, 'shape': {shape}, }}").encode()
    lead = 10 if version[0] == 1 else 12
    header += b' ' * (-(lead + len(header) + 1) % 64) + b'\n'
    data = b''.join(struct.pack(f'<{len(row)}{FORMATS.get(descr, "d")}', *row) for row in rows)
    length = struct.pack('<H' if version[0] == 1 else '<I', len(header))
    return b'\x93NUMPY' + bytes(version) + length + header + data


def load(path):
    """(rows, columns, values) of a float64 file as NumPy writes it."""
    content = pathlib.Path(path).read_bytes()
    assert content[:8] == b'\x93NUMPY\x01\x00', content[:8]
    start = 10 + struct.unpack('<H', content[8:10])[0]
    assert start % 64 == 0 and content[start - 1:start] == b'\n'
    shape = ast.literal_eval(content[10:start].decode())['shape']
    values = [value for value, in struct.iter_unpack('<d', content[start:])]
    return (shape if len(shape) == 2 else (1, shape[0])) + (values,)


class Bench:
    """A folder, and the program run in it."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)

    def write(self, name, content):
        (self.folder / name).write_bytes(content)
        return name

    def run(self, *words):
        return subprocess.run([PROGRAM, *map(str, words)], cwd=self.folder, capture_output=True, text=True, timeout=60)

    def combine(self, content, *words):
        """Result of a run that must succeed, and its JSON."""
        ran = self.run(*words, '--json', self.write('in.npy', content), 'out.npy')
        assert ran.returncode == 0, ran.stderr
        return load(self.folder / 'out.npy')[2], json.loads(ran.stdout)

    def refused(self, code, said, *words):
        ran = self.run(*words)
        if ran.returncode != code:
            yield f'{words}: exit {ran.returncode}, not {code}: {ran.stderr}'
        if said not in ran.stderr or ran.stderr.count('\n') != 1:
            yield f'{words}: {ran.stderr!r} does not say {said!r} on one line'


SMALL = [[1.0, 2.0, -3.0], [3.0, 2.0, 1.0], [2.0, -1.0, 0.5]]
MEAN = [2.0, 1.0, -0.5]


def check_formats(bench):
    for version in ((1, 0), (2, 0), (3, 0)):
        for descr in ('<f8', '<f4'):
            output, _ = bench.combine(npy(SMALL, descr, version), '--rule', 'mean')
            if max(abs(a - b) for a, b in zip(output, MEAN)) > 1e-15:
                yield f'{descr} in version {version}: {output}'
    output, _ = bench.combine(npy([[1, -128], [3, 127]], '|i1'), '--rule', 'mean')
    if output != [2.0, -0.5]:
        yield f'int8: {output}'
    text = '{"shape":(3,3),"descr":"<f8","fortran_order":False}'
    output, _ = bench.combine(npy(SMALL, text=text), '--rule', 'mean')
    if max(abs(a - b) for a, b in zip(output, MEAN)) > 1e-15:
        yield f'header in another form: {output}'


def check_rules(bench):
    for rule in ('mean', 'unit-mean', 'nnm', 'flag', 'flag+'):
        output, report = bench.combine(npy([[3.0, 4.0]] * 3), '--rule', rule)
        wanted = {'unit-mean': [0.6, 0.8], 'flag': [0.9, 1.2]}.get(rule, [3.0, 4.0])
        if max(abs(a - b) for a, b in zip(output, wanted)) > 1e-12:
            yield f'{rule}: {output}, not {wanted}'
        if any(abs(c - 1) > 1e-8 for c in report['coefficients']) or report['fates'] != ['used'] * 3:
            yield f'{rule}: {report}'


def check_holding(bench):
    yield from bench.refused(65, 'hold the round', '--rule', 'flag+', '--json',
                             bench.write('in.npy', npy([[1.0, 2.0], [-1.0, -2.0]])), 'held.npy')
    ran = bench.run('--rule', 'flag+', '--json', 'in.npy', 'held.npy')
    if not json.loads(ran.stdout)['held']:
        yield 'the report does not say held'
    if (bench.folder / 'held.npy').exists():
        yield 'an aggregate was written'
    yield from bench.refused(65, 'in.npy: column 0 has a NaN', '--rule', 'flag',
                             bench.write('in.npy', npy([[math.nan, 2.0], [1.0, 2.0]])), 'out.npy')


def check_files(bench):
    good = npy(SMALL)
    cases = {
        'empty': (b'', 65), 'text': (b'worker,update\n1,2\n' * 9, 65), 'cut header': (good[:40], 65),
        'cut data': (good[:-1], 65), 'trailing byte': (good + b'\0', 65), 'no rows': (npy([], shape='(0, 3)'), 65),
        'vector': (npy(SMALL[:1], vector=True), 65), 'version 4': (npy(SMALL, version=(4, 0)), 69),
        'float16': (npy(SMALL, '<f2'), 69), 'big endian': (npy(SMALL, '>f8'), 69), 'objects': (npy(SMALL, '|O'), 69),
        'Fortran order': (npy(SMALL, order='True'), 69), 'three dimensions': (npy(SMALL, shape='(3, 3, 1)'), 69),
        'huge shape': (npy(SMALL, shape='(999999999999, 999999999999)'), 65),
        'shape past 12 digits': (npy(SMALL, shape='(3, 3000000000000)'), 65),
        'negative shape': (npy(SMALL, shape='(-3, -3)'), 65), 'float shape': (npy(SMALL, shape='(3.0, 3)'), 65),
        'number for a shape': (npy(SMALL, shape='(9)'), 65), 'empty shape': (npy(SMALL, shape='()'), 69),
        'unknown key': (npy(SMALL, text="{'descr': '<f8', 'fortran_order': False, 'shape': (3, 3), 'x': 1}"), 65),
        'twice a key': (npy(SMALL, text="{'descr': '<f8', 'descr': '<f8', 'shape': (3, 3)}"), 65),
        'missing key': (npy(SMALL, text="{'descr': '<f8', 'shape': (3, 3)}"), 65),
        'code for a header': (npy(SMALL, text="__import__('os').system('false')"), 65),
        'header too long': (npy(SMALL, text="{'descr': '<f8'," + ' ' * 5000, version=(2, 0)), 65),
        '129 rows': (npy([[1.0]] * 129), 65),
    }
    for name, (content, code) in cases.items():
        file = bench.write(f'{name}.npy', content)
        yield from bench.refused(code, file, '--rule', 'mean', file, 'out2.npy')
    yield from bench.refused(66, 'absent.npy', '--rule', 'mean', 'absent.npy', 'out2.npy')
    if (bench.folder / 'out2.npy').exists():
        yield 'a refused file gave an aggregate'


def check_usage(bench):
    file = bench.write('in.npy', npy(SMALL))
    for said, words in (
            ('--rule is missing', [file, 'o.npy']), ('--rule krum', ['--rule', 'krum', file, 'o.npy']),
            ('want an input', ['--rule', 'mean', file]), ('one file too many', ['--rule', 'mean', file, 'a', 'b']),
            ('--rank x', ['--rule', 'flag', '--rank', 'x', file, 'o.npy']),
            ('--rank -1', ['--rule', 'flag', '--rank', '-1', file, 'o.npy']),
            ('--lambda nan', ['--rule', 'flag', '--lambda', 'nan', file, 'o.npy']),
            ('--iterations 1e3', ['--rule', 'flag', '--iterations', '1e3', file, 'o.npy']),
            ('--colour', ['--colour', file, 'o.npy']),
            ('value is missing', ['--rule', 'flag', file, 'o.npy', '--rank']),
            ('rank 4', ['--rule', 'flag', '--rank', '4', file, 'o.npy'])):
        yield from bench.refused(64, said, *words)
    yield from bench.refused(65, '2f + 3', '--rule', 'flag+', '--faulty', '1', file, 'o.npy')
    for option, said in (('--help', 'usage: burgee-combine'), ('--version', 'burgee-combine ')):
        ran = bench.run(option)
        if ran.returncode != 0 or not ran.stdout.startswith(said) or ran.stderr:
            yield f'{option}: {ran}'
    ran = bench.run('--rule', 'mean', '--quiet', '--', file, 'o.npy')
    if ran.returncode != 0 or ran.stdout or ran.stderr:
        yield f'--quiet: {ran}'
    ran = bench.run('--rule', 'mean', file, 'o.npy')
    if ran.returncode != 0 or ran.stdout.count('\n') != 5:
        yield f'summary: {ran}'
    yield from bench.refused(66, 'no-folder/o.npy', '--rule', 'mean', '--quiet', file, 'no-folder/o.npy')


def check_ratios(bench):
    file = bench.write('in.npy', npy(SMALL))
    short = bench.write('short.npy', npy([[0.5, 0.5]], vector=True))
    yield from bench.refused(65, 'short.npy: want a vector of 3 ratios', '--rule', 'flag', '--ratios', short, file,
                             'o.npy')
    good = bench.write('v0.npy', npy([[0.5, 0.5, 0.25]], vector=True))
    yield from bench.refused(64, 'starting ratios', '--rule', 'flag', '--lambda', '1', '--ratios', good, file, 'o.npy')
    output, report = bench.combine(npy(SMALL), '--rule', 'flag', '--ratios', good)
    if report['steps'] != 1 or len(output) != 3:
        yield report


def tolerance(mode):
    return 1e-5 if mode.startswith('irls100') else 1e-9 if mode == 'irls5_lam8' else 1e-12


def check_references(bench, case, modes):
    _, columns, outputs = load(REFERENCES / f'{case}.out.npy')
    for mode, facts in modes.items():
        if not facts['unique']:
            continue
        words = ['--rule', 'flag', '--rank', facts['r'], '--iterations', facts['n_its'], '--lambda', facts['lam']]
        if mode == 'rel':
            words += ['--ratios', bench.write('v0.npy', npy([facts['v0']], vector=True))]
        ran = bench.run(*words, '--quiet', REFERENCES / f'{case}.in.npy', 'out.npy')
        if ran.returncode != 0:
            yield f'{mode}: {ran.stderr}'
            continue
        _, _, output = load(bench.folder / 'out.npy')
        wanted = outputs[facts['out_row'] * columns:(facts['out_row'] + 1) * columns]
        size = max(map(abs, wanted)) or 1
        worst = max(abs(a - b) for a, b in zip(output, wanted)) / size
        if not worst <= tolerance(mode) or len(output) != columns:
            yield f'{mode}: off by {worst}'


def main():
    tap = Tap()
    with tempfile.TemporaryDirectory() as folder:
        bench = Bench(folder)
        for name, check in (('reads every format it names', check_formats),
                            ('applies every rule', check_rules),
                            ('writes nothing when a rule holds or refuses', check_holding),
                            ('refuses files that are not what they claim, by name', check_files),
                            ('refuses wrong usage in one line', check_usage),
                            ('starts from given ratios', check_ratios)):
            tap.case(name, check(bench))
        name = 'agrees with the released Flag algorithm'
        index = REFERENCES / 'index.json'
        if index.exists():
            cases = json.loads(index.read_text())['cases']
            tap.case(name, [f'{case} {complaint}' for case, facts in cases.items()
                            for complaint in check_references(bench, case, facts['modes'])])
        else:
            tap.skip(name, 'its reference outputs are not here')
    tap.end()


main()
