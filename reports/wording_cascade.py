"""The words on sending only the unsure texts to another classifier, in both languages side by side."""

from __future__ import annotations

TEXTS: dict[str, tuple[str, str]] = {
    "cascade.title": ("Two classifiers, one after the other", "两个分类器串联"),
    "cascade.lead": (
        "The first classifier answers every text. Only the texts it is least sure about go to the "
        "second. “Sure” "
        "is the probability that the first gives to its whole path; a text without an answer is always sent.",
        "第一个分类器回答每一条文本，只把它最没有把握的交给第二个。“把握”是第一个分类器给完整路径的概率；没有"
        "回答的文本一律转交。",
    ),
    "cascade.how": (
        "How the figures stay honest: nine tenths of the texts choose the pair and the threshold that "
        "get most "
        "right, the remaining tenth measures them, ten times over, so that no text takes part in the "
        "choice it is "
        "counted in; the dev set was not answered in this run, so the test set is divided instead.",
        "如何保证数字可信：用十分之九的文本选出答对最多的组合和阈值，用剩下的十分之一来测，如此轮换十次"
        "，任何文"
        "本都不参与它自己被计入的那次选择；本次运行没有在开发集上作答，因此改为划分测试集。",
    ),
    "cascade.none": (
        "There are fewer than two classifiers with a complete set of answers, so nothing can be sent on.",
        "给出完整回答的分类器不足两个，无从串联。",
    ),
    # the recommendation
    "cascade.more_accurate": (
        "More accurate together: let {first} answer everything and send the {share} it is least sure about "
        "(probability below {threshold}) to {second}. That gets {accuracy} right {where}, surely more than "
        "{singles} alone.",
        "串联更准：全部由 {first} 先答，把它最没有把握的 {share}（概率低于 {threshold}）交给 {second}。"
        "这样{where}准"
        "确率为 {accuracy}，明确高于单独使用 {singles}。",
    ),
    "cascade.as_accurate": (
        "As accurate as the best single system within {margin} points, or more: let {first} answer "
        "everything and send the {share} it "
        "is least "
        "sure about (probability below {threshold}) to {second}. That gets {accuracy} right {where}, "
        "surely more "
        "than {first} alone; {singles}. Worth it where it saves money or time.",
        "在 {margin} 个百分点以内不逊于最好的单个系统：全部由 {first} 先答，把它最没有把握的 {share}（概"
        "率低于 {threshold}）交给 "
        "{second}。这样{where}准确率为 {accuracy}，明确高于单独使用 {first}；{singles}。能省钱或省时就值得。",
    ),
    "cascade.undecided": (
        "Not decided: letting {first} answer everything and sending the {share} it is least sure about "
        "(probability below {threshold}) to {second} gets {accuracy} right {where}, surely more than {first} "
        "alone, but {rows} texts do not decide whether it is as good as the best single system: {singles}.",
        "未定：全部由 {first} 先答，把它最没有把握的 {share}（概率低于 {threshold}）交给 {second}，{where}准"
        "确率为 {accuracy}，明确高于单独使用 {first}；但 {rows} 条文本不足以判断它是否不逊于最好的单个系统："
        "{singles}。",
    ),
    "cascade.trade_off": (
        "No recommendation: {first} with {second} for the {share} it is least sure about gets "
        "{accuracy} right "
        "{where}, more than {first} alone but surely less than the best single system: {singles}.",
        "不作推荐：{first} 把最没有把握的 {share} 交给 {second}，{where}准确率为 {accuracy}，高于单独使用 "
        "{first}，但明确低于最好的单个系统：{singles}。",
    ),
    "cascade.no_gain": (
        "Not worth it: {first} with {second} for the {share} it is least sure about gets {accuracy} right "
        "{where}, and it is not shown that this beats {first} alone ({alone}) by anything that matters.",
        "不值得：{first} 把最没有把握的 {share} 交给 {second}，{where}准确率为 {accuracy}，没有证据表明"
        "它比单独"
        "使用 {first}（{alone}）好到有意义的程度。",
    ),
    "cascade.none_sent": (
        "Not worth it: no share sent to {second} gets more right than {first} alone ({alone}).",
        "不值得：无论把多少文本交给 {second}，都不比单独使用 {first}（{alone}）答对得更多。",
    ),
    "cascade.all_sent": (
        "Not worth it: most is right when every text goes to {second}; that asking {first} as well gains "
        "anything is not shown.",
        "不值得：全部交给 {second} 时答对最多，没有证据表明再问 {first} 有好处。",
    ),
    "cascade.fallback": (
        "As a fallback: let {second} answer everything and use {first} only in the {kept} texts where "
        "{second} gives no answer. That gets {accuracy} right {where}, surely more than {second} alone; "
        "{singles}.",
        "用作后备：全部由 {second} 回答，只在 {second} 没有回答的 {kept} 条文本上采用 {first} 的回答。"
        "这样{where}准确率为 {accuracy}，明确高于单独使用 {second}；{singles}。",
    ),
    "cascade.invalid": (
        "No recommendation: this comparison is not valid.",
        "不作推荐：本次比较无效。",
    ),
    "cascade.nothing": (
        "There is no pair to recommend anything about.",
        "没有可供推荐的组合。",
    ),
    "cascade.single": ("{name} ({accuracy})", "{name}（{accuracy}）"),
    "cascade.against": (
        "{name} alone {accuracy}, difference {difference} points (95 % interval {low} to {high})",
        "单独使用 {name} 为 {accuracy}，差 {difference} 个百分点（95 % 区间 {low} 至 {high}）",
    ),
    "cascade.kept": (
        "In {n} texts {second} gave no answer; there the answer of {first} stays when they are sent.",
        "有 {n} 条文本 {second} 没有回答；转交后仍保留 {first} 的回答。",
    ),
    "cascade.unlike_folds": (
        "The choice is not settled: in {n} of {folds} rounds another pair was chosen.",
        "选择并不稳定：{folds} 轮中有 {n} 轮选了另一组合。",
    ),
    # price and time of the recommendation
    "cascade.cost": (
        "1,000 texts then cost {usd}, against {singles}.",
        "这样每 1,000 条成本为 {usd}；{singles}。",
    ),
    "cascade.alone": ("{spent} with {name} alone", "单独使用 {name} 为 {spent}"),
    "cascade.cost_saves": ("That saves {shares}.", "{shares}。"),
    "cascade.cost_share": ("{share} of the price of {name} alone", "比单独使用 {name} 省 {share}"),
    "cascade.cost_of_accuracy": (
        "The higher accuracy is paid for: {names} alone costs no more.",
        "更高的准确率要多花钱：单独使用 {names} 并不更贵。",
    ),
    "cascade.cost_saves_nothing": (
        "So it is not worth its price: {names} alone costs no more.",
        "因此从价格看不值得：单独使用 {names} 并不更贵。",
    ),
    "cascade.cost_unknown": (
        "What it would cost is unknown, because a price is.",
        "它的成本未知，因为有价格未知。",
    ),
    "cascade.time": (
        "1,000 texts then take {time}, one classifier after the other, against {singles}.",
        "这样每 1,000 条用时 {time}（两者依次运行）；{singles}。",
    ),
    # why a pair is not looked at
    "cascade.skipped.no_scores": (
        "{first} cannot go before {second}: it gives no probabilities to tell what it is unsure about.",
        "{first} 不能排在 {second} 之前：它不给出概率，无从知道哪些没有把握。",
    ),
    "cascade.skipped.few_rows": (
        "{first} before {second} is left out: there are too few texts to choose a threshold and measure it.",
        "未考虑先 {first} 后 {second}：文本太少，无法既选阈值又加以测量。",
    ),
    # tables and charts
    "cascade.caption": ("Each pair at its best threshold", "各组合在最佳阈值下"),
    "cascade.pair": ("First, then", "先后"),
    "cascade.sent": ("Sent on", "转交"),
    "cascade.by_fold": ("{low} to {high} over the rounds", "各轮 {low} 至 {high}"),
    "cascade.threshold": ("Below", "阈值"),
    "cascade.accuracy": ("Right, {where}", "答对，{where}"),
    "cascade.difference": ("Against {what}", "与{what}相比"),
    "cascade.the_first": ("the first", "第一个"),
    "cascade.the_second": ("the second", "第二个"),
    "cascade.usd": ("Cost per 1,000", "每 1,000 条成本"),
    "cascade.seconds": ("Time per 1,000", "每 1,000 条用时"),
    "cascade.advice": ("Verdict", "结论"),
    "cascade.advice.more_accurate": ("more accurate than either", "比两者都准"),
    "cascade.advice.as_accurate": ("as accurate as the better, or more", "不逊于较好者"),
    "cascade.advice.undecided": ("not decided", "未定"),
    "cascade.advice.trade_off": ("between the two", "介于两者之间"),
    "cascade.advice.no_gain": ("no gain shown", "未见增益"),
    "cascade.advice.none_sent": ("send nothing", "不必转交"),
    "cascade.advice.all_sent": ("send everything", "全部转交"),
    "cascade.advice.fallback": ("a fallback for the second", "作第二个的后备"),
    "cascade.advice.invalid": ("not valid", "无效"),
    "cascade.curve": ("Every threshold of {first}, then {second}", "先 {first} 后 {second} 的全部阈值"),
    "cascade.curve_note": (
        "These rows are measured on the same texts that they would be chosen by; the best of them looks "
        "better "
        "than it is, the table above does not.",
        "下列各行是在用来选择它们的同一批文本上测得的，其中最好的一行偏高；上表不会。",
    ),
    "cascade.drawn": (
        "Drawn are the chosen pair and the {n} others that get most right; the table has all {pairs} pairs.",
        "图中为所选组合和另外 {n} 个答对最多的组合；全部 {pairs} 个组合见表。",
    ),
    "cascade.chart": (
        "Accuracy over the share sent: {first}, then {second}",
        "准确率与转交比例：先 {first} 后 {second}",
    ),
    "cascade.axis.sent": ("Share sent to {second}", "交给 {second} 的比例"),
    "cascade.axis.accuracy": ("Accuracy, {where}", "准确率，{where}"),
    "cascade.series.curve": ("both, by threshold", "两者串联"),
    "cascade.series.chosen": ("threshold chosen, measured on other texts", "所选阈值，用其他文本测得"),
    "cascade.alternative": (
        "{title}. {first} alone {first_accuracy}, {second} alone {second_accuracy}; at the threshold chosen, "
        "{share} sent, {accuracy}.",
        "{title}。单独使用 {first} 为 {first_accuracy}，单独使用 {second} 为 {second_accuracy}；在所选阈"
        "值下转交 "
        "{share}，准确率 {accuracy}。",
    ),
}
