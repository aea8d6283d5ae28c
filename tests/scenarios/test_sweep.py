# SPDX-License-Identifier: Apache-2.0
"""Many simulations in one table: python3 test_sweep.py BURGEE_SIMULATOR"""

import contextlib
import csv
import json
import os
import pathlib
import pty
import signal
import statistics
import subprocess
import sys
import tempfile
import xml.etree.ElementTree

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / 'policy'))
from policy import Tap  # noqa: E402

PROGRAM = str(pathlib.Path(sys.argv[1]).resolve())
BASE = {'data.rows': 600, 'model.spec': 'mlp:4', 'training.steps': 2, 'clients.count': 8, 'rounds.count': 2,
        'data.least_rows': 4, 'encryption.mode': 'null', 'encryption.bits': 512}


def command(*flags, **settings):
    merged = {**BASE, **{key.replace('__', '.'): value for key, value in settings.items()}}
    return [PROGRAM, 'sweep', '--insecure-test-key', *flags,
            *(part for key, value in merged.items() for part in ('--set', f'{key}={value}'))]


def sweep(*flags, status=0, **settings):
    done = subprocess.run(command(*flags, **settings), capture_output=True, text=True, timeout=600)
    assert done.returncode == status, f'exit {done.returncode}: {done.stdout[-1000:]}{done.stderr[-1000:]}'
    return done


@contextlib.contextmanager
def folder():
    with tempfile.TemporaryDirectory() as path:
        yield pathlib.Path(path)


def load(path):
    return json.loads(path.read_text())


def steady(summary):
    """What does not depend on the machine."""
    return {key: value for key, value in summary.items()
            if key not in ('wall_seconds', 'peak_rss_bytes', 'threads', 'cpu_seconds')}


def check_tables(tap):
    with folder() as base, tap.trying('grid, variants and seeds: the table is that of the single runs'):
        sweep('--grid', 'codec.mode=ef,sign', '--grid', 'groups.size=3,4', '--variant', 'plain:',
              '--variant', 'even:data.partition=iid,data.least_rows=2', '--seeds', '2',
              '--json', str(base / 's.json'), '--csv', str(base / 's.csv'), '--runs', str(base))
        table = load(base / 's.json')
        names = [one['name'] for one in table['combinations']]
        assert names == [f'{variant} codec.mode={mode} groups.size={size}' for variant in ('plain', 'even')
                         for mode in ('ef', 'sign') for size in (3, 4)], names
        assert [run['seed'] for run in table['runs']] == [1, 2] * 8
        for index, run in enumerate(table['runs']):
            alone = load(base / f'run-{index + 1}.json')
            assert steady(alone['summary']) == steady(run['summary']), run
            assert alone['config']['simulation']['seed'] == run['seed']
            grid = table['combinations'][index // 2]['grid']
            assert alone['config']['codec']['mode'] == grid['codec.mode']
            assert str(alone['config']['groups']['size']) == grid['groups.size']
            assert alone['config']['data']['partition'] == ('iid' if index >= 8 else 'dirichlet')
        for index, one in enumerate(table['combinations']):
            for metric, spread in one['metrics'].items():
                values = [run['summary'][metric] for run in table['runs'][2 * index:2 * index + 2]]
                expected = {'mean': statistics.mean(values), 'sd': statistics.stdev(values), 'min': min(values),
                            'max': max(values)}
                for key, value in expected.items():
                    assert abs(spread[key] - value) <= 1e-9 * max(1, abs(value)), (metric, key, spread, expected)
        rows = list(csv.DictReader((base / 's.csv').open()))
        assert len([row for row in rows if row['row'] == 'run']) == 16
        for row in rows:
            one = table['combinations'][names.index(row['name'])]
            if row['row'] == 'run':
                run = next(run for run in table['runs'] if run['name'] == row['name']
                           and str(run['seed']) == row['seed'])
                assert float(row['macro_f1']) == run['summary']['macro_f1']
            else:
                assert float(row['macro_f1']) == one['metrics']['macro_f1'][row['row']], row
    with folder() as base, tap.trying('a run of a sweep is the run without the sweep, also with shared data'):
        sweep('--grid', 'data.alpha=0.5,5', '--seeds', '4,9', '--json', str(base / 's.json'), '--jobs', '1')
        run = load(base / 's.json')['runs'][3]
        assert run['seed'] == 9 and run['name'] == 'data.alpha=5'
        sets = [part for key, value in {**BASE, 'data.alpha': 5, 'simulation.seed': 9}.items()
                for part in ('--set', f'{key}={value}')]
        subprocess.run([PROGRAM, *sets, '--insecure-test-key', '--quiet', '--json', str(base / 'r.json')], check=True)
        assert steady(load(base / 'r.json')['summary']) == steady(run['summary'])
    with folder() as base, tap.trying('as a page: well-formed, from here, escaped, the same numbers'):
        sweep('--variant', '<b>&"one"</b>:', '--variant', 'two:codec.mode=sign', '--variant', 'three:codec.mode=dense',
              '--seeds', '3', '--json', str(base / 's.json'), '--html', str(base / 's.html'), status=70)
        page = (base / 's.html').read_text()
        root = xml.etree.ElementTree.fromstring(page.split('\n', 1)[1])
        assert not any(word in page for word in ('<script', 'http', 'src=', 'url(', '<b>&'))
        table = next(one for one in root.iter('table') if 'sweep' in one.get('class'))
        heads = [cell.text for cell in table.find('thead').iter('th')]
        for row, one in zip(table.find('tbody'), load(base / 's.json')['combinations']):
            cells = [''.join(cell.itertext()) for cell in row]
            assert cells[:2] == [one['name'], f'{one["finished"]} of 3'], cells
            told = cells[heads.index('macro-F1, %')]
            spread = one['metrics'].get('macro_f1')
            assert told == (f'{100 * spread["mean"]:.2f} ± {100 * spread["sd"]:.2f}' if spread else '·'), told
        assert len([one for one in root.iter('circle')]) == 12
        assert 'encryption.mode=off or another codec.mode' in ' '.join(root.itertext())
    with folder() as base, tap.trying('data are opened anew for runs that treat them otherwise'):
        grids = {'data.test_share': (0.2, 0.3), 'model.components': (0, 3), 'data.labels': ('papers7', 'binary')}
        for key, values in grids.items():
            sweep('--grid', f'{key}={values[0]},{values[1]}', '--json', str(base / 's.json'), '--jobs', '1',
                  data__fit='central')
            for value, run in zip(values, load(base / 's.json')['runs']):
                sets = [part for name, one in {**BASE, 'data.fit': 'central', key: value}.items()
                        for part in ('--set', f'{name}={one}')]
                subprocess.run([PROGRAM, *sets, '--insecure-test-key', '--quiet', '--json', str(base / 'r.json')],
                               check=True)
                assert steady(load(base / 'r.json')['summary']) == steady(run['summary']), (key, value)
    with folder() as base, tap.trying('runs side by side and one by one give the same table'):
        results = []
        for jobs in ('1', '3'):
            sweep('--grid', 'data.rows=600,700', '--seeds', '3', '--json', str(base / 's.json'), '--jobs', jobs)
            results.append([steady(run['summary']) for run in load(base / 's.json')['runs']])
        assert results[0] == results[1]


def check_failures(tap):
    with folder() as base, tap.trying('a combination that cannot be is a row of the table, and the exit status'):
        done = sweep('--grid', 'codec.mode=ef,dense', '--seeds', '2', '--json', str(base / 's.json'), status=70)
        runs = load(base / 's.json')['runs']
        assert [run['state'] for run in runs] == ['finished'] * 2 + ['failed'] * 2
        assert 'encryption.mode=off' in runs[2]['failure'] and 'FAILED' in done.stdout
        assert 'summary' in runs[0] and 'summary' not in runs[2]
    with folder() as base, tap.trying('so is one that fails while it runs, with its sentence'):
        sweep('--grid', 'data.least_rows=4,100', '--json', str(base / 's.json'), status=70)
        runs = load(base / 's.json')['runs']
        assert [run['state'] for run in runs] == ['finished', 'failed'] and runs[1]['failure'], runs
    with folder() as base, tap.trying('a run that falls takes nothing with it'):
        process = subprocess.Popen(command('--grid', 'rounds.count=100000,1', '--jobs', '1', '--json',
                                           str(base / 's.json')),
                                   stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        children = pathlib.Path(f'/proc/{process.pid}/task/{process.pid}/children')
        while not (found := children.read_text().split()):
            assert process.poll() is None
        os.kill(int(found[0]), signal.SIGKILL)
        process.communicate(timeout=120)
        runs = load(base / 's.json')['runs']
        assert process.returncode == 70 and 'signal 9' in runs[0]['failure'], runs
        assert runs[1]['state'] == 'finished'


def check_resuming(tap):
    with folder() as base, tap.trying('SIGTERM leaves what is finished, and --resume does the rest'):
        path = base / 's.json'
        flags = ('--grid', 'rounds.count=1,2,3,4', '--seeds', '3', '--json', str(path))
        process = subprocess.Popen(command(*flags), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        process.stdout.readline()
        process.send_signal(signal.SIGTERM)
        process.communicate(timeout=120)
        assert process.returncode == 75, process.returncode
        before = load(path)['runs']
        done = sum(run['state'] == 'finished' for run in before)
        assert 1 <= done < 12 and {run['state'] for run in before} == {'finished', 'waiting'}, before
        output = sweep(*flags, '--resume').stdout
        assert output.count('accuracy ') == 12 - done, output
        after = load(path)['runs']
        assert all(run['state'] == 'finished' for run in after)
        for old, new in zip(before, after):
            assert old['state'] != 'finished' or old == new, 'a finished run was run again'
        times = [run['summary']['wall_seconds'] for run in after]
        sweep(*flags, '--resume')
        assert times == [run['summary']['wall_seconds'] for run in load(path)['runs']]
    with folder() as base, tap.trying('--resume runs what has other settings, and takes only tables of sweeps'):
        path = base / 's.json'
        sweep('--json', str(path), '--seeds', '2')
        assert sweep('--json', str(path), '--seeds', '2', '--resume', training__steps=3).stdout.count('accuracy ') == 2
        for text, status in (('{}', 65), ('not JSON', 65),
                             (path.read_text().replace('burgee-simulator ', 'burgee-simulator 9'), 65)):
            path.write_text(text)
            done = sweep('--json', str(path), '--resume', status=status)
            assert 's.json' in done.stderr and path.read_text() == text, done.stderr


def check_command_line(tap):
    refusals = {
        'an unknown key in a grid': (['--grid', 'codec.mood=ef'], 'codec.mood', 78),
        'a value out of range in a grid': (['--grid', 'encryption.s=1,9'], 'encryption.s', 78),
        'a grid without values': (['--grid', 'codec.mode'], 'codec.mode', 78),
        'a key with two axes': (['--grid', 'encryption.s=1', '--grid', 'encryption.s=2'], 'encryption.s', 78),
        'a variant of an axis': (['--grid', 'encryption.s=1', '--variant', 'a:encryption.s=2'], 'encryption.s', 78),
        'a variant without a name': (['--variant', 'codec.mode=ef'], 'name:', 78),
        'a combination twice': (['--variant', 'a:', '--variant', 'a:codec.mode=sign'], 'twice', 78),
        'a seed twice': (['--seeds', '1,2,1'], 'twice', 78),
        'no seeds': (['--seeds', '0'], '--seeds', 78),
        'seeds in the grid': (['--grid', 'simulation.seed=1,2'], '--seeds', 78),
        'too much': (['--grid', 'data.seed=' + ','.join(map(str, range(200))), '--seeds', '100'], 'runs', 65),
        'no jobs': (['--jobs', '0'], '--jobs', 64),
        'a folder for runs that is not there': (['--runs', 'no-such-folder'], 'no-such-folder', 66),
        'a page in one': (['--html', 'no-such-folder/p.html'], 'no-such-folder', 66),
        'to resume from nowhere': (['--resume'], '--json', 64),
        'what it does not know': (['--plot', 'x.png'], '--plot', 64),
    }
    for name, (flags, word, status) in refusals.items():
        with tap.trying(f'refuses {name}, in one line that names it'):
            message = sweep(*flags, status=status).stderr
            assert word in message and len(message.strip().splitlines()) == 1, message
    with tap.trying('--help names every flag'):
        text = subprocess.run([PROGRAM, 'sweep', '--help'], capture_output=True, text=True, check=True).stdout
        flags = '--config --set --grid --variant --seeds --json --csv --html --runs --jobs --resume --quiet'
        for flag in flags.split():
            assert flag in text, flag
    with tap.trying('plain lines in a file, a bar with the time left on a terminal'):
        assert '\r' not in sweep('--seeds', '2').stdout
        main, other = pty.openpty()
        process = subprocess.Popen(command('--seeds', '3', '--jobs', '1'), stdout=other, stderr=other)
        os.close(other)
        shown = b''
        with contextlib.suppress(OSError):
            while chunk := os.read(main, 4096):
                shown += chunk
        os.close(main)
        assert process.wait(timeout=60) == 0 and b'] 1 of 3 runs; ' in shown and b' left' in shown, shown


def main():
    tap = Tap()
    check_tables(tap)
    check_failures(tap)
    check_resuming(tap)
    check_command_line(tap)
    tap.end()


if __name__ == '__main__':
    main()
