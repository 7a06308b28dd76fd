"""The exact tokens a model set reads of a problem, and where its thoughts go; no weights are loaded.

tokens_read(folder, info, prompt, problem) -> lines to print
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

from ..benchmarks.catalogue import BENCHMARKS, Problem
from .folder import ModelError, SetInfo


def tokens_read(folder: Path, info: SetInfo, prompt: str, problem: Problem) -> Iterator[str]:
    """The prompt's tokens between bars, the place of the thoughts, the end-of-thought tokens, and each candidate's tokens.

    Raises ModelError where the set has no tokenizer that can be read.
    """
    from transformers import AutoTokenizer

    try:
        tokenizer = AutoTokenizer.from_pretrained(folder / "backbone", trust_remote_code=False, local_files_only=True)
    except (OSError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise ModelError(f"{folder}/backbone has no tokenizer that can be read ({reason}); copy it there.") from error

    def pieces(text: str) -> list[str]:
        return [tokenizer.decode([i]) for i in tokenizer(text, add_special_tokens=False)["input_ids"]]

    def shown(tokens: list[str]) -> str:
        return "|".join(token.replace("\n", "\\n") for token in tokens)

    read = pieces(prompt)
    yield f"--- {len(read)} tokens of the prompt, then {info.thoughts} thoughts, then the answer"
    yield f"{shown(read)} [thought 1 ... {info.thoughts}] {shown(pieces(info.answer_prefix))}"
    benchmark = BENCHMARKS[problem.benchmark]
    end = tokenizer.eos_token if benchmark.ends else None
    for candidate in problem.candidates:
        yield f"candidate: {shown([*pieces(info.answer_space + candidate), *([end] if end else [])])}"
