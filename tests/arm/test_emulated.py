# SPDX-License-Identifier: Apache-2.0
"""What ARM computes, under an emulator: python3 test_emulated.py aarch64|armhf FOLDER BURGEE_SIMULATOR.

Builds in FOLDER with package/cross.sh; skips where that finds its tools or the network missing. For 32 bits there is no
Criterion, so the federation alone tells whether limbs and sizes of 32 bits come to the same."""

import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / 'tests' / 'policy'))
from policy import Tap  # noqa: E402

PROCESSOR = sys.argv[1]
FOLDER = pathlib.Path(sys.argv[2])
NATIVE = str(pathlib.Path(sys.argv[3]).resolve())
EMULATED = {'aarch64': 'aarch64', 'armhf': 'arm'}[PROCESSOR]
KERNELS = {'aarch64': ['neon', 'portable'], 'armhf': ['portable']}[PROCESSOR]
OPTIONS = {'aarch64': ['-Dwerror=true', '-Dtests=enabled'], 'armhf': ['-Dtests=disabled']}[PROCESSOR]
EMULATOR = [str(ROOT / 'package' / 'emulate.sh'), EMULATED, f'{FOLDER}-sysroot']
UNAVAILABLE = 69
NAME = 'it builds'
BUILT = ['burgee-aggregator', 'burgee-bench', 'burgee-client', 'burgee-keyholder', 'burgee-simulator', 'burgee-up']

# Suites of Criterion that compare every kernel of the machine with the portable one or with GMP.
KERNEL_SUITES = {
    'aarch64': {'compress': ['kernel'], 'crypto': ['adic', 'cipher_kernels', 'slots']},
    'armhf': {},
}[PROCESSOR]
FEDERATION = {
    'data.rows': 1200, 'data.partition': 'dirichlet', 'model.spec': 'mlp:8', 'training.steps': 10, 'clients.count': 6,
    'groups.size': 3, 'rounds.count': 2, 'encryption.mode': 'paillier', 'encryption.bits': 2048, 'encryption.s': 2,
    'report.central': 'false',
}


def run(command, **options):
    return subprocess.run([str(word) for word in command], capture_output=True, text=True, **options)


def test_program(module):
    return f'tests/unit/{module}/test_{module}'


def build(tap):
    configured = run([ROOT / 'package' / 'cross.sh', PROCESSOR, FOLDER, '--buildtype=release', *OPTIONS])
    if configured.returncode == UNAVAILABLE:
        tap.skip(NAME, configured.stderr.strip().splitlines()[-1])
        tap.end()
    with tap.trying(NAME):
        assert configured.returncode == 0, configured.stdout + configured.stderr
        built = run(['ninja', '--quiet', '-C', FOLDER, *BUILT, *map(test_program, KERNEL_SUITES)])
        assert built.returncode == 0, built.stdout[-4000:]


def check_kernels(tap):
    with tap.trying(f'usable kernels: {", ".join(KERNELS)}'):
        told = run([*EMULATOR, FOLDER / 'burgee-bench', 'crypto', '--kernels', '--json'], check=True).stdout
        usable = [kernel['name'] for kernel in json.loads(told) if kernel['usable']]
        assert usable == KERNELS, told
    for module, suites in KERNEL_SUITES.items():
        with tap.trying(f'kernels of {module}: {", ".join(suites)}'):
            done = run([*EMULATOR, FOLDER / test_program(module), '--tap=-', '--filter',
                        f'@({"|".join(suites)})/*'], env=dict(os.environ, CRITERION_JOBS='2'))
            passed = re.findall(r'^ok - (\w+)::\w+(?!.*# SKIP)', done.stdout, re.M)
            assert done.returncode == 0 and set(passed) == set(suites), done.stdout + done.stderr


def check_federation(tap):
    with tap.trying('an encrypted federation comes to the same model'):
        settings = [word for key, value in FEDERATION.items() for word in ('--set', f'{key}={value}')]
        digests = []
        with tempfile.TemporaryDirectory() as folder:
            result = pathlib.Path(folder) / 'result.json'
            for program in ([NATIVE], [*EMULATOR, FOLDER / 'burgee-simulator']):
                run([*program, '--quiet', '--json', result, *settings], check=True)
                digests.append(json.loads(result.read_text())['summary']['model_digest'])
        assert digests[0] == digests[1], digests


def check_key_holder(tap):
    """No filter can be had under the emulator, nor without seccomp in the kernel: it says so, and serves."""
    name = 'a key holder serves where system calls cannot be filtered'
    with tap.trying(name), tempfile.TemporaryDirectory() as place:
        key_holder, folder = FOLDER / 'burgee-keyholder', pathlib.Path(place) / 'keyholder'
        run([*EMULATOR, key_holder, 'init', '--out', folder, '--set', 'population.name=harbour', '--set',
             'encryption.mode=off', '--set', 'groups.least=1', '--set', 'listen.address=127.0.0.1', '--set',
             'listen.port=0'], check=True)
        with subprocess.Popen([str(word) for word in [*EMULATOR, key_holder, 'serve', folder, '--json']], text=True,
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE) as served:
            told = served.stdout.readline()
            served.terminate()
            _, said = served.communicate(timeout=60)
        assert served.returncode == 0 and json.loads(told)['event'] == 'ready', f'{told}{said}'
        assert 'system calls are not filtered' in said, said


def main():
    tap = Tap()
    build(tap)
    check_kernels(tap)
    check_key_holder(tap)
    check_federation(tap)
    tap.end()


main()
