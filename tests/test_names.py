"""Promise: every public name is explained, with shapes, and is made of words that are defined."""

import ast
import re
from itertools import takewhile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
PACKAGE = ROOT / "fairseq_l2rw"
TREES = {path: ast.parse(path.read_text()) for path in sorted(PACKAGE.rglob("*.py"))}
MATHEMATICAL = ["features", "initial_weights", "metagradient", "sampling", "scoring", "weighting"]
# A tuple of sizes, such as (N,), (N, F), (n, S, T) or (..., N, T); or words that stand for one.
SIZE = r"(?:[A-Z]|n|\d|\.{3}|rows|lines)"
SHAPE = re.compile(
    rf"\({SIZE},(?: {SIZE},?)*\)|\b(scalars?|shapes?|likewise|by (\w+ )?name)\b|\bas for\s+``"
)
#: Plain English, and what every programmer says.
PLAIN = re.findall(
    r"\w+",
    """
absolute accuracy add advance affordable after again age agreement ahead align all allow alone along
any apart args argument around assemble assembly at atomic atomically auto average axis back bands
base before begin begun beside best better blanks block bookkeeping bound boundaries broken buckets
build by bytes call cells centre check choice chosen clear close colours column combine commands
comparable compare compatibility complete compressed config constant context corrupted count courses
create curves cut decisive deep deeper default depth description deviation difference digest digits
dir disable distinct down draw drawn drop each empty encode end engine enough error estimate
evaluate evaluation example examples exchanged explained export extra extract extractor file files
filled filtered find fingerprint finish finished finite first fit flag flush folder format formats
free frequency from function get given good gross group header help highest history id ignore in
indices inner input instead integers is join judged keep kept key known languages largest last layer
layout leading learnt least leave left length letters link links list listen listener load location
logger look lost made main make mask max mean measure measures memory message method mild min
minimum mode most move name nearly need negative neutral next no now num number of offload once one
only open opened option or out outdated output over overlap overwrite own pack padded page parallel
parse parser path pattern per pictures position prepare progress pruned pull rare ratio reach read
reader ready real reason recent recorder reduce reduction register registry release relevance
remainder remove render repeat replaced report restore resume reverse right safe same save scalar
scale schedule schema scorer screen second seen select selection sentence set settings shape short
shown shuffled side signature single skip slope solve source space spark split splitter spread
square start sum summary table take target task teach text threshold thresholds through to told
total translated translation truncate unit unpack unread until update usage use user utils
validation value version warn watch weigh weigher what where whole why width with without words
worse worth write writer wrong zero
""",
)
#: Words of fairseq, torch, statistics and the papers that are cited.
BORROWED = re.findall(
    r"\w+",
    """
adam adamw alpha amp architecture attention avg axes backend bar beta bf16 bias bigram bmuf buffer
cfg checkpoint clip collate correction cotangent covariance cpu criterion dataloader dataset ddp
decay decoder delta density derivative descent device dict dictionary differentiable differentiate
dim direction distance dropout dst dtype dummy elementwise encoder eole epoch epsilon fairseq
forward fp16 freq functional gather gaussian grad graph half hessian hidden histogram hook idx
inference interval iterator itr l2rw label lazy lexicon lilaw logdir lprobs lr manifest marian
matrix metric mixed mlp model module moment mwnet nag net nll norm optimizer opus padding parameter
params parquet patience penalty persistent pieces pipeline pool prefix probability project
quantization random rank regression ridge rng roc scheduler seed sgd shard smooth src subset suffix
tensor tensorboard tgt token tpu trainer trim uniform upcast valid validate variance velocity
vocabulary wandb
""",
)


def public(name):
    return not name.startswith("_")


def definitions(node):
    """Public classes and functions of a module or class, and of its public classes."""
    for child in node.body:
        if isinstance(child, ast.ClassDef | ast.FunctionDef) and public(child.name):
            yield child
            if isinstance(child, ast.ClassDef):
                yield from definitions(child)


def attributes(node):
    """Public attributes that a class annotates: fields, buffers, options."""
    for child in node.body:
        if isinstance(child, ast.AnnAssign) and public(child.target.id):
            yield child


def arguments(function):
    given = function.args
    found = [*given.posonlyargs, *given.args, *given.kwonlyargs]
    return [a for a in found if a.arg not in ("self", "cls")]


def section(doc, title):
    """A section of a docstring, and what it says by name."""
    found = re.search(rf"^{title}:\n(?:(?: {{4}}.*)?\n)*", f"{doc}\n", re.M)
    text = found[0] if found else ""
    entries = re.findall(r"^ {4}(\w[\w, ]*): (.*(?:\n {8}.*)*)", text, re.M)
    return text, {name: said for names, said in entries for name in names.split(", ")}


def of_tensors(annotation):
    """Whether it is of tensors, and not of functions that take or give them."""
    text = ast.unparse(annotation) if annotation else ""
    return "Callable" not in text and re.search(r"\b(Tensor|Parameters)\b", text) is not None


def is_setter(node):
    return any(isinstance(d, ast.Attribute) and d.attr == "setter" for d in node.decorator_list)


def comment(path, node):
    """What comments say of a line: behind it, or right above it."""
    lines = path.read_text().splitlines()[: node.end_lineno]
    above = [*takewhile(lambda line: line.strip().startswith("#"), lines[-2::-1])]
    return " ".join(line.partition("#")[2] for line in [*reversed(above), lines[-1]])


def test_every_public_name_has_a_docstring():
    for path, tree in TREES.items():
        assert ast.get_docstring(tree), path
        for node in definitions(tree):
            assert ast.get_docstring(node) or is_setter(node), (path, node.name)


def test_every_attribute_is_explained():
    """In the class's docstring, in a comment, or by the help of an option."""
    for path, tree in TREES.items():
        for node in definitions(tree):
            if not isinstance(node, ast.ClassDef):
                continue
            _, said = section(ast.get_docstring(node), "Attributes")
            for attribute in attributes(node):
                name, option = attribute.target.id, isinstance(attribute.value, ast.Call)
                assert name in said or option or comment(path, attribute), (path, node.name, name)


@pytest.mark.parametrize("part", MATHEMATICAL)
def test_every_tensor_has_its_shape(part):
    unsaid = []
    for path, tree in TREES.items():
        if path.parts[len(PACKAGE.parts)] != part:
            continue
        for node in definitions(tree):
            doc = ast.get_docstring(node) or ""
            if isinstance(node, ast.ClassDef):
                _, said = section(doc, "Attributes")
                tensors = {a.target.id: a for a in attributes(node) if of_tensors(a.annotation)}
                said = {name: said.get(name) or comment(path, a) for name, a in tensors.items()}
            else:
                text, found = section(doc, "Args")
                tensors = [a.arg for a in arguments(node) if of_tensors(a.annotation)]
                said = {name: found.get(name, doc) for name in tensors}
                if of_tensors(node.returns):
                    said["the result"] = doc.replace(text.strip(), "") if text else doc
            missing = [name for name, text in said.items() if not SHAPE.search(text)]
            unsaid += [f"{path.stem}.{node.name}: {name}" for name in missing]
    assert unsaid == []


def assigned(node):
    """Names that the body of a module or class gives a value or a type."""
    for child in node.body:
        if isinstance(child, ast.Assign | ast.AnnAssign):
            for target in getattr(child, "targets", None) or [child.target]:
                yield from (n.id for n in ast.walk(target) if isinstance(n, ast.Name))


def set_on_itself(node):
    """Attributes that a class's methods set on its objects."""
    for n in ast.walk(node):
        stored = isinstance(n, ast.Attribute) and isinstance(n.ctx, ast.Store)
        if stored and ast.unparse(n.value) == "self":
            yield n.attr


def names(path, tree):
    """The module's, those of what it defines, and of arguments and attributes of that."""
    yield path.parent.name if path.stem == "__init__" else path.stem
    yield from assigned(tree)
    for node in definitions(tree):
        yield node.name
        functions = [node]
        if isinstance(node, ast.ClassDef):
            yield from [*assigned(node), *set_on_itself(node)]
            functions = [n for n in node.body if getattr(n, "name", "") == "__init__"]
        yield from (a.arg for function in functions for a in arguments(function))


def words(name):
    """What it is made of, in small letters; single letters are symbols of an equation."""
    found = re.findall(r"(?i:l2rw|lilaw)|[A-Z]+(?![a-z])\d*|[A-Z]?[a-z]+\d*", name)
    return [word.lower() for word in found if len(word) > 1]


def forms(word):
    """It, and what it may be the plural, past or participle of."""
    found = {word, re.sub("ies$", "y", word)}
    for ending in ("s", "es", "ed", "ing"):
        base = word.removesuffix(ending)
        found |= {base, f"{base}e", re.sub(r"(.)\1$", r"\1", base)} if base != word else set()
    return found


def glossary():
    """Words of the glossary's terms, in all forms; compounds also as one word."""
    heads = re.findall(r"^\*\*(.+?)\*\*", (ROOT / "docs" / "glossary.md").read_text(), re.M)
    text = " ".join(re.sub(r"\(.*?\)", "", head).lower() for head in heads)
    found = re.findall(r"[a-z]+", f"{text} {text.replace('-', '')}")
    return set().union(*map(forms, found))


USED = {
    word: name
    for path, tree in TREES.items()
    for name in names(path, tree)
    for word in words(name)
    if public(name)
}


def test_every_name_is_made_of_words_that_are_defined():
    known = glossary() | {*PLAIN, *BORROWED}
    assert {word: name for word, name in USED.items() if not forms(word) & known} == {}


def test_the_lists_are_in_order_and_no_longer_than_needed():
    for given in (PLAIN, BORROWED):
        assert given == sorted(set(given))
    used = set().union(*map(forms, USED))
    spare = [w for w in [*PLAIN, *BORROWED] if w not in used or w in glossary()]
    assert spare == [] and not {*PLAIN} & {*BORROWED}
