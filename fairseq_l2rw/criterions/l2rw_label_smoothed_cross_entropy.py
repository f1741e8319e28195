"""Label-smoothed cross entropy, a loss for every sentence or token, and their weighted sum."""

from dataclasses import dataclass
from typing import Any

import torch
from fairseq.criterions import register_criterion
from fairseq.criterions.label_smoothed_cross_entropy import (
    LabelSmoothedCrossEntropyCriterion,
    LabelSmoothedCrossEntropyCriterionConfig,
    label_smoothed_nll_loss,
)
from torch import Tensor
from torch.nn.functional import nll_loss, pad

from fairseq_l2rw.criterions.label_smoothing import smoothed_losses
from fairseq_l2rw.features.features import TokenLosses, rows
from fairseq_l2rw.features.sample import IMPORTANCE_WEIGHT
from fairseq_l2rw.utils.errors import InputError


@dataclass
class L2RWCriterionConfig(LabelSmoothedCrossEntropyCriterionConfig):
    """The options of fairseq's own criterion; how sentences are weighted is the task's."""


@register_criterion("l2rw_label_smoothed_cross_entropy", dataclass=L2RWCriterionConfig)
class L2RWLabelSmoothedCrossEntropy(LabelSmoothedCrossEntropyCriterion):
    """fairseq's criterion with the loss sum_i w_i l_i and the sample size sum_i w_i n_i.

    Here i runs over sentences, or tokens with ``--weight-unit token``. The gradient is divided by
    the sample size summed over sub-batches and workers (``fairseq_l2rw.training.usual_weight``), so
    that only relative weights matter, over the whole update. In validation every weight is 1.
    """

    # fairseq fills these parameters from the options of the same names.
    def __init__(
        self,
        task: Any,
        sentence_avg: bool,
        label_smoothing: float,
        ignore_prefix_size: int = 0,
        report_accuracy: bool = False,
    ) -> None:
        super().__init__(task, sentence_avg, label_smoothing, ignore_prefix_size, report_accuracy)
        if not hasattr(task, "reweighting"):
            raise InputError(
                "--criterion l2rw_label_smoothed_cross_entropy needs --task l2rw_translation, "
                f"got the task {type(task).__name__}"
            )
        self.unit: str = task.cfg.weight_unit

    def forward(self, model: Any, sample: dict[str, Any], reduce: bool = True) -> Any:
        """Loss, sample size and numbers for the log of a batch, as fairseq's trainer expects."""
        if sample.get("target") is None:
            raise InputError(
                "a batch has no target: binarize both languages of the split (fairseq-preprocess "
                "without --only-source)"
            )
        if not model.training:
            return super().forward(model, sample, reduce=reduce)
        with self.task.reweighting.watching(sample) as context:
            net_output = model(**sample["net_input"])
        tokens = self.token_losses(model, net_output, sample)
        losses = self._rows(tokens.loss, tokens.real, sample)
        weights = self.task.reweighting.weigh(sample, context, tokens, losses)
        loss = (weights.values * losses).sum()
        logging_output = {
            "loss": loss.detach(),
            "nll_loss": tokens.nll.detach().sum(),
            "ntokens": sample["ntokens"],
            "nsentences": len(sample["target"]),
            "sample_size": weights.logged_size,
        }
        if self.report_accuracy:
            correct, total = self.compute_accuracy(model, net_output, sample)
            logging_output |= {"n_correct": correct.item(), "total": total.item()}
        # A number: of a tensor the trainer would ask a GPU before it clips gradients. What they are
        # divided by is the task's business.
        return loss, weights.plain_size, logging_output

    def zero_output(self, sample: dict[str, Any]) -> Any:
        """What ``forward`` would give in training for a batch that counts for nothing.

        Workers add up what it gives: names and types have to be the same.
        """
        zero = sample["target"].new_zeros((), dtype=torch.float32)
        size = 0 if self.task.reweighting.plain else zero
        logging_output = {"loss": zero, "nll_loss": zero, "ntokens": 0, "nsentences": 0}
        logging_output["sample_size"] = size
        if self.report_accuracy:
            logging_output |= {"n_correct": 0, "total": 0}
        return zero, 0, logging_output

    def token_losses(self, model: Any, net_output: Any, sample: dict[str, Any]) -> TokenLosses:
        """Per-token losses from the model's output."""
        lprobs, target = self.get_lprobs_and_target(model, net_output, sample)
        found = smoothed_losses(lprobs, target, self.eps, self.padding_idx)
        loss, nll = (self._by_sentence(x, sample) for x in found)
        real = self._by_sentence(target.ne(self.padding_idx), sample)
        left_out = self._left_out(sample)
        size = len(real), real.shape[1] - left_out, lprobs.shape[-1]
        of_types = lprobs.detach().view(size)
        if left_out:
            of_types = pad(of_types, (0, 0, left_out, 0))
        return TokenLosses(loss, nll, of_types, real)

    def row_losses(self, model: Any, net_output: Any, sample: dict[str, Any]) -> Tensor:
        """Losses of what gets a weight, shape (N,): all that a meta pass needs.

        Summed over each sentence, or of the real tokens one by one with ``--weight-unit token``.
        """
        lprobs, target = self.get_lprobs_and_target(model, net_output, sample)
        # fairseq's: meta passes may be in forward mode, or be differentiated twice.
        loss, _ = label_smoothed_nll_loss(
            lprobs, target, self.eps, ignore_index=self.padding_idx, reduce=False
        )
        real = self._by_sentence(target.ne(self.padding_idx), sample)
        return self._rows(self._by_sentence(loss, sample), real, sample)

    def dev_losses(self, model: Any, net_output: Any, sample: dict[str, Any]) -> Tensor:
        """-log p of the reference, summed over each sentence, shape (N,): how dev pairs judge.

        Without label smoothing. Sooner or later the student is surer of itself than smoothing wants
        it to be, and then whatever makes it less sure would look useful, noise more than all else.
        """
        lprobs, target = self.get_lprobs_and_target(model, net_output, sample)
        nll = nll_loss(lprobs, target, ignore_index=self.padding_idx, reduction="none")
        return self._by_sentence(nll, sample).sum(1)

    def _rows(self, losses: Tensor, real: Tensor, sample: dict[str, Any]) -> Tensor:
        """Losses of what gets a weight, as often as each stands for others: (N, T) to (rows,)."""
        if IMPORTANCE_WEIGHT in sample:
            losses = losses * sample[IMPORTANCE_WEIGHT].to(losses).unsqueeze(1)
        return rows(losses, real, self.unit)

    def _by_sentence(self, values: Tensor, sample: dict[str, Any]) -> Tensor:
        """Values of tokens one after the other as (N, T), 0 where ``--ignore-prefix-size`` says."""
        count, width = sample["target"].shape
        left_out = self._left_out(sample)
        found = values.view(count, width - left_out)
        return pad(found, (left_out, 0)) if left_out else found

    def _left_out(self, sample: dict[str, Any]) -> int:
        """Places at the beginning of all targets without a loss: all, if they are that short."""
        return min(self.ignore_prefix_size, sample["target"].shape[1])
