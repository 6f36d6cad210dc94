#!/usr/bin/env python3
"""Runs a command that runs tests, and ends it where it stands still: watched.py EVENTS SECONDS COMMAND...

EVENTS is what `swift test --event-stream-output-path` writes. Where nothing was added to it for SECONDS, says which tests
had begun and not ended, which processes there are below the command and where their threads stand (by gdb, where there is
one), and kills them. Exits with what the command exited with.
"""
import os
import shutil
import signal
import subprocess
import sys
import time

import closing


def processes():
    """Parent and command line of every process."""
    found = {}
    for name in filter(str.isdigit, os.listdir("/proc")):
        try:
            stat = open(f"/proc/{name}/stat", encoding="utf-8", errors="replace").read()
            line = open(f"/proc/{name}/cmdline", encoding="utf-8", errors="replace").read().replace("\0", " ").strip()
        except OSError:
            continue  # It ended meanwhile.
        found[int(name)] = int(stat.rpartition(")")[2].split()[1]), line
    return found


def below(root):
    """The processes below one, parents first."""
    found, reached = processes(), [root]
    for process in reached:
        reached += [child for child, (parent, _) in found.items() if parent == process]
    return [(process, found[process][1]) for process in reached[1:] if process in found]


def stacks(process):
    if not shutil.which("gdb"):
        return "no gdb"
    command = ["gdb", "-p", str(process), "-batch", "-nx", "-ex", "thread apply all backtrace 40"]
    try:
        return subprocess.run(command, capture_output=True, text=True, timeout=120, errors="replace").stdout
    except subprocess.TimeoutExpired as expired:
        return str(expired)


def tell(root, events, seconds):
    tests, happened, _ = closing.read(events)
    print(f"\nnothing happened for {seconds} s; under way:", flush=True)
    for identity, known in happened.items():
        kinds = [event["kind"] for event in known]
        # All tests of a suite are told as begun at once; their cases as they begin.
        if kinds.count("testCaseStarted") > kinds.count("testCaseEnded"):
            print(f"  {closing.test_name(tests[identity])}")
    all_below = below(root)
    for process, line in all_below:
        print(f"  process {process}: {line[:300]}")
    for process, line in all_below:
        if ".xctest" in line or "/asof " in line:
            print(f"threads of {process}:\n{stacks(process)}", flush=True)
    for process, _ in reversed(all_below):
        try:
            os.kill(process, signal.SIGKILL)
        except ProcessLookupError:
            pass


def main(events, seconds, command):
    running = subprocess.Popen(command, stdin=subprocess.DEVNULL)
    size, since = -1, time.monotonic()
    while True:
        try:
            return running.wait(timeout=5)
        except subprocess.TimeoutExpired:
            pass
        except KeyboardInterrupt:
            continue  # The command has the signal, too, and ends.
        now = os.path.getsize(events) if os.path.exists(events) else 0
        if now != size:
            size, since = now, time.monotonic()
        elif time.monotonic() - since > seconds:
            tell(running.pid, events, seconds)
            since = time.monotonic()


if __name__ == "__main__":
    code = main(sys.argv[1], float(sys.argv[2]), sys.argv[3:])
    sys.exit(code if code >= 0 else 128 - code)
