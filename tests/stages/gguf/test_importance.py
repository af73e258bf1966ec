"""Weights rounded by importance: which numbers, for which weights, with what effect, and what stays as it was."""

import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import torch
from gguf import GGUFReader, GGUFWriter, dequantize

from stages import checkpoint
from stages.command import Failure
from stages.engines.llama import LlamaCpp
from stages.gguf import __main__ as stage
from stages.gguf import importance, native, rounding
from stages.params import Params
from tests.stages.gguf.conftest import Line, described

QUANTISED = ("q8_0", "q5_k_m", "q4_k_m")
ROWS = 5


def _tensors(path: Path) -> dict[str, Any]:
    return {tensor.name: tensor for tensor in GGUFReader(path).tensors}


def _weigh(line: Line, loaded: Params, folder: Path, rows: int) -> dict[str, dict[str, Any]]:
    for name in ("f16", *QUANTISED):
        shutil.copy(line.out / f"{name}.gguf", folder)
    paths = [folder / f"{name}.gguf" for name in ("f16", *QUANTISED)]
    section = loaded.gguf.model_copy(update={"importance_rows": rows, "threads": 2})
    return stage.weighed(line.merged, line.tokens, paths, described(line), section)


@pytest.fixture(scope="session")
def weighed(line: Line, loaded: Params, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The files of the small model, rounded again."""
    folder = tmp_path_factory.mktemp("weighed")
    assert _weigh(line, loaded, folder, ROWS) == {name: {"importance_rows": ROWS} for name in ("q5_k_m", "q4_k_m")}
    return folder


# --- which numbers


def test_rows_are_spread_over_all_shards(tmp_path: Path) -> None:
    for shard in range(2):
        pq.write_table(pa.table({"input_ids": [[4 * shard + row] for row in range(4)]}), tmp_path / f"train-{shard:05}.parquet")
    pq.write_table(pa.table({"input_ids": [[99]]}), tmp_path / "valid-00000.parquet")
    assert importance.rows(tmp_path, 4) == [[0], [2], [4], [6]]
    assert importance.rows(tmp_path, 3) == [[0], [2], [5]]
    assert importance.rows(tmp_path, 100) == [[row] for row in range(8)]


def test_no_rows_are_one_line(tmp_path: Path) -> None:
    with pytest.raises(Failure, match=r"holds no training rows to measure importances on; run `dvc repro` to make them"):
        importance.rows(tmp_path, 4)


@pytest.mark.slow
def test_importances_are_mean_squares_over_tokens(line: Line) -> None:
    rows = [[5, 6, 7, 8, 9, 10, 11], [12, 13]]
    found = importance.measure(line.merged, rows, 1)
    model, _ = checkpoint.load(line.merged, "float32", None)
    first = model.model.layers[0]
    with torch.inference_mode():
        inputs = first.input_layernorm(model.model.embed_tokens(torch.tensor([*rows[0], *rows[1]])))
        attended = model.model(input_ids=torch.tensor(rows[:1]), output_hidden_states=True).hidden_states[1]
    wanted = inputs.square().mean(0).numpy()
    for name in ("q_proj", "k_proj", "v_proj"):
        np.testing.assert_allclose(found[f"model.layers.0.self_attn.{name}"], wanted, rtol=0.03, atol=1e-4 * wanted.max())
    second = model.model.layers[1].input_layernorm(attended).square().mean((0, 1)).detach().numpy()
    alone = importance.measure(line.merged, rows[:1], 1)["model.layers.1.self_attn.q_proj"]
    np.testing.assert_allclose(alone, second, rtol=0.1, atol=0.01 * second.max())


# --- for which weights


@pytest.mark.slow
def test_every_weight_of_every_block_has_its_importances(line: Line) -> None:
    file = line.out / "f16.gguf"
    found = importance.named(importance.measure(line.merged, [[5, 6, 7]], 1), file)
    wanted = {name: int(tensor.shape[0]) for name, tensor in _tensors(file).items()
              if name.startswith("blk.") and len(tensor.shape) == 2}  # fmt: skip
    assert {name: len(squares) for name, squares in found.items()} == wanted
    assert len(wanted) == 14


@pytest.mark.parametrize(
    ("architecture", "layer", "wanted"),
    [
        ("llama", "model.layers.1.mlp.down_proj", "blk.1.ffn_down.weight"),
        ("phi3", "model.layers.1.self_attn.qkv_proj", "blk.1.attn_qkv.weight"),
        ("phi3", "model.layers.0.mlp.gate_up_proj", "blk.0.ffn_up.weight"),
        ("qwen2", "model.layers.0.self_attn.o_proj", "blk.0.attn_output.weight"),
        ("qwen2", "model.layers.0.of_a_kind_that_llama_cpp_has_not", None),
    ],
)
def test_layers_get_llama_cpps_names(architecture: str, layer: str, wanted: str | None, tmp_path: Path) -> None:
    writer = GGUFWriter(tmp_path / "f16.gguf", architecture)
    writer.add_block_count(2)
    for step in (writer.write_header_to_file, writer.write_kv_data_to_file, writer.write_tensors_to_file, writer.close):
        step()
    assert list(importance.named({layer: np.ones(4, np.float32)}, tmp_path / "f16.gguf")) == ([wanted] if wanted else [])


# --- with what effect


@pytest.mark.slow
@pytest.mark.parametrize("name", QUANTISED)
def test_without_importances_the_bytes_are_the_quantisers(name: str, line: Line) -> None:
    whole, seen = _tensors(line.out / "f16.gguf"), set()
    for key, tensor in _tensors(line.out / f"{name}.gguf").items():
        if tensor.tensor_type.name not in ("F32", "F16"):
            seen.add(tensor.tensor_type.name)
            assert np.array_equal(rounding.rounded(whole[key].data, tensor.tensor_type, None), tensor.data), key
    assert seen == {"q8_0": {"Q8_0"}, "q5_k_m": {"Q5_K", "Q6_K"}, "q4_k_m": {"Q4_K", "Q6_K"}}[name]


@pytest.mark.slow
@pytest.mark.parametrize("name", ["q5_k_m", "q4_k_m"])
def test_what_matters_loses_less(name: str, line: Line, weighed: Path) -> None:
    found = importance.named(importance.measure(line.merged, importance.rows(line.tokens, ROWS), 2), line.out / "f16.gguf")
    whole, before, after = (_tensors(path) for path in (
        line.out / "f16.gguf", line.out / f"{name}.gguf", weighed / f"{name}.gguf"))  # fmt: skip

    def error(tensor: Any) -> float:
        off = dequantize(tensor.data, tensor.tensor_type) - np.asarray(whole[tensor.name].data, np.float32)
        return float((found[tensor.name] * off**2).sum())

    worse = {key: error(after[key]) / error(before[key]) for key in found if error(after[key]) >= error(before[key])}
    assert worse == {}


# --- and what stays as it was


@pytest.mark.slow
@pytest.mark.parametrize("name", ["q5_k_m", "q4_k_m"])
def test_types_names_and_all_other_tensors_stay(name: str, line: Line, weighed: Path) -> None:
    before, after = _tensors(line.out / f"{name}.gguf"), _tensors(weighed / f"{name}.gguf")
    assert {key: tensor.tensor_type for key, tensor in after.items()} == {k: tensor.tensor_type for k, tensor in before.items()}
    same = {key for key, tensor in after.items() if np.array_equal(tensor.data, before[key].data)}
    assert same == {key for key in before if "norm" in key or key == "token_embd.weight"}


@pytest.mark.slow
def test_the_file_says_on_what_it_was_weighed(line: Line, weighed: Path) -> None:
    before, after = (GGUFReader(folder / "q4_k_m.gguf").fields for folder in (line.out, weighed))
    added = {key: field.contents() for key, field in after.items() if key not in before}
    assert added == {
        "quantize.imatrix.dataset": "data/tokens/products",
        "quantize.imatrix.entries_count": 14,
        "quantize.imatrix.chunks_count": ROWS,
    }
    kept = [key for key in before if not key.startswith("GGUF.")]
    assert {key: after[key].contents() for key in kept} == {key: before[key].contents() for key in kept}


@pytest.mark.slow
def test_q8_0_ignores_importances_and_is_not_touched(line: Line, weighed: Path) -> None:
    assert (weighed / "q8_0.gguf").read_bytes() == (line.out / "q8_0.gguf").read_bytes()


@pytest.mark.slow
def test_no_importance_rows_touch_no_file(line: Line, loaded: Params, tmp_path: Path) -> None:
    assert _weigh(line, loaded, tmp_path, 0) == {}
    for name in QUANTISED:
        assert (tmp_path / f"{name}.gguf").read_bytes() == (line.out / f"{name}.gguf").read_bytes()


@pytest.mark.slow
def test_the_bytes_are_the_same_every_time(line: Line, loaded: Params, weighed: Path, tmp_path: Path) -> None:
    _weigh(line, loaded, tmp_path, ROWS)
    assert (tmp_path / "q4_k_m.gguf").read_bytes() == (weighed / "q4_k_m.gguf").read_bytes()
    assert {path.suffix for path in tmp_path.iterdir()} == {".gguf"}


@pytest.mark.slow
@pytest.mark.parametrize("name", ["q5_k_m", "q4_k_m"])
def test_llama_cpp_answers_with_it(name: str, weighed: Path) -> None:
    assert LlamaCpp(weighed / f"{name}.gguf", 1, 256, 1).answer([[5, 6, 7, 8, 9]], 6)[0].text


@pytest.mark.slow
def test_importances_that_do_not_fit_are_one_line(line: Line, tmp_path: Path) -> None:
    shutil.copy(line.out / "q4_k_m.gguf", tmp_path)
    wrong = {"blk.0.attn_q.weight": np.ones(3, np.float32)}
    with pytest.raises(Failure, match=r"llama.cpp's weigher failed: 3 importances for a weight of shape \(256, 256\)"):
        native.weigh(line.out / "f16.gguf", tmp_path / "q4_k_m.gguf", wrong, {}, 1)


@pytest.mark.slow
def test_the_stage_records_the_rows(line: Line, loaded: Params, tmp_path: Path) -> None:
    section = loaded.gguf.model_copy(update={
        "quantisations": ["f16", "q4_k_m"], "context": 256, "importance_rows": ROWS, "lora": False, "probes": 3, "threads": 1,
    })  # fmt: skip
    inputs = line.merged, line.adapter, line.tokens, line.examples, tmp_path
    record = stage.export(*inputs, described(line), ["faq"], loaded.prompt, section)
    assert record["q4_k_m"]["importance_rows"] == ROWS
    assert "importance_rows" not in record["f16"]
    assert record["q4_k_m"]["bytes"] > line.record["q4_k_m"]["bytes"]  # three keys more
