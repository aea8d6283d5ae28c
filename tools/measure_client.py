#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""What one device costs: tools/measure_client.py BUILD [--bits 3072] [--rounds 6] [--json FILE]

Starts a key holder, a root and four clients on loopback, in a temporary folder, and watches one of the clients: how
long it takes to be ready, and how much memory it has before the first round, while it trains and encrypts, between
rounds, and in a pause of more than ten seconds. Memory is that of /proc/PID/status, in KiB; the largest values come
from samples while it works. The program is stripped, as it is installed."""

import argparse
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import threading
import time

CLIENTS = 4
PATIENCE = 300


class Events:
    """A program that prints one JSON object per line, and what it has said so far."""

    def __init__(self, *words, log):
        self.began = time.monotonic()
        self.said, self.heard = [], threading.Condition()
        self.process = subprocess.Popen([str(word) for word in words], stdout=subprocess.PIPE, stderr=log, text=True)
        threading.Thread(target=self.listen, daemon=True).start()

    def listen(self):
        for line in self.process.stdout:
            with self.heard:
                self.said.append((time.monotonic() - self.began, json.loads(line)))
                self.heard.notify_all()
        with self.heard:
            self.said.append((time.monotonic() - self.began, {'event': 'gone'}))
            self.heard.notify_all()

    def count(self, name):
        return sum(event['event'] == name for _, event in self.said)

    def wait(self, name, count=1):
        """The `count`th event of this name."""
        with self.heard:
            if not self.heard.wait_for(lambda: self.count(name) >= count or self.count('gone'), PATIENCE):
                raise RuntimeError(f'no {name} from {self.process.args[0]}')
        found = [(at, event) for at, event in self.said if event['event'] == name]
        if len(found) < count:
            raise RuntimeError(f'{self.process.args[0]} ended before its event {name}')
        return found[count - 1]

    def end(self):
        self.process.terminate()
        try:
            return self.process.wait(10)
        except subprocess.TimeoutExpired:
            self.process.kill()
            return self.process.wait()


def memory(pid):
    """VmRSS and its parts; None once the process has ended."""
    try:
        status = pathlib.Path(f'/proc/{pid}/status').read_text()
    except OSError:
        return None
    return {key: int(re.search(rf'^{key}:\s*(\d+)', status, re.M)[1])
            for key in ('VmRSS', 'RssAnon', 'RssFile', 'Threads') if re.search(rf'^{key}:', status, re.M)}


class Sampler:
    """The largest of each value since `begin`."""

    def __init__(self, pid):
        self.pid, self.most, self.stopped = pid, {}, threading.Event()
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        while not self.stopped.wait(0.002):
            now = memory(self.pid) or {}
            for key, value in now.items():
                self.most[key] = max(value, self.most.get(key, 0))

    def end(self):
        self.stopped.set()
        self.thread.join()
        return self.most


def rest(pid, held):
    """Without a root pauses grow until it frees what it can make again."""
    until = time.monotonic() + PATIENCE / 4
    while memory(pid)['RssAnon'] > 0.6 * held['RssAnon'] and time.monotonic() < until:
        time.sleep(0.1)
    return memory(pid)


class Federation:
    def __init__(self, build, folder, bits, rounds, log, settings=()):
        self.folder, self.log = pathlib.Path(folder), log
        self.programs = {name: build / f'burgee-{name}' for name in ('client', 'aggregator', 'keyholder')}
        stripped = self.folder / 'burgee-client'
        subprocess.run(['strip', '-o', stripped, self.programs['client']], check=True)
        self.programs['client'] = stripped
        self.running = []
        insecure = ['--insecure-test-key'] if bits < 2048 else []
        self.client_settings = ['--set', 'data.kind=synthetic', '--set', 'data.rows=10000',
                                '--set', 'network.poll_seconds=0.05', *insecure]
        self.call('keyholder', 'init', '--out', 'kh', '--bits', bits, *insecure, '--quiet')
        self.keyholder = self.start('keyholder', 'serve', self.folder / 'kh', '--set', 'listen.address=127.0.0.1',
                                    '--set', 'listen.port=0')
        self.url = self.keyholder.wait('ready')[1]['url']
        self.call('aggregator', 'init', 'root', *insecure, '--quiet', '--set', f'rounds.count={rounds}',
                  '--set', 'listen.address=127.0.0.1', '--set', 'listen.port=0',
                  *[word for setting in settings for word in ('--set', setting)])
        self.call('aggregator', 'enrol', 'root', self.url, self.token('root'), '--quiet')
        self.root = self.start('aggregator', 'serve', self.folder / 'root')
        self.root_url = self.root.wait('ready')[1]['url']

    def call(self, program, *words):
        return subprocess.run([str(self.programs[program]), *map(str, words)], cwd=self.folder, check=True,
                              stdout=subprocess.PIPE, stderr=self.log, text=True, timeout=PATIENCE).stdout

    def start(self, program, *words):
        started = Events(self.programs[program], *words, '--json', log=self.log)
        self.running.append(started)
        return started

    def token(self, role):
        return self.call('keyholder', 'token', 'new', 'kh', '--role', role).strip()

    def enrol(self, name):
        self.call('client', 'enrol', name, self.url, self.token('client'), '--quiet')

    def run(self, name):
        return self.start('client', 'run', self.folder / name, '--set', f'root.url={self.root_url}',
                          *self.client_settings)

    def end(self):
        return [program.end() for program in reversed(self.running)]


def measure(federation, rounds):
    figures = {'program_bytes': federation.programs['client'].stat().st_size}
    for i in range(CLIENTS):
        federation.enrol(f'c{i}')
    starts = []
    for _ in range(5):
        probe = federation.run('c0')
        starts.append(probe.wait('ready')[0])
        probe.end()
    figures['ready_ms'] = round(1000 * sorted(starts)[len(starts) // 2], 1)
    watched = federation.run('c0')
    pid = watched.process.pid
    watched.wait('ready')
    time.sleep(2)  # it has asked the root by then, and has nothing to do
    figures['before'] = memory(pid)
    sampler = Sampler(pid)
    others = [federation.run(f'c{i}') for i in range(1, CLIENTS)]
    watched.wait('receipt', rounds)
    figures['working'] = sampler.end()
    for other in others:
        other.wait('receipt', rounds)
    time.sleep(3)  # its pool of masks is full again, its connection closed
    figures['between'] = memory(pid)
    federation.root.end()
    figures['resting'] = rest(pid, figures['between'])
    sent = [event['bytes'] for _, event in watched.said if event['event'] == 'sent']
    figures['update_bytes'] = max(sent)
    return figures


def main():
    parser = argparse.ArgumentParser(description=__doc__.split('\n')[0])
    parser.add_argument('build', type=pathlib.Path)
    parser.add_argument('--bits', type=int, default=3072)
    parser.add_argument('--rounds', type=int, default=6)
    parser.add_argument('--json', type=pathlib.Path)
    arguments = parser.parse_args()
    folder = tempfile.mkdtemp(prefix='burgee-measure-')
    federation = None
    with open(os.path.join(folder, 'log'), 'w', encoding='utf-8') as log:
        try:
            federation = Federation(arguments.build.resolve(), folder, arguments.bits, arguments.rounds, log)
            figures = measure(federation, arguments.rounds)
        except (RuntimeError, subprocess.SubprocessError) as error:
            log.flush()
            print(pathlib.Path(folder, 'log').read_text(encoding='utf-8')[-2000:], error, sep='\n', file=sys.stderr)
            return 1
        finally:
            if federation:
                federation.end()
            shutil.rmtree(folder)
    for key, value in figures.items():
        print(f'{key:14} {value}')
    if arguments.json:
        arguments.json.write_text(json.dumps(figures, indent=2) + '\n', encoding='utf-8')
    return 0


if __name__ == '__main__':
    sys.exit(main())
