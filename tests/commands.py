"""fairseq's commands on a tiny corpus, as a user runs them: in processes of their own."""

import logging
import multiprocessing
import os
import random
import re
import subprocess
import sys
import tempfile
import time
import traceback
from pathlib import Path

import torch
import torch._decomp.decompositions_for_jvp  # two seconds that every fork would take again
import torch._dynamo
from benchmarking.workers import commands as worker_commands
from fairseq import options
from fairseq.dataclass.utils import convert_namespace_to_omegaconf
from fairseq_cli import generate as fairseq_generate
from fairseq_cli import preprocess as fairseq_preprocess
from fairseq_cli import train as fairseq_train

import fairseq_l2rw

PLUGIN = Path(fairseq_l2rw.__file__).parent
BIN = Path(sys.executable).parent
ENVIRONMENT = {**os.environ, "OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}
STUDENT = [
    *("--arch", "transformer", "--share-all-embeddings", "--dropout", "0.1"),
    *("--encoder-layers", "1", "--encoder-embed-dim", "16", "--encoder-ffn-embed-dim", "16"),
    *("--decoder-layers", "1", "--decoder-embed-dim", "16", "--decoder-ffn-embed-dim", "16"),
    *("--encoder-attention-heads", "2", "--decoder-attention-heads", "2"),
]
TRAINING = [
    *("--optimizer", "adam", "--lr", "0.003", "--clip-norm", "1.0", "--label-smoothing", "0.1"),
    *("--max-tokens", "200", "--num-workers", "0", "--log-format", "simple", "--log-interval", "1"),
    # fairseq would drop the longest sentences where their batch is no multiple of 8.
    *(
        "--required-batch-size-multiple",
        "1",
        "--no-progress-bar",
        "--no-epoch-checkpoints",
        "--cpu",
        "--seed",
        "5",
    ),
]
OURS = [
    *("--task", "l2rw_translation", "--criterion", "l2rw_label_smoothed_cross_entropy"),
    *("--meta-subset", "meta", "--weighting-warmup", "4", "--meta-max-tokens", "150"),
    *("--meta-interval", "4"),
]
PLAIN = ["--task", "translation", "--criterion", "label_smoothed_cross_entropy"]


def _warm_up():
    """Parse a command line: the first one takes a process a third of a second more than others."""
    parser = options.get_training_parser()
    given = options.parse_args_and_arch(parser, [*STUDENT, *TRAINING, *PLAIN, "."])
    convert_namespace_to_omegaconf(given)


_warm_up()


def run(name, *flags, check=True, cwd=None):
    """Run a fairseq command to its end; returns the finished process with its output."""
    done = subprocess.run(
        [str(BIN / name), *map(str, flags)],
        env=ENVIRONMENT,
        cwd=cwd,
        capture_output=True,
        text=True,
        check=False,
    )
    assert not check or done.returncode == 0, done.stderr[-9000:]
    return done


def train_flags(data, *flags):
    """What comes after `fairseq-train` on this corpus."""
    return [str(data), "--user-dir", str(PLUGIN), *STUDENT, *TRAINING, *map(str, flags)]


class Run:
    """A command of fairseq that is going on, in a fork of this process for each of its workers.

    The same function that the command calls, without three seconds of imports each time.

    Args:
        module: of ``fairseq_cli``.
        flags: of the command, by worker.
    """

    def __init__(self, module, *flags):
        self.files = [(_file(), _file()) for _ in flags]
        self.processes = [
            multiprocessing.get_context("fork").Process(
                target=_main, args=(module, [module.__name__, *map(str, given)], *files)
            )
            for given, files in zip(flags, self.files, strict=True)
        ]
        for process in self.processes:
            process.start()

    def texts(self):
        """What the first worker has written so far, out and err."""
        return [_written(file) for file in self.files[0]]

    def wait_for_update(self, number):
        """Until so many updates are done; returns whether it came to them."""
        while not re.search(rf"num_updates={number}\b", self.texts()[0]):
            if not self.processes[0].is_alive():
                return False
            time.sleep(0.02)
        return True

    def kill(self):
        """At once, whatever it does, with no chance to clean up."""
        for process in self.processes:
            process.kill()
            process.join()

    def finish(self, check=True):
        """Wait for its end; returns the finished first worker with its output."""
        for process in self.processes:
            process.join()
        out, err = self.texts()
        err = "".join([*(_written(others) for _, others in self.files[1:]), err])
        code = max(abs(process.exitcode) for process in self.processes)
        assert not check or code == 0, err[-9000:]
        return subprocess.CompletedProcess([], code, out, err)


def _file():
    """A file that goes when nothing has it open any more."""
    return tempfile.TemporaryFile("w+")


def _written(file):
    """All of a file; a worker goes on to write where it is, so nobody else may move in it."""
    return os.pread(file.fileno(), os.fstat(file.fileno()).st_size, 0).decode()


def start(data, *flags, workers=1, back_end="legacy_ddp"):
    """Begin a fairseq-train on some workers."""
    given = train_flags(data, *flags)
    commands = worker_commands(given, workers, back_end)
    return Run(fairseq_train, *(command[command.index(given[0]) :] for command in commands))


def train(data, *flags, check=True, workers=1, back_end="legacy_ddp"):
    """Run fairseq-train to its end."""
    return start(data, *flags, workers=workers, back_end=back_end).finish(check)


def refusal(done):
    """The one line of a run that was refused."""
    assert done.returncode == 1 and "Traceback" not in done.stderr
    line = done.stderr.strip().splitlines()[-1]
    assert line.startswith("fairseq-l2rw: ")
    return line


def translate(data, checkpoint, *flags, check=True):
    """Run fairseq-generate on the split `valid` to its end."""
    common = [data, "--user-dir", PLUGIN, "--path", checkpoint, "--gen-subset", "valid", "--cpu"]
    common += ["--beam", "1", "--max-len-b", "12", "--required-batch-size-multiple", "1"]
    return Run(fairseq_generate, [*common, *flags]).finish(check)


def _main(module, command, out, err):
    """What the interpreter does with a command, on other files."""
    os.dup2(out.fileno(), 1)
    os.dup2(err.fileno(), 2)
    sys.stdout = open(1, "w", buffering=1, closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", buffering=1, closefd=False)  # noqa: SIM115
    logging.disable(logging.NOTSET)  # a benchmark in this process may have silenced it
    logging.basicConfig(
        format="%(message)s", level="INFO", stream=sys.stdout, force=True
    )  # as fairseq's command does on import, on its own standard output
    torch.set_num_threads(1)
    sys.argv = command
    code = 0
    try:
        module.cli_main()
        if torch.distributed.is_initialized():  # fairseq leaves it to the interpreter
            torch.distributed.destroy_process_group()
    except SystemExit as error:
        code = error.code if isinstance(error.code, int) else error.code is not None
        if code and not isinstance(error.code, int):
            print(error.code, file=sys.stderr)
    except BaseException:
        traceback.print_exc()
        code = 1
    sys.exit(int(code))


def load(checkpoint):
    """A checkpoint, by torch's safe loader."""
    return torch.load(checkpoint, map_location="cpu", weights_only=True)


def same(a, b):
    """Whether two checkpoints' parts are equal, to the last bit."""
    if isinstance(a, torch.Tensor):
        return torch.equal(a.nan_to_num(-1.0), b.nan_to_num(-1.0))
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(a[k], b[k]) for k in a)
    if isinstance(a, list | tuple):
        return len(a) == len(b) and all(same(x, y) for x, y in zip(a, b, strict=True))
    return a == b


def make_corpus(folder, misaligned=50):
    """Binarize 150 pairs of an invented language, a third of them misaligned if nothing is said."""
    rng = random.Random(1)
    words = [f"w{i}" for i in range(20)]
    for split, count in (("train", 150), ("meta", 30), ("valid", 20)):
        sources = [[rng.choice(words) for _ in range(rng.randint(3, 8))] for _ in range(count)]
        targets = [[w.upper() for w in reversed(s)] for s in sources]
        if split == "train":
            targets[:misaligned] = targets[1:misaligned] + targets[: min(1, misaligned)]
        for side, lines in (("de", sources), ("en", targets)):
            (folder / f"{split}.{side}").write_text("".join(" ".join(x) + "\n" for x in lines))
    out = folder / "bin"
    binarize(folder, out)
    return out


def binarize(folder, out, *flags):
    """Binarize the splits train, valid and meta of a folder, with one dictionary."""
    common = ["-s", "de", "-t", "en", "--joined-dictionary", "--destdir", out, *flags]
    valid = f"{folder / 'valid'},{folder / 'meta'}"
    given = [*common, "--trainpref", folder / "train", "--validpref", valid]
    Run(fairseq_preprocess, given).finish()
    for path in out.glob("valid1.*"):
        path.rename(out / path.name.replace("valid1.", "meta."))
