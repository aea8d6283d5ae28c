# SPDX-License-Identifier: Apache-2.0
"""A root that starts at another place while its key holder is away: moved_root.py CLIENT AGGREGATOR KEYHOLDER

The key holder is told when it answers again, not at the root's next start, and tells it to devices."""

import json
import pathlib
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / 'policy'))
from policy import Tap  # noqa: E402
from served import Federation, free_port  # noqa: E402

PROGRAMS = [pathlib.Path(argument).resolve() for argument in sys.argv[1:4]]


def root_url(federation, name):
    federation.ok(federation.client, 'renew', name)
    return json.loads((federation.path(name) / 'config.json').read_text())['root']['url']


def move(federation):
    """Into the root's own settings, as its operator would."""
    file = federation.path('root') / 'config.json'
    config = json.loads(file.read_text())
    port = free_port()
    config['listen'].update(port=port, url=f'https://127.0.0.1:{port}')
    file.write_text(json.dumps(config))
    return config['listen']['url']


def check(tap, folder):
    federation = Federation(folder, *PROGRAMS, clients=3, settings=['rounds.count=1', 'data.fit=central'])
    federation.set_up()
    before = federation.start('root').wait('ready')['url']
    with tap.trying('a device learns where the root is'):
        assert root_url(federation, 'client-0') == before
    federation.running['root'].end()
    federation.running['keyholder'].end()
    after = move(federation)
    with tap.trying('a root starts elsewhere without its key holder'):
        assert federation.start('root').wait('ready')['url'] == after != before
    with tap.trying('the key holder is told when it is back, and devices after it'):
        key_holder = federation.start_keyholder()
        key_holder.wait('renewed', role='root')
        assert root_url(federation, 'client-0') == after
    with tap.trying('once: the next start tells it nothing'):
        federation.running['root'].end()
        federation.start('root').wait('ready')
        assert len(key_holder.told('renewed', role='root')) == 1, key_holder.events
    federation.stop()


tap = Tap()
with tempfile.TemporaryDirectory(prefix='burgee-') as folder:
    check(tap, folder)
tap.end()
