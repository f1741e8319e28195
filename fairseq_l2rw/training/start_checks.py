"""What is said once before the first update: flags that do nothing in a run like this."""

import logging
from dataclasses import fields
from typing import Any

from fairseq_l2rw.config import MetaConfig, WeightingConfig
from fairseq_l2rw.sampling.epoch_lengths import updates_until
from fairseq_l2rw.weighting import Weighting
from fairseq_l2rw.weighting.options import flag_of

logger = logging.getLogger(__name__)

_CONCERNS = (WeightingConfig, MetaConfig)


def warn_of_a_short_run(cfg: Any, weighting: Weighting, first: int, batches: int) -> None:
    """Say that a run ends before anything is learnt, or before what is learnt counts.

    Args:
        cfg: the task's options.
        weighting: the rule.
        first: fairseq's number of the update from which on there is this weighting.
        batches: of an epoch, on this worker; 0 where it is not known.
    """
    ends = {f"--max-update {cfg.max_update}": cfg.max_update}
    if cfg.max_epoch and batches:
        last = updates_until(cfg, cfg.max_epoch, batches)
        ends[f"--max-epoch {cfg.max_epoch}, about {last} updates"] = last
    bounds = [(end, flag) for flag, end in ends.items() if end > 0]
    if not bounds:
        return
    end, flag = min(bounds)
    since = f" from update {first} on" if first else ""
    # Initial weights are applied during warm-up, too.
    same = weighting.plain or (weighting.reads_initial_weights and not weighting.learns)
    if end - first <= cfg.weighting_warmup and not same:
        logger.warning(
            f"--weighting-warmup {cfg.weighting_warmup}{since} lasts until the end ({flag}): "
            f"weights of --weighting {cfg.weighting} are never applied; lower it"
        )
    if end - first <= cfg.meta_interval and weighting.needs_dev_gradient:
        logger.warning(
            f"--meta-interval {cfg.meta_interval}{since} is longer than the run ({flag}): hardly "
            "anything is learnt; lower it"
        )


def warn_of_unread_flags(cfg: Any, weighting: Weighting) -> None:
    """Name the flags that were given though nothing in this run reads them.

    Args:
        cfg: the task's options.
        weighting: the rule.
    """
    usual = {field.name: field.default for part in _CONCERNS for field in fields(part)}
    unread = [
        f"--{name.replace('_', '-')} {getattr(cfg, name)}"
        for name, read in _flags_read(cfg, weighting).items()
        if not read and getattr(cfg, name) != usual[name]
    ]
    own = weighting.unread_options.items()
    unread += [f"{flag_of(name)}={value}" for name, value in own]
    if unread:
        logger.warning(
            f"nothing reads {', '.join(unread)} with --weighting {cfg.weighting} and the other "
            "flags of this run"
        )


def _flags_read(cfg: Any, weighting: Weighting) -> dict[str, bool]:
    """Whether anything reads them, by option; of those that are not here something always does.

    --meta-subset is the same in all runs of a comparison, and so is not told of.
    """
    dev, looks_back = weighting.needs_dev_gradient, weighting.learns
    trusted = dev or weighting.learns_from_trusted
    return {
        "min_sampling_probability": weighting.samples_by_weight,
        "weights_interval": cfg.weights_dir is not None,
        "meta_interval": trusted,
        "meta_max_tokens": trusted,
        "meta_method": dev,
        "meta_dropout": dev,
        "meta_params": dev,
        "meta_average": dev,
        "meta_window": looks_back,
        "meta_trajectory": looks_back,
        "meta_batches": looks_back and max(cfg.update_freq) > 1,
    }
