# The ledger, in each of its roles; docker-compose.yml says how it is run.
FROM node:20.20.2-bookworm-slim AS base
WORKDIR /scrip

# What it needs at run time, and nothing else. Not `npm ci`: see scripts/install.mjs.
FROM base AS packages
COPY package.json package-lock.json ./
RUN npm install --omit=dev --no-save --no-audit --no-fund --loglevel=error

FROM base AS build
COPY package.json package-lock.json ./
RUN npm install --no-save --no-audit --no-fund --loglevel=error
COPY tsconfig.json nest-cli.json ./
COPY libs ./libs
COPY apps ./apps
RUN npx nest build ledger && find dist -name '*.map' -delete

FROM base
ENV NODE_ENV=production SCRIP_HOST=0.0.0.0
COPY --from=packages /scrip/node_modules ./node_modules
COPY --from=build /scrip/dist ./dist
COPY package.json ./
COPY deploy ./deploy
# The default data folder is below the folder that the ledger is started in; stores that are servers need none.
WORKDIR /data
RUN chown node:node /data
USER node
EXPOSE 7070
HEALTHCHECK --interval=10s --timeout=5s --start-period=60s --retries=3 \
  CMD ["node", "-e", "fetch('http://127.0.0.1:' + (process.env.SCRIP_PORT || 7070) + '/health/ready').then(({ ok }) => process.exit(ok ? 0 : 1), () => process.exit(1))"]
ENTRYPOINT ["node", "/scrip/dist/apps/ledger/apps/ledger/src/main.js"]
