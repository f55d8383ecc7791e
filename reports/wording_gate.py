"""The words on the gate, in both languages side by side."""

from __future__ import annotations

TEXTS: dict[str, tuple[str, str]] = {
    "gate.title": ("Gate: {run} against {baseline}", "门禁：{run} 对比 {baseline}"),
    "gate.worse": ("Worse than the baseline: {what}.", "比基线差：{what}。"),
    "gate.undecided": ("Not decided: {what}.", "尚无定论：{what}。"),
    "gate.not_worse": (
        "Not worse than the baseline at any level, by a margin of {margin} points.",
        "在所有层级上都不比基线差（容许差距 {margin} 个百分点）。",
    ),
    "gate.word.worse": ("worse", "变差"),
    "gate.word.undecided": ("undecided", "未定"),
    "gate.word.not_worse": ("not worse", "不差"),
    "gate.word.no_alarm": ("no sure loss", "无确定的下降"),
    "gate.word.exceeded": ("exceeded", "超出"),
    "gate.word.unknown": ("not known", "未知"),
    "gate.word.kept": ("kept", "未超"),
    "gate.place": ("{classifier} {level}", "{classifier}（{level}）"),
    "gate.place_label": ("{classifier} {level} for label {label}", "{classifier}（{level}，标签 {label}）"),
    "gate.finding": (
        "{place}: {verdict}. {difference} points (90 % interval {low} to {high}); of {n} apps {lost} were "
        "right and are wrong now, {won} the reverse; p = {p}, corrected {p_holm}.",
        "{place}：{verdict}。差值 {difference} 个百分点（90% 区间 {low} 至 {high}）；"
        "{n} 个应用中有 {lost} 个由对变错，{won} 个由错变对；p = {p}，校正后 {p_holm}。",
    ),
    "gate.why_undecided": (
        "A loss of {margin} points or more can neither be shown nor ruled out with {n} apps.",
        "仅凭 {n} 个应用，既不能证实也不能排除 {margin} 个百分点以上的下降。",
    ),
    "gate.labels": (
        "Labels with a loss (they fail the gate only with --labels):",
        "有下降的标签（仅在使用 --labels 时才会使门禁失败）：",
    ),
    "gate.labels_checked": ("Labels with a loss (they can fail the gate):", "有下降的标签（会使门禁失败）："),
    "gate.limit.slowdown": ("speed of {classifier}", "{classifier} 的速度"),
    "gate.limit.cost_ratio": ("cost of {classifier}", "{classifier} 的费用"),
    "gate.limit.cost_per_1000": (
        "cost of {classifier} per 1,000 apps",
        "{classifier} 每 1,000 个应用的费用",
    ),
    "gate.limit_sentence.slowdown": (
        "{place}: limit {verdict}. {now} items/s, before {before}; allowed: {most} times as slow."
        "{conditions}",
        "{place}：限制{verdict}。每秒 {now} 条，此前 {before} 条；最多可慢到 {most} 倍。{conditions}",
    ),
    "gate.limit_sentence.cost_ratio": (
        "{place}: limit {verdict}. {now} per 1,000 apps, before {before}; allowed: {most} times as much.",
        "{place}：限制{verdict}。每 1,000 个应用 {now}，此前 {before}；最多可为 {most} 倍。",
    ),
    "gate.limit_sentence.cost_per_1000": (
        "{place}: limit {verdict}. {now}; allowed: {most}.",
        "{place}：限制{verdict}。{now}；上限 {most}。",
    ),
    "gate.conditions": (
        " Not measured alike: {now}, before {before}.",
        "测量条件不同：{now}，此前 {before}。",
    ),
    "gate.condition": ("{device}, {concurrency} at once", "{device}，并发 {concurrency}"),
    "gate.missing.now": (
        "{classifier} has not answered {rows} apps of this run",
        "{classifier} 在本次运行中有 {rows} 个应用未回答",
    ),
    "gate.missing.before": (
        "{classifier} has not answered {rows} apps of the baseline",
        "{classifier} 在基线中有 {rows} 个应用未回答",
    ),
    "gate.leakage.now": (
        "test texts of this run stand in its training or dev data",
        "本次运行的测试文本出现在训练集或开发集中",
    ),
    "gate.leakage.before": (
        "test texts of the baseline stand in its training or dev data",
        "基线的测试文本出现在训练集或开发集中",
    ),
    "gate.unchecked.now": (
        "Not in the baseline, so not checked: {names}.",
        "基线中没有，故未检查：{names}。",
    ),
    "gate.unchecked.before": (
        "Only in the baseline, so not checked: {names}.",
        "仅在基线中，故未检查：{names}。",
    ),
    "gate.lost": (
        "{classifier}: right before, wrong now ({count})",
        "{classifier}：由对变错（{count}）",
    ),
    "gate.won": (
        "{classifier}: wrong before, right now ({count})",
        "{classifier}：由错变对（{count}）",
    ),
    "gate.flip": (
        "{id} {level}: {before} -> {now}, gold {gold}: {text}",
        "{id}（{level}）：{before} -> {now}，标准 {gold}：{text}",
    ),
    "gate.more": ("and {count} more", "另有 {count} 个"),
    "gate.column.what": ("What", "项目"),
    "gate.column.verdict": ("Verdict", "结论"),
    "gate.column.difference": ("Points", "百分点"),
    "gate.column.interval": ("90 % interval", "90% 区间"),
    "gate.column.lost": ("Lost", "由对变错"),
    "gate.column.won": ("Won", "由错变对"),
    "gate.column.n": ("Apps", "应用数"),
    "gate.column.p": ("p, corrected", "校正后 p"),
    "gate.column.id": ("Id", "编号"),
    "gate.column.level": ("Level", "层级"),
    "gate.column.text": ("Text", "文本"),
    "gate.column.gold": ("Gold", "标准"),
    "gate.column.before": ("Before", "此前"),
    "gate.column.now": ("Now", "现在"),
}
