"""The words on intervals, hierarchy and pairs, in both languages side by side."""

from __future__ import annotations

TEXTS: dict[str, tuple[str, str]] = {
    "statistics.corrected": (
        "On its own this pair would count as decided, but not as one of {pairs} compared at once.",
        "单看这一对可以下结论，但同时比较 {pairs} 对时还不足以下结论。",
    ),
    "statistics.few_discordant": (
        "The interval leaves 0 out, but fewer than {few} texts tell the two apart; then the exact test has "
        "to agree, and it does not.",
        "区间虽不含 0，但能区分两者的文本不足 {few} 条，此时还须精确检验也成立，而它不成立。",
    ),
    "statistics.decide.difference": (
        "If the difference stays as it is, some {rows} texts would confirm it.",
        "如果差距保持不变，大约 {rows} 条文本可以证实它。",
    ),
    "statistics.decide.equivalence": (
        "If the difference stays as it is, some {rows} texts would show that the two are equivalent "
        "within {margin} points.",
        "如果差距保持不变，大约 {rows} 条文本可以证明两者在 {margin} 个百分点以内等效。",
    ),
    "choice.undecided_rows": (
        "Not decided: {rows} texts do not tell {candidates} apart. Some {needed} texts would decide it, if "
        "the differences stay as they are.",
        "暂无定论：{rows} 条文本分不出 {candidates} 的高下；若差距不变，约需 {needed} 条才能判定。",
    ),
    "statistics.weighted_f1": ("Weighted F1", "加权 F1"),
    "statistics.f1_note": (
        "Weighted F1 counts each label by its number of texts. The intervals of both are 95 % bootstrap "
        "intervals (BCa, {resamples} resamples of the texts); where there is none, drawing the texts "
        "again changes nothing.",
        "加权 F1 按各标签的文本数加权。两者的区间是 95 % 自助法区间（BCa，对文本重抽样 {resamples} 次）；"
        "没有列出区间的，是因为重抽样不会改变结果。",
    ),
    "statistics.labels_note": (
        "Beneath each figure stands its 95 % interval (Wilson). Precision counts the texts that were "
        "given the label, recall those that have it.",
        "各数字下方是 95 % 区间（Wilson）。精确率以被打上该标签的文本为基数，召回率以属于该标签的文本为基"
        "数。",
    ),
    "statistics.hierarchy.title": ("How near the wrong answers are", "错得有多远"),
    "statistics.hierarchy.lead": (
        "A wrong label in the right branch is nearer to the truth than one in another branch. "
        "Hierarchical F1 compares the whole paths label by label; the last columns count, for the paths "
        "that are not right, the level at which they first go wrong.",
        "分支对而标签错，比分支也错更接近真实答案。层级 F1 逐个标签比较整条路径；最后几列统计不正确的路径"
        "最先在哪一级出错。",
    ),
    "statistics.hierarchy.caption": (
        "Hierarchical precision, recall and F1, and the level where paths first go wrong",
        "层级精确率、召回率与 F1，以及路径最先出错的级别",
    ),
    "statistics.hierarchy.precision": ("Precision", "精确率"),
    "statistics.hierarchy.recall": ("Recall", "召回率"),
    "statistics.hierarchy.f1": ("Hierarchical F1", "层级 F1"),
    "statistics.hierarchy.consistent": ("Whole path answered", "给出完整路径"),
    "statistics.hierarchy.first_wrong": ("Wrong from level {level}", "从第 {level} 级起出错"),
    "statistics.hierarchy.no_answer": ("of them {n} without an answer", "其中 {n} 条无回答"),
    "statistics.pairs.holm": ("p, corrected", "校正后的 p"),
    "statistics.pairs.macro_f1": ("Macro-F1, difference", "宏平均 F1 之差"),
    "statistics.pairs.wrong_same": ("{n} alike", "{n} 条错得相同"),
    "statistics.pairs.neither_answered": ("{n} without an answer", "{n} 条都无回答"),
    "statistics.pairs.rows_difference": ("some {rows} texts would confirm it", "约 {rows} 条可证实差距"),
    "statistics.pairs.rows_equivalence": (
        "some {rows} texts would show equivalence",
        "约 {rows} 条可证明等效",
    ),
    "statistics.pairs.note": (
        "p is McNemar’s exact test, corrected after Holm for the {pairs} pairs at this level; the "
        "verdict rests on Tango’s score tests with the same correction, so it holds over all pairs; where "
        "fewer than {few} texts tell two apart, “better” needs the exact test as well. The "
        "interval is that of each pair alone. How many texts would decide: with a power of 80 %, if the "
        "differences stay as they are.",
        "p 来自 McNemar 精确检验，并按 Holm 方法对本级的 {pairs} 对比较作了校正；结论依据同样校正过的 "
        "Tango 得分检验，因此对所有对同时成立；能区分两者的文本不足 {few} 条时，“更好”还须精确检验也成立。"
        "区间是每一对单独的区间。所需条数按 80 % 的检验功效、差距保"
        "持不变估算。",
    ),
    "statistics.pairs.note_one": (
        "With a single pair there is nothing to correct for: the verdict is “better” where the 95 % "
        "interval leaves 0 out (and, where fewer than {few} texts tell the two apart, the exact test "
        "agrees), “equivalent” where the 90 % interval lies inside the margin. How many "
        "texts would decide: with a power of 80 %, if the difference stays as it is.",
        "只有一对，无需校正：95 % 区间不含 0 即为“更好”（能区分两者的文本不足 {few} 条时，还须精确检验也成"
        "立），90 % 区间落在界限内即为“等效”。所需条数按 80 % "
        "的检验功效、差距保持不变估算。",
    ),
    "statistics.pairs.examples": ("{a} against {b}: examples", "{a} 对 {b}：示例"),
    "statistics.pairs.examples_of_some": (
        "Examples are shown for {shown} of the {pairs} pairs, those of the verdict first; scores.json names "
        "texts for all of them.",
        "此处只给出 {pairs} 对中 {shown} 对的示例，结论所涉及的优先；其余各对的示例文本编号见 scores.json。",
    ),
    "statistics.pairs.only_right": ("Only {name} right", "只有 {name} 答对"),
    "statistics.pairs.wrong_same_title": ("Both wrong, with the same answer", "都错，且答案相同"),
    "statistics.pairs.wrong_differently_title": ("Both wrong, with different answers", "都错，但答案不同"),
    "statistics.pairs.unlike_ids": ("Asked of {name} only: {ids}", "只问了 {name}：{ids}"),
    "statistics.pairs.more_ids": ("and {n} more", "另有 {n} 条"),
}
