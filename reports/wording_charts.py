"""The words on charts and exported files, in both languages side by side."""

from __future__ import annotations

TEXTS: dict[str, tuple[str, str]] = {
    "charts.epoch": ("Epoch", "轮次"),
    "charts.accuracy": ("Share of right answers", "答对的比例"),
    "charts.accuracy_floor": (
        "Share of right answers; dashed: the most frequent label, {value}",
        "答对的比例；虚线：总答最常见标签，{value}",
    ),
    "charts.difference": (
        "Percentage points; shaded: the margin of {margin}",
        "百分点；色带：{margin} 个百分点的界限",
    ),
    "training.dev_accuracy": ("Dev accuracy by epoch", "各轮开发集准确率"),
    "results.f1_caption": ("Macro-F1 and weighted F1", "宏平均与加权 F1"),
    "failures.nothing": (
        "Every classifier answered all {rows} texts.",
        "每个分类器都回答了全部 {rows} 条文本。",
    ),
    "export.level": ("Level", "层级"),
    "export.cut": (
        "The rest was left out: a comment holds no more. All of it is in scores.json.",
        "其余从略：一条评论放不下更多内容。全部数据见 scores.json。",
    ),
}
