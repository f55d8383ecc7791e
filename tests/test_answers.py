import numpy as np
import pytest

from prompts.errors import DatasetError
from reports.arrays import ANSWERED, FAILURES, FIRST_FAILURE, MISSING, NO_LABEL, read_answers, read_test_set
from tests.simulated_run import PATHS, classifier, examples, row, run

TEST = examples([PATHS[0], PATHS[2], PATHS[4]])


def read(rows, test=TEST):
    one = classifier("bert", rows)
    data = run(test, [one])
    return read_answers(data, one, read_test_set(data))


def test_gold_labels_are_numbered_level_by_level():
    gold = read_test_set(run(TEST, [])).gold
    assert gold.tolist() == [[0, 0], [1, 2], [2, 4]]
    assert gold.dtype == np.int32


def test_the_last_row_of_an_id_counts():
    answers = read([row("app-0000", [], failure="empty"), row("app-0000", PATHS[0], latency_s=5.0)])
    assert answers.status[0] == ANSWERED
    assert answers.labels[0].tolist() == [0, 0]
    assert answers.latency_s[0] == 5.0


def test_a_later_failure_takes_the_earlier_labels_away():
    answers = read([row("app-0000", PATHS[0]), row("app-0000", [], failure="refused")])
    assert answers.labels[0].tolist() == [NO_LABEL, NO_LABEL]


def test_a_row_that_is_not_there_is_missing_and_not_a_failure():
    answers = read([row("app-0001", PATHS[1])])
    assert answers.status.tolist() == [MISSING, ANSWERED, MISSING]
    assert answers.asked.tolist() == [False, True, False]


def test_an_answer_to_an_unknown_id_is_passed_over():
    assert read([row("someone-else", PATHS[1])]).asked.sum() == 0


@pytest.mark.parametrize("kind", FAILURES)
def test_a_failure_keeps_the_levels_it_reached(kind):
    answers = read([row("app-0000", ["Action"], failure=kind)])
    assert answers.labels[0].tolist() == [0, NO_LABEL]
    assert answers.status[0] == FIRST_FAILURE + FAILURES.index(kind)


@pytest.mark.parametrize("path", [["Cooking", "Cakes"], ["Action"], [], ["Action", "Shooter", "Arcade"]])
def test_an_answer_that_is_no_full_path_is_outside_the_labels(path):
    answers = read([row("app-0000", path)])
    assert answers.status[0] == FIRST_FAILURE + FAILURES.index("outside_labels")
    assert answers.labels[0].tolist() == [NO_LABEL, NO_LABEL]


def test_the_same_name_below_two_parents_is_two_labels():
    paths = (("Action", "Other"), ("Puzzle", "Other"))
    from prompts.taxonomy import Taxonomy

    test = examples(paths)
    one = classifier("bert", [row("app-0000", paths[1]), row("app-0001", paths[1])])
    data = run(test, [one], taxonomy=Taxonomy.from_paths(paths))
    read_set = read_test_set(data)
    assert (read_answers(data, one, read_set).labels == read_set.gold).tolist() == [[False] * 2, [True] * 2]


def test_tokens_are_summed_over_every_row_as_each_was_paid_for():
    usage = {"calls": 1, "input_tokens": 10, "cached_input_tokens": 2, "output_tokens": 3}
    usage |= {"cache_write_tokens": 4, "reasoning_tokens": 1}
    rows = [row("app-0000", PATHS[0], usage=usage), row("app-0000", PATHS[0], usage=usage | {"calls": 2})]
    assert read(rows).tokens == {name: 2 * count for name, count in usage.items()} | {"calls": 3}
    assert read([row("app-0000", PATHS[0])]).tokens is None


def test_a_gold_label_outside_the_taxonomy_names_the_row():
    with pytest.raises(DatasetError, match=r"app-0000.*Cooking > Cakes"):
        read_test_set(run(examples([("Cooking", "Cakes")]), []))


def test_a_repeated_id_and_an_empty_test_set_are_refused():
    with pytest.raises(DatasetError, match="app-0000' stands twice"):
        read_test_set(run([*TEST, TEST[0]], []))
    with pytest.raises(DatasetError, match="empty"):
        read_test_set(run([], []))


def test_only_columns_with_a_few_repeated_values_are_slices():
    slices = read_test_set(
        run(examples([PATHS[0]] * 12), [])
    ).slices  # meta: hard (2 values), name (12 values)
    assert [part.column for part in slices] == ["hard"]
    assert slices[0].values == ("false", "true")
    assert slices[0].codes.tolist() == [1, 0, 0] * 4


def test_rows_without_a_value_are_in_no_slice():
    from dataclasses import replace

    metas = [{}, {"kind": "a"}, {"kind": None}, {"kind": "b"}, {"kind": "a"}, {}]
    test = [
        replace(example, meta=meta) for example, meta in zip(examples([PATHS[0]] * 6), metas, strict=True)
    ]
    (part,) = read_test_set(run(test, [])).slices
    assert part.codes.tolist() == [-1, 0, -1, 1, 0, -1]


def test_measured_numbers_are_no_categories():
    from dataclasses import replace

    test = [replace(example, meta={"score": i % 2 / 2}) for i, example in enumerate(examples([PATHS[0]] * 8))]
    assert read_test_set(run(test, [])).slices == ()
