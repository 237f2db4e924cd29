"""The model card: front matter by huggingface_hub, prose from a template in which everything is escaped by default."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from typing import Any

import pandas as pd
import yaml
from huggingface_hub import EvalResult, ModelCard, ModelCardData
from jinja2 import Environment, PackageLoader, StrictUndefined

import harness
from harness.bases import EMBEDDED
from harness.cards import Card, load_cards
from harness.contamination.declared import source_name
from harness.contamination.wording import by_task
from harness.encoder.model import Encoder
from harness.errors import HarnessError
from harness.export.choose import label_of
from harness.export.facts import ResultFacts, StageFacts, lineage, proof_sentence, results
from harness.export.markdown import Plain, code, escape, quote
from harness.export.weights import stage_data
from harness.gguf.sources import NAMED
from harness.records import Run, System
from harness.store import Store
from harness.suites.catalog import get_suite, get_task
from harness.training import PUBLISHED


def model_card(store: Store, system: System, runs: Sequence[Run], scores: pd.DataFrame, encoder: Encoder) -> str:
    """Render README.md for `system`: `runs` are those behind its current `scores`, `encoder` is what is written.

    The front matter is read back by huggingface_hub's own parser before it is returned.
    """
    card = _card_of(system)
    manifests = lineage(store, system)
    stages = [StageFacts.of(stage, system) for stage in manifests]
    found = results(store, system, scores)
    overlaps = by_task(store.overlaps(system_id=system.system_id)) if stages else []
    measured = set(scores["task"])
    recipe_license = card.license if card else "apache-2.0"
    environment = Environment(
        loader=PackageLoader("harness.export"),
        autoescape=False,
        finalize=escape,  # all that is not Plain
        undefined=StrictUndefined,
        keep_trailing_newline=True,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    text = environment.get_template("README.md.jinja").render(
        front_matter=Plain(_front_matter(system, card, stages, found, recipe_license).to_yaml()),
        name=_name(system),
        system=system,
        title=card.title if card else system.recipe.title or system.variant,
        stored=next((said["base"] for run in runs if "base" in (said := run.provenance.opening or {})), ""),
        attention=encoder.recipe.attention,
        dimensions=encoder.model.get_embedding_dimension(),
        max_tokens=encoder.model.max_seq_length,
        pooled=encoder.recipe.pooled_words,
        leading=encoder.model.tokenizer.bos_token if encoder.recipe.leading_token else "",
        read_in=code(" ".join(each.said for each in encoder.recipe.templates)) if encoder.recipe.templates else "",
        cleaned=Plain(", cleaned first" if encoder.recipe.cleaning else ""),
        prose=quote(card.prose) if card else "",
        stages=stages,
        random=system.recipe.weights == "random",
        embedded=any(EMBEDDED in stage.data.split(", ") for stage in stages),
        recipe=_recipe(system),
        overlaps=[each for each in overlaps if each.task in measured],
        proof=proof_sentence(runs),
        results=found,
        measured_with=_measured_with(runs),
        command=code(_command(system, encoder, scores)),
        adapters=any(stage.kind in PUBLISHED for stage in manifests),
        own_base=system.base == EMBEDDED,
        recipe_license=recipe_license,
        sources=card.sources if card else (),
        harness_version=harness.__version__,
    )
    read_back: list[EvalResult] = getattr(ModelCard(text).data, "eval_results", None) or []
    if sorted(each.metric_value for each in read_back) != sorted(each.score for each in found):
        raise HarnessError(f"the model card of {label_of(system)} does not hold the results of the store")
    return text


def _card_of(system: System) -> Card | None:
    """The variant's card, if it still is the recipe that was measured; its prose may have been edited since."""
    card = load_cards().get(system.variant)
    if card is None or card.sha256 == system.recipe.card_sha256:
        return card
    # Which entry of the card was applied is not stored: that of another base, if the base asked for its recipes.
    made = {card.recipe_on(base).digest for base in (system.base, *card.bases)}
    return card if system.card_hash in made else None


def _name(system: System) -> str:
    base = system.base.rpartition("/")[2]
    return f"{base}-{system.variant}" + ("" if system.seed is None else f"-seed{system.seed}")


def _front_matter(
    system: System, card: Card | None, stages: Sequence[StageFacts], found: Sequence[ResultFacts], recipe_license: str
) -> ModelCardData:
    own = system.base == EMBEDDED
    named = NAMED[system.base].hub if system.base in NAMED else system.base
    hub_base = named.partition(":")[0] if "/" in named else None
    datasets = dict.fromkeys(name for stage in stages for name in stage.hub_ids)
    scored = [
        EvalResult(
            task_type=row.task_type,
            task_name=row.task_type,
            dataset_type=_data_path(row.task),
            dataset_name=row.task,
            dataset_config=row.subset,
            dataset_split=row.split,
            dataset_revision=row.revision,
            metric_type=row.metric,
            metric_name=f"{row.task} {row.metric}",  # two tasks may score one data set
            metric_value=row.score,
        )
        for row in found
    ]
    tags = ["sentence-transformers", "feature-extraction", "harness", *(card.tags if card else ())]
    return ModelCardData(
        base_model=hub_base,
        datasets=list(datasets) or None,
        eval_results=scored or None,
        library_name="sentence-transformers",
        license=recipe_license if own else "other",
        license_name=None if own else "that-of-the-base",
        model_name=" ".join(_name(system).split()) if found else None,
        pipeline_tag="sentence-similarity",
        tags=list(dict.fromkeys(tags)),
    )


def _recipe(system: System) -> Plain:
    recipe = system.recipe.fields
    if "stages" in recipe:
        recipe["stages"] = [
            {name: _public(value) if name in ("data", "source") else value for name, value in stage.items()}
            for stage in recipe["stages"]
        ]
    return code(yaml.safe_dump(recipe, sort_keys=False, allow_unicode=True, width=100))


def _public(source: Any) -> Any:
    """The source of a stage without the folders of one machine; what is no source is left alone."""
    return source_name(source) if isinstance(source, str) and not source.startswith("hub:") else source


def _data_path(task: str) -> str:
    """Where its data come from; the name of a task that this installation does not have."""
    try:
        return get_task(task).data_path
    except HarnessError:
        return task


def _measured_with(runs: Sequence[Run]) -> str:
    newest = runs[-1]
    versions = newest.provenance.versions
    named = [f"{name} {versions[name]}" for name in ("torch", "transformers", "mteb") if name in versions]
    where = ", ".join(sorted({f"{run.dtype} on {run.device}" for run in runs}))
    return f"{newest.provenance.harness or ''} in {where}" + (f" ({', '.join(named)})" if named else "")


def _command(system: System, encoder: Encoder, scores: pd.DataFrame) -> str:
    """The command that makes and measures the system, with names in place of the paths of one machine."""
    words = ["harness", "run", "--variant", system.variant, "--base", system.base]
    words += [] if system.seed is None else ["--seed", str(system.seed)]
    for kind, source in stage_data(encoder.recipe):
        words += ["--data", f"{kind}={_public(source)}"]
    tasks = sorted(set(scores["task"]))
    if tasks and set(tasks) != set(get_suite("mini").names):
        words += ["--tasks", ",".join(tasks)]
    return shlex.join(words)
