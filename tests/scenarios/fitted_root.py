# SPDX-License-Identifier: Apache-2.0
"""A root on the network whose model gets other tensors from a round that measures: fitted_root.py CLIENT AGGREGATOR
KEYHOLDER

It has another plan of the same epoch signed, and neither asks for an epoch meanwhile nor complains."""

import pathlib
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent / 'policy')]
from policy import Tap  # noqa: E402
from served import Federation  # noqa: E402

PROGRAMS = [pathlib.Path(argument).resolve() for argument in sys.argv[1:4]]

tap = Tap()
with tempfile.TemporaryDirectory() as place:
    world = Federation(pathlib.Path(place) / 'world', *PROGRAMS, settings=[
        'data.fit=federated', 'model.components=3', 'rounds.count=2'])
    try:
        with tap.trying('a federation measures, and learns under another plan'):
            world.set_up()
            root = world.start('root')
            for i in range(world.clients):
                world.start(f'client-{i}')
            root.wait('done')
            stages = [one['stage'] for one in root.told('ended')]
            assert stages[-2:] == ['learning', 'learning'] and len(stages) > 2, stages
            assert all(one['outcome'] == 'committed' for one in root.told('ended')), root.told('ended')
        with tap.trying('nothing of that is a failure'):
            assert not root.told('failed'), root.told('failed')
            assert 'level=warn' not in ''.join(line for line in root.errors.read_text().splitlines(True)
                                               if 'privacy rests' not in line), root.said()
    finally:
        world.stop()
tap.end()
