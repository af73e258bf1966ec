"""The remote that DVC would use: whether it answers, what it holds, and words for what goes wrong with it.

with opened(None) as (repo, remote):   # the default remote of the repository in the working directory
    reach(remote)                      # or one line: no key, wrong key, no bucket, no server
"""

import errno
import logging
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from stages.command import Failure

# What a store answers (a pattern), and what to do about it.
REMEDIES = {
    "<bucket>": "no bucket is set: `make storage` for a server on this machine, or "
    "`dvc remote modify --local storage url s3://BUCKET/PATH` for your own",
    "NoSuchBucket": "the bucket does not exist: make it, or correct the url with `dvc remote modify --local {name} url …`",
    "Unable to locate credentials": "no key was found: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE",
    "InvalidAccessKeyId|SignatureDoesNotMatch|AccessDenied|403": "the key is wrong or has no right to this bucket: "
    "look at AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or at access_key_id in .dvc/config.local",
    "Could not connect": "no server answers there: `make storage` starts that of this machine; else look at AWS_ENDPOINT_URL",
}
SECRET = re.compile(  # user:password@ of a URL; the value of a query's or a connection string's key
    r"(?i)(?<=://)[^/@\s]+(?=@)|(?P<key>(?<=[?&;])[^=&;\s]*(?:sig|token|key|secret|password|credential)[^=&;\s]*=)[^&;\s\"']+"
)
SECRET_SETTINGS = ("secret_access_key", "session_token", "password", "sas_token", "account_key", "connection_string", "token",
                   "client_secret", "oss_key_secret", "sse_customer_key", "passphrase")  # fmt: skip
LOGGERS = ("dvc", "dvc_data", "dvc_objects")
SECRET_VARIABLES = ("AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN")


def redact(text: str, secrets: tuple[str, ...] = ()) -> str:
    """A text without credentials: user and password of URLs, signatures and tokens of queries, and the given values.

    >>> redact("http://user:pass@host/bucket?X-Amz-Signature=abc")
    'http://***@host/bucket?X-Amz-Signature=***'
    """
    for secret in secrets:
        text = text.replace(secret, "***")
    return SECRET.sub(lambda found: f"{found['key'] or ''}***", text)


def secrets_of(config: dict[str, Any]) -> tuple[str, ...]:
    """Every secret value in DVC's settings and in the AWS environment; the longest first."""
    found = {str(remote[key]) for remote in config.get("remote", {}).values() for key in SECRET_SETTINGS if remote.get(key)}
    found |= {os.environ[name] for name in SECRET_VARIABLES if os.environ.get(name)}
    return tuple(sorted(found, key=len, reverse=True))


class _Redacting(logging.Formatter):
    """What another formatter writes, without credentials."""

    def __init__(self, inner: logging.Formatter, secrets: tuple[str, ...]) -> None:
        super().__init__()
        self._inner, self._secrets = inner, secrets

    def format(self, record: logging.LogRecord) -> str:
        return redact(self._inner.format(record), self._secrets)


class _DiskFull(logging.Handler):
    seen = False

    def emit(self, record: logging.LogRecord) -> None:
        self.seen = self.seen or os.strerror(errno.ENOSPC) in f"{record.getMessage()} {record.exc_info}"


@contextmanager
def full_disk_raised(root: str) -> Iterator[None]:
    """A full disk of which DVC told inside the block, only to go on, is raised at its end.

    Raises:
        OSError: ENOSPC, with the repository's root.
    """
    handler = _DiskFull()
    for name in LOGGERS:
        logging.getLogger(name).addHandler(handler)
    try:
        yield
    finally:
        for name in LOGGERS:
            logging.getLogger(name).removeHandler(handler)
    if handler.seen:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), root)


@contextmanager
def repository() -> Iterator[Any]:
    """The DVC repository of the working directory, with DVC's own messages free of credentials.

    Raises:
        Failure: there is none, or DVC, the store or the connection fails inside the block.
    """
    from botocore.exceptions import BotoCoreError, ClientError
    from dvc.exceptions import DvcException
    from dvc.repo import Repo

    secrets: tuple[str, ...] = ()
    try:
        with Repo() as repo:
            secrets = secrets_of(repo.config)
            for handler in logging.getLogger("dvc").handlers:  # dvc_objects and dvc_data write to the same ones
                handler.setFormatter(_Redacting(handler.formatter or logging.Formatter(), secrets))
            yield repo
    except (DvcException, BotoCoreError, ClientError) as error:
        raise Failure(f"storage: {redact(str(error), secrets)}") from error
    except OSError as error:
        if error.errno == errno.ENOSPC:
            raise
        raise Failure(f"storage: {redact(str(error), secrets)}; run it again") from error


@contextmanager
def opened(name: str | None) -> Iterator[tuple[Any, Any]]:
    """The repository of the working directory and one of its remotes: (dvc.repo.Repo, dvc.data_cloud.Remote).

    Raises:
        Failure: there is no such remote, or as `repository`.
    """
    with repository() as repo:
        try:
            remote = repo.cloud.get_remote(name)
        except ImportError as error:  # DVC's plugin for this kind of store
            raise Failure(f"storage: {error}") from error
        yield repo, remote


def outputs(repo: Any) -> Iterator[tuple[str, str]]:
    """Path and hash of every cached output. What another repository holds is not on our remote."""
    for out in repo.index.outs:
        if out.use_cache and out.can_push and out.hash_info and not out.stage.is_repo_import:
            yield "/".join(out.index_key[1]), out.hash_info.value


def reach(repo: Any, remote: Any) -> None:
    """List the remote once.

    Raises:
        Failure: it cannot be listed; the line says why and what to do. Or `verify` is off, so that DVC would take anything.
    """
    if not remote.odb.verify:
        raise Failure(f"storage: remote {remote.name!r} is not verified; run `dvc remote modify {remote.name} verify true`")
    try:
        remote.fs.fs.invalidate_cache()
        remote.fs.ls(remote.path, detail=False)
    except FileNotFoundError as error:
        if "NoSuchBucket" in _words(error):
            raise _failure(repo, remote, error) from error  # an empty bucket is found, but has no such prefix yet
    except Exception as error:  # each store has its own; every one of them means that it does not answer
        raise _failure(repo, remote, error) from error


def _words(error: BaseException) -> str:
    """The text of an error and of those that caused it."""
    cause = error.__cause__ or error.__context__
    return f"{error}: {_words(cause)}" if cause is not None else str(error)


def _failure(repo: Any, remote: Any, error: Exception) -> Failure:
    words = _words(error)
    remedy = next((remedy for sign, remedy in REMEDIES.items() if re.search(sign, words)), "")
    url = remote.fs.unstrip_protocol(remote.path)
    reason = str(error).splitlines()[-1] if str(error) else type(error).__name__
    if remedy and "<bucket>" in words:
        return Failure(f"storage: remote {remote.name!r}: {remedy.format(name=remote.name)}")
    text = f"storage: remote {remote.name!r} ({url}): {reason}" + (f"; {remedy.format(name=remote.name)}" if remedy else "")
    return Failure(redact(text, secrets_of(repo.config)))
