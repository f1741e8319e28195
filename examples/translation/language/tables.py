"""The notation of the word tables.

The tables are text so that they can be read and extended at a glance. Regular forms follow rules;
only what the rules get wrong is listed. Commas and line ends separate the entries, and an
underscore stands for a space inside a word group.
"""


def cells(table: str) -> list[str]:
    """Return the entries of a table: separated by commas or line ends."""
    return [cell.strip() for cell in table.replace("\n", ",").split(",") if cell.strip()]


def triples(table: str) -> list[tuple[str, str, str]]:
    """Return the `German=English=French` entries of a table."""
    return [(a, b, c) for a, b, c in (cell.split("=") for cell in cells(table))]


def sections(table: str) -> list[tuple[str, list[str]]]:
    """Split a table into (header, entries); a header line is not indented and ends in a colon."""
    found: list[tuple[str, list[str]]] = []
    for line in table.strip("\n").split("\n"):
        if not line.startswith(" "):
            header, line = line.split(":", 1)
            found.append((header, []))
        found[-1][1].extend(cells(line))
    return found


def split_irregular(entry: str) -> tuple[str, str]:
    """Split `form>irregular`, with underscores as spaces; the second part may be empty."""
    form, _, other = entry.replace("_", " ").partition(">")
    return form, other
