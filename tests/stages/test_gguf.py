"""The Modelfile, and the lines for what llama.cpp refuses."""

from pathlib import Path

import pytest

from stages import checkpoint, gguf
from stages.command import Failure
from stages.params import Params
from stages.prompt import Prompter


@pytest.mark.slow
def test_the_modelfile_holds_the_prompt_of_training(base: Path, loaded: Params) -> None:
    prompter = Prompter(checkpoint.load_tokenizer(base), loaded.prompt)
    assert gguf.modelfile("q4_k_m.gguf", prompter, "Answer the question.", loaded.gguf, "<|im_end|>") == (
        "FROM ./q4_k_m.gguf\n"
        'TEMPLATE """<|im_start|>system\n{{ .System }}<|im_end|>\n<|im_start|>user\n{{ .Prompt }}<|im_end|>\n'
        '<|im_start|>assistant\n{{ .Response }}<|im_end|>"""\n'
        'SYSTEM """Answer the question."""\n'
        'PARAMETER stop "<|im_end|>"\n'
        f"PARAMETER num_ctx {loaded.gguf.context}\n"
        "PARAMETER temperature 0\n"
    )


def test_every_quantisation_of_params_is_known() -> None:
    assert set(gguf.FTYPES) | {"f16"} == {"f16", "q8_0", "q5_k_m", "q4_k_m"}


def test_a_file_that_is_no_gguf_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "f16.gguf").write_bytes(b"no GGUF")
    with pytest.raises(Failure, match=r"gguf: llama.cpp's quantiser failed: "):
        gguf.quantise(tmp_path / "f16.gguf", tmp_path / "q4_k_m.gguf", "q4_k_m", 1)
