"""The card: a header that the hub's own reader takes, and every number from the metrics."""

import json
from typing import Any

import pytest
from huggingface_hub import ModelCard

from stages.params import HubSource, Params
from stages.publish import card
from stages.publish.header import Subject, hub_licence
from stages.publish.ledger import Ledger
from tests.conftest import ROOT

SCORES: dict[str, Any] = {"n": 40, "exact_match": 0.875, "json_parse_rate": 1.0, "stop_rate": 0.95, "loss": 0.0125,
                          "intervals": {"exact_match": [0.75, 0.95]}}  # fmt: skip
MERGE = {"probes": 8, "max_logit_difference": 0.0775, "mean_logit_difference": 0.0058, "kl_divergence": 1.6e-06,
         "continuations": 8, "same_continuations": 7}  # fmt: skip
COUNTS: dict[str, Any] = {
    "documents": {"stored": 102, "kept": 100, "dropped": {"too_short": 2}},
    "examples": {"train": {"extract": 90, "faq": 7}, "valid": {"faq": 1}, "test": {"extract": 40}},
    "rejected": {"no_output": 3}, "leaks": {"found": 4, "left": 0},
    "tokens": {"products": {"train": {"rows": 90, "shortened": 5, "n_target": 1000, "n_prompt": 2000, "n_cut": 77}}},
}  # fmt: skip


def _subject(loaded: Params, kind: str, **changes: Any) -> Subject:
    metrics = {
        "scores": dict.fromkeys(("base", "adapter", "merged", "f16", "q4_k_m"), SCORES), "merge": MERGE,
        "train": {"steps": 473, "tokens": 329817, "trainable": 4884480, "trainable_share": 0.035, "valid_loss": 0.053},
        "gguf": {"f16": {"bytes": 270_000_000, "bits_per_weight": 16.1, "perplexity": 8.42, "perplexity_of_merged": 8.41},
                 "lora": {"refused": "DoRA"}},
    }  # fmt: skip
    ledger = Ledger({"CC0-1.0": 80, "not stated": 2}, ["en", "fr"], COUNTS, "c0ffee.dir")
    values: dict[str, Any] = {"adapter": "products", "kind": kind, "base": loaded.base, "tasks": ["extract"],
                              "prompt": loaded.prompt, "max_prompt": 952,
                              "ledger": ledger, "metrics": metrics, "commit": "1234abc"}  # fmt: skip
    return Subject(**{**values, **changes})


def _header(subject: Subject) -> dict[str, Any]:
    """A card's header, by the hub's own reader."""
    data: Any = ModelCard(card.render(subject)).data
    return dict(data.to_dict())


@pytest.mark.parametrize(("kind", "relation"), [("adapter", "adapter"), ("merged", "finetune"), ("gguf", "quantized")])
def test_the_hubs_reader_takes_the_header(kind: str, relation: str, loaded: Params) -> None:
    found = _header(_subject(loaded, kind))
    assert found["license"] == "apache-2.0"
    assert found["base_model"] == "SmolLM2-135M-Instruct"
    assert found["base_model_relation"] == relation
    assert found["language"] == ["en", "fr"]
    assert found["tags"] == ["lora", "extract"]
    (result,) = found["model-index"][0]["results"]
    assert {metric["type"]: metric["value"] for metric in result["metrics"]}["exact_match"] == 0.875


def test_a_base_of_the_hub_is_named_as_there(loaded: Params) -> None:
    base = loaded.base.model_copy(
        update={"source": HubSource(kind="hub", repo="org/model", revision="c0ffee"), "licence": "Llama-3.1"}
    )
    found = _header(_subject(loaded, "adapter", base=base))
    assert (found["base_model"], found["license"]) == ("org/model", "llama3.1")


@pytest.mark.parametrize(
    ("licence", "wanted"), [("MIT", ("mit", True)), ("Llama-3.2", ("llama3.2", True)), ("My own", ("my-own", False))]
)
def test_licences_as_the_hub_writes_them(licence: str, wanted: tuple[str, bool], loaded: Params) -> None:
    assert hub_licence(licence) == wanted
    found = _header(_subject(loaded, "gguf", base=loaded.base.model_copy(update={"licence": licence})))
    assert found["license"] == (wanted[0] if wanted[1] else "other")
    assert found.get("license_name") == (None if wanted[1] else wanted[0])


def test_numbers_stand_as_they_were_measured(loaded: Params) -> None:
    text = card.render(_subject(loaded, "gguf"))
    for line in (
        "| q4_k_m | 0.875 (0.75–0.95) | 1 | 0.95 | 0.0125 |",
        "| `f16.gguf` | 270 MB | 16.1 | 8.42 | 8.41 |",
        "7 of 8 greedy continuations are the same.",
        "| dropped, by reason | too_short 2 |",
        "| examples rejected, by reason | no_output 3 |",
        "| removed as too near to a test example | 4 |",
        "| train examples | extract 90 |",
        "| valid examples | none |",
        "| training rows | 90, 5 of them shortened |",
        "| training tokens | 1000 learned, 2000 of prompts, 77 cut |",
        "- 12.5% of the objects were not wholly right.",
        "- 5.0% of its answers did not end by themselves.",
        "- Prompts beyond 952 tokens lose their middle.",
        "| base: SmolLM2-135M-Instruct | Apache-2.0 |",
        "| 80 training documents | CC0-1.0 |",
        "| 2 training documents | not stated |",
        "Commit `1234abc` of the repository that made it; token rows `c0ffee.dir`",
    ):
        assert line in text
    assert "lora.gguf" not in text


def test_an_adapter_shows_no_variant_after_it(loaded: Params) -> None:
    text = card.render(_subject(loaded, "adapter"))
    assert "| adapter | 0.875" in text
    assert "| merged |" not in text
    assert "greedy continuations" not in text


@pytest.mark.parametrize("adapter", ["products", "assistant"])
def test_the_committed_counts_make_a_ledger(adapter: str, loaded: Params) -> None:
    counts = json.loads((ROOT / "metrics" / "data.json").read_text(encoding="utf-8"))
    found = Ledger({}, [], counts, "c0ffee.dir")
    text = card.render(_subject(loaded, "gguf", adapter=adapter, ledger=found, tasks=loaded.adapter(adapter).tasks))
    assert f"| documents stored | {counts['documents']['stored']} |" in text
    assert f"| removed as too near to a test example | {counts['leaks']['found']} |" in text


def test_the_prompt_of_training_is_told(loaded: Params) -> None:
    trained = {**loaded.prompt.system, "extract": "Extract.\nNothing else."}
    prompt = loaded.prompt.model_copy(update={"system": trained})
    text = card.render(_subject(loaded, "merged", prompt=prompt))
    assert "with the system prompt of training (not the template's own):\n\n> Extract.\n> Nothing else.\n\nInputs of" in text
    text = card.render(_subject(loaded, "merged", prompt=prompt.model_copy(update={"style": "instruct"})))
    assert "```\n### Instruction:\nExtract.\nNothing else.\n\n### Input:\n…\n\n### Output:\n\n```\n\nInputs of" in text
    assert "chat template" not in text
