# Build with the whole tree, run with the production dependencies only.
FROM node:24.21.0-bookworm-slim AS build
WORKDIR /build
COPY package.json package-lock.json .npmrc ./
# The lockfile pins Node as a development dependency for machines with an older one; this image has it already.
RUN npm ci --ignore-scripts
COPY tsconfig.json tsconfig.build.json ./
COPY scripts ./scripts
COPY src ./src
RUN node scripts/build.ts && npm prune --omit=dev --ignore-scripts

FROM node:24.21.0-bookworm-slim
ENV NODE_ENV=production
COPY --from=build /build/package.json /app/package.json
COPY --from=build /build/node_modules /app/node_modules
COPY --from=build /build/dist /app/dist
COPY config /app/config
RUN ln -s /app/dist/umbrad.js /usr/local/bin/umbrad \
 && install -d -o 65532 -g 65532 -m 0700 /var/lib/umbrad /run/umbrad
USER 65532:65532
# The socket is no part of the state, so the state's volume may be copied while the daemon is down.
ENV UMBRAD_STATE_DIR=/var/lib/umbrad UMBRAD_SOCKET=/run/umbrad/admin.sock
VOLUME /var/lib/umbrad
STOPSIGNAL SIGTERM
# A daemon that waits for its network is not ready: exit code 75, and "unhealthy" after two minutes.
HEALTHCHECK --interval=30s --timeout=10s --start-period=60s --retries=4 CMD ["umbrad", "health"]
# As process 1 it takes SIGTERM and SIGINT itself, and it has no children to reap: no init is needed.
ENTRYPOINT ["umbrad"]
CMD ["run"]
