# SPDX-License-Identifier: Apache-2.0
"""What an operator sees of a root that runs.
python3 test_status.py BURGEE_STATUS BURGEE_CLIENT BURGEE_AGGREGATOR BURGEE_KEYHOLDER"""

import json
import pathlib
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / 'policy'))
from policy import Tap  # noqa: E402
from served import Federation  # noqa: E402

STATUS, *PROGRAMS = [pathlib.Path(argument).resolve() for argument in sys.argv[1:6]]
PERMISSION, NOT_FOUND, IO = 77, 66, 74


def look(*words):
    return subprocess.run([STATUS, *map(str, words)], capture_output=True, text=True, timeout=60)


def check(tap, folder):
    federation = Federation(folder, *PROGRAMS, clients=3, settings=['rounds.count=2', 'data.fit=central'])
    operator, device = federation.path('operator'), federation.path('client-0')
    key_holder = federation.set_up()
    federation.ok(federation.client, 'enrol', operator, key_holder, federation.token('operator'))
    for name in federation.names()[1:]:
        federation.start(name)
    root = federation.running['root']
    url = root.wait('ready')['url']
    root.wait('ended', count=3)
    with tap.trying('the terminal shows health, roster and rounds'):
        done = look('--identity', operator)
        assert done.returncode == 0, done
        assert f'at {url}: ok' in done.stdout and '3 clients on the roster' in done.stdout, done.stdout
        rows = [line.split() for line in done.stdout.splitlines() if ' committed ' in line]
        assert [row[:3] for row in rows] == [[str(number), stage, 'committed'] for number, stage in
                                             ((3, 'learning'), (2, 'learning'), (1, 'scales'))], rows
    with tap.trying('machines get the same as JSON, as many rounds as they want'):
        told = json.loads(look(url, '--identity', operator, '--json', '--rounds', 2).stdout)
        assert told['health']['status'] == 'ok', told
        assert [one['round'] for one in told['rounds']['rounds']] == [3, 2], told
        newest = told['rounds']['rounds'][0]
        assert newest['updates'] == 3 and newest['update_bytes'] > 1000 and newest['groups']['used'] == 1, newest
        assert newest['model'] == root.told('ended')[-1]['model'], newest
    with tap.trying('rounds of before a restart look as they did'):
        root.end()
        federation.start('root').wait('ready')
        again = json.loads(look(url, '--identity', operator, '--json').stdout)
        for before, after in zip(told['rounds']['rounds'], again['rounds']['rounds']):
            assert abs(before.pop('seconds') - after.pop('seconds')) < 1, (before, after)
            assert abs(before.pop('opened_at') - after.pop('opened_at')) <= 1, (before, after)
            assert before == after, (before, after)
            assert after['phases'] and after['clients_invited'] == 3, after
    with tap.trying('a device does not see it'):
        done = look('--identity', device)
        assert done.returncode == PERMISSION and 'operator' in done.stderr, done
    with tap.trying('a folder without a member, and a root that is not there'):
        assert look('--identity', federation.folder / 'nobody').returncode == NOT_FOUND
        done = look('https://127.0.0.1:1', '--identity', operator)
        assert done.returncode == IO and '127.0.0.1:1' in done.stderr, done
    federation.stop()


tap = Tap()
with tempfile.TemporaryDirectory(prefix='burgee-') as folder:
    check(tap, folder)
tap.end()
