"""The sample browser: it finds what one looks for, works without a mouse, and shows hostile text as text."""

import json
import math
import shutil
from collections.abc import Callable
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import Select

from harness.record import Run
from harness.record.folder import SAMPLES_FILE
from harness.report import embed
from harness.report.exchanges import LONGEST
from harness.report.html import write_html
from harness.report.samples import browser_data
from tests.edited import sign

HOSTILE = (
    "<script>window.owned = 1</script>",
    "</script><script>window.owned = 2</script><!--",
    "<img src=x onerror='window.owned = 3'>",
    "</td></table><style>body { display: none }</style>",
    "\u202egnp.exe\u202c \u2066hidden\u2069 zero\u200bwidth",
    "{{ 7 * 7 }} ${7 * 7} &lt;b&gt;",
    "javascript:window.owned=4",
    "x" * 1_000_000,
)


@pytest.fixture(scope="module")
def hostile(small_run: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The small run, as if the model had answered what must not be obeyed, and the data had asked so."""
    folder = tmp_path_factory.mktemp("hostile") / "run"
    shutil.copytree(small_run, folder)
    table = Run(folder).table()
    texts = [HOSTILE[i % len(HOSTILE)] for i in range(table.num_rows)]
    for name in ("response", "prompt", "evidence", "error"):
        table = table.set_column(table.schema.get_field_index(name), name, pa.array(texts))
    table = table.set_column(
        table.schema.get_field_index("references"), "references", pa.array([[text] for text in texts])
    )
    pq.write_table(table, folder / SAMPLES_FILE)
    sign(folder)
    flips = [{"task": "sweep", "cell": HOSTILE[0], "sample_id": HOSTILE[1], "prompt": HOSTILE[2], "pictures": [],
              "references": [HOSTILE[3]], "before": HOSTILE[4], "after": HOSTILE[7]}]  # fmt: skip
    (folder / "artifacts" / "flips.json").write_text(json.dumps(flips), encoding="utf-8")
    return folder


@pytest.fixture
def choose(browser) -> Callable[[str, str], None]:
    def do(name: str, value: str) -> None:
        Select(browser.find_element(By.NAME, name)).select_by_value(value)
        browser.execute_async_script("setTimeout(arguments[0], 30)")

    return do


_CUT = "const b = arguments[0]; return b.scrollWidth > b.clientWidth"


def count(browser) -> int:
    return int(browser.find_element(By.CSS_SELECTOR, "#browser output").text.split(" of ")[0].replace(",", ""))


def chosen(browser) -> str:
    return str(browser.find_element(By.CSS_SELECTOR, ".detail h3").text)


def test_filters_show_exactly_the_answers_that_fit(show, choose, page: str, small_run: Path) -> None:
    browser = show(page)
    rows = Run(small_run).table().to_pylist()
    assert count(browser) == len(rows)
    choose("task", "sweep")
    assert count(browser) == sum(row["task"] == "sweep" for row in rows)
    choose("cell", "rotation@5")
    at_five = [row for row in rows if row["task"] == "sweep" and row["cell"] == "rotation@5"]
    assert count(browser) == len(at_five)
    browser.find_element(By.NAME, "max").send_keys("0", Keys.TAB)
    browser.execute_async_script("setTimeout(arguments[0], 30)")
    assert count(browser) == sum(row["score.relaxed_accuracy"] == 0 for row in at_five)
    browser.find_element(By.CSS_SELECTOR, "button[type=reset]").click()
    browser.execute_async_script("setTimeout(arguments[0], 30)")
    assert count(browser) == len(rows)


@pytest.mark.parametrize("width", [1400, 390])
def test_no_head_of_a_column_is_cut(show, page: str, width: int) -> None:
    browser = show(page, width=width)
    heads = browser.find_elements(By.CSS_SELECTOR, ".rows th button")
    assert {"score", "status"} <= {head.text for head in heads}
    cut = [head.text for head in heads if browser.execute_script(_CUT, head)]
    assert cut == []


def test_flipped_answers_are_those_that_changed_sides_against_the_clean_image(
    show, choose, page: str, small_run: Path
) -> None:
    rows = [row for row in Run(small_run).table().to_pylist() if row["task"] == "sweep"]
    clean = {row["sample_id"]: row["score.relaxed_accuracy"] for row in rows if row["cell"] == "clean"}
    lost = sum(clean[row["sample_id"]] == 1 and row["score.relaxed_accuracy"] == 0 for row in rows)
    browser = show(page)
    choose("flipped", "1")
    assert count(browser) == lost > 0


def test_an_answer_that_failed_is_lost(failed_run: Path) -> None:
    run = Run(failed_run)
    data = browser_data(failed_run, run.record, run.table())
    rows, right = run.table().to_pylist(), set()
    for row in rows:
        if (row["task"], row["cell"], row["score.relaxed_accuracy"]) == ("sweep", "clean", 1):
            right.add(row["sample_id"])
    cell = data["cells"].index("rotation@1")
    lost = {
        data["samples"]["id"][sample]
        for sample, where, flip in zip(*(data["rows"][name] for name in ("sample", "cell", "flip")), strict=True)
        if where == cell and flip == 1
    }
    assert lost == right != set()


def test_a_metric_without_right_and_wrong_has_no_flips(small_run: Path) -> None:
    run = Run(small_run)
    sweep = run.record.tasks["sweep"]
    columns = {name: column.model_copy(update={"direction": "lower"}) for name, column in sweep.columns.items()}
    turned = sweep.model_copy(update={"columns": columns})
    record = run.record.model_copy(update={"tasks": {**run.record.tasks, "sweep": turned}})
    assert any(browser_data(small_run, run.record, run.table())["rows"]["flip"])
    assert not any(browser_data(small_run, record, run.table())["rows"]["flip"])


def test_a_slice_and_a_search_narrow_down(show, choose, page: str, small_run: Path) -> None:
    rows = Run(small_run).table().to_pylist()
    tag = next(name for name in rows[0] if name.startswith("tag."))
    value = rows[0][tag]
    browser = show(page)
    choose("slice", f"{tag.removeprefix('tag.')} = {value}")
    assert count(browser) == sum(row[tag] == value for row in rows)
    browser.find_element(By.NAME, "search").send_keys(rows[0]["sample_id"].upper())
    browser.execute_async_script("setTimeout(arguments[0], 250)")
    assert count(browser) == sum(row["sample_id"] == rows[0]["sample_id"] for row in rows)


def test_the_keyboard_alone_moves_reads_and_searches(show, page: str) -> None:
    browser = show(page)
    grid = browser.find_element(By.CSS_SELECTOR, "table[role=grid]")
    first = chosen(browser)
    browser.execute_script("arguments[0].focus()", grid)
    active = browser.switch_to.active_element
    active.send_keys(Keys.ARROW_DOWN)
    second = chosen(browser)
    assert second != first
    marked = browser.find_element(By.ID, grid.get_attribute("aria-activedescendant"))
    assert marked.get_attribute("aria-selected") == "true"
    active.send_keys(Keys.END)
    assert browser.find_element(By.ID, grid.get_attribute("aria-activedescendant")).is_displayed()
    active.send_keys(Keys.HOME)
    assert chosen(browser) == first
    active.send_keys(Keys.ENTER)
    assert browser.switch_to.active_element == browser.find_element(By.CSS_SELECTOR, ".detail")
    browser.switch_to.active_element.send_keys("/")
    assert browser.switch_to.active_element.get_attribute("name") == "search"


def test_only_the_rows_in_sight_are_in_the_document(show, page: str) -> None:
    browser = show(page)
    assert count(browser) == 120
    rows = "return document.querySelectorAll('.rows tbody tr:not(.space)').length"
    assert browser.execute_script(rows) < 40
    height = browser.execute_script("return document.querySelector('.rows').scrollHeight")
    assert height == pytest.approx(120 * 32 + 33, abs=8)


def test_an_address_leads_to_the_same_filters_and_sample(show, choose, page: str) -> None:
    browser = show(page)
    choose("cell", "rotation@1")
    browser.find_element(By.XPATH, "//th/button[text()='answer']").click()
    browser.execute_script("document.querySelector('table[role=grid]').focus()")
    browser.switch_to.active_element.send_keys(Keys.ARROW_DOWN)
    name, address = chosen(browser), browser.current_url
    known = parse_qs(urlsplit(address).fragment.partition("?")[2])
    assert known["cell"] == ["rotation@1"]
    assert known["sort"] == ["answer"]
    again = show(address)
    assert chosen(again) == name
    assert count(again) == 20


def test_sorting_orders_by_value_and_turns_round(show, page: str) -> None:
    browser = show(page)
    button = browser.find_element(By.XPATH, "//th/button[text()='score']")
    seen = []
    for _ in range(2):
        button.click()
        cells = browser.find_elements(By.CSS_SELECTOR, ".rows tbody tr:not(.space) td:nth-child(6)")
        seen.append([float(cell.text) for cell in cells])
        assert browser.find_element(By.CSS_SELECTOR, "th[aria-sort]").text == "score"
    assert seen[0] == sorted(seen[0])
    assert seen[1] == sorted(seen[1], reverse=True)
    assert seen[0] != seen[1]


def test_an_image_can_be_enlarged_and_put_away(show, page: str) -> None:
    browser = show(page)
    flip = browser.find_element(By.CSS_SELECTOR, "[data-flip]").get_attribute("data-flip")
    show(f"{page}#samples?at={flip}")
    assert chosen(browser) == flip
    pictures = browser.find_elements(By.CSS_SELECTOR, ".detail button.zoom")
    assert len(pictures) == 2
    pictures[1].click()
    dialog = browser.find_element(By.TAG_NAME, "dialog")
    assert dialog.is_displayed()
    assert dialog.find_element(By.TAG_NAME, "img").get_attribute("src").startswith("data:image/png")
    browser.switch_to.active_element.send_keys(Keys.ESCAPE)
    assert not dialog.is_displayed()


def test_hostile_text_is_shown_and_never_obeyed(show, hostile: Path, tmp_path: Path) -> None:
    file = write_html(hostile, tmp_path / "report.html")
    browser = show(file.as_uri())
    assert browser.get_log("browser") == []
    assert browser.execute_script("return window.owned") is None
    assert browser.find_element(By.TAG_NAME, "body").is_displayed()
    assert count(browser) == 120
    browser.execute_script("document.querySelector('table[role=grid]').focus()")
    seen = set()
    for _ in HOSTILE:
        seen.add(browser.find_element(By.XPATH, "//dt[starts-with(., 'answer')]/following-sibling::dd[1]/pre").text)
        browser.switch_to.active_element.send_keys(Keys.ARROW_DOWN)
    assert HOSTILE[0] in seen
    assert any(text.startswith(r"\u202egnp.exe\u202c") for text in seen)
    assert max(map(len, seen)) < LONGEST + 100
    assert browser.execute_script("return window.owned") is None
    assert browser.get_log("browser") == []
    assert browser.execute_script("return document.documentElement.scrollWidth <= innerWidth")
    assert (
        browser.execute_script("return document.querySelectorAll('main style, main script, main img[src=x]').length")
        == 0
    )


def test_tabs_tell_how_the_chosen_answer_came(show, page: str, small_run: Path) -> None:
    browser = show(page)
    rows = {"/".join((row["task"], row["cell"], row["sample_id"])): row for row in Run(small_run).table().to_pylist()}
    row = rows[chosen(browser)]
    told = {}
    for name in ("Why", "Prompt as sent", "Raw answer", "Cost"):
        browser.find_element(By.XPATH, f"//button[@role='tab'][.='{name}']").click()
        told[name] = browser.find_element(By.CSS_SELECTOR, "[role=tabpanel]").text
    width, height = json.loads(row["sent"])["images"][0]
    assert "the whole answer, which clean@1 left as it was" in told["Why"]
    assert f"image 1: {width} × {height} pixels\n{row['prompt']}" in told["Prompt as sent"]
    assert told["Raw answer"].startswith(row["response"])
    assert "(simulated)" in told["Cost"]
    assert "attempts\n1" in told["Cost"]
    assert "names no prices" in told["Cost"]


def test_the_tab_stays_when_stepping_and_arrow_keys_go_through_the_tabs(show, page: str) -> None:
    browser = show(page)
    browser.find_element(By.XPATH, "//button[@role='tab'][.='Why']").click()
    browser.switch_to.active_element.send_keys(Keys.ARROW_RIGHT)
    assert browser.switch_to.active_element.text == "Prompt as sent"
    browser.switch_to.active_element.send_keys(Keys.END)
    browser.execute_script("document.querySelector('table[role=grid]').focus()")
    browser.switch_to.active_element.send_keys(Keys.ARROW_DOWN)
    (picked,) = browser.find_elements(By.CSS_SELECTOR, "[role=tab][aria-selected=true]")
    assert picked.text == "Cost"


def test_a_run_that_kept_less_says_so_in_its_tabs(show, small_run: Path, tmp_path: Path) -> None:
    folder = tmp_path / "old"
    shutil.copytree(small_run, folder)
    table = Run(folder).table()
    pq.write_table(table.drop_columns(["sent", "seconds", "attempts"]), folder / SAMPLES_FILE)
    sign(folder)
    browser = show(write_html(folder, tmp_path / "report.html").as_uri())
    for name in ("Prompt as sent", "Cost"):
        browser.find_element(By.XPATH, f"//button[@role='tab'][.='{name}']").click()
        assert "not recorded" in browser.find_element(By.CSS_SELECTOR, "[role=tabpanel]").text
    assert browser.get_log("browser") == []


def test_what_each_step_read_stands_beside_the_answer_where_it_changed_it(small_run: Path) -> None:
    run = Run(small_run)
    task = run.record.tasks["qa"]
    steps = {"extract": ["clean@1", "first_line@1", "yes_no@2"]}
    record = run.record.model_copy(update={"tasks": {"qa": task.model_copy(update={"config": task.config | steps})}})
    table = run.table().filter(pc.equal(run.table()["task"], "qa")).slice(0, 3)
    answers = pa.array(["<think>no</think>yes it is\nsure", "yes", "perhaps"])
    data = browser_data(small_run, record, table.set_column(table.column_names.index("response"), "response", answers))
    exchanges = data["exchanges"]
    assert [exchanges["reads"][code] for code in exchanges["rows"]["read"]] == [
        [["clean@1", "yes it is\nsure"], ["first_line@1", "yes it is"], ["yes_no@2", "yes"]],
        [],
        [["clean@1", "perhaps"], ["first_line@1", "perhaps"], ["yes_no@2", None]],
    ]


@pytest.mark.parametrize("hostile", ["[" * 100_000, '"a text"', "[1]", '{"images": 3, "content": "x"}', "{"])
def test_what_a_record_from_elsewhere_holds_instead_of_a_request_does_no_harm(small_run: Path, hostile: str) -> None:
    run = Run(small_run)
    table = run.table()
    for name in ("sent", "parts"):
        table = table.set_column(table.column_names.index(name), name, pa.array([hostile] * table.num_rows))
    exchanges = browser_data(small_run, run.record, table)["exchanges"]
    assert exchanges["sent"] == [{}]
    assert exchanges["parts"] == [[]]


def test_how_sure_the_model_was_stands_beside_its_answer(show, make_run, tmp_path: Path) -> None:
    sure = {"s0000": {"min_logprob": math.log(0.2), "mean_logprob": math.log(0.875)}, "s0001": {"min_logprob": 0.5}}
    run = make_run("one", [0.0] * 3, sure)
    assert browser_data(run.folder, run.record, run.table())["exchanges"]["rows"]["sure"] == [[0.2, 0.875], None, None]
    browser = show(write_html(run.folder, tmp_path / "report.html").as_uri())
    panel = browser.find_element(By.CSS_SELECTOR, "[role=tabpanel]").text
    assert "20 % of its least sure token, 87.5 % of its tokens, geometric mean" in panel


def test_a_large_run_keeps_its_samples_in_a_file_beside_the_page(
    show, small_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(embed, "_EMBEDDED", 1000)
    file = write_html(small_run, tmp_path / "report.html")
    assert (tmp_path / "report.data.js").is_file()
    browser = show(file.as_uri())
    assert browser.get_log("browser") == []
    assert count(browser) == 120
    monkeypatch.undo()
    write_html(small_run, file)
    assert not (tmp_path / "report.data.js").exists()


def test_ten_thousand_answers_are_filtered_with_a_screenful_of_rows_in_the_document(
    show, choose, small_run: Path, tmp_path: Path
) -> None:
    folder = tmp_path / "run"
    shutil.copytree(small_run, folder)
    table = Run(folder).table()
    at = table.schema.get_field_index("sample_id")
    ids = table["sample_id"].to_pylist()
    copies = [table.set_column(at, "sample_id", pa.array([f"{one}-{n}" for one in ids])) for n in range(90)]
    pq.write_table(pa.concat_tables(copies), folder / SAMPLES_FILE)
    sign(folder)
    browser = show(write_html(folder, tmp_path / "report.html").as_uri())
    rows = "return document.querySelectorAll('.rows tbody tr:not(.space)').length"
    assert count(browser) == 90 * 120
    choose("cell", "rotation@1")
    assert count(browser) == 90 * 20
    choose("cell", "")
    browser.find_element(By.NAME, "search").send_keys("-89")
    browser.execute_async_script("setTimeout(arguments[0], 250)")
    assert count(browser) == 120
    browser.find_element(By.NAME, "search").clear()
    browser.execute_script("document.querySelector('table[role=grid]').focus()")
    browser.switch_to.active_element.send_keys(Keys.END)
    assert browser.execute_script(rows) < 40
    assert browser.find_element(By.CSS_SELECTOR, "tr[aria-selected=true]").is_displayed()


def test_every_text_is_embedded_once(small_run: Path) -> None:
    run = Run(small_run)
    data = browser_data(small_run, run.record, run.table())
    assert len(data["rows"]["sample"]) == 120
    assert len(data["samples"]["id"]) == 20
    for name in ("prompts", "responses", "cells", "statuses"):
        assert len(set(data[name])) == len(data[name])
    block = next(one for one in data["blocks"] if one["from"] == 0)
    assert set(block["scores"]) == {"relaxed_accuracy", "numeric_accuracy"}
