# SPDX-License-Identifier: Apache-2.0
"""A run as a page: python3 test_html.py BURGEE_SIMULATOR"""

import html.parser
import json
import pathlib
import random
import re
import subprocess
import sys
import tempfile
import xml.etree.ElementTree

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / 'policy'))
from policy import Tap  # noqa: E402

PROGRAM = str(pathlib.Path(sys.argv[1]).resolve())
BASE = {'data.rows': 600, 'model.spec': 'mlp:4', 'training.steps': 2, 'clients.count': 12, 'rounds.count': 3,
        'data.least_rows': 4, 'encryption.mode': 'null', 'encryption.bits': 512, 'simulation.threads': 2}
EVIL = ['<script>alert(1)</script>', '"><img src=x onerror=alert(2)>', "'; --", '&amp; &lt;b&gt; ', 'äöü €', '</style>',
        'a name that is much longer than any column of any chart can be']
# Elements without an end tag in HTML; the page closes them all the same, so that it is XML too.
EMPTY = {'meta', 'link', 'br', 'hr', 'img', 'input'}


def run(**settings):
    """(page, JSON) of one simulation; settings use __ for the dot."""
    merged = {**BASE, **{key.replace('__', '.'): value for key, value in settings.items()}}
    sets = [part for key, value in merged.items() for part in ('--set', f'{key}={value}')]
    with tempfile.TemporaryDirectory() as folder:
        page, result = pathlib.Path(folder) / 'page.html', pathlib.Path(folder) / 'result.json'
        done = subprocess.run([PROGRAM, *sets, '--insecure-test-key', '--quiet', '--html', str(page), '--json',
                               str(result)], capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, done.stderr
        return page.read_text(encoding='utf-8'), json.loads(result.read_text())


class Reader(html.parser.HTMLParser):
    """Checks that elements nest, and gathers what is in them."""

    def __init__(self, page):
        super().__init__()
        self.open, self.tags, self.attributes, self.texts = [], [], [], []
        self.feed(page)
        self.close()
        assert not self.open, self.open

    def handle_starttag(self, tag, attributes):
        self.tags.append(tag)
        self.attributes += attributes
        if tag not in EMPTY:
            self.open.append(tag)

    def handle_startendtag(self, tag, attributes):
        self.tags.append(tag)
        self.attributes += attributes

    def handle_endtag(self, tag):
        assert self.open and self.open.pop() == tag, tag

    def handle_data(self, data):
        self.texts.append(data)


def check(page):
    """What holds of every page; gives its text."""
    assert page.startswith('<!DOCTYPE html>\n')
    root = xml.etree.ElementTree.fromstring(page.split('\n', 1)[1])
    assert root.tag == 'html' and root.get('lang') == 'en'
    reader = Reader(page)
    assert not {'script', 'img', 'link', 'iframe', 'object', 'embed', 'form', 'base'} & set(reader.tags), reader.tags
    for name, value in reader.attributes:
        assert name not in ('src', 'href', 'srcset', 'action') and not name.startswith('on'), (name, value)
    style = ''.join(''.join(one.itertext()) for one in root.iter('style'))
    for word in ('url(', '@import', 'http', '//'):
        assert word not in style, word
        assert not [value for name, value in reader.attributes
                    if name not in ('aria-label', 'title') and word in (value or '')], word
    for name, value in reader.attributes:
        if name in ('x', 'y', 'width', 'height', 'cx', 'cy', 'r', 'fill-opacity'):
            assert re.fullmatch(r'-?[0-9]+(\.[0-9]+)?', value), (name, value)
        if name == 'd':
            assert re.fullmatch(r'[MLHVv0-9. -]+', value), value[:200]
    return ' '.join(' '.join(root.itertext()).split()), root


def matrix(root):
    table = next(one for one in root.iter('table') if one.get('class') == 'matrix')
    return [[0 if cell.text == '·' else int(cell.text) for cell in row.iter('td')]
            for row in table.find('tbody').iter('tr')]


def per_cent(value):
    return f'{100 * value:.2f} %'


def check_truth(text, root, result):
    summary = result['summary']
    assert f'{per_cent(summary["accuracy"])} accuracy' in text
    assert f'{per_cent(summary["macro_f1"])} macro-F1' in text
    assert matrix(root) == result['result']['confusion']
    assert summary['model_digest'] in text
    counts = [summary[f'rounds_{outcome}'] for outcome in ('committed', 'held', 'abandoned')]
    assert '{}, {}, {} rounds committed, held, abandoned'.format(*counts) in text
    for one in result['result']['classes']:
        for key in ('precision', 'recall', 'f1'):
            assert per_cent(one[key]) in text, (one, key)
    table = next(one for one in root.iter('table') if one.get('class') == 'settings')
    shown = {row.find('th').text: [cell.text or '' for cell in row.iter('td')] for row in table.find('tbody')}
    assert len(shown) == sum(len(section) for section in result['config'].values())
    for section, members in result['config'].items():
        for key, value in members.items():
            told = shown[f'{section}.{key}'][0]
            if isinstance(value, bool):
                assert told == str(value).lower(), (section, key, value, told)
            elif isinstance(value, (int, float)):
                assert float(told.split()[0]) == value, (section, key, value, told)
            else:
                assert told == (' '.join(value.split('\n')) or '(empty)'), (section, key, value, told)


def check_pages(tap):
    with tap.trying('a page is well-formed, needs nothing from outside, and tells what the JSON tells'):
        page, result = run(report__central='true')
        text, root = check(page)
        check_truth(text, root, result)
        assert per_cent(result['summary']['central_accuracy']) in text
        assert 'Synthetic data' in text and 'INSECURE' in text
    for name, settings in {
            'out of range': {'attack__kind': 'out-of-range', 'attack__share': 0.2, 'clients__count': 20},
            'dropout': {'faults__dropout': 0.3, 'data__least_rows': 2, 'clients__count': 24, 'rounds__count': 6},
            'nobody comes': {'faults__dropout': 1},
            'dense': {'encryption__mode': 'off', 'codec__mode': 'dense'},
            'one round': {'rounds__count': 1, 'encryption__mode': 'off'},
            'rarely evaluated': {'rounds__count': 5, 'report__evaluate_every': 3},
            'validation': {'data__validation_share': 0.2},
            'edges': {'clients__count': 24, 'clients__cells': 4, 'tree__edges': '2'},
            'two classes': {'data__labels': 'binary'}}.items():
        with tap.trying(f'so is one of another kind of run: {name}'):
            page, result = run(**settings)
            text, root = check(page)
            check_truth(text, root, result)
            if name == 'out of range':
                assert sum(one['groups_invalid'] for one in result['rounds']) > 0 and 'invalid' in text
            if name == 'edges':
                assert 'edges, level 1 of 1' in text
                heard = sum(one['tree']['levels'][1]['bytes_up'] for one in result['rounds']) / len(result['rounds'])
                assert re.search(rf'edges, level 1 of 1 {heard / 1e3:.1f} kB in', text), heard
            if name == 'nobody comes':
                assert 'abandoned with the round' in text or 'late' in text


def check_escaping(tap):
    with tap.trying('class names are text, whatever they are'), tempfile.TemporaryDirectory() as folder:
        base = pathlib.Path(folder)
        draw = random.Random(1)
        labels = [f'c{index}' for index in range(len(EVIL))]
        (base / 'flows.csv').write_text('a,b,state\n' + ''.join(
            f'{draw.gauss(0, 1)},{draw.gauss(0, 1)},{labels[index % len(labels)]}\n' for index in range(700)))
        (base / 'schema.json').write_text(json.dumps(
            {'description': '<b>rows</b> & "more"', 'columns': {'a': 'number', 'b': 'number', 'state': 'label'},
             'labels': labels}))
        (base / 'labels.json').write_text(json.dumps(
            {'classes': [{'name': name, 'labels': [label]} for name, label in zip(EVIL, labels)]}))
        page, result = run(data__kind='csv', data__dir=base / 'flows.csv', data__schema=base / 'schema.json',
                           data__labels=base / 'labels.json', encryption__mode='off')
        text, root = check(page)
        check_truth(text, root, result)
        heads = [''.join(cell.itertext()) for cell in root.iter('th') if cell.get('scope') == 'col']
        assert heads == EVIL, heads
        assert '<script' not in page and '<img' not in page and page.count('</style>') == 1
        assert len({one['name'] for one in result['result']['classes']}) == len(EVIL)


def main():
    tap = Tap()
    check_pages(tap)
    check_escaping(tap)
    with tap.trying('a page that cannot be written is an error that names it'):
        sets = [part for key, value in BASE.items() for part in ('--set', f'{key}={value}')]
        done = subprocess.run([PROGRAM, *sets, '--insecure-test-key', '--quiet', '--html', 'no-such-folder/p.html'],
                              capture_output=True, text=True)
        assert done.returncode != 0 and 'no-such-folder/p.html' in done.stderr, done
    tap.end()


if __name__ == '__main__':
    main()
