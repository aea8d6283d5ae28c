# SPDX-License-Identifier: Apache-2.0
"""Disks, clocks and peers that fail under a federation, and what it keeps:
python3 test_network_storage.py BURGEE_CLIENT BURGEE_AGGREGATOR BURGEE_KEYHOLDER CLOCK_LIBRARY

The programs are real, on loopback. Whatever happens to them, an update that was acknowledged is in a model when the
cause is gone. What needs a file system of its own is skipped where this process may not mount one."""

import contextlib
import json
import os
import pathlib
import subprocess
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / 'policy')]
from network import PATIENCE, Federation  # noqa: E402
from policy import Tap  # noqa: E402

PROGRAMS = [pathlib.Path(argument).resolve() for argument in sys.argv[1:4]]
CLOCK_LIBRARY = pathlib.Path(sys.argv[4]).resolve()
DAY = 86400
UPDATES = '/v1/burgee/updates'


def send(federation, name, update):
    answer = federation.device(name).ask('POST', UPDATES, update, ('Content-Type', 'application/octet-stream'))
    assert (answer.status, answer.burgee) == (200, 'ok'), answer


def check_key_holder(tap):
    """It is away while a round's updates come."""
    with Federation(*PROGRAMS) as federation, tap.trying('rounds wait for a key holder that is away, and go on'):
        federation.set_up()
        federation.root.expect('opened', round=1)
        made = federation.hand_made_updates()
        federation.holder.kill()
        for name, update in made.items():
            send(federation, name, update)
        federation.root.expect_log('level=warn', federation.holder_url, 'no connection')
        while True:
            answer = federation.device('c0').ask('GET', '/healthz')
            if answer.status == 503:
                break
        assert not json.loads(answer.body).get('key_holder', True), answer
        federation.serve_holder()
        told = federation.committed()
        assert (told['round'], told['updates']) == (1, 4), told
        warnings = [text for text in federation.root.log().splitlines() if federation.holder_url in text]
        assert len(warnings) < 8, f'it repeats itself: {warnings}'


class Clock:
    """What the wall clock of programs that are started with it reads, beside the right time."""

    def __init__(self, path):
        self.path = path
        self.set(0)
        self.environment = {**os.environ, 'LD_PRELOAD': str(CLOCK_LIBRARY), 'BURGEE_CLOCK': str(path)}

    def set(self, seconds):
        with open(self.path, 'r+b' if self.path.exists() else 'wb') as file:
            file.write(seconds.to_bytes(8, sys.byteorder, signed=True))


def check_clock(tap):
    with Federation(*PROGRAMS) as federation:
        clock = Clock(federation.path('clock'))
        federation.make_holder()
        federation.serve_holder(env=clock.environment)
        federation.make_root()
        federation.serve_root(env=clock.environment)
        federation.make_clients()
        clients = [federation.run_client(f'c{i}', env=clock.environment) for i in range(federation.count)]
        with tap.trying('rounds do not care about a clock that jumps back and forth'):
            federation.committed()
            for shift in (30 * DAY, -1800, 200 * DAY, 0):
                clock.set(shift)
                told = federation.committed(2)
                assert told['updates'] == 4 and 0 <= told['seconds'] < PATIENCE, told
        with tap.trying('a clock past the end of certificates is what the refusals name'):
            clock.set(800 * DAY)
            year = time.gmtime(time.time() + 800 * DAY).tm_year
            for client in clients:
                failed = client.expect('failed')
                assert 'clock' in failed['error'] and str(year) in failed['error'], failed
            federation.root.expect_log('has expired', f'the clock here reads {year}')
        with tap.trying('and once it is set right everybody goes on'):
            clock.set(0)
            assert federation.committed(2)['updates'] == 4
            for client in clients:
                client.stop()


def check_uploads(tap):
    with Federation(*PROGRAMS, settings=('limits.update_mib=1', 'limits.uploads_mib=1')) as federation:
        federation.set_up()
        federation.root.expect('opened', round=1)
        made = federation.hand_made_updates()
        c0, c1 = federation.device('c0'), federation.device('c1')
        with tap.trying('a full folder of uploads is told, and room is found again'):
            large = c0.ask('POST', UPDATES, b'', ('Upload-Complete', '?0'), ('Upload-Length', 1 << 20),
                           ('Idempotency-Key', '1' * 16))
            assert large.status == 201, large
            answer = c1.ask('POST', UPDATES, made['c1'])
            assert answer.status == 507, answer
            federation.root.expect_log('level=warn', federation.id('c1'), 'limits.uploads_mib')
            assert c0.ask('DELETE', large.fields['location']).status == 204
            for name, update in made.items():
                send(federation, name, update)
            assert federation.committed()['updates'] == 4
        check_damage(tap, federation)


@contextlib.contextmanager
def damaged(path, first, end):
    """With these bytes changed; then as it was."""
    right = path.read_bytes()
    path.write_bytes(right[:first] + bytes(byte ^ 255 for byte in right[first:end]) + right[end:])
    try:
        yield
    finally:
        path.write_bytes(right)


def check_damage(tap, federation):
    """What a root's folder has goes bad while nobody looks."""
    federation.root.expect('opened', round=2)
    made = federation.hand_made_updates()
    for name in ('c0', 'c1'):
        send(federation, name, made[name])
    with tap.trying('a second aggregator on the folder is told who has it'):
        said = federation.ended(75, PROGRAMS[1], 'serve', 'root')
        assert str(federation.root.process.pid) in said, said
    federation.root.stop()
    state = federation.path('root/state.db')
    with tap.trying('a damaged database is refused by name'):
        for place in ((3, 4), (2 * 4096 - 100, 2 * 4096)):
            with damaged(state, *place):
                said = federation.ended(65, PROGRAMS[1], 'serve', 'root')
                assert 'state.db' in said and said.count('\n') < 4, said
    newest = json.loads(federation.ok(PROGRAMS[1], 'models', 'list', 'root', '--json'))['models'][-1]['digest']
    model = next(federation.path('root/models').glob(f'{newest}*'))
    with tap.trying('a damaged model is refused by name'):
        size = model.stat().st_size
        with damaged(model, size - 1, size):
            said = federation.ended(65, PROGRAMS[1], 'serve', 'root')
            assert newest[:16] in said, said
    with tap.trying('and with everything in its place the round goes on with what was acknowledged'):
        federation.serve_root()
        for name in ('c2', 'c3'):
            send(federation, name, made[name])
        told = federation.root.expect('ended', round=2, outcome='committed')
        assert told['updates'] == 4, told


@contextlib.contextmanager
def small_disk(folder, mebibytes):
    folder.mkdir()
    subprocess.run(['mount', '-t', 'tmpfs', '-o', f'size={mebibytes}m', 'none', folder], check=True,
                   capture_output=True)
    try:
        yield folder
    finally:
        subprocess.run(['umount', '-l', folder], check=True)


def move(federation, name, disk):
    """A folder goes to another disk, and stays where it was by name."""
    subprocess.run(['cp', '-a', federation.path(name), disk / name], check=True)
    subprocess.run(['rm', '-r', federation.path(name)], check=True)
    federation.path(name).symlink_to(disk / name)


def fill(disk):
    """Until nothing more fits; the file to remove."""
    filler = disk / 'filler'
    with open(filler, 'wb', buffering=0) as file, contextlib.suppress(OSError):
        while file.write(bytes(65536)):
            pass
    return filler


def remount(disk, how):
    subprocess.run(['mount', '-o', f'remount,{how}', disk], check=True, capture_output=True)


def may_mount():
    ran = subprocess.run(['unshare', '-m', 'mount', '-t', 'tmpfs', 'none', '/mnt'], capture_output=True)
    return os.geteuid() == 0 and ran.returncode == 0


def check_disks(tap):
    if not may_mount():
        tap.skip('full and read-only disks', 'this process may not mount a file system')
        return
    with Federation(*PROGRAMS) as federation, small_disk(federation.path('large'), 4) as large, \
            small_disk(federation.path('small'), 1) as small:
        federation.set_up()
        federation.root.stop()
        move(federation, 'root', large)
        move(federation, 'c0', small)
        federation.serve_root()
        clients = federation.run_clients()
        federation.committed()
        with tap.trying('full disks of root and client are named and lose nothing'):
            filler = fill(small)
            failed = clients[0].expect('failed')
            assert 'c0' in failed['error'], failed
            filler.unlink()
            federation.committed()
            filler = fill(large)
            federation.root.expect_log('no space left')
            filler.unlink()
            try:
                told = federation.committed(2)
            except AssertionError:  # what it could not keep at all ends it
                federation.root.ended(74)
                federation.serve_root()
                told = federation.committed(2)
            assert told['updates'] == 4, told
            for client in clients:
                client.stop()
                receipts = [event for event in client.heard() if event['event'] == 'receipt']
                assert receipts and all(event['used'] for event in receipts), receipts
        with tap.trying('a read-only folder is named'):
            remount(small, 'ro')
            client = federation.run_client('c0')
            failed = client.expect('failed')
            assert 'c0' in failed['error'] and 'ead-only' in failed['error'], failed
            client.stop()
            federation.root.stop()
            remount(large, 'ro')
            said = federation.ended(74, PROGRAMS[1], 'serve', 'root')
            assert 'root' in said and 'ead-only' in said, said


def main():
    tap = Tap()
    for check in (check_key_holder, check_clock, check_uploads, check_disks):
        check(tap)
    tap.end()


if __name__ == '__main__':
    main()
