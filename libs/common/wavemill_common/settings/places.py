"""Where things are: the services' own address, the data, Redis, S3 and DynamoDB."""

from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from urllib.parse import quote

from wavemill_common.settings import parsers
from wavemill_common.settings.fields import Environment, hidden, setting, without_password

ANYWHERE = "0.0.0.0"  # noqa: S104 - a container's own network


class Storage(StrEnum):
    """Where bytes and records are kept."""

    DISK = "disk"
    AWS = "aws"


class Addressing(StrEnum):
    """How a bucket's address is written."""

    PATH = "path"
    VIRTUAL = "virtual"
    AUTO = "auto"


class Checksums(StrEnum):
    """Whether objects go up with a checksum that the store compares."""

    WHEN_REQUIRED = "when_required"
    WHEN_SUPPORTED = "when_supported"


@dataclass(frozen=True, kw_only=True)
class Places:
    """What is where."""

    env: Environment = setting(
        "WAVEMILL_ENV",
        Environment.EMBEDDED,
        f"Where wavemill runs: {', '.join(Environment)}; it decides the defaults",
        parsers.member(Environment),
    )
    host: str = setting(
        "HOST",
        "127.0.0.1",
        "The address that the gateway listens on",
        parsers.plain,
        docker=ANYWHERE,
        cloud=ANYWHERE,
    )
    port: int = setting(
        "PORT", 8080, "The port that the gateway listens on", parsers.whole(0, 65535)
    )
    health_port: int = setting(
        "WAVEMILL_HEALTH_PORT",
        0,
        "The port, for operators alone, of health and metrics; 0: none",
        parsers.whole(0, 65535),
    )
    metrics_token: str = setting(
        "WAVEMILL_METRICS_TOKEN",
        "",
        "Who shows it may read the gateway's /metrics; empty: who asks on the same machine",
        parsers.plain,
        show=hidden,
    )
    storage: Storage = setting(
        "WAVEMILL_STORAGE",
        Storage.DISK,
        "disk: files and SQLite under DATA_DIR, for one machine; aws: S3 and DynamoDB",
        parsers.member(Storage),
        local=Storage.AWS,
        docker=Storage.AWS,
        cloud=Storage.AWS,
    )
    data_dir: Path = setting(
        "DATA_DIR",
        Path(".data"),
        "Where everything lies with WAVEMILL_STORAGE=disk, else only what is worked on",
        Path,
        docker=Path("/data"),
        cloud=Path("/tmp/wavemill"),  # noqa: S108 - all that a task may write to
    )
    redis_url: str = setting(
        "REDIS_URL",
        "",
        "The Redis or Valkey server; wins over REDIS_ENDPOINT. Neither: wavemill starts its own",
        parsers.redis_url,
        show=without_password,
    )
    redis_endpoint: str = setting(
        "REDIS_ENDPOINT",
        "",
        "The Redis or Valkey server as host:port",
        parsers.endpoint,
        local="localhost:6379",
        docker="redis:6379",
    )
    redis_tls: bool = setting(
        "REDIS_TLS",
        default=False,
        meaning="1: Redis is spoken to over TLS only",
        parse=parsers.flag,
        cloud=True,
    )
    redis_username: str = setting(
        "REDIS_USERNAME", "", "The ACL user at REDIS_ENDPOINT", parsers.plain
    )
    redis_password: str = setting(
        "REDIS_PASSWORD", "", "The password at REDIS_ENDPOINT", parsers.plain, show=hidden
    )
    aws_region: str = setting(
        "AWS_REGION",
        "",
        "The region of the bucket and the tables",
        parsers.region,
        local="us-east-1",
        docker="us-east-1",
    )
    aws_access_key_id: str = setting(
        "AWS_ACCESS_KEY_ID",
        "",
        "Credentials; empty: those of the role or the profile",
        parsers.plain,
        local="test",
        docker="test",
    )
    aws_secret_access_key: str = setting(
        "AWS_SECRET_ACCESS_KEY",
        "",
        "As AWS_ACCESS_KEY_ID",
        parsers.plain,
        show=hidden,
        local="test",
        docker="test",
    )
    aws_session_token: str = setting(
        "AWS_SESSION_TOKEN", "", "As AWS_ACCESS_KEY_ID", parsers.plain, show=hidden
    )
    s3_bucket: str = setting(
        "S3_BUCKET",
        "",
        "The bucket for uploads and results",
        parsers.bucket,
        local="wavemill",
        docker="wavemill",
    )
    s3_endpoint_url: str = setting(
        "S3_ENDPOINT_URL",
        "",
        "Where S3 is; empty: AWS",
        parsers.url,
        local="http://localhost:4566",
        docker="http://localstack:4566",
    )
    s3_public_endpoint_url: str = setting(
        "S3_PUBLIC_ENDPOINT_URL",
        "",
        "Where browsers reach S3, if not at S3_ENDPOINT_URL",
        parsers.url,
        docker="http://localhost:4566",
    )
    s3_addressing: Addressing = setting(
        "S3_ADDRESSING",
        Addressing.AUTO,
        "How the bucket is addressed: path, virtual or auto",
        parsers.member(Addressing),
        local=Addressing.PATH,
        docker=Addressing.PATH,
    )
    s3_checksums: Checksums = setting(
        "S3_CHECKSUMS",
        Checksums.WHEN_REQUIRED,
        "when_supported: S3 compares a checksum of all that is stored; some stores cannot",
        parsers.member(Checksums),
        cloud=Checksums.WHEN_SUPPORTED,
    )
    dynamodb_endpoint_url: str = setting(
        "DYNAMODB_ENDPOINT_URL",
        "",
        "Where DynamoDB is; empty: AWS",
        parsers.url,
        local="http://localhost:8000",
        docker="http://dynamodb-local:8000",
    )
    dynamodb_jobs_table: str = setting(
        "DYNAMODB_JOBS_TABLE", "audio-conversion-jobs", "The table of jobs", parsers.table
    )
    dynamodb_uploads_table: str = setting(
        "DYNAMODB_UPLOADS_TABLE", "audio-uploads", "The table of uploads", parsers.table
    )

    @property
    def redis_server(self) -> str:
        """The URL of the Redis that is set; empty where none is."""
        if self.redis_url or not self.redis_endpoint:
            return self.redis_url
        scheme = "rediss" if self.redis_tls else "redis"
        user = f"{quote(self.redis_username, '')}:{quote(self.redis_password, '')}"
        return f"{scheme}://{f'{user}@' if user != ':' else ''}{self.redis_endpoint}/0"

    @property
    def objects_dir(self) -> Path:
        """Where the disk store keeps its objects."""
        return self.data_dir / "objects"

    @property
    def records_path(self) -> Path:
        """Where the SQLite store keeps its records."""
        return self.data_dir / "records.sqlite3"

    @property
    def scratch_dir(self) -> Path:
        """Where converters keep what they work on."""
        return self.data_dir / "scratch"
