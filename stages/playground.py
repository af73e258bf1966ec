"""Two variants side by side in a browser: paste a page or a question, see both answers, what was read from them, and the time.

    python -m stages.playground        http://127.0.0.1:7860

The page asks this machine for everything it needs: no script, style or font comes from another host.
"""

import argparse
import json
import os
import time
from collections.abc import Callable
from functools import lru_cache
from pathlib import Path

os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"  # read when gradio is imported

import gradio as gr

from stages import command, params
from stages.command import Failure
from stages.engines import weights
from stages.params import Params
from stages.predict.model import Model, open_model, variants
from stages.serve.address import listening, port

SHAPES = {
    "Product card": '<div class="product">\n  <h2>Alpina X200 trail shoe</h2>\n  <span class="brand">Alpina</span>\n'
    '  <span class="price">129,90 €</span>\n  <span class="category">Running shoes</span>\n</div>',
    "Article with a footer": "<article>\n  <header><h1>Kettle Pro 1.7 l</h1></header>\n"
    "  <p>Boils a litre in two minutes. Now only <strong>$49.99</strong></p>\n"
    "  <footer>Category: Kitchen | Brand: Steamo</footer>\n</article>",
    "No category, no brand": "<section>\n  <h3>Oak desk organiser</h3>\n  <p>Price: £24.00</p>\n</section>",
}
STYLE = "footer {display: none !important}"
BETWEEN = " · "
KEPT = 4  # models in memory

Ask = Callable[[str, str], tuple[str, str, str]]


def choices(loaded: Params, models: Path) -> list[str]:
    """What can be chosen: every variant of every adapter whose weights are there.

    Raises:
        Failure: there is none.
    """
    known = [(adapter, variant) for adapter in loaded.adapters for variant in variants(loaded)]
    found = [f"{adapter}{BETWEEN}{variant}" for adapter, variant in known if weights(variant, adapter, models).exists()]
    if not found:
        raise Failure(f"playground: {models} holds no model; run `dvc repro` to make them, or `dvc pull` to fetch them")
    return found


def asker(loaded: Params, models: Path) -> Ask:
    """A function from a text and a choice to the answer, what was read from it, and what it took."""

    @lru_cache(maxsize=KEPT)
    def opened(choice: str) -> Model:
        adapter, _, variant = choice.partition(BETWEEN)
        return open_model(loaded, variant, adapter, models, constrained=False, slots=1)

    def ask(text: str, choice: str) -> tuple[str, str, str]:
        try:
            model = opened(choice)
            started = time.perf_counter()
            encoded = model.encode(text)
            reply = next(model.each([encoded]))[1]
        except Failure as failure:
            raise gr.Error(" ".join(str(failure).split())) from failure
        took = f"{time.perf_counter() - started:.2f} s, prompt of {len(encoded.ids)} tokens"
        if reply.n_cut:
            took += f", {reply.n_cut} more were cut from the middle"
        parsed = reply.output if isinstance(reply.output, dict) else None
        return reply.raw.strip(), json.dumps(parsed, ensure_ascii=False, indent=1), took

    return ask


def _side(
    number: int, known: list[str], chosen: str, ask: Ask, text: gr.Textbox, triggers: list[Callable[..., object]]
) -> None:
    """One column: a choice, and the three parts of its answer."""
    with gr.Column():
        choice = gr.Dropdown(known, value=chosen, label="Variant", elem_id=f"variant-{number}")
        answer = gr.Textbox(label="Answer", lines=4, elem_id=f"answer-{number}")
        parsed = gr.Code(label="Read from it", language="json", elem_id=f"parsed-{number}")
        took = gr.Textbox(label="Time", elem_id=f"time-{number}")
    # one after the other, so that neither slows the other down
    gr.on(triggers, ask, [text, choice], [answer, parsed, took], concurrency_id="models", concurrency_limit=1)


def page(known: list[str], ask: Ask) -> gr.Blocks:
    """The page."""
    first = next((choice for choice in known if choice.endswith("q4_k_m")), known[0])
    with gr.Blocks(title="Playground", analytics_enabled=False) as found:
        gr.Markdown("# Playground\nThe HTML of a product page for an adapter that extracts, a question for one that answers.")
        text = gr.Textbox(label="Page or question", lines=8, max_lines=16, value=SHAPES["Product card"], elem_id="text")
        with gr.Row():
            for name, html in SHAPES.items():
                gr.Button(name, size="sm").click(lambda html=html: html, outputs=text)
        button = gr.Button("Ask both", variant="primary", elem_id="ask")
        with gr.Row():
            for number, chosen in enumerate((known[0], first), start=1):
                _side(number, known, chosen, ask, text, [button.click])
    return found


def main() -> None:
    parser = argparse.ArgumentParser(prog="stages.playground", description="Two variants side by side in a browser.")
    parser.add_argument("--models", type=Path, default=Path("models"), help="folder of all models (default: models)")
    parser.add_argument("--port", type=port, default=7860, help="of 127.0.0.1; 0: any that is free (default: 7860)")
    arguments = parser.parse_args()
    loaded = params.load()
    found = page(choices(loaded, arguments.models), asker(loaded, arguments.models))
    system = [gr.themes.Font("system-ui"), gr.themes.Font("sans-serif")]
    theme = gr.themes.Base(font=system, font_mono=[gr.themes.Font("monospace")])
    with listening("playground", "127.0.0.1", arguments.port) as held:  # gradio calls every reason "taken"
        number = held.getsockname()[1]
    print(f"playground: http://127.0.0.1:{number}; Ctrl-C ends it", flush=True)
    found.launch(server_name="127.0.0.1", server_port=number, share=False, quiet=True, footer_links=[],
                 run_history=False, ssr_mode=False, theme=theme, css=STYLE)  # fmt: skip


if __name__ == "__main__":
    command.run(main)
