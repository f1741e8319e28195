"""``fairseq-l2rw prepare``: from raw text to a folder that fairseq-train takes."""

import argparse
import logging
import shutil
from collections.abc import Iterator, Sequence
from itertools import chain
from operator import itemgetter
from pathlib import Path
from typing import Any

from fairseq import options
from fairseq_cli import preprocess

from fairseq_l2rw.commands.progress import progress
from fairseq_l2rw.commands.split_check import look_over
from fairseq_l2rw.text.columns import read_pairs
from fairseq_l2rw.text.files import digest, one_line, opened
from fairseq_l2rw.text.manifest import Manifest
from fairseq_l2rw.text.pieces import Blanks, SentencePieces, Splitter, train_pieces
from fairseq_l2rw.utils.errors import InputError
from fairseq_l2rw.version import __version__

HELP = "make a folder for fairseq-train from raw text"
DESCRIPTION = """
Split raw text into pieces of words and binarize it. The trusted pairs become the split `meta`.
Every text is two files (source and target), or one tab-separated file whose first two columns are
source and target; .gz, .bz2, .xz and .zst are read as they are. Lines stay in their places: line
numbers are what weights are recorded by.
"""
EXAMPLE = """
example:
  fairseq-l2rw prepare --source-lang de --target-lang en --train crawl.de.gz crawl.en.gz \\
      --trusted trusted.tsv --valid valid.de valid.en --test test.de test.en --out data
"""
_PIECES = ".pieces"  # a folder for the text in pieces, until it is binarized
# What fairseq calls the splits, by our names of them. Its second validation set is `valid1`.
_SPLITS = {"train": "train", "valid": "valid", "trusted": "meta", "test": "test"}
_LINES = 4096  # that are split at a time


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add what the command takes."""
    add = parser.add_argument
    text: Any = {"nargs": "+", "metavar": "FILE"}
    add("--source-lang", required=True, help="code of the source language, for example de")
    add("--target-lang", required=True, help="code of the target language, for example en")
    add("--train", required=True, **text, help="the noisy training text")
    add("--trusted", required=True, **text, help="some hundred pairs that you vouch for")
    add("--valid", **text, help="pairs to watch training by; recommended")
    add("--test", **text, help="pairs to score the model by")
    add("--out", required=True, type=Path, metavar="FOLDER", help="folder to write")
    how = parser.add_mutually_exclusive_group()
    how.add_argument(
        "--pieces",
        type=int,
        default=16000,
        metavar="N",
        help="size of the sentencepiece vocabulary that is trained on the training text, at most; "
        "lower it for a small corpus: 3000 for 30,000 pairs (default: 16000)",
    )
    how.add_argument(
        "--sentencepiece", type=Path, metavar="MODEL", help="take this sentencepiece model instead"
    )
    how.add_argument(
        "--pieces-given",
        action="store_true",
        help="the text is in pieces with blanks between them already",
    )
    add(
        "--dictionaries",
        type=Path,
        metavar="FOLDER",
        help="take dict.SRC.txt and dict.TGT.txt from here: those of the model that you fine-tune",
    )
    add(
        "--separate-dictionaries",
        action="store_true",
        help="a dictionary for each language, not one for both; the model then cannot share "
        "its embeddings",
    )
    add("--workers", type=int, default=1, help="processes that binarize (default: 1)")
    add("--overwrite", action="store_true", help="replace what an earlier call made in the folder")


def run(args: argparse.Namespace) -> None:
    """Do it."""
    texts = {name: getattr(args, name) for name in _SPLITS if getattr(args, name)}
    made = _manifest(_settings(args, texts), texts)
    manifest = args.out / Manifest.NAME
    before = Manifest.read(args.out) if manifest.exists() else None
    if before is not None and not args.overwrite:
        if before.settings != made.settings:
            raise InputError(
                f"{args.out} was made from other files, or in another way: add --overwrite, or "
                "another --out"
            )
        if before.texts != made.texts:  # they were moved
            made.write(args.out)
        print(f"{args.out} is already there, made from the same files")
        print(_next_command(args))
        return
    _remove_old(args, before, made)
    args.out.mkdir(parents=True, exist_ok=True)
    pieces = args.out / _PIECES
    pieces.mkdir(exist_ok=True)  # from here on the call is unfinished
    splitter = _splitter(args)
    counts = {name: _split(args, splitter, files, pieces / name) for name, files in texts.items()}
    _binarize(args, pieces, counts)
    shutil.rmtree(pieces)
    made.write(args.out)
    total = ", ".join(f"{_SPLITS[name]} {count:,}" for name, count in counts.items())
    print(f"{args.out}: {total} pairs")
    print(_next_command(args))


def _settings(args: argparse.Namespace, texts: dict[str, list[str]]) -> dict[str, Any]:
    """What decides about the result.

    Raises:
        InputError: for a file that is not there, a model that is none, flags that do not go
            together, or a name that fairseq-preprocess cannot read.
    """
    model, dictionaries = args.sentencepiece, _dictionaries(args)
    if args.workers < 1:
        raise InputError(f"--workers must be 1 or more, not {args.workers}")
    if dictionaries and not model and not args.pieces_given:
        raise InputError(
            "--dictionaries are of some vocabulary: add --sentencepiece MODEL, the one that goes "
            "with them, or --pieces-given"
        )
    for file in [*chain(*texts.values()), *([model] if model else []), *dictionaries]:
        if not Path(file).exists():
            raise InputError(f"missing file: {file}")
        if not Path(file).is_file():
            raise InputError(f"{file} is no plain file: it is read more than once")
    if model:
        SentencePieces(model)  # says so if it is none
    if "," in str(args.out):
        raise InputError(
            f"--out {args.out}: fairseq-preprocess takes a comma for the end of a name"
        )
    return {
        "version": __version__,
        "languages": [args.source_lang, args.target_lang],
        "pieces": None if model or args.pieces_given else args.pieces,
        "sentencepiece": digest(model) if model else None,
        "given": args.pieces_given,
        "dictionaries": [digest(file) for file in dictionaries],
        "joined": not args.separate_dictionaries,
        "text": {name: [digest(file) for file in files] for name, files in texts.items()},
    }


def _manifest(settings: dict[str, Any], texts: dict[str, list[str]]) -> Manifest:
    absolute = {
        _SPLITS[name]: [str(Path(file).resolve()) for file in files]
        for name, files in texts.items()
    }
    return Manifest(settings, absolute)


def _dictionaries(args: argparse.Namespace) -> list[Path]:
    """Files of the dictionaries that are given."""
    languages = (args.source_lang, args.target_lang)
    folder = args.dictionaries
    return [folder / f"dict.{language}.txt" for language in languages] if folder else []


def _remove_old(args: argparse.Namespace, before: Manifest | None, made: Manifest) -> None:
    """Remove what an earlier call made, and what is in the way of this one.

    A split that is not given now would stay, in the numbers of other dictionaries. What is given
    now may be in this very folder.

    Raises:
        InputError: for files in the way that no earlier call made, unless --overwrite is there.
    """
    folder, given = args.out, [args.sentencepiece] if args.sentencepiece else []
    given += [*map(Path, chain(*made.texts.values())), *_dictionaries(args)]
    inputs = {path.resolve() for path in given}
    names = [name for manifest in (before, made) if manifest for name in _outputs(manifest)]
    old = [folder / name for name in dict.fromkeys(names) if (folder / name).is_file()]
    old = [file for file in old if file.resolve() not in inputs]
    unfinished = (folder / _PIECES).is_dir()  # an earlier call was interrupted
    if old and before is None and not unfinished and not args.overwrite:
        raise InputError(f"{old[0]} is in the way: add --overwrite, or another --out")
    for file in [folder / Manifest.NAME, *old]:
        file.unlink(missing_ok=True)


def _outputs(manifest: Manifest) -> list[str]:
    """Names of the files that a call with this manifest makes, but for the manifest."""
    source, target = manifest.settings["languages"]
    found = [f"dict.{language}.txt" for language in (source, target)]
    pieces = Path(Manifest.PIECES)
    found += [pieces.name, pieces.with_suffix(".vocab").name]
    return found + [
        f"{split}.{source}-{target}.{language}.{kind}"
        for split in manifest.texts
        for language in (source, target)
        for kind in ("bin", "idx")
    ]


def _splitter(args: argparse.Namespace) -> Splitter:
    """What splits sentences; its model is written to the folder."""
    if args.pieces_given:
        return Blanks()
    model = args.out / Manifest.PIECES
    if args.sentencepiece:
        if model.resolve() != args.sentencepiece.resolve():
            shutil.copyfile(args.sentencepiece, model)
    else:
        print(f"vocabulary: at most {args.pieces:,} pieces, from the training text")
        sides = (map(itemgetter(side), read_pairs(args.train)) for side in (0, 1))
        train_pieces(chain.from_iterable(sides), args.pieces, model)
    return SentencePieces(model)


def _split(args: argparse.Namespace, splitter: Splitter, files: Sequence[str], prefix: Path) -> int:
    """Write a text in pieces; returns how many pairs it has."""
    count = 0
    paths = [f"{prefix}.{language}" for language in (args.source_lang, args.target_lang)]
    with opened(paths[0], "w") as source, opened(paths[1], "w") as target:
        for pairs in _blocks(progress(read_pairs(files), f"{prefix.name}: pieces")):
            for side, texts in zip((source, target), zip(*pairs, strict=True), strict=True):
                for found in splitter.split([one_line(text) for text in texts]):
                    side.write(" ".join(found) + "\n")
            count += len(pairs)
    if not count:
        raise InputError(f"{' and '.join(files)}: no lines")
    return count


def _blocks(pairs: Iterator[tuple[str, str]]) -> Iterator[list[tuple[str, str]]]:
    block: list[tuple[str, str]] = []
    for pair in pairs:
        block.append(pair)
        if len(block) == _LINES:
            yield block
            block = []
    if block:
        yield block


def _binarize(args: argparse.Namespace, pieces: Path, counts: dict[str, int]) -> None:
    """Run fairseq-preprocess; see to it that no line is lost."""
    languages = (args.source_lang, args.target_lang)
    valid = [name for name in ("valid", "trusted") if name in counts]
    flags = ["--source-lang", languages[0], "--target-lang", languages[1]]
    flags += ["--trainpref", str(pieces / "train"), "--destdir", str(args.out)]
    flags += ["--validpref", ",".join(str(pieces / name) for name in valid)]
    flags += ["--testpref", str(pieces / "test")] if "test" in counts else []
    flags += ["--workers", str(args.workers)]
    for place, file in zip(("--srcdict", "--tgtdict"), _dictionaries(args), strict=False):
        flags += [place, str(file)]
    if args.dictionaries is None and not args.separate_dictionaries:
        flags.append("--joined-dictionary")
    logging.getLogger("fairseq_cli.preprocess").setLevel(logging.WARNING)
    preprocess.main(options.get_preprocessing_parser().parse_args(flags))
    pair, own = "-".join(languages), f"valid{valid.index('trusted') or ''}"
    for language in languages:
        for kind in ("bin", "idx"):  # no others: the raw text may be in this folder
            made = args.out / f"{own}.{pair}.{language}.{kind}"
            made.replace(made.with_name(f"meta.{pair}.{language}.{kind}"))
    for name, count in counts.items():
        for language in languages:
            look_over(args.out / f"{_SPLITS[name]}.{pair}.{language}", count)


def _next_command(args: argparse.Namespace) -> str:
    """How to train with it."""
    validation = [] if args.valid else ["--disable-validation"]
    one = len({file.read_bytes() for file in args.out.glob("dict.*.txt")}) == 1
    shared = ["--share-all-embeddings"] if one else []
    languages = f"--source-lang {args.source_lang} --target-lang {args.target_lang}"
    flags = [
        f"fairseq-train {args.out} {languages}",
        '--user-dir "$(fairseq-l2rw user-dir)" --task l2rw_translation',
        "--criterion l2rw_label_smoothed_cross_entropy --label-smoothing 0.1",
        "--weighting deep --meta-subset meta --weights-dir run/weights --save-dir run",
        " ".join(["--arch transformer_iwslt_de_en", *shared, "--dropout 0.3"]),
        "--optimizer adam --adam-betas '(0.9, 0.98)' --clip-norm 1.0",
        "--lr 5e-4 --lr-scheduler inverse_sqrt --warmup-updates 4000 --weighting-warmup 4000",
        "--max-tokens 4096 --required-batch-size-multiple 1",
        " ".join(["--max-update 50000 --no-epoch-checkpoints", *validation]),
    ]
    return (
        "next, on a GPU (add --fp16) or without one (add --cpu); --weighting initial leaves the "
        "teacher out, and is as good where noise shows in the text:\n\n    "
    ) + " \\\n        ".join(flags)
