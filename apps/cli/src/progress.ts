import { Presets, SingleBar } from 'cli-progress';
import { type Progress } from './usage-import/import-usage.js';

/** How far something is that takes a while. */
export type Shown = Readonly<{
  done: number;
  total: number;
  /** What a bar says behind its percentage. */
  beside: string;
  /** What a line says where there is no bar. */
  line: string;
  /** What is done; a bar of its own for each. */
  step?: string;
}>;

/** Shows how far something is. */
export type Display<T> = Readonly<{
  show: (progress: T) => void;
  stop: () => void;
}>;

const LINE_EVERY_MS = 2_000;

/** A bar on a terminal, now and then a plain line elsewhere. */
export const displayOn = (stream: NodeJS.WriteStream): Display<Shown> =>
  stream.isTTY ? bars(stream) : plainLines(stream);

/** The same for an import. */
export const progressDisplay = (stream: NodeJS.WriteStream): Display<Progress> => {
  const { show, stop } = displayOn(stream);
  return {
    show: ({ linesDone, linesTotal, accepted, rejected }) => {
      const so = `${accepted} accepted, ${rejected} rejected`;
      const line = `line ${linesDone} of ${linesTotal}`;
      show({
        ...{ done: linesDone, total: linesTotal },
        ...{ beside: `${line} · ${so}`, line: `${line}: ${so}` },
      });
    },
    stop,
  };
};

const bars = (stream: NodeJS.WriteStream): Display<Shown> => {
  let current: Readonly<{ bar: SingleBar; step: string | undefined }> | undefined;
  const stop = (): void => {
    current?.bar.stop();
    current = undefined;
  };
  return {
    show: ({ done, total, beside, step }) => {
      if (current !== undefined && current.step === step) current.bar.update(done, { beside });
      else {
        stop();
        const format = `{bar} {percentage} % · {beside} · {eta_formatted} left`;
        const bar = new SingleBar({ stream, hideCursor: true, format }, Presets.shades_classic);
        bar.start(total, done, { beside });
        current = { bar, step };
      }
    },
    stop,
  };
};

const plainLines = (stream: NodeJS.WriteStream): Display<Shown> => {
  let shownAt = Date.now();
  return {
    show: ({ line }) => {
      if (Date.now() - shownAt < LINE_EVERY_MS) return;
      shownAt = Date.now();
      stream.write(`${line}\n`);
    },
    stop: () => undefined,
  };
};
