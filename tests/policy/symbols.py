# SPDX-License-Identifier: Apache-2.0
"""What the built programs and libraries contain: symbols.py BUILD_FOLDER."""

import pathlib
import re
import subprocess
import sys

from policy import Tap

BUILD = pathlib.Path(sys.argv[1])
SECRET_LIBRARY = BUILD / 'crypto' / 'libcrypto_secret.a'
# Beside what that library exports: names it would have to go by anywhere else, and the exponentiation that only
# secret keys need. AEAD ciphers decrypt, too: those of mbedTLS are none of Paillier's.
SECRET = re.compile(r'bg_(\w*decrypt|open_products|secret_(key|prime|pair|join|clear|evaluate))|__gmpz_powm_sec')
# Programs without Paillier's secret operations, and those that must have them: else the pattern proves nothing.
WITHOUT = ['burgee-client', 'burgee-aggregator']
WITH = ['burgee-keyholder', 'burgee-simulator']


def symbols(listing):
    """(type, name) of every line of nm's output."""
    found = [re.match(r'[0-9a-f ]{16,18}([A-Za-z]) (\S+)', line) for line in listing.splitlines()]
    return [(match[1], match[2]) for match in found if match]


def nm(path):
    return symbols(subprocess.run(['nm', path], check=True, text=True, capture_output=True).stdout)


def secret(names, exported=frozenset()):
    """Symbols that only holders of a secret key need; compilers add suffixes such as .part.0 to parts of one."""
    return [name for _, name in names if SECRET.match(name) or name.partition('.')[0] in exported]


def foreign(names):
    """Symbols that others can see (capital letter: global; U, V, W without definition aside) and are not ours."""
    return [name for kind, name in names if kind in 'TDBRSC' and not name.startswith('bg_')]


SAMPLE = symbols('''
bytes.c.o:
                 U __gmpz_powm_sec
                 U mbedtls_chachapoly_auth_decrypt
0000000000000008 t bg_secret_file_read
000000000000000a T bg_renamed
000000000000000c t bg_decrypt.part.0
0000000000000010 t open_digits
0000000000000020 T bg_secret_key_load
0000000000000030 T helper
0000000000000040 D bg_table
''')

tap = Tap()
SECRET_SAMPLE = ['__gmpz_powm_sec', 'bg_renamed', 'bg_decrypt.part.0', 'bg_secret_key_load']
tap.case('can fail: no secret operation in client and aggregator',
         [] if secret(SAMPLE, {'bg_renamed'}) == SECRET_SAMPLE else [f'found {secret(SAMPLE)}'])
EXPORTED = {name for kind, name in nm(SECRET_LIBRARY) if kind.isupper() and kind != 'U'}
tap.case('the library of secret keys exports decryption', [] if 'bg_decrypt' in EXPORTED else sorted(EXPORTED))
for program in WITHOUT:
    name = f'{program} contains no secret operation of Paillier'
    tap.case(name, secret(nm(BUILD / program), EXPORTED))
for program in WITH:
    name = f'{program} contains them, by the same names'
    tap.case(name, [] if secret(nm(BUILD / program), EXPORTED) else ['none found: has the naming changed?'])



def members(library):
    """{member: (defined, undefined)} of an archive."""
    listing = subprocess.run(['nm', library], check=True, text=True, capture_output=True).stdout
    found = {}
    for line in listing.splitlines():
        if line.endswith('.o:'):
            defined, undefined = found.setdefault(pathlib.PurePath(line[:-1]).name, (set(), set()))
        match = re.match(r'[0-9a-f ]{16,18}([A-Za-z]) (\S+)', line)
        if match:
            (undefined if match[1] == 'U' else defined).add(match[2])
    return found


def closure(found, start):
    """All that a linker would take from these members, beginning with some of them."""
    homes = {name: member for member, (defined, _) in found.items() for name in defined}
    reached, todo = set(), list(start)
    while todo:
        member = todo.pop()
        if member not in reached:
            reached.add(member)
            todo += [homes[name] for name in found[member][1] if name in homes]
    return reached


def opens_seals(found, reached):
    """Names defined in what was reached that open seals or seeds of pads."""
    names = (name for member in reached for name in found[member][0])
    return sorted(name for name in names if re.match(r'bg_(seal_open|sealing_key|pad_seed|group_sum)', name))


OURS = {}
for name in ('aggregator', 'base', 'wire', 'crypto', 'protocol', 'compress'):
    for member, names in members(BUILD / name / f'lib{name}.a').items():
        OURS[f'{name}/{member}'] = names
EDGE = [member for member in OURS if re.search(r'aggregator/(.*_)?edge(_\w+)?\.c\.o$', member)]
ROOT = [member for member in OURS if re.search(r'aggregator/(.*_)?root(_\w+)?\.c\.o$', member)]
tap.case('can fail: what a root needs opens seals', [] if opens_seals(OURS, closure(OURS, ROOT)) else ['nothing does'])
tap.case('there is an edge to look at', [] if len(EDGE) >= 3 else [f'only {EDGE}'])
tap.case('an edge needs nothing that opens seals or seeds of pads', opens_seals(OURS, closure(OURS, EDGE)))

tap.case('can fail: libraries export only bg_ names',
         [] if foreign(SAMPLE) == ['helper'] else [f'found {foreign(SAMPLE)}'])
# llhttp is built from its sources where a distribution has no library of it.
libraries = [path for path in sorted(BUILD.rglob('lib*.a'))
             if 'tests' not in path.relative_to(BUILD).parts and path.name != 'libllhttp.a']
tap.case('there are libraries to look at', [] if libraries else [f'no lib*.a under {BUILD.name}'])
for library in libraries:
    tap.case(f'{library.relative_to(BUILD)} exports only bg_ names', foreign(nm(library)))
tap.end()
