"""The words on the table of all texts, in both languages side by side.

Those under `apps.js.` go to the script of the page, which fills their blanks.
"""

from __future__ import annotations

TEXTS: dict[str, tuple[str, str]] = {
    "apps.title": ("All texts", "全部文本"),
    "apps.lead": (
        "Every text with its true label and what each classifier answered. Search it, narrow it down, and "
        "link to a text by its id.",
        "每条文本、真实标签以及各分类器的回答。可以搜索、筛选，点编号可得到该条文本的链接。",
    ),
    "apps.sampled": ("Shown are {shown} of the {rows} texts:", "共 {rows} 条，此处列出 {shown} 条："),
    "apps.sampled_how": (
        "{telling} drawn at random from those on which the classifiers differ, {others} from the others. "
        "“harness export” writes all of them.",
        "其中 {telling} 条从各分类器回答不一的文本中随机抽取，{others} 条从其余文本中抽取。用“harness export”"
        "可导出全部。",
    ),
    "apps.sampled_how_alone": (
        "{telling} drawn at random from those answered wrongly, {others} from the others. “harness export” "
        "writes all of them.",
        "其中 {telling} 条从答错的文本中随机抽取，{others} 条从其余文本中抽取。"
        "用“harness export”可导出全部。",
    ),
    "apps.cut": (
        "{n} long texts are cut after {longest} characters; only what is shown is searched.",
        "有 {n} 条长文本只保留前 {longest} 个字符，搜索也只限于所示部分。",
    ),
    "apps.off": (
        "This table needs scripts, which are off here. “harness export” writes the same rows as a CSV or "
        "Parquet file.",
        "本表需要运行脚本，而此处脚本已被禁用。用“harness export”可把同样的内容导出为 CSV 或 Parquet 文件。",
    ),
    "apps.caption": (
        "Texts with their true label and the answer of each classifier",
        "文本、真实标签与各分类器的回答",
    ),
    "apps.filters": ("Search and narrow down the texts", "搜索和筛选文本"),
    "apps.search": ("Search", "搜索"),
    "apps.search_in": ("words in text, labels, replies, id", "文本、标签、原话或编号中的词"),
    "apps.any": ("any", "不限"),
    "apps.agree": ("Classifiers", "各分类器"),
    "apps.agree.differ": ("answers differ", "回答不一"),
    "apps.agree.same": ("all answer the same", "回答一致"),
    "apps.agree.right": ("all right", "全部答对"),
    "apps.agree.wrong": ("none right", "无一答对"),
    "apps.gold": ("True label", "真实标签"),
    "apps.gold_root": ("True label, level 1", "真实标签（第 1 级）"),
    "apps.level": ("Judged by", "对错依据"),
    "apps.sort": ("Order", "排序"),
    "apps.sort.file": ("as in the test set", "按测试集顺序"),
    "apps.sort.low": ("{name}: least confident first", "{name}：置信度从低到高"),
    "apps.sort.high": ("{name}: most confident first", "{name}：置信度从高到低"),
    "apps.all": ("Show all", "显示全部"),
    "apps.id": ("Id", "编号"),
    "apps.text": ("Text", "文本"),
    "apps.back": ("Previous", "上一页"),
    "apps.next": ("Next", "下一页"),
    "apps.js.right": ("right", "答对"),
    "apps.js.wrong": ("wrong", "答错"),
    "apps.js.none": ("no answer", "无回答"),
    "apps.js.missing": ("not asked", "未问"),
    "apps.js.sure": ("confidence", "置信度"),
    "apps.js.raw": ("reply", "原话"),
    "apps.js.more": ("whole text", "展开全文"),
    "apps.js.less": ("fold", "收起"),
    "apps.js.count": ("{n} of {all} texts", "{n} 条（共 {all} 条）"),
    "apps.js.nothing": ("No text fits. Take a filter away.", "没有符合条件的文本，请放宽筛选。"),
    "apps.js.page": ("Page {page} of {pages}", "第 {page} / {pages} 页"),
    "apps.js.paper": (
        "On paper: the first {n} of {all} texts. The file of this report holds the others.",
        "打印稿只列出 {all} 条中的前 {n} 条，其余见本报告的文件。",
    ),
}
