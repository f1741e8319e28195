"""A step of the pipeline: shows its command, runs once, and fails in one line."""

from __future__ import annotations

import ast
import hashlib
import json
import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

# One process is one core: side by side runs would otherwise fight over the same cores.
ONE_CORE = {"OMP_NUM_THREADS": "1", "MKL_NUM_THREADS": "1"}


def digest(paths: Iterable[Path]) -> str:
    """Return a short digest of the contents of files, in the order given."""
    total = hashlib.sha256()
    for path in paths:
        if not path.is_file():
            sys.exit(f"missing file: {path}")
        total.update(hashlib.sha256(path.read_bytes()).digest())
    return total.hexdigest()[:16]


def read_json(path: Path) -> dict[str, Any]:
    """Return the object in a JSON file."""
    try:
        content: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        sys.exit(f"missing file: {path}")
    except json.JSONDecodeError as error:
        sys.exit(f"{path} is not JSON ({error}): delete it and run the step again")
    return content


def write_json(path: Path, content: Mapping[str, Any]) -> None:
    """Write JSON through a temporary file: a killed run leaves the old file or the new one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(path.name + ".tmp")
    temporary.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    temporary.replace(path)


class Stamp:
    """Remembers in a file with which settings a folder was begun and whether it was finished."""

    def __init__(self, path: Path, settings: Mapping[str, Any]) -> None:
        """Compare with what `path` says; `settings` must survive a trip through JSON."""
        self.path = path
        self.settings = json.loads(json.dumps(settings))
        self._found = read_json(path) if path.exists() else {}

    @property
    def done(self) -> bool:
        """Whether the step was finished with these very settings."""
        return bool(self._found.get("done")) and self._found.get("settings") == self.settings

    def begin(self, *, replace: bool) -> None:
        """Note the settings; a folder made with other settings is an error unless `replace`."""
        old = self._found.get("settings")
        if old is not None and old != self.settings and not replace:
            names = sorted(
                name for name in {*old, *self.settings} if old.get(name) != self.settings.get(name)
            )
            sys.exit(
                f"{self.path.parent} was made with other settings ({', '.join(names)}): "
                "name another folder, or delete this one"
            )
        write_json(self.path, {"settings": self.settings, "done": False})

    def finish(self) -> None:
        """Note that the step is complete."""
        write_json(self.path, {"settings": self.settings, "done": True})


def say(message: str) -> None:
    """Print a line at once, also into a pipe."""
    print(message, flush=True)


def short(path: Path) -> str:
    """Return a path the reader can paste: relative when it lies below the current folder."""
    path = path.resolve()
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)


def tool(name: str) -> str:
    """Return the path of a fairseq command of the Python that is running."""
    beside = Path(sys.executable).parent / name
    found = str(beside) if beside.exists() else shutil.which(name)
    if found is None:
        sys.exit(f"{name} not found: run scripts/install.sh and activate its environment")
    return found


def show(command: Sequence[str]) -> None:
    """Print a command line as a reader would type it."""
    say("$ OMP_NUM_THREADS=1 " + shlex.join(command))


def environment() -> dict[str, str]:
    """Return the environment of a child that keeps to one core."""
    return {**os.environ, **ONE_CORE, "PYTHONUNBUFFERED": "1"}


def run(command: Sequence[str], log: Path) -> None:
    """Show and run a fairseq command; its output goes to `log`, a failure shows the end of it."""
    show(command)
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("w", encoding="utf-8") as file:
        code = subprocess.run(
            [tool(command[0]), *command[1:]],
            stdout=file,
            stderr=subprocess.STDOUT,
            env=environment(),
            check=False,
        ).returncode
    if code:
        fail(command[0], code, log)


def modules(path: Path) -> set[Path]:
    """Return a script and the modules beside it that it imports, also by others."""
    found, left = set(), [path]
    while left:
        file = left.pop()
        found.add(file)
        for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
            names = [node.module] if isinstance(node, ast.ImportFrom) else []
            names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
            beside = {file.with_name(f"{name}.py") for name in names}
            left += [one for one in beside - found if one.is_file()]
    return found


def script(command: Sequence[str], out: Path, inputs: Sequence[Path]) -> None:
    """Run one of the example's scripts, unless it has run with these arguments, code and inputs."""
    name = Path(command[0]).stem
    code = sorted(modules(Path(command[0])))
    wanted = {"command": list(command[1:]), "inputs": digest([*code, *inputs])}
    stamp = Stamp(out / f"{name}.json", wanted)
    if stamp.done:
        say(f"{name}: {short(out)} is already there")
        return
    stamp.begin(replace=True)
    say("$ python " + shlex.join(command))
    done = subprocess.run([sys.executable, *command], env=environment(), check=False)
    if done.returncode:
        sys.exit(f"{name} failed (exit status {done.returncode})")
    stamp.finish()


def fail(name: str, code: int, log: Path, lines: int = 12) -> None:
    """Leave with the last lines of a log and where to read the rest."""
    tail = log.read_text(encoding="utf-8", errors="replace").splitlines()[-lines:]
    sys.exit("\n".join([*tail, f"{name} failed (exit status {code}): see {short(log)}"]))
