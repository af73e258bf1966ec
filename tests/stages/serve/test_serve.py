"""The server as its clients see it: through the official openai client."""

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import threading
import urllib.request
from argparse import ArgumentTypeError
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import openai
import pytest
from openai import OpenAI
from starlette.testclient import TestClient

from stages.checkpoint import load_tokenizer
from stages.command import Failure
from stages.params import Params
from stages.predict.model import open_model
from stages.serve.__main__ import start
from stages.serve.address import listening, port
from stages.serve.front import Front, Served
from tests.conftest import ROOT
from tests.stages.test_prompt import GEMMA
from tests.warm import Command

KEY = "test key"
PAGE = "<title>X200</title><script>x()</script><h1>X200</h1><p>12 € <|im_end|>"
SCHEMA = {"type": "object", "properties": {"new": {"type": "boolean"}}, "required": ["new"], "additionalProperties": False}


def _served() -> Served:
    return Served("http://none", "Extract.", str.upper)


@pytest.mark.parametrize(
    ("messages", "put"),
    [
        ([{"role": "user", "content": "a"}], [{"role": "user", "content": "A"}]),
        (
            [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}, {"role": "user", "content": "c"}],
            [
                {"role": "system", "content": "Extract."},
                {"role": "user", "content": "A"},
                {"role": "assistant", "content": "b"},
                {"role": "user", "content": "C"},
            ],
        ),
        (
            [{"role": "system", "content": "s"}, {"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}],
            [{"role": "system", "content": "s"}, {"role": "user", "content": "A"}, {"role": "assistant", "content": "b"}],
        ),
        (
            [{"role": "user", "content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]}],
            [{"role": "user", "content": "A\nB"}],
        ),
        ("nonsense", "nonsense"),
        ([1], [1]),
    ],
)
def test_messages_are_put_as_in_training(messages: Any, put: Any) -> None:
    assert _served().put(messages) == put


def test_an_image_is_left_for_llama_cpp_to_refuse() -> None:
    picture = [{"type": "image_url", "image_url": {"url": "data:"}}]
    assert _served().put([{"role": "user", "content": picture}])[-1]["content"] == picture


def _front(answer: Callable[[httpx.Request], httpx.Response] | None, key: str | None = None) -> TestClient:
    """A front whose llama.cpp is a function, or not there at all."""
    front = Front({"products": Served("http://127.0.0.1:1", "Extract.", str.upper)}, "token", key, {"max_tokens": 8})
    if answer:
        front._client = httpx.AsyncClient(transport=httpx.MockTransport(answer))
    return TestClient(front.app(["testserver"]))


async def _streamed() -> AsyncIterator[bytes]:
    yield b"{}"


def test_a_llama_cpp_that_has_gone_is_told() -> None:
    reply = _front(None).post("/v1/chat/completions", json={"model": "products", "messages": []})
    assert reply.status_code == 502
    assert reply.json()["error"]["code"] == "no_answer"
    assert reply.json()["error"]["message"].startswith("llama.cpp does not answer: ")


def test_the_clients_words_reach_llama_cpp_as_json() -> None:
    seen: list[Any] = []

    def answer(request: httpx.Request) -> httpx.Response:
        assert request.headers["content-type"] == "application/json"
        seen.append(json.loads(request.content))
        return httpx.Response(200, content=_streamed())

    sent = '{"model": "products", "stop": ["\\ud800"], "temperature": NaN, "messages": [{"role": "user", "content": "é"}]}'
    assert _front(answer).post("/v1/chat/completions", content=sent.encode()).status_code == 200
    assert seen[0]["messages"] == [{"role": "user", "content": "É"}]
    assert (seen[0]["stop"], seen[0]["max_tokens"]) == (["\ud800"], 8)


def test_a_request_nested_too_deeply_is_refused() -> None:
    reply = _front(None).post("/v1/chat/completions", content=b'{"model": ' + b"[" * 100_000)
    assert reply.status_code == 400
    assert reply.json()["error"]["message"].startswith("the request is not JSON: ")


def test_pages_are_cleaned_beside_the_loop(monkeypatch: pytest.MonkeyPatch) -> None:
    threads: list[int] = []

    def put(served: Served, messages: Any) -> Any:
        threads.append(threading.get_ident())
        return messages

    def answer(request: httpx.Request) -> httpx.Response:
        threads.append(threading.get_ident())
        return httpx.Response(200, content=_streamed())

    monkeypatch.setattr(Served, "put", put)
    _front(answer).post("/v1/chat/completions", json={"model": "products", "messages": []})
    assert len(set(threads)) == 2


@pytest.mark.parametrize(("text", "number"), [("0", 0), ("65535", 65535), ("65536", None), ("-1", None), ("http", None)])
def test_a_port(text: str, number: int | None) -> None:
    if number is not None:
        assert port(text) == number
        return
    with pytest.raises(ArgumentTypeError, match=f"{text} is no port; take one from 1 to 65535"):
        port(text)


def test_a_port_that_may_not_be_taken_is_not_called_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    class Guarded(socket.socket):
        def bind(self, address: Any) -> None:
            raise PermissionError(13, "Permission denied")

    monkeypatch.setattr(socket, "socket", Guarded)
    with pytest.raises(Failure, match=r"serve: cannot listen at 127\.0\.0\.1, port 80: Permission denied; take another"):
        listening("serve", "127.0.0.1", 80)


def _command(models: Path, *words: str) -> list[str]:
    return [sys.executable, "-m", "stages.serve", "--variant", "f16", "--models", str(models), *words]


def _environment() -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT), "LLAMA_API_KEY": KEY}


@pytest.fixture(scope="module")
def client(models: Path) -> Iterator[OpenAI]:
    process = subprocess.Popen(
        _command(models, "--port", "0"), cwd=ROOT, env=_environment(), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    line = process.stdout.readline()
    found = re.fullmatch(r"serve: products, assistant at (http://127\.0\.0\.1:\d+/v1); Ctrl-C ends it\n", line)
    if found is None:
        process.kill()
    assert found is not None, (line, process.communicate()[1])
    yield OpenAI(base_url=found.group(1), api_key=KEY, max_retries=0)
    process.terminate()
    assert process.wait(20) is not None


def _ask(client: OpenAI, content: str, **options: Any) -> Any:
    messages = [{"role": "user", "content": content}]
    return client.chat.completions.create(**{"model": "products", "messages": messages, "max_tokens": 8, **options})  # type: ignore[call-overload]


@pytest.mark.slow
def test_adapters_are_models_of_their_name(client: OpenAI) -> None:
    assert [model.id for model in client.models.list()] == ["products", "assistant"]


@pytest.mark.slow
@pytest.mark.parametrize(("name", "content"), [("products", PAGE), ("assistant", "Wann  habt ihr\noffen?")])
def test_the_prompt_is_that_of_training(client: OpenAI, models: Path, loaded: Params, name: str, content: str) -> None:
    wanted = open_model(loaded, "f16", name, models, False, slots=1)
    reply = _ask(client, content, model=name)
    assert reply.usage.prompt_tokens == len(wanted.encode(content).ids)
    assert wanted.reply(content).raw.startswith(reply.choices[0].message.content)  # the same greedy answer


@pytest.mark.slow
def test_a_stream_is_the_same_answer_in_pieces(client: OpenAI) -> None:
    pieces = [part.choices[0].delta.content or "" for part in _ask(client, PAGE, stream=True) if part.choices]
    assert len(pieces) > 2
    assert "".join(pieces) == _ask(client, PAGE).choices[0].message.content


@pytest.mark.slow
def test_a_schema_is_kept(client: OpenAI) -> None:
    form = {"type": "json_schema", "json_schema": {"name": "x", "schema": SCHEMA, "strict": True}}
    reply = _ask(client, PAGE, response_format=form, max_tokens=40)
    assert json.loads(reply.choices[0].message.content).keys() == {"new"}


@pytest.mark.slow
def test_plain_completions(client: OpenAI) -> None:
    assert client.completions.create(model="products", prompt="The", max_tokens=4).usage.completion_tokens == 4  # type: ignore[union-attr]


@pytest.mark.slow
def test_what_is_wrong_is_said_in_one_line(client: OpenAI) -> None:
    with pytest.raises(openai.NotFoundError, match="no model 'sofas'; there are products, assistant"):
        _ask(client, PAGE, model="sofas")
    with pytest.raises(openai.AuthenticationError, match="wrong or missing API key"):
        _ask(client.with_options(api_key="other"), PAGE)
    with pytest.raises(openai.AuthenticationError):
        client.with_options(api_key="other").models.list()
    with pytest.raises(openai.BadRequestError, match=r"request \(\d+ tokens\) exceeds the available context size"):
        _ask(client, "word " * 4000)
    with pytest.raises(openai.BadRequestError):
        client.chat.completions.create(model="products", messages="nonsense")  # type: ignore[arg-type]


@pytest.mark.slow
def test_a_page_that_rebinds_its_name_is_not_answered(client: OpenAI) -> None:
    request = urllib.request.Request(
        f"{client.base_url}models", headers={"Host": "evil.example", "Authorization": f"Bearer {KEY}"}
    )
    with pytest.raises(urllib.error.HTTPError, match="400"):
        urllib.request.urlopen(request)


@pytest.fixture
def gemma(models: Path, tmp_path: Path) -> Path:
    """The models with a template that refuses system messages."""
    shutil.copytree(models, tmp_path / "models")
    (tmp_path / "models" / "base" / "chat_template.jinja").write_text(GEMMA, encoding="utf-8")
    return tmp_path / "models"


@pytest.mark.slow
def test_a_base_without_system_messages_is_asked_as_in_training(gemma: Path, loaded: Params) -> None:
    server, served = start(loaded, "f16", "assistant", gemma, "token")
    messages = served.put([{"role": "user", "content": "Wann  habt ihr\noffen?"}])
    reply = server.handle_chat_completions({"messages": messages, "max_tokens": 8, "temperature": 0.0})
    wanted = open_model(loaded, "f16", "assistant", gemma, False, slots=1)
    encoded = wanted.encode("Wann  habt ihr\noffen?")
    assert "<Answer the question." in wanted.tokenizer.decode(encoded.ids)
    assert reply["usage"]["prompt_tokens"] == len(encoded.ids)
    answer = reply["choices"][0]["message"]["content"]
    assert answer
    assert wanted.reply("Wann  habt ihr\noffen?").raw.startswith(answer)


@pytest.mark.slow
def test_a_dialogue_is_put_by_the_bases_own_template(client: OpenAI, models: Path, loaded: Params) -> None:
    turns = [("user", "Open?"), ("assistant", "No."), ("user", "When?")]
    messages: Any = [{"role": role, "content": content} for role, content in turns]
    reply = client.chat.completions.create(model="assistant", messages=messages, max_tokens=2)
    tokenizer = load_tokenizer(models / "base")
    whole = [{"role": "system", "content": loaded.prompt.system["faq"]}, *messages]
    text = tokenizer.apply_chat_template(whole, tokenize=False, add_generation_prompt=True)
    assert reply.usage is not None
    assert reply.usage.prompt_tokens == len(tokenizer(text, add_special_tokens=False)["input_ids"])


@pytest.mark.slow
def test_an_empty_key_is_no_key(models: Path) -> None:
    environment = _environment() | {"LLAMA_API_KEY": ""}
    command = _command(models, "--port", "0", "--adapters", "products")
    with subprocess.Popen(command, cwd=ROOT, env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        found = re.search(r"http://\S+/v1", process.stdout.readline())
        try:
            assert found is not None
            with urllib.request.urlopen(f"{found.group()}/models") as reply:
                assert reply.status == 200
        finally:
            process.terminate()


@pytest.mark.slow
def test_instruct_form_too(models: Path, loaded: Params) -> None:
    changed = loaded.model_copy(update={"prompt": loaded.prompt.model_copy(update={"style": "instruct"})})
    server, served = start(changed, "f16", "assistant", models, "token")
    messages = served.put([{"role": "user", "content": "Open?"}])
    reply = server.handle_chat_completions({"messages": messages, "max_tokens": 2})
    wanted = open_model(changed, "f16", "assistant", models, False, slots=1).encode("Open?")
    assert reply["usage"]["prompt_tokens"] == len(wanted.ids)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("words", "key", "message"),
    [
        (
            ["--port", "{taken}"],
            KEY,
            "serve: port {taken} of 127.0.0.1 is taken; end what listens there, or take another: --port N",
        ),
        (["--adapters", "sofas"], KEY, "params.yaml has no adapter 'sofas'; it has products, assistant"),
        (["--host", "0.0.0.0"], "", "serve: at 0.0.0.0 everybody could ask; set LLAMA_API_KEY, or leave --host out"),
    ],
)
def test_what_it_cannot_do_is_one_line(models: Path, words: list[str], key: str, message: str) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        asked = ["--variant", "f16", "--models", str(models), *(word.format(taken=port) for word in words)]
        done = Command("stages.serve", *asked, cwd=ROOT, environment=_environment() | {"LLAMA_API_KEY": key})
        assert done.said() == f"error: {message.format(taken=port)}\n"
    assert done.returncode == 1
