"""Promise: what the log of a run says of the weights is shown while it goes on."""

import fcntl
import os
import pty
import re
import select
import signal
import struct
import subprocess
import sys
import termios
from functools import partial

import pytest

from fairseq_l2rw.commands.main import main
from fairseq_l2rw.utils.errors import InputError

LOG = """
2026-01-01 | INFO | train_inner | epoch 001:     10 / 20 loss=5.5, weight_mean=0.9, num_updates=10
2026-01-01 | INFO | valid | epoch 001 | valid on 'valid' subset | loss 9 | num_updates 10
{"epoch": 1, "update": 0.9, "loss": "4.5", "num_updates": "18", "dev_loss": null}
epoch 001:     20 / 20 loss=4.5, weight_mean=0.8, num_updates=20
2026-01-01 | INFO | train | {"epoch": 1, "train_loss": "4", "train_num_updates": "20"}
"""


def test_watch_shows_the_last_values_and_their_course(tmp_path, capsys):
    (tmp_path / "train.log").write_text(LOG)
    main(["watch", str(tmp_path), "--once"])
    said = capsys.readouterr().out
    assert said.startswith("epoch 1, update 20\n")
    assert "loss                       4.5  █▁" in said and "dev_loss" not in said
    (tmp_path / "other.log").write_text("nothing\n")
    with pytest.raises(InputError, match="2 files"):
        main(["watch", str(tmp_path), "--once"])
    with pytest.raises(InputError, match="no line of statistics"):
        main(["watch", str(tmp_path / "other.log"), "--once"])


def test_watch_follows_a_log_on_a_terminal_of_any_width_until_it_is_interrupted(tmp_path):
    log = tmp_path / "train.log"
    log.write_text("the run begins\n")
    ours, theirs = pty.openpty()
    fcntl.ioctl(theirs, termios.TIOCSWINSZ, struct.pack("HHHH", 24, 60, 0, 0))
    command = [sys.executable, "-m", "fairseq_l2rw", "watch", log]
    its_own = {name: value for name, value in os.environ.items() if name != "COLUMNS"}
    # What a shell starts in the background ignores the signal of ctrl-c, and so would this.
    heeds = partial(signal.signal, signal.SIGINT, signal.SIG_DFL)
    watch = subprocess.Popen(command, stdin=theirs, stdout=theirs, env=its_own, preexec_fn=heeds)
    os.close(theirs)
    try:
        said = until(ours, "no line of statistics yet")
        with log.open("a") as file:
            file.write(LOG)
        said += until(ours, "epoch 1, update 20", "weight_mean")
        watch.send_signal(signal.SIGINT)
        assert watch.wait(60) == 130
    finally:
        watch.kill()
        watch.wait()
    os.close(ours)
    lines = re.sub(r"\x1b\[\d*[AJ]", "", said).splitlines()
    assert max(map(len, lines)) < 60 and "\x1b[1A\x1b[J" in said


def until(terminal, *texts):
    """What is written to a terminal until the last of some texts is there."""
    found = ""
    while not all(text in found for text in texts):
        assert select.select([terminal], [], [], 60)[0], f"{texts} are not in {found!r}"
        found += os.read(terminal, 1 << 16).decode(errors="replace")
    return found


def test_watch_ends_where_its_output_is_no_terminal(tmp_path):
    (tmp_path / "train.log").write_text(LOG)
    command = [sys.executable, "-m", "fairseq_l2rw", "watch", tmp_path]
    done = subprocess.run(command, capture_output=True, text=True, timeout=100, check=True)
    assert done.stdout.startswith("epoch 1, update 20\n")


def test_a_line_that_is_in_the_log_twice_is_shown_once(tmp_path, capsys):
    line = "epoch 001:     {0} / 20 loss={0}.5, num_updates={0}"
    log = tmp_path / "train.log"
    log.write_text("".join(f"{line.format(n)}\n" for n in (1, 2, 2, 2, 3)))
    main(["watch", str(log), "--once"])
    assert "▁▄█ " in capsys.readouterr().out.splitlines()[1].replace("▅", "▄")
