"""Answers and losses from any variant of an adapter, by transformers or by llama.cpp, from the same prompt token ids.

base      models/base                              transformers
adapter   models/base + models/adapters/A          transformers
merged    models/merged/A                          transformers
f16       models/gguf/A/f16.gguf                   llama.cpp
q4_k_m    models/gguf/A/q4_k_m.gguf                llama.cpp

engine = open_engine("q4_k_m", "products", Path("models"), section)
engine.answer([[1, 9690, 198, ...]], max_new_tokens=128)  ->  [Answer(text='{"name": …}', stopped=True)]
engine.loss([([1, 9690, 198, ...], [28, 17, 2])])         ->  [(5.31, 3)]   nats and tokens of each target
"""

from pathlib import Path
from typing import get_args

from stages.checkpoint import load_tokenizer
from stages.command import Failure
from stages.engines.engine import Engine
from stages.engines.hf import Transformers
from stages.engines.llama import LlamaCpp, sampling
from stages.params import VARIANTS, Evaluate, Quantisation

QUANTISATIONS = get_args(Quantisation)


def weights(variant: str, adapter: str, models: Path) -> Path:
    """Where the weights of a variant are: a GGUF file, or the folder of a model or an adapter.

    Raises:
        Failure: there is no such variant.
    """
    if variant in QUANTISATIONS:
        return models / "gguf" / adapter / f"{variant}.gguf"
    if variant not in VARIANTS:
        raise Failure(f"no variant {variant!r}; there are {', '.join(VARIANTS)}")
    return {"base": models / "base", "adapter": models / "adapters" / adapter, "merged": models / "merged" / adapter}[variant]


def open_engine(variant: str, adapter: str, models: Path, section: Evaluate) -> Engine:
    """The engine of a variant; see the module's table for where each one's weights are.

    Raises:
        Failure: the variant is unknown, or its files are missing or damaged.
    """
    path = weights(variant, adapter, models)
    if variant in QUANTISATIONS:
        engine = LlamaCpp(path, section.slots, section.context, section.threads, sampling(section.decoding))
        engine.tokenizer = load_tokenizer(models / "base")
        return engine
    return Transformers(models / "base", path, section) if variant == "adapter" else Transformers(path, None, section)
