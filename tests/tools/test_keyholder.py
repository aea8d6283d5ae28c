# SPDX-License-Identifier: Apache-2.0
"""burgee-keyholder's tokens and clients as an operator meets them: python3 test_keyholder.py BURGEE_KEYHOLDER

Tokens are read by a second implementation, the authority by openssl. Where a program has the folder, one stands in for
it here: it holds the lock and answers on the socket."""

import base64
import fcntl
import hashlib
import json
import os
import pathlib
import socket
import struct
import subprocess
import sys
import tempfile
import threading
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / 'policy'))
from policy import Tap  # noqa: E402

KEYHOLDER = pathlib.Path(sys.argv[1]).resolve()


def run(*words):
    return subprocess.run([KEYHOLDER, *map(str, words)], capture_output=True, text=True, timeout=120, check=False)


def ok(*words):
    ran = run(*words)
    assert ran.returncode == 0, f'{words}: exit {ran.returncode}: {ran.stderr}'
    return ran.stdout


def refused(code, said, *words):
    ran = run(*words)
    assert ran.returncode == code, f'{words}: exit {ran.returncode}, not {code}: {ran.stderr}'
    assert said in ran.stderr and not ran.stdout, f'{words}: {ran.stderr!r}, {ran.stdout!r}'


def read_token(text):
    """version, secret, expiry, pin of the key holder, fingerprint of the authority"""
    assert text.startswith('burgee-') and len(text) == 156, text
    digits = text[7:].upper()
    content = base64.b32decode(digits + '=' * (-len(digits) % 8))
    assert hashlib.sha256(content[:89]).digest()[:4] == content[89:]
    return content[0], content[1:17], struct.unpack('<Q', content[17:25])[0], content[25:57], content[57:89]


def openssl(*words, **more):
    return subprocess.run(['openssl', *map(str, words)], capture_output=True, check=True, timeout=60, **more).stdout


def check_init(folder):
    assert json.loads(ok('show', folder, '--json'))['clients'] == 0
    for name in ('ca.secret', 'identity.secret', 'journal'):
        assert (folder / name).stat().st_mode & 0o777 == 0o600, name
    openssl('verify', '-x509_strict', '-CAfile', folder / 'ca.pem', folder / 'ca.pem')
    text = openssl('x509', '-in', folder / 'ca.pem', '-noout', '-text', '-nameopt', 'RFC2253').decode()
    for words in ('CN=burgee authority', 'O=harbour', 'CA:TRUE', 'prime256v1', 'ecdsa-with-SHA256'):
        assert words in text, f'{words} is not in {text}'


def check_tokens(folder):
    before = time.time()
    lines = ok('token', 'new', folder, '--label', 'pump 1', '--owner', 'Ada', '--hours', 5, '--count', 3).splitlines()
    assert len(lines) == 3
    pin = hashlib.sha256(
        bytes.fromhex('3059301306072a8648ce3d020106082a8648ce3d030107034200') +
        (folder / 'identity.point').read_bytes()[8:73]).digest()
    authority = hashlib.sha256(openssl('x509', '-in', folder / 'ca.pem', '-outform', 'DER')).digest()
    secrets = set()
    for line in lines:
        version, secret, expiry, key_holder, fingerprint = read_token(line)
        assert version == 1 and key_holder == pin and fingerprint == authority
        assert before + 5 * 3600 - 1 <= expiry <= time.time() + 5 * 3600
        secrets.add(secret)
        assert secret not in (folder / 'journal').read_bytes(), 'the journal has a secret'
        assert hashlib.sha256(secret).digest() in (folder / 'journal').read_bytes()
    assert len(secrets) == 3
    assert len(json.loads(ok('token', 'new', folder, '--role', 'root', '--json'))['tokens']) == 1


def check_words(folder):
    refused(64, 'token new DIR', 'token')
    refused(64, 'token new DIR', 'token', 'old', folder)
    refused(64, 'no role', 'token', 'new', folder, '--role', 'king')
    refused(64, 'whole number', 'token', 'new', folder, '--count', 'many')
    refused(64, 'whole number', 'token', 'new', folder, '--hours', '0')
    refused(64, 'cell', 'token', 'new', folder, '--cell', 'No Cell')
    refused(64, 'clients list DIR', 'clients', 'show', folder)
    refused(64, 'clients list DIR', 'clients', 'revoke', folder)
    refused(66, 'names no device', 'clients', 'revoke', folder, 'nobody')
    refused(66, 'names no device', 'clients', 'renew', folder, '0123456789')
    refused(66, 'config.json', 'clients', 'list', folder / 'nowhere')


def check_lists(folder):
    """A client that was enrolled by hand is on the list, and can be revoked, but once."""
    other = folder.parent / 'other'
    ok('init', '--out', other, '--set', 'encryption.mode=off', '--set', 'groups.least=1', '--quiet')
    point = other / 'identity.point'
    digest = hashlib.sha256(point.read_bytes()[8:73]).hexdigest()
    ok('enrol', folder, point, '--cell', 'west')
    device, = json.loads(ok('clients', 'list', folder, '--json'))['clients']
    assert (device['id'], device['cell'], device['role'], device['revoked']) == (digest, 'west', 'client', None), device
    lines = ok('clients', 'list', folder).splitlines()
    assert len(lines) == 2 and lines[1].startswith(digest[:16]) and 'west' in lines[1], lines
    ok('clients', 'renew', folder, digest[:8], '--out', folder / 'renewed.pem')
    openssl('verify', '-CAfile', folder / 'ca.pem', folder / 'renewed.pem')
    assert digest in ok('clients', 'revoke', folder, digest[:8])
    device, = json.loads(ok('clients', 'list', folder, '--json'))['clients']
    assert abs(device['revoked'] - time.time()) < 600, device
    refused(65, 'was revoked', 'clients', 'renew', folder, digest[:8])
    refused(65, 'was revoked', 'enrol', folder, point, '--cell', 'west')
    assert json.loads(ok('show', folder, '--json'))['clients'] == 0


def check_authority(folder):
    """The authority is made once; without its secret, or with another, nothing begins."""
    certificate, secret = (folder / 'ca.pem').read_bytes(), (folder / 'ca.secret').read_bytes()
    ok('show', folder)
    assert (folder / 'ca.pem').read_bytes() == certificate
    (folder / 'ca.secret').unlink()
    refused(66, 'ca.secret', 'show', folder)
    (folder / 'ca.secret').write_bytes((folder / 'identity.secret').read_bytes())
    os.chmod(folder / 'ca.secret', 0o600)
    refused(65, 'ca.pem', 'show', folder)
    (folder / 'ca.secret').write_bytes(secret)
    (folder / 'ca.pem').write_bytes(certificate[:-40])
    refused(65, 'ca.pem', 'show', folder)
    (folder / 'ca.pem').write_bytes(certificate)
    ok('show', folder)


class Busy:
    """Has the folder, and gives `reply` to whoever asks."""

    def __init__(self, folder, reply):
        self.folder, self.reply, self.asked = folder, reply, []

    def __enter__(self):
        self.journal = open(self.folder / 'journal', 'rb')
        fcntl.flock(self.journal, fcntl.LOCK_EX)
        self.socket = socket.socket(socket.AF_UNIX)
        self.socket.bind(str(self.folder / 'control'))
        self.socket.listen()
        self.thread = threading.Thread(target=self.serve)
        self.thread.start()
        return self

    def serve(self):
        while True:
            connection, _ = self.socket.accept()
            with connection, connection.makefile('rwb') as stream:
                line = stream.readline()
                if not line:
                    return
                self.asked.append(json.loads(line))
                stream.write(self.reply)

    def __exit__(self, *_):
        with socket.socket(socket.AF_UNIX) as last:
            last.connect(str(self.folder / 'control'))
        self.thread.join()
        self.socket.close()
        (self.folder / 'control').unlink()
        self.journal.close()


def check_busy(folder):
    with Busy(folder, b'{"status": "OK", "tokens": ["' + b'x' * 100000 + b'", "b"]}\n') as busy:
        assert ok('token', 'new', folder, '--label', 'a').splitlines() == ['x' * 100000, 'b']
        assert busy.asked == [{'verb': 'token', 'role': 'client', 'label': 'a'}], busy.asked
    with Busy(folder, b'{"status": "TOO_FEW", "error": "not enough"}\n') as busy:
        refused(65, 'not enough', 'clients', 'revoke', folder, 'x')
        assert busy.asked == [{'verb': 'revoke', 'who': 'x'}], busy.asked
    with Busy(folder, b'{"status": "OK"'):
        refused(75, 'no answer', 'show', folder)
    with Busy(folder, b'nonsense\n'):
        refused(65, 'reply', 'show', folder)
    with open(folder / 'journal', 'rb') as journal:
        fcntl.flock(journal, fcntl.LOCK_EX)
        refused(75, 'cannot be asked', 'show', folder)


def check_serving(folder):
    """The verbs ask the program that serves, and it tells what was done."""
    digest = hashlib.sha256((folder / 'identity.point').read_bytes()[8:73]).hexdigest()
    ok('enrol', folder, folder / 'identity.point', '--cell', 'east')
    with open(folder / 'config.json', encoding='utf-8') as stream:
        config = json.load(stream)
    config.setdefault('listen', {}).update(address='127.0.0.1', port=0)
    (folder / 'config.json').write_text(json.dumps(config))
    with subprocess.Popen([KEYHOLDER, 'serve', folder, '--json'], stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          text=True) as served:
        try:
            assert json.loads(served.stdout.readline())['event'] == 'ready'
            assert len(ok('token', 'new', folder, '--count', 200).splitlines()) == 200
            refused(66, 'names no device', 'clients', 'revoke', folder, 'nobody')
            assert digest in ok('clients', 'revoke', folder, digest[:12])
            assert json.loads(served.stdout.readline()) == {'event': 'revoked', 'client': digest}
            listed = {device['id']: device for device in json.loads(ok('clients', 'list', folder, '--json'))['clients']}
            assert listed[digest]['revoked'] and listed[digest]['cell'] == 'east', listed
        finally:
            served.terminate()
            served.communicate(timeout=60)
        assert served.returncode == 0


def main():
    tap = Tap()
    with tempfile.TemporaryDirectory() as temporary:
        folder = pathlib.Path(temporary) / 'keyholder'
        ok('init', '--out', folder, '--set', 'population.name=harbour', '--set', 'encryption.mode=off',
           '--set', 'groups.least=1')
        for check in (check_init, check_tokens, check_words, check_lists, check_authority, check_busy,
                      check_serving):
            with tap.trying(check.__name__.replace('check_', '').replace('_', ' ')):
                check(folder)
    tap.end()


main()
