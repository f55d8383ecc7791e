"""The words on calibration, in both languages side by side."""

from __future__ import annotations

TEXTS: dict[str, tuple[str, str]] = {
    "calibration.title": ("Does it know when it is right?", "分类器知道自己对不对吗？"),
    "calibration.lead": (
        "Some classifiers give each answer a probability. If 80 of 100 answers with 80 % are right, these "
        "probabilities can be taken at their word: to leave the unsure texts to a person, for example.",
        "有的分类器会给每个回答附上概率。如果概率为 80 % 的 100 个回答中有 80 个正确，这个概率就可以信赖，例"
        "如据此把没把握的文本交给人工处理。",
    ),
    "calibration.none": (
        "No classifier gives probabilities with its answers, so nothing can be said on how sure it is.",
        "没有分类器随回答给出概率，因此无法判断它们有多大把握。",
    ),
    "calibration.unfinished": (
        "The classifiers that give probabilities have not answered the whole test set, so nothing is said "
        "on how sure they are.",
        "给出概率的分类器没有回答完整个测试集，因此不对它们的把握下结论。",
    ),
    "calibration.no_scores": (
        "{name} gives no probabilities: whether it knows when it is right cannot be said.",
        "{name} 不给出概率：无法判断它是否知道自己对不对。",
    ),
    "calibration.no_answers": ("{name} gave no answers.", "{name} 没有给出任何回答。"),
    "calibration.unscored": (
        "{name}: {n} answers have no probability and are left out here.",
        "{name}：有 {n} 个回答没有概率，未计入本节。",
    ),
    "calibration.fits": (
        "{name} says {said} on average {where} and is right in {right}: within chance, its probabilities "
        "hold, on average and from the unsure answers to the sure ones.",
        "{name}（{where}）平均给出 {said} 的概率，实际正确 {right}：差异在偶然范围之内，无论总体"
        "还是各档把握，概率都可信。",
    ),
    "calibration.fits_on_average": (
        "{name} says {said} on average {where} and is right in {right}: right on average, but not answer by "
        "answer, as some of its probabilities are too high and others too low.",
        "{name}（{where}）平均给出 {said} 的概率，实际正确 {right}：平均相符，但单个回答的"
        "概率不可信，有的偏高，有的偏低。",
    ),
    "calibration.too_sure": (
        "{name} says {said} on average {where}, but is right in {right} only: it is too sure of itself.",
        "{name}（{where}）平均给出 {said} 的概率，实际只有 {right} 正确：它过于自信。",
    ),
    "calibration.too_unsure": (
        "{name} says {said} on average {where}, but is right in {right}: it is too cautious: its "
        "probabilities are far too low.",
        "{name}（{where}）平均给出 {said} 的概率，实际有 {right} 正确：它过于保守，概率偏低。",
    ),
    "calibration.tells": (
        "Of the surest {kept} of its answers, {right} are right.",
        "其中最有把握的 {kept} 回答，正确率为 {right}。",
    ),
    "calibration.caption": ("How far the probabilities can be trusted {where}", "概率有多可信（{where}）"),
    "calibration.classifier": ("Classifier", "分类器"),
    "calibration.n": ("Answers with a probability", "有概率的回答"),
    "calibration.mean": ("Says, on average", "平均概率"),
    "calibration.accuracy": ("Is right", "实际正确率"),
    "calibration.ece": ("Gap (ECE)", "偏差（ECE）"),
    "calibration.ece_equal": ("with equally full bins {value}", "等量分箱时为 {value}"),
    "calibration.brier": ("Brier score", "Brier 分数"),
    "calibration.brier_even": ("all labels alike: {value}", "各标签等概率时为 {value}"),
    "calibration.brier_none": ("not all labels scored", "未给出全部标签的概率"),
    "calibration.auroc": ("Surer when right", "答对时更有把握"),
    "calibration.aurc": ("Errors when the surest come first", "按把握排序的平均错误率"),
    "calibration.note": (
        "Gap: by how much probability and accuracy differ, averaged over 15 bins; 0 is perfect, and few "
        "answers alone make some. Brier score: the squared distance of all probabilities from the truth, "
        "from 0 (certain and right) to 2 (certain and wrong). Surer when right: of one right and one wrong "
        "answer, how often the right one has the higher probability; 50 % is chance. Errors when the surest "
        "come first: the share of wrong answers, averaged over keeping only the surest one, two, three … up "
        "to all; lower is better.",
        "偏差：概率与正确率之差在 15 个分箱上的平均，0 为最佳；回答很少时，偏差会偏大。Brier 分数：全部概率"
        "与真实标签之间距离的平方和，从 0（确信且正确）到 2（确信但错误）。答对时更有把握：任取一个正确回答"
        "和一个错误回答，正确者概率更高的比例，50 % 等于瞎猜。按把握排序的平均错误率：依次只保留最有把握的 "
        "1 个、2 个、3 个……直到全部，所得错误率的平均，越低越好。",
    ),
    "calibration.reliability": (
        "Stated probability and actual accuracy {where}",
        "给出的概率与实际正确率（{where}）",
    ),
    "calibration.reliability_note": (
        "Each point stands for about a fifteenth of the answers. Below the dashed line, a classifier is too "
        "sure; above it, too cautious.",
        "每个点约代表十五分之一的回答。落在虚线下方表示过于自信，上方表示过于保守。",
    ),
    "calibration.as_said": ("right as often as said", "概率等于正确率"),
    "calibration.said": ("Probability given", "给出的概率"),
    "calibration.right": ("Answers right", "正确的回答"),
    "calibration.reliability_told": ("{name}: {bins}.", "{name}：{bins}。"),
    "calibration.bin": ("where it says {said}, {right} are right", "给出 {said} 时有 {right} 正确"),
    "calibration.coverage": (
        "Accuracy when the least sure answers are put aside {where}",
        "搁置最没把握的回答后的准确率（{where}）",
    ),
    "calibration.share_kept": ("Answers kept, the surest first", "保留的回答（先留最有把握的）"),
    "calibration.right_kept": ("Accuracy of those kept", "保留部分的准确率"),
    "calibration.coverage_told": ("{name}: {points}.", "{name}：{points}。"),
    "calibration.kept": ("of the surest {kept}, {right} are right", "最有把握的 {kept} 中有 {right} 正确"),
}
