"""Training data with known flaws: the recipes that weightings are compared on."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from steps import script, short

HERE = Path(__file__).resolve().parent
CAPTIONS = range(1, 6)


@dataclass(frozen=True)
class Recipe:
    """Multi30k German-English with a known share of spoilt training pairs.

    Attributes:
        what: one line for the docs.
        rates: share of all training pairs for every kind of noise (`noise.py`).
    """

    what: str
    rates: Mapping[str, float] = field(default_factory=dict)


RECIPES = {
    "clean": Recipe("nothing added: reweighting must not hurt"),
    "mixed50": Recipe(
        "half of the pairs spoilt, in six ways",
        {
            "comparable": 0.1,
            "misaligned": 0.1,
            "wrong_language": 0.1,
            "untranslated": 0.1,
            "short": 0.05,
            "misordered": 0.05,
        },
    ),
    "comparable50": Recipe(
        "half of the targets are independent captions of the same image", {"comparable": 0.5}
    ),
    "misaligned50": Recipe("half of the targets belong to another line", {"misaligned": 0.5}),
}


def noise_command(recipe: Recipe, clean: Path, raw: Path, seed: int) -> list[str]:
    """Return the command that spoils a known part of the training pairs."""
    captions = [f for n in CAPTIONS for f in ("--comparable", short(clean / f"captions.{n}.en"))]
    return [
        *(short(HERE / "noise.py"), "--data", short(clean), "--source", "de", "--target", "en"),
        *("--out", short(raw), "--seed", str(seed)),
        *("--wrong-language", short(clean / "train.fr"), *captions),
        *(flag for kind, rate in recipe.rates.items() for flag in ("--rate", f"{kind}={rate:g}")),
    ]


def prepare(name: str, original: Path, out: Path, seed: int = 1) -> Path:
    """Write the text of a recipe and return its folder.

    Args:
        name: of the recipe.
        original: folder that holds `multi30k/` and `multi30k_captions/`.
        out: folder that all recipes share.
        seed: of the noise. It is the same for all seeds of training, which are to differ in
            nothing but initialisation, order and dropout.
    """
    clean, raw = out / "multi30k", out / name / "raw"
    corpus = sorted((original / "multi30k").glob("*")) + sorted(
        (original / "multi30k_captions").glob("*.en")
    )
    script(
        [short(HERE / "multi30k.py"), "--out", short(clean), "--from", str(original)], clean, corpus
    )
    text = sorted(clean.glob("*.*"))
    text = [path for path in text if path.suffix != ".json"]
    script(noise_command(RECIPES[name], clean, raw, seed), raw, text)
    return raw
