# The same binary as the package's, in an image: docker build -t trunkwarden .
#
# CI does not build this image, since no image registry is reachable from there: build it where you ship it.
# Run with the configuration and a volume for the journal; listen = "0.0.0.0:9475" in the file, to be scraped from outside,
# and hosts = ["trunkwarden"] where others call the container by that name. Its memory holds secrets: it makes itself
# undumpable, and `--ulimit core=0` keeps core files away whatever starts in there:
#   docker run --ulimit core=0 -v /etc/trunkwarden:/etc/trunkwarden:ro -v trunkwarden:/var/lib/trunkwarden -p 9475:9475 trunkwarden

FROM rust:1.95-bookworm AS build
WORKDIR /src
COPY . .
RUN cargo build --release --locked --bin trunkwarden

FROM debian:bookworm-slim
RUN apt-get update \
    && apt-get install --yes --no-install-recommends ca-certificates \
    && rm -rf /var/lib/apt/lists/* \
    && useradd --system --uid 10001 --home-dir /var/lib/trunkwarden --shell /usr/sbin/nologin trunkwarden \
    && install -d -o trunkwarden -g trunkwarden -m 0700 /var/lib/trunkwarden \
    && install -d -m 0755 /etc/trunkwarden
COPY --from=build /src/target/release/trunkwarden /usr/bin/trunkwarden

USER trunkwarden
VOLUME /var/lib/trunkwarden
EXPOSE 9475
STOPSIGNAL SIGTERM

# /healthz fails when the decision loop is late, not only when the process is gone. The port is the one of daemon.listen.
ENV HEALTH_PORT=9475
# As in the systemd unit: one heap for the few threads there are.
ENV MALLOC_ARENA_MAX=1
HEALTHCHECK --interval=15s --timeout=5s --start-period=20s --retries=3 \
    CMD ["bash", "-c", "exec 3<>/dev/tcp/127.0.0.1/$HEALTH_PORT && printf 'GET /healthz HTTP/1.0\\r\\nHost: localhost\\r\\n\\r\\n' >&3 && head -n 1 <&3 | grep -q ' 200 '"]

ENTRYPOINT ["/usr/bin/trunkwarden"]
CMD ["run", "--config", "/etc/trunkwarden/trunkwarden.toml"]
