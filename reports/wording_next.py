"""The words of the first screen that lead on: what to do next, and on what that rests, in both languages."""

from __future__ import annotations

TEXTS: dict[str, tuple[str, str]] = {
    "next.title": ("What to do next", "下一步"),
    "next.join": (" ", ""),
    "choice.accuracy_at": (
        "{name} is the most accurate {where}, by more than chance explains; {elsewhere} none is shown to be "
        "better by anything that matters.",
        "就{where}而言，{name} 最准确，领先幅度超出偶然；就{elsewhere}而言，没有证据表明有谁比它好到有意义的"
        "程度。",
    ),
    "choice.accuracy_in_turn": (
        "{name} comes first: each of the others is surely less accurate at one level, and none is shown to "
        "be better at the other by anything that matters.",
        "首选 {name}：其余各个都在某一级明确不如它，且没有证据表明在另一级比它好到有意义的程度。",
    ),
    "choice.level_decides": (
        "Which level matters to you decides: {first} {first_where}, {last} {last_where}.",
        "取决于您看重哪一级：{first_where}选 {first}，{last_where}选 {last}。",
    ),
    "problem.cut": (
        "{classifier} read only the first {max_length} tokens of {share} of the texts; the rest was cut.",
        "有 {share} 的文本，{classifier} 只读了前 {max_length} 个 token，其余被截断。",
    ),
    "next.read_more": (
        "Train {name} again with a larger max_length (now {max_length}): it did not see the end of {share} "
        "of the texts.",
        "把 {name} 的 max_length（现为 {max_length}）调大后重新训练：{share} 的文本没有读完。",
    ),
    "next.take": ("Of these {n}, take {name}.", "这 {n} 个中选 {name}。"),
    "next.take_read": (
        "Of these {n}, take {name}. It still gets {wrong} of the whole paths wrong: read them before it goes "
        "live.",
        "这 {n} 个中选 {name}；但它的完整路径仍有 {wrong} 是错的，上线前请先看错例。",
    ),
    "next.take_read.only": (
        "Of these {n}, take {name}. It still gets {wrong} of the texts wrong: read them before it goes live.",
        "这 {n} 个中选 {name}；但它仍答错 {wrong} 的文本，上线前请先看错例。",
    ),
    "next.take_if_worth": (
        "Take {name} if its lead of {difference} points over {other} {where} is worth {usd} instead of "
        "{other_usd} per 1,000 texts; if not, take {other}.",
        "{where}，{name} 领先 {other} {difference} 个百分点，但每 1,000 条要 {usd}，后者只要 {other_usd}："
        "值得就选 {name}，不值得就选 {other}。",
    ),
    "next.equivalent": (
        "Take whichever of {candidates} suits you better in other ways.",
        "{candidates} 中任选更合适的一个。",
    ),
    "next.equivalent.cheapest": (
        "Take {name}: it is the cheapest of them ({usd} per 1,000 texts).",
        "选用 {name}：其中它最便宜（每 1,000 条 {usd}）。",
    ),
    "next.equivalent.fastest": (
        "Take {name}: it is the fastest of them ({rate} texts/s).",
        "选用 {name}：其中它最快（{rate} 条/秒）。",
    ),
    "next.undecided": (
        "To decide, label more test texts and compare again.",
        "要分出高下，请标注更多测试文本再比较。",
    ),
    "next.undecided.rows": (
        "To decide, compare again on some {rows} test texts; these were {now}.",
        "要分出高下，请用大约 {rows} 条测试文本再比较；这次是 {now} 条。",
    ),
    "next.until_then": ("Until then, any of {candidates} will do.", "在此之前，{candidates} 任选其一即可。"),
    "next.until_then.cheapest": (
        "Until then take {name}, the cheapest of them ({usd} per 1,000 texts).",
        "在此之前选用其中最便宜的 {name}（每 1,000 条 {usd}）。",
    ),
    "next.until_then.fastest": (
        "Until then take {name}, the fastest of them ({rate} texts/s).",
        "在此之前选用其中最快的 {name}（{rate} 条/秒）。",
    ),
    "next.until_then.unbeaten": (
        "Until then take {name}: none is surely better.",
        "在此之前选用 {name}：没有谁明确胜过它。",
    ),
    "next.until_then.level": (
        "Until then, settle which level matters to you.",
        "在此之前，请先确定哪一级对您重要。",
    ),
    "next.levels_differ": (
        "Settle which level matters to you; that decides between {candidates}.",
        "先确定哪一级对您重要，再在 {candidates} 中选择。",
    ),
    "next.alone": (
        "Add a second classifier to the experiment to have something to compare with.",
        "在实验中再加一个分类器，才有得比较。",
    ),
    "next.mend": ("Mend what is said above, then compare again.", "先解决上面所说的问题，再重新比较。"),
    "next.small_llm": (
        "Put a real LLM in: {name} is only a demonstration model (set model and base_url under "
        "[classifiers.{name}]).",
        "换上真正的大模型：{name} 只是演示模型（在 [classifiers.{name}] 下设置 model 和 base_url）。",
    ),
    "next.cascade.more_accurate": (
        "More accurate still: let {first} answer everything and send the {share} it is least sure about to "
        "{second} ({accuracy} right {where}).",
        "还能更准：全部由 {first} 先答，把它最没有把握的 {share} 交给 {second}（{where}准确率 {accuracy}）。",
    ),
    "next.cascade.as_accurate": (
        "Cheaper and as accurate within {margin} points: let {first} answer everything and send the {share} "
        "it is least sure about to {second} ({usd} per 1,000 texts).",
        "在 {margin} 个百分点以内同样准而更便宜：全部由 {first} 先答，把它最没有把握的 {share} 交给 {second}"
        "（每 1,000 条 {usd}）。",
    ),
    "next.labels": (
        "Review the doubtful test labels, {agreed} of them doubted by at least two classifiers.",
        "复查可疑的测试标签，其中 {agreed} 个受到至少两个分类器的质疑。",
    ),
    "next.machine_price": (
        "To know what the local models cost, set machine_usd_per_hour under [compare].",
        "要知道本地模型的成本，请在 [compare] 下设置 machine_usd_per_hour。",
    ),
    "page.why": ("What this rests on", "依据"),
    "card.took": ("{n} texts in {time}", "{n} 条用时 {time}"),
    "card.cost_short": ("Cost", "成本"),
    "card.per_1000": ("per 1,000 texts", "每 1,000 条"),
    "next.see_wrong": ("Read the texts that went wrong", "查看答错的文本"),
}
