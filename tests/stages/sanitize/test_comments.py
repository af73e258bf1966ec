"""Dead code and licence headers go from blocks of code, comments that explain stay."""

import pytest

from stages.sanitize.technical import technical


def _block(*lines: str, language: str = "python") -> str:
    return "\n".join([f"```{language}", *lines, "```", ""])


@pytest.mark.parametrize(
    "dead",
    [
        "# loss = old_loss(x)",
        "#loss = old_loss(x)",
        "    # model.train()",
        "# import torch",
        "# from a import b",
        "# rank = 16",
        '# name = "x"',
        "# def old(x):",
        "# if x == 1:",
        "# print(f(x), 1)",
    ],
)
def test_statements_that_are_commented_out_go(dead: str) -> None:
    text, notes = technical(_block(dead, "loss = new_loss(x)"))
    assert text == _block("loss = new_loss(x)")
    assert notes == [f"removed commented-out code: {dead.strip()}"]


@pytest.mark.parametrize(
    ("language", "dead"),
    [("js", "// let x = f(1);"), ("java", "// return x;"), ("c", "/* x = f(1); */"), ("sql", "-- SELECT a FROM b"),
     ("html", "<!-- <div>x</div> -->"), ("js", "// }\n// f();")],
)  # fmt: skip
def test_other_languages(language: str, dead: str) -> None:
    assert technical(_block(dead, "y", language=language))[0] == _block("y", language=language)


@pytest.mark.parametrize(
    "line",
    [
        "# half the memory",
        "# rank = inner size of the two matrices",
        "# scale = alpha / rank",
        "# Note (see below) that this is slow",
        "# if needed:",
        "# for use in production:",
        "# return value",
        "#!/usr/bin/env python",
        "#include <stdio.h>",
        "x = 1  # y = f(2)",
        "loss = f(x)  # why",
        "# foo(x) is called (twice)",
        "// Call f(x), then wait.",
        "/* Why this is so: x. */",
        "  --rank=16 \\",
        "  -- name of the option",
    ],
)
def test_comments_that_explain_and_code_stay(line: str) -> None:
    assert technical(_block(line, "y")) == (_block(line, "y"), [])


def test_a_loop_goes_whole() -> None:
    assert technical(_block("# for x in y:", "#     f(x)", "#     break", "z"))[0] == _block("z")


@pytest.mark.parametrize(
    "header",
    [
        ["# Copyright 2024 Morel", "# Licensed under the MIT licence.", ""],
        ["#!/bin/sh", "# SPDX-License-Identifier: MIT"],
        ["/*", " * Copyright (c) 2024 Morel.", " * All rights reserved.", " */"],
    ],
)
def test_licence_headers_go(header: list[str]) -> None:
    text, notes = technical(_block(*header, "y"))
    assert "opyright" not in text and "SPDX" not in text
    assert text.endswith("y\n```\n")
    assert notes[0].startswith("removed licence header: ")


@pytest.mark.parametrize(
    "block",
    [
        _block("# rank = 16", language="toml"),
        _block("port: 1", "# host = 'x'", language="yaml"),
        _block("# f(x)"),
        _block("# Copyright 2024 Morel"),
        _block("#id.f(x) {", "}", language="css"),
        _block("#count = 0;", language="js"),
    ],
)
def test_settings_and_blocks_of_comments_alone_stay(block: str) -> None:
    assert technical(block) == (block, [])
