"""The words on doubtful gold labels, in both languages side by side."""

from __future__ import annotations

TEXTS: dict[str, tuple[str, str]] = {
    "label_quality.title": ("Test labels to look at again", "值得复查的测试标签"),
    "label_quality.lead": (
        "A wrong label in the test set counts against every classifier that is right. Here are the labels "
        "that the probabilities of the classifiers speak against; whether they are wrong, only a person can "
        "say.",
        "测试集中的错误标签会让答对的分类器失分。下面是与分类器给出的概率相矛盾的标签；是否真的标错，只有人"
        "能判断。",
    ),
    "label_quality.agreed": (
        "For {agreed} of {rows} labels, at least two classifiers name the same other label. Those come first "
        "and are the ones worth the time. In all, {suspects} are doubted by a classifier.",
        "{rows} 个标签中，有 {agreed} 个至少有两个分类器给出同一个其他标签。它们排在最前面，最值得花时间复"
        "查。受到某个分类器质疑的标签共 {suspects} 个。",
    ),
    "label_quality.alone": (
        "Of {rows} labels, {suspects} are doubted by a classifier, and for none do two classifiers name the "
        "same other label. That is weak evidence: a classifier also doubts labels where it is simply wrong "
        "itself.",
        "{rows} 个标签中，有 {suspects} 个受到某个分类器的质疑，但没有一个得到两个分类器一致指向同一个其他标"
        "签。这样的证据较弱：分类器自己答错时，也会质疑正确的标签。",
    ),
    "label_quality.often_wrong": (
        "The classifiers that doubt are often wrong themselves ({shares} of the texts), so most of these "
        "doubts will be their own mistakes.",
        "提出质疑的分类器自己就常常答错（{shares}），因此大部分质疑很可能是它们自己的错误。",
    ),
    "label_quality.wrong": (
        "The classifiers that doubt are wrong themselves in some texts ({shares}), so some of these doubts "
        "will be their own mistakes.",
        "提出质疑的分类器自己也会答错（{shares}），因此有些质疑是它们自己的错误。",
    ),
    "label_quality.wrong_one": ("{name} in {share}", "{name} 答错 {share}"),
    "label_quality.weak": (
        "What only one classifier doubts may as well be a mistake of its own.",
        "只有一个分类器质疑的标签，也可能是它自己答错了。",
    ),
    "label_quality.clean": (
        "Nothing in the probabilities speaks against any of the {rows} labels.",
        "{rows} 个标签中，没有一个与分类器给出的概率相矛盾。",
    ),
    "label_quality.by": ("{name} doubts {suspects} of {n}.", "{name} 质疑了 {n} 个中的 {suspects} 个。"),
    "label_quality.sampled": (
        "To save memory, {n} of the {rows} texts were looked at, chosen by chance.",
        "为节省内存，只从 {rows} 条文本中随机抽取了 {n} 条检查。",
    ),
    "label_quality.no_scores": (
        "No classifier gives a probability for every label, so the test labels could not be checked.",
        "没有分类器给出全部标签的概率，因此无法检查测试标签。",
    ),
    "label_quality.few_rows": (
        "Fewer than 30 texts have a probability for every label: too few to check the test labels.",
        "给出全部标签概率的文本不足 30 条，太少，无法检查测试标签。",
    ),
    "label_quality.one_label": (
        "All texts with probabilities have the same label, so there is nothing to check it against.",
        "有概率的文本都是同一个标签，无从比较。",
    ),
    "label_quality.caption": ("The {n} most doubtful labels", "最可疑的 {n} 个标签"),
    "label_quality.text": ("Text", "文本"),
    "label_quality.gold": ("Label in the test set", "测试集中的标签"),
    "label_quality.suggested": ("Label suggested", "建议的标签"),
    "label_quality.score": ("probability {value}", "概率 {value}"),
    "label_quality.who": ("Speaks for the suggestion", "支持建议的分类器"),
    "label_quality.kept": ("Speaks for the label in the test set", "支持原标签的分类器"),
    "label_quality.nobody": ("none", "无"),
    "label_quality.note": (
        "Found by confident learning (Northcutt et al. 2021): a label is doubted where a classifier is as "
        "sure of another one as it usually is of texts that carry that other one.",
        "方法为 confident learning（Northcutt 等，2021）：若分类器对另一标签的把握，达到它对带有该标签的文本"
        "的通常把握，则原标签受到质疑。",
    ),
}
