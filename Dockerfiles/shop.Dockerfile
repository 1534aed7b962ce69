# All images of the shop. One stage builds every program; each service's image is the runtime stage
# and its one program: `docker compose build` compiles once.

FROM swift:6.3.1-bookworm AS build
RUN apt-get update \
 && apt-get install -y --no-install-recommends \
      libcurl4-openssl-dev libpq-dev libsodium-dev pkg-config zlib1g-dev \
 && rm -rf /var/lib/apt/lists/*
WORKDIR /shop
COPY Package.swift ./
COPY Sources ./Sources
COPY Tests ./Tests
# The build folder is a cache: an image after a change compiles what changed.
RUN --mount=type=cache,target=/root/.cache \
    --mount=type=cache,target=/shop/.build,sharing=locked \
    swift build -c release --static-swift-stdlib \
 && mkdir /programs \
 && for program in product-service order-service user-service payment-service \
      notification-service shopctl; do \
      cp ".build/release/$program" /programs/ && strip "/programs/$program" || exit 1; \
    done

FROM debian:bookworm-slim AS runtime
RUN apt-get update \
 && apt-get install -y --no-install-recommends \
      ca-certificates libcurl4 libpq5 libsodium23 libstdc++6 zlib1g \
 && rm -rf /var/lib/apt/lists/* \
 && useradd --system --uid 10001 --no-create-home shop \
 && install -d -o shop -m 0700 /keys
USER shop
VOLUME /keys
# What the allocator keeps for each thread; as `./shop up` has it (Sources/shopctl/ServiceEnvironment.swift).
ENV HTTP_HOST=0.0.0.0 GLIBC_TUNABLES=glibc.malloc.tcache_count=127

FROM runtime AS product-service
COPY --from=build /programs/product-service /usr/local/bin/
EXPOSE 8081
CMD ["product-service"]

FROM runtime AS order-service
COPY --from=build /programs/order-service /usr/local/bin/
EXPOSE 8082
CMD ["order-service"]

FROM runtime AS user-service
COPY --from=build /programs/user-service /usr/local/bin/
EXPOSE 8083
CMD ["user-service"]

FROM runtime AS payment-service
COPY --from=build /programs/payment-service /usr/local/bin/
EXPOSE 8084
CMD ["payment-service"]

FROM runtime AS notification-service
COPY --from=build /programs/notification-service /usr/local/bin/
EXPOSE 8085
CMD ["notification-service"]

# Runs the services' own `migrate` and `seed`, so it has all of them.
FROM runtime AS setup
COPY --from=build /programs/ /usr/local/bin/
CMD ["shopctl", "setup"]
