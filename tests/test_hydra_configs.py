"""Promise: every recipe has a configuration for fairseq-hydra-train, equal to its flags."""

from pathlib import Path

import pytest
from commands import run
from fairseq import options
from fairseq.dataclass.utils import convert_namespace_to_omegaconf
from omegaconf import OmegaConf

import fairseq_l2rw
import recipes
import training

FOLDER = Path(training.__file__).parent / "hydra"
PLACES = {"common.user_dir", "task.data", "task.weights_dir"}  # different for everyone


def leaves(node, prefix=""):
    for key, value in node.items():
        name = f"{prefix}{key}"
        if isinstance(value, dict):
            yield from leaves(value, f"{name}.")
        elif name not in PLACES:
            yield name, value


def test_there_is_one_for_every_recipe():
    named = {"quickstart", "iwslt14", *(recipe.config for recipe in recipes.RECIPES.values())}
    assert {path.stem for path in FOLDER.glob("*.yaml")} == named


@pytest.mark.parametrize("name", sorted(path.stem for path in FOLDER.glob("*.yaml")))
def test_it_says_what_the_flags_say(name, monkeypatch):
    monkeypatch.setattr(training, "use_cpu", lambda config: config.cpu)
    command = training.train_command(training.Run(Path("bin"), Path("out"), "deep", name))
    args = options.parse_args_and_arch(options.get_training_parser(), command[1:])
    flags = OmegaConf.to_container(convert_namespace_to_omegaconf(args), enum_to_str=True)
    yaml = OmegaConf.to_container(OmegaConf.load(FOLDER / f"{name}.yaml"))
    for place, value in leaves(yaml):
        section, *keys = place.split(".")
        if section == "model":  # an architecture's flags stay flags
            found = vars(args)["arch" if keys == ["_name"] else "_".join(keys)]
        else:
            found = flags[section][keys[0]]
        same = found == value or str(found) == str(value)  # the betas are a string there
        assert same, (place, found, value)
    said = {"_".join(place.split(".")[1:]) for place, _ in leaves(yaml)}
    sections = {"arch", "task", "criterion", "optimizer", "lr_scheduler"}  # as _name in them
    given = {word[2:].replace("-", "_") for word in command if word.startswith("--")}
    assert given - said - sections == {"user_dir", "save_dir", "weights_dir"}


@pytest.mark.slow
def test_one_of_them_trains(data, tmp_path):
    user = Path(fairseq_l2rw.__file__).parent
    overrides = [f"task.data={data}", f"common.user_dir={user}", "optimization.max_update=3"]
    overrides += [f"checkpoint.save_dir={tmp_path}", "dataset.max_tokens=200"]
    where = ["--config-dir", FOLDER, "--config-name", "quickstart"]
    run("fairseq-hydra-train", *where, *overrides, cwd=tmp_path)
    assert (tmp_path / "checkpoint_last.pt").exists()
    assert (tmp_path / "initial_weights.pt").exists()
