"""The prompt of the real tokenizer: its exact text, its control tokens, and how a long input is shortened."""

from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from transformers import PreTrainedTokenizerBase

from stages import checkpoint
from stages.command import Failure
from stages.params import Params, Prompt
from stages.prompt import SHORTENED, Prompter

pytestmark = pytest.mark.slow

CHAT = (
    "<|im_start|>system\nAnswer the question.<|im_end|>\n<|im_start|>user\nWhat is a rank?<|im_end|>\n<|im_start|>assistant\n"
)
INSTRUCT = "<|im_start|>### Instruction:\nAnswer the question.\n\n### Input:\nWhat is a rank?\n\n### Output:\n"


@pytest.fixture(scope="module")
def tokenizer(base: Path) -> PreTrainedTokenizerBase:
    return checkpoint.load_tokenizer(base)


@pytest.fixture(scope="module")
def chat(tokenizer: PreTrainedTokenizerBase, loaded: Params) -> Prompter:
    return Prompter(tokenizer, loaded.prompt)


@pytest.fixture(scope="module")
def instruct(tokenizer: PreTrainedTokenizerBase, loaded: Params) -> Prompter:
    return Prompter(tokenizer, loaded.prompt.model_copy(update={"style": "instruct"}))


def test_the_exact_text_of_both_styles(chat: Prompter, instruct: Prompter) -> None:
    assert chat.text("faq", "What is a rank?") == CHAT
    assert instruct.text("faq", "What is a rank?") == INSTRUCT


def test_the_system_prompt_is_that_of_the_task(chat: Prompter, loaded: Params) -> None:
    assert f"system\n{loaded.prompt.system['extract']}<|im_end|>" in chat.text("extract", "x")


def test_one_bos_stands_first(chat: Prompter, instruct: Prompter, tokenizer: PreTrainedTokenizerBase) -> None:
    assert tokenizer.bos_token == "<|im_start|>"
    for prompter, turns in ((chat, 3), (instruct, 1)):
        ids = prompter.encode("faq", "What is a rank?", 512).ids
        assert ids[0] == tokenizer.bos_token_id
        assert ids[1] != tokenizer.bos_token_id
        assert ids.count(tokenizer.bos_token_id) == turns


def test_the_ids_are_those_of_the_text(chat: Prompter, tokenizer: PreTrainedTokenizerBase) -> None:
    encoded = chat.encode("faq", "What is a rank?", 512)
    assert tokenizer.decode(encoded.ids) == CHAT
    assert encoded.n_cut == 0


@pytest.mark.parametrize("text", ["No.", "", '{"name": "é"}', "a<|im_end|>b"])
def test_a_target_ends_with_the_only_eos(text: str, chat: Prompter, tokenizer: PreTrainedTokenizerBase) -> None:
    ids = chat.encode_target(text)
    assert ids[-1] == tokenizer.eos_token_id
    assert ids.count(tokenizer.eos_token_id) == 1
    assert tokenizer.decode(ids[:-1]) == text.replace("<|im_end|>", "< |im_end|>")


@pytest.mark.parametrize(
    ("text", "defused"),
    [
        ("a <|im_end|> b", "a < |im_end|> b"),
        ("<|im_start|><|endoftext|>", "< |im_start|>< |endoftext|>"),
        ("a < b | c > d", "a < b | c > d"),
        ("<|im_other|>", "<|im_other|>"),
    ],
)
def test_defuse(text: str, defused: str, chat: Prompter) -> None:
    assert chat.defuse(text) == defused


FRAGMENTS = [
    "<|im_start|>",
    "<|im_end|>",
    "<|endoftext|>",
    "<repo_name>",
    "<|im_",
    "start|>",
    "<|",
    "|>",
    "<",
    "### Output:\n",
    "{{",
    "{%",
]


@settings(max_examples=150, deadline=None)
@given(st.lists(st.one_of(st.sampled_from(FRAGMENTS), st.text(max_size=6)), max_size=10).map("".join))
def test_no_text_from_outside_becomes_a_control_token(
    chat: Prompter, instruct: Prompter, tokenizer: PreTrainedTokenizerBase, user: str
) -> None:
    control = set(tokenizer.all_special_ids) | {n for n, token in tokenizer.added_tokens_decoder.items() if token.special}
    for prompter in (chat, instruct):
        empty, found = (prompter.encode("extract", text, 10_000).ids for text in ("", user))
        assert [token for token in found if token in control] == [token for token in empty if token in control]
        assert [token for token in prompter.encode_target(user) if token in control] == [tokenizer.eos_token_id]


@pytest.mark.parametrize("budget", [50, 64, 100, 257, 511])
@pytest.mark.parametrize("style", ["chat", "instruct"])
def test_a_long_input_loses_its_middle_only(
    style: str, budget: int, request: pytest.FixtureRequest, tokenizer: PreTrainedTokenizerBase
) -> None:
    prompter: Prompter = request.getfixturevalue(style)
    user = "FIRST " + " ".join(f"word{n} é" for n in range(400)) + " LAST"
    encoded = prompter.encode("faq", user, budget)
    text = tokenizer.decode(encoded.ids)
    before, after = prompter.text("faq", "\x00").split("\x00")
    assert budget - 10 <= len(encoded.ids) <= budget
    assert text.startswith(before + "FIRST")
    assert text.endswith("LAST" + after)
    assert text.count(SHORTENED) == 1
    kept = len(tokenizer(user, add_special_tokens=False)["input_ids"]) - encoded.n_cut
    assert 0 < kept < budget


def test_an_input_that_fits_exactly_is_whole(chat: Prompter) -> None:
    ids = chat.encode("faq", "What is a rank?", 512).ids
    assert chat.encode("faq", "What is a rank?", len(ids)).n_cut == 0


def test_no_room_for_the_template_is_one_line(chat: Prompter) -> None:
    with pytest.raises(Failure, match=r"no room for a faq prompt in 10 tokens; raise tokenize.max_seq_len"):
        chat.encode("faq", "What is a rank? " * 9, 10)


def test_the_template_for_ollama(chat: Prompter, instruct: Prompter) -> None:
    slots = (("Answer the question.", "{{ .System }}"), ("What is a rank?", "{{ .Prompt }}"))
    for prompter, text in ((chat, CHAT), (instruct, INSTRUCT)):
        for value, slot in slots:
            text = text.replace(value, slot)
        assert prompter.ollama_template() == text + "{{ .Response }}<|im_end|>"


def test_a_base_without_a_template_needs_the_other_style(base: Path, loaded: Params) -> None:
    bare = checkpoint.load_tokenizer(base)
    bare.chat_template = None
    with pytest.raises(Failure, match=r"set prompt.style: instruct"):
        Prompter(bare, loaded.prompt)
    section = Prompt(style="instruct", system=loaded.prompt.system)
    assert Prompter(bare, section).text("faq", "What is a rank?") == INSTRUCT
