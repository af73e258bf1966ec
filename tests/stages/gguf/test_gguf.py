"""Every file of a small model in llama.cpp: the same tokens, perplexity and predictions as transformers; what is refused."""

import hashlib
import json
import math
import subprocess
from contextlib import nullcontext
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import torch
import xllamacpp
from gguf import GGUFReader

from stages import checkpoint
from stages.command import Failure
from stages.engines.engine import Answer
from stages.engines.llama import LlamaCpp
from stages.gguf import __main__ as stage
from stages.gguf import checks, lora, metadata, native
from stages.native import read
from stages.params import Params
from stages.prompt import Prompter
from tests.stages.gguf.conftest import Line, described, make_adapter

FILES = ("f16", "q8_0", "q5_k_m", "q4_k_m")
LOSES = {"f16": 0.002, "q8_0": 0.02, "q5_k_m": 0.15, "q4_k_m": 0.3}  # nats a token: what rounding may cost a random model


@pytest.mark.slow
def test_the_modelfile_holds_the_prompt_of_training(base: Path, loaded: Params) -> None:
    prompter = Prompter(checkpoint.load_tokenizer(base), loaded.prompt)
    assert stage.modelfile("q4_k_m.gguf", prompter, "Answer the question.", loaded.gguf, "<|im_end|>") == (
        "FROM ./q4_k_m.gguf\n"
        'TEMPLATE """<|im_start|>system\n{{ .System }}<|im_end|>\n<|im_start|>user\n{{ .Prompt }}<|im_end|>\n'
        '<|im_start|>assistant\n{{ .Response }}<|im_end|>"""\n'
        'SYSTEM """Answer the question."""\n'
        'PARAMETER stop "<|im_end|>"\n'
        f"PARAMETER num_ctx {loaded.gguf.context}\n"
        "PARAMETER temperature 0\n"
    )


def test_every_quantisation_of_params_is_known() -> None:
    assert set(native.FTYPES) | {"f16"} == set(FILES)


@pytest.mark.slow
def test_all_files_are_there_with_their_sums(line: Line) -> None:
    names = {f"{name}.gguf" for name in (*FILES, "lora")} | {"Modelfile", "SHA256SUMS", "gguf.json"}
    assert {path.name for path in line.out.iterdir()} == names
    done = subprocess.run(["sha256sum", "-c", "SHA256SUMS"], cwd=line.out, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout
    assert done.stdout.count(": OK") == len(names) - 2
    sizes = [line.record[name]["bytes"] for name in FILES]
    assert sizes == sorted(sizes, reverse=True)
    assert line.record["f16"]["bits_per_weight"] > 16 > line.record["q8_0"]["bits_per_weight"] > 8


@pytest.mark.slow
@pytest.mark.parametrize("name", FILES)
def test_a_file_says_what_it_is(name: str, line: Line) -> None:
    fields = GGUFReader(line.out / f"{name}.gguf").fields
    wanted = {
        "general.name": "SmolLM2-135M-Instruct products", "general.license": "Apache-2.0",
        "general.base_model.0.name": "SmolLM2-135M-Instruct", "general.dataset.0.version": metadata.dvc_hash(line.tokens),
    }  # fmt: skip
    assert {key: fields[key].contents() for key in wanted} == wanted


@pytest.mark.slow
@pytest.mark.parametrize("name", FILES)
def test_perplexity_is_that_of_transformers_but_for_rounding(name: str, line: Line) -> None:
    found = line.record[name]
    assert abs(math.log(found["perplexity"]) - math.log(found["perplexity_of_merged"])) < LOSES[name]


def _greedy(folder: Path, ids: list[int], count: int) -> list[int]:
    model, _ = checkpoint.load(folder, "float32", None)
    out = list(ids)
    with torch.inference_mode():
        for _ in range(count):
            out.append(int(model(input_ids=torch.tensor([out])).logits[0, -1].argmax()))
    return out[len(ids) :]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["f16", "q8_0"])
def test_predictions_are_those_of_transformers(name: str, line: Line) -> None:
    tokenizer = checkpoint.load_tokenizer(line.merged)
    ids = tokenizer("The key is small. The door")["input_ids"]
    wanted = tokenizer.decode(_greedy(line.merged, ids, 6))
    assert LlamaCpp(line.out / f"{name}.gguf", 1, 256, 1).answer([ids], 6)[0].text == wanted


@pytest.mark.slow
@pytest.mark.parametrize("name", ["q5_k_m", "q4_k_m"])
def test_the_likeliest_token_of_transformers_is_among_five(name: str, line: Line) -> None:
    ids = checkpoint.load_tokenizer(line.merged)("The key is small. The door")["input_ids"]
    assert _greedy(line.merged, ids, 1)[0] in _first(line.out / f"{name}.gguf", None, ids)


@pytest.mark.slow
def test_the_bytes_are_the_same_every_time(line: Line, loaded: Params, tmp_path: Path) -> None:
    stage.convert(line.merged, tmp_path / "f16.gguf", described(line))
    native.quantise(tmp_path / "f16.gguf", tmp_path / "q4_k_m.gguf", "q4_k_m", 1)
    for name in ("f16.gguf", "q4_k_m.gguf"):
        assert _digest(tmp_path / name) == _digest(line.out / name), name


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.mark.slow
def test_the_lora_file_over_the_base_is_the_merged_model(line: Line, tmp_path: Path) -> None:
    base, ids = tmp_path / "base.gguf", [5, 6, 7, 8, 9, 10, 11]
    stage.convert(line.base, base, described(line))
    wanted, plain = _first(line.out / "f16.gguf", None, ids), _first(base, None, ids)
    found = _first(base, line.out / "lora.gguf", ids)
    assert list(found) == list(wanted)
    assert list(found.values()) == pytest.approx(list(wanted.values()), abs=0.02)
    assert list(plain) != list(wanted)  # the adapter does something


def _first(path: Path, lora_file: Path | None, ids: list[int]) -> dict[int, float]:
    """The five likeliest next tokens with their log probabilities, by llama.cpp's server."""
    settings = xllamacpp.CommonParams()
    settings.model.path, settings.n_ctx, settings.verbosity, settings.warmup = str(path), 256, -1, False
    if lora_file:
        held = xllamacpp.CommonAdapterLoraInfo()
        held.path, held.scale = str(lora_file), 1.0
        settings.lora_adapters = [held]
    request = {"prompt": ids, "n_predict": 1, "temperature": 0.0, "n_probs": 5}
    reply: Any = xllamacpp.Server(settings).handle_completions(request)
    reply = json.loads(reply) if isinstance(reply, str) else reply
    (token,) = reply["choices"][0]["logprobs"]["content"] if "choices" in reply else reply["completion_probabilities"]
    return {item["id"]: item["logprob"] for item in token["top_logprobs"]}


@pytest.mark.parametrize(
    ("config", "reason"),
    [
        ({"use_dora": True, "bias": "none"}, "DoRA scales every column"),
        ({"use_rslora": True, "bias": "none"}, "rsLoRA scales by alpha/sqrt(r)"),
        ({"bias": "all"}, "bias: all trains biases too"),
        ({"bias": "none", "alpha_pattern": {"q_proj": 2}}, "its layers have different scales"),
        ({"bias": "none", "use_dora": False, "use_rslora": False, "rank_pattern": {}}, None),
    ],
)
def test_what_llama_cpp_cannot_lay_over_a_base_is_refused(config: dict[str, object], reason: str | None) -> None:
    found = lora.refusal(config)
    assert found is None if reason is None else found is not None and found.startswith(reason)


@pytest.mark.slow
def test_a_refused_adapter_stands_in_the_record_and_leaves_no_file(
    line: Line, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    adapter = make_adapter(line.base, tmp_path / "adapter", use_rslora=True)
    record = stage.run_time_lora(adapter, line.merged, tmp_path)
    assert record["refused"].startswith("rsLoRA scales by")
    assert capsys.readouterr().out == f"gguf: no lora.gguf: {record['refused']}\n"
    assert not (tmp_path / "lora.gguf").exists()


@pytest.mark.parametrize(("answer", "good"), [(Answer("", False), False), (Answer("", True), True), (Answer("a", False), True)])
def test_a_file_that_answers_nothing_is_refused(
    answer: Answer, good: bool, loaded: Params, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine = SimpleNamespace(answer=lambda prompts, count: [answer] * len(prompts))
    monkeypatch.setattr(checks, "LlamaCpp", lambda *_: engine)
    said = nullcontext() if good else pytest.raises(Failure, match=r"gguf: llama\.cpp answers nothing with f16\.gguf")
    with said:
        checks.smoke(Path("f16.gguf"), [5, 6, 7], loaded.gguf)


# --- damaged files


@pytest.mark.slow
@pytest.mark.parametrize("share", [0.5, 0.999, 0.00001])
def test_a_file_cut_short_is_one_line(share: float, line: Line, tmp_path: Path) -> None:
    whole = (line.out / "q4_k_m.gguf").read_bytes()
    path = tmp_path / "q4_k_m.gguf"
    path.write_bytes(whole[: int(len(whole) * share)])
    with pytest.raises(Failure, match=r"q4_k_m\.gguf cannot be loaded by llama\.cpp \(.*\); is it whole\?"):
        LlamaCpp(path, 1, 256, 1)
    with pytest.raises(Failure, match=r"llama\.cpp's reader failed: "):
        read(path, [([], [1, 2, 3])], 1)


def test_a_file_that_is_no_gguf_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "f16.gguf").write_bytes(b"no GGUF")
    with pytest.raises(Failure, match=r"llama.cpp's quantiser failed: "):
        native.quantise(tmp_path / "f16.gguf", tmp_path / "q4_k_m.gguf", "q4_k_m", 1)


@pytest.mark.slow
def test_another_models_file_fails_the_comparison(line: Line, loaded: Params, tmp_path: Path) -> None:
    rows = [[5, 6, 7, 8, 9, 10, 11]]
    stage.convert(line.base, tmp_path / "f16.gguf", described(line))
    wanted = checks.loss_of_merged(line.merged, rows, 1)
    with pytest.raises(Failure, match=r"costs f16\.gguf .* nats a token in llama\.cpp and the merged model .* nothing is kept"):
        checks.compared(tmp_path / "f16.gguf", rows, wanted, loaded.gguf)
    assert checks.compared(line.out / "f16.gguf", rows, wanted, loaded.gguf)["perplexity"] > 1
