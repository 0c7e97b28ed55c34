import { type ScripClient } from '@scrip/sdk';
import { fingerprintOf } from './fingerprint.js';
import {
  type ImportState,
  type Resumption,
  readState,
  resumptionOf,
  writeState,
} from './import-state.js';
import {
  type LineMapper,
  type MappedLine,
  type Mapping,
  type Reject,
  UnfitFile,
  lineMapper,
} from './mapping.js';
import { type RawRecord, parseRecords, readRecords } from './records.js';
import { RejectsFile, rejectsPath } from './rejects-file.js';
import { type Sent, sendLines } from './sending.js';

/** What an import works on, and how. */
export type UsageImport = Readonly<{
  file: string;
  mapping: Mapping;
  /** What makes this import another one when it changes; kept in the state file. */
  options: Readonly<Record<string, string>>;
  client: ScripClient;
  /** Lines per request, at most 1 000. */
  batchSize: number;
  requestsInFlight: number;
  restart: boolean;
  resend: boolean;
  now: () => number;
  /** Stops the import after what is in flight; the next run goes on. */
  signal: AbortSignal;
  onProgress: (progress: Progress) => void;
}>;

/** How far an import is. */
export type Progress = Readonly<{
  linesDone: number;
  linesTotal: number;
  accepted: number;
  rejected: number;
}>;

/** How an import ended. */
export type ImportResult = Readonly<{
  ending: 'finished' | 'finished before' | 'stopped';
  state: ImportState;
  /** The line that this run began after. */
  resumedAfter: number;
}>;

/** The import cannot begin, for a reason that the user can do something about. */
export class ImportRefused extends Error {
  override readonly name = 'ImportRefused';
}

/**
 * Imports a file of usage. A second run over the same file changes nothing: what is finished is not sent, what
 * broke off goes on where it was, and lines sent twice carry the same key.
 *
 * @throws ImportRefused, UnfitFile; ScripError when the ledger fails: the state is kept, the next run goes on.
 */
export const importUsage = async (usage: UsageImport): Promise<ImportResult> => {
  const { sha256, lines } = await fingerprintOf(usage.file);
  const found = usage.restart ? undefined : await readState(usage.file);
  const wanted = { file_sha256: sha256, options: usage.options };
  const resumption = resumptionOf(found, wanted, usage.now(), usage.resend);
  if (resumption.kind === 'refuse') throw new ImportRefused(resumption.reason);
  if (resumption.kind === 'finished')
    return { ending: 'finished before', state: resumption.state, resumedAfter: lines };
  const run = new ImportRun(usage, startState(usage, resumption, sha256), lines);
  const resumedAfter = resumption.kind === 'resume' ? resumption.state.lines_done : 0;
  return { ...(await run.run()), resumedAfter };
};

const startState = (usage: UsageImport, resumption: Resumption, sha256: string): ImportState => {
  if (resumption.kind === 'resume') return resumption.state;
  const now = new Date(usage.now()).toISOString();
  return {
    version: 1,
    file_sha256: sha256,
    options: usage.options,
    lines_done: 0,
    lines_sent: 0,
    accepted: 0,
    rejected: 0,
    free: 0,
    micro_credits: '0',
    rejects_bytes: 0,
    started_at: now,
    updated_at: now,
  };
};

/** What one request brought, with the lines around it that were never sent. */
type Chunk = Readonly<{ lastLine: number; free: number; rejects: readonly Reject[]; sent: Sent }>;

class ImportRun {
  readonly #usage: UsageImport;
  readonly #linesTotal: number;
  readonly #inFlight: Promise<Chunk>[] = [];
  #state: ImportState;

  constructor(usage: UsageImport, state: ImportState, linesTotal: number) {
    this.#usage = usage;
    this.#state = state;
    this.#linesTotal = linesTotal;
  }

  async run(): Promise<Readonly<{ ending: 'finished' | 'stopped'; state: ImportState }>> {
    const { file, mapping, signal } = this.#usage;
    const records = readRecords(file);
    const header = await headerOf(records);
    const map = lineMapper(header.fields, mapping, this.#state.file_sha256);
    const rejects = new RejectsFile(rejectsPath(file), header.text, this.#state.rejects_bytes);
    try {
      await this.#sendAll(records, map, rejects);
      while (this.#inFlight.length > 0) await this.#settleOldest(rejects);
      if (!signal.aborted) this.#note({ finished_at: this.#now() });
      return { ending: signal.aborted ? 'stopped' : 'finished', state: this.#state };
    } finally {
      // Requests that a failure left in flight end before the state does: the next run would race with them.
      await Promise.allSettled(this.#inFlight);
      await rejects.close();
      await this.#save();
    }
  }

  async #sendAll(
    records: AsyncIterable<RawRecord>,
    map: LineMapper,
    rejects: RejectsFile,
  ): Promise<void> {
    const { requestsInFlight, batchSize, signal } = this.#usage;
    const doneBefore = this.#state.lines_done;
    for await (const batch of batches(records, batchSize, doneBefore)) {
      if (signal.aborted) return;
      if (this.#inFlight.length >= requestsInFlight) await this.#settleOldest(rejects);
      const lastLine = batch.at(-1)?.line ?? doneBefore;
      this.#note({ lines_sent: Math.max(lastLine, this.#state.lines_sent) });
      await this.#save();
      const sending = this.#send(parseRecords(batch).map(map), lastLine);
      // Looked at when its turn comes; until then a failure is not unhandled.
      sending.catch(() => undefined);
      this.#inFlight.push(sending);
    }
  }

  async #send(lines: readonly MappedLine[], lastLine: number): Promise<Chunk> {
    const rejects = lines.filter((line) => line.kind === 'reject');
    const free = lines.filter((line) => line.kind === 'free').length;
    const usage = lines.filter((line) => line.kind === 'usage');
    return { lastLine, free, rejects, sent: await sendLines(this.#usage.client, usage) };
  }

  /** Requests are settled in the order of the file, so that one line number says what is done. */
  async #settleOldest(rejectsFile: RejectsFile): Promise<void> {
    const chunk = await this.#inFlight.shift();
    if (chunk === undefined) return;
    const rejects = [...chunk.rejects, ...chunk.sent.rejects].sort((a, b) => a.line - b.line);
    await rejectsFile.append(rejects);
    const { accepted, rejected, free, micro_credits } = this.#state;
    this.#note({
      lines_done: chunk.lastLine,
      accepted: accepted + chunk.sent.accepted,
      rejected: rejected + rejects.length,
      free: free + chunk.free,
      micro_credits: (BigInt(micro_credits) + chunk.sent.amount).toString(),
      rejects_bytes: rejectsFile.bytes,
    });
    this.#usage.onProgress({
      linesDone: chunk.lastLine,
      linesTotal: this.#linesTotal,
      accepted: this.#state.accepted,
      rejected: this.#state.rejected,
    });
  }

  #note(changes: Partial<ImportState>): void {
    this.#state = { ...this.#state, ...changes, updated_at: this.#now() };
  }

  #save(): Promise<void> {
    return writeState(this.#usage.file, this.#state);
  }

  #now(): string {
    return new Date(this.#usage.now()).toISOString();
  }
}

const headerOf = async (
  records: AsyncGenerator<RawRecord, void, undefined>,
): Promise<Readonly<{ text: string; fields: readonly string[] }>> => {
  const first = await records.next();
  if (first.done === true) throw new UnfitFile('The file is empty.');
  const [header] = parseRecords([first.value]);
  if (header?.fields === undefined) throw new UnfitFile('The first line is not a CSV header.');
  return { text: header.text, fields: header.fields };
};

async function* batches(
  records: AsyncIterable<RawRecord>,
  size: number,
  afterLine: number,
): AsyncGenerator<readonly RawRecord[], void, undefined> {
  let batch: RawRecord[] = [];
  for await (const record of records) {
    if (record.line <= afterLine) continue;
    batch.push(record);
    if (batch.length < size) continue;
    yield batch;
    batch = [];
  }
  if (batch.length > 0) yield batch;
}
