# Two stages: the first builds a virtual environment from the hash-locked requirements, the second
# holds only that. Runs as a fixed non-root user, with a read-only root if you like:
#
#   docker run --read-only --tmpfs /tmp -v reviewbot:/var/lib/reviewbot \
#     -e TOKPORTAL_API_KEY_FILE=/run/secrets/key -v ./key:/run/secrets/key:ro \
#     -v ./policies:/policies:ro -e REVIEWBOT_POLICY=/policies/starter.yaml reviewbot
#
# The key file must be readable by user 10001, and below /run/secrets it may be by others:
#
#   sudo chown 10001 key && sudo chmod 400 key     (a file of the host)
#   docker secret, or a Kubernetes secret volume mounted below /run/secrets   (as they come, 0444 or 0644)
#   a Kubernetes secret volume elsewhere with fsGroup: 10001 and defaultMode: 0440
#
# What is built for others names its VERSION, and then its base by digest: the build refuses otherwise.
#
#   docker buildx imagetools inspect python:3.13-slim --format '{{.Manifest.Digest}}'     prints today's
#   docker build --build-arg VERSION=0.2.0 --build-arg REVISION=$(git rev-parse HEAD) \
#     --build-arg PYTHON_DIGEST=sha256:… -t reviewbot:0.2.0 .
ARG PYTHON_DIGEST=
FROM python:3.13-slim${PYTHON_DIGEST:+@${PYTHON_DIGEST}} AS build
ARG PYTHON_DIGEST
ARG VERSION=
# hadolint ignore=DL4006
RUN test -z "$VERSION" || printf %s "$PYTHON_DIGEST" | grep -Eqx 'sha256:[0-9a-f]{64}' \
 || { echo "error: an image with a VERSION names its base: --build-arg PYTHON_DIGEST=sha256:…" >&2; exit 1; }
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1
RUN python -m venv /opt/reviewbot
COPY requirements.lock /src/
RUN /opt/reviewbot/bin/pip install --require-hashes -r /src/requirements.lock
COPY pyproject.toml README.md LICENSE /src/
COPY docs/policy-guide.md /src/docs/
COPY reviewbot /src/reviewbot
RUN /opt/reviewbot/bin/pip install --no-deps /src \
 && /opt/reviewbot/bin/python -m compileall -q /opt/reviewbot
# hadolint ignore=DL4006
RUN test -z "$VERSION" || /opt/reviewbot/bin/reviewbot --version | grep -Fqx "reviewbot, version $VERSION"

FROM python:3.13-slim${PYTHON_DIGEST:+@${PYTHON_DIGEST}}
ARG PYTHON_DIGEST
ARG VERSION=
ARG REVISION=
ARG SOURCE=
LABEL org.opencontainers.image.title="reviewbot" \
      org.opencontainers.image.description="Reviews TokPortal comment tasks and accounts by a policy that ops staff write, before silence pays." \
      org.opencontainers.image.licenses="MIT" \
      org.opencontainers.image.version="$VERSION" \
      org.opencontainers.image.revision="$REVISION" \
      org.opencontainers.image.source="$SOURCE" \
      org.opencontainers.image.base.name="docker.io/library/python:3.13-slim" \
      org.opencontainers.image.base.digest="$PYTHON_DIGEST"
COPY --from=build /opt/reviewbot /opt/reviewbot
RUN groupadd --gid 10001 reviewbot \
 && useradd --uid 10001 --gid 10001 --no-create-home --home-dir /var/lib/reviewbot reviewbot \
 && install -d -o 10001 -g 10001 -m 0700 /var/lib/reviewbot
ENV PATH=/opt/reviewbot/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    PYTHONDONTWRITEBYTECODE=1 \
    STATE_DIRECTORY=/var/lib/reviewbot
USER 10001:10001
WORKDIR /var/lib/reviewbot
VOLUME /var/lib/reviewbot
# The exec form makes reviewbot PID 1: it installs its own handlers, so SIGTERM is an orderly stop.
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=60s --timeout=15s --start-period=60s --retries=3 \
  CMD ["reviewbot", "status", "--probe"]
ENTRYPOINT ["reviewbot"]
CMD ["run"]
