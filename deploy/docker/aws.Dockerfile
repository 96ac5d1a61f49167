# A stand-in for S3 and DynamoDB, so that trying wavemill needs no account. It forgets when it ends:
# for data to keep, use AWS or docker-compose.selfhosted.yml.
FROM python:3.11-slim-bookworm AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
RUN python3 -m venv /opt/aws
ENV PATH=/opt/aws/bin:$PATH
COPY requirements/aws.txt requirements/
RUN pip install --require-hashes -r requirements/aws.txt \
    && pip uninstall --yes uv_build setuptools pip

FROM python:3.11-slim-bookworm
COPY --from=build /opt/aws /opt/aws
ENV PATH=/opt/aws/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    HOME=/tmp \
    SERVICES=s3,dynamodb \
    BIND_HOST=0.0.0.0 \
    GATEWAY_PORT=4566 \
    LOG_LEVEL=WARNING
USER 10001:10001
EXPOSE 4566
HEALTHCHECK --interval=3s --timeout=5s --start-period=60s --retries=5 \
    CMD ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:4566/_ministack/health', timeout=3)"]
ENTRYPOINT ["python", "-m", "ministack"]
