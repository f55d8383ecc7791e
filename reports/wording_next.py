"""The words of the first screen that lead on: what to do next, and on what that rests, in both languages."""

from __future__ import annotations

TEXTS: dict[str, tuple[str, str]] = {
    "next.title": ("What to do next", "下一步"),
    "next.join": (" ", ""),
    "next.take": ("Take {name}.", "选用 {name}。"),
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
    "next.until_then": ("Until then, any of {candidates} will do.", "在此之前，{candidates} 任选其一即可。"),
    "next.until_then.cheapest": (
        "Until then take {name}, the cheapest of them ({usd} per 1,000 texts).",
        "在此之前选用其中最便宜的 {name}（每 1,000 条 {usd}）。",
    ),
    "next.until_then.fastest": (
        "Until then take {name}, the fastest of them ({rate} texts/s).",
        "在此之前选用其中最快的 {name}（{rate} 条/秒）。",
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
        "Set an LLM that you would really use against it: name it in the experiment file.",
        "请在实验文件中换上真正打算使用的大模型再比较。",
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
