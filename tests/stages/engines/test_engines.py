"""Answers and losses of the real base model, on prompts of a few tokens."""

import math
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import torch

from stages import checkpoint, native
from stages.command import Failure
from stages.engines import open_engine
from stages.engines.engine import Answer, even
from stages.engines.hf import LOSS_TOKENS, Transformers, alike, dtype_of
from stages.engines.llama import GREEDY, ONE, LlamaCpp, sampling
from stages.fused import attention
from stages.params import Decoding, Params
from tests.stages.gguf.conftest import make_adapter

ROOT = Path(__file__).parents[3]
pytestmark = pytest.mark.slow


def _engine(base: Path, loaded: Params, **decoding: float) -> Transformers:
    changes: dict[str, Any] = {"dtype": "float32", "batch_size": 2}
    if decoding:
        changes["decoding"] = Decoding(temperature=decoding["temperature"], top_p=1.0, seed=int(decoding["seed"]))
    return Transformers(base, None, loaded.evaluate.model_copy(update=changes))


def _ids(engine: Transformers, *texts: str) -> list[list[int]]:
    return [list(engine.tokenizer(text)["input_ids"]) for text in texts]


def test_the_loss_of_a_row_is_that_of_its_target_alone(base: Path, loaded: Params) -> None:
    engine = _engine(base, loaded)
    prompts = _ids(engine, "The sun rises in the", "Two and two is", "")
    targets = _ids(engine, " east and sets", " four", "Once upon a time")
    found = engine.loss(list(zip(prompts, targets, strict=True)))
    assert [count for _, count in found] == [len(targets[0]), len(targets[1]), len(targets[2]) - 1]
    for (nats, _), prompt, target in zip(found, prompts, targets, strict=True):
        logits = engine.model(torch.tensor([prompt + target])).logits[0].float().log_softmax(-1)
        start = max(len(prompt), 1)
        wanted = (prompt + target)[start:]
        alone = -sum(float(logits[start - 1 + n, token].detach()) for n, token in enumerate(wanted))
        assert nats == pytest.approx(alone, rel=1e-3)


def test_answers_that_the_loss_began_are_those_of_plain_decoding(base: Path, loaded: Params) -> None:
    engine = _engine(base, loaded)
    prompts = _ids(engine, "The capital of France is", "One, two, three,", "Bread is made of")
    plain = engine.answer(prompts, 12)
    own = [list(engine.tokenizer(answer.text)["input_ids"]) for answer in plain]
    wrong = [row[:n] + _ids(engine, " zebra")[0] for n, row in enumerate(own)]  # agree for 0, 1 and 2 tokens
    for targets in (own, wrong):
        engine.loss(list(zip(prompts, targets, strict=True)))
        assert all(engine._begun[tuple(prompt)] for prompt in prompts)
        assert engine.answer(prompts, 12) == plain
    assert engine._begun[tuple(prompts[2])] == own[2][:3]
    assert engine.answer(prompts, 1)[0].text == engine.tokenizer.decode(own[0][:1])


def test_a_model_s_own_repetition_penalty_does_not_count(base: Path, loaded: Params) -> None:
    engine = _engine(base, loaded)
    prompts = _ids(engine, "One, one, one, one, one,")
    plain = engine.answer(prompts, 12)
    engine.model.generation_config.repetition_penalty = 1.5
    assert engine.answer(prompts, 12) == plain


def test_attention_is_replaced_only_where_it_is_the_usual_one(
    models: Path, loaded: Params, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert _engine(models / "base", loaded).model.config._attn_implementation == attention.GROUPED
    model, tokenizer = checkpoint.load(models / "base", "float32", None)
    model.set_attn_implementation("eager")
    monkeypatch.setattr(checkpoint, "load", lambda *_: (model, tokenizer))
    assert _engine(models / "base", loaded).model.config._attn_implementation == "eager"


@pytest.mark.parametrize(("count", "most", "size"), [(52, 50, 26), (100, 50, 50), (101, 50, 34), (3, 50, 3), (0, 50, 1)])
def test_even_parts(count: int, most: int, size: int) -> None:
    assert even(count, most) == size


def test_losses_are_taken_in_parts_of_like_rows() -> None:
    sizes = [(300, 40), (0, 1500), (20, 30), (310, 40), (0, 900), (0, 900), (30, 30), *[(300, 45)] * 6]
    parts = list(alike([([1] * prompt, [1] * target) for prompt, target in sizes]))
    assert sorted(i for part in parts for i in part) == list(range(len(sizes)))
    assert parts[-2:] == [[4, 5], [1]]  # without a prompt, in the end
    for part in parts:
        longest = max(sum(sizes[i]) for i in part)
        assert len(part) * longest <= LOSS_TOKENS
    assert len(parts) == 4
    assert list(alike([([1], [1] * 5000)])) == [[0]]  # a row that is too long stands alone


def test_llama_cpp_answers_each_prompt_the_same_in_every_run(models: Path) -> None:
    engine = LlamaCpp(models / "gguf/products/f16.gguf", 2, 256, 1)
    prompts = [[1, *range(200 * n + 300, 200 * n + 305 + 3 * n)] for n in range(11)]  # more than a request takes
    found = engine.answer(prompts, 12)
    assert [engine.answer([prompt], 12)[0] for prompt in prompts] == found
    assert engine.answer(prompts, 12) == found
    assert len(set(found)) > 3
    assert engine.options.items() >= ONE.items()
    engine.options = dict(GREEDY)
    assert engine.answer(prompts, 12) == found
    assert LlamaCpp(models / "gguf/products/f16.gguf", 1, 256, 1, {"temperature": 0.1}).options == {"temperature": 0.1}


def test_llama_cpp_tells_the_loss_that_transformers_tells(models: Path, base: Path, loaded: Params) -> None:
    exact = loaded.evaluate.model_copy(update={"dtype": "float32", "threads": 1})
    theirs = Transformers(models / "merged/products", None, exact)
    ours = open_engine("f16", "products", models, exact)
    prompts = _ids(theirs, "The sun rises in the", "The sun sets in the", "")
    rows = list(zip(prompts, _ids(theirs, " east and sets", " west", "Once upon a time"), strict=True))
    wanted, found = theirs.loss(rows), ours.loss(rows)
    assert [count for _, count in found] == [count for _, count in wanted]
    assert [nats for nats, _ in found] == pytest.approx([nats for nats, _ in wanted], rel=2e-3)


def test_llama_cpp_answers_what_the_loss_has_shown_whole_and_nothing_else(
    models: Path, loaded: Params, monkeypatch: pytest.MonkeyPatch
) -> None:
    engine: Any = open_engine("f16", "products", models, loaded.evaluate.model_copy(update={"threads": 1, "slots": 2}))
    prompts = [[1, *range(200 * n + 300, 200 * n + 305)] for n in range(4)]
    plain, eos = engine.answer(prompts, 12), engine.tokenizer.eos_token_id
    rows = list(zip(prompts, [[40, 41, eos], [50, 51, eos], [60, 61], [70, *range(80, 100), eos]], strict=True))
    likeliest = [[40, 49, eos], *[target for _, target in rows[1:]]]  # another, whole, without an end, too long
    monkeypatch.setattr(native, "read", lambda *_: [native.Reading(1.0, found) for found in likeliest])
    assert engine.loss(rows) == [(1.0, 3), (1.0, 3), (1.0, 2), (1.0, 22)]
    shown = Answer(engine.tokenizer.decode([50, 51]), True)
    assert engine.answer(prompts, 12) == [plain[0], shown, *plain[2:]]
    assert engine.answer(prompts, 30)[3] == Answer(engine.tokenizer.decode([70, *range(80, 100)]), True)


def test_a_server_that_is_never_asked_ends(models: Path) -> None:
    code = (
        "from pathlib import Path\n"
        "from stages.engines.llama import LlamaCpp\n"
        f"for _ in range(3): LlamaCpp(Path({str(models / 'gguf/products/f16.gguf')!r}), 1, 256, 1)"
    )
    busy = [subprocess.Popen([sys.executable, "-c", "while True: pass"]) for _ in range(3)]  # else it hangs too seldom
    try:
        subprocess.run([sys.executable, "-c", code], check=True, timeout=300, cwd=ROOT)
    finally:
        for process in busy:
            process.kill()
            process.wait()


def test_a_sampling_llama_cpp_takes_nothing_from_the_loss(
    models: Path, loaded: Params, monkeypatch: pytest.MonkeyPatch
) -> None:
    section = loaded.evaluate.model_copy(update={"decoding": Decoding(temperature=0.7, top_p=0.9, seed=1), "slots": 1})
    engine: Any = open_engine("f16", "products", models, section)
    target = [40, engine.tokenizer.eos_token_id]
    monkeypatch.setattr(native, "read", lambda *_: [native.Reading(1.0, target)])
    engine.loss([([1, 2], target)])
    assert engine._known == {}


def test_an_adapter_s_loss_is_that_of_peft(base: Path, loaded: Params, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    exact = loaded.evaluate.model_copy(update={"dtype": "float32", "threads": 1})
    adapter = make_adapter(base, tmp_path)
    fused = Transformers(base, adapter, exact)
    monkeypatch.setattr("stages.fused.lora.fuse", lambda model: 0)
    plain = Transformers(base, adapter, exact)
    rows = list(zip(_ids(plain, "# Lamp", "Price:"), _ids(plain, " of brass", " 12 €"), strict=True))
    wanted, without = plain.loss(rows), Transformers(base, None, exact).loss(rows)
    assert [nats for nats, _ in fused.loss(rows)] == pytest.approx([nats for nats, _ in wanted], rel=1e-4)
    assert abs(wanted[0][0] - without[0][0]) > 0.01  # the adapter does something


@pytest.mark.parametrize(("wanted", "able", "found"), [
    ("auto", True, "float16"), ("auto", False, "float32"), ("bfloat16", True, "bfloat16"),
])  # fmt: skip
def test_auto_is_float16_where_it_is_fast(wanted: str, able: bool, found: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    monkeypatch.setattr(torch.ops.mkldnn, "_is_mkldnn_fp16_supported", lambda: able)
    assert dtype_of(wanted) == found


def test_a_loss_that_is_no_number_names_the_type(base: Path, loaded: Params) -> None:
    engine = _engine(base, loaded)
    engine.model.get_output_embeddings().register_forward_hook(lambda *found: found[-1] * math.inf)
    with pytest.raises(Failure, match=r"the model's loss is not a number in float32; another evaluate\.dtype"):
        engine.loss([(_ids(engine, "One")[0], _ids(engine, " two")[0])])


def test_sampling_follows_its_seed_and_takes_nothing_from_the_loss(base: Path, loaded: Params) -> None:
    engine = _engine(base, loaded, temperature=1.5, seed=1)
    prompts = _ids(engine, "The weather today is")
    first = engine.answer(prompts, 12)
    engine.loss([(prompts[0], _ids(engine, " fine")[0])])
    assert engine.answer(prompts, 12) == first
    assert _engine(base, loaded, temperature=1.5, seed=2).answer(prompts, 12) != first


def test_both_engines_sample_alike(loaded: Params) -> None:
    assert sampling(Decoding(temperature=0.1, top_p=0.9, seed=5)) == {
        "temperature": 0.1, "top_p": 0.9, "top_k": 0, "min_p": 0.0, "seed": 5,
    }  # fmt: skip
    assert GREEDY.items() <= sampling(loaded.evaluate.decoding).items()  # the committed scores are greedy
