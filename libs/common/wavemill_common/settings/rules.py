"""What settings must have between them, and what is said where they don't."""

from collections.abc import Iterator

from wavemill_common.settings.places import Places, Storage


def problems(settings: Places) -> list[str]:
    """All that keeps these settings from working; empty where nothing does."""
    return [*storage_problems(settings), *_redis_problems(settings)]


def storage_problems(settings: Places) -> Iterator[str]:
    """What keeps the stores from being opened."""
    if settings.storage is Storage.DISK:
        if settings.env.is_cloud:
            yield (
                f"WAVEMILL_STORAGE=disk does not work with WAVEMILL_ENV={settings.env}: what a task"
                " writes to its disk goes with it; set WAVEMILL_STORAGE=aws"
            )
        return
    if not settings.s3_bucket:
        yield "S3_BUCKET is not set: name the bucket (`wavemill-janitor setup --apply` makes it)"
    if not settings.aws_region:
        yield "AWS_REGION is not set: name the bucket's region, such as eu-central-1"
    if bool(settings.aws_access_key_id) != bool(settings.aws_secret_access_key):
        yield (
            "AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY belong together: set both, or neither"
            " where a role gives them"
        )


def _redis_problems(settings: Places) -> Iterator[str]:
    if settings.env.is_cloud and not settings.redis_server:
        yield "REDIS_ENDPOINT is not set: name the Redis server as host:port, or set REDIS_URL"
    if settings.redis_tls and settings.redis_url.startswith("redis://"):
        yield (
            "REDIS_URL=…: must begin with rediss://, since REDIS_TLS is on (the default with"
            " WAVEMILL_ENV=app-runner and ecs); REDIS_TLS=0 allows a plain connection"
        )
