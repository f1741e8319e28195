"""Promise: text is read and written line for line, whatever characters and compression it has."""

import io
import os
import sys
from concurrent.futures import ThreadPoolExecutor

import pytest
from fairseq.tokenizer import tokenize_line
from hypothesis import given
from hypothesis import strategies as st

from fairseq_l2rw.text import columns, files, pieces
from fairseq_l2rw.utils.errors import InputError

SUFFIXES = ["", ".gz", ".bz2", ".xz", ".zst"]
ODD = ["", "a\fb", "a\x0bb", "a\u2028b", "a\x85b", "\ufeffa", "tab\there", "  blanks  ", "日本 🙂"]


@pytest.mark.parametrize("suffix", SUFFIXES)
def test_what_was_written_is_read_line_for_line(tmp_path, suffix):
    path = tmp_path / f"text{suffix}"
    with files.replaced(path) as file:
        file.writelines(f"{line}\n" for line in ODD)
    assert list(files.lines(path)) == ODD
    assert files.count_lines(path) == len(ODD)
    assert [p.name for p in tmp_path.iterdir()] == [path.name]


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=20), max_size=20))
def test_any_text_that_fits_into_lines_comes_back(tmp_path_factory, rows):
    rows = [files.one_line(row) for row in rows]
    path = tmp_path_factory.mktemp("text") / "text"
    with files.replaced(path) as file:
        file.writelines(f"{row}\n" for row in rows)
    assert list(files.lines(path)) == rows


def test_windows_line_ends_are_no_part_of_a_line(tmp_path):
    (tmp_path / "text").write_bytes(b"one\r\ntwo\r\nthree")
    assert list(files.lines(tmp_path / "text")) == ["one", "two", "three"]


def test_an_interrupted_file_does_not_get_its_name(tmp_path):
    with pytest.raises(KeyError), files.replaced(tmp_path / "text") as file:
        file.write("half\n")
        raise KeyError
    assert not list(tmp_path.iterdir())


def test_standard_streams_are_text_too(monkeypatch, capsysbinary):
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO("ä\n\nb".encode())))
    assert list(files.lines("-")) == ["ä", "", "b"]
    with files.replaced("-") as file:
        file.write("ö\n")
    assert capsysbinary.readouterr().out == "ö\n".encode()


@pytest.mark.parametrize(
    ("name", "content", "says"),
    [
        ("nowhere", None, "missing file: .*nowhere"),
        ("latin", b"one\nna\xefve\n", "latin, line 1 or soon after it: not UTF-8"),
        ("cut.gz", b"\x1f\x8b\x08\x00", "cut.gz: "),
        ("not.xz", b"plain\n", "not.xz: "),
        ("not.bz2", b"plain\n", "not.bz2: "),
        ("not.zst", b"plain\n", "not.zst: "),
    ],
)
def test_what_cannot_be_read_is_one_line_that_names_the_file(tmp_path, name, content, says):
    if content is not None:
        (tmp_path / name).write_bytes(content)
    with pytest.raises(InputError, match=says) as caught:
        list(files.lines(tmp_path / name))
    assert "\n" not in str(caught.value)


def text(path, *rows):
    path.write_text("".join(f"{row}\n" for row in rows), encoding="utf-8")
    return path


def test_pairs_are_two_files_or_a_table(tmp_path):
    wanted = [("eins", "one"), ("", "two"), ("drei", "")]
    sides = [text(tmp_path / str(side), *(p[side] for p in wanted)) for side in (0, 1)]
    table = text(tmp_path / "table", *(f"{a}\t{b}\tmore" for a, b in wanted))
    assert list(columns.read_pairs(sides)) == wanted == list(columns.read_pairs([table]))


def test_files_of_other_lengths_are_not_parallel(tmp_path):
    sides = text(tmp_path / "de", "eins", "zwei"), text(tmp_path / "en", "one")
    with pytest.raises(InputError, match=r"en ends after line 1, .*de goes on"):
        list(columns.read_pairs(sides))
    with pytest.raises(InputError, match="line 2: 1 column, but column 2"):
        list(columns.read_pairs([text(tmp_path / "table", "a\tb", "a")]))


def test_columns_have_numbers_or_names(tmp_path):
    path = text(tmp_path / "table", "url\tsrc\ttrg", "u\teins\tone", "v\tzwei")
    assert next(iter(columns.PairTable(path, "3", "1"))) == ("url\tsrc\ttrg", ("trg", "url"))
    named = columns.PairTable(path, "2", "trg", header=True)
    assert named.names == ["url", "src", "trg"]
    rows = iter(named)
    assert next(rows) == ("u\teins\tone", ("eins", "one"))
    with pytest.raises(InputError, match="table, line 3: 2 columns, but column 3 is asked for"):
        next(rows)
    with pytest.raises(InputError, match="no column 'tgt'; the header has url, src, trg"):
        columns.PairTable(path, "src", "tgt", header=True)
    with pytest.raises(InputError, match="'0' is no number from 1 on; a name needs a header"):
        columns.PairTable(path, "0", "1")


def test_a_table_goes_on_behind_lines_that_are_skipped(tmp_path):
    path = text(tmp_path / "table", *(f"{n}\t{n}" for n in range(9)))
    table = columns.PairTable(path)
    table.skip(7)
    assert [pair for _, pair in table] == [("7", "7"), ("8", "8")]


def test_a_mark_at_the_beginning_of_a_table_is_no_part_of_a_name():
    assert columns.column_of("src", ["\ufeffsrc", "trg"]) == 0
    with pytest.raises(InputError, match="the header has src, trg"):
        columns.column_of("other", ["\ufeffsrc", "trg"])


def test_pieces_are_what_fairseq_reads_of_them(tmp_path):
    """fairseq ends a piece at more characters than sentencepiece does."""
    pieces.train_pieces(
        ["one two\x85three", "four\x85 five \x1c six"] * 9, 60, tmp_path / "a.model"
    )
    texts = ["two\x85three", "\x85", "one \x1c two"]
    found = pieces.SentencePieces(tmp_path / "a.model").split(texts)
    assert found == [tokenize_line(" ".join(row)) for row in found]
    assert not any("\x85" in piece for row in found for piece in row)
    assert found[0] and found[2]


def test_pieces_join_again_and_a_wrong_model_is_one_line(tmp_path):
    rows = [f"the {n} small words of a text" for n in range(200)]
    pieces.train_pieces(rows, 60, tmp_path / "small.model")
    splitter = pieces.SentencePieces(tmp_path / "small.model")
    found = splitter.split(rows[:3])
    assert [splitter.join(row) for row in found] == rows[:3]
    assert pieces.Blanks().split([" a  b ", ""]) == [["a", "b"], []]
    with pytest.raises(InputError, match="missing sentencepiece model"):
        pieces.SentencePieces(tmp_path / "nowhere")
    with pytest.raises(InputError, match="is no sentencepiece model"):
        pieces.SentencePieces(text(tmp_path / "text", "text"))
    with pytest.raises(InputError, match="no vocabulary of 3 pieces"):
        pieces.train_pieces(rows, 3, tmp_path / "tiny.model")


def test_a_device_or_a_pipe_is_written_and_not_replaced(tmp_path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with ThreadPoolExecutor(1) as pool:
        read = pool.submit(pipe.read_text)
        with files.replaced(pipe) as file:
            file.write("one\n")
        assert read.result(timeout=10) == "one\n"
    assert pipe.is_fifo() and len(list(tmp_path.iterdir())) == 1
