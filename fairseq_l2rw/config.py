"""Options of ``--task l2rw_translation``, one dataclass a concern, and what of them cannot work.

Flags and hydra keys both come from here.
"""

# ruff: noqa: RUF009, UP045
# (fairseq's parser of flags knows Optional[X], not X | None, and its II() is a string)

import re
from dataclasses import dataclass
from typing import Any, Optional

from fairseq.dataclass import FairseqDataclass
from fairseq.tasks.translation import TranslationConfig
from omegaconf import II

from fairseq_l2rw.compatibility.back_ends import check_back_end
from fairseq_l2rw.metagradient import METHODS, TRAJECTORIES
from fairseq_l2rw.utils.checks import at_least, one_of
from fairseq_l2rw.utils.errors import InputError
from fairseq_l2rw.weighting import find, names, option
from fairseq_l2rw.weighting.options import parsed


@dataclass
class WeightingConfig(FairseqDataclass):
    """Which weighting turns a batch into weights."""

    weighting: str = option(
        "deep",
        "how sentences are weighted: 'uniform' (plain training), 'random' (control), 'trim' (drop "
        "the largest losses), 'error_norm' (drop tokens where the student is sure of another one, "
        "with --weight-unit token), 'initial' (whether a pair is a translation, by its text before "
        "training), 'l2rw' and 'mask' (alignment of a sentence's gradient with the dev "
        "gradient), 'mwnet' (network of the loss), 'lilaw' (three scalars), 'surface' (teacher on "
        "losses, copying, lengths), 'deep' (teacher on internal states too), or a name registered "
        "by your own --user-dir",
    )
    weighting_options: str = option(
        "",
        "options of the weighting itself, NAME=VALUE separated by commas or spaces, such as "
        "'drop=0.2' for trim; `fairseq-l2rw options` lists those of every weighting",
    )
    weight_unit: str = option(
        "sentence",
        "what gets a weight of its own: 'sentence', or 'token' (of the target) where single words "
        "are wrong in good sentences",
    )
    weighting_warmup: int = option(
        600,
        "updates with initial weights, or 1 without, while the teacher already learns: about as "
        "many as the learning rate rises for (--warmup-updates); raise it if the student is slow "
        "to attend to the source, before which nothing tells a wrong translation; lower it for a "
        "student that is trained already",
    )
    min_sampling_probability: float = option(
        0.05,
        "with 'deep', 'surface' and 'initial': an epoch holds a sentence with the probability of "
        "its last weight, at least this one; raise it to weigh rejected sentences again sooner, "
        "lower it to save time; 1: every epoch holds every sentence",
    )
    weights_dir: Optional[str] = option(
        None,
        "folder for the record of weights: Parquet files with a row a sentence and update "
        "(update, epoch, id, weight, importance_weight, loss, usefulness, length, token_weights); "
        "a run started from scratch replaces it",
    )
    weights_interval: int = option(
        1,
        "N: the record has the weights of every Nth update; raise it if the record of a large "
        "corpus takes too much room (1: every weight that was given)",
    )


@dataclass
class MetaConfig(FairseqDataclass):
    """Where the meta-gradient comes from and how it is computed."""

    meta_subset: str = option(
        "valid", "split of DATA that holds the trusted pairs which drive the teacher"
    )
    meta_interval: int = option(
        8,
        "student updates from one meta step to the next, while the learning rate is high: 'deep' "
        "and 'surface' take fewer as it falls; lower it for short runs, raise it to save time",
    )
    meta_window: int = option(
        1,
        "B, student updates that a meta-gradient looks back through; above 1 it needs "
        "Hessian-vector products, and every one costs about as much as the update did",
    )
    meta_trajectory: str = option(
        "stored",
        "how the updates of a window above 1 are got back: 'stored' (a copy of parameters and "
        "optimizer state for each, any optimizer); if memory runs out, 'offloaded' (the same, in "
        "the CPU's memory) or 'rewind' (run backwards, one copy however long the window; "
        "--optimizer sgd with --momentum only)",
    )
    meta_method: str = option(
        "auto",
        "how inner products of gradients are computed: 'forward' (forward mode), "
        "'reverse' (double backward), 'difference' (finite differences, not exact; the log has "
        "its error as meta_error), 'ghost' (from the student's own backward pass, cheapest of all; "
        "with --meta-dropout replay; weights of 0 become 1e-6, in half precision 1e-3), or 'auto': "
        "ghost where it can be, else forward where the model allows it, else reverse",
    )
    meta_dropout: str = option(
        "replay",
        "dropout in the meta-gradient's view of the training batch: 'replay' the student's own "
        "masks (the exact derivative of the update that was made) or 'off' (a pass of its own, "
        "less noise)",
    )
    meta_params: str = option(
        "auto",
        "regular expression searched in parameter names: the parameters looked back through "
        "('.' for all, which costs more); or 'auto': the attention to the source, which carries "
        "the clearest signal, and in a model without one the decoder's layers",
    )
    meta_max_tokens: Optional[int] = option(
        None,
        "tokens of a side in a batch of trusted pairs at most, which workers share (default: half "
        "of --max-tokens, or as many as the longest trusted pair has, up to --max-tokens); longer "
        "pairs are left out, with a warning; lower it if memory runs out; with many workers and "
        "trusted pairs raise it, for less noise",
    )
    meta_batches: Optional[int] = option(
        None,
        "with --update-freq: how many of an update's batches the teacher learns from, on every "
        "worker (default: all); lower it to save time and memory",
    )
    meta_average: float = option(
        0.9,
        "decay of the running mean of dev gradients over meta steps; raise it if trusted batches "
        "are small, for less noise; 0: this batch only, the exact meta-gradient of one batch",
    )


@dataclass
class L2RWTranslationConfig(TranslationConfig, WeightingConfig, MetaConfig):
    """Options of ``--task l2rw_translation``: fairseq's translation task and the two above."""

    # Read, never set here: what the trainer runs with. Where another command of fairseq lacks
    # such an option, a bool would be true: it has the name of the option for its value.
    max_tokens: Optional[int] = II("dataset.max_tokens")
    valid_subset: str = II("dataset.valid_subset")
    disable_validation: bool = II("dataset.disable_validation")
    max_update: int = II("optimization.max_update")
    max_epoch: int = II("optimization.max_epoch")
    log_interval: int = II("common.log_interval")
    tensorboard_logdir: Optional[str] = II("common.tensorboard_logdir")
    wandb_project: Optional[str] = II("common.wandb_project")
    save_dir: str = II("checkpoint.save_dir")
    no_save: bool = II("checkpoint.no_save")
    seed: int = II("common.seed")
    optimizer: Any = II("optimizer._name")
    fp16: bool = II("common.fp16")
    bf16: bool = II("common.bf16")
    amp: bool = II("common.amp")
    tpu: Any = II("common.tpu")
    model_parallel_size: int = II("common.model_parallel_size")
    ddp_backend: Any = II("distributed_training.ddp_backend")
    zero_sharding: Any = II("distributed_training.zero_sharding")
    pipeline_model_parallel: Any = II("distributed_training.pipeline_model_parallel")
    use_bmuf: Any = II("optimization.use_bmuf")
    quantization_config_path: Optional[str] = II("common.quantization_config_path")
    update_ordered_indices_seed: Any = II("dataset.update_ordered_indices_seed")
    combine_valid_subsets: Any = II("dataset.combine_valid_subsets")
    update_freq: list[int] = II("optimization.update_freq")
    skip_remainder_batch: Any = II("optimization.skip_remainder_batch")
    lr: list[float] = II("optimization.lr")
    lr_scheduler: Any = II("lr_scheduler._name")
    lr_scheduler_options: Any = II("lr_scheduler")
    patience: int = II("checkpoint.patience")
    save_interval: int = II("checkpoint.save_interval")
    validate_interval: int = II("dataset.validate_interval")


def check(cfg: L2RWTranslationConfig) -> None:
    """Raise ``InputError`` at the first option that cannot work, naming its flag."""
    check_back_end(cfg)
    _check_weighting(cfg)
    _check_meta(cfg)


def _check_weighting(cfg: L2RWTranslationConfig) -> None:
    one_of("--weighting", cfg.weighting, names())
    rule = find(cfg.weighting)
    parsed(rule, cfg.weighting_options)
    one_of("--weight-unit", cfg.weight_unit, ["sentence", "token"])
    if cfg.weight_unit not in rule.units:
        raise InputError(
            f"--weighting {cfg.weighting} does not weigh a {cfg.weight_unit}; use --weight-unit "
            f"{' or '.join(rule.units)}"
        )
    at_least(0, "--weighting-warmup", cfg.weighting_warmup)
    at_least(1, "--weights-interval", cfg.weights_interval)
    if not 0 < cfg.min_sampling_probability <= 1:
        raise InputError(
            f"--min-sampling-probability must be in (0, 1], got {cfg.min_sampling_probability}"
        )


def _check_meta(cfg: L2RWTranslationConfig) -> None:
    one_of("--meta-trajectory", cfg.meta_trajectory, list(TRAJECTORIES))
    one_of("--meta-dropout", cfg.meta_dropout, ["replay", "off"])
    if cfg.meta_trajectory == "rewind" and cfg.meta_dropout != "replay":
        raise InputError(
            "--meta-trajectory rewind makes the student's gradients again and so needs its "
            "dropout: use --meta-dropout replay"
        )
    one_of("--meta-method", cfg.meta_method, ["auto", "ghost", *METHODS])
    if cfg.meta_method == "ghost" and why_no_ghost(cfg):
        raise InputError(why_no_ghost(cfg))
    for name in ("meta_interval", "meta_window", "meta_max_tokens", "meta_batches"):
        value = getattr(cfg, name)
        at_least(1, f"--{name.replace('_', '-')}", 1 if value is None else value)
    if cfg.meta_batches and (cfg.meta_window > 1 or cfg.meta_trajectory == "rewind"):
        raise InputError(
            "--meta-batches leaves out what leads from one update to the one before: use "
            "--meta-window 1 and --meta-trajectory stored, or let the teacher learn from all"
        )
    if not 0 <= cfg.meta_average < 1:
        raise InputError(f"--meta-average must be in [0, 1), got {cfg.meta_average}")
    try:
        re.compile(cfg.meta_params)
    except re.error as error:
        raise InputError(
            f"--meta-params {cfg.meta_params!r} is not a regular expression: {error}"
        ) from None


def why_no_ghost(cfg: L2RWTranslationConfig) -> str:
    """What stands against ghost products, with the remedy; empty where nothing does.

    The student's own backward pass can tell of one update, of sentences, with its own dropout.
    """
    needs = {"meta_dropout": "replay", "meta_window": 1, "weight_unit": "sentence"}
    for flag, value in needs.items():
        if getattr(cfg, flag) != value:
            return (
                "--meta-method ghost reads the student's own backward pass: use "
                f"--{flag.replace('_', '-')} {value}, got {getattr(cfg, flag)}"
            )
    return ""
