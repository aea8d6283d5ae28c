# SPDX-License-Identifier: Apache-2.0
"""burgee VERB, which becomes burgee-VERB: python3 test_burgee.py BURGEE"""

import os
import pathlib
import shutil
import subprocess
import sys
import tempfile

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent / 'policy'))
from policy import Tap  # noqa: E402

PROGRAM = pathlib.Path(sys.argv[1]).resolve()
INVALID, IO = 64, 74


class Place:
    """A folder with a copy of burgee, and one that stands in PATH."""

    def __init__(self, folder):
        self.home, self.path = (pathlib.Path(folder) / name for name in ('home', 'path'))
        self.home.mkdir()
        self.path.mkdir()
        shutil.copy(PROGRAM, self.home / 'burgee')

    def add(self, folder, name, text, mode=0o755):
        program = folder / name
        program.write_text(f'#!/bin/sh\n{text}\n')
        program.chmod(mode)

    def run(self, *words):
        environment = dict(os.environ, PATH=f'{self.path}:/usr/bin:/bin')
        return subprocess.run([self.home / 'burgee', *words], env=environment, capture_output=True, text=True,
                              timeout=20)


def in_place(check):
    def run():
        with tempfile.TemporaryDirectory() as folder:
            check(Place(folder))
    return run


@in_place
def hands_over(place):
    place.add(place.home, 'burgee-greet', 'printf "%s|" "$@"; exit 7')
    done = place.run('greet', '--loud', 'two words', '')
    assert (done.returncode, done.stdout) == (7, '--loud|two words||'), done


@in_place
def prefers_its_own_folder(place):
    place.add(place.path, 'burgee-greet', 'echo path')
    assert place.run('greet').stdout == 'path\n'
    place.add(place.home, 'burgee-greet', 'echo home')
    assert place.run('greet').stdout == 'home\n'


@in_place
def lists(place):
    place.add(place.home, 'burgee-simulator', 'exit 0')
    place.add(place.path, 'burgee-greet', 'exit 0')
    place.add(place.path, 'burgee-greet.txt', 'exit 0')
    place.add(place.path, 'burgee-plain', 'exit 0', mode=0o644)
    (place.path / 'burgee-folder').mkdir()
    for words in (['--help'], ['help']):
        done = place.run(*words)
        verbs = [line.split()[0] for line in done.stdout.splitlines() if line.startswith('  ')]
        assert done.returncode == 0 and verbs == ['greet', 'simulator', 'burgee', 'burgee'], done
        assert 'virtual clock' in done.stdout, done.stdout


@in_place
def helps(place):
    place.add(place.home, 'burgee-greet', 'echo "$@"')
    assert place.run('help', 'greet').stdout == '--help\n'
    assert place.run('--version').stdout.startswith('burgee ')


@in_place
def suggests(place):
    place.add(place.home, 'burgee-simulator', 'exit 0')
    for word, says in {'simulater': '"simulator"', 'sim': '"simulator"', 'elephant': '--help', '../x': '--help',
                       '--loud': '--help'}.items():
        done = place.run(word)
        assert done.returncode == INVALID and not done.stdout, done
        assert says in done.stderr and word in done.stderr and done.stderr.count('\n') == 1, done.stderr
    assert place.run().returncode == INVALID


@in_place
def names_what_cannot_run(place):
    (place.home / 'burgee-broken').write_bytes(b'\x7fELF nothing of the kind')
    (place.home / 'burgee-broken').chmod(0o755)
    done = place.run('broken')
    assert done.returncode == IO and 'burgee-broken' in done.stderr, done


tap = Tap()
for name, check in {'a verb gets all words and gives its exit status': hands_over,
                    'a program beside it comes before one in PATH': prefers_its_own_folder,
                    'help lists what can be run, and nothing else': lists,
                    'help VERB is VERB --help': helps,
                    'an unknown verb is refused, with what may be meant': suggests,
                    'a program that cannot run is named': names_what_cannot_run}.items():
    with tap.trying(name):
        check()
tap.end()
