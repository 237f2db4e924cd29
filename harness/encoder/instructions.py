"""A task's own instruction: mteb's wording, written as LLM2Vec does."""

from __future__ import annotations

from typing import Any


def task_instruction(metadata: Any, prompt_type: Any) -> str:
    """The instruction for a text of the task that `metadata` (mteb's TaskMetadata) describes; "" for a document.

    mteb's prompt of the task, else that of its type, ending in a colon (llm2vec's evaluation on MTEB; its paper's
    appendix G.2 lists the instructions). `prompt_type` is mteb's: query, document or None, where both sides are alike.
    """
    if prompt_type is not None and prompt_type.value == "document":
        return ""
    prompt = metadata.prompt
    if isinstance(prompt, dict):
        prompt = prompt.get("query")
    if not prompt:
        from mteb.abstasks.abstask import get_abstask_prompt

        prompt = get_abstask_prompt(metadata.name)
    text = str(prompt or "").strip()
    return text if not text or text.endswith(":") else f"{text.strip('.')}:"
