"""Promise: the pages say what is there, their links lead somewhere, and their commands run."""

import os
import random
import re
import subprocess
from dataclasses import fields
from pathlib import Path

import pytest
from commands import BIN, ENVIRONMENT
from omegaconf import II

from fairseq_l2rw.config import MetaConfig, WeightingConfig
from fairseq_l2rw.weighting import find, names

ROOT = Path(__file__).resolve().parents[1]
PAGES = [
    *ROOT.glob("*.md"),
    *ROOT.glob("docs/*.md"),
    *ROOT.glob("docs/results/*.md"),
    *ROOT.glob("examples/*/*.md"),
]


def anchors(page):
    """What headings of a page are called in links."""
    found = re.findall(r"^#+ (.+)$", page.read_text(), re.M)
    plain = (re.sub(r"[^\w\- ]", "", heading.lower()) for heading in found)
    return {heading.replace(" ", "-") for heading in plain}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_link_leads_somewhere(page):
    text = re.sub(r"```.*?```", "", page.read_text(), flags=re.S)
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        if target.startswith("http"):
            continue
        path, _, anchor = target.partition("#")
        file = (page.parent / path).resolve() if path else page
        assert file.exists(), target
        assert not anchor or anchor in anchors(file), target


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_no_page_names_a_commit(page):
    hashes = re.findall(r"\b(?=[0-9a-f]*[a-f])(?=[0-9a-f]*\d)[0-9a-f]{7,40}\b", page.read_text())
    assert hashes == []


def shown(value):
    return str(value).lower() if isinstance(value, bool) else str(value)


def option_rows(page):
    """The default of every option of a weighting, by the names of both."""
    found, owners = {}, []
    for line in page[page.index("## Options of a weighting") :].splitlines():
        if not line.startswith("| ") or line.startswith("| weighting"):
            continue
        first, option, default = line.strip("|").split("|")[:3]
        owners = re.findall(r"`(\w+)`", first) or owners
        options = re.findall(r"`(\w+)`", re.sub(r"\(.*?\)", "", option.split(":")[0]))
        for name, value in zip(options, default.split(","), strict=True):
            found |= {(owner, name): value.strip(" `") for owner in owners}
    return found


def test_the_page_of_options_has_every_option_and_its_default():
    page = (ROOT / "docs" / "options.md").read_text()
    now = page[: page.index("## Names before")]
    flags = {
        f"--{f.name.replace('_', '-')}": f for c in (WeightingConfig, MetaConfig) for f in fields(c)
    }
    ours = {flag for flag, f in flags.items() if f.name != "_name" and f.default != II(f.name)}
    assert {*re.findall(r"^\| `(--[\w-]+)` \|", now, re.M)} == ours
    for flag in ours:
        (line,) = re.findall(rf"^\| `{flag}` \|.*$", now, re.M)
        default = flags[flag].default
        assert default in (None, "") or f"| {default} |" in line.replace("`", ""), line
    for name in names():
        for option in fields(find(name).Options):
            assert f"`{option.name}`" in now, (name, option.name)
    rows = option_rows(now)
    for name in names():
        for option in fields(find(name).Options):
            expected = "all" if option.name == "reads" else option.default
            number = isinstance(expected, float)
            said = float(rows[name, option.name]) if number else rows[name, option.name]
            assert said == (expected if number else shown(expected)), (name, option.name)


def test_the_names_of_before_are_gone():
    page = (ROOT / "docs" / "options.md").read_text()
    before = re.findall(r"^\| `(--[\w-]+)", page[page.index("## Names before") :], re.M)
    assert len(before) > 10
    for path in [*ROOT.glob("fairseq_l2rw/**/*.py"), *PAGES]:
        if path.name in ("options.md", "CHANGELOG.md"):
            continue
        text = path.read_text()
        for flag in {*before} - {"--weighting"}:
            assert not re.search(rf"{flag}(?![\w-])", text), (path, flag)


def corpus(folder):
    """Text of an invented language, as plain files."""
    rng = random.Random(1)
    words = [f"w{i}" for i in range(20)]
    for split, count in (("train", 150), ("trusted", 40), ("valid", 20), ("test", 20)):
        sources = [[rng.choice(words) for _ in range(rng.randint(3, 8))] for _ in range(count)]
        for side, lines in (("de", sources), ("en", [[w.upper() for w in s] for s in sources])):
            (folder / f"{split}.{side}").write_text("".join(" ".join(x) + "\n" for x in lines))


@pytest.mark.slow
def test_the_page_from_two_text_files_to_a_test_set_runs_as_it_is_written(tmp_path):
    page = (ROOT / "docs" / "own-data.md").read_text()
    script = "set -euo pipefail\n" + "".join(re.findall(r"```bash\n(.*?)```", page, re.S))
    (tmp_path / "text").mkdir()
    corpus(tmp_path / "text")
    model = "--arch transformer_tiny --lr 5e-4 --warmup-updates 4"
    settings = {"PIECES": "60", "UPDATES": "9", "MODEL": model, "DEVICE": "--cpu"}
    path = f"{BIN}{os.pathsep}{ENVIRONMENT['PATH']}"
    done = subprocess.run(
        ["bash", "-c", script],
        cwd=tmp_path,
        env={**ENVIRONMENT, **settings, "PATH": path, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, (done.stdout + done.stderr)[-3000:]
    assert "initial weights: mean" in done.stdout and '"name": "BLEU"' in done.stdout
    assert "<svg" in (tmp_path / "report.html").read_text()
    assert len((tmp_path / "filtered" / "kept.de").read_text().splitlines()) == 75
    scored = (tmp_path / "scored.tsv").read_text().splitlines()
    assert len(scored) == 20 and all(float(line.split("\t")[2]) >= 0 for line in scored)
