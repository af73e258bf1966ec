"""The prompt, made here and nowhere else: training, evaluation, llama.cpp, the Modelfile and `predict` get it here.

Two forms. `chat` is the base model's own template; `instruct` is for bases without one:

    <|im_start|>system                              ### Instruction:
    Answer the question.<|im_end|>                  Answer the question.
    <|im_start|>user
    What is a rank?<|im_end|>                       ### Input:
    <|im_start|>assistant                           What is a rank?

                                                    ### Output:

The target follows, ended by the eos token. Text from outside cannot break out of its place: what looks like a control
token in it is defused before the template sees it.
"""

from dataclasses import dataclass

from transformers import PreTrainedTokenizerBase

from stages.command import Failure
from stages.params import Prompt

SHORTENED = "\n[…]\n"
INSTRUCT = "### Instruction:\n{system}\n\n### Input:\n{input}\n\n### Output:\n"


@dataclass(frozen=True)
class Encoded:
    """Token ids of a prompt, and how many tokens of its input were cut to make it fit."""

    ids: list[int]
    n_cut: int


class Prompter:
    """Renders and encodes prompts for one tokenizer.

    Raises:
        Failure: the style is `chat` and the tokenizer has no chat template.
    """

    def __init__(self, tokenizer: PreTrainedTokenizerBase, section: Prompt) -> None:
        if section.style == "chat" and not tokenizer.chat_template:
            raise Failure("prompt.style is chat, but the base has no chat template; set prompt.style: instruct")
        self._tokenizer = tokenizer
        self._section = section
        self._markers = sorted((token for token in tokenizer.all_special_tokens if len(token) > 1), key=len)
        added = tokenizer.added_tokens_decoder.values()
        self._markers = sorted({*self._markers, *(token.content for token in added if token.special)})

    def defuse(self, text: str) -> str:
        """Break every control token's text by a space, so that no tokenizer parses it as one."""
        for marker in self._markers:
            text = text.replace(marker, f"{marker[0]} {marker[1:]}")
        return text

    def text(self, task: str, user: str) -> str:
        """The whole prompt as text, up to the place where the answer begins."""
        return self._render(self._section.system[task], self.defuse(user))  # type: ignore[index]

    def _render(self, system: str, user: str) -> str:
        if self._section.style == "instruct":
            return (self._tokenizer.bos_token or "") + INSTRUCT.format(system=system, input=user)
        messages = [{"role": "system", "content": system}, {"role": "user", "content": user}]
        return str(self._tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True))

    def encode(self, task: str, user: str, budget: int) -> Encoded:
        """The prompt's token ids, at most `budget`; a longer input loses its middle, never its template.

        Raises:
            Failure: the template alone exceeds the budget.
        """
        ids = self._ids(self.text(task, user))
        if len(ids) <= budget:
            return Encoded(ids, 0)
        offsets = self._tokenizer(user, add_special_tokens=False, return_offsets_mapping=True)["offset_mapping"]
        whole, kept = len(offsets), len(offsets) - (len(ids) - budget)
        while kept > 0:
            shorter = self._ids(self.text(task, _without_middle(user, offsets, kept)))
            if len(shorter) <= budget:
                return Encoded(shorter, whole - kept)
            kept -= len(shorter) - budget
        raise Failure(f"no room for a {task} prompt in {budget} tokens; raise tokenize.max_seq_len")

    def encode_target(self, text: str) -> list[int]:
        """The token ids of an answer, ended by eos."""
        return [*self._ids(self.defuse(text)), self._tokenizer.eos_token_id]

    def _ids(self, text: str) -> list[int]:
        return list(self._tokenizer(text, add_special_tokens=False)["input_ids"])

    def ollama_template(self) -> str:
        """The same prompt as a Go template, for a Modelfile."""
        return self._render("{{ .System }}", "{{ .Prompt }}") + "{{ .Response }}" + str(self._tokenizer.eos_token)


def _without_middle(text: str, offsets: list[tuple[int, int]], kept: int) -> str:
    """`text` with only `kept` of its tokens: two thirds from its head, one third from its tail."""
    head = kept * 2 // 3
    tail = kept - head
    return (
        text[: offsets[head - 1][1] if head else 0] + SHORTENED + text[offsets[len(offsets) - tail][0] if tail else len(text) :]
    )
