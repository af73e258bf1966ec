"""Tokenizers of other kinds than the base's, trained here in a moment: byte-level BPE, SentencePiece's BPE and unigram.

Each comes with the habits of a real model: Llama 3 writes its bos in the template and has a tokenizer that adds one too;
TinyLlama leaves it to the tokenizer, and its role markers are plain text; unigram models fold look-alike characters.
"""

import json
import tempfile
from pathlib import Path

from sentencepiece import SentencePieceProcessor, SentencePieceTrainer
from tokenizers import Tokenizer, decoders, models, normalizers, pre_tokenizers, processors, trainers
from transformers import PreTrainedTokenizerBase, PreTrainedTokenizerFast

from stages.checkpoint import load_tokenizer

CORPUS = [
    "The key is small. The door is tall, and the price is 12,50 € or £9.99.",
    "Où est la clé ? Elle est là, derrière l’église.",
    '{"name": "X200", "price": null}',
    "def f(x):\n    return x + 1\n",
    "system user assistant\n",
    "ＡＢＣ ﬁn ½ ① 日本語 текст 🙂",
] * 20
LLAMA3 = (
    "{{ bos_token }}{% for m in messages %}<|start_header_id|>{{ m.role }}<|end_header_id|>\n\n{{ m.content | trim }}<|eot_id|>"
    "{% endfor %}{% if add_generation_prompt %}<|start_header_id|>assistant<|end_header_id|>\n\n{% endif %}"
)
TINY_LLAMA = (
    "{% for m in messages %}<|{{ m.role }}|>\n{{ m.content }}{{ eos_token }}\n{% endfor %}"
    "{% if add_generation_prompt %}<|assistant|>\n{% endif %}"
)
LLAMA2 = "{{ bos_token }}[INST] <<SYS>>\n{{ messages[0].content }}\n<</SYS>>\n\n{{ messages[1].content }} [/INST]"


def byte_level() -> PreTrainedTokenizerFast:
    """As Llama 3's: bytes, a bos that both template and tokenizer write."""
    special = ["<|begin_of_text|>", "<|eot_id|>", "<|pad|>", "<unk>", "<|start_header_id|>", "<|end_header_id|>"]
    made = Tokenizer(models.BPE())
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    made.decoder = decoders.ByteLevel()
    alphabet = pre_tokenizers.ByteLevel.alphabet()
    made.train_from_iterator(CORPUS, trainers.BpeTrainer(vocab_size=600, special_tokens=special, initial_alphabet=alphabet))
    return _wrapped(made, special, LLAMA3)


def sentencepiece() -> PreTrainedTokenizerFast:
    """As Llama 2's and TinyLlama's: a space is put before the text, unknown characters are bytes."""
    special = ["<s>", "</s>", "<pad>", "<unk>"]
    space = normalizers.Sequence([normalizers.Prepend("▁"), normalizers.Replace(" ", "▁")])
    learner = Tokenizer(models.BPE(unk_token="<unk>"))
    learner.normalizer = space
    learner.train_from_iterator(CORPUS, trainers.BpeTrainer(vocab_size=500, special_tokens=special))
    learned = json.loads(learner.to_str())["model"]
    vocab = {token: place for place, token in enumerate([*learned["vocab"], *(f"<0x{n:02X}>" for n in range(256))])}
    merges = [tuple(merge) for merge in learned["merges"]]
    made = Tokenizer(models.BPE(vocab, merges, byte_fallback=True, unk_token="<unk>", fuse_unk=True))
    made.normalizer = space
    parts = [decoders.Replace("▁", " "), decoders.ByteFallback(), decoders.Fuse(), decoders.Strip(" ", 1, 0)]
    made.decoder = decoders.Sequence(parts)
    return _wrapped(made, special[:3], TINY_LLAMA)


def unigram() -> PreTrainedTokenizerFast:
    """As T5's kind of SentencePiece model: unigram over text in which look-alike characters are folded."""
    special = ["<s>", "</s>", "<pad>", "<unk>"]
    made = Tokenizer(models.Unigram())
    made.normalizer = normalizers.NFKC()
    made.pre_tokenizer = pre_tokenizers.Metaspace(prepend_scheme="always")
    made.decoder = decoders.Metaspace(prepend_scheme="always")
    made.train_from_iterator(CORPUS, trainers.UnigramTrainer(vocab_size=300, special_tokens=special, unk_token="<unk>"))
    return _wrapped(made, special[:3], LLAMA2)


def sentencepiece_file() -> PreTrainedTokenizerBase:
    """As Llama 2's on the hub without a tokenizer.json: transformers converts a file that SentencePiece itself trained."""
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        SentencePieceTrainer.train(
            sentence_iterator=iter(line for text in CORPUS for line in text.splitlines()), model_prefix=str(root / "tokenizer"),
            model_type="bpe", vocab_size=500, byte_fallback=True, pad_id=3, normalization_rule_name="identity",
            remove_extra_whitespaces=False, hard_vocab_limit=False, minloglevel=2,
        )  # fmt: skip
        config = {"tokenizer_class": "LlamaTokenizer", "bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>",
                  "pad_token": "<pad>", "add_bos_token": True, "chat_template": TINY_LLAMA}  # fmt: skip
        (root / "tokenizer_config.json").write_text(json.dumps(config), encoding="utf-8")
        (root / "config.json").write_text('{"model_type": "llama"}', encoding="utf-8")
        made = load_tokenizer(root)
        made.by_sentencepiece = SentencePieceProcessor(model_file=str(root / "tokenizer.model"))
        return made


def _wrapped(made: Tokenizer, special: list[str], template: str) -> PreTrainedTokenizerFast:
    """With bos, eos and pad, a tokenizer that adds bos by itself, and a chat template."""
    bos, eos, pad = special[:3]
    made.add_special_tokens(special)
    made.post_processor = processors.TemplateProcessing(single=f"{bos} $A", special_tokens=[(bos, made.token_to_id(bos))])
    wrapped = PreTrainedTokenizerFast(tokenizer_object=made, bos_token=bos, eos_token=eos, pad_token=pad, unk_token="<unk>")
    wrapped.chat_template = template
    return wrapped
