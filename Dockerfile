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
 && install -d -o 65532 -g 65532 -m 0700 /var/lib/umbrad
USER 65532:65532
ENV UMBRAD_STATE_DIR=/var/lib/umbrad
VOLUME /var/lib/umbrad
STOPSIGNAL SIGTERM
ENTRYPOINT ["umbrad"]
CMD ["run"]
