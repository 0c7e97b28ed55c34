export * from './connection.js';
export * from './leases.js';
export * from './limits.js';
export { MongoUnusable } from './startup-check.js';
export * from './view-store.js';
export { type KeeperTold, MongoKeepers } from './keepers.js';
