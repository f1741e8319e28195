"""Reading a page in headless Chromium, as a person would."""

import html
import json
import re
import shutil
import subprocess

BROWSER = next(
    filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None
)
NO_BROWSER = "no browser: install the package chromium"
# What a reader does with the table: searches, sorts twice by a column, and goes to the next page.
_READER = """
<script>
{
const rows = () => [...document.querySelectorAll("#sentences tbody tr")];
const seen = () => rows().map(row => row.cells[0].textContent);
const search = document.getElementById("search");
const heads = document.querySelectorAll("#sentences th");
const result = {pictures: document.querySelectorAll("figure svg").length, all: seen()};
heads[0].click(); result.up = seen();
heads[0].click(); result.down = seen();
document.getElementById("next").click(); result.next = seen();
search.value = "WORDS"; search.dispatchEvent(new Event("input"));
result.found = rows().map(row => row.textContent);
search.value = "no such text"; search.dispatchEvent(new Event("input")); result.none = seen();
const said = document.createElement("pre");
said.id = "said"; said.textContent = JSON.stringify(result);
document.body.append(said);
}
</script>
"""
_LARGEST = 5_000_000  # bytes of a page


def check_report(page, words, folder):
    """Read a report: nothing on the console, pictures, a table that is searched and sorted.

    Args:
        page: that ``fairseq-l2rw report`` wrote, with more than 50 rows.
        words: that some sentences of its table have.
        folder: for what the browser writes.
    """
    assert page.stat().st_size < _LARGEST
    copy = folder / "read.html"
    reader = _READER.replace("WORDS", words)
    copy.write_text(page.read_text().replace("</body>", reader + "</body>"))
    flags = ["--headless", "--no-sandbox", "--disable-gpu", "--enable-logging=stderr", "--dump-dom"]
    flags += [f"--user-data-dir={folder}", "--virtual-time-budget=4000", copy.as_uri()]
    done = subprocess.run(
        [BROWSER, *flags], capture_output=True, text=True, timeout=120, check=False
    )
    assert [line for line in done.stderr.splitlines() if "CONSOLE" in line] == []
    said = json.loads(html.unescape(re.search(r'<pre id="said">(.*?)</pre>', done.stdout, re.S)[1]))
    assert said["pictures"] >= 6 and len(said["all"]) == 50
    up, down, after = ([int(n) for n in said[name]] for name in ("up", "down", "next"))
    assert up == sorted(up) and down == sorted(down, reverse=True)
    assert len(after) == 50 and max(after) < min(down)
    assert said["found"] and all(words in row.lower() for row in said["found"])
    assert said["none"] == []
