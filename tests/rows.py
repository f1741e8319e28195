"""Features of sentences that nobody wrote, for the tests of weightings."""

import itertools
from dataclasses import replace
from types import SimpleNamespace

import torch

from fairseq_l2rw import weighting
from fairseq_l2rw.features.columns import NAMES, SENTENCE, SURFACE
from fairseq_l2rw.features.features import Features
from fairseq_l2rw.training.update_buffer import SubBatch
from fairseq_l2rw.weighting import Signal
from fairseq_l2rw.weighting.teachers.teacher import Teacher

#: Surface features of :func:`two_parts`.
FIRST_TWO = SENTENCE[:2]
_OWN = {
    "hidden": 6,
    "rate": 1e-2,
    "memory": 50,
    "ridge": 0.01,
    "sharpness": 3.0,
    "tolerance": 1.5,
}
_READS = {"deep": "surface+encoder+decoder+likeness", "surface": "surface+likeness"}
#: Every weighting, some of them with other options than usual.
RULES = [
    *((name, {}) for name in weighting.names()),
    *((name, {"head": "mlp"}) for name in ("deep", "surface")),
    ("deep", {"reads": "surface"}),
    ("lilaw", {"text": "meta_gradient=true"}),
]
_NUMBERS = itertools.count()  # no two sentences are the same


def local(tensor):
    return tensor


def sub_batch(features, rule, applied, **known):
    """A sub-batch that nobody passed, with a weighting's own weights and those applied, (N,)."""
    nothing = {"losses": None, "random": None, "sample": {}, "fallback": torch.tensor(0)}
    return SubBatch(
        **nothing | known,
        weights=applied,
        sizes=features.sizes,
        features=features,
        rule_weights=rule,
        rule_bound=0.0,
        dummy=False,
    )


def options(name="deep", text=None, seed=1, **own):
    """The task's options; of a teacher, unless told, those above."""
    if text is None and name in _READS:
        known = {**_OWN, "reads": _READS[name], **own}
        text = ",".join(f"{option}={value}" for option, value in known.items())
    return SimpleNamespace(weighting=name, weighting_options=text or "", seed=seed)


def teacher(name="deep", **own):
    """A teacher that reads :func:`two_parts`."""
    found = weighting.build(options(name, **own))
    if isinstance(found, Teacher) and found.reads:
        found.reads = FIRST_TWO
    return found


def learn(teacher, seen, gradient, trusted=None, split=None):
    """A look at the dev set, as training has it; trusted pairs like the training pairs, unless."""
    if teacher.learns_from_trusted:
        teacher.learn_from_trusted(seen if trusted is None else trusted)
    signals = [Signal(seen, -gradient)] if split is None else split
    return teacher.learn(signals, local)


def rows(n, ids=None, sizes=None, positions=None, **known):
    """Features of n sentences: the columns that matter, by name, and others of no interest."""
    columns = {name: known.pop(name) for name in list(known) if name in NAMES}
    ids = torch.tensor([next(_NUMBERS) for _ in range(n)]) if ids is None else ids
    return Features(
        columns={name: torch.as_tensor(column) for name, column in columns.items()},
        sizes=torch.ones(n) * 5 if sizes is None else sizes,
        ids=ids,
        positions=torch.zeros_like(ids) if positions is None else positions,
        lengths=torch.full((n,), 5),
        **known,
    )


def two_parts(x, sizes=None, **known):
    """Features whose first two columns are surface information and whose others are states."""
    surface = dict(zip(FIRST_TWO, x[:, :2].unbind(1), strict=True))
    return rows(len(x), sizes=sizes, states=x[:, 2:], **surface, **known)


def changed(features, change, *names):
    """The same with some columns, or ``states``, changed by a function."""
    columns = {
        name: change(column) if name in names else column
        for name, column in features.columns.items()
    }
    states = features.states
    return replace(
        features, columns=columns, states=change(states) if "states" in names else states
    )


def take(features, index):
    """Some of the rows."""
    kept = {k: v[index] for k, v in vars(features).items() if torch.is_tensor(v)}
    columns = {name: column[index] for name, column in features.columns.items()}
    return replace(features, columns=columns, **kept)


def anything(n, seed):
    """Some plausible rows."""
    generator = torch.Generator().manual_seed(seed)
    loss, p, q, a = torch.rand(4, n, generator=generator)
    surface = {name: torch.rand(n, generator=generator) for name in SURFACE}
    known = {"loss": loss * 6, "reference_probability": torch.minimum(p, q)}
    known |= {"best_probability": torch.maximum(p, q), "alignment": a - 0.5}
    known |= {"error_norm": a * 2**0.5}
    return rows(n, ids=torch.arange(n) + 1000 * seed, **{**surface, **known})


def teach(built, seed):
    """Let it learn from pairs of which some are unlike all trusted ones, more than by chance."""
    signal = Signal(anything(200, seed), torch.linspace(1, -1, 200) * (-1) ** seed)
    if built.learns_from_trusted:
        trusted = anything(300, seed + 1000)
        built.learn_from_trusted(changed(trusted, lambda x: (x + 1) / 3, *SURFACE))
    if built.learns:
        built.learn([signal], local)


class Recorder(torch.optim.SGD):
    """Takes no step, and keeps the gradients that it is given for one."""

    def __init__(self, module):
        super().__init__(module.parameters(), lr=0.0)

    def step(self, closure=None):
        self.taken = [p.grad.clone() for p in self.param_groups[0]["params"]]


def differences(parameter, value, h):
    """Central differences of what a function gives, by every element of a parameter."""
    flat, found = parameter.data.view(-1), []
    for k in range(len(flat)):
        flat[k] += h
        up = value()
        flat[k] -= 2 * h
        down = value()
        flat[k] += h
        found.append((up - down) / (2 * h))
    return torch.tensor(found, dtype=torch.float64).view_as(parameter)
