import { existsSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';

/** A usage log of one service, with the team that each request belongs to in a column of its own. */
export type Trace = Readonly<{ service: string; file: string; requests: number }>;

/** Who uses a service, and how many requests of every hundred are theirs. */
type Share = Readonly<{ team: string; percent: number }>;

type Source = Readonly<{ service: string; name: string; teams: readonly Share[] }>;

const sources: readonly Source[] = [
  {
    service: 'llm_conversation',
    name: 'conv.csv',
    teams: [
      { team: 'assistant-web', percent: 50 },
      { team: 'assistant-mobile', percent: 30 },
      { team: 'support-desk', percent: 20 },
    ],
  },
  {
    service: 'code_completion',
    name: 'code.csv',
    teams: [
      { team: 'ide-plugin', percent: 60 },
      { team: 'code-review', percent: 40 },
    ],
  },
];

const GENERATED_REQUESTS = 4_000;

/** The folder of the real traces, beside the checkout; undefined where it is absent. */
export const traceFolder = (root: string): string | undefined => {
  const folder = join(root, '../shared/data/azure-llm-inference-2023');
  return existsSync(folder) ? folder : undefined;
};

/** Writes the traces into a folder of the demo's own, each request given to a team. */
export const prepareTraces = (from: string | undefined, to: string): Promise<readonly Trace[]> =>
  Promise.all(
    sources.map(async ({ service, name, teams }) => {
      const text = from === undefined ? generated(name) : await readFile(join(from, name), 'utf8');
      const [header = '', ...lines] = text.split(/\r?\n/).filter((line) => line !== '');
      const rows = lines.map((line, i) => `${line},${teamOf(teams, i)}`);
      const file = join(to, name);
      await writeFile(file, `${[`${header},team`, ...rows].join('\n')}\n`);
      return { service, file, requests: rows.length };
    }),
  );

// Knuth's multiplicative hash spreads neighbours over the teams, the same in every run.
const teamOf = (teams: readonly Share[], row: number): string => {
  let point = (Math.imul(row, 2_654_435_761) >>> 0) % 100;
  for (const { team, percent } of teams) {
    if (point < percent) return team;
    point -= percent;
  }
  return teams[0]?.team ?? 'nobody';
};

const generated = (name: string): string => {
  const isCode = name.startsWith('code');
  const start = Date.UTC(2023, 10, 16, 18, 15);
  const rows = Array.from({ length: GENERATED_REQUESTS }, (_, i) => {
    const noise = (Math.imul(i + 1, 2_654_435_761) >>> 0) % 4_000;
    const time = new Date(start + i * 300).toISOString().replace('T', ' ').replace('Z', '0000');
    return `${time},${(isCode ? 800 : 200) + noise},${isCode ? 5 + (noise % 60) : 20 + (noise % 400)}`;
  });
  return ['TIMESTAMP,ContextTokens,GeneratedTokens', ...rows].join('\n');
};
