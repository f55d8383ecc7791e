"""The peer of the LLM benchmark: the plain loop over `openai` that one writes in ten minutes.

Run as `python -m tests.benchmarks.openai_loop BASE_URL MODEL TEXTS ANSWERS CONCURRENCY TIMEOUT_S`: TEXTS and
ANSWERS are JSONL files. Retries are the client's own; a text that still fails has no line in ANSWERS.
"""

import asyncio
import json
import sys
from pathlib import Path

import openai

SYSTEM = "Label the text. Answer with one of these labels and nothing else: "


async def main(
    base_url: str, model: str, texts: Path, answers: Path, concurrency: int, timeout_s: float
) -> None:
    rows = [json.loads(line) for line in texts.read_text(encoding="utf-8").splitlines()]
    system = {"role": "system", "content": SYSTEM + ", ".join(sorted({row["label"] for row in rows}))}
    at_once = asyncio.Semaphore(concurrency)
    with answers.open("w", encoding="utf-8") as file:
        async with openai.AsyncOpenAI(base_url=base_url, api_key="none", timeout=timeout_s) as client:

            async def answer(row: dict[str, str]) -> None:
                async with at_once:
                    try:
                        completion = await client.chat.completions.create(
                            model=model,
                            messages=[system, {"role": "user", "content": row["text"]}],
                            temperature=0.0,
                            max_tokens=64,
                        )
                    except (openai.OpenAIError, ValueError):
                        return
                if label := completion.choices[0].message.content:
                    file.write(json.dumps({"id": row["id"], "label": label}) + "\n")

            await asyncio.gather(*map(answer, rows))


if __name__ == "__main__":
    base_url, model, texts, answers, concurrency, timeout_s = sys.argv[1:]
    asyncio.run(main(base_url, model, Path(texts), Path(answers), int(concurrency), float(timeout_s)))
