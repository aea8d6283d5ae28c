# SPDX-License-Identifier: Apache-2.0
"""Files and settings that people get wrong. A program must end soon and within little memory, with the exit code of
what is wrong and one line that says where it is and what to do, and leave nothing half written.

python3 test_bad_input.py BURGEE_SIMULATOR BURGEE_CLIENT BURGEE_AGGREGATOR BURGEE_KEYHOLDER"""

import gzip
import json
import lzma
import os
import pathlib
import random
import resource
import subprocess
import sys
import tempfile
import threading

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / 'policy')]
from by_hand import Population  # noqa: E402
from policy import Tap  # noqa: E402

SIMULATOR, *PROGRAMS = [pathlib.Path(argument).resolve() for argument in sys.argv[1:5]]
MEMORY = 768 << 20  # of addresses; a run on the good file needs a tenth
SECONDS = 60
DATA, CONFIG, INVALID, NOT_FOUND, IO = 65, 78, 64, 66, 74  # exit codes, base/status.h

SCHEMA = {'columns': {'load': 'number', 'bytes': 'log', 'state': 'label'}, 'labels': ['calm', 'busy']}
BASE = {'data.kind': 'csv', 'data.dir': 'rows.csv', 'data.schema': 'schema.json', 'data.least_rows': 4,
        'clients.count': 8, 'rounds.count': 2, 'training.steps': 3, 'encryption.mode': 'null',
        'encryption.bits': 512, 'model.spec': 'linear'}


def rows(count=200, seed=1):
    """Lines of a good file, without its header."""
    draw = random.Random(seed)
    return [f'{draw.gauss(i % 2, 1):.3f},{10 * draw.random():.2f},{"busy" if i % 2 else "calm"}'
            for i in range(count)]


HEADER = 'load,bytes,state'
GOOD = '\n'.join([HEADER, *rows()]) + '\n'


def with_row(row):
    return GOOD + row + '\n'


def limit():
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))


class Place:
    """A folder with a schema, where the simulator runs."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.write('schema.json', json.dumps(SCHEMA))

    def write(self, name, content):
        (self.folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())

    def simulate(self, *flags, **settings):
        merged = dict(BASE, **{key.replace('__', '.'): value for key, value in settings.items()})
        words = [part for key, value in merged.items() for part in ('--set', f'{key}={value}')]
        return subprocess.run([SIMULATOR, *words, '--insecure-test-key', '--json', 'result.json', *flags],
                              cwd=self.folder, capture_output=True, text=True, timeout=SECONDS, preexec_fn=limit)

    def works(self, content=None, **settings):
        """The result of a run that must succeed."""
        if content is not None:
            self.write('rows.csv', content)
        done = self.simulate('--quiet', **settings)
        assert done.returncode == 0, f'exit {done.returncode}: {done.stderr}'
        return json.loads((self.folder / 'result.json').read_text())

    def fails(self, status, *says, content=None, flags=(), **settings):
        """A run that must be refused: one line, nothing left."""
        if content is not None:
            self.write('rows.csv', content)
        before = set(self.folder.iterdir())
        done = self.simulate('--quiet', *flags, **settings)
        said = done.stderr
        assert done.returncode == status, f'exit {done.returncode}, not {status}: {said[-1000:]}'
        assert said.count('\n') == 1 and said.endswith('\n'), f'not one line: {said!r}'
        assert not done.stdout, done.stdout
        assert said[:-1].isprintable(), repr(said)
        for words in says:
            assert words in said.replace('\\"', '"'), f'{words!r} is not in {said}'
        left = set(self.folder.iterdir()) - before
        assert not left, f'left behind: {left}'


def each(tap, cases):
    for name, case in cases.items():
        with tap.trying(name), tempfile.TemporaryDirectory() as folder:
            case(Place(folder))


# --- Tables that are read --------------------------------------------------------------------------------------------

def same_as_good(content, good=GOOD):
    """The file reads as a good one."""
    def case(place):
        wanted = place.works(good)['summary']['model_digest']
        assert place.works(content)['summary']['model_digest'] == wanted, 'it reads as something else'
    return case


READ = {
    'lines may end in CRLF': same_as_good(GOOD.replace('\n', '\r\n')),
    'the last line may lack its end': same_as_good(GOOD[:-1]),
    'a byte order mark is skipped': same_as_good('\ufeff' + GOOD),
    'fields may be quoted': same_as_good('\n'.join(','.join(f'"{cell}"' for cell in line.split(','))
                                                   for line in GOOD.splitlines())),
    'negative zeros are zeros': same_as_good(with_row('-0,-0.0e5,calm'), with_row('0,0,calm')),
    'bytes of nothing behind an xz unit are padding': same_as_good(lzma.compress(GOOD.encode()) + bytes(4)),
    'rows of NaN and infinities are counted, the others used': same_as_good('\n'.join(
        [HEADER, *(line for row in rows() for line in (row, 'nan,1,calm', '1,-inf,busy', '1e999,2,calm'))])),
}


# --- Tables that are refused -----------------------------------------------------------------------------------------

def refused(content, *says, status=DATA, **settings):
    return lambda place: place.fails(status, *says, content=content, **settings)


LINE = f'rows.csv:{len(rows()) + 2}'  # of the row that with_row adds
XZ = lzma.compress(GOOD.encode())
GZIP = gzip.compress(GOOD.encode())


def flipped(content):
    middle = len(content) // 2
    return content[:middle] + bytes([content[middle] ^ 0x10]) + content[middle + 1:]


REFUSED = {
    'an empty file': refused('', 'rows.csv', 'is empty'),
    'a header and no rows': refused(HEADER + '\n', 'rows.csv', 'there are no rows'),
    'semicolons in the header': refused(GOOD.replace(',', ';'), 'rows.csv:1', 'separated by ";"', '"delimiter"'),
    'tabs in the header': refused(GOOD.replace(',', '\t'), 'rows.csv:1', 'separated by "\\\\t"', '"delimiter"'),
    'semicolons in a row': refused(with_row('1;2;calm'), LINE, '1 field,', 'separated by ";"'),
    'decimal commas in quotes': refused(with_row('"1,5",2,calm'), f'{LINE}:2', '1,5', 'load', 'with a point'),
    'decimal commas without quotes': refused(with_row('1,5,2,calm'), LINE, '4 fields', 'with a point'),
    'a row that is cut': refused(with_row('1,2'), LINE, '2 fields'),
    'a quote that stays open': refused(with_row('1,"2,calm'), f'{LINE}:3', 'does not close'),
    'a text where a number belongs': refused(with_row('much,2,calm'), f'{LINE}:1', '"much"', 'load'),
    'a NUL in a number': refused(with_row('1\0002,2,calm'), f'{LINE}:1', '1\\\\x002', 'not a number'),
    'a NUL in a label': refused(with_row('1,2,ca\0lm'), f'{LINE}:5', 'ca\\\\x00lm', 'add it to a class'),
    'an escape sequence': refused(with_row('\x1b[2J,2,calm'), f'{LINE}:1', '\\\\x1b[2J'),
    'a label that the map does not know': refused(with_row('1,2,odd'), f'{LINE}:5', '"odd"', 'labels',
                                                  'add it to a class or to "drop"'),
    'a column that comes twice': refused('load,load,bytes,state\n1,1,2,calm\n', 'rows.csv:1:6', 'load', '"drop"'),
    'a column that is missing': refused('load,state\n1,calm\n', 'rows.csv:1', '"bytes"', 'schema.json'),
    'a column too many': refused('load,bytes,mood,state\n1,2,3,calm\n', 'rows.csv:1:12', '"mood"', '"drop"'),
    'nothing but NaN': refused('\n'.join([HEADER] + ['nan,inf,calm'] * 50), 'none of its 50 rows', 'NaN', 'rows.csv:2'),
    'one row': refused(f'{HEADER}\n1,2,calm\n', 'rows to train on: 1', 'give more rows', status=CONFIG),
    'rows that are all the same': refused('\n'.join([HEADER] + ['-0,0,calm', '0,-0,calm'] * 50), 'repeat',
                                          'data.keep_repeats', status=CONFIG),
    'an xz file with a wrong bit': refused(flipped(XZ), 'rows.csv', 'xz data are damaged', 'copy or download'),
    'an xz file that is cut': refused(XZ[:-40], 'rows.csv', 'ends too early', 'copy or download'),
    'an xz file with other bytes behind': refused(XZ + b'left-over bytes', 'rows.csv', 'xz data are damaged'),
    'a gzip file with a wrong bit': refused(flipped(GZIP), 'rows.csv', 'gzip data are damaged'),
    'a gzip file that is cut': refused(GZIP[:-5], 'rows.csv', 'ends too early'),
    'a gzip file with other bytes behind': refused(GZIP + b'left-over', 'rows.csv', 'gzip data are damaged'),
}


# --- What cannot be read at all --------------------------------------------------------------------------------------

def endless_line(place):
    """A gigabyte without a line's end, packed: 64 units of 16 MiB."""
    unit = gzip.compress(b'7' * (16 << 20), 9)
    place.fails(DATA, 'rows.csv:1', 'longer than', content=unit * 64)


def endless_pipe(place):
    os.mkfifo(place.folder / 'rows.csv')
    stop = threading.Event()

    def feed():
        try:
            with open(place.folder / 'rows.csv', 'wb', buffering=0) as pipe:
                pipe.write(HEADER.encode() + b'\n')
                while not stop.is_set():
                    pipe.write(b'7' * (1 << 20))
        except BrokenPipeError:
            pass
    feeder = threading.Thread(target=feed)
    feeder.start()
    try:
        place.fails(DATA, 'rows.csv:2', 'longer than')
    finally:
        stop.set()
        feeder.join(SECONDS)
    assert not feeder.is_alive(), 'nobody reads the pipe'


def folder_without_tables(place):
    (place.folder / 'rows.csv').mkdir()
    place.fails(NOT_FOUND, 'rows.csv', 'in this folder')


def unreadable(place):
    place.write('rows.csv', GOOD)
    (place.folder / 'rows.csv').chmod(0)
    place.fails(IO, 'rows.csv', 'Permission denied')


UNREADABLE = {
    'a line of a gigabyte': endless_line,
    'a line without end from a pipe': endless_pipe,
    'no file': lambda place: place.fails(NOT_FOUND, 'rows.csv', 'No such file'),
    'a folder without tables': folder_without_tables,
    'no schema': lambda place: place.fails(NOT_FOUND, 'none.json', data__schema='none.json', content=GOOD),
    'an empty schema': lambda place: place.fails(DATA, '/dev/null:1:1', data__schema='/dev/null', content=GOOD),
}


# --- Classes and clients ---------------------------------------------------------------------------------------------

def finite(result):
    """Every number of a result is one."""
    def check(value, where):
        assert value == value and value not in (float('inf'), float('-inf')), where
    walk = [(result, '')]
    while walk:
        value, where = walk.pop()
        if isinstance(value, dict):
            walk += [(child, f'{where}.{key}') for key, child in value.items()]
        elif isinstance(value, list):
            walk += [(child, f'{where}[{i}]') for i, child in enumerate(value)]
        elif isinstance(value, float):
            check(value, where)
    assert 0 <= result['summary']['accuracy'] <= 1, result['summary']


def absent_everywhere(place):
    """The map has a class that no row has."""
    place.write('schema.json', json.dumps(dict(SCHEMA, labels=['calm', 'odd', 'busy'])))
    finite(place.works(GOOD))


def absent_from_training(place):
    """Its rows are only tested on: they count as wrong, and nothing else happens."""
    place.write('schema.json', json.dumps(dict(SCHEMA, labels=['calm', 'busy', 'odd'])))
    place.write('test.csv', '\n'.join([HEADER, *rows(40, seed=2), *[f'{i},7,odd' for i in range(10)]]) + '\n')
    result = place.works(GOOD, data__test_dir='test.csv')
    finite(result)
    assert result['summary']['accuracy'] <= 0.8, 'nobody can know a class that nobody has seen'


def one_class(place):
    finite(place.works(GOOD.replace('busy', 'calm')))


def one_row_each(place):
    finite(place.works('\n'.join([HEADER, *rows(15)]) + '\n', data__least_rows=1, clients__count=12))


PEOPLE = {
    'a class without rows': absent_everywhere,
    'a class that only the test has': absent_from_training,
    'rows of one class': one_class,
    'clients of one row': one_row_each,
    'fewer clients than a group needs': lambda place: place.fails(
        CONFIG, 'clients.count=2', 'groups.least=3', 'more clients', content=GOOD, clients__count=2),
    'cells with fewer clients than a group needs': lambda place: place.fails(
        CONFIG, 'clients.cells=4', 'groups.least=3', 'fewer cells', content=GOOD, clients__cells=4),
    'fewer clients than a full group': lambda place: finite(place.works(GOOD, clients__count=3)),
    'more clients than rows': lambda place: place.fails(
        INVALID, 'clients.count', 'data.least_rows', '160 rows', content=GOOD, clients__count=100),
    'more classes per client than there are': lambda place: place.fails(
        INVALID, 'classes per client', content=GOOD, data__partition='label_skew', data__classes_per_client=9),
}


# --- Settings --------------------------------------------------------------------------------------------------------

def config(text, *says, status=CONFIG):
    def case(place):
        place.write('config.json', text)
        place.fails(status, *says, content=GOOD, flags=['--config', 'config.json'])
    return case


SETTINGS = {
    'a text for a number': config('{"data":\n {"rows": "many"}}', 'config.json:2: data.rows', 'a number'),
    'a number for a text': config('{"data": {"dir": 7}}', 'config.json:1: data.dir', 'a string'),
    'a fraction for a count': config('{"data": {"rows": 1.5}}', 'config.json:1: data.rows', 'whole number'),
    'a negative count': config('{"data": {"rows": -5}}', 'config.json:1: data.rows', '0 or more'),
    'a number out of its range': config('{"data": {"test_share": 7}}', 'data.test_share', '0.01 to 0.9'),
    'a number beyond all': config('{"data": {"rows": 1e999}}', 'config.json:1:', 'too large'),
    'a choice that is none': config('{"codec": {"mode": "best"}}', 'codec.mode', 'ef, median, sign, dense'),
    'a key that does not exist': config('{"data": {"lines": 3}}', 'config.json:1', 'data.lines', '--help'),
    'a section that does not exist': config('{"date": {}}', 'config.json:1', 'date', '--help'),
    'a key that comes twice': config('{"data": {"rows": 100,\n"rows": 200}}', 'config.json:2:1', 'twice', 'rows'),
    'a document nested without end': config('[' * 100_000, 'config.json:1:33', 'nested'),
    'objects nested without end': config('{"a":' * 100_000, 'nested deeper'),
    'a document that ends in the middle': config('{"data": {', 'config.json:1:11'),
    'bytes behind the document': config('{} {}', 'config.json:1:4', 'end of the document'),
    'a list for a document': config('[]', 'config.json:1', 'an object'),
    'a comment': config('// settings\n{}', 'config.json:1:1'),
    'a byte order mark': config('\ufeff{}', 'config.json:1:1', 'byte order mark', 'without'),
    'bytes that are not UTF-8': config(b'{"data": {"dir": "\xff"}}', 'config.json:1:19', 'UTF-8'),
    'a NUL in a text': config('{"data": {"dir": "a\\u0000b"}}', 'config.json:1', 'NUL'),
    'an empty configuration': config('', 'config.json:1:1'),
    'a text that is too long': config(json.dumps({'data': {'dir': 'x' * 600}}), 'data.dir', '511'),
    'a configuration that is not there': lambda place: place.fails(
        NOT_FOUND, 'none.json', content=GOOD, flags=['--config', 'none.json']),
    'a folder for a configuration': lambda place: place.fails(
        IO, 'Is a directory', content=GOOD, flags=['--config', '.']),
    'a result for a folder that is not there': lambda place: place.fails(
        NOT_FOUND, 'none/model', content=GOOD, flags=['--model', 'none/model']),
    'a page for a folder that is not there': lambda place: place.fails(
        NOT_FOUND, 'none/page', content=GOOD, flags=['--html', 'none/page', '--set', 'rounds.count=1000000']),
    'a folder in place of a result': lambda place: place.fails(
        IO, 'cannot write', content=GOOD, flags=['--csv', '.']),
}


# --- A device --------------------------------------------------------------------------------------------------------

def features(population):
    """Names of the features, from the model's file."""
    content = population.model().read_bytes()
    header = json.loads(content[8:8 + int.from_bytes(content[:8], 'little')])
    return json.loads(header['__metadata__']['burgee.features'])


def check_device(tap):
    with tap.trying('a device whose table is bad makes no update, and makes one when it is mended'), \
            tempfile.TemporaryDirectory() as folder:
        population = Population(pathlib.Path(folder) / 'p', *PROGRAMS, mode='null')
        population.agree()
        population.open()
        names = features(population)
        head = ','.join([*names, 'Label']) + '\n'
        row = ','.join(str(i) for i in range(len(names))) + ','
        words = population.update_words(0, 1, '--set', 'data.kind=cicids2017', '--set', 'data.dir=flows.csv', '--quiet')

        def attempt(text, *says):
            population.path('flows.csv').write_text(text)
            said = population.ended(DATA, population.client, *words).stderr
            assert said.count('\n') == 1 and all(word in said for word in says), said
            assert not population.path('c0/update').exists(), 'an update was left'
        attempt(head, 'flows.csv', 'there are no rows')
        attempt(head + row + 'Unheard of\n', 'flows.csv:2:', 'Unheard of', 'add it to a class')
        attempt(head + row.replace(',', ';') + 'BENIGN\n', 'flows.csv:2:', ';')
        population.path('flows.csv').write_text(head + row + 'BENIGN\n')
        made = population.json(population.client, *words)
        assert made['rows'] == 1, made


tap = Tap()
each(tap, READ)
each(tap, REFUSED)
each(tap, UNREADABLE)
if os.geteuid() == 0:
    tap.skip('a file that may not be read', 'root may read everything')
else:
    each(tap, {'a file that may not be read': unreadable})
each(tap, PEOPLE)
each(tap, SETTINGS)
check_device(tap)
tap.end()
