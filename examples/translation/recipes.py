"""Training data with known flaws: the recipes that weightings are compared on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from held_out import third
from labels import BROKEN, FLAWED, GOOD, UNKNOWN
from multi30k import LANGUAGES
from steps import script, short

HERE = Path(__file__).resolve().parent
CAPTIONS = range(1, 6)
# Updates of the model whose translations are noise; others train for 5,200.
YOUNG = 1000
# Labels of pairs that should weigh more, and of those that should weigh less.
Question = tuple[tuple[str, ...], tuple[str, ...]]


@dataclass(frozen=True)
class Recipe:
    """Training data.

    Attributes:
        what: one line for the docs.
        rates: share of all Multi30k training pairs for every kind of noise (`noise.py`); None for
            other data.
        languages: source and target.
        few: whether there are only 100 trusted pairs.
        trusted: the domain of the trusted pairs, where captions and talks are mixed (`domains.py`).
        crawled: `software` or `human`: real noise (`crawled.py`).
        questions: names of what weights are asked beside each kind of noise, with the labels of
            pairs that should weigh more and of those that should weigh less.
        config: the student (`training.py`).
        vocab: pieces in the vocabulary, at most.
    """

    what: str
    rates: Mapping[str, float] | None = None
    languages: tuple[str, str] = LANGUAGES
    few: bool = False
    trusted: str | None = None
    crawled: str | None = None
    questions: Mapping[str, Question] = field(default_factory=dict)
    config: str = "multi30k"
    vocab: int = 3000

    @property
    def has_bad_pairs(self) -> bool:
        """Whether there is anything that an oracle could leave out."""
        return bool(self.rates or self.trusted or self.crawled)


# Trusted pairs of a recipe with few of them.
FEW = 100
MIXED = {
    "comparable": 0.1,
    "misaligned": 0.1,
    "wrong_language": 0.1,
    "untranslated": 0.1,
    "short": 0.05,
    "misordered": 0.05,
}


def _mixed(percent: int) -> dict[str, float]:
    """Rates of noise for this share of bad pairs."""
    return {kind: round(rate * percent / 50, 4) for kind, rate in MIXED.items()}


RECIPES = {
    "clean": Recipe("nothing added: reweighting must not hurt", {}),
    "mixed50": Recipe("half of the pairs corrupted, in six ways", MIXED),
    **{
        f"mixed{percent:02}{'_few' if few else ''}": Recipe(
            f"{percent}% of the pairs corrupted, in six ways" + f", {FEW} trusted pairs" * few,
            _mixed(percent),
            few=few,
        )
        for percent in (5, 10, 20)
        for few in (False, True)
    },
    "comparable50": Recipe(
        "half of the targets are other captions of the same image", {"comparable": 0.5}
    ),
    "misaligned50": Recipe("half of the targets belong to another line", {"misaligned": 0.5}),
    "misordered50": Recipe(
        "half of the targets have their words shuffled",
        {"misordered": 0.5},
    ),
    "wrong_word50": Recipe(
        "half of the targets have one content word replaced by another that fits",
        {"wrong_word": 0.5},
    ),
    "neighbour50": Recipe(
        "half of the targets belong to the most similar other source", {"neighbour": 0.5}
    ),
    "boilerplate05": Recipe(
        "one pair that does not belong together is there 1,450 times", {"boilerplate": 0.05}
    ),
    "template05": Recipe(
        "such a pair 1,450 times, with another word on either side each time", {"template": 0.05}
    ),
    "machine50": Recipe(
        f"half of the targets are translations by a model that trained for {YOUNG} updates",
        {"machine": 0.5},
    ),
    "french50": Recipe(
        "English to French: half of the captions corrupted, in five ways",
        {
            "misaligned": 0.15,
            "wrong_language": 0.1,
            "untranslated": 0.1,
            "short": 0.1,
            "misordered": 0.05,
        },
        ("en", "fr"),
    ),
    "domains": Recipe("29,000 captions and 9,526 talks, which are trusted", trusted="talks"),
    "software": Recipe(
        "235,000 pairs of software texts, half of them crawled, 1,000 trusted pairs",
        crawled="software",
        config="software",
        vocab=8000,
    ),
    "software_few": Recipe(
        f"the same with {FEW} trusted pairs",
        few=True,
        crawled="software",
        config="software",
        vocab=8000,
    ),
    "human": Recipe(
        "software texts, captions, talks and 2,000 judged web pairs; news are trusted",
        crawled="human",
        questions={
            "good": (GOOD, (*FLAWED, *BROKEN)),
            "not broken": ((*GOOD, *FLAWED), BROKEN),
        },
        config="software",
        vocab=8000,
    ),
    "iwslt14": Recipe("9,526 pairs of the task of arXiv 2007.04649", config="iwslt14_sample"),
}


def share_of_good(labels: Sequence[str]) -> float:
    """Return the share of good pairs among those of which it is known."""
    known = [label for label in labels if label not in UNKNOWN]
    return sum(label in GOOD for label in known) / len(known)


def noise_command(recipe: Recipe, clean: Path, raw: Path, seed: int) -> list[str]:
    """Return the command that corrupts a known part of the training pairs, but for `--machine`."""
    rates, (source, target) = recipe.rates or {}, recipe.languages
    files = []
    if "wrong_language" in rates:
        files += ["--wrong-language", short(clean / f"train.{third(recipe.languages)}")]
    if "comparable" in rates:
        captions = [short(clean / f"captions.{number}.{target}") for number in CAPTIONS]
        files += [f for caption in captions for f in ("--comparable", caption)]
    return [
        *(short(HERE / "noise.py"), "--data", short(clean)),
        *("--source", source, "--target", target),
        *("--out", short(raw), "--seed", str(seed), *files),
        *(flag for kind, rate in rates.items() for flag in ("--rate", f"{kind}={rate:g}")),
        *(["--trusted", str(FEW)] if recipe.few else []),
    ]


def _captions(original: Path, out: Path) -> Path:
    folder = out / "captions"
    files = [*(original / "multi30k").glob("*"), *(original / "multi30k_captions").glob("*.en")]
    command = [short(HERE / "multi30k.py"), "--out", short(folder), "--from", str(original)]
    script(command, folder, sorted(files))
    return folder


def _held_out(languages: Sequence[str], captions: Path, out: Path) -> Path:
    """Captions in other languages than German and English."""
    source, target = languages
    folder = out / f"captions-{source}-{target}"
    command = [short(HERE / "held_out.py"), "--captions", short(captions), "--out", short(folder)]
    command += ["--source", source, "--target", target]
    script(command, folder, sorted(captions.glob("train.*")))
    return folder


def _machine(clean: Path, out: Path) -> Path:
    """Translations by a young model, a line for every training pair."""
    folder = out / "young"
    command = [short(HERE / "young.py"), "--data", short(clean), "--out", short(folder)]
    script([*command, "--updates", str(YOUNG)], folder, _texts(clean))
    return folder / "machine.en"


def _talks(original: Path, out: Path) -> Path:
    folder, source = out / "talks", original / "iwslt14_deen_sample"
    command = [short(HERE / "iwslt14.py"), "--out", short(folder), "--text", str(source)]
    script(command, folder, sorted(source.glob("*")))
    return folder


def crawled_command(recipe: Recipe, original: Path, out: Path, raw: Path) -> list[str]:
    """Return the command that writes really noisy text."""
    command = [short(HERE / "crawled.py"), str(recipe.crawled), "--out", short(raw)]
    command += ["--software", str(original / "software_deen")]
    if recipe.crawled == "human":
        captions, talks = _captions(original, out), _talks(original, out)
        command += ["--captions", short(captions), "--talks", short(talks)]
        command += ["--judged", str(original / "paracrawl_human_v3")]
        command += ["--news", str(original / "newstest2016_deen")]
    return [*command, *(["--trusted", str(FEW)] if recipe.few else [])]


def prepare(name: str, original: Path, out: Path, seed: int = 1) -> Path:
    """Write the text of a recipe and return its folder.

    Args:
        name: of the recipe.
        original: folder that holds `multi30k/`, `multi30k_captions/`, `iwslt14_deen_sample/`,
            `software_deen/`, `paracrawl_human_v3/` and `newstest2016_deen/`, as far as the recipe
            needs them.
        out: folder that all recipes share.
        seed: of the noise. It is the same for all seeds of training, which are to differ in
            nothing but initialisation, order and dropout.
    """
    recipe, raw = RECIPES[name], out / name / "raw"
    if recipe.rates is not None:
        clean = _captions(original, out)
        if recipe.languages != LANGUAGES:
            clean = _held_out(recipe.languages, clean, out)
        command = noise_command(recipe, clean, raw, seed)
        machine = [_machine(clean, out)] if "machine" in recipe.rates else []
        command += [flag for path in machine for flag in ("--machine", short(path))]
        script(command, raw, [*_texts(clean), *machine])
    elif recipe.trusted is not None:
        captions, talks = _captions(original, out), _talks(original, out)
        command = [
            *(short(HERE / "domains.py"), "--captions", short(captions), "--talks", short(talks)),
            *("--trusted", recipe.trusted, "--out", short(raw)),
        ]
        script(command, raw, [*_texts(captions), *_texts(talks)])
    elif recipe.crawled is not None:
        inputs = _crawled(original, recipe.crawled)
        command = crawled_command(recipe, original, out, raw)
        if recipe.crawled == "human":
            inputs += [*_texts(out / "captions"), *_texts(out / "talks")]
        script(command, raw, inputs)
    else:
        return _talks(original, out)
    return raw


def _crawled(original: Path, name: str) -> list[Path]:
    """Return the files that a recipe of real noise is made from, beside captions and talks."""
    others = ("paracrawl_human_v3", "newstest2016_deen") if name == "human" else ()
    folders = [original / folder for folder in ("software_deen", *others)]
    return [path for folder in folders for path in sorted(folder.glob("*.*"))]


def _texts(folder: Path) -> list[Path]:
    return sorted(path for path in folder.glob("*.*") if path.suffix != ".json")
