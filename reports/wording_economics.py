"""The words on what is worth its price, in both languages side by side."""

from __future__ import annotations

TEXTS: dict[str, tuple[str, str]] = {
    "economics.title": ("What it costs at your volume", "按用量算成本"),
    "economics.lead": (
        "Training is paid once, answering for every text. Prices and speeds are those measured in this "
        "run; a "
        "million texts are reckoned at the same price and rate each.",
        "训练费用只付一次，回答费用按条计。价格和速度均为本次运行实测；一百万条按同样的单价和速度推算。",
    ),
    "economics.none": (
        "No classifier has a complete set of answers, so there is no cost to compare.",
        "没有任何分类器给出完整的回答，因此没有可比的成本。",
    ),
    # break-even
    "economics.crosses": (
        "Up to {texts} texts {first} is cheaper; beyond that {beyond} is.",
        "{texts} 条以内 {first} 更便宜；超过之后 {beyond} 更便宜。",
    ),
    "economics.range": (
        "With tokens or the machine’s hour at half or twice the price, that point lies between {low} "
        "and {high} "
        "texts.",
        "若 token 单价或机器时价减半或加倍，这个平衡点在 {low} 至 {high} 条之间。",
    ),
    "economics.range_fixed": (
        "Half or twice the price of tokens or of the machine’s hour does not move that point.",
        "token 单价或机器时价减半或加倍，都不会移动这个平衡点。",
    ),
    "economics.range_open": (
        "With tokens or the machine’s hour at half or twice the price, that point lies between {low} "
        "and {high} "
        "texts, or one of the two is cheaper at any volume.",
        "若 token 单价或机器时价减半或加倍，这个平衡点在 {low} 至 {high} 条之间，或者其中一个在任何用量下都更"
        "便宜。",
    ),
    "economics.from_first": (
        "{first} is cheaper than {other} from the first text on: {usd} per 1,000 against {other_usd}.",
        "从第一条起，{first} 就比 {other} 便宜：每 1,000 条 {usd}，后者 {other_usd}。",
    ),
    "economics.at_once": (
        "{beyond} is cheaper than {first} from the first text on, even with its training.",
        "即使算上训练，{beyond} 也从第一条起就比 {first} 便宜。",
    ),
    "economics.always": (
        "{first} is cheaper than {other} at any volume: {other} costs more to train and no less to run, "
        "so its "
        "price never pays off.",
        "任何用量下 {first} 都比 {other} 便宜：{other} 训练更贵，运行也不更省，永远收不回训练成本。",
    ),
    "economics.always_for_accuracy": (
        "{first} is cheaper than {other} at any volume. What {other} costs more buys accuracy ({difference} "
        "points {where}), not savings.",
        "任何用量下 {first} 都比 {other} 便宜。{other} 多花的钱换来的是准确率（{where} {difference} 个百"
        "分点），而不是节省。",
    ),
    "economics.turns": (
        "With tokens or the machine’s hour at half or twice the price that no longer holds at every volume.",
        "若 token 单价或机器时价减半或加倍，这一点就不再在任何用量下都成立。",
    ),
    "economics.same": ("{a} and {b} cost the same.", "{a} 与 {b} 的成本相同。"),
    "economics.missing.machine_usd_per_hour": (
        "What {names} would cost is unknown, because the price of this machine is: set "
        "machine_usd_per_hour under "
        "[compare].",
        "{names} 的成本未知，因为不知道本机的价格：请在 [compare] 下设置 machine_usd_per_hour。",
    ),
    "economics.missing.token_price": (
        "What {names} would cost is unknown, because not all of its tokens have a price: give it one under "
        '[prices."model"].',
        '{names} 的成本未知，因为并非所有 token 都有价格：请在 [prices."模型名"] 下填写。',
    ),
    "economics.missing.failed_requests": (
        "What all answers of {names} cost together is unknown, because requests that failed report no "
        "tokens: harness compare --resume RUN asks them again.",
        "{names} 全部回答的总成本未知，因为失败的请求不报告 token 数：运行 harness compare --resume RUN "
        "可重新提问。",
    ),
    "economics.of_answers": ("by {n} of {asked} answers", "按 {asked} 条中的 {n} 条计"),
    "economics.usd_of": ("{usd} ({of})", "{usd}（{of}）"),
    "economics.missing.answer_time": (
        "What {names} would cost is unknown, because no answer of it was timed: run it with --fresh.",
        "{names} 的成本未知，因为没有一条回答是计时的：请加 --fresh 重新运行。",
    ),
    "economics.missing.training_time": (
        "What {names} would cost with its training is unknown, because that was not timed.",
        "{names} 连同训练的成本未知，因为训练没有计时。",
    ),
    "economics.missing.answers": ("{names} answered nothing.", "{names} 没有任何回答。"),
    # frontier
    "economics.cost_dominated.better": (
        "{by} costs no more than {name} and is more accurate {where}.",
        "{where}：{by} 不比 {name} 贵，而且更准确。",
    ),
    "economics.cost_dominated.equivalent": (
        "{by} costs no more than {name} and is equally accurate {where}.",
        "{where}：{by} 不比 {name} 贵，而且同样准确。",
    ),
    "economics.cost_dominated.undecided": (
        "{by} costs no more than {name} and got no fewer texts right {where}, though the test set is "
        "too small to "
        "be sure of that.",
        "{where}：{by} 不比 {name} 贵，答对的也不更少，但测试集太小，还不能确定。",
    ),
    "economics.time_dominated.better": (
        "{by} takes no longer than {name} and is more accurate {where}.",
        "{where}：{by} 不比 {name} 慢，而且更准确。",
    ),
    "economics.time_dominated.equivalent": (
        "{by} takes no longer than {name} and is equally accurate {where}.",
        "{where}：{by} 不比 {name} 慢，而且同样准确。",
    ),
    "economics.time_dominated.undecided": (
        "{by} takes no longer than {name} and got no fewer texts right {where}, though the test set is "
        "too small "
        "to be sure of that.",
        "{where}：{by} 不比 {name} 慢，答对的也不更少，但测试集太小，还不能确定。",
    ),
    "economics.cost_frontier": (
        "More accuracy costs more {where}: of {names}, each costs more than the one before and is "
        "more accurate.",
        "{where}：更准就更贵，{names} 依次更贵，也依次更准。",
    ),
    "economics.cost_frontier_unsure": (
        "None of {names} is superfluous by its cost {where}, but that each of them, named from cheap to "
        "dear, is more accurate than the one before is not shown.",
        "{where}：从成本看 {names} 都不多余，但没有证据表明从便宜到贵依次更准。",
    ),
    "economics.time_frontier": (
        "More accuracy takes longer {where}: of {names}, each takes longer than the one before and is more "
        "accurate.",
        "{where}：更准就更慢，{names} 依次更慢，也依次更准。",
    ),
    "economics.time_frontier_unsure": (
        "None of {names} is superfluous by its time {where}, but that each of them, named from fast to slow, "
        "is more accurate than the one before is not shown.",
        "{where}：从用时看 {names} 都不多余，但没有证据表明从快到慢依次更准。",
    ),
    # tables
    "economics.caption": (
        "Cost with the training in it, in US dollars per 1,000 texts",
        "含训练的成本（美元，每 1,000 条）",
    ),
    "economics.per_right": ("Per 1,000 right answers, {where}", "每 1,000 条答对，{where}"),
    "economics.training": ("Training, once", "训练（一次）"),
    "economics.at_volume": ("At {texts} texts", "{texts} 条时"),
    "economics.untrained": ("none", "无"),
    "economics.million_caption": ("One million texts", "一百万条"),
    "economics.million_usd": ("Would cost", "成本"),
    "economics.million_s": ("Would take", "用时"),
    "economics.device": ("Measured on", "测量设备"),
    "economics.concurrency": ("At once", "并发"),
    "economics.rate": ("Texts/s", "条/秒"),
    "economics.million_note": (
        "The cost has the training in it, the time is answering alone, at the rate of the live answers "
        "of this "
        "run; a limit of a provider’s calls per day may make it longer.",
        "成本含训练，用时只计回答，按本次运行实时回答的速度推算；若服务方限制每日调用次数，用时会更长。",
    ),
    "economics.break_even_caption": ("From how many texts on which is cheaper", "多少条之后谁更便宜"),
    "economics.pair": ("Pair", "两者"),
    "economics.break_even": ("Break-even, texts", "平衡点（条）"),
    "economics.break_even_range": ("At half or twice the prices", "价格减半或加倍时"),
    "economics.below": ("Cheaper below", "之前更便宜"),
    "economics.above": ("Cheaper beyond", "之后更便宜"),
    "economics.or_none": ("or none", "或没有"),
    # charts
    "economics.chart.cost": ("Accuracy over cost, {where}", "准确率与成本，{where}"),
    "economics.chart.time": ("Accuracy over time, {where}", "准确率与时间，{where}"),
    "economics.chart.volume": ("Total cost over volume, training included", "总成本随用量的变化（含训练）"),
    "economics.axis.accuracy": ("Accuracy", "准确率"),
    "economics.axis.usd_1000": ("US dollars per 1,000 texts", "每 1,000 条的美元成本"),
    "economics.axis.seconds_1000": ("Seconds per 1,000 texts", "每 1,000 条的秒数"),
    "economics.axis.texts": ("Texts", "条数"),
    "economics.axis.usd": ("US dollars in all", "总成本（美元）"),
    "economics.series.break_even": ("break-even", "平衡点"),
    "economics.chart.point": ("{name}: {accuracy} for {spent}", "{name}：{spent}，{accuracy}"),
    "economics.chart.line": (
        "{name}: {low} for {few} texts, {high} for {many}",
        "{name}：{few} 条 {low}，{many} 条 {high}",
    ),
}
