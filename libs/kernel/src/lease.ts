/**
 * The right to act under a name, for a while. Whoever has it may act until then and must have renewed it before, or stop:
 * from then on another may have it.
 */
export type Lease = Readonly<{
  name: string;
  owner: string;
  /** Grows with every change of owner: what a lesser token still asks for comes from a former owner. */
  token: number;
  /** Until when its owner may act, by its own `performance.now()`: no clock of another machine is in it. */
  until: number;
}>;

/** Whether the owner of a lease may still act. */
export const mayAct = ({ until }: Lease): boolean => performance.now() < until;

/**
 * Gives each name one owner at a time. Clocks of machines are never compared: who wants what another has watches it not
 * being renewed for its whole time. So it is assumed that clocks run equally fast to within {@link LEASE_MARGIN}, not that
 * they show the same. A process that was halted may act on a lease that it has lost, without knowing: what it does must
 * be guarded by positions or by the token.
 */
export abstract class Leases {
  /**
   * Takes or renews a lease for `ttlMs`; undefined while another owner has it. An owner is one run of one process: its
   * name must never be used again.
   */
  abstract take(name: string, owner: string, ttlMs: number): Promise<Lease | undefined>;

  /** Gives a lease back, so that another need not wait; nothing happens if it was lost. */
  abstract release(lease: Lease): Promise<void>;
}

/** The part of its time by which the owner of a lease stops earlier than others may take it. */
export const LEASE_MARGIN = 0.1;
