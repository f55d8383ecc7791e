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
    "gate.word.kept": ("kept", "未超"),
    "gate.place": ("{classifier} {level}", "{classifier}（{level}）"),
    "gate.place_label": ("{classifier} {level} for label {label}", "{classifier}（{level}，标签 {label}）"),
    "gate.finding": (
        "{place}: {verdict}. {difference} points (90 % interval {low} to {high}); of {n} texts {lost} were "
        "right and are wrong now, {won} the reverse; p {p}, corrected {p_holm}.",
        "{place}：{verdict}。差值 {difference} 个百分点（90 % 区间 {low} 至 {high}）；"
        "{n} 条文本中有 {lost} 条由对变错，{won} 条由错变对；p {p}，校正后 {p_holm}。",
    ),
    "gate.why_undecided": (
        "A loss of {margin} points or more can neither be shown nor ruled out with {n} texts.{enough}",
        "仅凭 {n} 条文本，既不能证实也不能排除 {margin} 个百分点以上的下降。{enough}",
    ),
    "gate.enough.worse": (
        " If texts go on to flip as often, some {rows} in all show the loss with a chance of 80 %.",
        "若翻转比例不变，测试集约需 {rows} 条文本，才有 80 % 的机会证实下降。",
    ),
    "gate.enough.not_worse": (
        " If texts go on to flip as often, it takes some {rows} in all to rule out a loss with a "
        "chance of 80 %.",
        "若翻转比例不变，测试集约需 {rows} 条文本，才有 80 % 的机会排除这样的下降。",
    ),
    "gate.remark": ("{place}: {said}", "{place}：{said}"),
    "gate.labels": (
        "Labels with a loss (they fail the gate only with --labels):",
        "有下降的标签（仅在使用 --labels 时才会使门禁失败）：",
    ),
    "gate.labels_checked": ("Labels with a loss (they can fail the gate):", "有下降的标签（会使门禁失败）："),
    "gate.limit.slowdown": ("speed of {classifier}", "{classifier} 的速度"),
    "gate.limit.cost_ratio": ("cost of {classifier}", "{classifier} 的费用"),
    "gate.limit.cost_per_1000": (
        "cost of {classifier} per 1,000 texts",
        "{classifier} 每 1,000 条文本的费用",
    ),
    "gate.limit_sentence.slowdown": (
        "{place}: limit {verdict}. {now} texts/s, before {before}; allowed: {most} times as slow."
        "{conditions}",
        "{place}：限制{verdict}。每秒 {now} 条，此前 {before} 条；最多可慢到 {most} 倍。{conditions}",
    ),
    "gate.limit_sentence.cost_ratio": (
        "{place}: limit {verdict}. {now} per 1,000 texts, before {before}; allowed: {most} times as much.",
        "{place}：限制{verdict}。每 1,000 条文本 {now}，此前 {before}；最多可为 {most} 倍。",
    ),
    "gate.limit_sentence.cost_per_1000": (
        "{place}: limit {verdict}. {now}; allowed: {most}.",
        "{place}：限制{verdict}。{now}；上限 {most}。",
    ),
    "gate.limit_unknown.speed": (
        "{place}: cannot be checked: the speed of one of the two runs is unknown, as it answered nothing "
        "live.",
        "{place}：无法检查：两次运行中有一次的速度未知，因为它没有实时回答。",
    ),
    "gate.limit_unknown.cost": (
        "{place}: cannot be checked: the cost is unknown; set machine_usd_per_hour under [compare] and run "
        "`harness report`.",
        "{place}：无法检查：费用未知；请在 [compare] 下设置 machine_usd_per_hour，再运行 `harness report`。",
    ),
    "gate.limit_unknown.cost_before": (
        "{place}: cannot be checked: the cost of the baseline is unknown; make the baseline again from a run "
        "whose cost is known.",
        "{place}：无法检查：基线的费用未知；请用费用已知的运行重新生成基线。",
    ),
    "gate.conditions": (
        " Not measured alike: {now}, before {before}.",
        "测量条件不同：{now}，此前 {before}。",
    ),
    "gate.condition": ("{device}, {concurrency} at once", "{device}，并发 {concurrency}"),
    "gate.missing.now": (
        "{classifier} has not answered {rows} texts of this run",
        "{classifier} 在本次运行中有 {rows} 条文本未回答",
    ),
    "gate.missing.before": (
        "{classifier} has not answered {rows} texts of the baseline",
        "{classifier} 在基线中有 {rows} 条文本未回答",
    ),
    "gate.requests_failed.now": (
        "the requests of {classifier} failed on every attempt for {rows} texts of this run",
        "{classifier} 在本次运行中有 {rows} 条文本的请求在所有尝试后仍失败",
    ),
    "gate.requests_failed.before": (
        "the requests of {classifier} failed on every attempt for {rows} texts of the baseline",
        "{classifier} 在基线中有 {rows} 条文本的请求在所有尝试后仍失败",
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
    "gate.cut": (
        "The rest was left out: a comment holds no more. `--junit FILE` writes all of it.",
        "其余从略：一条评论放不下更多内容。用 `--junit FILE` 可写出全部内容。",
    ),
    "gate.more": ("and {count} more", "另有 {count} 条"),
    "gate.column.what": ("What", "项目"),
    "gate.column.verdict": ("Verdict", "结论"),
    "gate.column.difference": ("Points", "百分点"),
    "gate.column.interval": ("90 % interval", "90 % 区间"),
    "gate.column.lost": ("Lost", "由对变错"),
    "gate.column.won": ("Won", "由错变对"),
    "gate.column.n": ("Texts", "文本数"),
    "gate.column.p": ("p, corrected", "校正后 p"),
    "gate.column.id": ("Id", "编号"),
    "gate.column.level": ("Level", "层级"),
    "gate.column.text": ("Text", "文本"),
    "gate.column.gold": ("Gold", "标准"),
    "gate.column.before": ("Before", "此前"),
    "gate.column.now": ("Now", "现在"),
}
