"""How well the words of a pair correspond, by what all other pairs say.

IBM Model 1 (Brown et al., 1993, "The Mathematics of Statistical Machine Translation: Parameter
Estimation", Computational Linguistics 19): every word of one side has come of one of the other's,
each with the same chance. A misaligned pair has words that come together nowhere else. It takes
neither student nor training, and knows no language.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from fairseq_l2rw.pairs import Language, Pairs, batches

_ROUNDS = 5  # of expectation maximisation
# Counts that the said side's frequencies speak for: types that came up once or twice say little.
_PSEUDO = 5.0
# Words times words of the pairs that are learnt from: more do not say more, and take memory.
_LINKS = 20_000_000


@dataclass(frozen=True)
class _Links:
    """Every source word with every target word of the same pair, some pairs together.

    Attributes:
        pair: number of the pair, shape (L,).
        places: of the source word among all places of sources, and of the target word; (L,) each.
        types: their types, (L,) each.
    """

    pair: Tensor
    places: tuple[Tensor, Tensor]
    types: tuple[Tensor, Tensor]

    @classmethod
    def of(cls, source: Tensor, target: Tensor, padding: int) -> "_Links":
        """Of source types (n, S) and target types (n, T)."""
        real = source.ne(padding).unsqueeze(2) & target.ne(padding).unsqueeze(1)
        pair, i, j = real.nonzero(as_tuple=True)
        places = pair * source.shape[1] + i, pair * target.shape[1] + j
        return cls(pair, places, (source.flatten()[places[0]], target.flatten()[places[1]]))


@dataclass(frozen=True)
class _Way:
    """What one side says where the other one is given.

    Attributes:
        said: 0 if it is the source that is said, 1 if it is the target.
        chance: p(said | given) of types that came together, before the last round, shape (K,).
        counts: how often one was said because of the other, in the last round, shape (K,).
        totals: their sums, by the given type, shape (size of the given side's dictionary,).
        usual: p(said) by frequency, shape (size of the said side's dictionary,).
    """

    said: int
    chance: Tensor
    counts: Tensor
    totals: Tensor
    usual: Tensor


class Lexicon:
    """Which types of one side come with which of the other, learnt from pairs.

    Args:
        pairs: source types (n, S) and target types (n, T), some pairs at a time.
        types: sizes of the dictionaries.
        padding: number of the padding type in both.
    """

    def __init__(
        self, pairs: Iterable[tuple[Tensor, Tensor]], types: tuple[int, int], padding: int
    ) -> None:
        self.types, self.padding = types, padding
        keys: list[Tensor] = []
        places: tuple[list[Tensor], list[Tensor]] = ([], [])
        frequency = [torch.ones(size, dtype=torch.double) for size in types]
        begin = [0, 0]
        for sides in pairs:
            links = _Links.of(*sides, padding)
            keys.append(self._key(links))
            for k, side in enumerate(sides):
                places[k].append(links.places[k] + begin[k])
                begin[k] += side.numel()
                frequency[k] += torch.bincount(side[side.ne(padding)], minlength=types[k])
        # Of all types that came together, sorted; and which of them every link is.
        self.keys, number = torch.cat(keys).unique(return_inverse=True)
        given = self.keys % types[1], self.keys // types[1]
        self.ways = [
            self._learn(said, number, torch.cat(places[said]), given[said], frequency[said])
            for said in (1, 0)
        ]

    def _key(self, links: _Links) -> Tensor:
        return links.types[0].long() * self.types[1] + links.types[1]

    def _learn(
        self, said: int, number: Tensor, place: Tensor, given: Tensor, frequency: Tensor
    ) -> _Way:
        following = torch.ones(len(self.keys), dtype=torch.double)
        for _ in range(_ROUNDS):
            chance = following
            share = chance[number]
            share = share / torch.bincount(place, share)[place]
            counts = torch.bincount(number, share, minlength=len(self.keys))
            totals = torch.bincount(given, counts, minlength=self.types[1 - said])
            following = counts / totals[given]
        return _Way(said, chance, counts, totals, frequency / frequency.sum())

    def judge(self, source: Tensor, target: Tensor, taught: Tensor) -> Tensor:
        """How much likelier a side is given the other one, in nats per word, shape (n, 2).

        Args:
            source: types, shape (n, S).
            target: types, shape (n, T).
            taught: 1 for a pair that was learnt from, else 0, shape (n,): what it taught itself is
                left out, or every pair would speak for itself.

        Returns:
            Of the target given the source, and of the source given the target.
        """
        sides, links = (source, target), _Links.of(source, target, self.padding)
        key = self._key(links)
        found = torch.searchsorted(self.keys, key).clamp(max=len(self.keys) - 1)
        known = self.keys[found] == key
        sentence = links.pair * (self.types[0] * self.types[1])
        _, together = (sentence + key).unique(return_inverse=True)  # alike in the same pair
        columns = []
        for way in self.ways:
            said, given = way.said, 1 - way.said
            place = links.places[said]
            chance, counts = (torch.where(known, t[found], 0.0) for t in (way.chance, way.counts))
            share = chance / torch.bincount(place, chance)[place].clamp(min=1e-300)
            share = share * taught[links.pair]
            counts = counts - torch.bincount(together, share)[together]
            totals = way.totals[links.types[given]]
            _, alike = (sentence + links.types[given]).unique(return_inverse=True)
            totals = totals - torch.bincount(alike, share)[alike]
            # Rounding may leave a little less than nothing.
            counts, totals = counts.clamp(min=0), totals.clamp(min=0)
            chance = (counts + _PSEUDO * way.usual[links.types[said]]) / (totals + _PSEUDO)
            words = [side.ne(self.padding) for side in sides]
            mean = torch.bincount(place, chance, minlength=sides[said].numel())
            mean = mean.view_as(sides[said]) / words[given].sum(1, keepdim=True)
            gain = torch.where(words[said], (mean / way.usual[sides[said]]).log(), 0.0)
            columns.append(gain.sum(1) / words[said].sum(1))
        return torch.stack(columns, 1)


def correspondence(train: Pairs, trusted: Pairs, language: Language) -> list[Tensor]:
    """How well the words of each pair correspond, by the lexicon of the training pairs.

    Args:
        train: N pairs.
        trusted: M pairs.
        language: what the dictionaries say.

    Returns:
        What :meth:`Lexicon.judge` says of both, shapes (N, 2) and (M, 2), float64.
    """
    learnt = _some(train)
    lexicon = Lexicon(
        ((source, target) for _, source, target in batches(train, language, "words", learnt)),
        language.types,
        language.padding,
    )
    taught = torch.zeros(len(train), dtype=torch.double)
    taught[learnt] = 1
    return [
        torch.cat(
            [
                lexicon.judge(source, target, own[numbers])
                for numbers, source, target in batches(pairs, language, "correspondence")
            ]
        )
        for pairs, own in ((train, taught), (trusted, taught.new_zeros(len(trusted))))
    ]


def _some(pairs: Pairs) -> Sequence[int]:
    """Numbers of all pairs, or of some, picked by chance, of a large corpus."""
    order = torch.randperm(len(pairs), generator=torch.Generator().manual_seed(1)).tolist()
    found: list[int] = []
    links = 0
    for number in order:
        links += len(pairs.src[number]) * len(pairs.tgt[number])
        if found and links > _LINKS:
            break
        found.append(number)
    return found
