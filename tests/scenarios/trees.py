# SPDX-License-Identifier: Apache-2.0
"""Edges between clients and the root, and what must not depend on them: python3 trees.py BURGEE_SIMULATOR"""

from test_simulator import Tap, digest, run

# Four cells of two groups; who is absent is drawn per client, whoever serves it.
TREE = {'clients__count': 32, 'clients__cells': 4, 'data__least_rows': 2, 'encryption__mode': 'null',
        'groups__full_rounds': 1, 'rounds__count': 3, 'training__steps': 2}
ASSIGNMENTS = [{}, {'tree__edges': '2'}, {'tree__edges': '4', 'tree__assignment_seed': 5},
               {'tree__edges': '1-2-3', 'tree__assignment_seed': 9}]


def check_tree(tap):
    for name, settings in {
        'everybody in time': {},
        'absent members and partial groups': {'faults__dropout': 0.15},
        'a target of groups, which follows the measured availability': {
            'faults__dropout': 0.15, 'rounds__target_groups': 4},
    }.items():
        with tap.trying(f'{name}: the same model for any assignment of cells to aggregators'):
            digests = {digest(**TREE, **settings, **assignment) for assignment in ASSIGNMENTS}
            assert len(digests) == 1, digests
    with tap.trying('encryption changes no bit with edges'):
        few = {**TREE, 'rounds__count': 1, 'clients__count': 16}
        encrypted = digest(**{**few, 'encryption__mode': 'paillier'}, encryption__s=1, tree__edges='2-3')
        assert encrypted == digest(**few) == digest(**few, tree__edges='2-3'), 'differs'
    with tap.trying('edges keep ciphertexts away from the root'):
        large = {**TREE, 'model__spec': 'mlp:64-32', 'encryption__bits': 2048}
        without, with_edges = run(**large), run(**large, tree__edges='4')
        for plain, tree in zip(without['rounds'], with_edges['rounds']):
            assert tree['tree']['reports'] == tree['groups_invited'] and plain['tree']['reports'] == 0
            root, edges = tree['tree']['levels']
            alone, = plain['tree']['levels']
            assert edges['bytes_up'] >= alone['bytes_up'] > 1.5 * root['bytes_up'], (alone, root, edges)
            assert edges['begin_seconds'] < root['begin_seconds'] < root['end_seconds'] <= tree['virtual_seconds']
    with tap.trying('groups of a dead edge sit out, and the run goes on'):
        result = run(**TREE, tree__edges='4', faults__edge_down=0.4)
        down = [one['tree']['edges_down'] for one in result['rounds']]
        late = [one['groups_late'] for one in result['rounds']]
        assert any(down) and [2 * edges for edges in down] == late, (down, late)
        assert all(one['outcome'] == 'committed' for one, edges in zip(result['rounds'], down) if edges < 4), down
    with tap.trying('an edge that returns in time brings all its groups'):
        settings = {**TREE, 'faults__edge_down': 0.4, 'faults__edge_return': 1}
        result = run(**settings, tree__edges='4')
        assert sum(one['tree']['edges_down'] for one in result['rounds']) > 1
        assert not any(one['groups_late'] for one in result['rounds']), result['rounds']
        assert result['summary']['model_digest'] == digest(**TREE), 'another model'
    for edges in '4', '2-4':
        with tap.trying(f'clients of a dead edge turn elsewhere and lose nothing: tree.edges={edges}'):
            result = run(**TREE, tree__edges=edges, faults__edge_down=0.3, faults__rehome=1)
            assert sum(one['tree']['clients_moved'] for one in result['rounds']) > 5
            assert all(one['groups_late'] + one['groups_refused'] == 0 for one in result['rounds']), result['rounds']
            assert result['summary']['model_digest'] == digest(**TREE), 'another model'
    with tap.trying('an edge that returns after its clients have left does no harm'):
        result = run(**{**TREE, 'rounds__count': 5}, tree__edges='4', faults__edge_down=0.6, faults__edge_return=0.7,
                     faults__rehome=2, faults__dropout=0.05, link__loss=0.01)
        assert sum(one['tree']['clients_moved'] for one in result['rounds']) > 5
        assert result['summary']['rounds_committed'] > 3, result['summary']


def main():
    tap = Tap()
    check_tree(tap)
    tap.end()


if __name__ == '__main__':
    main()
