"""fairseq's commands on a tiny corpus, as a user runs them: in processes of their own."""

import logging
import multiprocessing
import os
import random
import subprocess
import sys
import tempfile
import traceback
from pathlib import Path

import torch
from fairseq_cli.train import cli_main

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
    assert not check or done.returncode == 0, done.stderr[-3000:]
    return done


def train_flags(data, *flags):
    """What comes after `fairseq-train` on this corpus."""
    return [str(data), "--user-dir", str(PLUGIN), *STUDENT, *TRAINING, *map(str, flags)]


def train(data, *flags, check=True):
    """Run fairseq-train to its end, in a fork of this process.

    The same function that the command calls, without three seconds of imports each time.
    """
    with tempfile.TemporaryFile("w+") as out, tempfile.TemporaryFile("w+") as err:
        process = multiprocessing.get_context("fork").Process(
            target=_main, args=(["fairseq-train", *train_flags(data, *flags)], out, err)
        )
        process.start()
        process.join()
        texts = []
        for file in (out, err):
            file.seek(0)
            texts.append(file.read())
    done = subprocess.CompletedProcess(flags, process.exitcode, *texts)
    assert not check or done.returncode == 0, done.stderr[-3000:]
    return done


def _main(command, out, err):
    """What the interpreter does with a command, on other files."""
    os.dup2(out.fileno(), 1)
    os.dup2(err.fileno(), 2)
    sys.stdout, sys.stderr = open(1, "w", closefd=False), open(2, "w", closefd=False)  # noqa: SIM115
    logging.basicConfig(
        format="%(message)s", level="INFO", stream=sys.stdout, force=True
    )  # as fairseq's command does on import, on its own standard output
    torch.set_num_threads(1)
    sys.argv = command
    code = 0
    try:
        cli_main()
    except SystemExit as error:
        code = error.code if isinstance(error.code, int) else error.code is not None
        if code and not isinstance(error.code, int):
            print(error.code, file=sys.stderr)
    except BaseException:
        traceback.print_exc()
        code = 1
    sys.stdout.flush(), sys.stderr.flush()
    os._exit(int(code))


def load(checkpoint):
    """A checkpoint, by torch's safe loader."""
    return torch.load(checkpoint, map_location="cpu", weights_only=True)


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
    flags = ["-s", "de", "-t", "en", "--joined-dictionary", "--destdir", out]
    run(
        "fairseq-preprocess",
        *flags,
        "--trainpref",
        folder / "train",
        "--validpref",
        folder / "valid",
    )
    known = ["--srcdict", out / "dict.de.txt", *flags[:5], "--destdir", folder / "meta_bin"]
    run("fairseq-preprocess", *known, "--validpref", folder / "meta")
    for path in (folder / "meta_bin").glob("valid.*"):
        path.rename(out / path.name.replace("valid.", "meta."))
    return out
