export type { User } from './access.js';
export { type CertificateFiles, makeCertificate } from './certificate.js';
export type { Call, CallFault, DeliveryFault, FaultCount, FaultRule, Faults } from './faults.js';
export { type LogLimits, logLimits } from './kurrent-log.js';
export { type ConnectionOptions, KurrentModel, type KurrentModelOptions } from './kurrent-model.js';
export { type KurrentModelProcess, startKurrentModelProcess } from './kurrent-model-process.js';
export * from './ferretdb.js';
