"""The server of this machine as a DVC remote: its address and keys, its bucket, the settings that lead to it."""

from dataclasses import dataclass
from pathlib import Path

BUCKET = "documents"
REGION = "us-east-1"  # SeaweedFS has none, signatures need one
REMOTE = "loopback"


@dataclass(frozen=True)
class Server:
    """Where a server listens and who may use it."""

    endpoint: str
    ports: dict[str, int]
    access_key_id: str
    secret_access_key: str


def make_bucket(server: Server) -> None:
    """Make the bucket if it is missing, and write an object into it: the volumes take seconds longer than the gateway.

    Raises:
        BotoCoreError, ClientError: the server is not ready.
    """
    from botocore.config import Config
    from botocore.session import get_session

    client = get_session().create_client(
        "s3",
        endpoint_url=server.endpoint,
        region_name=REGION,
        aws_access_key_id=server.access_key_id,
        aws_secret_access_key=server.secret_access_key,
        config=Config(retries={"max_attempts": 0}, connect_timeout=2, read_timeout=10),
    )
    if BUCKET not in {found["Name"] for found in client.list_buckets()["Buckets"]}:
        client.create_bucket(Bucket=BUCKET)
    client.put_object(Bucket=BUCKET, Key="ready", Body=b"ready")


def connect(root: Path, server: Server) -> None:
    """Make the server the default remote of a repository, in its .dvc/config.local, which Git ignores."""
    from dvc.config import Config

    (root / ".dvc" / "config.local").touch(mode=0o600)
    (root / ".dvc" / "config.local").chmod(0o600)
    with Config(root / ".dvc").edit("local") as config:
        config["remote"][REMOTE] = {
            "url": f"s3://{BUCKET}/dvc",
            "endpointurl": server.endpoint,
            "region": REGION,
            "access_key_id": server.access_key_id,
            "secret_access_key": server.secret_access_key,
            "verify": "true",
        }
        config["core"]["remote"] = REMOTE


def disconnect(root: Path) -> None:
    """Take the server's remote out of .dvc/config.local; everything else in it stays."""
    from dvc.config import Config

    if (root / ".dvc" / "config.local").is_file():
        with Config(root / ".dvc").edit("local") as config:
            config["remote"].pop(REMOTE, None)
            if config["core"].get("remote") == REMOTE:
                del config["core"]["remote"]
