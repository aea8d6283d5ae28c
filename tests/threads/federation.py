# SPDX-License-Identifier: Apache-2.0
"""A federation of programs built with ThreadSanitizer, which ends the one that it has something to say of:
python3 federation.py BURGEE_UP"""

import os
import pathlib
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / 'policy'))
from policy import Tap  # noqa: E402

UP = pathlib.Path(sys.argv[1]).resolve()
SETTINGS = {'clients.count': 6, 'clients.cells': 2, 'rounds.count': 3, 'groups.size': 3, 'groups.least': 3,
            'data.rows': 900, 'data.least_rows': 8, 'model.spec': 'mlp:16', 'training.steps': 5, 'robust.rule': 'mean',
            'encryption.bits': 512, 'encryption.s': 1, 'masks.table_bytes': 65536}

tap = Tap()
with tap.trying('key holder, root and clients'), tempfile.TemporaryDirectory(prefix='burgee-') as place:
    words = [part for key, value in SETTINGS.items() for part in ('--set', f'{key}={value}')]
    environment = dict(os.environ, TMPDIR=place, TSAN_OPTIONS=f'log_path={place}/said halt_on_error=1')
    done = subprocess.run([UP, *words, '--insecure-test-key'], env=environment, capture_output=True, text=True,
                          timeout=240)
    said = '\n'.join(path.read_text() for path in sorted(pathlib.Path(place).glob('said.*')))
    assert done.returncode == 0 and not said, f'exit {done.returncode}: {done.stderr}\n{said}'
tap.end()
