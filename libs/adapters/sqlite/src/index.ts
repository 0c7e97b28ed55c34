export * from './event-log.js';
export * from './event-store.js';
export { FolderTooNew } from './schema.js';
