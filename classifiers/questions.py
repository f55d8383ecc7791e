"""The questions an LLM is asked: what each offers, what a prompt for it says, and how its replies are read.

In: the taxonomy, a prompt template, the examples it may show. Out: for a path that is settled so far the
question below it, built once, and the messages that ask it about a text.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from classifiers.chat_protocol import Answer
from classifiers.contract import Example, Failure
from classifiers.few_shot import Examples
from classifiers.token_scores import Scores, answer_scores
from prompts.read_reply import ReplyReader
from prompts.render import Message, Prompt, Question, Shot
from prompts.taxonomy import Path, Taxonomy


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A question with all that does not depend on the text.

    Attributes:
        question: as the prompt takes it.
        answers: what may be answered.
        paths: for each of `answers` the path it stands for, root first.
        reader: of the replies.
        fixed: the messages before the text's, by whether the answer is to be JSON.
    """

    question: Question
    answers: tuple[str, ...]
    paths: tuple[Path, ...]
    reader: ReplyReader
    fixed: Mapping[bool, tuple[Message, ...]]

    def chances(self, answer: Answer, path: Path) -> dict[Path, float] | None:
        """Return path -> probability by the log-probabilities of an answer that was read as `path`."""
        said = self.answers[self.paths.index(path)]
        scores = answer_scores(answer.tokens, said, self.answers) if answer.tokens else None
        return dict(zip(self.paths, scores.values(), strict=True)) if scores else None


@dataclass(frozen=True, kw_only=True)
class Descent:
    """One way down the tree.

    Attributes:
        path: as far as it came.
        failure: why no further, or None where it is whole.
        answers: of the endpoint, in the order asked.
        scores: as in `Prediction`; None without log-probabilities.
    """

    path: Path
    failure: Failure | None
    answers: Sequence[Answer]
    scores: Scores | None = None


class Questions:
    """Builds the questions, each once.

    Args:
        taxonomy: the labels.
        prompt: the template.
        examples: what it may show.
        joint: whether one question settles the whole path; otherwise each settles one level.
    """

    def __init__(self, taxonomy: Taxonomy, prompt: Prompt, *, examples: Examples, joint: bool) -> None:
        self.prompt = prompt
        self._taxonomy = taxonomy
        self._examples = examples
        self._is_joint = joint
        self._asked: dict[Path, Asked] = {}
        # A last label that stands in two places does not settle the path.
        self._whole_path = len({path[-1] for path in taxonomy.leaves}) < len(taxonomy.leaves)

    def about(self, path: Path) -> Asked:
        """Return the question below `path`; () is the first."""
        if path not in self._asked:
            self._asked[path] = self._joint() if self._is_joint else self._stepwise(path)
        return self._asked[path]

    def dialogue(self, text: str, path: Path, *, as_json: bool) -> Iterator[list[Message]]:
        """Yield what is said on the way of a text down to `path`, a list for each call, its answer last."""
        above: Path = ()
        while len(above) < self._taxonomy.depth:
            asked = self.about(above)
            options = dict(zip(asked.paths, asked.answers, strict=True))
            above = next(below for below in options if path[: len(below)] == below)
            if len(options) > 1:
                answer = options[above]
                said = json.dumps({"label": answer}, ensure_ascii=False) if as_json else answer
                yield [*self.messages(asked, text)[as_json], {"role": "assistant", "content": said}]

    def messages(self, asked: Asked, text: str) -> dict[bool, list[Message]]:
        """Return the messages that ask it about a text, by whether the answer is to be JSON."""
        question, prompt = asked.question, self.prompt
        near = self._shots(question.chosen, self._examples.near(question.chosen, text))
        return {
            as_json: [
                *fixed,
                *prompt.turns(question, near, as_json=as_json),
                prompt.user(text, question, as_json=as_json),
            ]
            for as_json, fixed in asked.fixed.items()
        }

    def _stepwise(self, path: Path) -> Asked:
        options = tuple(replace(label, children=()) for label in self._taxonomy.children(path))
        question = Question(options=options, chosen=path, depth=self._taxonomy.depth, mode="stepwise")
        shots = self._shots(path, self._examples.fixed(path))
        reader = ReplyReader.for_labels(options, above=path)
        answers = tuple(label.name for label in options)
        paths = tuple((*path, answer) for answer in answers)
        return self._fixed(question, answers, paths, reader, shots)

    def _joint(self) -> Asked:
        question = Question(
            options=self._taxonomy.roots,
            chosen=(),
            depth=self._taxonomy.depth,
            mode="joint",
            whole_path=self._whole_path,
        )
        shots = self._shots((), self._examples.fixed(()))
        answers = tuple(self._said(path) for path in self._taxonomy.leaves)
        reader = ReplyReader.for_paths(self._taxonomy)
        return self._fixed(question, answers, self._taxonomy.leaves, reader, shots)

    def _fixed(
        self,
        question: Question,
        answers: tuple[str, ...],
        paths: tuple[Path, ...],
        reader: ReplyReader,
        shots: Sequence[Shot],
    ) -> Asked:
        fixed = {
            as_json: tuple(self.prompt.fixed(question, shots, as_json=as_json)) for as_json in (False, True)
        }
        return Asked(question=question, answers=answers, paths=paths, reader=reader, fixed=fixed)

    def _shots(self, path: Path, examples: Sequence[Example]) -> list[Shot]:
        return [
            Shot(text=e.text, answer=self._said(e.gold) if self._is_joint else e.gold[len(path)])
            for e in examples
        ]

    def _said(self, path: Path) -> str:
        """Return how a joint answer names a path: by its last label, which takes a third of the tokens."""
        return " > ".join(path) if self._whole_path else path[-1]
