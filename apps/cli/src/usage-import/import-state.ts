import { existsSync } from 'node:fs';
import { open, readFile, rename } from 'node:fs/promises';

// These names and fields are a file format; raise the version when they change.

/** How far an import has come. Lines are those of the file; what is not accepted is free or a reject. */
export type ImportState = Readonly<{
  version: 1;
  file_sha256: string;
  /** The mapping, the prices and the ledger, so that another import is not mistaken for this one. */
  options: Readonly<Record<string, string>>;
  /** All lines up to this one are settled. */
  lines_done: number;
  /** Lines up to this one may have reached the ledger. */
  lines_sent: number;
  accepted: number;
  rejected: number;
  free: number;
  /** What the accepted lines came to, in micro-credits. */
  micro_credits: string;
  /** How long the rejects file is at this point: what is beyond belongs to lines that will be sent again. */
  rejects_bytes: number;
  started_at: string;
  updated_at: string;
  finished_at?: string;
}>;

/** How long the ledger certainly remembers an idempotency key. */
const KEY_MEMORY_MS = 24 * 3_600_000;

/** What a run of an import does, given what an earlier one left behind. */
export type Resumption =
  | Readonly<{ kind: 'start' }>
  | Readonly<{ kind: 'resume'; state: ImportState }>
  | Readonly<{ kind: 'finished'; state: ImportState }>
  | Readonly<{ kind: 'refuse'; reason: string }>;

/** Where the state of a file's import is kept. */
export const statePath = (file: string): string => `${file}.scrip-import.json`;

/** Decides how to go on. `resend` accepts the danger of lines whose keys the ledger may have forgotten. */
export const resumptionOf = (
  found: ImportState | undefined,
  wanted: Readonly<Pick<ImportState, 'file_sha256' | 'options'>>,
  now: number,
  resend: boolean,
): Resumption => {
  if (found === undefined) return { kind: 'start' };
  if (found.file_sha256 !== wanted.file_sha256)
    return refuse('The file has changed since its import began.');
  const changed = changedOptions(found.options, wanted.options);
  if (changed.length > 0)
    return refuse(`The file is being imported with other options: ${changed.join(', ')}.`);
  if (found.finished_at !== undefined) return { kind: 'finished', state: found };
  const isForgotten = now - Date.parse(found.updated_at) >= KEY_MEMORY_MS;
  if (isForgotten && found.lines_sent > found.lines_done && !resend)
    return {
      kind: 'refuse',
      reason:
        `Lines ${found.lines_done + 1} to ${found.lines_sent} were on their way when the import broke off more ` +
        'than 24 hours ago. The ledger may have accepted them and forgotten their keys since: compare them with ' +
        'the account’s history, then use --resend to send them again.',
    };
  return { kind: 'resume', state: found };
};

/** Reads a file's import state; undefined where there is none. */
export const readState = async (file: string): Promise<ImportState | undefined> => {
  if (!existsSync(statePath(file))) return undefined;
  const text = await readFile(statePath(file), 'utf8');
  const state: unknown = JSON.parse(text);
  if (isState(state)) return state;
  throw new Error(`${statePath(file)} is not an import state; remove it or use --restart.`);
};

/** Writes the state so that a crash leaves either the old or the new one. */
export const writeState = async (file: string, state: ImportState): Promise<void> => {
  const path = statePath(file);
  const handle = await open(`${path}.tmp`, 'w');
  try {
    await handle.writeFile(`${JSON.stringify(state, undefined, 2)}\n`);
    await handle.sync();
  } finally {
    await handle.close();
  }
  await rename(`${path}.tmp`, path);
};

const refuse = (reason: string): Resumption => ({
  kind: 'refuse',
  reason: `${reason} Use --restart to import it from the start: what was accepted before is charged again, except within 24 hours if file and options are the same.`,
});

const changedOptions = (
  before: Readonly<Record<string, string>>,
  now: Readonly<Record<string, string>>,
): readonly string[] =>
  [...new Set([...Object.keys(before), ...Object.keys(now)])].filter(
    (name) => before[name] !== now[name],
  );

const isState = (value: unknown): value is ImportState =>
  typeof value === 'object' && value !== null && 'version' in value && value.version === 1;
