import { Presets, SingleBar } from 'cli-progress';
import { type Progress } from './usage-import/import-usage.js';

/** Shows how far an import is. */
export type ProgressDisplay = Readonly<{
  show: (progress: Progress) => void;
  stop: () => void;
}>;

const LINE_EVERY_MS = 2_000;

/** A bar on a terminal, now and then a plain line elsewhere. */
export const progressDisplay = (stream: NodeJS.WriteStream): ProgressDisplay =>
  stream.isTTY ? bar(stream) : plainLines(stream);

const bar = (stream: NodeJS.WriteStream): ProgressDisplay => {
  const single = new SingleBar(
    {
      stream,
      hideCursor: true,
      format:
        '{bar} {percentage} % · line {value} of {total} · {accepted} accepted, {rejected} rejected · {eta_formatted} left',
    },
    Presets.shades_classic,
  );
  let isStarted = false;
  return {
    show: ({ linesDone, linesTotal, accepted, rejected }) => {
      const payload = { accepted, rejected };
      if (isStarted) single.update(linesDone, payload);
      else single.start(linesTotal, linesDone, payload);
      isStarted = true;
    },
    stop: () => {
      single.stop();
    },
  };
};

const plainLines = (stream: NodeJS.WriteStream): ProgressDisplay => {
  let shownAt = Date.now();
  return {
    show: ({ linesDone, linesTotal, accepted, rejected }) => {
      if (Date.now() - shownAt < LINE_EVERY_MS) return;
      shownAt = Date.now();
      stream.write(
        `line ${linesDone} of ${linesTotal}: ${accepted} accepted, ${rejected} rejected\n`,
      );
    },
    stop: () => undefined,
  };
};
