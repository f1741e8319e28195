"""What running `fairseq-train` processes are doing, on one line that is always visible."""

from __future__ import annotations

import fcntl
import json
import shutil
import signal
import subprocess
import sys
import time
from collections import deque
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from steps import environment, fail, say, short, tool

# Into a file or a pipe a line is written this often, in seconds; a terminal's line is kept current.
QUIET_SECONDS = 15.0
# Loss, and how far the weights are from uniform (spread 0, effective sample size 1).
WATCHED = ("loss", "weight_std", "weight_ess")


def parse_record(line: str) -> dict[str, Any] | None:
    """Return the statistics in a line of a log made with `--log-format json`, if it has any."""
    start = line.find("| {")
    if start < 0:
        return None
    try:
        record = json.loads(line[start + 2 :])
    except json.JSONDecodeError:
        return None
    return record if isinstance(record, dict) else None


def describe(record: Mapping[str, Any], updates: int) -> str | None:
    """Return 'epoch 2 update 400/2400 loss 4.1 ...', or None for a record of another kind."""
    if "update" not in record or "num_updates" not in record:
        return None
    parts = [f"epoch {record['epoch']}", f"update {record['num_updates']}/{updates}"]
    parts += [f"{key} {float(record[key]):.4g}" for key in WATCHED if record.get(key)]
    return " ".join(parts)


class Job:
    """A training process and its log, which is read as it grows."""

    def __init__(self, name: str, command: Sequence[str], log: Path, updates: int) -> None:
        """Start the process; its output is appended to `log`."""
        self.name = name
        self.log = log
        self.status = "starting"
        self._command = command[0]
        self._updates = updates
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("ab") as file:
            try:
                # The child inherits the lock and keeps it for as long as it lives, also without us.
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                sys.exit(f"{short(log)}: a training that was started before is still writing there")
            self._growing = log.open("rb")
            self._growing.seek(0, 2)
            self._process = subprocess.Popen(
                [tool(command[0]), *command[1:]],
                stdout=file,
                stderr=subprocess.STDOUT,
                env=environment(),
            )

    def update(self) -> None:
        """Read what the process has written since the last call."""
        for line in self._growing.read().decode("utf-8", errors="replace").splitlines():
            record = parse_record(line)
            if record:
                self.status = describe(record, self._updates) or self.status

    @property
    def running(self) -> bool:
        """Whether the process is still at work."""
        return self._process.poll() is None

    def close(self) -> None:
        """Let go of a process that has ended; a failure leaves the program with its log's end."""
        code = self._process.wait()
        self._growing.close()
        if code:
            fail(self._command, code, self.log)

    def stop(self) -> None:
        """End the process if it is still running."""
        if self.running:
            self._process.terminate()
            self._process.wait()


def status_line(jobs: Sequence[Job], done: int, total: int, seconds: float) -> str:
    """Return one line: time, how many of all are done, and every job that is running."""
    minutes, rest = divmod(int(seconds), 60)
    states = [f"{job.name}: {job.status}" for job in jobs if job.running]
    return " | ".join([f"{minutes}:{rest:02d}", f"{done}/{total} done", *states])


class _Screen:
    """A line that is kept current on a terminal, and written now and then elsewhere."""

    def __init__(self) -> None:
        self._live = sys.stdout.isatty()
        self._begin = time.monotonic()
        # The first line comes early: something is happening.
        self._shown = self._begin - QUIET_SECONDS + 5.0
        self._drawn = False

    def show(self, jobs: Sequence[Job], done: int, total: int) -> None:
        """Read what the jobs have written and show it."""
        for job in jobs:
            job.update()
        now = time.monotonic()
        line = status_line(jobs, done, total, now - self._begin)
        if self._live:
            width = shutil.get_terminal_size().columns - 1
            sys.stdout.write("\r\x1b[K" + line[:width])
            sys.stdout.flush()
            self._drawn = True
        elif now - self._shown >= QUIET_SECONDS:
            say(line)
            self._shown = now

    def end(self) -> None:
        """Leave the line."""
        if self._drawn:
            say("")


def _interrupt(signal_number: int, frame: object) -> None:
    raise KeyboardInterrupt


def follow(
    chains: Iterable[Iterator[Job]], side_by_side: int | None = None, interval: float = 0.5
) -> None:
    """Run chains of jobs to their ends and show where they are.

    A job that fails, or Ctrl-C, stops all.

    Args:
        chains: each starts its next job when the one before has ended.
        side_by_side: how many chains may be under way at once; all, if not given.
        interval: seconds between two looks.
    """
    waiting = deque(chains)
    total = len(waiting)
    active: dict[Iterator[Job], Job] = {}
    screen = _Screen()
    before = signal.signal(signal.SIGTERM, _interrupt)
    try:
        while active or waiting:
            while waiting and len(active) < (side_by_side or total):
                _advance(waiting.popleft(), active)
            time.sleep(interval)
            screen.show(list(active.values()), total - len(active) - len(waiting), total)
            for chain, job in list(active.items()):
                if not job.running:
                    job.close()
                    del active[chain]
                    _advance(chain, active)
        screen.end()
    except KeyboardInterrupt:
        sys.exit("\ninterrupted: the same command again goes on from the last checkpoint")
    finally:
        signal.signal(signal.SIGTERM, before)
        for job in active.values():
            job.stop()


def _advance(chain: Iterator[Job], active: dict[Iterator[Job], Job]) -> None:
    """Let a chain go on to its next job, if it has one."""
    job = next(chain, None)
    if job is not None:
        active[chain] = job
