"""Prompts: from a template, a question and a text to the messages of one chat call.

In: a Jinja file with the blocks `system` and `user`. Out: messages whose fixed part comes first, so that a
provider's prompt cache applies, and whose last message alone depends on the text.
"""

from __future__ import annotations

import difflib
import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Literal, TypedDict

from jinja2 import StrictUndefined, Template, TemplateError, TemplateSyntaxError, nodes
from jinja2.meta import find_undeclared_variables
from jinja2.sandbox import SandboxedEnvironment

from prompts.errors import PromptError
from prompts.fence import harmless
from prompts.taxonomy import Label
from prompts.taxonomy import Path as LabelPath

FOLDER = Path(__file__).parent / "templates"
BLOCKS = ("system", "user")
FORM = 2
"""The version of everything but the template that shapes a prompt: the layout of messages, and `harmless`."""

VARIABLES = ("text", "options", "chosen", "depth", "mode", "whole_path", "as_json")

PathMode = Literal["stepwise", "joint"]


class Message(TypedDict):
    """One message of a chat."""

    role: Literal["system", "user", "assistant"]
    content: str


@dataclass(frozen=True, kw_only=True)
class Question:
    """What is asked about a text.

    Attributes:
        options: the labels offered. Stepwise: those of one level, without children; joint: the whole tree.
        chosen: the labels chosen above, root first; () at the first level and for joint.
        depth: the number of levels of the taxonomy.
        mode: "stepwise" asks for a label of one level, "joint" for one of the last level.
        whole_path: whether the answer names all levels, because last labels alone are not unique.
    """

    options: tuple[Label, ...]
    chosen: LabelPath
    depth: int
    mode: PathMode
    whole_path: bool = False


@dataclass(frozen=True, kw_only=True)
class Shot:
    """A text with its right answer, shown as one turn of the conversation."""

    text: str
    answer: str


@dataclass(frozen=True)
class Prompt:
    """A template that was read and checked.

    Attributes:
        name: a built-in name or the path of the file, for messages.
        source: the template's text.
    """

    name: str
    source: str

    @property
    def sha256(self) -> str:
        """A hash of all that shapes a prompt: the template's source, and how this module renders it."""
        return hashlib.sha256(f"{FORM}\0{self.source}".encode()).hexdigest()

    def fixed(self, question: Question, shots: Sequence[Shot], *, as_json: bool) -> list[Message]:
        """Render what is the same for every text: the system message and the examples.

        Raises:
            PromptError: the template fails, with file and line.
        """
        system: Message = {"role": "system", "content": self._block("system", "", question, as_json)}
        return [system, *self.turns(question, shots, as_json=as_json)]

    def turns(self, question: Question, shots: Sequence[Shot], *, as_json: bool) -> list[Message]:
        """Render examples: for each a text, asked about like any other, and its answer.

        Raises:
            PromptError: the template fails, with file and line.
        """
        messages: list[Message] = []
        for shot in shots:
            answer = json.dumps({"label": shot.answer}, ensure_ascii=False) if as_json else shot.answer
            messages.append(self.user(shot.text, question, as_json=as_json))
            messages.append({"role": "assistant", "content": answer})
        return messages

    def user(self, text: str, question: Question, *, as_json: bool) -> Message:
        """Render the message that holds the text, fenced and without a way out of the fence.

        Raises:
            PromptError: the template fails, with file and line.
        """
        return {"role": "user", "content": self._block("user", harmless(text), question, as_json)}

    @cached_property
    def _template(self) -> Template:
        return _compile(self.name, self.source)

    def _block(self, block: str, text: str, question: Question, as_json: bool) -> str:
        variables = {
            "text": text,
            "options": question.options,
            "chosen": question.chosen,
            "depth": question.depth,
            "mode": question.mode,
            "whole_path": question.whole_path,
            "as_json": as_json,
        }
        try:
            context = self._template.new_context(variables)
            return "".join(self._template.blocks[block](context)).strip()
        except (TemplateError, TypeError, ValueError, ArithmeticError, LookupError) as exc:
            raise PromptError(f"{self.name}:{self._line(exc)}: {exc}; {_variables_there_are()}") from exc

    def _line(self, exc: BaseException) -> int:
        line, trace = 1, exc.__traceback__
        while trace is not None:
            if trace.tb_frame.f_code.co_filename == self.name:
                line = self._template.get_corresponding_lineno(trace.tb_lineno)
            trace = trace.tb_next
        return line


def load_prompt(name: str, folder: Path | None = None) -> Prompt:
    """Read and check a template.

    Args:
        name: a built-in template ("zero_shot", "zero_shot_zh"), or the path of a file.
        folder: what a relative path is relative to; left out: the current folder.

    Raises:
        PromptError: no such template, a syntax error, a missing block or a variable that there is not.
    """
    built_in = {path.stem: path for path in sorted(FOLDER.glob("*.jinja"))}
    path = built_in.get(name) or (folder or Path()) / Path(name).expanduser()
    shown = name if name in built_in else str(path)
    try:
        source = path.read_text(encoding="utf-8")
    except UnicodeDecodeError as exc:
        raise PromptError(f"{shown}: the template is not UTF-8; save it as UTF-8") from exc
    except OSError as exc:
        near = difflib.get_close_matches(name, built_in, n=1)
        hint = f"did you mean {near[0]!r}? " if near else ""
        raise PromptError(
            f"cannot read the prompt template {shown!r} ({exc.strerror}): {hint}"
            f"give the path of a file or one of {', '.join(map(repr, built_in))}"
        ) from exc
    _check(shown, source)
    return Prompt(shown, source)


_ENVIRONMENT = SandboxedEnvironment(undefined=StrictUndefined, keep_trailing_newline=True)


def _compile(name: str, source: str) -> Template:
    code = _ENVIRONMENT.compile(source, name=name, filename=name)
    return Template.from_code(_ENVIRONMENT, code, _ENVIRONMENT.make_globals(None))


def _check(name: str, source: str) -> None:
    try:
        tree = _ENVIRONMENT.parse(source, name=name, filename=name)
        blocks = {block.name: block for block in tree.find_all(nodes.Block)}
        _compile(name, source)
    except TemplateSyntaxError as exc:
        raise PromptError(f"{name}:{exc.lineno}: {exc.message}") from exc
    except TemplateError as exc:  # an unknown filter or test
        raise PromptError(f"{name}: {exc}") from exc
    if missing := [block for block in BLOCKS if block not in blocks]:
        raise PromptError(
            f"{name}: no block {missing[0]!r}: a template needs "
            "{% block system %}...{% endblock %} and {% block user %}...{% endblock %}"
        )
    if unknown := find_undeclared_variables(tree) - set(VARIABLES):
        wrong = sorted(unknown)[0]
        line = next((node.lineno for node in tree.find_all(nodes.Name) if node.name == wrong), 1)
        near = difflib.get_close_matches(wrong, VARIABLES, n=1)
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise PromptError(f"{name}:{line}: unknown variable {wrong!r}{hint} {_variables_there_are()}")
    if not any(node.name == "text" for node in blocks["user"].find_all(nodes.Name)):
        raise PromptError(
            f"{name}:{blocks['user'].lineno}: the block 'user' does not show {{{{ text }}}}, "
            "so every question would be the same"
        )


def _variables_there_are() -> str:
    return f"the variables are {', '.join(VARIABLES)}"
