import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';

/** What identifies a file's content, and how many lines it has. */
export type Fingerprint = Readonly<{ sha256: string; lines: number }>;

const LINE_FEED = 0x0a;

/** Reads a file once for its fingerprint. */
export const fingerprintOf = async (path: string): Promise<Fingerprint> => {
  const hash = createHash('sha256');
  let lines = 0;
  let last = LINE_FEED;
  const chunks: AsyncIterable<Buffer> = createReadStream(path, { highWaterMark: 1 << 20 });
  for await (const chunk of chunks) {
    hash.update(chunk);
    for (let at = chunk.indexOf(LINE_FEED); at !== -1; at = chunk.indexOf(LINE_FEED, at + 1))
      lines++;
    last = chunk.at(-1) ?? last;
  }
  return { sha256: hash.digest('hex'), lines: last === LINE_FEED ? lines : lines + 1 };
};
