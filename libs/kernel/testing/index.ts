export * from './event-store.contract.js';
export * from './snapshot-store.contract.js';
export * from './view-store.contract.js';
export * from './given-when-then.js';
