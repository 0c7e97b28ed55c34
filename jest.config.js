import { readFileSync } from 'node:fs';

const compiler = JSON.parse(readFileSync(new URL('test/swc.json', import.meta.url), 'utf8'));
const swc = ['@swc/jest', { ...compiler, sourceMaps: 'inline' }];

export default {
  testEnvironment: 'node',
  // For hooks that start a ledger as a process of its own; no test measures time.
  testTimeout: 60_000,
  testPathIgnorePatterns: ['/node_modules/', '<rootDir>/dist/'],
  modulePathIgnorePatterns: ['<rootDir>/dist/'],
  testRegex: '\\.spec\\.ts$',
  transform: { '^.+\\.ts$': swc },
  extensionsToTreatAsEsm: ['.ts'],
  moduleNameMapper: {
    '^(\\.{1,2}/.*)\\.js$': '$1',
    '^@scrip/kernel/testing$': '<rootDir>/libs/kernel/testing/index.ts',
    '^@scrip/(.+)$': '<rootDir>/libs/$1/src/index.ts',
  },
};
