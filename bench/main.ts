import { closeSync, fdatasyncSync, openSync, writeSync } from 'node:fs';
import { availableParallelism, cpus, tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { type Figure, type Setting, table, tell } from './figures.js';
import { inProcess } from './in-process.js';
import { http } from './http.js';
import { limits } from './limits.js';
import { inFolder } from './load.js';
import { measurePostgres, postgresFigures } from './postgres.js';
import { projections } from './projections.js';
import { servers } from './servers.js';

const USAGE = `npm run bench -- [--quick] [--only <section>]… [--folder <folder on a disk>]`;

/** In this order; each also runs alone. Nothing here passes or fails: the table says what was met. */
const SECTIONS = ['in-process', 'limits', 'projections', 'http', 'servers'];

const measure = async (name: string, setting: Setting): Promise<readonly Figure[]> => {
  switch (name) {
    case 'in-process': {
      const postgres = await measurePostgres(setting);
      const figures = await inProcess(setting, postgres);
      return postgres === undefined ? figures : [...figures, ...postgresFigures(postgres)];
    }
    case 'limits':
      return limits(setting);
    case 'projections':
      return projections(setting);
    case 'http':
      return http(setting);
    case 'servers':
      return servers(setting);
    default:
      throw new Error(`There is no section ${name}; there are ${SECTIONS.join(', ')}.\n${USAGE}`);
  }
};

const main = async (): Promise<void> => {
  const { values } = parseArgs({
    options: {
      quick: { type: 'boolean', default: false },
      only: { type: 'string', multiple: true, default: SECTIONS },
      folder: { type: 'string', default: tmpdir() },
    },
  });
  const { quick, folder } = values;
  const setting: Setting = { quick, folder, runs: quick ? 3 : 5, seconds: quick ? 0.7 : 5 };
  const figures: Figure[] = [];
  for (const name of values.only)
    try {
      figures.push(...(await measure(name, setting)));
    } catch (error) {
      // What was measured before, and what comes after, is worth showing all the same.
      console.error(`${name} could not be measured:`, error);
      process.exitCode = 1;
    }
  console.log(await machine(folder));
  console.log(table(figures));
};

/** What the figures were measured on; how often a second it makes a write durable bounds everything. */
const machine = (folder: string): Promise<string> =>
  inFolder(folder, async (own) => {
    const file = openSync(join(own, 'floor'), 'w');
    const block = Buffer.alloc(4_096);
    const from = performance.now();
    let count = 0;
    for (; performance.now() - from < 500; count += 1) {
      writeSync(file, block);
      fdatasyncSync(file);
    }
    const rate = Math.round((count * 1_000) / (performance.now() - from));
    closeSync(file);
    const model = cpus()[0]?.model ?? 'unknown processor';
    return `${model}, ${availableParallelism()} cores, Node ${process.version}, ${rate} fdatasync/s\n`;
  });

// A signal ends the process in order, so that what it started goes with it.
for (const signal of ['SIGINT', 'SIGTERM'] as const)
  process.once(signal, () => {
    tell(`ended by ${signal}`);
    process.exit(1);
  });

await main();
