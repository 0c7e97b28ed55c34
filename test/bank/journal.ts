/** One process having been chosen for a name, as its log tells; by the machine's clock. */
export type Tenure = {
  readonly slot: string;
  readonly pid: number | undefined;
  readonly name: string;
  readonly token: number;
  readonly from: number;
  to: number;
};

/** A time in which a process was halted. */
type Halt = {
  readonly slot: string;
  readonly pid: number | undefined;
  readonly from: number;
  to: number;
};

/** Something that went wrong inside, as a log tells. */
type Trouble = Readonly<{ slot: string; at: number; text: string }>;

const TROUBLES_MAX = 500;
const ERROR_LEVEL = 50;

/** What the processes say of themselves: who was chosen for what, and what went wrong. */
export class Journal {
  readonly tenures: Tenure[] = [];
  readonly halts: Halt[] = [];
  readonly troubles: Trouble[] = [];

  /** Takes note of a line of a process's log. */
  hear(slot: string, pid: number | undefined, line: string): void {
    const said = parsed(line);
    if (said === undefined) return;
    const { level, time, msg, name, token, err } = said;
    const at = Date.parse(time);
    if (msg === 'This process was chosen' && name !== undefined)
      this.tenures.push({ slot, pid, name, token: token ?? 0, from: at, to: Infinity });
    if (msg === 'This process is no longer the chosen one') this.#over(pid, at, name);
    if (level >= ERROR_LEVEL && this.troubles.length < TROUBLES_MAX)
      this.troubles.push({ slot, at, text: `${msg}: ${err?.message ?? said.reason ?? ''}` });
  }

  ended(_slot: string, pid: number | undefined): void {
    this.#over(pid, Date.now());
    this.#went(pid);
  }

  halted(slot: string, pid: number | undefined): void {
    this.halts.push({ slot, pid, from: Date.now(), to: Infinity });
  }

  wentOn(_slot: string, pid: number | undefined): void {
    this.#went(pid);
  }

  /** The slot whose process is chosen for a name now and is not halted; undefined where none is. */
  keeper(name: string): string | undefined {
    return this.tenures.findLast(
      (tenure) => tenure.name === name && tenure.to === Infinity && !this.#isHalted(tenure.pid),
    )?.slot;
  }

  #isHalted(pid: number | undefined): boolean {
    return this.halts.some((halt) => halt.pid === pid && halt.to === Infinity);
  }

  #over(pid: number | undefined, at: number, name?: string): void {
    for (const tenure of this.tenures)
      if (tenure.pid === pid && tenure.to === Infinity && (name ?? tenure.name) === tenure.name)
        tenure.to = at;
  }

  #went(pid: number | undefined): void {
    for (const halt of this.halts)
      if (halt.pid === pid && halt.to === Infinity) halt.to = Date.now();
  }
}

type Said = Readonly<{
  level: number;
  time: string;
  msg: string;
  name?: string;
  token?: number;
  reason?: string;
  err?: Readonly<{ message?: string }>;
}>;

const parsed = (line: string): Said | undefined => {
  if (!line.startsWith('{')) return undefined;
  try {
    return JSON.parse(line) as Said;
  } catch {
    // The last line of a process that was killed may have been cut off.
    return undefined;
  }
};
