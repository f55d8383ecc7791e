"""The curve of a training: what is drawn, on which axis, and that a poor curve still makes a page."""

import re
from dataclasses import replace

import pytest

from classifiers.contract import Training
from reports.curves import charts
from reports.page import render
from reports.scores import score
from reports.wording import Words
from tests.simulated_run import three_classifiers

FULL = tuple(
    {"epoch": n, "train_loss": 2 / n, "dev_loss": 1.5 / n, "dev_accuracy": 0.4 + n / 20, "dev_macro_f1": 0.3}
    for n in (1, 2, 3)
)


def page(curve, best_epoch=None, **more):
    data = three_classifiers(**more)
    first, *others = data.classifiers
    training = Training(train_s=36.0, device="cpu", examples=10, best_epoch=best_epoch, curve=curve)
    data = replace(data, classifiers=[replace(first, training=training), *others])
    return render(data, score(data)).split('<section id="training"', 1)[1]


def drawn(curve, best_epoch=None, language="en"):
    training = Training(train_s=36.0, device="cpu", examples=10, best_epoch=best_epoch, curve=curve)
    return charts(training, Words.of(language), key="training-1", colour=1)


@pytest.mark.parametrize(
    ("curve", "expected"),
    [
        (FULL, {"loss": ["Dev loss", "Training loss"], "share": ["Dev accuracy", "Dev macro-F1"]}),
        (({"epoch": 1, "train_loss": 2.0},), {"loss": ["Training loss"]}),
        (({"epoch": 1, "dev_accuracy": 0.5},), {"share": ["Dev accuracy"]}),
        (
            ({"epoch": 1, "train_loss": 2.0, "dev_perplexity": 7.5, "learning_rate": 0.1},),
            {"loss": ["Training loss"]},
        ),
        (({"epoch": 1, "train_loss": float("nan")},), {}),
        (({"epoch": 1},), {}),
        ((), {}),
    ],
)
def test_losses_and_shares_are_drawn_apart_and_what_is_neither_is_not(curve, expected):
    assert {one.key.rsplit("-")[-1]: [line.name for line in one.series] for one in drawn(curve)} == expected


def test_a_figure_that_an_epoch_lacks_is_left_out_of_the_line():
    (one,) = drawn(({"epoch": 1, "train_loss": 2.0}, {"epoch": 2}, {"epoch": 3, "train_loss": 1.0}))
    assert one.series[0].points == ((1, 2.0), (3, 1.0))


def test_losses_begin_at_zero_and_the_kept_epoch_is_marked():
    loss, share = drawn(FULL, best_epoch=3)
    assert loss.up.low == 0
    assert loss.uprights == share.uprights == (3.0,)
    html = page(FULL, best_epoch=3)
    assert html.count('class="chart drawn"') == 2
    assert "The upright line marks the epoch that was kept." in html


def test_the_text_alternative_says_what_the_lines_do():
    label = re.search(r'role="img" aria-label="(Loss[^"]*)"', page(FULL, best_epoch=3))
    assert label is not None
    assert label[1] == "Loss by epoch: Dev loss from 1.500 to 0.500 and Training loss from 2.000 to 0.667"
    chinese = page(FULL, best_epoch=3, language="zh")
    assert "各轮损失: 开发集损失从 1.500 到 0.500，训练损失从 2.000 到 0.667" in chinese


def test_one_epoch_is_a_point_and_is_told_as_one():
    assert drawn(FULL[:1])[0].alternative == "Loss by epoch: Dev loss 1.500 and Training loss 2.000"
    assert page(FULL[:1], best_epoch=1).count('class="chart drawn"') == 2


@pytest.mark.parametrize("curve", [(), ({"epoch": 1},), ({"epoch": 1, "train_loss": 2.0}, {"epoch": 2})])
def test_a_curve_with_little_in_it_makes_a_page_without_empty_charts(curve):
    html = page(curve)
    assert html.count('class="chart drawn"') == len(drawn(curve))
    assert "upright line" not in html


def test_the_table_has_every_key_of_every_row_and_names_the_known_ones():
    html = page(({"epoch": 1, "train_loss": 2.0}, {"epoch": 2, "train_loss": 1.0, "odd_thing": 7.5}))
    heads = re.findall(
        r'<th scope="col" class="n">([^<]*)</th>', html.split("<table", 1)[1].split("</table>")[0]
    )
    assert heads == ["Epoch", "Training loss", "odd thing"]
    assert "7.5000" in html


def test_a_chart_of_nothing_but_accuracy_is_called_so():
    (only,) = drawn(({"epoch": 1, "dev_accuracy": 0.5},))
    assert only.title == "Dev accuracy by epoch"
    assert drawn(FULL)[1].title == "Dev figures by epoch"
