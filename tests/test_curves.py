"""The curve of a training: what is drawn, on which axis, and that a poor curve still makes a page."""

import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from classifiers.contract import Training
from reports.charts import counting_axis, loss_axis, part_axis
from reports.curves import panels
from reports.page import render
from reports.scores import score
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


def drawn(curve):
    return {panel.kind: [line.key for line in panel.lines] for panel in panels(curve)}


@pytest.mark.parametrize(
    ("curve", "expected"),
    [
        (FULL, {"loss": ["dev_loss", "train_loss"], "share": ["dev_accuracy", "dev_macro_f1"]}),
        (({"epoch": 1, "train_loss": 2.0},), {"loss": ["train_loss"]}),
        (({"epoch": 1, "dev_accuracy": 0.5},), {"share": ["dev_accuracy"]}),
        (
            ({"epoch": 1, "train_loss": 2.0, "dev_perplexity": 7.5, "learning_rate": 0.1},),
            {"loss": ["train_loss"]},
        ),
        (({"epoch": 1, "train_loss": float("nan")},), {}),
        (({"epoch": 1},), {}),
        ((), {}),
    ],
)
def test_losses_and_shares_are_drawn_apart_and_what_is_neither_is_not(curve, expected):
    assert drawn(curve) == expected


def test_a_figure_that_an_epoch_lacks_is_left_out_of_the_line():
    (panel,) = panels(({"epoch": 1, "train_loss": 2.0}, {"epoch": 2}, {"epoch": 3, "train_loss": 1.0}))
    assert panel.lines[0].points == ((1, 2.0), (3, 1.0))


def test_the_marks_stand_where_the_figures_say():
    html = page(FULL, best_epoch=3)
    assert html.count('class="chart curve"') == 2
    # dev loss 1.5, 0.75, 0.5 on an axis from 0 to 2
    assert '<line x1="0.00%" y1="25.00%" x2="50.00%" y2="62.50%"/>' in html
    assert '<line x1="50.00%" y1="62.50%" x2="100.00%" y2="75.00%"/>' in html
    assert html.count('<line class="dashed" x1="100.00%" x2="100.00%"') == 2
    assert "The upright line marks the epoch that was kept." in html


def test_the_text_alternative_says_what_the_lines_do():
    label = re.search(r'role="img" aria-label="(Loss[^"]*)"', page(FULL, best_epoch=3))
    assert label is not None
    assert label[1] == "Loss by epoch: Dev loss from 1.500 to 0.500 and Training loss from 2.000 to 0.667"
    chinese = page(FULL, best_epoch=3, language="zh")
    assert "各轮损失: 开发集损失从 1.500 到 0.500，训练损失从 2.000 到 0.667" in chinese


def test_one_epoch_is_a_point_in_the_middle():
    html = page(FULL[:1], best_epoch=1)
    plot = html.split('role="img"', 1)[1].split("</figure>", 1)[0]
    assert '<svg x="50.00%"' in plot
    assert 'aria-label="Loss by epoch: Dev loss 1.500 and Training loss 2.000"' in html
    assert '<line x1="' not in plot.split('<p class="legend"', 1)[0]


@pytest.mark.parametrize("curve", [(), ({"epoch": 1},), ({"epoch": 1, "train_loss": 2.0}, {"epoch": 2})])
def test_a_curve_with_little_in_it_makes_a_page_without_empty_charts(curve):
    html = page(curve)
    assert html.count('class="chart curve"') == len(panels(curve))
    assert "upright line" not in html


def test_the_table_has_every_key_of_every_row_and_names_the_known_ones():
    html = page(({"epoch": 1, "train_loss": 2.0}, {"epoch": 2, "train_loss": 1.0, "odd_thing": 7.5}))
    heads = re.findall(
        r'<th scope="col" class="n">([^<]*)</th>', html.split("<table", 1)[1].split("</table>")[0]
    )
    assert heads == ["Epoch", "Training loss", "odd thing"]
    assert "7.5000" in html


@given(st.lists(st.floats(0, 1), min_size=1, max_size=9))
def test_the_axis_of_dev_figures_holds_them_all_with_few_ticks_of_whole_percent(shares):
    axis = part_axis(shares)
    assert 0 <= axis.low < axis.high <= 1
    assert axis.low <= min(shares) + 1e-9
    assert axis.high >= max(shares) - 1e-9
    assert 2 <= len(axis.ticks) <= 8
    assert all(abs(100 * tick - round(100 * tick)) < 1e-6 for tick in axis.ticks)


@given(st.lists(st.floats(0, 1e6), min_size=1, max_size=9))
def test_the_axis_of_losses_begins_at_zero_and_holds_them_all(losses):
    axis = loss_axis(losses)
    assert axis.low == 0
    assert axis.high >= max(losses) * (1 - 1e-9)
    assert 2 <= len(axis.ticks) <= 8


@given(st.lists(st.integers(1, 500), min_size=1, max_size=9))
def test_the_axis_of_epochs_holds_them_all_and_no_more_ticks_than_fit(epochs):
    axis = counting_axis(epochs)
    assert axis.low <= min(epochs) <= max(epochs) <= axis.high
    assert 1 <= len(axis.ticks) <= 12
