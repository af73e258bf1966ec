"""The prompt, made here and nowhere else: training, evaluation, llama.cpp, the Modelfile and `predict` get it here.

Two forms. `chat` is the base model's own template; `instruct` is for bases without one:

    <|im_start|>system                              ### Instruction:
    Answer the question.<|im_end|>                  Answer the question.
    <|im_start|>user
    What is a rank?<|im_end|>                       ### Input:
    <|im_start|>assistant                           What is a rank?

                                                    ### Output:

The target follows, ended by the eos token. Text from outside cannot break out of its place: what looks like a control
token, or like a role marker of the form in use, is broken by a space before the template sees it.

Where the model has a bos token there is exactly one, whether the template writes it or the tokenizer adds it.
"""

import re
from dataclasses import dataclass
from datetime import datetime

from jinja2 import TemplateError
from transformers import PreTrainedTokenizerBase

from stages.command import Failure
from stages.params import Prompt

SHORTENED = "\n[…]\n"
INSTRUCT = "### Instruction:\n{system}\n\n### Input:\n{input}\n\n### Output:\n"
SLOT = "\ue000"  # of the private use area: in no template
PROBES = (SLOT, f" {SLOT}\n", f"<b>&amp; {{{{ {SLOT} }}}} '\"\\\\")  # does a template change what is put into it?
ROLE_MARKER = re.compile(r"<[|｜/]?\w[^<>\n]{0,40}>|<</?\w+>>|\[/?[A-Z_]{2,}\]|#{2,} ?\w[\w ]*:|\b[A-Z]{4,}:")
DATE = datetime(2024, 7, 26)  # templates that print today's would give another prompt every day; Llama 3's own fallback


@dataclass(frozen=True)
class Encoded:
    """Token ids of a prompt, and how many tokens of its input were cut to make it fit."""

    ids: list[int]
    n_cut: int


class Prompter:
    """Renders and encodes prompts for one tokenizer.

    Raises:
        Failure: the style is `chat` and the tokenizer has no chat template, or it is no fast one.
    """

    def __init__(self, tokenizer: PreTrainedTokenizerBase, section: Prompt) -> None:
        if section.style == "chat" and not tokenizer.chat_template:
            raise Failure("prompt.style is chat, but the base has no chat template; set prompt.style: instruct")
        if not tokenizer.is_fast:
            raise Failure(f"{type(tokenizer).__name__} tells no offsets of its tokens; give the base a tokenizer.json")
        tokenizer.backend_tokenizer.no_truncation()  # a tokenizer.json may hold limits of its own: rows would be cut,
        tokenizer.backend_tokenizer.no_padding()  # or padded, in silence
        self._tokenizer = tokenizer
        self._section = section
        bos = tokenizer.bos_token_id
        self._adds_bos = bos is not None and list(tokenizer("")["input_ids"][:1]) == [bos]
        self._has_system = section.style == "instruct" or self._takes_a_system_message()
        self._markers = self._found_markers()
        self._marker = re.compile(f"(?={'|'.join(map(re.escape, self._markers))})(.)", re.DOTALL)
        self._frames = {task: self._frame(system) for task, system in section.system.items()}
        self._opening = self._rendered("", SLOT).partition(SLOT)[2]  # what stands between an input and its answer

    def defuse(self, text: str) -> str:
        """Break every control token's and role marker's text by a space, so that no tokenizer or model takes it for one."""
        if any(marker in text for marker in self._markers):  # far cheaper than the expression, and nearly always false
            return self._marker.sub(r"\1 ", text)
        return text

    def _found_markers(self) -> list[str]:
        """Control tokens of the tokenizer, and what the form in use writes around a message."""
        form = str(self._tokenizer.chat_template or "")  # Qwen's <think> and DeepSeek's <｜User｜> are not called special
        added = (
            token.content
            for token in self._tokenizer.added_tokens_decoder.values()  # not all: Gemma's HTML tags and GPT-NeoX's spaces too
            if token.special or (token.content in form and re.search(r"\w", token.content))
        )
        written = ROLE_MARKER.findall(self._rendered(SLOT, SLOT).replace(SLOT, "\n"))
        found = {*self._tokenizer.all_special_tokens, *added, *written}
        return sorted(token for token in found if len(token) > 1)

    def text(self, task: str, user: str) -> str:
        """The whole prompt as text, up to the place where the answer begins."""
        user = self.defuse(user)
        frame = self._frames[task]  # type: ignore[index]
        if frame is None:
            return self._rendered(self._section.system[task], user)  # type: ignore[index]
        head, tail, strips = frame
        return f"{head}{user.strip() if strips else user}{tail}"

    def _frame(self, system: str) -> tuple[str, str, bool] | None:
        """What stands before and after an input, and whether it is stripped; None for a template that is less simple.

        Rendering takes 28 microseconds a prompt, putting it together 3, its token ids 170.
        """
        head, _, tail = self._rendered(system, SLOT).partition(SLOT)
        shown = [self._rendered(system, probe) for probe in PROBES]
        for strips in (False, True):
            if shown == [f"{head}{probe.strip() if strips else probe}{tail}" for probe in PROBES]:
                return head, tail, strips
        return None

    def _rendered(self, system: str, user: str) -> str:
        """A prompt with one bos in front, where the model has one."""
        bos = self._tokenizer.bos_token or ""
        if self._section.style == "instruct":
            return bos + INSTRUCT.format(system=system, input=user)
        if self._has_system:
            messages = [{"role": "system", "content": system}, {"role": "user", "content": user}]
        else:
            messages = [{"role": "user", "content": f"{system}\n\n{user}"}]
        text = self._templated(messages)
        return text if not self._adds_bos or text.startswith(bos) else bos + text

    def _templated(self, messages: list[dict[str, str]]) -> str:
        clock = {"date_string": f"{DATE:%d %b %Y}", "strftime_now": DATE.strftime}
        return str(self._tokenizer.apply_chat_template(messages, tokenize=False, add_generation_prompt=True, **clock))

    def _takes_a_system_message(self) -> bool:
        """Whether the chat template shows a system message; some refuse it (Gemma), some leave it out in silence."""
        try:
            return SLOT in self._templated([{"role": "system", "content": SLOT}, {"role": "user", "content": ""}])
        except TemplateError:
            return False

    def encode(self, task: str, user: str, budget: int) -> Encoded:
        """The prompt's token ids, at most `budget`; a longer input loses its middle, never its template.

        Continued text has no prompt: only the bos that its model expects.

        Raises:
            Failure: the template alone exceeds the budget.
        """
        if task == "continue":
            return Encoded(self.start, 0)
        user = self.defuse(user)  # what is counted and cut is what the model reads
        ids = self.ids([self.text(task, user)])[0]
        if len(ids) <= budget:
            return Encoded(ids, 0)
        offsets = self.offsets(user)
        whole, kept = len(offsets), len(offsets) - (len(ids) - budget)
        while kept > 0:
            shorter = self.ids([self.text(task, _without_middle(user, offsets, kept))])[0]
            if len(shorter) <= budget:
                return Encoded(shorter, whole - kept)
            kept -= len(shorter) - budget
        raise Failure(f"no room for a {task} prompt in {budget} tokens; raise tokenize.max_seq_len")

    @property
    def start(self) -> list[int]:
        """The token ids before a text that has no prompt: bos, where the tokenizer adds one."""
        return [int(self._tokenizer.bos_token_id)] if self._adds_bos else []

    def encode_target(self, text: str) -> list[int]:
        """The token ids of an answer, ended by eos."""
        return self.encode_targets([text])[0]

    def encode_targets(self, texts: list[str]) -> list[list[int]]:
        """The token ids of answers as they follow a prompt, each ended by eos.

        A SentencePiece tokenizer puts a space before a text that stands alone: so each is encoded behind the last words
        of the prompt, and theirs are taken away. Where both would share a token, the answer is encoded alone: at
        inference, too, it starts after the prompt's last token.
        """
        eos = self._tokenizer.eos_token_id
        opening = self.ids([self._opening])[0]
        texts = [self.defuse(text) for text in texts]
        behind = self.ids([self._opening + text for text in texts])
        return [
            [*(ids[len(opening) :] if ids[: len(opening)] == opening else self.ids([text])[0]), eos]
            for text, ids in zip(texts, behind, strict=True)
        ]

    def encode_texts(self, texts: list[str]) -> list[list[int]]:
        """The token ids of continued texts, each ended by eos."""
        return [[*ids, self._tokenizer.eos_token_id] for ids in self.ids([self.defuse(text) for text in texts])]

    def ids(self, texts: list[str]) -> list[list[int]]:
        """Token ids of texts as they are, control tokens in them parsed."""
        encoded = self._tokenizer.backend_tokenizer.encode_batch_fast(texts, add_special_tokens=False)
        return [item.ids for item in encoded]  # without the wrapper's masks: three quarters of its time

    def offsets(self, text: str) -> list[tuple[int, int]]:
        """Where each token of a text begins and ends, in characters."""
        return list(self._tokenizer(text, add_special_tokens=False, return_offsets_mapping=True)["offset_mapping"])

    def ollama_template(self) -> str:
        """The same prompt as a Go template, for a Modelfile; without the bos that llama.cpp adds by itself."""
        text = self._rendered("{{ .System }}", "{{ .Prompt }}")
        if self._adds_bos:
            text = text.removeprefix(str(self._tokenizer.bos_token))
        return text + "{{ .Response }}" + str(self._tokenizer.eos_token)


def _without_middle(text: str, offsets: list[tuple[int, int]], kept: int) -> str:
    """`text` with only `kept` of its tokens: two thirds from its head, one third from its tail."""
    head = kept * 2 // 3
    tail = kept - head
    return (
        text[: offsets[head - 1][1] if head else 0] + SHORTENED + text[offsets[len(offsets) - tail][0] if tail else len(text) :]
    )
