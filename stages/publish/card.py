"""The model card: a README.md in the hub's format, every number in it read from metrics/.

    ---
    base_model: SmolLM2-135M-Instruct
    license: apache-2.0
    …
    ---
    # SmolLM2-135M-Instruct products (GGUF)

Format: https://huggingface.co/docs/hub/model-cards; the header is written by huggingface_hub itself.
"""

from typing import Any

from stages.params import HubSource, Task, asked
from stages.prompt import INSTRUCT
from stages.publish.header import HEADLINE, SCORES, Subject, header, title

SHOWN = {"adapter": ("base", "adapter"), "merged": ("base", "adapter", "merged"),
         "gguf": ("base", "adapter", "merged", "f16", "q4_k_m")}  # fmt: skip
ABOUT: dict[Task, str] = {
    "extract": "reads the text of a product page and writes one JSON object; what a page does not state is null",
    "faq": "answers questions about the documents that it was trained on",
    "raft": "answers questions from passages that are given with them, and quotes the passage",
    "continue": "continues text of the documents that it was trained on",
}


def render(subject: Subject) -> str:
    """The whole card."""
    parts = [_opening(subject), _scores(subject), _proof(subject), _use(subject), _data(subject), _limits(subject),
             _licences(subject), _origin(subject)]  # fmt: skip
    return f"---\n{header(subject).to_yaml()}\n---\n\n" + "\n\n".join(part for part in parts if part) + "\n"


def _opening(subject: Subject) -> str:
    about = "; ".join(f"`{task}`: {ABOUT[task]}" for task in subject.tasks)
    return f"# {title(subject)}\n\n{subject.base.name}, fine-tuned with LoRA for {about}."


def table(titles: list[str], rows: list[list[str]]) -> str:
    """A Markdown table."""
    lines = [titles, ["---"] * len(titles), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _number(value: Any) -> str:
    return "–" if value is None else f"{value:.4g}" if isinstance(value, float) else str(value)


def _scores(subject: Subject) -> str:
    scores = {variant: subject.metrics["scores"][variant] for variant in SHOWN[subject.kind]}
    keys = [key for key in SCORES if any(key in record for record in scores.values())]
    rows = [[variant, *(_cell(record, key) for key in keys)] for variant, record in scores.items()]
    count = max(record["n"] for record in scores.values())
    return (
        f"## Scores\n\nOn {count} held-out examples that training never saw, split by source; greedy decoding; the share or "
        f"mean, with its confidence interval.\n\n{table(['variant', *(SCORES[key] for key in keys)], rows)}"
    )


def _cell(record: dict[str, Any], key: str) -> str:
    low, high = record.get("intervals", {}).get(key, (None, None))
    return _number(record.get(key)) + ("" if low is None else f" ({_number(low)}–{_number(high)})")


def _proof(subject: Subject) -> str:
    if subject.kind == "adapter":
        return ""
    merge = subject.metrics["merge"]
    proof = (
        f"## Conversion\n\nThe merged weights against base + adapter, both in float32, on {merge['probes']} held-out prompts: "
        f"the largest difference of a logit is {_number(merge['max_logit_difference'])}, the mean "
        f"{_number(merge['mean_logit_difference'])}, KL divergence {_number(merge['kl_divergence'])} nats a token; "
        f"{merge['same_continuations']} of {merge['continuations']} greedy continuations are the same."
    )
    files = {name: file for name, file in subject.metrics["gguf"].items() if "bytes" in file}
    columns = ("bits_per_weight", "perplexity", "perplexity_of_merged")
    rows = [
        [f"`{name}.gguf`", f"{file['bytes'] / 1e6:.0f} MB", *(_number(file.get(key)) for key in columns)]
        for name, file in files.items()
    ]
    titles = ["file", "size", "bits a weight", "perplexity on held-out rows", "of the merged model"]
    return proof + (f"\n\n{table(titles, rows)}" if subject.kind == "gguf" else "")


def _use(subject: Subject) -> str:
    base = subject.base.source.repo if isinstance(subject.base.source, HubSource) else "models/base"
    code = {
        "adapter": f'base = transformers.AutoModelForCausalLM.from_pretrained("{base}")\n'
                   'model = peft.PeftModel.from_pretrained(base, ".")',
        "merged": 'model = transformers.AutoModelForCausalLM.from_pretrained(".")\n'
                  'tokenizer = transformers.AutoTokenizer.from_pretrained(".")',
        "gguf": f"sha256sum -c SHA256SUMS\nollama create {subject.adapter} -f Modelfile\nllama-server -m q4_k_m.gguf",
    }[subject.kind]  # fmt: skip
    language = "bash" if subject.kind == "gguf" else "python"
    return f"## Use\n\n```{language}\n{code}\n```\n\n{_prompt(subject)}"


def _prompt(subject: Subject) -> str:
    """How training put its inputs: a template has a system prompt of its own, which is not the trained one."""
    system = subject.prompt.system[asked(subject.tasks)]
    cleaned = "Inputs of training were cleaned text, not HTML: `python -m stages.predict` cleans them."
    if subject.prompt.style == "instruct":
        form = INSTRUCT.format(system=system, input="…")
        return f"Prompts are this text, with the input in place of the dots:\n\n```\n{form}\n```\n\n{cleaned}"
    quoted = system.strip().replace("\n", "\n> ")
    return (
        "Prompts follow the chat template of the tokenizer, with the system prompt of training (not the template's own):\n\n"
        f"> {quoted}\n\n{cleaned}"
    )


def _data(subject: Subject) -> str:
    counts = subject.ledger.counts
    documents, train = counts["documents"], counts["tokens"][subject.adapter]["train"]
    rows = [
        ["documents stored", _number(documents["stored"])],
        ["kept by the sanitizer", _number(documents["kept"])],
        ["dropped, by reason", _listed(documents["dropped"])],
        ["examples rejected, by reason", _listed(counts["rejected"])],
        ["removed as too near to a test example", _number(counts["leaks"]["found"])],
    ]
    for split, by_task in counts["examples"].items():
        rows.append([f"{split} examples", _listed({task: by_task[task] for task in subject.tasks if task in by_task})])
    seen = f"{train['n_target']} learned, {train['n_prompt']} of prompts, {train['n_cut']} cut"
    rows += [["training rows", f"{train['rows']}, {train['shortened']} of them shortened"], ["training tokens", seen]]
    return f"## Data ledger\n\n{table(['step', 'count'], rows)}"


def _listed(counts: dict[Any, int]) -> str:
    return ", ".join(f"{name} {count}" for name, count in counts.items()) or "none"


def _limits(subject: Subject) -> str:
    languages = ", ".join(subject.ledger.languages) or "undetermined"
    record = subject.metrics["scores"].get(HEADLINE[subject.kind], {})
    lines = [
        f"- The scores hold for pages and questions like the training data's ({languages}); others were not measured.",
        f"- Prompts beyond {subject.max_prompt} tokens lose their middle.",
        "- It can state what is not so: check what it writes before acting on it. It was not tested for bias or misuse.",
    ]
    if "stop_rate" in record and record["stop_rate"] < 1:
        lines.append(f"- {1 - record['stop_rate']:.1%} of its answers did not end by themselves.")
    if "exact_match" in record and "json_parse_rate" in record:
        lines.append(f"- {1 - record['exact_match']:.1%} of the objects were not wholly right.")
    return "## Limits\n\n" + "\n".join(lines)


def _licences(subject: Subject) -> str:
    rows = [[f"base: {subject.base.name}", subject.base.licence]]
    rows += [[f"{count} training documents", licence] for licence, count in subject.ledger.documents.items()]
    return (
        "## Licences\n\nThese weights derive from the base and are under its terms; whether the documents' terms bind them too "
        f"is for their user to judge.\n\n{table(['from', 'licence'], rows)}"
    )


def _origin(subject: Subject) -> str:
    train = subject.metrics["train"]
    return (
        f"## Origin\n\nCommit `{subject.commit}` of the repository that made it; token rows `{subject.ledger.tokens}` (in its "
        f"`dvc.lock`). {train['steps']} steps over {train['tokens']} tokens, {train['trainable']} weights trained "
        f"({train['trainable_share']:.1%}), validation loss {_number(train['valid_loss'])}."
    )
