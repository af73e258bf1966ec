"""The playground in a real browser, on a tiny model."""

import json
import os
import re
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.error import URLError
from urllib.request import urlopen

import gradio as gr
import pytest

from stages.command import Failure
from stages.params import Params
from stages.playground import SHAPES, asker, choices
from tests.conftest import ROOT


def test_only_what_is_there_can_be_chosen(loaded: Params, tmp_path: Path) -> None:
    with pytest.raises(Failure, match="holds no model; run `dvc repro`"):
        choices(loaded, tmp_path)
    (tmp_path / "gguf" / "assistant").mkdir(parents=True)
    (tmp_path / "gguf" / "assistant" / "q4_k_m.gguf").touch()
    assert choices(loaded, tmp_path) == ["assistant · q4_k_m"]


def test_a_failure_is_shown_on_the_page(loaded: Params, tmp_path: Path) -> None:
    with pytest.raises(gr.Error, match=r"f16\.gguf does not exist"):
        asker(loaded, tmp_path)("x", "products · f16")


@pytest.fixture(scope="module")
def address(models: Path) -> Iterator[str]:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    command = [sys.executable, "-m", "stages.playground", "--models", str(models), "--port", str(port)]
    process = subprocess.Popen(
        command, cwd=ROOT, env={**os.environ, "PYTHONPATH": str(ROOT)}, stderr=subprocess.PIPE, text=True
    )
    url = f"http://127.0.0.1:{port}/"
    for _ in range(600):
        try:
            urlopen(url).close()
            break
        except URLError:
            assert process.poll() is None, process.communicate()[1]
            time.sleep(0.2)
    yield url
    process.terminate()
    process.wait(20)


@pytest.mark.slow
def test_two_variants_side_by_side(address: str, models: Path, loaded: Params) -> None:
    browser_path = shutil.which("chromium") or shutil.which("google-chrome")
    if browser_path is None:
        pytest.skip("no chromium on this machine: apt-get install chromium")
    from playwright.sync_api import expect, sync_playwright

    expect.set_options(timeout=60_000)
    asked, ask = list(SHAPES.values())[-1], asker(loaded, models)
    answers = {1: ask(asked, "products · base")[0], 2: ask(asked, "products · f16")[0]}

    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=browser_path, args=["--no-sandbox"])
        view: Any = browser.new_page(viewport={"width": 1200, "height": 1000})
        view.set_default_timeout(60_000)
        requests: list[str] = []
        faults: list[str] = []
        view.on("request", lambda request: requests.append(request.url))
        view.on("pageerror", lambda error: faults.append(str(error)))
        view.goto(address)
        for name, html in SHAPES.items():
            view.get_by_role("button", name=name, exact=True).click()
            view.wait_for_function("text => document.querySelector('#text textarea').value === text", arg=html)
        view.locator("#variant-2 input").click()
        view.get_by_role("option", name="products · f16").click()
        view.locator("#ask").click()
        for number in (1, 2):
            field = view.locator(f"#time-{number} textarea, #time-{number} input")
            expect(field).to_have_value(re.compile(r"\d+\.\d\d s, prompt of \d+ tokens"))
            expect(view.locator(f"#answer-{number} textarea")).to_have_value(answers[number])
            assert json.loads(view.locator(f"#parsed-{number} .cm-content").inner_text()) is None
        assert {url.split("/")[2] for url in requests if url.startswith("http")} == {address.split("/")[2]}
        assert faults == []
        browser.close()


@pytest.mark.slow
def test_a_taken_port_is_one_line(models: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = str(taken.getsockname()[1])
        command = [sys.executable, "-m", "stages.playground", "--models", str(models), "--port", port]
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    said = f"port {port} of 127.0.0.1 is taken; end what listens there, or take another: --port N"
    assert done.stderr == f"error: playground: {said}\n"
