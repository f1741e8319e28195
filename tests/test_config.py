"""Promise: an option that cannot work is refused in one line that names its flag."""

import pytest

from fairseq_l2rw import weighting
from fairseq_l2rw.config import L2RWTranslationConfig, check
from fairseq_l2rw.utils.errors import InputError


def test_defaults_are_accepted():
    check(L2RWTranslationConfig())


@pytest.mark.parametrize(
    ("option", "value", "says"),
    [
        ("weighting", "depe", "unknown --weighting 'depe'; known: deep, error_norm, initial"),
        (
            "weighting_options",
            "size=3",
            "Key 'size' not in.*the options of deep and their defaults: head",
        ),
        ("weight_unit", "page", "unknown --weight-unit"),
        ("meta_interval", 0, "--meta-interval must be at least 1, got 0"),
        ("meta_window", 0, "--meta-window must be at least 1, got 0"),
        (
            "meta_trajectory",
            "kept",
            "unknown --meta-trajectory 'kept'; known: stored, offloaded, rewind",
        ),
        ("meta_dropout", "on", "unknown --meta-dropout 'on'; known: replay, off"),
        ("meta_method", "magic", "unknown --meta-method"),
        ("meta_params", "(", "--meta-params '\\(' is not a regular expression"),
        ("meta_max_tokens", 0, "--meta-max-tokens must be at least 1"),
        ("meta_batches", 0, "--meta-batches must be at least 1"),
        ("meta_average", 1.0, "--meta-average must be in"),
        ("meta_average", float("nan"), "--meta-average must be in"),
        ("weighting_warmup", -1, "--weighting-warmup must be at least 0"),
        ("weights_interval", 0, "--weights-interval must be at least 1, got 0"),
        ("min_sampling_probability", 0.0, "--min-sampling-probability must be in"),
    ],
)
def test_a_value_that_cannot_work_is_refused_by_name(option, value, says):
    cfg = L2RWTranslationConfig()
    setattr(cfg, option, value)
    with pytest.raises(InputError, match=says) as caught:
        check(cfg)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("head=guess", "unknown --weighting-options head 'guess'; known: least-squares, mlp"),
        ("hidden=0", "hidden must be at least 1"),
        ("depth=0", "depth must be at least 1"),
        ("reads=+", "reads ''; known: surface, encoder, decoder, likeness, initial"),
        ("reads=likeness", "of what"),
        ("reads=decoder+layers", "reads 'layers'"),
        ("memory=1", "memory must be at least 2"),
        ("rate=nan", "rate must be at least 0"),
        ("ridge=0", "ridge must be at least 1e-06, got 0.0"),
        ("spacing=odd", "spacing 'odd'; known: rate, even"),
    ],
)
def test_an_option_of_a_teacher_that_cannot_work_is_refused_by_name(text, says):
    with pytest.raises(InputError, match=says) as caught:
        weighting.build(L2RWTranslationConfig(weighting_options=text))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("option", ["tolerance=2", "sharpness=1"])
def test_options_of_the_domain_are_refused_where_weights_do_not_go_by_it(option):
    cfg = L2RWTranslationConfig(weighting="initial", weighting_options=option)
    with pytest.raises(InputError, match="add by=both or by=domain"):
        weighting.build(cfg)
    cfg.weighting_options += ",by=both"
    weighting.build(cfg)


@pytest.mark.parametrize(
    ("name", "text", "unread"),
    [
        ("deep", "", {}),
        ("deep", "tolerance=2,by=both,depth=2", {}),
        ("deep", "hidden=3,rate=0.1,tolerance=2", {"hidden": 3, "rate": 0.1}),
        ("deep", "head=mlp", {"reads": "likeness+initial"}),
        ("deep", "head=mlp,reads=decoder,hidden=3,memory=9,depth=2", {}),
        (
            "surface",
            "head=mlp,reads=surface,by=both,sharpness=1,tolerance=2,ridge=1,spacing=even",
            {"sharpness": 1, "tolerance": 2, "by": "both", "ridge": 1, "spacing": "even"},
        ),
        ("deep", "reads=surface+initial,depth=2", {"depth": 2}),
        ("trim", "drop=0.5", {}),
    ],
)
def test_options_that_another_option_makes_needless_are_known(name, text, unread):
    built = weighting.build(L2RWTranslationConfig(weighting=name, weighting_options=text))
    assert built.unread_options == unread


def test_rewinding_needs_the_students_dropout():
    cfg = L2RWTranslationConfig(meta_trajectory="rewind", meta_dropout="off")
    with pytest.raises(InputError, match="needs its dropout: use --meta-dropout replay"):
        check(cfg)


@pytest.mark.parametrize("more", [{"meta_window": 2}, {"meta_trajectory": "rewind"}])
def test_a_window_needs_all_batches_of_an_update(more):
    with pytest.raises(InputError, match="use --meta-window 1 and --meta-trajectory stored"):
        check(L2RWTranslationConfig(meta_batches=1, **more))


def test_token_weights_are_refused_for_a_weighting_that_has_none():
    cfg = L2RWTranslationConfig(weighting="uniform", weight_unit="token")
    with pytest.raises(InputError, match="--weighting uniform does not weigh a token; use"):
        check(cfg)


@pytest.mark.parametrize("name", ["deep", "error_norm", "l2rw", "lilaw", "mask", "trim"])
def test_token_weights_are_there_for_the_others(name):
    check(L2RWTranslationConfig(weighting=name, weight_unit="token"))


def test_every_option_of_ours_has_a_help_text():
    for name, field in L2RWTranslationConfig.__dataclass_fields__.items():
        if name.split("_")[0] in ("weight", "weighting", "weights", "meta", "min"):
            assert len(field.metadata["help"]) > 20, name
