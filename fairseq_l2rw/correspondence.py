"""How well the words of a pair correspond, by what all other pairs say.

IBM Model 1 (Brown et al., 1993, "The Mathematics of Statistical Machine Translation: Parameter
Estimation", Computational Linguistics 19): every word of one side has come of one of the other's,
each with the same chance. A misaligned pair has words that come together nowhere else. It takes
neither student nor training, and no language is different from another.
"""

from collections.abc import Iterable
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
    """Every word that is said with every word given, of some pairs together.

    Attributes:
        said: number of the said word among all places, shape (L,).
        given: likewise of the given one.
        pair: number of the pair.
        key: of the two types, unlike that of any other two.
        words: of the said side, (n, T), and of the given side, (n, S).
    """

    said: Tensor
    given: Tensor
    pair: Tensor
    key: Tensor


def _links(given: Tensor, said: Tensor, types: int, padding: int) -> _Links:
    """Of given types (n, S) and said types (n, T), of which there are ``types``."""
    real = said.ne(padding).unsqueeze(2) & given.ne(padding).unsqueeze(1)
    pair, i, j = real.nonzero(as_tuple=True)
    key = given[pair, j].long() * types + said[pair, i].long()
    return _Links(pair * said.shape[1] + i, pair * given.shape[1] + j, pair, key)


@dataclass(frozen=True)
class Lexicon:
    """Which types of one side are said where a type of the other side is given.

    Attributes:
        types: number of types of the said side.
        padding: its padding type.
        keys: given type times ``types`` plus said type, of all that came together, sorted, (K,).
        chance: p(said | given) before the last round, shape (K,).
        counts: how often one was said because of the other, in the last round, shape (K,).
        totals: the sum of these of every given type.
        usual: p(said), by its frequency.
    """

    types: int
    padding: int
    keys: Tensor
    chance: Tensor
    counts: Tensor
    totals: Tensor
    usual: Tensor

    @classmethod
    def learn(
        cls, pairs: Iterable[tuple[Tensor, Tensor]], types: tuple[int, int], padding: int
    ) -> "Lexicon":
        """From given (n, S) and said (n, T) types, some pairs at a time.

        Args:
            pairs: of the training set.
            types: numbers of types of the given and of the said side.
            padding: the padding type of both.
        """
        parts, begin = [], 0
        frequency = torch.ones(types[1], dtype=torch.double)
        for given, said in pairs:
            links = _links(given, said, types[1], padding)
            parts.append((links.key, links.said + begin))
            begin += said.numel()
            frequency += torch.bincount(said[said.ne(padding)], minlength=types[1])
        key, place = (torch.cat(column) for column in zip(*parts, strict=True))
        keys, number = key.unique(return_inverse=True)
        given_type = keys // types[1]
        following = torch.ones(len(keys), dtype=torch.double)
        for _ in range(_ROUNDS):
            chance = following
            share = chance[number]
            share = share / torch.bincount(place, share)[place]
            counts = torch.bincount(number, share, minlength=len(keys))
            totals = torch.bincount(given_type, counts, minlength=types[0])
            following = counts / totals[given_type]
        return cls(types[1], padding, keys, chance, counts, totals, frequency / frequency.sum())

    def judge(self, given: Tensor, said: Tensor, own: Tensor) -> Tensor:
        """How much likelier the said words are given the others, in nats per word, shape (n,).

        Args:
            given: types, shape (n, S).
            said: types, shape (n, T).
            own: 1 for a pair that was learnt from, else 0, shape (n,): what it taught is left out,
                or every pair would speak for itself.
        """
        links = _links(given, said, self.types, self.padding)
        place = torch.searchsorted(self.keys, links.key).clamp(max=len(self.keys) - 1)
        known = self.keys[place] == links.key
        chance, counts = (torch.where(known, t[place], 0.0) for t in (self.chance, self.counts))
        totals = self.totals[given.flatten()[links.given]]
        size = max(len(self.totals), int(links.key.max()) + 1)
        share = chance / torch.bincount(links.said, chance)[links.said].clamp(min=1e-300)
        share = share * own[links.pair]
        counts = counts - _sums(links.pair * size + links.key, share)
        totals = totals - _sums(links.pair * size + given.flatten()[links.given], share)
        usual = self.usual[said.flatten()[links.said]]
        chance = (counts.clamp(min=0) + _PSEUDO * usual) / (totals.clamp(min=0) + _PSEUDO)
        real = said.ne(self.padding)
        mean = torch.bincount(links.said, chance, minlength=said.numel()).view_as(said)
        mean = mean / given.ne(self.padding).sum(1, keepdim=True)
        gain = torch.where(real, (mean / self.usual[said]).log(), 0.0)
        return gain.sum(1) / real.sum(1)


def correspondence(train: Pairs, trusted: Pairs, language: Language) -> list[Tensor]:
    """How much likelier either side is given the other, by the lexicon of the training pairs.

    Args:
        train: N pairs.
        trusted: M pairs.
        language: what the dictionaries say.

    Returns:
        Shapes (N, 2) and (M, 2): of targets given sources and of sources given targets, in nats per
        word; float64.
    """
    learnt, total = [], 0
    order = torch.randperm(len(train), generator=torch.Generator().manual_seed(1)).tolist()
    for number in order:
        total += len(train.src[number]) * len(train.tgt[number])
        if learnt and total > _LINKS:
            break
        learnt.append(number)
    own = torch.zeros(len(train), dtype=torch.double)
    own[learnt] = 1
    found = [torch.zeros(len(pairs), 2, dtype=torch.double) for pairs in (train, trusted)]
    for column, way in enumerate((slice(None), slice(None, None, -1))):
        types = language.types[way]
        lexicon = Lexicon.learn(
            (sides[way] for _, *sides in batches(train, language, "words", sorted(learnt))),
            types,
            language.padding,
        )
        for result, pairs, known in zip(
            found, (train, trusted), (own, torch.zeros(len(trusted))), strict=True
        ):
            for numbers, *sides in batches(pairs, language, "correspondence"):
                result[numbers, column] = lexicon.judge(*sides[way], known[numbers])
    return found


def _sums(groups: Tensor, values: Tensor) -> Tensor:
    """For every row the sum of the values in its group, shape (L,)."""
    _, number = groups.unique(return_inverse=True)
    return torch.bincount(number, values)[number]
