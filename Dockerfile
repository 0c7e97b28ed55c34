FROM node:20-slim AS build
WORKDIR /scrip
COPY package.json package-lock.json ./
COPY scripts ./scripts
RUN node scripts/install.mjs
COPY . .
RUN npx nest build ledger && npm prune --omit=dev --no-audit --no-fund

FROM node:20-slim
WORKDIR /scrip
ENV NODE_ENV=production SCRIP_DATA=/data SCRIP_HOST=0.0.0.0
COPY --from=build /scrip/package.json ./
COPY --from=build /scrip/node_modules ./node_modules
COPY --from=build /scrip/dist ./dist
RUN mkdir /data && chown node:node /data
USER node
VOLUME /data
EXPOSE 7070
CMD ["node", "dist/apps/ledger/apps/ledger/src/main.js"]
