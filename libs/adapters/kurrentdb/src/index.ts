export * from './event-store.js';
export { ConnectionStringError } from './connection-string.js';
export { ServerUnfit, type StartUpReport } from './start-up-check.js';
