"""What a card is about, and its YAML header, which the hub reads: base, licence, languages, scores."""

from dataclasses import dataclass
from typing import Any

from huggingface_hub import EvalResult, ModelCardData

from stages.params import BaseSection, HubSource, Prompt, Task
from stages.publish.ledger import Ledger

KINDS = {"adapter": "LoRA adapter", "merged": "merged weights", "gguf": "GGUF"}
HEADLINE = {"adapter": "adapter", "merged": "merged", "gguf": "q4_k_m"}  # the variant whose scores stand in the header
RELATION = {"adapter": "adapter", "merged": "finetune", "gguf": "quantized"}
LIBRARY = {"adapter": "peft", "merged": "transformers", "gguf": "gguf"}
SCORES = {"exact_match": "exact match", "mean_field_accuracy": "mean field accuracy", "json_parse_rate": "JSON parsed",
          "token_f1": "token F1", "rouge_l": "ROUGE-L", "stop_rate": "stopped by itself",
          "loss": "loss per target token"}  # fmt: skip
HUB_LICENCES = {"apache-2.0", "mit", "cc0-1.0", "cc-by-4.0", "cc-by-sa-4.0", "llama3", "llama3.1", "llama3.2", "gemma"}


@dataclass(frozen=True)
class Subject:
    """What a card is about. `metrics` holds scores, train, merge and gguf of this adapter."""

    adapter: str
    kind: str
    base: BaseSection
    tasks: list[Task]
    prompt: Prompt
    max_prompt: int  # tokens
    ledger: Ledger
    metrics: dict[str, Any]
    commit: str


def header(subject: Subject) -> ModelCardData:
    """The YAML header."""
    record = subject.metrics["scores"].get(HEADLINE[subject.kind], {})
    results = [
        EvalResult(
            task_type="text-generation", dataset_type=f"{subject.adapter}-test", dataset_name=f"{subject.adapter}, held out",
            metric_type=key, metric_value=record[key], metric_name=title,
        )
        for key, title in SCORES.items() if key in record
    ]  # fmt: skip
    name, known = hub_licence(subject.base.licence)
    return ModelCardData(
        model_name=title(subject),
        eval_results=results or None,
        base_model=subject.base.source.repo if isinstance(subject.base.source, HubSource) else subject.base.name,
        base_model_relation=RELATION[subject.kind],
        language=subject.ledger.languages or None,
        library_name=LIBRARY[subject.kind],
        license=name if known else "other",
        license_name=None if known else name,
        pipeline_tag="text-generation",
        tags=["lora", *subject.tasks],
    )


def hub_licence(licence: str) -> tuple[str, bool]:
    """A licence as the hub writes it, and whether the hub has it in its list: `Apache-2.0` → `apache-2.0`."""
    lower = licence.lower()
    plain = lower.replace("llama-", "llama")
    return (plain, True) if plain in HUB_LICENCES else (lower.replace(" ", "-"), False)


def title(subject: Subject) -> str:
    """`SmolLM2-135M-Instruct products (GGUF)`."""
    return f"{subject.base.name} {subject.adapter} ({KINDS[subject.kind]})"
