"""dvc.yaml against the code: what a stage declares is what it reads, so that DVC re-runs neither too little nor too much."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from ruamel.yaml import YAML

from stages import params

ROOT = Path(__file__).parent.parent
DATA_FOLDERS = ("data", "models", "evaluation", "comparison", "metrics")
COMMANDS = ("fusion", "publish", "review")  # beside the graph: they read params of their own


def _yaml(name: str) -> Any:
    return YAML(typ="safe", pure=True).load((ROOT / name).read_text(encoding="utf-8"))


PARAMS = _yaml("params.yaml")
STAGES = _yaml("dvc.yaml")["stages"]
ADAPTERS = list(PARAMS["adapters"])


def _filled(value: Any, key: str, item: Any) -> Any:
    """`value` with ${key}, ${item} and ${item.part} replaced."""
    if isinstance(value, dict):
        return {_filled(name, key, item): _filled(part, key, item) for name, part in value.items()}
    if isinstance(value, list):
        return [_filled(part, key, item) for part in value]
    if not isinstance(value, str):
        return value
    value = value.replace("${key}", key)
    return re.sub(r"\$\{item(?:\.(\w+))?\}", lambda found: str(item[found.group(1)] if found.group(1) else item), value)


def _unrolled() -> Iterator[tuple[str, str, dict[str, Any]]]:
    """Every stage as (address, name, body), `foreach` unrolled as DVC does it."""
    for name, body in STAGES.items():
        items = body.get("foreach")
        if items is None:
            yield name, name, body
            continue
        for key, item in items.items() if isinstance(items, dict) else zip(items, items, strict=True):
            yield f"{name}@{key}", name, _filled(body["do"], key, item)


UNROLLED = list(_unrolled())
EVERY_STAGE = pytest.mark.parametrize(("name", "body"), [pytest.param(n, b, id=address) for address, n, b in UNROLLED])


def _paths(body: dict[str, Any], *keys: str) -> list[str]:
    entries = [entry for key in keys for entry in body.get(key, [])]
    return [path for entry in entries for path in (entry if isinstance(entry, dict) else [entry])]


@EVERY_STAGE
def test_data_deps_are_outputs_or_in_one(name: str, body: dict[str, Any]) -> None:
    """DVC pulls outputs and what lies in them; a folder around several would be read as far as it happens to be there."""
    outs = [out for _, _, other in UNROLLED for out in _paths(other, "outs", "metrics")]
    data = [path for path in _paths(body, "deps") if path.startswith(DATA_FOLDERS) and path != "data/raw"]
    assert [path for path in data if not any(path == out or path.startswith(f"{out}/") for out in outs)] == []


# --- code


def _file(module: str) -> Path | None:
    """The file of a first-party module or package; None where the dotted name is something inside one."""
    path = ROOT / module.replace(".", "/")
    return next((file for file in (path.with_suffix(".py"), path / "__init__.py") if file.is_file()), None)


def _entry(name: str) -> Path:
    """The file that `python -m stages.NAME` runs."""
    package = ROOT / "stages" / name / "__main__.py"
    return package if package.is_file() else ROOT / "stages" / f"{name}.py"


@cache
def _tree(file: Path) -> ast.Module:
    return ast.parse(file.read_text(encoding="utf-8"))


def _imported(file: Path) -> set[str]:
    """Dotted first-party names that a file imports anywhere, functions included, and the packages above them."""
    names: set[str] = set()
    for node in ast.walk(_tree(file)):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, f"{file}: relative import"
            names |= {str(node.module)} | {f"{node.module}.{alias.name}" for alias in node.names}
    parts = [name.split(".") for name in names if name.split(".")[0] == "stages"]
    return {".".join(part[:n]) for part in parts for n in range(1, len(part) + 1)}


def _code(name: str) -> set[Path]:
    """All first-party files that run when a stage runs."""
    entry = _entry(name)
    found, waiting = set(), [entry, ROOT / "stages" / "__init__.py"]
    if entry.name == "__main__.py":
        waiting.append(entry.with_name("__init__.py"))
    while waiting:
        file = waiting.pop()
        if file not in found:
            found.add(file)
            waiting += [path for module in _imported(file) if (path := _file(module))]
    return found


def _relative(files: set[Path]) -> list[str]:
    return sorted(file.relative_to(ROOT).as_posix() for file in files)


@EVERY_STAGE
def test_a_stage_runs_the_module_of_its_name(name: str, body: dict[str, Any]) -> None:
    assert body["cmd"].split()[:3] == ["python", "-m", f"stages.{name}"]
    assert _entry(name).is_file()


@EVERY_STAGE
def test_code_deps_are_the_transitive_imports(name: str, body: dict[str, Any]) -> None:
    declared: set[Path] = set()
    for path in _paths(body, "deps"):
        if path.startswith("stages/"):
            file = ROOT / path
            assert file.exists(), path
            declared |= set(file.rglob("*.py")) if file.is_dir() else {file}
    assert _relative(declared) == _relative(_code(name))


# --- parameters


def _leaves(value: Any, prefix: tuple[str, ...] = ()) -> set[str]:
    """The dotted keys of all values; a list counts as one value."""
    if isinstance(value, dict) and value:
        return {leaf for key, part in value.items() for leaf in _leaves(part, (*prefix, str(key)))}
    return {".".join(prefix)}


LEAVES = _leaves(PARAMS)


def _expanded(keys: set[str]) -> set[str]:
    """Sections as the keys in them: `report` and `report.digits` are the same where nothing else is in it."""
    found = {leaf for leaf in LEAVES for key in keys if leaf == key or leaf.startswith(f"{key}.")}
    unknown = {key for key in keys if not any(leaf == key or leaf.startswith(f"{key}.") for leaf in LEAVES)}
    assert not unknown, f"params.yaml has no {unknown}"
    return found


def _main(file: Path) -> ast.FunctionDef:
    return next(node for node in _tree(file).body if isinstance(node, ast.FunctionDef) and node.name == "main")


def _is_load(node: ast.AST) -> bool:
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and ast.unparse(node.func) == "params.load"


class _Reads(ast.NodeVisitor):
    """Collects the params keys that a function reads, as dotted keys; `*` stands for the adapter of the command line."""

    def __init__(self) -> None:
        self.keys: set[str] = set()
        self._known: dict[str, tuple[str, ...]] = {}  # variables that hold params or a part of them

    def _chain(self, node: ast.AST) -> tuple[str, ...] | None:
        """Where in params.yaml an expression points to; () is the whole file, None anything else."""
        if _is_load(node):
            return ()
        if isinstance(node, ast.Name):
            return self._known.get(node.id)
        if isinstance(node, ast.Attribute):
            above = self._chain(node.value)
            return None if above is None else (*above, node.attr)
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "adapter":
            return ("adapters", "*") if self._chain(node.func.value) == () else None
        return None

    def visit_Assign(self, node: ast.Assign) -> None:
        pairs = [(node.targets[0], node.value)]
        if isinstance(node.targets[0], ast.Tuple) and isinstance(node.value, ast.Tuple):
            pairs = list(zip(node.targets[0].elts, node.value.elts, strict=True))
        for target, value in pairs:
            chain = self._chain(value)
            if isinstance(target, ast.Name) and chain is not None:
                self._known[target.id] = chain  # an alias reads nothing by itself
            else:
                self.visit(value)

    def generic_visit(self, node: ast.AST) -> None:
        chain = self._chain(node)
        if chain is None:
            super().generic_visit(node)
            return
        assert chain, f"line {getattr(node, 'lineno', '?')}: all of params is handed on; pass the sections that are read"
        self.keys.add(".".join(chain))
        for argument in node.args if isinstance(node, ast.Call) else []:
            self.visit(argument)


def _read(name: str) -> set[str]:
    reads = _Reads()
    for statement in _main(_entry(name)).body:
        reads.visit(statement)
    return reads.keys


def _adapter_of(body: dict[str, Any]) -> str:
    words = body["cmd"].split()
    return words[words.index("--adapter") + 1] if "--adapter" in words else ""


@EVERY_STAGE
def test_params_are_the_sections_that_main_reads(name: str, body: dict[str, Any]) -> None:
    read = {key.replace("*", _adapter_of(body)) for key in _read(name)}
    assert sorted(_expanded(read)) == sorted(_expanded(set(body.get("params", []))))


@EVERY_STAGE
def test_only_main_loads_params(name: str, body: dict[str, Any]) -> None:
    loads = [(file, node) for file in _code(name) for node in ast.walk(_tree(file)) if _is_load(node)]
    inside = [node for node in ast.walk(_main(_entry(name))) if _is_load(node)]
    assert [node for _, node in loads] == inside
    assert len(inside) == 1


def test_every_value_of_params_is_read_by_a_stage() -> None:
    read = set().union(*({key.replace("*", _adapter_of(body)) for key in _read(name)} for _, name, body in UNROLLED))
    read |= {key.partition(".*")[0] for name in COMMANDS for key in _read(name)}  # a command may read any adapter
    assert LEAVES - _expanded(read) == set()


def test_every_field_of_the_schema_is_an_attribute_that_some_stage_reads() -> None:
    code = set().union(*(_code(name) for name in (*STAGES, *COMMANDS))) - {ROOT / "stages" / "params.py"}
    read = {node.attr for file in code for node in ast.walk(_tree(file)) if isinstance(node, ast.Attribute)}
    sections, fields = [params.Section], set()
    while sections:
        section = sections.pop()
        sections += section.__subclasses__()
        fields |= set(section.model_fields)
    assert fields - read - {"kind"} == set()  # kind chooses the class of the source


# --- edges


@EVERY_STAGE
def test_every_path_of_a_command_is_declared(name: str, body: dict[str, Any]) -> None:
    declared = [*_paths(body, "deps", "outs", "metrics", "plots")]
    for word in body["cmd"].split()[3:]:
        if word.split("/")[0] in DATA_FOLDERS:
            assert any(path == word or path.startswith(f"{word}/") for path in declared), word


@EVERY_STAGE
def test_every_output_stands_on_the_command(name: str, body: dict[str, Any]) -> None:
    words = body["cmd"].split()
    for path in _paths(body, "outs", "metrics"):
        assert any(path == word or path.startswith(f"{word}/") for word in words), path


@pytest.mark.parametrize("name", ["tokenize", "train", "merge", "gguf", "compare"])
def test_adapter_stages_unroll_the_adapters_of_params(name: str) -> None:
    assert sorted(STAGES[name]["foreach"]) == sorted(ADAPTERS)


def test_evaluate_is_every_adapter_in_every_variant_with_its_weights() -> None:
    weights = {
        "base": "models/base/config.json",
        "adapter": "models/adapters/{}",
        "merged": "models/merged/{}",
        "f16": "models/gguf/{}/f16.gguf",
        "q4_k_m": "models/gguf/{}/q4_k_m.gguf",
    }
    wanted = {
        f"{adapter}-{variant}": {"adapter": adapter, "variant": variant, "weights": weights[variant].format(adapter)}
        for adapter in ADAPTERS
        for variant in params.VARIANTS
    }
    baseline = {"variant": "rules", "weights": weights["base"]}  # no model: only where all tasks are extraction
    wanted |= {f"{a}-rules": {"adapter": a, **baseline} for a in ADAPTERS if PARAMS["adapters"][a]["tasks"] == ["extract"]}
    assert STAGES["evaluate"]["foreach"] == wanted


def test_report_shows_the_adapters_of_params() -> None:
    words = STAGES["report"]["cmd"].split()
    start = words.index("--adapters") + 1
    assert words[start : words.index("--data")] == ADAPTERS


@pytest.mark.parametrize("adapter", ADAPTERS)
def test_report_depends_on_the_record_of_every_stage(adapter: str) -> None:
    records = [
        f"data/tokens/{adapter}",
        f"models/adapters/{adapter}/training.json",
        f"models/merged/{adapter}/merge.json",
        f"models/gguf/{adapter}/gguf.json",
    ]
    assert set(records) <= set(_paths(STAGES["report"], "deps"))


@EVERY_STAGE
def test_only_report_writes_what_git_keeps(name: str, body: dict[str, Any]) -> None:
    entries = [entry for key in ("outs", "metrics", "plots") for entry in body.get(key, [])]
    options = [option for entry in entries if isinstance(entry, dict) for option in entry.values()]
    assert not any(option.get("persist") for option in options)
    if name == "report":
        assert options == [{"cache": False}] * len(entries)
    else:
        assert options == []
        assert _paths(body, "metrics", "plots") == []
