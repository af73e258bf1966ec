"""Sharing through a real S3 server: what another clone pulls is what was made, whatever is killed, full or flipped."""

import hashlib
import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from botocore.session import get_session
from ruamel.yaml import YAML

from stages.documents import read_shards
from stages.ingest.__main__ import ingest
from stages.params import Params, UrlSource
from stages.storage import loopback, server
from stages.storage.loopback import Server

ROOT = Path(__file__).parent.parent
LIFE_S = 900  # the server ends by itself, whatever becomes of the tests

pytestmark = pytest.mark.slow


def environment(found: Server | None, **changes: str | None) -> dict[str, str]:
    """The user's environment, with the usual AWS variables for a server, and no others."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    paths = {"PATH": f"{Path(sys.executable).parent}:{os.environ['PATH']}", "PYTHONPATH": str(ROOT)}
    aws = {"AWS_EC2_METADATA_DISABLED": "true"}
    aws["AWS_MAX_ATTEMPTS"] = "1"  # with the default of 5 a client takes minutes to give up a server that is gone
    if found:
        aws["AWS_ENDPOINT_URL"] = found.endpoint
        aws["AWS_ACCESS_KEY_ID"], aws["AWS_SECRET_ACCESS_KEY"] = found.access_key_id, found.secret_access_key
    merged = {**kept, **paths, **aws, "DVC_NO_ANALYTICS": "1", "AWS_DEFAULT_REGION": loopback.REGION, **changes}
    return {name: value for name, value in merged.items() if value is not None}


class Place:
    """A server, its bucket, and a folder in it of this test's own."""

    def __init__(self, root: Path) -> None:
        self.root = root
        (root / ".dvc").mkdir(parents=True)
        self.start()

    def start(self) -> None:
        self.server = server.start(self.root, LIFE_S)
        keys = {"aws_access_key_id": self.server.access_key_id, "aws_secret_access_key": self.server.secret_access_key}
        options: dict[str, Any] = {"endpoint_url": self.server.endpoint, "region_name": loopback.REGION, **keys}
        self.client = get_session().create_client("s3", **options)

    def kill(self) -> None:
        os.killpg(int((self.root / ".storage/pid").read_text()), signal.SIGKILL)

    def keys(self, prefix: str) -> list[str]:
        found = self.client.list_objects_v2(Bucket=loopback.BUCKET, Prefix=f"{prefix}/").get("Contents", [])
        return sorted(entry["Key"] for entry in found)

    def key(self, prefix: str, oid: str) -> str:
        return f"{prefix}/files/md5/{oid[:2]}/{oid[2:]}"

    def read(self, key: str) -> bytes:
        return bytes(self.client.get_object(Bucket=loopback.BUCKET, Key=key)["Body"].read())

    def write(self, key: str, content: bytes) -> None:
        self.client.put_object(Bucket=loopback.BUCKET, Key=key, Body=content)


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Place]:
    found = Place(tmp_path_factory.mktemp("server"))
    yield found
    server.stop(found.root)


class Clone:
    """A Git clone with DVC, connected to a folder of the bucket by its .dvc/config.local and the AWS environment."""

    def __init__(self, root: Path, place: Place, prefix: str) -> None:
        self.root, self.place, self.prefix = root, place, prefix
        text = f"['remote \"storage\"']\n    url = s3://{loopback.BUCKET}/{prefix}\n"
        (root / ".dvc/config.local").write_text(text, encoding="utf-8")

    def call(self, *words: str, **changes: str | None) -> subprocess.CompletedProcess[str]:
        return subprocess.run(words, cwd=self.root, env=self.env(**changes), capture_output=True, text=True, check=False)

    def begin(self, *words: str) -> subprocess.Popen[str]:
        pipe = subprocess.PIPE
        return subprocess.Popen(words, cwd=self.root, env=self.env(), stdout=pipe, stderr=subprocess.STDOUT, text=True)

    def env(self, **changes: str | None) -> dict[str, str]:
        own = {"HOME": str(self.place.root), "DVC_SITE_CACHE_DIR": str(self.root / ".dvc/tmp/site")}  # nobody's ~/.aws
        return environment(self.place.server, **own, **changes)

    def ok(self, *words: str) -> str:
        done = self.call(*words)
        assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
        return done.stdout

    def storage(self, *words: str, **changes: str | None) -> subprocess.CompletedProcess[str]:
        return self.call(sys.executable, "-m", "stages.storage", *words, **changes)

    def commit(self, message: str) -> None:
        self.ok("git", "add", "-A")
        self.ok("git", "-c", "user.name=a", "-c", "user.email=a@b", "commit", "-qm", message)

    def clone(self, root: Path) -> "Clone":
        self.ok("git", "clone", "-q", str(self.root), str(root))
        return Clone(root, self.place, self.prefix)

    def hashes(self) -> dict[str, str]:
        """sha256 of all that DVC tracks here."""
        paths = sorted(path for path in (self.root / "data").rglob("*") if path.is_file() and path.suffix != ".dvc")
        return {
            str(p.relative_to(self.root)): hashlib.sha256(p.read_bytes()).hexdigest() for p in paths if p.name != ".gitignore"
        }


def small(root: Path, place: Place, files: int = 3, size: int = 2000) -> Clone:
    """A repository with the committed DVC settings, a folder of files and one bigger file, tracked."""
    (root / ".dvc").mkdir(parents=True)
    for name in (".dvc/config", ".dvc/.gitignore"):
        shutil.copy(ROOT / name, root / name)
    made = Clone(root, place, root.parent.name)
    made.ok("git", "init", "-q")
    fill(root, files, size, seed=1)
    made.ok("dvc", "add", "-q", "data/documents", "data/q4_k_m.gguf")
    made.commit("Data")
    return made


def fill(root: Path, files: int, size: int, seed: int) -> None:
    dice = random.Random(seed)
    (root / "data/documents").mkdir(parents=True, exist_ok=True)
    for number in range(files):
        (root / f"data/documents/{number:03}.txt").write_bytes(dice.randbytes(size))
    (root / "data/q4_k_m.gguf").write_bytes(dice.randbytes(4 * size))


def error_of(done: subprocess.CompletedProcess[str]) -> str:
    """The one line that a failed command ends with."""
    assert done.returncode == 1, done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    errors = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert len(errors) == 1, done.stderr
    return errors[0]


# --- two people


def test_another_clone_pulls_what_was_pushed(place: Place, tmp_path: Path) -> None:
    first = small(tmp_path / "first", place)
    done = first.storage("push")
    assert done.returncode == 0, done.stderr
    second = first.clone(tmp_path / "second")
    assert second.hashes() == {}
    done = second.storage("pull")
    assert done.returncode == 0, done.stderr
    assert "5 objects on remote 'storage', all there" in done.stdout
    assert second.hashes() == first.hashes() != {}
    assert second.ok("dvc", "status").strip() == "Data and pipelines are up to date."
    assert first.call("git", "status", "--porcelain").stdout == ""


def test_switching_commits_restores_the_files_of_each(place: Place, tmp_path: Path) -> None:
    first = small(tmp_path / "first", place)
    old = first.hashes()
    fill(first.root, 4, 1500, seed=2)
    first.ok("dvc", "add", "-q", "data/documents", "data/q4_k_m.gguf")
    first.commit("Other data")
    new = first.hashes()
    first.ok("dvc", "push", "-q", "--all-commits")
    second = first.clone(tmp_path / "second")
    second.ok("dvc", "pull", "-q")
    assert second.hashes() == new
    second.ok("git", "checkout", "-q", "HEAD~1")
    second.ok("dvc", "pull", "-q")
    assert second.hashes() == old
    shutil.rmtree(second.root / ".dvc/cache")
    second.ok("git", "checkout", "-q", "-")
    second.ok("dvc", "pull", "-q", "--force")
    assert second.hashes() == new
    assert second.storage("check", "--all-commits").returncode == 0


def test_two_people_push_at_once(place: Place, tmp_path: Path) -> None:
    first = small(tmp_path / "first", place, files=30)
    second = first.clone(tmp_path / "second")
    fill(second.root, 35, 2000, seed=3)
    second.ok("dvc", "add", "-q", "data/documents", "data/q4_k_m.gguf")
    second.commit("Mine")
    running = [clone.begin(sys.executable, "-m", "stages.storage", "push") for clone in (first, second)]
    for process in running:
        output, _ = process.communicate(timeout=120)
        assert process.returncode == 0, output
    for number, clone in enumerate((first, second)):
        assert clone.storage("check").returncode == 0
        fresh = clone.clone(tmp_path / f"fresh{number}")
        assert fresh.storage("pull").returncode == 0
        assert fresh.hashes() == clone.hashes()


# --- the pipeline of this repository


def ran(done: str) -> list[str]:
    return [line.split("'")[1] for line in done.splitlines() if line.startswith("Running stage")]


@pytest.fixture(scope="module")
def pipeline(place: Place, tmp_path_factory: pytest.TempPathFactory) -> Clone:
    """This repository with two of its sources, its cheap stages run and pushed."""
    root = tmp_path_factory.mktemp("pipeline") / "repo"
    listed = subprocess.run(
        ["git", "ls-files", "-z", "-co", "--exclude-standard"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    for name in filter(None, listed.stdout.split("\0")):
        if (ROOT / name).is_file():
            (root / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / name, root / name)
    (root / "dvc.lock").unlink()
    for path in (root / "data/raw/products").glob("*.json"):
        if path.stem not in ("simple_card", "spec_table"):
            path.unlink()
        else:
            path.write_text(json.dumps(json.loads(path.read_text(encoding="utf-8"))[::5]), encoding="utf-8")
    found = Clone(root, place, "pipeline")
    set_parameter(root, "test_share", 0.34)
    set_parameter(root, "valid_share", 0.17)
    found.ok("git", "init", "-q")
    assert ran(found.ok("dvc", "repro", "prepare")) == ["ingest", "sanitize", "prepare"]
    found.commit("Locked")
    found.ok("dvc", "push", "-q")
    return found


def set_parameter(root: Path, key: str, value: float) -> None:
    yaml = YAML()
    values = yaml.load(root / "params.yaml")
    assert key in values["prepare"]
    values["prepare"][key] = value
    yaml.dump(values, root / "params.yaml")


def test_repro_in_a_fresh_clone_runs_nothing(pipeline: Clone, tmp_path: Path) -> None:
    fresh = pipeline.clone(tmp_path / "fresh")
    assert ran(fresh.ok("dvc", "repro", "--pull", "--allow-missing", "prepare")) == []
    fresh.ok("dvc", "pull", "-q", "prepare", "sanitize", "ingest")
    assert fresh.hashes() == pipeline.hashes() != {}


def test_a_changed_parameter_pulls_only_what_its_stage_reads(pipeline: Clone, tmp_path: Path) -> None:
    fresh = pipeline.clone(tmp_path / "fresh")
    set_parameter(fresh.root, "test_share", 0.33)
    assert ran(fresh.ok("dvc", "repro", "--pull", "--allow-missing", "prepare")) == ["prepare"]
    assert (fresh.root / "data/examples/test.jsonl").is_file()
    assert (fresh.root / "data/clean").is_dir()
    assert not (fresh.root / "data/documents").exists()


# --- other repositories, other sources


def test_another_repository_takes_a_model_by_name_and_version(place: Place, tmp_path: Path) -> None:
    first = small(tmp_path / "first", place)
    artifacts = {"products-q4_k_m": {"path": "data/q4_k_m.gguf", "type": "model"}}
    YAML().dump({"artifacts": artifacts}, first.root / "dvc.yaml")
    first.commit("Artifacts")
    first.ok("dvc", "push", "-q")
    released = (first.root / "data/q4_k_m.gguf").read_bytes()
    who = {f"GIT_{role}_{key}": value for role in ("AUTHOR", "COMMITTER") for key, value in (("NAME", "a"), ("EMAIL", "a@b"))}
    for words in (
        ("register", "products-q4_k_m", "--version", "v1.0.0"),
        ("assign", "products-q4_k_m", "--version", "v1.0.0", "--stage", "production"),
    ):
        assert first.call("gto", *words, **who).returncode == 0
    fill(first.root, 3, 1000, seed=4)
    first.ok("dvc", "add", "-q", "data/documents", "data/q4_k_m.gguf")
    first.commit("Next")
    url, setting = f"file://{first.root}", f"url=s3://{loopback.BUCKET}/{first.prefix}"
    for number, version in enumerate((("--rev", "v1.0.0"), ("--stage", "production"))):
        first.ok("dvc", "artifacts", "get", url, "products-q4_k_m", *version, "--remote-config", setting, "-o", f"got{number}")
        assert (first.root / f"got{number}").read_bytes() == released
    first.ok("dvc", "get", url, "data/q4_k_m.gguf", "--rev", "HEAD~1", "--remote-config", setting, "-o", "got")
    assert (first.root / "got").read_bytes() == released


def test_a_corpus_is_imported_and_updated(place: Place, tmp_path: Path) -> None:
    first = small(tmp_path / "first", place)
    place.write("corpus/pages.jsonl", b'{"text": "one"}')
    first.ok("dvc", "import-url", "-q", f"s3://{loopback.BUCKET}/corpus/pages.jsonl", "data/pages.jsonl")
    assert (first.root / "data/pages.jsonl").read_bytes() == b'{"text": "one"}'
    assert first.ok("dvc", "update", "data/pages.jsonl.dvc").count("up to date") <= 1
    place.write("corpus/pages.jsonl", b'{"text": "two"}')
    first.ok("dvc", "update", "data/pages.jsonl.dvc")
    assert (first.root / "data/pages.jsonl").read_bytes() == b'{"text": "two"}'


# --- what goes wrong with a connection


WRONG: list[tuple[dict[str, str | None], str, str]] = [
    ({"AWS_SECRET_ACCESS_KEY": "another-secret"}, "", "the key is wrong or has no right to this bucket"),
    ({"AWS_ACCESS_KEY_ID": "nobody"}, "", "the key is wrong or has no right to this bucket"),
    ({"AWS_ACCESS_KEY_ID": None, "AWS_SECRET_ACCESS_KEY": None}, "", "no key was found: set AWS_ACCESS_KEY_ID"),
    ({}, "s3://nowhere/x", "the bucket does not exist: make it, or correct the url"),
    ({}, "s3://<bucket>/x", "no bucket is set: `make storage` for a server on this machine"),
    ({"AWS_ENDPOINT_URL": "http://127.0.0.1:1"}, "", "no server answers there: `make storage` starts that of this machine"),
]


@pytest.mark.parametrize(("changes", "url", "expected"), WRONG)
@pytest.mark.parametrize("action", ["push", "pull"])
def test_a_remote_that_refuses_is_one_line_with_a_remedy(
    place: Place, connected: Clone, action: str, changes: dict[str, str | None], url: str, expected: str
) -> None:
    kept = (connected.root / ".dvc/config.local").read_text(encoding="utf-8")
    if url:
        (connected.root / ".dvc/config.local").write_text(f"['remote \"storage\"']\n    url = {url}\n", encoding="utf-8")
    try:
        done = connected.storage(action, **changes)
        assert expected in error_of(done)
        assert place.server.secret_access_key not in done.stdout + done.stderr
    finally:
        (connected.root / ".dvc/config.local").write_text(kept, encoding="utf-8")


@pytest.fixture(scope="module")
def connected(place: Place, tmp_path_factory: pytest.TempPathFactory) -> Clone:
    return small(tmp_path_factory.mktemp("connected") / "repo", place, files=1)


def test_credentials_in_an_address_are_not_shown(connected: Clone) -> None:
    done = connected.storage("push", AWS_ENDPOINT_URL="http://me:hunter2@127.0.0.1:1")
    assert "hunter2" not in error_of(done) + done.stdout + done.stderr
    kept = (connected.root / ".dvc/config.local").read_text(encoding="utf-8")
    (connected.root / ".dvc/config.local").write_text(kept.replace("s3://", "webdavs://me:hunter2@"), encoding="utf-8")
    try:
        done = connected.storage("push")
        assert "webdavs is supported, but requires 'dvc-webdav' to be installed" in error_of(done)
        assert "hunter2" not in done.stdout + done.stderr
    finally:
        (connected.root / ".dvc/config.local").write_text(kept, encoding="utf-8")


def test_the_key_is_needed(place: Place) -> None:
    import urllib.error
    import urllib.request

    with pytest.raises(urllib.error.HTTPError, match="403"):
        urllib.request.urlopen(f"{place.server.endpoint}/{loopback.BUCKET}/ready", timeout=10)


# --- what goes wrong with objects


def oid_of(clone: Clone, path: str) -> str:
    return str(YAML(typ="safe").load(clone.root / f"{path}.dvc")["outs"][0]["md5"])


def flipped(content: bytes) -> bytes:
    return content[:7] + bytes([content[7] ^ 1]) + content[8:]


@pytest.mark.parametrize(("spoil", "kind"), [(flipped, "damaged"), (lambda b: b[:-1], "damaged"), (lambda _: b"", "damaged")])
def test_a_damaged_object_is_refused_named_and_mended(place: Place, tmp_path: Path, spoil: Any, kind: str) -> None:
    first = small(tmp_path / "first", place)
    first.ok("dvc", "push", "-q")
    key = place.key(first.prefix, oid_of(first, "data/q4_k_m.gguf"))
    place.write(key, spoil(place.read(key)))
    second = first.clone(tmp_path / "second")
    done = second.storage("pull")
    assert "(data/q4_k_m.gguf: damaged)" in error_of(done)
    assert not (second.root / "data/q4_k_m.gguf").exists()
    assert "Everything is up to date" in first.ok("dvc", "push")  # DVC does not look at what is there
    done = second.storage("check")
    assert f"{kind}  data/q4_k_m.gguf  md5 {oid_of(first, 'data/q4_k_m.gguf')}" in done.stdout
    assert "1 of 5 objects on remote 'storage' are broken" in error_of(done)
    assert second.storage("check", "--repair").returncode == 1  # it has no copy
    done = first.storage("check", "--repair")
    assert "mended   data/q4_k_m.gguf" in done.stdout
    assert done.returncode == 0
    assert second.storage("pull").returncode == 0
    assert second.hashes() == first.hashes()


def test_a_changed_list_of_a_folder_writes_nothing(place: Place, tmp_path: Path) -> None:
    first = small(tmp_path / "first", place)
    first.ok("dvc", "push", "-q")
    key = place.key(first.prefix, oid_of(first, "data/documents"))
    entries = json.loads(place.read(key))
    entries[0]["relpath"] = "../../../escaped"
    place.write(key, json.dumps(entries).encode())
    second = first.clone(tmp_path / "deep/down/second")
    assert "(data/documents: damaged)" in error_of(second.storage("pull"))
    assert not list(tmp_path.rglob("escaped"))
    assert first.storage("check", "--repair").returncode == 0
    assert second.storage("pull").returncode == 0
    assert second.hashes() == first.hashes()


def test_a_flipped_bit_in_the_local_cache_is_not_pushed(place: Place, tmp_path: Path) -> None:
    first = small(tmp_path / "first", place)
    oid = oid_of(first, "data/q4_k_m.gguf")
    cached = first.root / ".dvc/cache/files/md5" / oid[:2] / oid[2:]
    content = cached.read_bytes()
    cached.chmod(0o644)
    cached.write_bytes(flipped(content))
    cached.chmod(0o444)  # DVC trusts whatever is read-only
    done = first.storage("push")
    assert "1 of 5 objects in the local cache are broken (data/q4_k_m.gguf: damaged)" in error_of(done)
    assert place.keys(first.prefix) == []


def test_a_flipped_bit_in_the_local_cache_is_found_and_fetched_again(place: Place, tmp_path: Path) -> None:
    first = small(tmp_path / "first", place)
    first.ok("dvc", "push", "-q")
    oid = oid_of(first, "data/q4_k_m.gguf")
    cached = first.root / ".dvc/cache/files/md5" / oid[:2] / oid[2:]
    content = cached.read_bytes()
    cached.chmod(0o644)
    cached.write_bytes(flipped(content))
    cached.chmod(0o444)
    assert "in the local cache are broken (data/q4_k_m.gguf: damaged)" in error_of(
        first.storage("check", "--cache", "--repair")
    )
    assert first.storage("pull").returncode == 0
    assert cached.read_bytes() == content


def test_what_was_never_pushed_is_found_before_the_pull_request(place: Place, tmp_path: Path) -> None:
    first = small(tmp_path / "first", place)
    first.ok("dvc", "push", "-q", "data/documents")
    done = first.storage("check", "--exists-only")
    assert f"missing  data/q4_k_m.gguf  md5 {oid_of(first, 'data/q4_k_m.gguf')}" in done.stdout
    assert "1 of 5 objects on remote 'storage' are broken (data/q4_k_m.gguf: missing)" in error_of(done)
    assert first.storage("push").returncode == 0
    assert "5 objects on remote 'storage', all there" in first.storage("check", "--exists-only").stdout


def test_a_file_lost_from_a_folder_on_the_remote_is_named_and_sent_again(place: Place, tmp_path: Path) -> None:
    first = small(tmp_path / "first", place)
    first.ok("dvc", "push", "-q")
    lost = hashlib.md5((first.root / "data/documents/001.txt").read_bytes(), usedforsecurity=False).hexdigest()
    place.client.delete_object(Bucket=loopback.BUCKET, Key=place.key(first.prefix, lost))
    assert "Everything is up to date" in first.ok("dvc", "push")  # it takes the list for its files
    second = first.clone(tmp_path / "second")
    assert "(data/documents/001.txt: missing)" in error_of(second.storage("pull"))
    assert "(data/documents/001.txt: missing)" in error_of(second.storage("check", "--exists-only"))
    assert first.storage("check", "--exists-only", "--repair").returncode == 0
    assert second.storage("pull").returncode == 0
    assert second.hashes() == first.hashes()


# --- what is killed


def wait_for(condition: Any, seconds: float = 60) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_a_server_killed_in_a_push_and_in_a_pull_loses_nothing(place: Place, tmp_path: Path) -> None:
    first = small(tmp_path / "first", place, files=16, size=1_000_000)
    pushing = first.begin("dvc", "push", "--jobs", "1")
    wait_for(lambda: len(place.keys(first.prefix)) > 4)
    place.kill()
    output, _ = pushing.communicate(timeout=240)
    assert pushing.returncode != 0
    assert re.search(r"ERROR: failed to push data to the cloud - \d+ files failed to upload", output), output[-1500:]
    place.start()
    assert 4 < len(place.keys(first.prefix)) < 18
    done = first.storage("push")
    assert done.returncode == 0, done.stderr
    assert first.storage("check").returncode == 0

    second = first.clone(tmp_path / "second")
    pulling = second.begin("dvc", "pull", "--jobs", "1")
    cache = second.root / ".dvc/cache/files/md5"
    wait_for(lambda: len([path for path in cache.rglob("*") if path.is_file()]) > 4)
    place.kill()
    output, _ = pulling.communicate(timeout=240)
    assert pulling.returncode != 0
    assert "ERROR: failed to pull data from the cloud" in output, output[-1500:]
    place.start()
    assert second.storage("pull").returncode == 0
    assert second.hashes() == first.hashes()


def test_a_client_killed_at_any_time_loses_nothing(place: Place, tmp_path: Path) -> None:
    first = small(tmp_path / "first", place, files=60, size=100_000)
    before = first.hashes()
    dice = random.Random(8)
    second = first.clone(tmp_path / "second")
    for clone, action in ((first, "push"), (second, "pull")):
        for _ in range(3):
            running = clone.begin("dvc", action, "--jobs", "1")
            time.sleep(dice.uniform(1.0, 2.5))
            running.kill()
            running.communicate()
        assert clone.storage(action).returncode == 0
    assert first.hashes() == second.hashes() == before
    assert first.storage("check").returncode == 0
    assert second.storage("check", "--cache").returncode == 0


def test_a_full_disk_while_pulling(place: Place, tmp_path: Path) -> None:
    first = small(tmp_path / "first", place, files=20, size=200_000)
    first.ok("dvc", "push", "-q")
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=3m", "tmpfs", str(disk)], capture_output=True, check=False)
    if mounted.returncode != 0:
        pytest.skip("a small disk needs the right to mount one")
    try:
        second = first.clone(disk / "second")
        done = second.storage("pull")
        assert "No space left on device" in done.stderr
        assert "no space left on the disk" in error_of(done)
        subprocess.run(["mount", "-o", "remount,size=30m", str(disk)], check=True)
        assert second.storage("pull").returncode == 0
        assert second.hashes() == first.hashes()
    finally:
        subprocess.run(["umount", "-l", str(disk)], check=True)


# --- the server


def test_it_listens_on_loopback_only(place: Place) -> None:
    import psutil

    group = int((place.root / ".storage/pid").read_text())
    processes = [psutil.Process(group), *psutil.Process(group).children(recursive=True)]
    addresses = {
        found.laddr.ip for process in processes for found in process.net_connections("inet") if found.status == "LISTEN"
    }
    assert addresses == {"127.0.0.1"}


def test_make_storage_twice_and_stop(tmp_path: Path, place: Place) -> None:
    first = small(tmp_path / "first", place)
    kept = (first.root / ".dvc/config.local").read_text(encoding="utf-8")
    try:
        done = first.storage("start")
        assert done.returncode == 0, done.stderr
        pid = (first.root / ".storage/pid").read_text()
        assert "`make storage-stop` ends it" in done.stdout
        assert first.storage("start").returncode == 0
        assert (first.root / ".storage/pid").read_text() == pid
        assert (first.root / ".dvc/config.local").stat().st_mode & 0o077 == 0
        assert first.storage("push").returncode == 0  # without anything of the environment's
    finally:
        done = first.storage("stop")
    assert "its data stay in .storage" in done.stdout
    assert not (first.root / ".storage/pid").exists()
    assert first.call("kill", "-0", pid.strip()).returncode != 0
    assert YAML is not None and (first.root / ".dvc/config.local").read_text(encoding="utf-8").split() == kept.split()
    assert "no server was running" in first.storage("stop").stdout


def test_documents_come_from_a_bucket(place: Place, tmp_path: Path, loaded: Params, monkeypatch: pytest.MonkeyPatch) -> None:
    """A folder and a pattern of s3://, whole and refused; credentials come from the environment."""
    files = {"a/page.html": b"<title>Page</title><p>Text.", "a/b é.txt": b"A text.", "large.txt": b"x" * 9_000}
    for name, content in files.items():
        place.write(f"raw/{name}", content)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", place.server.access_key_id)
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", place.server.secret_access_key)
    options: dict[str, Any] = {"client_kwargs": {"endpoint_url": place.server.endpoint, "region_name": loopback.REGION}}
    url = f"s3://{loopback.BUCKET}/raw"
    sources = [UrlSource(kind="url", url=f"{url}/a/", options=options, metadata={"licence": "MIT"}),
               UrlSource(kind="url", url=f"{url}/**/large.*", options=options, metadata={})]  # fmt: skip
    (tmp_path / "raw").mkdir()
    section = loaded.ingest.model_copy(update={"sources": sources, "max_bytes": 8_000})
    ingest(tmp_path / "raw", tmp_path / "store", section)
    stored = {row["source_uri"]: row for row in read_shards(tmp_path / "store", "documents")}
    assert {uri.removeprefix(f"{url}/"): row["content"] for uri, row in stored.items()} == {
        name: content for name, content in files.items() if name != "large.txt"
    }
    page = stored[f"{url}/a/page.html"]
    assert (page["title"], page["licence"], page["collection"]) == ("Page", "MIT", loopback.BUCKET)
    assert [(row["source_uri"], row["drop_reason"]) for row in read_shards(tmp_path / "store", "ledger")] == [
        (f"{url}/large.txt", "too_large")
    ]
