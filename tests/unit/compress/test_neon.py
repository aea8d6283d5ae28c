# SPDX-License-Identifier: Apache-2.0
"""The codec's kernels on an emulated ARM processor, where cross compiler and emulator are installed."""

import pathlib
import shutil
import subprocess
import sys
import tempfile

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent.parent
sys.path.insert(0, str(ROOT / 'tests' / 'policy'))
from policy import Tap  # noqa: E402

COMPILER, EMULATOR = 'aarch64-linux-gnu-gcc', 'qemu-aarch64-static'
SOURCES = [*sorted((ROOT / 'compress').glob('kernel*.c')),
           *(ROOT / 'base' / name for name in ('cpu.c', 'math.c', 'prng.c')),
           *(ROOT / 'tests' / 'unit' / 'compress' / name for name in ('kernel_checks.c', 'check_kernels.c'))]


def main():
    tap = Tap()
    missing = [name for name in (COMPILER, EMULATOR) if not shutil.which(name)]
    name = 'NEON gives the bits of the portable kernel'
    if missing:
        tap.skip(name, f'{" and ".join(missing)} not installed')
        tap.end()
    with tap.trying(name), tempfile.TemporaryDirectory() as folder:
        program = pathlib.Path(folder) / 'check_kernels'
        subprocess.run([COMPILER, '-O2', '-std=gnu17', '-D_GNU_SOURCE', '-ffp-contract=off', '-static', f'-I{ROOT}',
                        '-o', program, *SOURCES, '-lm'], check=True)
        done = subprocess.run([EMULATOR, program], capture_output=True, text=True)
        assert done.returncode == 0 and done.stdout.split() == ['neon', 'portable'], done.stdout + done.stderr
    tap.end()


main()
