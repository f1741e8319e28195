"""Handwritten digits with corrupted labels or a rare class: pure functions of a seed.

Every setting is a name and a function from a seed to a ``Split``. The settings are those of
Ren et al. (arXiv 1803.09050) in small: their Table 1 (uniform label noise), Table 2 (background
flips) and Figure 2 (class imbalance).
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial

import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import Tensor

DIGITS = 10
BACKGROUND = 0  # the class that flipped labels become
TEST, TRUSTED, TRUSTED_BALANCE = 500, 100, 20
RATES, RATIOS = (20, 40, 60), (10, 20, 50, 100, 200)


@dataclass(frozen=True)
class Data:
    """Images and labels.

    Attributes:
        images: pixels in [0, 1], shape (N, 64).
        labels: classes from 0, shape (N,).
    """

    images: Tensor
    labels: Tensor

    def __len__(self) -> int:
        return len(self.labels)

    def take(self, rows: Tensor) -> "Data":
        """The examples of these numbers, in this order; ``rows`` has shape (M,)."""
        return Data(self.images[rows], self.labels[rows])


@dataclass(frozen=True)
class Split:
    """What a run is given.

    Attributes:
        train: corrupted examples that the student learns from.
        trusted: a few clean and balanced ones that the weighting learns from.
        test: clean ones.
        classes: number of classes.
    """

    train: Data
    trusted: Data
    test: Data
    classes: int


@cache
def digits() -> Data:
    """All 1797 images of scikit-learn, which come with the package."""
    found = load_digits()
    images = torch.from_numpy(found.data / 16.0).float()
    return Data(images, torch.from_numpy(found.target).long())


def parts(seed: int, trusted: int) -> tuple[Tensor, Tensor, Tensor]:
    """Row numbers of the training, trusted and test images, drawn without overlap.

    Args:
        seed: of the draw.
        trusted: size of the trusted set; every digit has its tenth of it.
    """
    order = torch.from_numpy(_generator(seed, 0).permutation(len(digits())))
    test, rest = order[:TEST], order[TEST:]
    labels = digits().labels[rest]
    per_digit = trusted // DIGITS
    chosen = torch.cat([(labels == k).nonzero().flatten()[:per_digit] for k in range(DIGITS)])
    others = torch.ones(len(rest), dtype=torch.bool)
    others[chosen] = False
    return rest[others], rest[chosen], test


def uniform_noise(labels: Tensor, rate: float, seed: int, classes: int = DIGITS) -> Tensor:
    """Labels (N,) of which a fraction ``rate`` became another class, all of them alike."""
    rng = _generator(seed, 1)
    changed = _sample(torch.arange(len(labels)), rate, rng)
    step = torch.from_numpy(rng.integers(1, classes, size=len(changed)))
    result = labels.clone()
    result[changed] = (labels[changed] + step) % classes
    return result


def flip_noise(labels: Tensor, rate: float, seed: int) -> Tensor:
    """Labels (N,): a fraction ``rate`` of those of other classes became the background class."""
    others = (labels != BACKGROUND).nonzero().flatten()
    result = labels.clone()
    result[_sample(others, rate, _generator(seed, 1))] = BACKGROUND
    return result


def imbalance(labels: Tensor, ratio: int, seed: int) -> Tensor:
    """Row numbers (M,) of all examples of class 0 and of ``ratio`` times fewer of class 1."""
    many, few = ((labels == k).nonzero().flatten() for k in (0, 1))
    return torch.cat([many, _sample(few, len(many) / ratio / len(few), _generator(seed, 1))])


def noisy(seed: int, corrupt: Callable[[Tensor, float, int], Tensor], rate: float) -> Split:
    """Ten digits; ``corrupt`` makes the training labels from the true ones, the rate and a seed."""
    train, trusted, test = (digits().take(rows) for rows in parts(seed, TRUSTED))
    corrupted = Data(train.images, corrupt(train.labels, rate, seed))
    return Split(corrupted, trusted, test, DIGITS)


def imbalanced(seed: int, ratio: int) -> Split:
    """Digits 0 to 4 against the ``ratio`` times rarer digits 5 to 9; the test set is balanced."""
    train, trusted, test = (_halves(digits().take(r)) for r in parts(seed, TRUSTED_BALANCE))
    smaller = int(torch.bincount(test.labels).min())
    rows = torch.cat([(test.labels == k).nonzero().flatten()[:smaller] for k in (0, 1)])
    kept = imbalance(train.labels, ratio, seed)
    return Split(train.take(kept), trusted, test.take(rows), classes=2)


def only_trusted(split: Split) -> Split:
    """The trusted images over and over in place of the training set, as many as there were."""
    rows = torch.arange(len(split.train)) % len(split.trusted)
    return Split(split.trusted.take(rows), split.trusted, split.test, split.classes)


SETTINGS: dict[str, Callable[[int], Split]] = {
    **{f"noise {r}%": partial(noisy, corrupt=uniform_noise, rate=r / 100) for r in RATES},
    "flip 40%": partial(noisy, corrupt=flip_noise, rate=0.4),
    **{f"{r}:1": partial(imbalanced, ratio=r) for r in RATIOS},
}


def _halves(data: Data) -> Data:
    return Data(data.images, (data.labels >= DIGITS // 2).long())


def _sample(rows: Tensor, fraction: float, rng: np.random.Generator) -> Tensor:
    """A fraction of the rows, drawn without replacement."""
    count = round(fraction * len(rows))
    return rows[torch.from_numpy(rng.permutation(len(rows))[:count])]


def _generator(seed: int, purpose: int) -> np.random.Generator:
    return np.random.default_rng([seed, purpose])
