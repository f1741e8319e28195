"""Richness: whether a target says as much as its source does.

A model that translates badly says what is frequent, and little of it: its targets are shorter and
easier to predict than those of people (Vanmassenhove, Shterionov and Way, 2019, "Lost in
Translation: Loss and Decay of Linguistic Richness in Machine Translation"). Each of their words has
its counterpart, so that nothing else tells.

How rich a side is are the mean surprisal of its pieces and the log of their number. A pair's
richness is that of its target beyond that of its source: what another kind of text has of rare
words and long sentences it has on both sides. It is compared with that of trusted pairs
(``fairseq_l2rw.scoring.local_rates``). Where some pairs are bad by that, what these say in
comparison with the others tells them better, and is asked, too.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor

from fairseq_l2rw.data.dictionaries import Dictionaries
from fairseq_l2rw.data.digests import sampled
from fairseq_l2rw.initial_weights.cost import odds_of
from fairseq_l2rw.initial_weights.halves import JudgedPairs, judged
from fairseq_l2rw.initial_weights.surprisal import Pieces, Surprisal
from fairseq_l2rw.scoring.local_rates import local_rates
from fairseq_l2rw.scoring.post_stratification import post_stratified

_TOKENS = 2_000_000  # of targets that are learnt from: more do not say more, and take memory


@dataclass(frozen=True)
class _Sides:
    """Pairs as their richness is read.

    Attributes:
        pieces: of both sides of N pairs.
        half: of the text that each pair belongs to, shape (N,).
    """

    pieces: tuple[Pieces, Pieces]
    half: Tensor

    @classmethod
    def of(cls, pairs: JudgedPairs) -> "_Sides":
        """The sides of N pairs."""
        return cls((Pieces.of(pairs.text.src), Pieces.of(pairs.text.tgt)), pairs.half)


@dataclass(frozen=True)
class _Measure:
    """How much richer targets are than sources, in standard deviations of the trusted pairs.

    Attributes:
        surprisals: of source and target.
        lengths: what the difference of log lengths counts, a scalar.
        mean, deviation: of trusted pairs, scalars.
    """

    surprisals: Sequence[Surprisal]
    lengths: Tensor
    mean: Tensor
    deviation: Tensor

    @classmethod
    def beside(cls, trusted: _Sides, surprisals: Sequence[Surprisal], lengths: float) -> "_Measure":
        """By surprisals of source and target, and by what log lengths count."""
        plain = cls(surprisals, *(torch.tensor(x).double() for x in (lengths, 0.0, 1.0)))
        centred = replace(plain, mean=plain._differences(trusted).mean())
        deviation = centred.scores(trusted).std(correction=0)
        return replace(centred, deviation=deviation.clamp(min=1e-9))

    def _differences(self, text: _Sides) -> Tensor:
        """How much richer targets are than sources, in nats, shape (N,)."""
        sides = zip(self.surprisals, text.pieces, strict=True)
        source, target = (
            x.mean(pieces, text.half) + self.lengths * pieces.sizes.log() for x, pieces in sides
        )
        return target - source

    def scores(self, text: _Sides) -> Tensor:
        """Differences in standard deviations, (N,); less for short pairs, which vary more."""
        pieces = text.pieces[0].sizes + text.pieces[1].sizes
        return (self._differences(text) - self.mean) * pieces.sqrt() / self.deviation


@dataclass(frozen=True)
class Richness:
    """Odds that pairs are bad, by how rich targets are beside their sources.

    Attributes:
        measure: of a pair's richness; None where none is bad.
        bounds: between bins of richness, shape (B - 1,).
        odds_by_place: that a pair of each is bad, never rising, shape (B,).
    """

    measure: _Measure | None
    bounds: Tensor
    odds_by_place: Tensor

    @classmethod
    def neutral(cls) -> "Richness":
        """A model by which no pair is bad."""
        return cls(None, *(torch.zeros(n, dtype=torch.double) for n in (0, 1)))

    @classmethod
    def learn(
        cls, train: JudgedPairs, trusted: JudgedPairs, dictionaries: Dictionaries, good: Tensor
    ) -> "Richness":
        """From pairs.

        Args:
            train: N training pairs.
            trusted: M trusted pairs.
            dictionaries: of their languages.
            good: how likely each training pair is good by anything else, from 0 to 1, shape (N,).
        """
        some = sampled(train.text.tgt.sizes, train.digests, _TOKENS)
        train = train.take(some)
        text, known = _Sides.of(train), _Sides.of(trusted)
        # What a pair looks like that is there a thousand times is no thousand times as usual.
        once = good.double()[some] / train.repeats
        keys = [x.keys(n).unique() for x, n in zip(text.pieces, dictionaries.types, strict=True)]
        sides = list(zip(text.pieces, keys, dictionaries.types, strict=True))

        def learnt(weights: Tensor) -> list[Surprisal]:
            return [Surprisal.learn(x, text.half, weights, seen, n) for x, seen, n in sides]

        first = _Measure.beside(known, learnt(once), lengths=1.0)
        _, bad = cls._calibrated(first, text, known, once)
        if not bool(bad.any()):
            return cls.neutral()
        # How much more surprising a side is by what bad pairs say than by what the others say.
        apart = _sums(learnt(once * bad), learnt(once * (1 - bad)), (1.0, -1.0))
        second = _Measure.beside(known, apart, lengths=0.0)
        scales = [1 / float(x.deviation) for x in (first, second)]
        both = _sums(first.surprisals, second.surprisals, scales)
        last = _Measure.beside(known, both, lengths=scales[0])
        model, bad = cls._calibrated(last, text, known, once)
        return model if bool(bad.any()) else cls.neutral()

    @classmethod
    def _calibrated(
        cls, measure: _Measure, train: _Sides, trusted: _Sides, once: Tensor
    ) -> tuple["Richness", Tensor]:
        """Learn the odds.

        Args:
            measure: of their richness.
            train: N training pairs.
            trusted: M trusted pairs.
            once: how far each training pair counts, shape (N,).

        Returns:
            The model, and the probability that each training pair is bad, shape (N,).
        """
        scores = measure.scores(train)
        # Lengths of sources: targets of bad pairs may be short because they are bad.
        lengths = [x.pieces[0].sizes.double() for x in (train, trusted)]
        counts = post_stratified(lengths[0], once, lengths[1])
        bounds, bad = local_rates(scores, counts, measure.scores(trusted))
        return cls(measure, bounds, odds_of(bad)), bad[torch.bucketize(scores, bounds)]

    def odds(self, pairs: JudgedPairs) -> Tensor:
        """The odds that N pairs are bad, (N,); exactly 0 where no training pair may be bad."""
        measure = self.measure
        if measure is None:
            return torch.zeros(len(pairs), dtype=torch.double)

        def odds(some: JudgedPairs) -> Tensor:
            scores = measure.scores(_Sides.of(some))
            return self.odds_by_place[torch.bucketize(scores, self.bounds)]

        return judged(pairs, odds)

    def state_dict(self) -> dict[str, Any]:
        """All that ``odds`` needs, in types that torch's safe loader takes."""
        if self.measure is None:
            return {"surprisals": [], "numbers": {"odds": self.odds_by_place}}
        numbers = {**vars(self.measure), "bounds": self.bounds, "odds": self.odds_by_place}
        surprisals = [x.state_dict() for x in numbers.pop("surprisals")]
        return {"surprisals": surprisals, "numbers": numbers}

    @classmethod
    def from_state(cls, state: Mapping[str, Any]) -> "Richness":
        """From what ``state_dict`` gave."""
        if not state["surprisals"]:
            return cls.neutral()
        surprisals = [Surprisal.from_state(x) for x in state["surprisals"]]
        numbers = dict(state["numbers"])
        bounds, odds = numbers.pop("bounds"), numbers.pop("odds")
        return cls(_Measure(surprisals, **numbers), bounds, odds)


def _sums(
    first: Sequence[Surprisal], second: Sequence[Surprisal], factors: Sequence[float]
) -> list[Surprisal]:
    """The sum of both surprisals of each side, multiplied by two factors."""
    pairs = zip(first, second, strict=True)
    return [Surprisal.combined(list(zip(factors, pair, strict=True))) for pair in pairs]
