export * from './account.kind.js';
export * from './account.messages.js';
export { accountRefusals } from './account.refusals.js';
export * from './account.state.js';
