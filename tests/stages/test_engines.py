"""Answers and losses of the real base model, on prompts of a few tokens."""

from pathlib import Path
from typing import Any

import pytest
import torch

from stages import attention, checkpoint
from stages.engines import GREEDY, LOSS_TOKENS, ONE, LlamaCpp, Transformers, alike, even, sampling
from stages.params import Decoding, Params

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
