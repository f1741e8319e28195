"""Promise: a run in half precision learns what one in float32 does, also beside tiny weights."""

import re
import sys

import pytest
import torch
from commands import OURS, train
from fairseq.dataclass.configs import FairseqConfig
from fairseq.optim.adam import FairseqAdamConfig
from fairseq.optim.amp_optimizer import AMPOptimizer
from fairseq.trainer import Trainer
from omegaconf import OmegaConf

from fairseq_l2rw.criterions.l2rw_label_smoothed_cross_entropy import L2RWLabelSmoothedCrossEntropy
from fairseq_l2rw.features.extractor import FeatureExtractor
from fairseq_l2rw.metagradient import Clipping
from fairseq_l2rw.metagradient.dev_gradient import DevGradient
from fairseq_l2rw.training.bookkeeping import Bookkeeping
from fairseq_l2rw.training.meta_window import MetaWindow
from fairseq_l2rw.training.optimizers import GradientWatch
from fairseq_l2rw.training.weigher import Weights
from fairseq_l2rw.weighting.mwnet import MetaWeightNet
from fairseq_l2rw.weighting.random_weights import Random

HALF = ["--memory-efficient-fp16", "--fp16-scale-window", 2, "--fp16-init-scale", 128]


def values(done, name):
    """Of the log, one an update."""
    return [float(x) for x in re.findall(rf"\b{name}=([\d.e+-]+)", done.stdout)]


@pytest.mark.parametrize("kind", ["l2rw", "mwnet"])
def test_tiny_weights_do_not_make_the_other_passes_infinite(data, monkeypatch, kind):
    """fairseq's scale grows by as much as weights are small; here at every second update."""
    # After an overflow fairseq makes a tensor on a GPU.
    monkeypatch.setattr(torch.Tensor, "cuda", lambda self: self)
    flags = [*OURS, "--weighting", kind, "--max-update", 120, "--no-save"]
    done = train(data, *flags, *HALF)
    assert sum(values(done, "weight_fallbacks")[20:]) == 0
    skipped = values(done, "meta_skipped")
    assert len(skipped) > 25 and sum(skipped) < 0.1 * len(skipped)
    if kind == "l2rw":
        assert max(values(done, "loss_scale")) > 1e5  # or the test shows nothing


def test_a_dev_gradient_that_is_left_out_is_said_and_teaches_nothing(data, monkeypatch):
    tells = DevGradient._tells

    def broken(self, gradient, loss):
        return tells(self, gradient, loss * torch.nan if self.count == 3 else loss)

    monkeypatch.setattr(DevGradient, "_tells", broken)
    done = train(data, *OURS, "--weighting", "deep", "--max-update", 24, "--no-save")
    assert "dev loss or its gradient is not finite, and is left out" in done.stdout
    assert set(values(done, "meta_skipped")) == {0.0, 1.0}


@pytest.mark.parametrize("workers", [1, 2])
@pytest.mark.parametrize("half", ["--fp16", "--memory-efficient-fp16"])
def test_products_of_the_own_pass_are_used_in_half_precision(data, half, workers):
    """They are compared with another method's, and hold: else updates would take a pass more."""
    flags = ["--weighting", "mwnet", "--max-update", 16, "--no-save", half, "--fp16-init-scale", 64]
    done = train(data, *OURS, *flags, "--fp16-no-flatten-grads", workers=workers)
    assert "meta-gradient method: ghost (compared with forward" in done.stdout + done.stderr


def test_a_meta_gradient_that_is_not_finite_teaches_nothing(data, monkeypatch):
    look_back = MetaWindow.look_back

    def broken(self, optimizer):
        found = look_back(self, optimizer)
        return [(step, [p * torch.nan for p in products]) for step, products in found]

    flags = [*OURS, "--weighting", "mwnet", "--max-update", 9, "--no-save"]
    assert len(values(train(data, *flags), "teacher_gnorm")) == 3
    monkeypatch.setattr(MetaWindow, "look_back", broken)
    done = train(data, *flags)
    assert done.stdout.count("meta-gradient not finite, nothing learnt") == 3
    assert not values(done, "teacher_gnorm") and set(values(done, "meta_skipped")) == {1.0}


def test_an_epoch_in_which_hardly_any_pair_has_weight_is_told(data, monkeypatch):
    begun, faded = Bookkeeping.begin_epoch, []

    def begin(self):
        begun(self)
        faded.append(self.progress.epoch)

    def fades(self, seen):
        return torch.full_like(seen.sizes, 1.0 if len(faded) < 2 else 1e-3)

    monkeypatch.setattr(Bookkeeping, "begin_epoch", begin)
    monkeypatch.setattr(Random, "forward", fades)
    flags = [*OURS, "--weighting", "random", "--weighting-warmup", 0, "--max-epoch", 3]
    done = train(data, *flags, "--no-save")
    said = r"took (\d+)% of a full step on average: nearly all pairs have next"
    assert [int(share) < 50 for share in re.findall(said, done.stdout)] == [True]


@pytest.mark.parametrize("half", [[], ["--fp16"], ["--memory-efficient-fp16"]])
def test_workers_stay_equal_where_one_of_them_runs_out_of_memory(data, monkeypatch, half):
    passes, forward, step = [], L2RWLabelSmoothedCrossEntropy.forward, Trainer.train_step

    def runs_out(self, model, sample, reduce=True):
        found = forward(self, model, sample, reduce)
        if model.training and torch.distributed.get_rank() == 1:
            passes.append(1)
            if len(passes) == 5:
                raise RuntimeError("CUDA out of memory")
        return found

    def told(self, *args, **options):
        found = step(self, *args, **options)
        size = float(sum(p.double().abs().sum() for p in self.get_model().parameters()))
        print(f"after {self.get_num_updates()}: {size!r}", file=sys.stderr)
        return found

    monkeypatch.setattr(L2RWLabelSmoothedCrossEntropy, "forward", runs_out)
    monkeypatch.setattr(Trainer, "train_step", told)
    flags = [*OURS, "--weighting", "deep", "--max-update", 7, "--no-save", *half]
    flags += ["--fp16-init-scale", 4, "--fp16-no-flatten-grads"] if half else []
    done = train(data, *flags, workers=2)
    sizes = re.findall(r"after (\d+): (\S+)", done.stderr)
    assert "ran out of memory" in done.stdout + done.stderr
    assert len(sizes) == 14 and len({*sizes}) == 7


@pytest.mark.parametrize("kind", ["deep", "l2rw"])
def test_dropout_that_a_kernel_draws_by_itself_is_drawn_as_it_can_be_again(data, monkeypatch, kind):
    """As a GPU's fused attention does, which a CPU has not: it uses other random numbers."""
    attention = torch.nn.functional.scaled_dot_product_attention

    def fused(q, k, v, mask=None, dropout=0.0, *more, **options):
        if dropout > 0 and torch.backends.cuda.flash_sdp_enabled():
            torch.rand(7)
        return attention(q, k, v, mask, dropout, *more, **options)

    monkeypatch.setattr(torch.nn.functional, "scaled_dot_product_attention", fused)
    flags = ["--attention-dropout", 0.1, "--max-update", 16, "--no-save"]
    done = train(data, *OURS, "--weighting", kind, *flags)
    assert "meta-gradient method: ghost (compared with forward" in done.stdout


def test_numbers_are_computed_outside_of_mixed_precision(data, monkeypatch):
    """fairseq makes the criterion's pass in it on a GPU; here on a CPU."""
    forward = L2RWLabelSmoothedCrossEntropy.forward

    def mixed(self, model, sample, reduce=True):
        with torch.autocast("cpu", torch.bfloat16, enabled=model.training):
            return forward(self, model, sample, reduce)

    def watched(kind, name):
        method = getattr(kind, name)

        def call(self, *args):
            place = "within" if torch.is_autocast_enabled("cpu") else "outside"
            print(f"{name} {place}", file=sys.stderr)
            return method(self, *args)

        monkeypatch.setattr(kind, name, call)

    monkeypatch.setattr(L2RWLabelSmoothedCrossEntropy, "forward", mixed)
    watched(FeatureExtractor, "extract")
    watched(MetaWeightNet, "forward")
    done = train(data, *OURS, "--weighting", "mwnet", "--max-update", 6, "--no-save")
    assert {"extract outside", "forward outside"} <= {*done.stderr.splitlines()}
    assert "within" not in done.stderr


def test_a_large_update_has_a_size_in_mixed_precision_too():
    with torch.autocast("cpu", torch.float16):
        given = Weights(torch.ones(4), torch.full((4,), 30_000.0), 120_000, plain=False)
        assert float(given.logged_size) == 120_000
        nothing = Weights(torch.zeros(4), torch.full((4,), 30_000.0), 120_000, plain=False)
        assert float(nothing.logged_size) > 0


@pytest.mark.parametrize("bound", [0.5, 0.0])
def test_what_mixed_precision_divides_by_again_is_a_part_of_the_way_back(bound):
    cfg = OmegaConf.structured(FairseqConfig)
    adam = OmegaConf.structured(FairseqAdamConfig)
    cfg.optimizer = OmegaConf.merge(adam, {"_name": "adam", "lr": [0.1]})
    parameter = torch.nn.Parameter(torch.ones(3))
    optimizer = AMPOptimizer.build_optimizer(cfg, [parameter])
    optimizer._grad_scaler = torch.amp.GradScaler("cpu", init_scale=128.0)  # fairseq's needs a GPU
    watch = GradientWatch(optimizer)
    gradient = torch.tensor([1.0, -2.0, 3.0])
    optimizer.backward((parameter * gradient).sum())
    optimizer.clip_grad_norm(bound)
    optimizer.step()
    found = watch.clipping()
    factor = Clipping(float(gradient.norm()), bound).factor
    given = parameter.grad.clone()
    torch.testing.assert_close(given, gradient * factor / 128)  # what the optimizer was given
    assert found.scale == 128

    def clipped(g):
        norm = g.norm()
        return g / 128 * (bound / (norm + 1e-6) if bound else 1.0)

    direction = torch.tensor([0.3, 0.1, -0.7])
    (expected,) = torch.autograd.functional.vjp(clipped, gradient, direction)[1:]
    pulled = [direction.clone()]
    found.pull_back(pulled, [given])
    torch.testing.assert_close(pulled[0], expected)
