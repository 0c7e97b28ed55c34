/** A place in the ledger's log; later changes have greater positions. */
export type Position = number;

/** How many accounts a client remembers its last write of. */
const ACCOUNTS_MAX = 10_000;

/** The last position of each account that a client wrote to, so that its reads can wait for its own writes. */
export class Positions {
  readonly #byAccount = new Map<string, Position>();
  #latest: Position | undefined;

  /** The position reads of an account, or of the whole tenant, must have reached. */
  after(accountId?: string): Position | undefined {
    return accountId === undefined ? this.#latest : this.#byAccount.get(accountId);
  }

  /** Notes what a receipt says. A receipt may arrive late: an older position changes nothing. */
  note(accountId: string, position: Position): void {
    const known = this.#byAccount.get(accountId);
    this.#byAccount.delete(accountId);
    this.#byAccount.set(accountId, Math.max(known ?? position, position));
    this.#latest = Math.max(this.#latest ?? position, position);
    if (this.#byAccount.size > ACCOUNTS_MAX) this.#forgetOldest();
  }

  #forgetOldest(): void {
    for (const accountId of this.#byAccount.keys()) {
      this.#byAccount.delete(accountId);
      return;
    }
  }
}
