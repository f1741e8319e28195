"""What running `fairseq-train` processes are doing, on one line that is always visible."""

from __future__ import annotations

import fcntl
import json
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Mapping, Sequence
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


def describe(record: Mapping[str, Any], epochs: int) -> str | None:
    """Return 'epoch 2/12 update 400/2400 loss 4.1 ...', or None for a record of another kind."""
    if "update" not in record or "num_updates" not in record:
        return None
    done = int(float(record["num_updates"]))
    passes = float(record["update"])
    total = round(done / passes * epochs) if passes > 0 else 0
    parts = [f"epoch {record['epoch']}/{epochs}", f"update {done}/{max(total, done)}"]
    return " ".join([*parts, *(f"{key} {record[key]}" for key in WATCHED if key in record)])


class Job:
    """A training process and its log, which is read as it grows."""

    def __init__(self, name: str, command: Sequence[str], log: Path, epochs: int) -> None:
        """Start the process; its output is appended to `log`."""
        self.name = name
        self.log = log
        self.status = "starting"
        self._command = command[0]
        self._epochs = epochs
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
                self.status = describe(record, self._epochs) or self.status

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


def status_line(jobs: Sequence[Job], seconds: float) -> str:
    """Return one line about all jobs."""
    states = [f"{job.name}: {job.status if job.running else 'done'}" for job in jobs]
    minutes, rest = divmod(int(seconds), 60)
    return " | ".join([f"{minutes}:{rest:02d}", *states])


def _draw(line: str) -> None:
    width = shutil.get_terminal_size().columns - 1
    sys.stdout.write("\r\x1b[K" + line[:width])
    sys.stdout.flush()


def _interrupt(signal_number: int, frame: object) -> None:
    raise KeyboardInterrupt


def follow(jobs: Sequence[Job], interval: float = 0.5) -> None:
    """Wait for all jobs and show where they are; one that fails, or Ctrl-C, stops the others."""
    live = sys.stdout.isatty()
    begin = time.monotonic()
    shown = begin - QUIET_SECONDS + 5.0  # the first line comes early: something is happening
    before = signal.signal(signal.SIGTERM, _interrupt)
    left = list(jobs)
    try:
        while left:
            time.sleep(interval)
            now = time.monotonic()
            for job in left:
                job.update()
            if live:
                _draw(status_line(jobs, now - begin))
            elif now - shown >= QUIET_SECONDS:
                say(status_line(jobs, now - begin))
                shown = now
            for job in [job for job in left if not job.running]:
                left.remove(job)
                job.close()
        if jobs:
            say(("\n" if live else "") + "train: done")
    except KeyboardInterrupt:
        sys.exit("\ninterrupted: the same command again goes on from the last checkpoint")
    finally:
        signal.signal(signal.SIGTERM, before)
        for job in jobs:
            job.stop()
