# One image for all processes: the command selects the process (`api`, `worker`, `migrate`, …).
# CI runs the `RUN cargo build` line below verbatim, and starts the result with this file's ENV and commands.

FROM rust:1.95-slim-bookworm AS build
RUN apt-get update \
 && apt-get install -y --no-install-recommends libssl-dev pkg-config \
 && rm -rf /var/lib/apt/lists/*
WORKDIR /src
COPY . .
RUN cargo build --release --locked --package qiaojian --features postgres-tls

FROM debian:bookworm-slim
# curl is for the health check; libpq needs libssl3 for TLS.
RUN apt-get update \
 && apt-get install -y --no-install-recommends ca-certificates curl libssl3 \
 && rm -rf /var/lib/apt/lists/* \
 && useradd --uid 10001 --user-group --no-create-home --shell /usr/sbin/nologin qiaojian \
 && install -d -o qiaojian -g qiaojian -m 0700 /data
COPY --from=build /src/target/release/qiaojian /usr/local/bin/qiaojian
COPY LICENSE /usr/share/doc/qiaojian/LICENSE
ENV QIAOJIAN_DATA_DIR=/data
ENV QIAOJIAN_LISTEN=0.0.0.0:8080
ENV QIAOJIAN_LOG_FORMAT=json
USER qiaojian
WORKDIR /data
VOLUME /data
EXPOSE 8080
STOPSIGNAL SIGTERM
# For processes that listen on a port. Services that do not (worker, migrate) disable it.
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 \
  CMD ["curl", "--fail", "--silent", "--show-error", "--output", "/dev/null", "http://127.0.0.1:8080/readyz"]
ENTRYPOINT ["qiaojian"]
CMD ["up"]
