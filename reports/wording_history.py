"""The words on earlier runs, in both languages side by side."""

from __future__ import annotations

TEXTS: dict[str, tuple[str, str]] = {
    "history.title": ("Runs side by side", "历次运行对比"),
    "history.lead": (
        "{runs} on {sets}, the newest first. Only runs on the same test set can be compared, "
        "so each test set has a part of its own. A small difference between two runs may be chance: see the "
        "intervals.",
        "共 {runs}、{sets}，最新的在前。只有同一测试集上的运行才可比较，因此按测试集"
        "分开列出。两次运行之间的小差异可能只是偶然，请看区间。",
    ),
    "history.set": ("{rows} texts, {runs}.", "{rows} 条文本，{runs}。"),
    "history.run_n": ("{n} run", "{n} 次运行"),
    "history.runs_n": ("{n} runs", "{n} 次运行"),
    "history.set_n": ("{n} test set", "{n} 个测试集"),
    "history.sets_n": ("{n} test sets", "{n} 个测试集"),
    "history.first": (
        "One run so far; the trend appears with the second.",
        "目前只有一次运行，第二次运行后显示趋势。",
    ),
    "history.test": ("Test set", "测试集"),
    "history.caption": ("Runs of {name}", "{name} 的各次运行"),
    "history.run": ("Started, UTC", "开始时间（UTC）"),
    "history.change": ("Since the run before, points", "较上次（百分点）"),
    "history.changed": ("changed: {keys}", "有变动：{keys}"),
    "history.accuracy": ("Accuracy {where}, with its 95 % interval", "{where}准确率及其 95 % 区间"),
    "history.cost": ("Cost per 1,000 texts", "每 1,000 条的费用"),
    "history.speed": ("Texts per second", "每秒文本数"),
    "history.across": ("Runs, the oldest first, UTC", "各次运行，由旧到新（UTC）"),
    "history.told": (
        "{name} from {first} to {last} over {n} runs",
        "{name} 在 {n} 次运行中从 {first} 到 {last}",
    ),
    "history.told_once": ("{name} {last} in one run", "{name} 一次运行 {last}"),
    "history.not_drawn": (
        "The trends of {n} older test sets are not drawn; their figures are in the tables.",
        "另有 {n} 个较早的测试集未画趋势图，数据见表格。",
    ),
    "history.problems": ("Runs without figures", "没有结果的运行"),
    "history.unfinished": ("not finished", "未完成"),
    "history.damaged": (
        "scores.json cannot be read; make it again with `harness report`",
        "scores.json 无法读取，可用“harness report”重新生成",
    ),
}
