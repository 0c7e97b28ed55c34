import { type FileHandle, open } from 'node:fs/promises';
import { type Reject } from './mapping.js';

/** Where the rejects of a file go. */
export const rejectsPath = (file: string): string => `${file}.rejects.csv`;

/**
 * The lines that could not be imported, each with its number, a code and a reason before the line itself. A file of
 * rejects can be put right and imported like any other.
 */
export class RejectsFile {
  readonly #path: string;
  readonly #header: string;
  #handle: FileHandle | undefined;
  #bytes: number;

  /** `bytes`: how much of an earlier run's file counts; the rest is cut off. */
  constructor(path: string, header: string, bytes: number) {
    this.#path = path;
    this.#header = header;
    this.#bytes = bytes;
  }

  get bytes(): number {
    return this.#bytes;
  }

  /** Appends rejects; the file appears with the first. */
  async append(rejects: readonly Reject[]): Promise<void> {
    if (rejects.length === 0) return;
    this.#handle ??= await this.#open();
    const head = this.#bytes === 0 ? `line,code,reason,${this.#header}\n` : '';
    const text = Buffer.from(head + rejects.map(rowOf).join(''));
    await this.#handle.write(text, 0, text.length, this.#bytes);
    this.#bytes += text.length;
  }

  async close(): Promise<void> {
    await this.#handle?.close();
  }

  async #open(): Promise<FileHandle> {
    const handle = await open(this.#path, this.#bytes === 0 ? 'w' : 'r+');
    await handle.truncate(this.#bytes);
    return handle;
  }
}

const rowOf = ({ line, code, reason, text }: Reject): string => {
  // A line that is not CSV would spoil the file: it is kept as one quoted field.
  const record = code === 'CSV_INVALID' ? quoted(text) : text;
  return `${line},${code},${quoted(reason)},${record}\n`;
};

const quoted = (text: string): string => `"${text.replaceAll('"', '""')}"`;
