/** @type {import('dependency-cruiser').IConfiguration} */
module.exports = {
  forbidden: [
    { name: 'no-cycles', severity: 'error', from: {}, to: { circular: true } },
    {
      name: 'kernel-depends-on-nothing',
      comment: 'The kernel imports only itself, and luxon for calendars.',
      severity: 'error',
      from: { path: '^libs/kernel/src', pathNot: '\\.spec\\.ts$' },
      to: { pathNot: ['^libs/kernel/src', '^node_modules/luxon/'] },
    },
    {
      name: 'domain-is-pure',
      comment: 'A domain lib imports the kernel and its own files.',
      severity: 'error',
      from: { path: '^libs/(accounts|access)/src', pathNot: '\\.(spec|fixture)\\.ts$' },
      to: { pathNot: ['^libs/kernel/src', '^libs/$1/src'] },
    },
    {
      name: 'adapters-know-only-the-kernel',
      severity: 'error',
      from: { path: '^libs/adapters/([^/]+)/src', pathNot: '\\.(spec|fixture)\\.ts$' },
      to: { path: '^(libs|apps)/', pathNot: ['^libs/kernel/src', '^libs/adapters/$1/'] },
    },
    {
      name: 'only-adapters-import-drivers',
      severity: 'error',
      from: { pathNot: '^libs/(adapters|testkit)/' },
      to: { path: '^node_modules/(@photostructure/sqlite|mongodb|@eventstore|stripe)/' },
    },
    {
      name: 'only-tests-import-the-testkit',
      severity: 'error',
      from: { path: '^(apps|libs)/', pathNot: ['^libs/testkit/', '\\.(spec|fixture)\\.ts$'] },
      to: { path: '^libs/testkit/' },
    },
    {
      name: 'the-testkit-knows-no-scrip',
      comment: 'It models other software: what it checks must not shape it.',
      severity: 'error',
      from: { path: '^libs/testkit/' },
      to: { path: '^(apps|libs)/', pathNot: '^libs/testkit/' },
    },
    {
      name: 'only-runtime-and-apps-import-nest',
      severity: 'error',
      from: { pathNot: '^(libs/runtime|apps)/|\\.spec\\.ts$' },
      to: { path: '^node_modules/@nestjs/' },
    },
    {
      name: 'the-sdk-depends-on-nothing',
      severity: 'error',
      from: { path: '^libs/sdk/src', pathNot: '\\.spec\\.ts$' },
      to: { pathNot: '^libs/sdk/src' },
    },
    {
      name: 'libs-never-import-apps',
      severity: 'error',
      from: { path: '^libs' },
      to: { path: '^apps' },
    },
    {
      name: 'libs-through-their-index',
      severity: 'error',
      from: { path: '^(?:apps|libs)/(?:adapters/)?([^/]+)/' },
      to: {
        path: '^libs/(?:adapters/)?[^/]+/src/(?!index\\.ts)',
        pathNot: ['^libs/(?:adapters/)?$1/'],
      },
    },
  ],
  options: {
    tsConfig: { fileName: 'tsconfig.json' },
    tsPreCompilationDeps: true,
    doNotFollow: { path: 'node_modules' },
    exclude: { path: '^dist' },
  },
};
