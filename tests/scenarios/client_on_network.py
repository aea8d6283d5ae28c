# SPDX-License-Identifier: Apache-2.0
"""Devices that are killed, and whose root is away: client_on_network.py CLIENT AGGREGATOR KEYHOLDER

Real programs on loopback. A client that dies in its training, with its update under way, or waiting, takes part in the
same round when it is started again; a root that is not there is waited for."""

import json
import os
import pathlib
import signal
import sys
import tempfile
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE.parent / 'policy'), str(HERE.parents[1] / 'tools')]
from measure_client import CLIENTS, Federation  # noqa: E402
from policy import Tap  # noqa: E402

BUILD = pathlib.Path(sys.argv[1]).resolve().parent
ROUNDS = 4


def kill(client):
    client.process.send_signal(signal.SIGKILL)
    client.process.wait()


def receipts(client):
    return {event['round']: event['used'] for _, event in client.said if event['event'] == 'receipt'}


def settled(federation, name):
    """What a device says of itself, once no update of it is out."""
    until = time.monotonic() + 60
    while True:
        shown = json.loads(federation.call('client', 'show', name, '--json'))
        if not shown['waits_for_receipt'] or time.monotonic() > until:
            return shown
        time.sleep(0.05)


def check_killed(federation):
    """Client 0 is killed at another point each time; nobody's update is lost."""
    others = [federation.run(f'c{i}') for i in range(1, CLIENTS)]
    for moment in ('training', 'trained', 'sent', 'receipt'):
        client = federation.run('c0')
        client.wait(moment)
        kill(client)
    last = federation.run('c0')
    federation.root.wait('done')
    shown = [settled(federation, f'c{i}') for i in range(CLIENTS)]
    if len({state['settled_round'] for state in shown}) != 1 or shown[0]['settled_round'] < ROUNDS:
        yield f'{shown}'
    if any(state['waits_for_receipt'] or state['spool_bytes'] for state in shown):
        yield f'{shown}'
    for number, client in enumerate(others, 1):
        rounds = receipts(client)
        if sorted(rounds) != list(range(1, shown[0]['settled_round'] + 1)) or not all(rounds.values()):
            yield f'client {number}, whose group is that of the killed one: {rounds}'
    for number, client in enumerate([last, *others]):
        if client.end() != 0:
            yield f'client {number}: SIGTERM is no clean end'


def check_away(federation):
    """Nothing listens at first; it is said once and tried again until a root is there."""
    federation.root.end()
    client = federation.run('c0')
    failure = client.wait('failed')[1]
    if federation.root_url not in failure['error'] or failure['status'] != 'IO':
        yield f'{failure}'
    port = federation.root_url.rpartition(':')[2]
    federation.root = federation.start('aggregator', 'serve', federation.folder / 'root', '--set',
                                       'listen.address=127.0.0.1', '--set', f'listen.port={port}')
    client.wait('training')
    refused = [event for _, event in client.said if 'no connection' in event.get('error', '')]
    if len(refused) != 1:
        yield f'{refused}'
    if client.end() != 0:
        yield 'SIGTERM is no clean end'


def check_revoked(federation):
    """It is told what to do, and ends."""
    member = json.loads(federation.call('client', 'show', 'c1', '--json'))['client']
    federation.call('keyholder', 'clients', 'revoke', 'kh', member[:16])
    client = federation.run('c1')
    failure = client.wait('failed')[1]
    if failure['status'] != 'REFUSED' or 'revoked: enrol it again' not in failure['error']:
        yield f'{failure}'
    if client.process.wait(60) != 65:
        yield f'exit {client.process.returncode}'


tap = Tap()
with tempfile.TemporaryDirectory(prefix='burgee-') as folder, open(os.devnull, 'w', encoding='utf-8') as log:
    federation = Federation(BUILD, folder, 512, ROUNDS, log, ['data.fit=central'])
    try:
        for i in range(CLIENTS):
            federation.enrol(f'c{i}')
        for check in (check_away, check_killed, check_revoked):
            tap.case(check.__name__.removeprefix('check_'), check(federation))
    finally:
        federation.end()
tap.end()
