export * from './event-store.contract.js';
export * from './purse.js';
export * from './snapshot-store.contract.js';
export { contractViews, viewStoreContract } from './view-store.contract.js';
export * from './view-store-rivals.contract.js';
export * from './leases.contract.js';
export * from './given-when-then.js';
