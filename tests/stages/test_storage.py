"""Sharing without a server: credentials, lists of folders, manifests, signatures, pickles."""

import hashlib
import json
import pickle
import subprocess
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from stages.command import Failure
from stages.storage import check, loopback, manifest, remote, signature
from stages.storage.__main__ import _below
from stages.storage.check import Finding

ROOT = Path(__file__).parent.parent.parent


# --- credentials


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("http://me:hunter2@host:9000/b", "http://***@host:9000/b"),
        ("webdavs://token@host/x: failed", "webdavs://***@host/x: failed"),
        ("GET https://host/b?X-Amz-Signature=0af&prefix=a", "GET https://host/b?X-Amz-Signature=***&prefix=a"),
        ("https://acc.blob.core/x?sv=1&sig=a%2Bb", "https://acc.blob.core/x?sv=1&sig=***"),
        ("AccountName=a;AccountKey=c2VjcmV0;x=1", "AccountName=a;AccountKey=***;x=1"),
        ("s3://bucket/path at 12:30, a@b", "s3://bucket/path at 12:30, a@b"),
    ],
)
def test_credentials_are_taken_out_of_texts(text: str, expected: str) -> None:
    assert remote.redact(text) == expected


@given(st.text(alphabet="abcABC019%+.~-", min_size=3), st.text(alphabet="abcABC019%+.~-", min_size=1))
def test_no_password_survives_in_an_address(password: str, host: str) -> None:
    shown = remote.redact(f"cannot reach ftp://user:{password}@{host}/x")
    assert shown == f"cannot reach ftp://***@{host}/x"


def test_known_secrets_go_wherever_they_stand(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "from-env")
    monkeypatch.delenv("AWS_SESSION_TOKEN", raising=False)
    secrets = remote.secrets_of(
        {"remote": {"a": {"url": "s3://b", "secret_access_key": "from-file"}, "b": {"password": "p4ss"}}}
    )
    assert secrets == ("from-file", "from-env", "p4ss")
    assert remote.redact("sent from-file, from-env and p4ss", secrets) == "sent ***, *** and ***"


def test_the_committed_settings_hold_no_secret_and_no_bucket_that_can_exist() -> None:
    text = (ROOT / ".dvc/config").read_text(encoding="utf-8")
    assert "url = s3://<bucket>/" in text  # a real name would be somebody's
    assert "verify = true" in text
    assert not [key for key in remote.SECRET_SETTINGS if f"{key} " in text]
    listed = subprocess.run(["git", "ls-files", ".dvc", ".storage"], cwd=ROOT, capture_output=True, text=True, check=True)
    assert {name for name in listed.stdout.split() if not name.startswith(".dvc/plots/")} <= {".dvc/.gitignore", ".dvc/config"}


# --- lists of folders, in a repository with a folder as its remote


@pytest.fixture
def repository(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Any, Any]]:
    """A DVC repository with data/ (two files) and a folder as its remote, as (repo, remote); nothing is pushed."""
    from dvc.repo import Repo

    root = tmp_path / "repo"
    (root / "data").mkdir(parents=True)
    (root / "data/a.txt").write_text("a", encoding="utf-8")
    (root / "data/b.txt").write_text("b", encoding="utf-8")
    monkeypatch.setenv("DVC_SITE_CACHE_DIR", str(tmp_path / "site"))
    monkeypatch.chdir(root)
    Repo.init(no_scm=True)
    settings = (
        "[core]\n    no_scm = true\n    analytics = false\n    remote = store\n['remote \"store\"']\n    url = ../../store\n"
    )
    (root / ".dvc/config").write_text(f"{settings}    verify = true\n", encoding="utf-8")
    with Repo() as repo:
        repo.add("data")
    with Repo() as repo:
        yield repo, repo.cloud.get_remote(None)


def listed(repo: Any) -> str:
    return str(next(oid for _, oid in remote.outputs(repo)))


def put(store: Any, oid: str, content: bytes) -> None:
    path = Path(store.oid_to_path(oid))
    path.parent.mkdir(parents=True, exist_ok=True)
    path.unlink(missing_ok=True)
    path.write_bytes(content)


def test_every_file_is_named_with_its_path(repository: tuple[Any, Any]) -> None:
    objects, findings = check.referenced(*repository, all_commits=False)
    assert sorted(objects.values()) == ["data", "data/a.txt", "data/b.txt"]
    assert findings == []


def test_what_is_missing_is_pushed_again_files_before_lists(repository: tuple[Any, Any]) -> None:
    repo, store = repository
    objects, _ = check.referenced(repo, store, all_commits=False)
    missing = check.missing(store.odb, objects)
    assert sorted(str(finding).split("  ")[0:2][1] for finding in missing) == ["data", "data/a.txt", "data/b.txt"]
    assert check.mend(repo, store, missing) == []
    assert check.damaged(store.odb, objects) == []


def test_a_damaged_object_is_replaced_only_by_a_whole_one(repository: tuple[Any, Any]) -> None:
    repo, store = repository
    objects, _ = check.referenced(repo, store, all_commits=False)
    check.mend(repo, store, check.missing(store.odb, objects))
    oid = next(oid for oid, path in objects.items() if path == "data/a.txt")
    put(store.odb, oid, b"c")
    broken = [Finding("damaged", "data/a.txt", oid)]
    assert check.damaged(store.odb, objects) == broken
    put(repo.cache.local, oid, b"d")
    assert check.mend(repo, store, broken) == broken
    put(repo.cache.local, oid, b"a")
    assert check.mend(repo, store, broken) == []
    assert check.damaged(store.odb, objects) == []


@pytest.mark.parametrize("name", ["../x", "a/../../x", "/etc/x", "..\\x"])
def test_a_list_that_leads_out_of_its_folder_is_refused_though_its_hash_is_right(
    repository: tuple[Any, Any], name: str
) -> None:
    repo, store = repository
    content = json.dumps([{"md5": "0cc175b9c0f1b6a831c399e269772661", "relpath": name}]).encode()
    oid = hashlib.md5(content, usedforsecurity=False).hexdigest() + ".dir"
    put(store.odb, oid, content)
    with pytest.raises(Failure, match="leads out of it: do not trust this commit"):
        check.list_of(repo, store, oid, "data")


def test_a_list_with_another_hash_is_damaged_and_never_reaches_the_cache(repository: tuple[Any, Any]) -> None:
    repo, store = repository
    oid = listed(repo)
    repo.cache.local.delete(oid)
    put(store.odb, oid, b"[]")
    assert check.list_of(repo, store, oid, "data") == Finding("damaged", "data", oid)
    assert not repo.cache.local.exists(oid)


def test_a_remote_without_verify_is_refused(repository: tuple[Any, Any]) -> None:
    repo, store = repository
    store.odb.verify = False
    with pytest.raises(Failure, match="is not verified; run `dvc remote modify store verify true`"):
        remote.reach(repo, store)


def test_a_pickle_among_the_outputs_is_refused(repository: tuple[Any, Any], tmp_path: Path) -> None:
    repo, store = repository
    (tmp_path / "repo/data/pytorch_model.bin").write_bytes(b"x")
    repo.add("data")
    _, findings = check.referenced(repo, store, all_commits=False)
    assert [str(finding) for finding in findings] == [
        "refused  data/pytorch_model.bin  is a pickle, which runs code when it is loaded"
    ]


@pytest.mark.parametrize(
    ("path", "targets", "expected"),
    [
        ("models/gguf/a/f16.gguf", ["models/gguf/a"], True),
        ("models/gguf/a", ["models/gguf/a/f16.gguf"], True),
        ("models/gguf/ab", ["models/gguf/a"], False),
        ("models/gguf/a", ["./models/gguf/a/"], True),
    ],
)
def test_a_target_is_an_output_or_a_file_in_one(path: str, targets: list[str], expected: bool) -> None:
    assert _below(path, targets) is expected


def test_the_settings_of_the_server_come_and_go(tmp_path: Path) -> None:
    (tmp_path / ".dvc").mkdir()
    local = tmp_path / ".dvc/config.local"
    local.write_text("[core]\n    jobs_of_mine = 1\n", encoding="utf-8")
    local.write_text("['remote \"mine\"']\n    url = s3://mine\n", encoding="utf-8")
    loopback.connect(tmp_path, loopback.Server("http://127.0.0.1:1", {}, "key", "secret"))
    assert "remote = loopback" in local.read_text(encoding="utf-8")
    assert local.stat().st_mode & 0o077 == 0
    loopback.disconnect(tmp_path)
    assert local.read_text(encoding="utf-8").split() == ["['remote", '"mine"\']', "url", "=", "s3://mine"]


# --- manifests


@pytest.fixture
def release(tmp_path: Path) -> Path:
    """A folder with one output and its manifest."""
    (tmp_path / "models/a/deep").mkdir(parents=True)
    (tmp_path / "models/a/model.safetensors").write_bytes(b"weights")
    (tmp_path / "models/a/deep/config.json").write_bytes(b"{}")
    (tmp_path / "dvc.lock").write_bytes(b"schema: '2.0'")
    manifest.write(tmp_path / "manifest.json", manifest.make(tmp_path, {"models/a": md5_of(tmp_path / "models/a")}, "abc"))
    return tmp_path


def md5_of(folder: Path) -> str:
    """The hash of a folder, from DVC itself."""
    from dvc_data.hashfile.build import build
    from dvc_data.hashfile.db.local import LocalHashFileDB
    from dvc_objects.fs.local import localfs

    store = LocalHashFileDB(localfs, str(folder.parent.parent / "objects"))
    return str(build(store, str(folder), localfs, "md5")[2].hash_info.value)


def differences(release: Path) -> list[str]:
    return manifest.differences(release, manifest.read(release / "manifest.json"))


def test_a_manifest_names_every_file(release: Path) -> None:
    found = manifest.read(release / "manifest.json")
    assert found["files"]["models/a/model.safetensors"] == {"sha256": hashlib.sha256(b"weights").hexdigest(), "size": 7}
    assert sorted(found["files"]) == ["models/a/deep/config.json", "models/a/model.safetensors"]
    assert differences(release) == []


def test_every_difference_is_named(release: Path) -> None:
    model = release / "models/a/model.safetensors"
    model.write_bytes(b"wfights")
    (release / "models/a/deep/config.json").unlink()
    (release / "models/a/extra.py").write_bytes(b"")
    lines = differences(release)
    assert lines[0] == "missing  models/a/deep/config.json"
    assert lines[1].startswith("changed  models/a/model.safetensors  sha256 ")
    assert lines[2] == "unlisted models/a/extra.py"
    model.write_bytes(b"weight")
    assert "changed  models/a/model.safetensors  6 bytes instead of 7" in differences(release)


def test_a_manifest_is_of_what_dvc_lock_names(release: Path) -> None:
    (release / "models/a/model.safetensors").write_bytes(b"changed")
    with pytest.raises(Failure, match=r"models/a is not what dvc\.lock names"):
        manifest.make(release, {"models/a": "0" * 32 + ".dir"}, "abc")
    with pytest.raises(Failure, match="models/b does not exist"):
        manifest.make(release, {"models/b": "0" * 32}, "abc")


def test_a_manifest_of_links_is_refused(release: Path) -> None:
    (release / "models/a/link").symlink_to("/etc/passwd")
    with pytest.raises(Failure, match="models/a/link is a link"):
        manifest.make(release, {"models/a": "0" * 32 + ".dir"}, "abc")


@pytest.mark.parametrize("name", ["../outside", "/etc/passwd", "models/../../x"])
def test_a_manifest_that_leads_elsewhere_is_refused(release: Path, name: str) -> None:
    text = (release / "manifest.json").read_text(encoding="utf-8").replace("models/a/model.safetensors", name)
    (release / "manifest.json").write_text(text, encoding="utf-8")
    with pytest.raises(Failure, match="leads out of the folder: do not trust it"):
        differences(release)


@given(st.one_of(st.binary(max_size=60), st.text(max_size=60).map(str.encode), st.just(b'{"files": {"a": 1}, "outputs": []}')))
def test_anything_else_is_no_manifest(tmp_path_factory: pytest.TempPathFactory, content: bytes) -> None:
    path = tmp_path_factory.mktemp("m") / "manifest.json"
    path.write_bytes(content)
    with pytest.raises(Failure, match="is no manifest"):
        manifest.read(path)


def test_a_signature_covers_every_byte_and_the_comment(release: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(signature.PASSWORD, "hunter2")
    path, key = release / "manifest.json", release / "release.key"
    public = signature.make_keys(key)
    assert key.stat().st_mode & 0o077 == 0
    signed = signature.sign(path, key, "commit abc")
    assert signature.check(path, public) == "commit abc"
    content = path.read_bytes()
    path.write_bytes(content.replace(b"weights", b"weights", 1)[:-2] + b" \n")
    with pytest.raises(Failure, match=r"is not signed by .*signature verification failed"):
        signature.check(path, public)
    path.write_bytes(content)
    signed.write_bytes(signed.read_bytes().replace(b"commit abc", b"commit abd"))
    with pytest.raises(Failure, match="is not signed by"):
        signature.check(path, public)


def test_a_signature_needs_its_key(release: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(signature.PASSWORD, "hunter2")
    path, key = release / "manifest.json", release / "release.key"
    public, other = signature.make_keys(key), signature.make_keys(release / "other.key")
    with pytest.raises(Failure, match=r"No such file"):
        signature.check(path, public)
    signature.sign(path, key, "commit abc")
    with pytest.raises(Failure, match=r"is not signed by .*other\.pub: incompatible key"):
        signature.check(path, other)
    with pytest.raises(Failure, match="a key is never overwritten"):
        signature.make_keys(key)
    monkeypatch.setenv(signature.PASSWORD, "wrong")
    with pytest.raises(Failure, match="cannot sign with"):
        signature.sign(path, key, "commit abc")


# --- pickles


def test_pickles_are_known_by_name_and_by_bytes(tmp_path: Path) -> None:
    bytes_of = {"weights.gguf": pickle.dumps({"a": 1}), "plain.bin": b"", "model.PT": b"", "model.safetensors": b"\x10\0\0\0{}"}
    for name, content in bytes_of.items():
        (tmp_path / name).write_bytes(content)
    with zipfile.ZipFile(tmp_path / "archive.safetensors", "w") as archive:
        archive.writestr("archive/data.pkl", b"")
    with zipfile.ZipFile(tmp_path / "page.docx", "w") as archive:
        archive.writestr("word/document.xml", b"")
    found = sorted(path.name for path in tmp_path.iterdir() if manifest.is_pickle(path))
    assert found == ["archive.safetensors", "model.PT", "plain.bin", "weights.gguf"]


def test_the_models_of_this_work_tree_hold_no_pickle() -> None:
    files = [path for path in (ROOT / "models").rglob("*") if path.is_file() and ".checkpoints" not in path.parts]
    assert [str(path) for path in files if manifest.is_pickle(path)] == []


def test_no_stage_reads_or_writes_a_pickle() -> None:
    written = (
        "torch.save(",
        "torch.load(",
        "import pickle",
        "joblib",
        "safe_serialization=False",
        "pytorch_model.bin",
        "trust_remote_code",
    )
    files = [path for path in (ROOT / "stages").rglob("*.py") if path.parent.name != "storage"]
    assert [(str(path), word) for path in files for word in written if word in path.read_text(encoding="utf-8")] == []
