import { createHash } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';

const ROOT = new URL('../', import.meta.url);
const OPTIONS = {
  ...JSON.parse(readFileSync(new URL('swc.json', import.meta.url), 'utf8')),
  sourceMaps: 'inline',
};
let swc;

const sourceOf = (specifier, parentURL) => {
  if (specifier === '@scrip/kernel/testing') return new URL('libs/kernel/testing/index.ts', ROOT);
  if (specifier.startsWith('@scrip/'))
    return new URL(`libs/${specifier.slice('@scrip/'.length)}/src/index.ts`, ROOT);
  if (!/^(\.{1,2}\/|file:)/.test(specifier) || specifier.includes('node_modules')) return undefined;
  const url = new URL(specifier, parentURL);
  if (url.pathname.endsWith('.ts')) return url;
  if (!url.pathname.endsWith('.js') || existsSync(url)) return undefined;
  return new URL(url.href.replace(/\.js$/, '.ts'));
};

export const resolve = (specifier, context, next) => {
  const source = sourceOf(specifier, context.parentURL);
  return source !== undefined && existsSync(source)
    ? { url: source.href, format: 'module', shortCircuit: true }
    : next(specifier, context);
};

const CACHE = new URL('node_modules/.cache/scrip-ts/', ROOT);

/** What was compiled before, by its source: every thread and child process of the tests starts with these. */
const compiled = async (filename, source) => {
  const digest = createHash('sha256').update(filename).update(source).digest('hex');
  const file = new URL(`${digest}.js`, CACHE);
  try {
    return await readFile(file, 'utf8');
  } catch {
    swc ??= await import('@swc/core');
    const { code } = swc.transformSync(source, { ...OPTIONS, filename });
    await mkdir(CACHE, { recursive: true });
    const unfinished = new URL(`${digest}.${process.pid}.${Math.random()}`, CACHE);
    await writeFile(unfinished, code);
    await rename(unfinished, file);
    return code;
  }
};

export const load = async (url, context, next) => {
  if (!url.endsWith('.ts')) return next(url, context);
  const filename = fileURLToPath(url);
  const source = await compiled(filename, await readFile(filename, 'utf8'));
  return { format: 'module', source, shortCircuit: true };
};
