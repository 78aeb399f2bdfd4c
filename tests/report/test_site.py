"""All runs at once: a static site, and a server that reads and tells nobody else."""

import http.client
import json
import re
import shutil
import threading
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path

import pytest
from selenium.webdriver.support.ui import WebDriverWait

from harness.record import read_run
from harness.record.folder import RUN_FILE, STORE_FILE
from harness.record.store import ResponseStore, Row
from harness.report.live import in_flight, progress
from harness.report.serve import Viewer, server
from harness.report.site import Listed, index_html, write_site
from tests.edited import put


@pytest.fixture(scope="module")
def runs(small_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Two finished runs, a broken one and one in flight."""
    root = tmp_path_factory.mktemp("runs")
    record = json.loads((small_run / RUN_FILE).read_text())
    for name in ("one", "two"):
        shutil.copytree(small_run, root / name)
        put(root / name, record | {"run_id": name})
    (root / "broken").mkdir()
    (root / "broken" / RUN_FILE).write_text("{")
    (root / "flying").mkdir()
    with ResponseStore(root / "flying" / STORE_FILE) as store:
        store.append([row(i, "ok" if i else "error") for i in range(5)])
    return root


def row(i: int, status: str) -> Row:
    return Row(
        "qa", "clean<script>", f"s{i}", "", 0, status, None, None, "p", (), None, "a", None, None, None, None, {}, {}
    )


class _Links(HTMLParser):
    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found += [value for name, value in attrs if name in ("href", "src") and value]


def test_a_site_holds_every_run_that_can_be_read_and_no_link_is_dead(runs: Path, tmp_path: Path) -> None:
    history = tmp_path / "history" / "index.html"
    history.parent.mkdir()
    history.write_text('<p>history</p><a href="compare/a-b.html">a and b</a>')
    (history.parent / "compare").mkdir()
    (history.parent / "compare" / "a-b.html").write_text('<script src="a-b.data.js"></script>')
    (history.parent / "compare" / "a-b.data.js").write_text("window.harnessSamples={};")
    out = tmp_path / "site"
    front = write_site(runs, out, history)
    assert sorted(file.name for file in (out / "runs").iterdir()) == ["one.html", "two.html"]
    for file in out.rglob("*.html"):
        links = _Links()
        links.feed(file.read_text(encoding="utf-8"))
        local = [link for link in links.found if not link.startswith(("#", "data:"))]
        assert all((file.parent / link).is_file() for link in local), file
    assert "history.html" in front.read_text()


def test_a_second_site_replaces_the_first_and_leaves_other_files(runs: Path, tmp_path: Path) -> None:
    (tmp_path / "CNAME").write_text("example.org")
    write_site(runs, tmp_path)
    before = {file: file.read_bytes() for file in tmp_path.rglob("*.html")}
    write_site(runs, tmp_path)
    assert {file: file.read_bytes() for file in tmp_path.rglob("*.html")} == before
    assert (tmp_path / "CNAME").read_text() == "example.org"


def test_the_commands_write_a_site_and_all_reports(run_here, runs: Path, tmp_path: Path) -> None:
    done = run_here("report", "--site", tmp_path / "public", "--runs", runs)
    assert (done.code, done.out) == (0, f"{tmp_path / 'public' / 'index.html'}\n")
    done = run_here("report", "--all", "--runs", runs)
    assert done.code == 0
    assert sorted(done.out.split()) == [str(runs / name / "report.html") for name in ("one", "two")]
    assert run_here("report", "--all", "--runs", tmp_path / "nothing").code == 2


def test_a_run_in_flight_is_read_while_it_is_written(runs: Path) -> None:
    assert [folder.name for folder in in_flight(runs)] == ["flying"]
    with ResponseStore(runs / "flying" / STORE_FILE) as store:
        before = sum(one.total for one in progress(runs / "flying"))
        store.append([row(before + 100, "ok")])
        (one,) = progress(runs / "flying")
        assert one.total == before + 1
        assert one.counts["error"] == 1
    (runs / "flying" / "not.sqlite").write_text("x")
    assert progress(runs) == []


@pytest.fixture(scope="module")
def port(runs: Path, tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    folder = tmp_path_factory.mktemp("reports")
    (folder / "history").mkdir()
    (folder / "history" / "index.html").write_text("history")
    (folder / "secret.txt").write_text("secret")
    (folder / "history" / "link.txt").symlink_to(folder / "secret.txt")
    with server(Viewer(runs, folder / "history", folder / "asv"), 0) as serving:
        threading.Thread(target=serving.serve_forever, daemon=True).start()
        yield serving.server_address[1]
        serving.shutdown()


def get(port: int, path: str, host: str | None = None, method: str = "GET") -> tuple[int, str]:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    connection.putrequest(method, path, skip_host=True)
    connection.putheader("Host", host or f"127.0.0.1:{port}")
    connection.endheaders()
    response = connection.getresponse()
    return response.status, response.read().decode()


def test_the_server_lists_shows_and_compares(port: int) -> None:
    status, html = get(port, "/")
    assert status == 200
    assert set(re.findall(r'href="(/(?:run|live)/[^"]+)"', html)) == {"/run/one", "/run/two", "/live/flying"}
    assert get(port, "/run/one")[1].count("<h1>") == 1
    status, html = get(port, "/compare?a=one&b=two")
    assert status == 200
    assert "Baseline <code>one</code>, candidate <code>two</code>" in html
    status, html = get(port, "/live/flying")
    assert status == 200
    assert "clean&lt;script&gt;" in html
    assert get(port, "/history/index.html") == (200, "history")


def test_the_server_gives_nothing_to_another_host_name(port: int) -> None:
    for host in (f"evil.example:{port}", "127.0.0.1", f"127.0.0.1.evil.example:{port}", "", f"127.0.0.1:{port + 1}"):
        status, text = get(port, "/", host=host or "x")
        assert status == 403
        assert "one" not in text.split()
    assert get(port, "/", host=f"localhost:{port}")[0] == 200


@pytest.mark.parametrize(
    "path",
    ["/run/..%2f..%2fetc", "/run/", "/history/../secret.txt", "/history/%2e%2e/secret.txt", "/history/link.txt",
     "/history//etc/passwd", "/live/broken", "/compare?a=one", "/nothing", "/asv/index.html", "/run/broken"],
)  # fmt: skip
def test_the_server_tells_nothing_that_lies_elsewhere(port: int, path: str) -> None:
    status, text = get(port, path)
    assert status in (400, 404)
    assert "secret" not in text.replace(path, "").replace("secret.txt", "")
    assert "root:" not in text


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "HEAD", "OPTIONS"])
def test_the_server_only_reads(port: int, method: str) -> None:
    assert get(port, "/", method=method)[0] == 501


def test_the_server_listens_on_loopback_alone(runs: Path, tmp_path: Path) -> None:
    with server(Viewer(runs, tmp_path, tmp_path), 0) as serving:
        assert serving.server_address[0] == "127.0.0.1"


def test_the_list_works_in_a_browser(port: int, show, audit) -> None:
    assert audit(show(f"http://127.0.0.1:{port}/", scheme="dark")) == []
    browser = show(f"http://127.0.0.1:{port}/")
    assert audit(browser) == []
    browser.find_element("css selector", "button[type=submit]").click()
    WebDriverWait(browser, 20).until(lambda _: "/compare?" in browser.current_url)
    assert "small: mock (simulated) → mock (simulated)" in browser.page_source
    assert browser.get_log("browser") == []


def test_the_list_is_filtered_and_its_address_keeps_the_filter(show, audit, tmp_path: Path, runs: Path) -> None:
    browser = show(write_site(runs, tmp_path).as_uri())
    output = browser.find_element("css selector", "#runs-filter output")
    assert output.text == "2 of 2 runs"
    browser.find_element("name", "search").send_keys("TWO")
    assert output.text == "1 of 2 runs"
    again = show(browser.current_url, width=390, scheme="dark")
    assert again.find_element("css selector", "#runs-filter output").text == "1 of 2 runs"
    assert again.execute_script("return document.documentElement.scrollWidth") <= 390
    assert audit(again) == []
    assert again.get_log("browser") == []


def test_the_chosen_pair_is_the_newest_two_that_can_be_compared(small_run: Path) -> None:
    record = read_run(small_run)
    other = record.model_copy(update={"suite": record.suite.model_copy(update={"name": "other"})})
    cut = record.model_copy(update={"status": "interrupted"})
    listed = [Listed(one, "#") for one in (other, cut, record, record)]
    html = index_html(listed, served=True)
    radios = re.findall(r'<input type="radio" name="([ab])"[^>]*?( checked)?>', html)
    assert [name for name, checked in radios if checked] == ["b", "a"]
    assert [k // 2 for k, (_, checked) in enumerate(radios) if checked] == [2, 3]
