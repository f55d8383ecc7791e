"""The words on charts and exported files, in both languages side by side."""

from __future__ import annotations

TEXTS: dict[str, tuple[str, str]] = {
    "charts.epoch": ("Epoch", "轮次"),
    "charts.accuracy": ("Share of right answers", "答对的比例"),
    "charts.difference": ("Percentage points", "百分点"),
    "export.level": ("Level", "层级"),
    "export.cut": (
        "The rest was left out: a comment holds no more. All of it is in scores.json.",
        "其余从略：一条评论放不下更多内容。全部数据见 scores.json。",
    ),
}
