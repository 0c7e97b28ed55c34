import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from 'yaml';
import { ROOT } from './tools.js';

/** What the tests look at of a service. */
export type Service = Readonly<{
  image?: string;
  build?: string;
  profiles?: readonly string[];
  init?: boolean;
  restart?: string;
  stop_grace_period?: string;
  healthcheck?: Readonly<{ test: readonly string[] }>;
  depends_on?: Readonly<Record<string, Readonly<{ condition: string }>>>;
  ports?: readonly string[];
  environment?: Env;
  env_file?: string;
  volumes?: readonly string[];
  deploy?: Readonly<{ replicas: number }>;
}>;

export type Env = Readonly<Record<string, string>>;

type ComposeFile = Readonly<{
  services: Readonly<Record<string, Service>>;
  volumes: Readonly<Record<string, null>>;
}>;

export const read = (file: string): string => readFileSync(join(ROOT, file), 'utf8');

export const composeFile = parse(read('docker-compose.yml'), { merge: true }) as ComposeFile;

/** The services as they are named, of a profile: with those that have none. */
export const servicesOf = (profile?: string): readonly (readonly [string, Service])[] =>
  Object.entries(composeFile.services).filter(
    ([, { profiles }]) =>
      profiles === undefined || (profile !== undefined && profiles.includes(profile)),
  );

/** `${NAME:-default}` and `${NAME:?what to do}`, as Compose fills them in. */
const VARIABLE = /\$\{(\w+)(?::([-?])([^}]*))?\}/g;

/** The variables that a text asks for, by how it does: `?` must be set. */
export const variablesIn = (text: string): readonly Readonly<{ name: string; how: string }>[] =>
  [...text.matchAll(VARIABLE)].map(([, name = '', how = '']) => ({ name, how }));

const filled = (text: string, env: Env): string =>
  text.replace(VARIABLE, (_, name: string, how?: string, other = '') => {
    const value = env[name];
    if (value !== undefined && value !== '') return value;
    if (how === '-') return other;
    throw new Error(`${name} is not set`);
  });

/** What the processes of a service find in their environment. */
export const environmentOf = ({ env_file, environment = {} }: Service, given: Env): Env => {
  const lines = env_file === undefined ? [] : read(env_file).split('\n');
  const pairs = lines
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line): [string, string] => [
      line.slice(0, line.indexOf('=')),
      line.slice(line.indexOf('=') + 1),
    ]);
  return Object.fromEntries(
    [...pairs, ...Object.entries(environment)].map(([name, value]) => [name, filled(value, given)]),
  );
};
