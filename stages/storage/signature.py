"""Signatures of releases in minisign's format (Ed25519, https://jedisct1.github.io/minisign/): its tool checks them too."""

import getpass
import os
from pathlib import Path
from typing import Any

from stages.command import Failure

PASSWORD = "RELEASE_KEY_PASSWORD"  # noqa: S105  the name of a variable


def _minisign() -> Any:
    try:
        import minisign
    except ImportError as error:
        raise Failure("storage: minisign is not installed; run: pip install -r requirements-dev.txt") from error
    return minisign


def _password(question: str) -> str:
    return os.environ[PASSWORD] if PASSWORD in os.environ else getpass.getpass(question)


def make_keys(path: Path) -> Path:
    """Write a new secret key, encrypted, and its public one beside it as NAME.pub; returns the latter.

    Raises:
        Failure: the secret key exists already.
    """
    pair = _minisign().KeyPair.generate()
    public = path.with_suffix(".pub")
    with pair.secret_key as secret:
        secret.encrypt(_password(f"new password for {path}: "))
        try:
            with open(os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600), "wb") as file:
                file.write(bytes(secret) + b"\n")
        except FileExistsError as error:
            raise Failure(f"storage: {path} exists; a key is never overwritten") from error
    public.write_bytes(bytes(pair.public_key) + b"\n")
    return public


def sign(path: Path, key: Path, comment: str) -> Path:
    """Sign a file; the signature lies beside it as NAME.minisig and covers the comment too.

    Raises:
        Failure: the key cannot be read, or the password is wrong.
    """
    minisign = _minisign()
    try:
        with minisign.SecretKey.from_file(key) as secret:
            secret.decrypt(_password(f"password of {key}: "))
            signature = secret.sign(path.read_bytes(), trusted_comment=comment)
    except (OSError, minisign.Error) as error:
        raise Failure(f"storage: cannot sign with {key}: {error}") from error
    target = path.with_name(path.name + ".minisig")
    target.write_bytes(bytes(signature) + b"\n")
    return target


def check(path: Path, key: Path) -> str:
    """The signed comment of a file's signature.

    Raises:
        Failure: there is no signature, or it is not that of this file and this key.
    """
    minisign = _minisign()
    try:
        signature = minisign.Signature.from_file(f"{path}.minisig")
        minisign.PublicKey.from_file(key).verify(path.read_bytes(), signature)
    except (OSError, minisign.Error) as error:
        raise Failure(f"storage: {path} is not signed by {key}: {error}") from error
    return str(signature.trusted_comment)
