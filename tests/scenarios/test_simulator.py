# SPDX-License-Identifier: Apache-2.0
"""Whole federations, and what must hold of each: python3 test_simulator.py BURGEE_SIMULATOR"""

import json
import pathlib
import re
import signal
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / 'policy'))
from policy import Tap  # noqa: E402

PROGRAM = str(pathlib.Path(sys.argv[1]).resolve())


# Small and quick; each scenario changes what it is about.
BASE = {'data.rows': 1500, 'model.spec': 'mlp:8', 'training.steps': 5, 'clients.count': 12, 'rounds.count': 4,
        'encryption.bits': 512, 'masks.table_bytes': 65536, 'simulation.threads': 2}


KERNELS = ('auto', 'portable', 'avx2', 'avx512')


def run(*flags, status=0, **settings):
    """The JSON result of one simulation; settings use __ for the dot."""
    merged = dict(BASE)
    merged.update({key.replace('__', '.'): value for key, value in settings.items()})
    sets = [part for key, value in merged.items() for part in ('--set', f'{key}={value}')]
    with tempfile.TemporaryDirectory() as folder:
        path = pathlib.Path(folder) / 'result.json'
        done = subprocess.run([PROGRAM, *sets, '--insecure-test-key', '--quiet', '--json', str(path), *flags],
                              capture_output=True, text=True, timeout=600)
        assert done.returncode == status, f'exit {done.returncode}: {done.stderr[-2000:]}'
        return json.loads(path.read_text()) if status == 0 else done.stderr


def named_by_audits(**settings):
    """Clients that the key holder named, and the summary."""
    with tempfile.TemporaryDirectory() as folder:
        merged = dict(BASE)
        merged.update({key.replace('__', '.'): value for key, value in settings.items()})
        sets = [part for key, value in merged.items() for part in ('--set', f'{key}={value}')]
        path = pathlib.Path(folder) / 'result.json'
        done = subprocess.run([PROGRAM, *sets, '--insecure-test-key', '--verbose', '--json', str(path)],
                              capture_output=True, text=True, timeout=600, check=True)
        names = re.findall(r'msg="named by audit".*?client ([0-9a-f]{64})', done.stderr)
        return names, json.loads(path.read_text())['summary']


def digest(**settings):
    return run(**settings)['summary']['model_digest']


SCENARIOS = {
    'a plain federation': {},
    'exponent 1': {'encryption__s': 1},
    'exponent 3 and the smallest radix': {'encryption__s': 3, 'encryption__radix': 'mixed'},
    'dropouts and stragglers': {'faults__dropout': 0.15, 'faults__straggler': 0.1, 'rounds__count': 6},
    'sign flippers': {'attack__kind': 'sign-flip', 'attack__share': 0.2},
    'label flippers': {'attack__kind': 'label-flip', 'attack__share': 0.2},
    'random votes': {'attack__kind': 'random', 'attack__share': 0.2},
    'over-voters': {'attack__kind': 'out-of-range', 'attack__share': 0.1},
    'lost messages': {'link__loss': 0.05},
    'cells': {'clients__cells': 3},
    'median codec': {'codec__mode': 'median'},
    'sign codec': {'codec__mode': 'sign'},
    'median centres': {'codec__centre': 'median'},
    'drift and class shares corrected': {'training__proximal_mu': 0.02, 'training__drift_memory': 0.9,
                                         'training__own_prior': 1, 'training__federated_prior': 1,
                                         'training__steps_floor': 0.2, 'faults__dropout': 0.1},
    'a server that adapts': {'server__optimizer': 'yogi', 'training__class_weights': 'federated-balanced'},
    'client momentum': {'codec__client_momentum': 0.5},
    'a central fit': {'data__fit': 'central'},
    'principal components': {'model__components': 9},
    'a share of the variance': {'model__variance': 0.8, 'codec__mode': 'sign'},
    'liars about statistics': {'attack__kind': 'statistics', 'attack__share': 0.2, 'clients__count': 20,
                               'model__components': 5},
    'scales from residuals': {'codec__scale_basis': 'residual', 'codec__clip': 10},
    'a quarter of the votes per round': {'codec__rotate': 0.25, 'codec__centre': 'median', 'faults__dropout': 0.1,
                                         'rounds__count': 6, 'codec__rotate_full': 1},
    'rounds with hardly a vote': {'codec__rotate': 0.001, 'codec__scale_basis': 'residual'},
}


def check_digests(tap):
    for name, settings in SCENARIOS.items():
        with tap.trying(f'{name}: the same model encrypted and not, with one thread and two'):
            encrypted = digest(**settings, encryption__mode='paillier')
            assert encrypted == digest(**settings, encryption__mode='null'), 'null differs'
            assert encrypted == digest(**settings, encryption__mode='paillier', simulation__threads=1), 'threads differ'
    with tap.trying('exponents, radixes and plain vectors change nothing that is learnt'):
        digests = {digest(encryption__mode='paillier', encryption__s=1),
                   digest(encryption__mode='null', encryption__s=2),
                   digest(encryption__mode='paillier', encryption__s=3, encryption__radix='mixed'),
                   digest(encryption__mode='paillier', encryption__s=4),
                   digest(encryption__mode='null', encryption__s=4, encryption__radix='mixed'),
                   digest(encryption__mode='off')}
        assert len(digests) == 1, digests
    with tap.trying('an update has as many bytes encrypted and not, and tails only the digits that they need'):
        for radix in 'bits', 'mixed':
            sent = [[run(encryption__mode=mode, encryption__s=s, encryption__radix=radix)['rounds'][-1]['uplink_bytes']
                     for mode in ('paillier', 'null')] for s in range(1, 5)]
            assert all(encrypted == plain for encrypted, plain in sent), sent
            # D digits of 64 bytes in T = ceil(D/s) ciphertexts are D + T digits on the wire, for every s.
            rests = [{sent[s - 1][0] - 64 * (digits + -(-digits // s)) for s in range(1, 5)} for digits in range(1, 50)]
            assert any(len(rest) == 1 for rest in rests), sent
    with tap.trying('another seed gives another model'):
        assert digest(encryption__mode='null') != digest(encryption__mode='null', simulation__seed=2)
    for name, settings in {'votes': {'encryption__mode': 'null'},
                           'votes that take turns': {'encryption__mode': 'null', 'codec__rotate': 0.4},
                           'medians': {'encryption__mode': 'null', 'codec__mode': 'median'},
                           'centred votes': {'encryption__mode': 'null', 'codec__centre': 'median'},
                           'encrypted votes': {'encryption__mode': 'paillier', 'rounds__count': 2}}.items():
        with tap.trying(f'{name}: no kernel changes the model digest'):
            digests = {kernels: digest(**settings, processor__kernels=kernels) for kernels in KERNELS}
            assert len(set(digests.values())) == 1, digests


def check_rounds(tap):
    with tap.trying('every group is used when everyone is honest and in time'):
        summary = run(encryption__mode='null')['summary']
        assert summary['rounds_committed'] == 6 and summary['rounds_abandoned'] == 0, summary
        assert summary['groups_invalid'] == summary['groups_late'] == summary['groups_refused'] == 0, summary
    with tap.trying('over-voters make their groups invalid, and only those'):
        result = run(encryption__mode='paillier', attack__kind='out-of-range', attack__share=0.1,
                     clients__count=20)
        assert result['summary']['byzantine_clients'] == 2
        for one in result['rounds']:
            assert 1 <= one['groups_invalid'] <= 2, one
            assert one['groups_used'] + one['groups_unused'] + one['groups_invalid'] == one['groups_invited'], one
    with tap.trying('over-voters are named by audits, once per group and epoch, and nobody else is'):
        for mode in ('paillier', 'null'):
            names, summary = named_by_audits(encryption__mode=mode, attack__kind='out-of-range', attack__share=0.1,
                                             clients__count=20)
            assert len(names) == len(set(names)) == summary['byzantine_clients'] == 2, names
        names, _ = named_by_audits(encryption__mode='null', attack__kind='sign-flip', attack__share=0.2)
        assert not names, 'votes within the range name nobody'
    with tap.trying('groups with an absent member sit out at first, and open without it later'):
        result = run(encryption__mode='null', faults__dropout=0.2, rounds__count=10, clients__count=40,
                     data__least_rows=2)
        late = [one['groups_late'] for one in result['rounds']]
        assert sum(late) > 0, late
        assert result['summary']['rounds_committed'] > 0
    with tap.trying('a round in which nobody comes is abandoned for a reason'):
        result = run(encryption__mode='null', faults__dropout=1, rounds__count=2)
        assert [one['outcome'] for one in result['rounds']] == ['abandoned'] * 4
        assert {one['reason'] for one in result['rounds']} == {'TOO_FEW'}
        assert result['rounds'][0]['accuracy'] == result['rounds'][3]['accuracy'], 'the model moved'
    with tap.trying('a rotating vote costs its share of the uplink and reaches every coordinate'):
        settings = {'model__spec': 'mlp:256', 'encryption__mode': 'null', 'encryption__radix': 'mixed'}
        whole = run(**settings)
        parts = run(**settings, codec__rotate=0.2)
        summary = parts['summary']
        assert summary['rounds_committed'] == 6
        assert summary['bits_per_coordinate'] < 0.26 * whole['summary']['bits_per_coordinate'], summary
        assert summary['uplink_bytes_per_client'] == sum(one['uplink_bytes'] for one in parts['rounds']), summary
    with tap.trying('a round without any vote is committed and moves nothing'):
        result = run(encryption__mode='null', model__spec='linear', codec__rotate=0.001, rounds__count=3)
        still = [before['accuracy'] == after['accuracy'] and after['bits_per_coordinate'] == 0
                 for before, after in zip(result['rounds'][1:], result['rounds'][2:])]
        assert result['summary']['rounds_committed'] == 5 and any(still), result['rounds']
    with tap.trying('dense averaging runs without encryption'):
        result = run(encryption__mode='off', codec__mode='dense', rounds__count=3)
        assert abs(result['summary']['bits_per_coordinate'] - 32) < 32, result['summary']['bits_per_coordinate']
        assert result['summary']['rounds_committed'] == 4
    with tap.trying('whole groups are selected when a target is set'):
        result = run(encryption__mode='null', clients__count=24, rounds__target_groups=2)
        assert all(one['groups_invited'] == 2 for one in result['rounds']), result['rounds']
    with tap.trying('more groups than a rule takes are put into buckets'):
        result = run(encryption__mode='null', clients__count=540, data__rows=4000, data__least_rows=2,
                     rounds__count=1, training__steps=1)
        assert [one['groups_invited'] for one in result['rounds']] == [135] * 3, result['rounds']
        assert result['rounds'][2]['outcome'] == 'committed'
    with tap.trying('windows save most of the requests of a long round, and nothing is learnt differently'):
        slow = {'faults__dropout': 0.1, 'encryption__mode': 'null', 'clients__count': 20, 'data__least_rows': 2}
        polling, paced = (run(**slow, rounds__contacts_per_second=wanted) for wanted in (0, 1000))
        asks = [sum(one['pace']['requests_for_task_or_receipt'] for one in result['rounds'])
                for result in (polling, paced)]
        assert asks[1] < asks[0] / 5, asks
        assert [one['groups_used'] for one in polling['rounds']] == [one['groups_used'] for one in paced['rounds']]
        assert polling['summary']['model_digest'] == paced['summary']['model_digest']
    with tap.trying('measured deadlines shorten rounds that would wait for a few, with the same model'):
        slow = {'faults__dropout': 0.05, 'encryption__mode': 'null', 'clients__count': 40, 'data__least_rows': 2,
                'rounds__count': 8}
        fixed, measured = (run(**slow, rounds__deadline=kind) for kind in ('fixed', 'measured'))
        assert all(one['pace']['deadline_seconds'] == 120 for one in fixed['rounds'])
        assert measured['rounds'][-1]['pace']['deadline_seconds'] < 20, measured['rounds'][-1]['pace']
        assert measured['summary']['virtual_seconds'] < fixed['summary']['virtual_seconds'] / 2
        assert measured['summary']['model_digest'] == fixed['summary']['model_digest']
    with tap.trying('a 2048-bit run is not marked insecure'):
        result = run(encryption__mode='paillier', encryption__bits=2048, rounds__count=1)
        assert result['config']['encryption']['bits'] == 2048


def fit_of(**settings):
    result = run(encryption__mode='null', rounds__count=1, **settings)
    return result['fit'], [one['stage'] for one in result['rounds']], result


def check_fit(tap):
    with tap.trying('rounds of statistics come before learning, in every mode'):
        assert fit_of()[1] == ['moments', 'scales', 'learning']
        assert fit_of(codec__mode='sign')[1] == ['moments', 'learning']
        assert fit_of(data__fit='central')[1] == ['scales', 'learning']
        assert fit_of(model__components=4)[1] == ['moments', 'covariance', 'scales', 'learning']
        dense = run(encryption__mode='off', codec__mode='dense', rounds__count=1, model__components=4)
        assert [one['stage'] for one in dense['rounds']] == ['moments', 'covariance', 'learning']
    with tap.trying('a federated fit is near the one of pooled rows'):
        fit, _, _ = fit_of(data__rows=6000, clients__count=40)
        assert fit['features_dropped'] == 0, fit
        assert fit['mean_difference_median'] < 0.1 and fit['scale_difference_median'] < 0.2, fit
        assert abs(sum(fit['class_prior']) - 1) < 1e-5, fit
        assert max(abs(a - b) for a, b in zip(fit['class_prior'], fit['central_class_prior'])) < 0.05, fit
        central, _, _ = fit_of(data__fit='central')
        assert central['mean_difference_max'] == central['scale_difference_max'] == 0, central
    with tap.trying('the number of inputs is that of the components, or follows from their share'):
        assert fit_of(model__components=7)[0]['inputs'] == 7
        few, many = (fit_of(model__variance=share)[0]['inputs'] for share in (0.5, 0.95))
        assert 1 <= few < many <= 83, (few, many)
    with tap.trying('a federated fit survives that every fifth client exaggerates'):
        honest, _, _ = fit_of(data__rows=6000, clients__count=40)
        lied, _, result = fit_of(data__rows=6000, clients__count=40, attack__kind='statistics', attack__share=0.2)
        assert result['summary']['byzantine_clients'] == 8
        assert result['rounds'][0]['groups_unused'] >= 4 and result['rounds'][0]['groups_invalid'] == 0
        assert lied['mean_difference_max'] < honest['mean_difference_max'] + 0.3, (honest, lied)
        assert lied['scale_difference_median'] < 0.2, lied
    with tap.trying('sums out of range make a group of a statistics round invalid'):
        for encryption in ('paillier', 'off'):
            result = run(encryption__mode=encryption, attack__kind='out-of-range', attack__share=0.1,
                         clients__count=20, rounds__count=1, model__components=4)
            for one in result['rounds'][:2]:
                assert one['outcome'] == 'committed' and 1 <= one['groups_invalid'] <= 2, one
    with tap.trying('rounds of statistics that fail are repeated'):
        result = run(encryption__mode='null', faults__dropout=0.15, rounds__count=8, model__components=4,
                     rounds__quorum=2, clients__count=16, training__steps=2)
        outcomes = [(one['stage'], one['outcome']) for one in result['rounds']]
        assert outcomes[:2] == [('moments', 'abandoned'), ('moments', 'committed')], outcomes
        assert outcomes[-1][0] == 'learning', outcomes
    with tap.trying('clients without rows are not enrolled'):
        result = run(encryption__mode='null', data__rows=100, clients__count=100, data__least_rows=0,
                     data__partition='dirichlet', data__alpha=0.05, rounds__count=2)
        dealt = result['summary']['clients']
        assert 12 <= dealt < 100 == result['config']['clients']['count'], dealt
        assert [one['outcome'] for one in result['rounds']] == ['committed'] * 4, result['rounds']
        assert all(one['groups_late'] == 0 for one in result['rounds']), result['rounds']
        message = run(status=78, encryption__mode='null', data__rows=100, clients__count=100, clients__cells=30,
                      data__least_rows=0, data__partition='dirichlet', data__alpha=0.05)
        assert f'{100 - dealt} of 100 clients have no rows' in message, message
    with tap.trying('a client with one row takes part'):
        result = run(encryption__mode='null', data__rows=100, clients__count=12, data__least_rows=1, rounds__count=1)
        assert all(one['groups_invalid'] == 0 for one in result['rounds']), result['rounds']


SCHEMA = {'columns': {'house': 'key', 'heat': 'number', 'packets': 'log', 'state': 'label'}, 'labels': ['calm', 'busy']}


def house_rows(houses, rows):
    """Of house h, which is too small for the others' patterns to repeat."""
    yield 'house,heat,packets,state'
    for house in houses:
        for i in range(rows * (house + 1)):
            busy = (i + house) % 2
            yield f'h{house},{20 + 3 * busy + i % 7 / 4 + house},{10 ** (busy + 1) + i},{["calm", "busy"][busy]}'


def check_data(tap):
    with tempfile.TemporaryDirectory() as folder:
        base = pathlib.Path(folder)
        (base / 'schema.json').write_text(json.dumps(SCHEMA))
        (base / 'train.csv').write_text('\n'.join(house_rows(range(8), 6)))
        (base / 'test.csv').write_text('\n'.join([*house_rows([9], 5), 'h1,21.0,10,calm', 'h0,20.0,10,calm']))
        source = {'data__kind': 'csv', 'data__dir': base / 'train.csv', 'data__schema': base / 'schema.json',
                  'encryption__mode': 'null'}
        apart = {**source, 'data__test_dir': base / 'test.csv', 'data__exclude': 'house=h1'}
        by_house = {**apart, 'data__partition': 'column', 'data__partition_column': 'House', 'clients__count': 0}
        with tap.trying('each value of a column is a client, and the test rows are those of their own file'):
            result = run(**by_house)
            summary, rows = result['summary'], sum(6 * (house + 1) for house in range(8))
            assert result['config']['clients']['count'] == 7 and summary['training_rows'] == rows - 12
            assert (summary['test_rows'], summary['repeated_rows']) == (51, 1), summary
            assert result['data']['refused']['excluded']['rows'] == 12 and result['data']['rows'] == rows - 12 + 52
            assert all(r['outcome'] == 'committed' for r in result['rounds'])
        with tap.trying('repeated test rows may stay'):
            summary = run(**by_house, data__keep_repeats='true')['summary']
            assert (summary['test_rows'], summary['repeated_rows']) == (52, 1), summary
        with tap.trying('fewer clients than values share them, more are refused'):
            assert run(**{**by_house, 'clients__count': 4})['config']['clients']['count'] == 4
            message = run(status=64, **{**by_house, 'clients__count': 8})
            assert '7 different keys' in message and 'for 8 clients' in message, message
        with tap.trying('a column that is no key is refused with those there are'):
            message = run(status=78, **{**by_house, 'data__partition_column': 'heat'})
            assert 'has the keys: house' in message, message
        with tap.trying('a client with one row takes part'):
            (base / 'train.csv').write_text('\n'.join([*house_rows(range(8), 6), 'h8,20,77,busy']))
            summary = run(**by_house)['summary']
            assert summary['groups_late'] == 0 and summary['training_rows'] == rows - 12 + 1, summary


def check_program(tap):
    refusals = {
        'an unknown key': ({'model.depth': 3}, 'model.depth', 78),
        'a value out of range': ({'encryption.s': 9}, 'encryption.s', 78),
        'a wrong type': ({'rounds.count': 'many'}, 'rounds.count', 78),
        'dense and encrypted': ({'codec.mode': 'dense'}, 'encryption.mode=off', 78),
        'edges without encryption': ({'tree.edges': '2', 'encryption.mode': 'off'}, 'tree.edges', 78),
        'a level of fewer edges': ({'tree.edges': '4-2'}, 'tree.edges', 78),
        'dead edges where there are none': ({'faults.edge_down': 0.5}, 'tree.edges', 78),
        'an attack without attackers': ({'attack.kind': 'random'}, 'attack.share', 78),
        'cells smaller than a group': ({'clients.cells': 12}, 'groups.least', 78),
        'more hostile groups than a rule survives': ({'robust.f_automatic': 'false', 'robust.f': 2}, 'robust.f', 78),
        'deadlines that would shrink for ever': ({'rounds.deadline': 'measured', 'rounds.deadline_margin': 1},
                                                 'rounds.deadline_margin', 78),
        'more clients than come by before the deadline': ({'rounds.contacts_per_second': 0.1},
                                                          'rounds.contacts_per_second', 78),
        'a quorum above the groups': ({'rounds.quorum': 100}, 'rounds.quorum', 78),
        'a label map that is not there': ({'data.labels': 'nothing.json'}, 'nothing.json', 66),
        'real data without a folder': ({'data.kind': 'cicids2017'}, 'data.dir', 78),
        'a folder that is not there': ({'data.kind': 'cicids2017', 'data.dir': 'no-such-folder'}, 'no-such-folder', 66),
        'components and a share at once': ({'model.components': 3, 'model.variance': 0.5}, 'model.variance', 78),
        'more components than features': ({'model.components': 4000, 'data.fit': 'central'}, 'model.components', 78),
        'lies about statistics that nobody asks for': (
            {'data.fit': 'central', 'attack.kind': 'statistics', 'attack.share': 0.2}, 'data.fit', 78),
        'a model that cannot be': ({'model.spec': 'cnn'}, 'cnn', 64),
    }
    for name, (settings, word, status) in refusals.items():
        with tap.trying(f'refuses {name}, in one line that names it'):
            message = run(status=status, **{key.replace('.', '__'): value for key, value in settings.items()})
            assert word in message, message
            assert len(message.strip().splitlines()) == 1, message
    with tap.trying('a config file is read, and an error in it names file and line'):
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / 'config.json'
            path.write_text('{\n  "rounds": {"count": 1},\n  "round": {"count": 1}\n}\n')
            done = subprocess.run([PROGRAM, '--config', str(path)], capture_output=True, text=True)
            assert done.returncode == 78 and 'config.json:3' in done.stderr, done.stderr
    with tap.trying('short keys need their flag'):
        done = subprocess.run([PROGRAM, '--set', 'encryption.bits=1024'], capture_output=True, text=True)
        assert done.returncode == 78 and '--insecure-test-key' in done.stderr, done.stderr
    with tap.trying('--help names every setting, --print-config reads back'):
        text = subprocess.run([PROGRAM, '--help'], capture_output=True, text=True, check=True).stdout
        config = json.loads(subprocess.run([PROGRAM, '--print-config'], capture_output=True, text=True,
                                           check=True).stdout)
        for section, members in config.items():
            for name in members:
                assert f'{section}.{name}' in text, f'{section}.{name}'
    with tap.trying('writes CSV, plot and model'):
        with tempfile.TemporaryDirectory() as folder:
            base = pathlib.Path(folder)
            run('--csv', str(base / 'r.csv'), '--model', str(base / 'm.safetensors'), '--plot', str(base / 'p.png'),
                encryption__mode='null')
            rows = (base / 'r.csv').read_text().splitlines()
            assert len(rows) == 7 and all(row.count(',') == rows[0].count(',') for row in rows), rows
            assert (base / 'm.safetensors').stat().st_size > 1000
            assert not (base / 'p.png').exists() or (base / 'p.png').read_bytes()[:4] == b'\x89PNG'
    with tap.trying('SIGTERM ends it after the round, with results'):
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder) / 'r.json'
            sets = [part for key, value in {**BASE, 'rounds.count': 100000, 'encryption.mode': 'null'}.items()
                    for part in ('--set', f'{key}={value}')]
            process = subprocess.Popen([PROGRAM, *sets, '--insecure-test-key', '--json', str(path)],
                                       stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
            for line in process.stdout:
                if line.startswith('3/'):
                    break
            process.send_signal(signal.SIGTERM)
            process.communicate(timeout=60)
            assert process.returncode == 0
            assert len(json.loads(path.read_text())['rounds']) >= 3


def main():
    tap = Tap()
    check_digests(tap)
    check_rounds(tap)
    check_fit(tap)
    check_data(tap)
    check_program(tap)
    tap.end()


if __name__ == '__main__':
    main()
