export * from './access.messages.js';
export * from './access.projection.js';
export { accessRefusals } from './access.refusals.js';
export * from './tenant.js';
