"""What is compared: every weighting, the controls, and filtering without us."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Contender:
    """A way to train on noisy pairs.

    Attributes:
        what: one line for the docs.
        weighting: the rule that weighs sentences.
        selection: the training pairs: `all`, `clean` (by label) or what an offline filter keeps:
            `rules`, `copies`, `loss`, `dual`, or two of them, one after the other: `rules-loss`.
        extra: further flags of fairseq-train.
    """

    what: str
    weighting: str = "uniform"
    selection: str = "all"
    extra: tuple[str, ...] = ()

    @property
    def rule(self) -> str:
        """What filters the pairs before any model does: `rules`, `copies` or nothing."""
        first = self.selection.split("-")[0]
        return first if first in ("rules", "copies") else ""

    @property
    def by_dual(self) -> bool:
        """Whether a model of the other direction filters the pairs, too."""
        return "dual" in self.selection

    @property
    def by_loss(self) -> bool:
        """Whether the loss of a trained uniform model filters the pairs."""
        return "loss" in self.selection or self.by_dual

    @property
    def filters(self) -> bool:
        """Whether pairs are left out without looking at their labels."""
        return bool(self.rule) or self.by_loss


# Algorithms from papers, which learn at every update: as often as one can wait for.
_OFTEN = ("--meta-interval", "4")
# Half as often as by default.
_RARELY = ("--meta-interval", "16")
# Single words are weighed.
TOKENS = ("--weight-unit", "token")
# What a teacher reads once the student trains.
_ALL_BUT_INITIAL = ("surface", "encoder", "decoder", "likeness")
# The published teacher reads no initial weights, and every epoch holds every sentence.
_PUBLISHED = "head=mlp,reads=surface+encoder+decoder"
_EVERY_PAIR = ("--min-sampling-probability", "1")
# The student's optimizer in the paper's Algorithm 1. A rate of 3 diverges.
_MOMENTUM = ("--optimizer", "sgd", "--momentum", "0.9", "--lr", "1.0")
_BOTH = ",by=both"


def _reading(what: str, *parts: str, also: str = "", flags: tuple[str, ...] = ()) -> Contender:
    options = f"reads={'+'.join(parts)}{also}"
    return Contender(f"deep; {what}", "deep", extra=("--weighting-options", options, *flags))


# What every run is compared with, and what none can be expected to beat.
BASELINE, ORACLE = "uniform", "oracle"
# What is held against all others.
SUBJECT = "deep"
CONTENDERS = {
    "uniform": Contender("plain training on all pairs"),
    "oracle": Contender(
        "plain training on the clean pairs, chosen by their labels", selection="clean"
    ),
    "filter_rules": Contender("pairs of odd length ratio or language left out", selection="rules"),
    "filter_loss": Contender("the pairs with the largest loss left out", selection="loss"),
    "filter": Contender(
        "both filters, the rules first; the losses are those of `uniform`, and it knows how many "
        "pairs are good of those that the rules leave",
        selection="rules-loss",
    ),
    "filter_dual": Contender(
        "the rules, then dual conditional cross-entropy, by `uniform` and the same model of the "
        "other direction; it knows how many pairs are good, likewise",
        selection="rules-dual",
    ),
    "filter_copies_dual": Contender(
        "pairs of one text on both sides left out, then dual conditional cross-entropy; it knows "
        "how many pairs are good, likewise",
        selection="copies-dual",
    ),
    "random": Contender("random weights", "random"),
    "initial": Contender(
        "the initial weights alone: what pairs look like before any training", "initial"
    ),
    "trim": Contender("the largest losses of the moment dropped", "trim"),
    "error_norm": Contender(
        "tokens left out where the student is sure of another one", "error_norm", extra=TOKENS
    ),
    "l2rw": Contender("positive part of the alignment with the dev gradient", "l2rw", extra=_OFTEN),
    "mask": Contender("sign of the alignment with the dev gradient", "mask", extra=_OFTEN),
    "mwnet": Contender("network of the loss", "mwnet", extra=_OFTEN),
    "lilaw": Contender("three scalars", "lilaw", extra=_OFTEN),
    "surface": Contender("teacher on surface information, beside initial weights", "surface"),
    "deep": Contender(
        "teacher on surface information and internal states, beside initial weights", "deep"
    ),
    "deep_domain": Contender(
        "deep; weights also go by how much a pair is of the trusted pairs' domain",
        "deep",
        extra=("--weighting-options", "by=both"),
    ),
    "deep_tokens": Contender("deep, a weight for every token", "deep", extra=TOKENS),
    "initial_tokens": Contender(
        "the initial weights alone, those of tokens", "initial", extra=TOKENS
    ),
    "rules_deep": Contender(
        "deep on what the rules leave: what a cautious practitioner would do", "deep", "rules"
    ),
    # What of it matters; what it reads without initial weights, which tell most by themselves. The
    # likeness of states is a score of its own where weights go by the domain, too.
    "deep_no_initial": _reading("without initial weights", *_ALL_BUT_INITIAL, also=_BOTH),
    "deep_no_initial_quality": _reading(
        "without initial weights; the likeness of hidden states is no score", *_ALL_BUT_INITIAL
    ),
    "deep_no_initial_rare": _reading(
        "without initial weights; likewise; a meta step at every 16th update",
        *_ALL_BUT_INITIAL,
        flags=_RARELY,
    ),
    "deep_surface": _reading("surface information only", "surface", "likeness", also=_BOTH),
    "deep_states": _reading("internal states only", "encoder", "decoder", "likeness", also=_BOTH),
    "deep_encoder": _reading("encoder only", "encoder", "likeness", also=_BOTH),
    "deep_decoder": _reading("decoder only", "decoder", "likeness", also=_BOTH),
    "deep_below": _reading(
        "without initial weights; also the layers below the last",
        *_ALL_BUT_INITIAL,
        also=f"{_BOTH},depth=2",
    ),
    "deep_linear": _reading("without likeness", "surface", "encoder", "decoder", "initial"),
    "deep_all": Contender("deep; every epoch holds every sentence", "deep", extra=_EVERY_PAIR),
    "deep_off": Contender(
        "deep; the derivative without the student's dropout",
        "deep",
        extra=("--meta-dropout", "off"),
    ),
    # The method as its paper has it: a network for a teacher, and nothing before training.
    "published": Contender(
        "the published form: a network on surface information and internal states, trained by "
        "Adam along the meta-gradient; one update is looked back through",
        "deep",
        extra=("--weighting-options", _PUBLISHED, *_EVERY_PAIR, *_OFTEN),
    ),
    "momentum": Contender("plain training by momentum SGD", extra=_MOMENTUM),
    "published_window": Contender(
        "published; momentum SGD trains the student, and four updates are looked back through",
        "deep",
        extra=(
            *("--weighting-options", _PUBLISHED, *_EVERY_PAIR, *_OFTEN, *_MOMENTUM),
            *("--meta-window", "4"),
        ),
    ),
    "published_fast": Contender(
        "published; Adam's learning rate is 0.003, not 0.001",
        "deep",
        extra=("--weighting-options", f"{_PUBLISHED},rate=0.003", *_EVERY_PAIR, *_OFTEN),
    ),
}
