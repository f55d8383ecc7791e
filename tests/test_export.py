"""`harness export`: the table of all texts, the summary and the charts, whole and harmless."""

import csv
import json
import re
import sys
import tracemalloc
from dataclasses import asdict, replace
from io import StringIO
from xml.etree import ElementTree as Xml

import pyarrow.parquet
import pytest
import tomli_w
from rich.console import Console

from harness import export, reporting
from harness.joined import joined
from harness.run_folder import RunFolder, open_run
from prompts.errors import ConfigError
from reports.arrays import ANSWERED, FAILURES, FIRST_FAILURE, read_answers, read_test_set
from reports.samples import collect
from reports.scores import SCHEMA, score
from tests.simulated_run import PATHS, examples, of_quality, row, three_classifiers
from tests.test_page import PAYLOADS

FORMULAS = ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", '=HYPERLINK("http://x")', "＝1+1"]


def stored(folder, test, said, **compare):
    """Write a run folder as `harness compare` leaves it, with these answers by classifier."""
    folder.mkdir(parents=True, exist_ok=True)
    run = RunFolder(folder)
    experiment = {
        "name": "games",
        "data": {"test": "test.jsonl"},
        "classifiers": {name: {"kind": "baseline"} for name in said},
        "compare": compare,
    }
    (folder / "experiment.toml").write_text(tomli_w.dumps(experiment), encoding="utf-8")
    tree: dict[str, list[str]] = {}
    for root, leaf in sorted({one.gold for one in test} | set(PATHS)):
        tree.setdefault(root, []).append(leaf)
    run.write(
        "taxonomy.json",
        [{"name": root, "children": [{"name": leaf} for leaf in leaves]} for root, leaves in tree.items()],
    )
    run.write(
        "data.json",
        {
            "counts": {"test": len(test)},
            "sha256": {"test": "ab" * 32},
            "findings": [],
            "majority": None,
            "note": None,
            "limit": None,
        },
    )
    run.write("environment.json", {"python": "3.11"})
    lines = "".join(json.dumps(asdict(one)) + "\n" for one in test)
    run.test.write_text(lines, encoding="utf-8")
    for name, rows in said.items():
        run.classifier(name).mkdir(parents=True)
        run.predictions(name).write_text("".join(json.dumps(one) + "\n" for one in rows), encoding="utf-8")
        run.write(f"classifiers/{name}/identity.json", {"kind": "baseline", "method": name})
        run.write(
            f"classifiers/{name}/timing.json",
            {"load_s": 1.0, "answer_s": 2.0, "answered": len(rows), "facts": {}},
        )
    return run


def exported(run, out=None):
    said = StringIO()
    reporting.write(run)
    export.write(run, out, Console(file=said, width=200))
    folder = out or run.path / "export"
    with (folder / "items.csv").open(encoding="utf-8-sig", newline="") as file:
        return folder, list(csv.DictReader(file)), said.getvalue()


@pytest.fixture
def run(tmp_path):
    test = examples([PATHS[i % 5] for i in range(30)])
    said = {"a": of_quality("a", test, 0.8), "b": of_quality("b", test, 0.5)[::-1]}
    said["a"][3] |= {"failure": "unreadable", "path": ["Puzzle"], "raw": "Who can tell?"}
    said["a"][4] |= {"scores": [{"Strategy": 0.75}, {"Other": 0.5}], "path": ["Strategy", "Other"]}
    said["b"] = [
        row("app-0007", ("Puzzle", "Logic")),
        *said["b"][:-2],
        row("app-0007", ("Strategy", "Other"), raw="last"),
    ]
    return stored(tmp_path / "20261122-140000-games", test, said)


def test_the_table_has_a_row_for_every_text_with_what_each_classifier_said(run):
    folder, rows, said = exported(run)
    assert [one["id"] for one in rows] == [f"app-{i:04d}" for i in range(30)]
    assert rows[3] | {"gold:level_1": "Puzzle", "gold:level_2": "Logic", "a.failure": "unreadable"} == rows[3]
    assert (rows[3]["a.level_1"], rows[3]["a.level_1_right"], rows[3]["a.level_2"]) == ("Puzzle", "true", "")
    assert (rows[3]["a.level_2_right"], rows[3]["a.raw"]) == ("false", "Who can tell?")
    assert (rows[4]["a.level_1_confidence"], rows[4]["a.level_2_confidence"]) == ("0.75", "0.5")
    assert (rows[7]["b.level_2"], rows[7]["b.raw"]) == ("Other", "last")
    assert (rows[0]["b.failure"], rows[0]["b.level_1_right"]) == ("not_asked", "")
    assert rows[0]["meta:hard"] == "true"
    assert rows[0]["meta:name"] == "n0"
    assert f"Exported: {folder} (" in said


def test_the_share_of_right_answers_in_the_table_is_the_accuracy_of_the_scores(run):
    _, rows, _ = exported(run)
    level = run.read("scores.json")["classifiers"]["a"]["levels"][1]
    assert sum(one["a.level_2_right"] == "true" for one in rows) == level["accuracy"]["right"]


def test_parquet_holds_the_same_with_types(run):
    folder, rows, _ = exported(run)
    table = pyarrow.parquet.read_table(folder / "items.parquet")
    assert table.column_names == list(rows[0])
    assert {
        name: str(table.schema.field(name).type)
        for name in ("a.level_1_right", "a.latency_s", "meta:hard", "text")
    } == {
        "a.level_1_right": "bool",
        "a.latency_s": "double",
        "meta:hard": "bool",
        "text": "string",
    }
    assert [one["b.level_1"] or "" for one in table.to_pylist()] == [one["b.level_1"] for one in rows]


def test_without_its_library_parquet_is_left_out_and_the_command_that_brings_it_is_told(run, monkeypatch):
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    folder, _, said = exported(run)
    assert "items.parquet was left out: pip install 'llm-vs-bert[parquet]'" in said
    assert sorted(path.name for path in folder.iterdir()) == [
        "charts",
        "files.json",
        "items.csv",
        "summary.md",
    ]


def test_the_file_opens_in_excel_as_utf_8_and_half_characters_do_not_stop_it(tmp_path):
    test = [replace(one, text="射击游戏 \ud800", meta={"类别": "动作"}) for one in examples(list(PATHS))]
    folder, rows, _ = exported(
        stored(tmp_path / "20261122-140000-zh", test, {"甲": of_quality("甲", test, 1.0)})
    )
    assert (folder / "items.csv").read_bytes().startswith(b"\xef\xbb\xbf")
    assert rows[0]["text"] == "射击游戏 \N{REPLACEMENT CHARACTER}"
    assert rows[0]["meta:类别"] == "动作"
    assert pyarrow.parquet.read_table(folder / "items.parquet").to_pylist()[0]["text"] == rows[0]["text"]


@pytest.mark.parametrize("payload", [*FORMULAS, *PAYLOADS, "a,b", 'a"b', "a\nb", "a;b", ""])
def test_no_cell_is_a_formula_and_every_text_comes_back(tmp_path, payload):
    test = [replace(one, text=payload, meta={"note": payload}) for one in examples(list(PATHS))]
    said = [row(one.id, [], failure="unreadable", raw=payload) for one in test]
    folder, rows, _ = exported(stored(tmp_path / "20261122-140000-odd", test, {"a": said}))
    for cell in (rows[0]["text"], rows[0]["a.raw"], rows[0]["meta:note"]):
        assert cell.removeprefix("'") == payload.removeprefix("'")
        assert not cell.startswith(export.FORMULA)
    assert pyarrow.parquet.read_table(folder / "items.parquet").to_pylist()[0]["text"] == payload
    with (folder / "items.csv").open(encoding="utf-8-sig", newline="") as file:
        assert {len(line) for line in csv.reader(file)} == {len(rows[0])}


def test_a_column_whose_values_differ_in_kind_is_text_in_every_file(tmp_path):
    values = [True, 3, 2.5, "x", None]
    test = [
        replace(one, meta={"odd": value, "size": n})
        for n, (one, value) in enumerate(zip(examples(list(PATHS)), values, strict=True))
    ]
    folder, rows, _ = exported(stored(tmp_path / "20261122-140000-kinds", test, {"a": []}))
    assert [one["meta:odd"] for one in rows] == ["true", "3", "2.5", "x", ""]
    table = pyarrow.parquet.read_table(folder / "items.parquet")
    assert table.column("meta:odd").to_pylist() == ["true", "3", "2.5", "x", None]
    assert str(table.schema.field("meta:size").type) == "int64"


def of_meta(folder, values):
    test = [replace(one, meta={"n": value}) for one, value in zip(examples(list(PATHS)), values, strict=True)]
    folder, rows, _ = exported(stored(folder, test, {"a": []}))
    table = pyarrow.parquet.read_table(folder / "items.parquet")
    return [one["meta:n"] for one in rows], table.column("meta:n").to_pylist()


@pytest.mark.parametrize(
    "values",
    [
        [2**64 - 1, 1, 2, 3, 4],
        [-(2**63) - 1, 1, 2, 3, 4],
        [1.5, 2**60 + 1, 2, 3, 4],
        [10**400, 1.5, 2, 3, 4],
    ],
)
def test_numbers_that_no_column_of_numbers_holds_as_they_are_become_text(tmp_path, values):
    written = [str(value) for value in values]
    in_csv, in_parquet = of_meta(tmp_path / "20261122-140000-big", values)
    assert [cell.removeprefix("'") for cell in in_csv] == in_parquet == written


def test_the_largest_numbers_that_fit_stay_numbers(tmp_path):
    ends = [2**63 - 1, -(2**63), 2**53 + 1, 0, None]
    assert of_meta(tmp_path / "20261122-140000-whole", ends)[1] == ends
    mixed = [2**53, -(2**53), 0.5, 0, None]
    assert of_meta(tmp_path / "20261122-140000-mixed", mixed)[1] == mixed


@pytest.mark.parametrize("name", ["gold", "gold:level_1", "id", "text", "meta", "a.level_1", "a"])
def test_no_name_of_a_classifier_takes_the_column_of_something_else(tmp_path, name):
    test = [replace(one, meta={"a.level_1": "x", "level_1": "y"}) for one in examples(list(PATHS))]
    said = {name: [row(one.id, ("Puzzle", "Logic")) for one in test], "a ": []}
    said["b" if name == "a" else "a"] = said.pop("a ")
    folder, rows, _ = exported(stored(tmp_path / "20261122-140000-names", test, said))
    names = pyarrow.parquet.read_table(folder / "items.parquet").column_names
    assert len(set(names)) == len(names) == len(rows[0])
    assert [(one["gold:level_1"], one[f"{name}.level_1"]) for one in rows] == [
        (one.gold[0], "Puzzle") for one in test
    ]


@pytest.mark.parametrize("schema", [None, 1, "2", 99])
def test_scores_of_another_version_are_one_message_with_the_cure_and_nothing_is_written(run, schema):
    reporting.write(run)
    scores = run.read("scores.json") | {"schema": schema}
    scores["classifiers"]["a"]["calibration"] = None
    run.write("scores.json", scores)
    with pytest.raises(ConfigError, match=rf"schema {schema!r}, .* schema {SCHEMA}; .*`harness report "):
        export.write(run, None, Console(file=StringIO()))
    assert not (run.path / "export").exists()


def odd_answers(run):
    """Lines that no classifier writes but a file can hold."""
    lines = [json.loads(line) for line in run.predictions("a").read_text().splitlines()]
    lines[0]["path"].append("extra")
    lines[1] |= {"path": ["Cooking", "Cakes"]}
    lines[2] |= {"path": lines[2]["path"][:1]}
    lines[5] |= {"path": ["Puzzle", "Logic", "extra"], "failure": "unreadable"}
    lines[6] |= {"path": ["Cooking"], "failure": "unreadable"}
    lines[7] |= {"path": ["Puzzle", "Logic"], "scores": [{"Puzzle": 0.5}]}
    run.predictions("a").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return run


def test_scores_page_and_table_read_odd_answers_in_the_same_way(run):
    _, rows, _ = exported(odd_answers(run))
    data = reporting.load(run)
    shown = collect(data, {one["id"] for one in rows})
    scored = read_answers(data, data.classifiers[0], read_test_set(data))
    nodes = data.taxonomy.nodes
    for place, (one, sample) in enumerate(zip(rows, shown.values(), strict=True)):
        answer = sample.answers["a"]
        codes = [code for code in scored.labels[place].tolist() if code >= 0]
        path = nodes[len(codes) - 1][codes[-1]] if codes else ()
        status = scored.status[place]
        assert answer.path == path
        assert [one[f"a.level_{level}"] for level in (1, 2)] == [*path, "", ""][:2]
        assert one["a.failure"] == (answer.failure or "")
        assert answer.failure == (None if status == ANSWERED else FAILURES[status - FIRST_FAILURE])
        right = [one[f"a.level_{level}_right"] == "true" for level in (1, 2)]
        assert right == [*answer.right, False, False][:2]
    assert [rows[place]["a.failure"] for place in (0, 1, 2, 5)] == ["outside_labels"] * 3 + ["unreadable"]
    assert (rows[7]["a.level_1_confidence"], rows[7]["a.level_2_confidence"]) == ("0.5", "")


def test_the_answers_are_read_once_for_both_tables(run, monkeypatch):
    asked = []
    monkeypatch.setattr(export, "joined", lambda *given: asked.append(given) or joined(*given))
    exported(run)
    assert len(asked) == 1


def test_an_export_takes_away_what_an_earlier_one_wrote_and_nothing_else(run, monkeypatch):
    folder, _, _ = exported(run)
    (folder / "charts" / "mine.svg").write_text("mine")
    (folder / "notes.txt").write_text("mine")
    (folder / "charts" / "calibration-a.svg").write_text("of an earlier run of the export")
    listed = json.loads((folder / "files.json").read_text())
    outside = folder.parent / "report.html"
    (folder / "files.json").write_text(
        json.dumps([*listed, "charts/calibration-a.svg", "../report.html", "notes.txt", "charts/../x", 3])
    )
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    exported(run)
    left = {path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file()}
    assert left == {*listed, "files.json", "charts/mine.svg", "notes.txt"} - {"items.parquet"}
    assert outside.exists()


@pytest.mark.parametrize("content", ["", "5", "{}", "null", '["items.parquet"', "\x00"])
def test_whatever_stands_in_the_record_of_an_earlier_export_the_next_one_goes_on(run, content):
    folder, _, _ = exported(run)
    (folder / "files.json").write_text(content)
    exported(run)
    assert "items.csv" in json.loads((folder / "files.json").read_text())


def test_two_exports_are_the_same_bytes(run, tmp_path):
    first, second = (exported(run, tmp_path / name)[0] for name in ("one", "two"))
    files = [path.relative_to(first) for path in sorted(first.rglob("*")) if path.is_file()]
    assert len(files) >= 6
    assert [path for path in files if (first / path).read_bytes() != (second / path).read_bytes()] == []


def test_the_charts_are_files_that_stand_alone(tmp_path):
    test = examples([PATHS[i % 5] for i in range(30)])
    said = {name: of_quality(name, test, 0.6) for name in ("射击", "b")}
    folder, _, _ = exported(stored(tmp_path / "20261122-140000-zh", test, said, language="zh"))
    charts = sorted((folder / "charts").glob("*.svg"))
    assert {"accuracy-level-1.svg", "accuracy-whole-path.svg", "difference-whole-path.svg"} <= {
        path.name for path in charts
    }
    for path in charts:
        text = path.read_text(encoding="utf-8")
        assert Xml.fromstring(text).tag == "{http://www.w3.org/2000/svg}svg"
        assert re.findall(r"https?://(?!www\.w3\.org/2000/svg)|var\(|<script|<image", text) == []


def test_a_stop_half_way_leaves_the_earlier_file_whole_and_no_rest(run, monkeypatch):
    folder, _, _ = exported(run)
    before = (folder / "items.csv").read_bytes()

    def stopping(*_):
        yield from list(joined(run, ["a", "b"]))[:5]
        raise KeyboardInterrupt

    monkeypatch.setattr(export, "joined", stopping)
    with pytest.raises(KeyboardInterrupt):
        export.write(run, None, Console(file=StringIO()))
    assert (folder / "items.csv").read_bytes() == before
    assert [path.name for path in folder.iterdir() if path.name.endswith(".part")] == []


def test_a_run_without_scores_and_a_folder_that_is_a_file_are_one_message_with_the_cure(run, tmp_path):
    with pytest.raises(ConfigError, match=r"no scores\.json in it; .*harness report"):
        export.write(run, None, Console(file=StringIO()))
    reporting.write(run)
    (tmp_path / "taken").write_text("")
    with pytest.raises(ConfigError, match=r"taken: cannot write here .*--out"):
        export.write(run, tmp_path / "taken", Console(file=StringIO()))


def test_a_last_line_cut_in_half_is_passed_over(run):
    with run.predictions("a").open("ab") as file:
        file.write(b'{"id": "app-0001", "path": ["Pu')
    said = {example.id: answers for example, answers in joined(open_run(run.path), ["a"])}
    assert said["app-0001"]["a"]["id"] == "app-0001"


def test_texts_and_answers_are_not_kept_in_memory(tmp_path):
    test = [replace(one, text="word " * 200) for one in examples([PATHS[i % 5] for i in range(6000)])]
    run = stored(tmp_path / "20261122-140000-large", test, {"a": of_quality("a", test, 0.8)})
    tracemalloc.start()
    count = sum(len(said) for _, said in joined(run, ["a"]))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert count == 6000
    assert peak < 2_000_000  # the texts alone are 6 MB


def test_the_simulated_run_of_the_other_tests_has_a_table_too():
    from reports.items import columns, item, meta_columns

    data = three_classifiers(60)
    meta = meta_columns(data.test)
    head = {one.name for one in columns(2, [one.name for one in data.classifiers], meta)}
    first = data.test[0]
    cells = item(first, {one.name: one.predictions[0] for one in data.classifiers}, data.taxonomy, meta)
    assert set(cells) <= head
    assert score(data)["rows"] == 60
