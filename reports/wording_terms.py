"""What the classifiers measure, named in both languages: facts, and the figures of a training's curve.

A fact that is not named here is shown by its key.
"""

from __future__ import annotations

TERMS: dict[str, tuple[str, str]] = {
    "term.yes": ("yes", "是"),
    "term.no": ("no", "否"),
    # what a classifier says of its answers
    "fact.base": ("Base model", "基础模型"),
    "fact.device": ("Device", "设备"),
    "fact.engine": ("Engine", "推理引擎"),
    "fact.engine.torch": ("PyTorch", "PyTorch"),
    "fact.engine.onnx": ("ONNX Runtime", "ONNX Runtime"),
    "fact.engine.onnx-int8": ("ONNX Runtime, int8", "ONNX Runtime，int8"),
    "fact.engine.openvino": ("OpenVINO", "OpenVINO"),
    "fact.engine_chosen": ("Why this engine", "选用该引擎的原因"),
    "fact.engine_choice_s": ("Time to choose it, s", "选择引擎用时（秒）"),
    "fact.engines_rejected": ("Engines not taken", "未采用的引擎"),
    "fact.precision": ("Precision", "数值精度"),
    "fact.batch_tokens": ("Tokens in one pass", "每次前向计算的 token 数"),
    "fact.max_length": ("Tokens read of a text", "每条文本读取的 token 数"),
    "fact.truncation": ("Read of a longer text", "超长文本的读法"),
    "fact.truncation.head": ("its head", "开头"),
    "fact.truncation.tail": ("its tail", "结尾"),
    "fact.truncation.head_tail": ("head and tail", "开头和结尾"),
    "fact.truncation.windows": ("all of it, in windows", "分窗口读完全文"),
    "fact.heads": ("What is scored", "打分对象"),
    "fact.heads.leaves": ("the leaves, summed up to their parents", "叶标签，逐级相加得到上级"),
    "fact.heads.levels": ("every level, decoded to one path", "每一级，再解码成一条路径"),
    "fact.temperature": ("Temperature of the scores", "概率校准温度"),
    "fact.parameters_m": ("Parameters, millions", "参数量（百万）"),
    "fact.texts": ("Texts read", "读取的文本数"),
    "fact.cut_share": ("Texts that were cut", "被截断的文本"),
    "fact.unknown_token_share": ("Tokens the vocabulary lacks", "词表外的 token"),
    "fact.windows_per_text": ("Windows a text", "每条文本的窗口数"),
    "fact.gpu_memory_peak_gb": ("Peak of GPU memory, GB", "显存峰值（GB）"),
    "fact.gpu_busy_share": ("GPU busy", "GPU 利用率"),
    "fact.method": ("Method", "方法"),
    "fact.analyzer": ("Terms", "词项"),
    "fact.features": ("Features", "特征数"),
    "fact.concurrency": ("Calls at once", "并发请求数"),
    "fact.structured_output": ("Form of the answer asked for", "要求的回答格式"),
    "fact.refused_parameters": ("Parameters refused", "被拒绝的参数"),
    "fact.examples_by": ("Examples chosen by", "示例的选取方式"),
    "fact.calls": ("Calls", "调用次数"),
    "fact.retries": ("Calls repeated", "重试次数"),
    "fact.limits_met": ("Limits met", "遇到限流的次数"),
    "fact.threads": ("Threads", "线程数"),
    "fact.price_source": ("Source of the price", "价格来源"),
    # what a training says of itself
    "fact.steps": ("Steps", "步数"),
    "fact.epoch_chosen_by": ("Epoch chosen by", "选取轮次的依据"),
    "fact.epoch_chosen_by.dev accuracy": ("dev accuracy", "开发集准确率"),
    "fact.epoch_chosen_by.dev macro-F1": ("dev macro-F1", "开发集宏平均 F1"),
    "fact.epoch_chosen_by.last epoch": ("the last epoch", "最后一轮"),
    "fact.trained_parameters": ("Parameters trained", "参与训练的参数"),
    "fact.max_length_clipped_from": ("Tokens asked for", "原定的 token 数"),
    "fact.resumed_after_epochs": ("Went on after epoch", "从哪些轮次后继续"),
    "fact.processes": ("Processes", "进程数"),
    # the curve
    "curve.epoch": ("Epoch", "轮次"),
    "curve.train_loss": ("Training loss", "训练损失"),
    "curve.dev_loss": ("Dev loss", "开发集损失"),
    "curve.dev_accuracy": ("Dev accuracy", "开发集准确率"),
    "curve.dev_macro_f1": ("Dev macro-F1", "开发集宏平均 F1"),
}


def of(language: str) -> dict[str, str]:
    """Return the terms of `en` or `zh` by their keys."""
    place = ("en", "zh").index(language)
    return {key: names[place] for key, names in TERMS.items()}
