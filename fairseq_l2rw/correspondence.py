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
# Nats that say that a word has its counterpart: of a rare word more would not say it any better.
_ENOUGH = 1.5
# Words times words of the pairs that are learnt from: more do not say more, and take memory.
_LINKS = 20_000_000
_MERGED = 16  # parts whose keys are sorted together


@dataclass(frozen=True)
class _Links:
    """Every source word with every target word of the same pair, some pairs together.

    Attributes:
        pair: number of the pair, shape (L,).
        places: of the source word among all words of sources, and of the target word; (L,) each.
        types: their types, (L,) each.
        words: types of all words of sources and of targets, one pair after the other.
        lengths: of sources and of targets, shape (n,) each.
    """

    pair: Tensor
    places: tuple[Tensor, Tensor]
    types: tuple[Tensor, Tensor]
    words: tuple[Tensor, Tensor]
    lengths: tuple[Tensor, Tensor]

    @classmethod
    def of(cls, source: Tensor, target: Tensor, padding: int) -> "_Links":
        """Of source types (n, S) and target types (n, T)."""
        real = source.ne(padding), target.ne(padding)
        lengths = real[0].sum(1), real[1].sum(1)
        words = source[real[0]], target[real[1]]
        places = _places(*lengths)
        pair = _each(lengths[0] * lengths[1])
        return cls(pair, places, (words[0][places[0]], words[1][places[1]]), words, lengths)

    def at(self, source: Tensor, target: Tensor) -> Tensor:
        """Numbers of the links between words, given by their places: shapes (L,), in one pair."""
        sources, targets = self.lengths
        links = sources.repeat_interleave(targets)  # of every target word: one a source word
        start = links.cumsum(0) - links - (sources.cumsum(0) - sources).repeat_interleave(targets)
        return start[target] + source


def _first(words: Tensor, lengths: Tensor) -> Tensor:
    """The place of the first word of the same type in the same text, of all texts' words (M,)."""
    key = _each(lengths) * (int(words.max()) + 1) + words
    order = key.argsort(stable=True)
    new = key[order].diff(prepend=key.new_full((1,), -1)).ne(0)
    result = torch.empty_like(order)
    result[order] = order[new][new.cumsum(0) - 1]
    return result


def _places(source: Tensor, target: Tensor) -> tuple[Tensor, Tensor]:
    """Of the words of each link, in the order of target words, from lengths (n,) each."""
    links = source.repeat_interleave(target)  # of every target word: one a source word
    first = (source.cumsum(0) - source).repeat_interleave(target)
    ahead = first - (links.cumsum(0) - links)
    word = _each(links)
    return torch.arange(len(word)) + ahead[word], word


def _each(counts: Tensor) -> Tensor:
    """0 as often as the first count says, 1 as often as the second, and so on."""
    return torch.arange(len(counts)).repeat_interleave(counts)


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


@dataclass
class _Part:
    """What is kept of some pairs: the key of every link, by its number, and lengths (n,) each."""

    number: Tensor
    lengths: tuple[Tensor, Tensor]


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
        found: list[Tensor] = []
        parts: list[_Part] = []
        frequency = [torch.ones(size, dtype=torch.double) for size in types]
        for sides in pairs:
            links = _Links.of(*sides, padding)
            keys, number = self._key(links).unique(return_inverse=True)
            found.append(keys)
            parts.append(_Part(number.int(), links.lengths))
            for count, words in zip(frequency, links.words, strict=True):
                count += torch.bincount(words, minlength=len(count))
        # Of all types that came together, sorted.
        self.keys = found[0]
        for k in range(1, len(found), _MERGED):
            self.keys = torch.cat([self.keys, *found[k : k + _MERGED]]).unique()
        for keys, part in zip(found, parts, strict=True):
            part.number = torch.searchsorted(self.keys, keys).int()[part.number]
        given = self.keys % types[1], self.keys // types[1]
        self.ways = [self._learn(said, parts, given[said], frequency[said]) for said in (1, 0)]

    def _key(self, links: _Links) -> Tensor:
        return links.types[0].long() * self.types[1] + links.types[1]

    def _learn(self, said: int, parts: list[_Part], given: Tensor, frequency: Tensor) -> _Way:
        """Expectation maximisation, from the given types of keys and the frequency of said ones."""
        following = torch.ones(len(self.keys), dtype=torch.double)
        for _ in range(_ROUNDS):
            chance = following
            counts = torch.zeros_like(chance)
            for part in parts:
                place = _places(*part.lengths)[said]
                share = chance[part.number]
                share = share / torch.bincount(place, share)[place]
                counts.index_add_(0, part.number, share)
            totals = torch.bincount(given, counts, minlength=self.types[1 - said])
            following = counts / totals[given]
        return _Way(said, chance, counts, totals, frequency / frequency.sum())

    def judge(self, source: Tensor, target: Tensor, taught: Tensor) -> Tensor:
        """How much likelier a side is given the other one, in nats per word, shape (n, 2).

        Of a single word it is 1.5 at most.

        Args:
            source: types, shape (n, S).
            target: types, shape (n, T).
            taught: 1 for a pair that was learnt from, else 0, shape (n,): what it taught itself is
                left out, or every pair would speak for itself.

        Returns:
            Of the target given the source, and of the source given the target.
        """
        links = _Links.of(source, target, self.padding)
        key = self._key(links)
        found = torch.searchsorted(self.keys, key).clamp(max=len(self.keys) - 1)
        known = self.keys[found] == key
        # Of every word and every link the first one of its types in the same pair.
        firsts = [_first(types, n) for types, n in zip(links.words, links.lengths, strict=True)]
        together = links.at(firsts[0][links.places[0]], firsts[1][links.places[1]])
        columns = []
        for way in self.ways:
            said, given = way.said, 1 - way.said
            place = links.places[said]
            chance, counts = (torch.where(known, t[found], 0.0) for t in (way.chance, way.counts))
            share = chance / torch.bincount(place, chance)[place].clamp(min=1e-300)
            share = share * taught[links.pair]
            counts = counts - torch.bincount(together, share)[together]
            totals = way.totals[links.types[given]]
            alike = firsts[given][links.places[given]]
            totals = totals - torch.bincount(alike, share)[alike]
            # Rounding may leave a little less than nothing.
            counts, totals = counts.clamp(min=0), totals.clamp(min=0)
            chance = (counts + _PSEUDO * way.usual[links.types[said]]) / (totals + _PSEUDO)
            pair = _each(links.lengths[said])  # of every said word
            mean = torch.bincount(place, chance) / links.lengths[given][pair]
            gain = (mean / way.usual[links.words[said]]).log().clamp(max=_ENOUGH)
            columns.append(torch.bincount(pair, gain) / links.lengths[said])
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
