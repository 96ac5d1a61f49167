# The gateway: receives uploads, starts jobs, tells their progress, hands out results.
FROM python:3.11-slim-bookworm AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
RUN python3 -m venv /opt/wavemill
ENV PATH=/opt/wavemill/bin:$PATH
WORKDIR /src
# First what seldom changes, and what all three images share: those layers are made once and kept.
COPY requirements/common.txt requirements/
RUN pip install --require-hashes -r requirements/common.txt
COPY requirements/gateway.txt requirements/
RUN pip install --require-hashes -r requirements/gateway.txt
# --build-arg WITH=otel: traces (docs/observability.md).
ARG WITH=""
COPY requirements/otel.txt requirements/
RUN if [ "$WITH" = otel ]; then pip install --require-hashes -r requirements/otel.txt; fi
COPY libs/common libs/common
COPY services/gateway services/gateway
# What only builds is not shipped.
RUN pip install --no-deps --no-build-isolation ./libs/common ./services/gateway \
    && pip uninstall --yes uv_build setuptools pip

FROM python:3.11-slim-bookworm
# /data belongs to the user below, and so does a volume that is first mounted there.
RUN install -d -m 0700 -o 10001 -g 10001 /data
COPY --from=build /opt/wavemill /opt/wavemill
ENV PATH=/opt/wavemill/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    HOME=/tmp \
    WAVEMILL_ENV=docker \
    HOST=0.0.0.0 \
    PORT=8080 \
    WAVEMILL_HEALTH_PORT=8081
# A volume mounted here keeps the mode of /tmp: on Fargate it would else be root's alone.
VOLUME ["/tmp"]
USER 10001:10001
EXPOSE 8080 8081
HEALTHCHECK --interval=5s --timeout=5s --start-period=60s --retries=3 \
    CMD ["python", "-m", "wavemill_common.healthcheck", "gateway"]
ENTRYPOINT ["python", "-m", "wavemill_gateway"]
