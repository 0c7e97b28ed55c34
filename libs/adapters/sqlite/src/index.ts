export * from './backup.js';
export * from './event-log.js';
export * from './event-store.js';
export * from './folder-lock.js';
export * from './folder-log.js';
export { FolderTooNew } from './schema.js';
export { removeViewsFrom, viewFilesIn } from './view-files.js';
export * from './sharded-views.js';
export * from './view-store.js';
