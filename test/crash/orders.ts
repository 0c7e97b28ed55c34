import { type ReceiptBody, ScripConnectionError, ScripError, type ScripClient } from '@scrip/sdk';

/** One command as the service remembers that gave it: what it asked for under which key, and what it was told. */
export type Order = {
  readonly account: string;
  /** The idempotency key, as the log has it. */
  readonly key: string;
  /** What its movement in the account's history is known by. */
  readonly movement: string;
  /** How often it was sent and nothing came back. */
  unanswered: number;
  receipt: ReceiptBody | undefined;
  /** Whether the receipt was that of an earlier try. */
  replayed: boolean;
  /** The code that it was refused with. */
  refusal: string | undefined;
};

type Life = Readonly<{ number: number; connect: () => ScripClient }>;

/**
 * A ledger as its services see it: it dies, and comes back. A service that gets no answer sends the same again, with
 * the same key, to the ledger's next life.
 */
export class Lives {
  #life: Life | undefined;
  #over = false;
  #born: (() => void)[] = [];

  /** Whether services are to give no more orders. */
  get over(): boolean {
    return this.#over;
  }

  begin(connect: () => ScripClient): void {
    this.#life = { number: (this.#life?.number ?? 0) + 1, connect };
    for (const tell of this.#born.splice(0)) tell();
  }

  finish(): void {
    this.#over = true;
  }

  /** The first life after one, when it has begun. */
  async after(number: number): Promise<Life> {
    while (this.#life === undefined || this.#life.number <= number)
      await new Promise<void>((resolve) => {
        this.#born.push(resolve);
      });
    return this.#life;
  }
}

/** One service's line to the ledger. */
export class Line {
  readonly #lives: Lives;
  #life: Life = { number: 0, connect: () => raise('There was no ledger yet') };
  #client: ScripClient | undefined;

  constructor(lives: Lives) {
    this.#lives = lives;
  }

  /** Sends until an answer comes, over as many lives as that takes; a refusal is an answer. */
  async ask<T>(
    orders: readonly Order[],
    send: (client: ScripClient) => Promise<T>,
  ): Promise<T | ScripError> {
    for (;;) {
      this.#client ??= await this.#connect();
      try {
        return await send(this.#client);
      } catch (error) {
        if (!(error instanceof ScripError)) throw error;
        if (!(error instanceof ScripConnectionError)) return error;
        this.#client = undefined;
        for (const order of orders) order.unanswered += 1;
      }
    }
  }

  async #connect(): Promise<ScripClient> {
    this.#life = await this.#lives.after(this.#life.number);
    return this.#life.connect();
  }
}

const raise = (message: string): never => {
  throw new Error(message);
};
