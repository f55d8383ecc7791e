"""Makes a text safe to stand inside a prompt: nothing in it can close the fence or pass for a chat turn.

Servers and chat templates read turn marks inside a message as if they were their own: special tokens are
found wherever they are spelt, and where turns are marked by words (Alpaca, Vicuna, ChatGLM) so are these.
"""

from __future__ import annotations

import re

# Fences and the marks of ChatML, Llama, Gemma, DeepSeek and their kin begin with "<"; those of Mistral, Kimi,
# GLM and MiniMax ([INST], [EOS], [gMASK], ]~b]) have square brackets. Wide and vertical forms become these
# under Unicode's compatibility normalisation (NFKC), as some tokenizers do it, and "≮" holds a "<" under NFD.
_SIGNS = str.maketrans(
    dict.fromkeys("<＜﹤≮", "‹") | dict.fromkeys("[［﹇", "(") | dict.fromkeys("]］﹈", ")")
)

_ROLES = (
    *("human", "user", "assistant", "system", "instruction", "input", "output", "response", "answer"),
    *("用户", "人类", "助手", "助理", "系统", "指令", "输入", "输出", "回答", "问", "答"),
)
_INVISIBLE = "[\u00ad\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufe00-\ufe0f\ufeff]*"


def _any_of(words: tuple[str, ...]) -> str:
    # Some tokenizers drop invisible characters and narrow wide letters, so a mark is one with them too.
    return "|".join(_INVISIBLE.join(f"[{char}{_wide(char)}]" for char in word) for word in words)


def _wide(char: str) -> str:
    return chr(ord(char) + 0xFEE0) if char.isascii() else ""


_TURN = re.compile(
    # "### Assistant:", "\n\nHuman:", "问：": a role at the start of a line.
    rf"((?:^|(?<=[\n\r\v\f\x1c-\x1e\x85\u2028\u2029]))(?:{_INVISIBLE}[ \t\u00a0\u3000#*_>|-])*{_INVISIBLE}"
    rf"(?i:{_any_of(_ROLES)})"
    # "USER: ... ASSISTANT: ...": Vicuna's turns follow each other in one line.
    rf"|(?<![A-Za-z])(?:{_any_of(('USER', 'ASSISTANT', 'SYSTEM'))}))"
    rf"((?:{_INVISIBLE}[ \t\u00a0\u3000*_])*{_INVISIBLE})[:：︓﹕]"
)


def harmless(text: str) -> str:
    """Take from a text what could close its fence or pass for a chat turn; to a person it reads the same.

    "<" becomes "‹", square brackets become round ones, and the colon after a role a dash.
    """
    return _TURN.sub(r"\1\2 -", text.translate(_SIGNS))
