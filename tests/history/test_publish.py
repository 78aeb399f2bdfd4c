"""asv's pages and ours: complete, true to the data, and without a request to anywhere."""

import base64
import hashlib
import json
import re
import subprocess
import threading
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from importlib.resources import files
from pathlib import Path

import asv
import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

from harness.errors import UsageError
from harness.history import publish as pages
from harness.history import record
from harness.history.publish import offline, publish, regressions
from harness.history.series import read_series
from harness.record import read_run
from harness.report.history_html import write_history
from tests.history.helpers import Repository, altered, fill, make_repository
from tests.programs import git

BENCHMARK = "suites.small.qa.relaxed_accuracy_error"
_DATA = re.compile(r'id="chart-data">(.*?)</script>')
_ROWS = "return [...document.querySelectorAll('#regressions-body table tbody tr')].map(row => row.textContent)"
ACCURACIES = [0.9 + 0.002 * (i % 3) for i in range(10)] + [0.7 + 0.002 * (i % 3) for i in range(8)]


@pytest.fixture(scope="module")
def filled(small_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Repository:
    """A repository whose accuracy fell at its eleventh commit."""
    return fill(make_repository(tmp_path_factory.mktemp("history") / "repository"), small_run, ACCURACIES)


@pytest.fixture(scope="module")
def published(filled: Repository) -> Repository:
    publish(filled.root)
    return filled


def test_every_commit_stands_in_one_graph_and_the_step_in_the_regressions(published: Repository) -> None:
    html = published.root / "reports" / "asv"
    (graph,) = [file for file in html.glob(f"graphs/**/{BENCHMARK}.json") if "summary" not in file.parts]
    told = json.loads(graph.read_text())
    assert [value[0] for _, value in told] == pytest.approx([1 - accuracy for accuracy in ACCURACIES])
    found = {entry[0] for entry in regressions(html)}
    assert f"{BENCHMARK}('mock (simulated)', '')" in found
    assert {name.partition("(")[0] for name in found} == {BENCHMARK}


def test_the_pages_load_nothing_from_elsewhere(published: Repository) -> None:
    html = published.root / "reports" / "asv"
    text = (html / "index.html").read_text()
    assert not re.search(r'<(script|link)[^>]*(src|href)="https?:', text)
    named = re.findall(r'(?:src|href)="(vendor/[^"]+)"', text)
    assert len(named) == 10
    assert all((html / name).stat().st_size > 1000 for name in named)


def test_what_we_bundle_is_byte_for_byte_what_asv_asks_for() -> None:
    page = (Path(asv.__file__).parent / "www" / "index.html").read_text()
    asked = dict(re.findall(r'(?:src|href)="https?://[^"]*/([^"/]+)" integrity="([^"]+)"', page))
    assert len(asked) == 10
    bundled = [file.read_bytes() for file in files("harness.history").joinpath("vendor").iterdir()]
    same = [address for address, integrity in asked.items() if any(_fits(content, integrity) for content in bundled)]
    # Flot is bundled readable instead of minified, and one version of stupidtable is in no registry.
    assert set(same) == {"jquery-3.3.1.min.js", "jquery.flot.orderBars.js", "bootstrap.min.js", "bootstrap.min.css"}


def _fits(content: bytes, integrity: str) -> bool:
    kind, _, digest = integrity.partition("-")
    return base64.b64encode(hashlib.new(kind, content).digest()).decode() == digest


def test_a_page_that_loads_something_unknown_is_refused_rather_than_published_broken(tmp_path: Path) -> None:
    (tmp_path / "index.html").write_text('<script src="https://cdn.example.org/new.min.js"></script>')
    with pytest.raises(UsageError, match=r"new\.min\.js"):
        offline(tmp_path)


def test_what_is_not_asvs_is_not_deleted(recorded) -> None:
    repository: Repository = recorded([0.9])
    mine = repository.root / "reports" / "asv" / "thesis.txt"
    mine.parent.mkdir(parents=True)
    mine.write_text("years of work")
    with pytest.raises(UsageError, match="holds something else"):
        publish(repository.root)
    assert mine.read_text() == "years of work"


def test_our_page_lies_where_asv_does_not_delete_it(run_here, published: Repository) -> None:
    stale = published.root / "reports" / "asv" / "stale.html"
    stale.write_text("asv empties its folder")
    done = run_here("history", "publish", "--repository", published.root)
    assert done.code == 0, done.err
    assert not stale.exists()
    page = published.root / "reports" / "history" / "index.html"
    assert page.is_file()
    assert not page.is_relative_to(pages.settings(published.root).html)


def test_asvs_pages_show_the_regressions_of_their_data_without_a_network(published: Repository, show) -> None:
    html = published.root / "reports" / "asv"
    handler = partial(_Quiet, directory=str(html))
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        browser = show(f"http://127.0.0.1:{server.server_port}/index.html#/regressions")
        shown = WebDriverWait(browser, 10).until(lambda driver: driver.execute_script(_ROWS))
        assert len(shown) == sum(len(entry[6]) for entry in regressions(html))
        assert all(BENCHMARK in row for row in shown)
        assert "error.html" not in browser.current_url
        fetched = browser.execute_script("return performance.getEntriesByType('resource').map(r => r.name)")
        assert all(name.startswith(f"http://127.0.0.1:{server.server_port}/") for name in fetched)
        assert [entry for entry in browser.get_log("browser") if entry["level"] == "SEVERE"] == []
        server.shutdown()


class _Quiet(SimpleHTTPRequestHandler):
    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def our_page(recorded, tmp_path: Path) -> Path:
    repository: Repository = recorded(ACCURACIES)
    series = read_series(repository.results, repository.commits)
    return write_history(
        series, tmp_path / "history.html", "https://example.org/commit/", lambda a, b: "compare/x.html"
    )


_RANGES = re.compile(r'<details class="range".*?</details>', re.DOTALL)


def test_our_page_names_the_commit_its_author_and_the_comparison_in_the_metrics_own_direction(our_page: Path) -> None:
    html = our_page.read_text(encoding="utf-8")
    (row,) = _RANGES.findall(html)
    assert "change 10 &lt;script&gt;" in row
    assert "Ada b" in row
    assert "2023-11-15" in row
    assert 'href="compare/x.html"' in row
    assert "https://example.org/commit/" in row
    assert re.search(r'small/qa/relaxed_accuracy on mock.*?<td class="bad">worse</td>', row, re.DOTALL)
    assert "0.902 → 0.702 (−0.2)" in row
    assert "relaxed_accuracy_error" not in html
    assert "1 −" not in html


def test_a_step_across_commits_that_were_not_measured_is_nobodys(
    recorded, repository: Repository, tmp_path: Path
) -> None:
    recorded([0.9, 0.902, 0.904, 0.9, 0.902])
    for i in range(5):
        repository.commit(f"not measured {i}", 1_700_050_000 + i)
    recorded([0.7, 0.702, 0.704, 0.7, 0.702])
    series = read_series(repository.results, repository.commits)
    html = write_history(series, tmp_path / "history.html").read_text(encoding="utf-8")
    (row,) = _RANGES.findall(html)
    good, bad = repository.commits[4].hash, repository.commits[10].hash
    assert re.search(f"between <code>{good[:8]}</code> and <code>{bad[:8]}</code>", row)
    assert "6 commits, none measured in between" in row
    assert f"harness bisect small --adapter mock --good {good[:12]} --bad {bad[:12]}" in row
    assert "Ada" not in row
    assert "change 0" not in row


def test_many_changes_of_one_range_are_one_row_and_ranges_without_a_change_are_one(our_page: Path) -> None:
    html = our_page.read_text(encoding="utf-8")
    assert len(_RANGES.findall(html)) == 1
    assert re.findall(r'<span class="what dim">(\d+ measurements)', html) == ["7 measurements", "9 measurements"]


def test_a_change_inside_its_interval_is_grey_and_nobody_is_told_that_it_got_worse(
    recorded, repository: Repository, tmp_path: Path
) -> None:
    recorded([0.905] * 6 + [0.9] * 6)
    html = write_history(read_series(repository.results, repository.commits), tmp_path / "history.html").read_text()
    (row,) = _RANGES.findall(html)
    assert '<td class="open">within noise</td>' in row
    assert ">worse<" not in row
    assert "no step for the worse" in html
    assert "0 worse, 0 better, 0 recovered, 0 drifting, 1 within noise" in html


def test_other_questions_are_no_step_but_a_break(repository, small_run: Path, tmp_path: Path, show) -> None:
    first = read_run(small_run)
    for i, accuracy in enumerate([0.9 + 0.002 * (i % 3) for i in range(8)] + [0.6 + 0.002 * (i % 3) for i in range(8)]):
        hash_ = repository.commit(f"change {i}", 1_700_000_000 + i * 3600)
        made = altered(first, hash_, accuracy)
        if i >= 8:
            made = made.model_copy(update={"datasets": {"charts": "other"}})
        record.add(made, repository.commits[-1], repository.results)
    series = read_series(repository.results, repository.commits)
    html = write_history(series, tmp_path / "history.html").read_text(encoding="utf-8")
    assert "Nothing: no step in either direction, no drift." in html
    (told,) = _DATA.findall(html)
    chart = next(one for one in json.loads(told) if "relaxed_accuracy on" in one["name"])
    assert [mark["label"] for mark in chart["marks"]] == ["other questions"]
    value, level = chart["lines"]
    assert [line["y"].index(None) for line in (value, level)] == [8, 8]
    assert value["x"][7:10] == [7, 8, 8]
    assert (level["y"][0], level["y"][-1]) == pytest.approx((0.902, 0.602))
    shown = show((tmp_path / "history.html").as_uri())
    assert shown.get_log("browser") == []


def test_our_page_has_no_complaint_no_request_and_no_serious_violation(our_page: Path, show, audit, picture) -> None:
    for width, scheme in ((1200, "light"), (360, "dark")):
        browser = show(our_page.as_uri(), width=width, scheme=scheme)
        assert browser.execute_script("return document.documentElement.scrollWidth") <= width
        browser.execute_script("document.querySelector('details.series[data-changed]').open = true")
        browser.execute_script("document.querySelector('details.series[open] button.zoom').click()")
        browser.execute_async_script("setTimeout(arguments[0], 300)")
        assert browser.find_element(By.CSS_SELECTOR, "details.series[open] canvas").size["width"] > 250
        picture(browser, f"history-{width}-{scheme}")
        assert audit(browser) == []
        assert browser.get_log("browser") == []
        assert browser.execute_script("return performance.getEntriesByType('resource').length") == 0


def test_the_filter_leaves_what_changed(our_page: Path, show) -> None:
    browser = show(our_page.as_uri())
    browser.find_element(By.NAME, "changed").click()
    shown = [one for one in browser.find_elements(By.CSS_SELECTOR, "details.series") if one.is_displayed()]
    assert len(shown) == 1
    assert "relaxed_accuracy" in shown[0].text


def test_a_repository_without_settings_is_told_how_to_get_them_and_gets_its_own_branch(
    tmp_path: Path, run_here
) -> None:
    subprocess.run([git(), "init", "--quiet", "--initial-branch", "trunk", tmp_path], check=True)
    done = run_here("history", "publish", "--repository", tmp_path)
    assert (done.code, "`harness history init` writes one" in done.err) == (2, True)
    assert run_here("history", "init", "--repository", tmp_path).code == 0
    assert pages.settings(tmp_path).branches == ("trunk",)
    assert "it is yours to edit" in run_here("history", "init", "--repository", tmp_path).err


def test_a_branch_that_is_not_there_is_named_with_the_one_that_is(filled: Repository, tmp_path: Path) -> None:
    (tmp_path / ".git").symlink_to(filled.root / ".git")
    told = json.loads((filled.root / pages.CONFIG).read_text())
    (tmp_path / pages.CONFIG).write_text(json.dumps(told | {"branches": ["nowhere"]}))
    with pytest.raises(UsageError, match=r"names the branch 'nowhere', which .* change it to \"branches\": \[\""):
        publish(tmp_path)
