import { mkdirSync, mkdtempSync, readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { dirname, join, relative } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Options, transformSync } from '@swc/core';

const ROOT = fileURLToPath(new URL('../../', import.meta.url));
const ADAPTERS = ['sqlite', 'kurrentdb', 'mongodb'].map((adapter) => `adapters/${adapter}`);
const LIBRARIES = ['access', 'accounts', ...ADAPTERS, 'kernel', 'runtime'];
const srcOf = (library: string): string => `libs/${library}/src`;

/** Neither tests nor their fixtures. */
const SERVED = /(?<!\.spec|\.fixture)\.ts$/;
const LIBRARY = /(["'])@scrip\/([a-z/]+)\1/g;

const options = JSON.parse(readFileSync(join(ROOT, 'test/swc.json'), 'utf8')) as Options;

/**
 * Compiles the server to plain JavaScript, as its build does: one that is compiled as it starts takes half as long
 * again. Gives the file to run, and the folder to remove.
 */
export const compileServer = (): Readonly<{ main: string; folder: string }> => {
  const cache = join(ROOT, 'node_modules/.cache');
  mkdirSync(cache, { recursive: true });
  // Below the checkout, so that its packages are found.
  const folder = mkdtempSync(join(cache, 'scrip-server-'));
  writeFileSync(join(folder, 'package.json'), '{ "type": "module" }');
  for (const source of ['apps/ledger/src', ...LIBRARIES.map(srcOf)])
    for (const name of readdirSync(join(ROOT, source), { recursive: true, encoding: 'utf8' }))
      if (SERVED.test(name)) compile(join(source, name), folder);
  return { main: join(folder, 'apps/ledger/src/main.js'), folder };
};

const compile = (source: string, folder: string): void => {
  const { code } = transformSync(readFileSync(join(ROOT, source), 'utf8'), options);
  const file = join(folder, source.replace(/\.ts$/, '.js'));
  const linked = code.replaceAll(LIBRARY, (_, quote: string, library: string) => {
    const path = relative(dirname(file), join(folder, srcOf(library), 'index.js'));
    return `${quote}./${path}${quote}`;
  });
  mkdirSync(dirname(file), { recursive: true });
  writeFileSync(file, linked);
};
