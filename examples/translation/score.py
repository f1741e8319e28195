"""How well a run translates, and how well its weights tell clean sentences from noise."""

from __future__ import annotations

import re
import shutil
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import sentencepiece

from fairseq_l2rw.text.manifest import Manifest
from filtering import SCORES
from labels import CLEAN, LABELS
from lines import read_lines, read_numbers, write_lines
from progress import parse_record
from recipes import Question
from steps import Stamp, digest, read_json, run, say, short, write_json
from token_scores import FLAWS, wrong_words
from training import CONFIGS, EVERY_SENTENCE, STOCK, Run, device, plugin, train_command, use_cpu
from versions import start, starts
from weights import Array, Weights, read_weights

HYPOTHESIS = re.compile(r"^H-(\d+)\t[^\t]*\t(.*)$")


@dataclass(frozen=True)
class Quality:
    """Scores of a translation, each with the signature that says how it was made."""

    bleu: float
    chrf: float
    bleu_signature: str
    chrf_signature: str


def hypotheses(output: Sequence[str]) -> list[str]:
    """Return the `H-` lines of `fairseq-generate` in the order of the data: it prints by length."""
    found = {int(match[1]): match[2] for match in map(HYPOTHESIS.match, output) if match}
    return [found[number] for number in sorted(found)]


def quality(translations: Sequence[str], references: Sequence[str]) -> Quality:
    """Return BLEU and chrF of detokenised text, by sacreBLEU with its usual settings."""
    import sacrebleu

    if len(translations) != len(references):
        sys.exit(f"{len(translations)} translations for {len(references)} references")
    bleu, chrf = sacrebleu.BLEU(), sacrebleu.CHRF()
    return Quality(
        bleu=bleu.corpus_score(translations, [references]).score,
        chrf=chrf.corpus_score(translations, [references]).score,
        bleu_signature=str(bleu.get_signature()),
        chrf_signature=str(chrf.get_signature()),
    )


def auc_per_kind(values: Array, kind: Array, counts: Array) -> dict[str, float]:
    """Return, per kind of noise, how often a clean sentence has the larger value (0.5: chance).

    Values that are NaN do not count, others `counts` times.
    """
    from sklearn.metrics import roc_auc_score

    there = ~np.isnan(values)
    values, kind, counts = values[there], kind[there], counts[there]
    clean = kind == CLEAN
    result = {}
    for name in sorted(set(kind.tolist()) - {CLEAN}) if clean.any() else []:
        both = clean | (kind == name)
        auc = roc_auc_score(clean[both], values[both], sample_weight=counts[both])
        result[name] = float(auc)
    return result


def auc_of(values: Array, kind: Array, counts: Array, question: Question) -> float:
    """Return how often a pair of the first labels has a larger value than one of the others.

    NaN where there is none of either.
    """
    more, less = question
    asked = np.isin(kind, [*more, *less]) & ~np.isnan(values)
    groups = np.where(np.isin(kind[asked], more), CLEAN, "other")
    return auc_per_kind(values[asked], groups, counts[asked]).get("other", float("nan"))


def told(
    weights: Weights, names: Sequence[str], questions: Mapping[str, Question]
) -> dict[str, float]:
    """Return the answers that the last epoch's weights give to a recipe's questions.

    Args:
        weights: of a run.
        names: the labels of the training pairs.
        questions: by name, see ``auc_of``.
    """
    last = weights.last_epoch()
    rows = (last.weight, last.kinds(names), last.importance_weight)
    return {name: auc_of(*rows, question) for name, question in questions.items()}


def filter_scores(
    kept: Path, names: Sequence[str], questions: Mapping[str, Question]
) -> dict[str, Any]:
    """Return what a filter's scores tell, as of weights, and of each kind the share that it keeps.

    Args:
        kept: file of the numbers of lines that `filtering.py` wrote, its scores beside it.
        names: the labels of all training pairs.
        questions: as of ``told``.
    """
    scores = np.array([float(line) for line in read_lines(kept.with_suffix(SCORES))])
    # What an earlier filter left out is worse than all that the later one judged.
    scores = np.nan_to_num(scores, nan=np.nanmin(scores) - 1)
    kind, ones, stays = np.asarray(names), np.ones(len(names)), np.zeros(len(names))
    stays[sorted(read_numbers(kept, len(names)))] = 1
    return {
        "auc": auc_per_kind(scores, kind, ones),
        "mean_weight": mean_per_kind(stays, kind, ones),
        "told": {name: auc_of(scores, kind, ones, asked) for name, asked in questions.items()},
    }


def auc_per_epoch(weights: Weights, kind: Array) -> dict[str, dict[str, list[float | None]]]:
    """Return what tells clean from noisy sentences, epoch by epoch.

    AUC of weight, of the usefulness that it learnt from, and of minus the loss, by kind of noise.
    A sentence counts as often as it stands for others, so that an epoch that holds only some is
    still about all of them; None where it holds none of a kind, or there was no meta step.
    """
    shown = {"weight": weights.weight, "usefulness": weights.usefulness, "loss": -weights.loss}
    kinds = sorted(set(kind.tolist()) - {CLEAN})
    result: dict[str, dict[str, list[float | None]]] = {n: {k: [] for k in kinds} for n in shown}
    for epoch in np.unique(weights.epoch):
        rows = weights.epoch == epoch
        for name, values in shown.items():
            found = auc_per_kind(values[rows], kind[rows], weights.importance_weight[rows])
            for noise in kinds:
                result[name][noise].append(round(found[noise], 4) if noise in found else None)
    return result


def mean_per_kind(values: Array, kind: Array, counts: Array) -> dict[str, float]:
    """Return the mean value of every kind of sentence, each counted `counts` times, clean first."""
    names = sorted(set(kind.tolist()), key=lambda name: (name != CLEAN, name))
    return {n: float(np.average(values[kind == n], weights=counts[kind == n])) for n in names}


def significance(
    translations: Sequence[str], baseline: Sequence[str], references: Sequence[str]
) -> dict[str, Any]:
    """Return sacreBLEU's paired bootstrap test of BLEU against a baseline.

    Its p is that of one side, about: half of what a test of both sides would say. Where there is no
    difference it is 1: sacreBLEU counts how often resampled differences exceed the true one, which
    0 never does 0, and would say the smallest p there is.
    """
    from sacrebleu import BLEU
    from sacrebleu.significance import PairedTest, Result

    named: list[tuple[str, Sequence[str]]] = [("baseline", baseline), ("run", translations)]
    test = PairedTest(named, {"BLEU": BLEU()}, [list(references)], test_type="bs")
    signatures, scores = test()
    before, after = (score for score in scores["BLEU"] if isinstance(score, Result))
    return {
        "difference": after.score - before.score,
        "p": after.p_value if after.score != before.score else 1.0,
        "signature": str(signatures["BLEU"]),
    }


def training_log(log: Path) -> dict[str, float]:
    """Return seconds of training and the last loss on the valid set, in bits a token.

    fairseq's clock starts anew in every process, so the parts of a run that was resumed add up.
    """
    found = {"train_seconds": 0.0}
    before = clock = 0.0  # seconds of earlier processes, and of this one
    for line in log.read_text(encoding="utf-8", errors="replace").splitlines():
        record = parse_record(line) or {}
        # Within an epoch the clock is `wall`, at its end `train_wall`, which elsewhere is another.
        name = "train_wall" if "train_num_updates" in record else "wall"
        if name in record:
            now = float(record[name])
            before += clock if now < clock else 0.0
            clock = now
        if "valid_nll_loss" in record:
            found["valid_loss"] = float(record["valid_nll_loss"])
    found["train_seconds"] = before + clock
    return found


def generate_command(job: Run, results: Path, subset: str = "test") -> list[str]:
    """Return the `fairseq-generate` command: stock task, the last checkpoint, beam 5.

    The plugin is named only because importing it lets today's torch load fairseq's checkpoints.
    """
    return [
        *("fairseq-generate", short(job.bin), "--user-dir", short(plugin())),
        *("--task", "translation", "--source-lang", job.source, "--target-lang", job.target),
        *("--path", short(job.out / "checkpoint_last.pt"), "--gen-subset", subset),
        *("--beam", "5", "--max-tokens", "4000", "--num-workers", "0", *EVERY_SENTENCE),
        *("--results-path", short(results)),
        *(["--cpu"] if use_cpu(CONFIGS[job.config]) else []),
    ]


def score_references(job: Run) -> Path:
    """Score the train references with the last checkpoint; return fairseq's output file."""
    output = job.out / "generate-train.txt"
    checkpoint = job.out / "checkpoint_last.pt"
    stamp = Stamp(job.out / "score_references.json", {"files": digest([checkpoint])})
    if not stamp.done:
        stamp.begin(replace=True)
        command = [*generate_command(job, job.out, "train"), "--score-reference"]
        run(command, job.out / "score_references.log")
        stamp.finish()
    return output


def translations(job: Run, subset: str = "test", extra: Sequence[str] = ()) -> list[str]:
    """Return what the last checkpoint makes of the sources of a split, detokenised, in order."""
    run([*generate_command(job, job.out, subset), *extra], job.out / "generate.log")
    pieces = hypotheses(read_lines(job.out / f"generate-{subset}.txt"))
    processor = sentencepiece.SentencePieceProcessor(model_file=str(job.bin / Manifest.PIECES))
    return [processor.decode(line.split(" ")) for line in pieces]


def translate(job: Run) -> list[str]:
    """Translate the test set with the last checkpoint; return detokenised lines in order."""
    text = translations(job)
    write_lines(job.out / f"translation.{job.target}", text)
    return text


def weight_scores(job: Run) -> dict[str, Any]:
    """Return AUC and mean weight per kind; nothing where a run has no weights or no labels."""
    labels = job.bin / LABELS
    if job.weighting == STOCK or not job.weights.exists() or not labels.exists():
        return {"auc": {}, "mean_weight": {}, "course": {}}
    shutil.copyfile(labels, job.out / LABELS)  # the report then needs the run only
    weights, names = read_weights(job.weights), read_lines(labels)
    last = weights.last_epoch()
    kind = last.kinds(names)
    return {
        "auc": auc_per_kind(last.weight, kind, last.importance_weight),
        "mean_weight": mean_per_kind(last.weight, kind, last.importance_weight),
        "course": auc_per_epoch(weights, weights.kinds(names)),
    }


def token_scores(job: Run, data: Path) -> dict[str, Any]:
    """Return AUC and weights of the tokens of wrong words, where tokens have weights.

    Not where lines were left out, as the numbers of lines are others then.
    """
    if not (data / FLAWS).exists() or not job.weights.exists() or (job.bin / "kept").exists():
        return {}
    texts, flaws = (read_lines(data / name) for name in (f"train.{job.target}", FLAWS))
    return wrong_words(job.weights, texts, flaws, job.bin / Manifest.PIECES)


def evaluate(bin_folder: Path, out: Path, data: Path) -> dict[str, Any]:
    """Score the run in `out` and write `result.json` there."""
    settings: Mapping[str, Any] = read_json(out / "train.json")["settings"]
    source, target = settings["languages"]
    job = Run(
        bin=bin_folder,
        out=out,
        weighting=settings["weighting"],
        config=settings["config"],
        seed=settings["seed"],
        updates=settings["updates"],
        source=source,
        target=target,
        extra=tuple(settings["extra"]),
    )
    reference = data / f"test.{target}"
    checkpoint = out / "checkpoint_last.pt"
    stamp = Stamp(out / "evaluate.json", {"files": digest([checkpoint, reference])})
    if stamp.done and (out / "result.json").exists():
        say(f"evaluate: {short(out / 'result.json')} is already there")
        return read_json(out / "result.json")
    stamp.begin(replace=True)
    # Of the training: it may be scored by other versions, much later.
    began = starts(out) or [start(device(CONFIGS[job.config]))]
    scores = quality(translate(job), read_lines(reference))
    result = {
        "run": out.name,
        **settings,
        **vars(scores),
        **weight_scores(job),
        **token_scores(job, data),
        **training_log(out / "train.log"),
        "commands": [train_command(job), generate_command(job, out)],
        **began[-1],
    }
    if any(other != began[-1] for other in began):
        result["earlier_starts"] = began[:-1]
    write_json(out / "result.json", result)
    write_json(out / "bleu.json", {"score": scores.bleu, "signature": scores.bleu_signature})
    stamp.finish()
    say(f"evaluate: {out.name} BLEU {scores.bleu:.1f} chrF {scores.chrf:.1f}")
    return result
