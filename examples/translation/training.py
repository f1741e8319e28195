"""The `fairseq-train` command lines of the examples, and running them to the end."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from progress import Job, follow
from steps import Stamp, digest, say, short, show
from versions import note_start

# fairseq's own task and criterion: what `uniform` must reproduce bit for bit.
STOCK = "stock"
# By default fairseq drops the last batch, the longest sentences, of every split, without a word,
# if its size is no multiple of 8: then some sentences are never trained on, or never translated.
EVERY_SENTENCE = ("--required-batch-size-multiple", "1")


@dataclass(frozen=True)
class Config:
    """A student that fits an example's data and the time one has for it."""

    updates: int
    layers: int
    width: int
    inner: int
    dropout: float
    max_tokens: int
    learning_rate: float
    warmup: int
    weighting_warmup: int
    cpu: bool


CONFIGS = {
    # 12,000 short sentences, minutes on one core.
    "quickstart": Config(
        updates=800,
        layers=2,
        width=128,
        inner=256,
        dropout=0.1,
        max_tokens=1500,
        learning_rate=3e-3,
        warmup=200,
        weighting_warmup=150,
        cpu=True,
    ),
    # 29,000 captions; a small student, so that a run takes about half an hour on one core.
    "multi30k": Config(
        updates=5200,
        layers=3,
        width=192,
        inner=512,
        dropout=0.1,
        max_tokens=1024,
        learning_rate=2e-3,
        warmup=200,
        weighting_warmup=900,
        cpu=False,
    ),
    # 235,000 pairs of software texts; about two hours on one core, which is two epochs.
    "software": Config(
        updates=2000,
        layers=2,
        width=192,
        inner=512,
        dropout=0.1,
        max_tokens=4096,
        learning_rate=2e-3,
        warmup=400,
        weighting_warmup=400,
        cpu=False,
    ),
    # 9,526 sentences of talks.
    "iwslt14_sample": Config(
        updates=1500,
        layers=3,
        width=192,
        inner=512,
        dropout=0.3,
        max_tokens=4096,
        learning_rate=2e-3,
        warmup=400,
        weighting_warmup=400,
        cpu=False,
    ),
    # The 160,000 pairs of IWSLT'14: fairseq's transformer_iwslt_de_en. Hours on a GPU.
    "iwslt14": Config(
        updates=50000,
        layers=6,
        width=512,
        inner=1024,
        dropout=0.3,
        max_tokens=4096,
        learning_rate=5e-4,
        warmup=4000,
        weighting_warmup=4000,
        cpu=False,
    ),
}


@dataclass(frozen=True)
class Run:
    """One training run: data, weighting, model and seed."""

    bin: Path
    out: Path
    weighting: str
    config: str = "multi30k"
    seed: int = 1
    updates: int | None = None
    source: str = "de"
    target: str = "en"
    extra: tuple[str, ...] = field(default=())

    @property
    def max_update(self) -> int:
        """The length of training; in updates, so that less data does not mean less training."""
        return self.updates or CONFIGS[self.config].updates

    @property
    def weights(self) -> Path:
        """The folder of the weights that every sentence was given."""
        return self.out / "weights"


def plugin() -> Path:
    """Return the folder of the plugin: beside the examples, or else where pip put it."""
    here = Path(__file__).resolve().parents[2] / "fairseq_l2rw"
    if here.is_dir():
        return here
    spec = importlib.util.find_spec("fairseq_l2rw")
    if spec is None or not spec.submodule_search_locations:
        sys.exit("fairseq_l2rw not found: run scripts/install.sh")
    return Path(next(iter(spec.submodule_search_locations)))


def use_cpu(config: Config) -> bool:
    """Whether to keep off the GPU: the example asks for it, or there is none."""
    if config.cpu:
        return True
    import torch  # slow: only when it is needed

    return not torch.cuda.is_available()


def device(config: Config) -> str:
    """What a run of the example trains on: ``CPU``, or the name of a GPU."""
    if use_cpu(config):
        return "CPU"
    import torch

    return torch.cuda.get_device_name()


def model_flags(config: Config) -> list[str]:
    """Return the flags of a small transformer with one embedding matrix.

    Layers normalise their input: such a student attends to the source sooner, and until it does
    nothing tells a misaligned pair.
    """
    flags = ["--arch", "transformer", "--share-all-embeddings", "--activation-fn", "relu"]
    for side in ("encoder", "decoder"):
        flags += [f"--{side}-layers", str(config.layers), f"--{side}-embed-dim", str(config.width)]
        flags += [f"--{side}-ffn-embed-dim", str(config.inner), f"--{side}-attention-heads", "4"]
        flags.append(f"--{side}-normalize-before")
    return [*flags, "--dropout", str(config.dropout)]


def optimizer_flags(config: Config, run: Run) -> list[str]:
    """Return the flags of Adam with a rate that falls to zero by the end of training.

    A run may bring an optimizer of its own, with its rate: Adam's flags are unknown to others.
    """
    adam = ("--optimizer", "adam", "--adam-betas", "(0.9, 0.98)")
    return [
        *(() if any(x.split("=")[0] == "--optimizer" for x in run.extra) else adam),
        *("--clip-norm", "1.0"),
        *("--lr", str(config.learning_rate), "--warmup-updates", str(config.warmup)),
        *("--lr-scheduler", "polynomial_decay", "--total-num-update", str(run.max_update)),
        *("--max-tokens", str(config.max_tokens)),
    ]


def weighting_flags(run: Run) -> list[str]:
    """Return the flags that say what a sentence's loss counts."""
    # Stock, too, imports the plugin: without it, today's torch cannot load fairseq's checkpoints.
    user = ["--user-dir", short(plugin())]
    if run.weighting == STOCK:
        return [*user, "--task", "translation", "--criterion", "label_smoothed_cross_entropy"]
    config = CONFIGS[run.config]
    return [
        *(*user, "--task", "l2rw_translation"),
        *("--criterion", "l2rw_label_smoothed_cross_entropy", "--weighting", run.weighting),
        *("--meta-subset", "meta", "--weighting-warmup", str(config.weighting_warmup)),
        *("--weights-dir", short(run.weights)),
    ]


def train_command(run: Run) -> list[str]:
    """Return the whole `fairseq-train` command; `run.extra` comes last and so wins."""
    config = CONFIGS[run.config]
    return [
        *("fairseq-train", short(run.bin)),
        *("--source-lang", run.source, "--target-lang", run.target),
        *weighting_flags(run),
        *("--label-smoothing", "0.1"),
        *model_flags(config),
        *optimizer_flags(config, run),
        *("--max-update", str(run.max_update), "--seed", str(run.seed)),
        *("--save-dir", short(run.out), "--no-epoch-checkpoints"),
        *EVERY_SENTENCE,
        # A loading process would take the core that computes.
        *("--num-workers", "0", "--log-format", "json", "--log-interval", "10"),
        *(["--cpu"] if use_cpu(config) else []),
        *run.extra,
    ]


def settings(run: Run) -> dict[str, Any]:
    """Return what decides the outcome of a run: a folder holds only one such run."""
    return {
        "config": run.config,
        "student": asdict(CONFIGS[run.config]),
        "weighting": run.weighting,
        "seed": run.seed,
        "updates": run.max_update,
        "extra": list(run.extra),
        "languages": [run.source, run.target],
        "data": digest([run.bin / "binarize.json"]),
    }


def training(run: Run) -> Iterator[Job]:
    """The one job of a run, for ``follow``; none if it is there, the rest if it was cut off."""
    stamp = Stamp(run.out / "train.json", settings(run))
    if stamp.done:
        say(f"train: {short(run.out)} is already there")
        return
    stamp.begin(replace=False)
    note_start(run.out, device(CONFIGS[run.config]))
    command = train_command(run)
    show(command)
    yield Job(run.out.name, command, run.out / "train.log", run.max_update)
    # Judged is the last checkpoint: "best" by a loss that cannot see copied sentences misleads.
    (run.out / "checkpoint_best.pt").unlink(missing_ok=True)
    stamp.finish()


def train(runs: Sequence[Run]) -> None:
    """Train side by side, one core each; a run that is there is skipped, one cut off goes on."""
    follow([training(run) for run in runs])
