import { beforeEach, expect, it } from '@jest/globals';
import { LEASE_MARGIN, type Leases, mayAct, pause } from '@scrip/kernel';

const TTL_MS = 400;
const LONG_MS = 60_000;

/** What leases must do; `open` gives those of two processes over one store. */
export const leasesContract = (
  open: () => Promise<Readonly<{ one: Leases; other: Leases }>>,
): void => {
  let one: Leases;
  let other: Leases;
  beforeEach(async () => {
    ({ one, other } = await open());
  });

  it('gives a name to one owner, who may act for less than its time', async () => {
    const before = performance.now();
    const lease = await one.take('accounts', 'a', LONG_MS);
    expect(lease).toMatchObject({ name: 'accounts', owner: 'a', token: 1 });
    expect(lease?.until).toBeGreaterThanOrEqual(before + LONG_MS * (1 - LEASE_MARGIN));
    expect(lease?.until).toBeLessThan(performance.now() + LONG_MS);
    expect(lease && mayAct(lease)).toBe(true);
    expect(await other.take('accounts', 'b', LONG_MS)).toBeUndefined();
    expect(await other.take('access', 'b', LONG_MS)).toMatchObject({ owner: 'b', token: 1 });
  });

  it('renews it for its owner, under the same token', async () => {
    const lease = await one.take('accounts', 'a', TTL_MS);
    await pause(20);
    const renewed = await one.take('accounts', 'a', TTL_MS);
    expect(renewed?.token).toBe(lease?.token);
    expect(renewed?.until).toBeGreaterThan(lease?.until ?? Infinity);
  });

  it('lets one of many win who want it at once', async () => {
    const wanting = Array.from({ length: 8 }, (_, n) =>
      (n % 2 === 0 ? one : other).take('accounts', `owner ${String(n)}`, LONG_MS),
    );
    expect((await Promise.all(wanting)).filter((lease) => lease !== undefined)).toHaveLength(1);
  });

  it('gives it to another when it was not renewed for its time, under a greater token', async () => {
    const lost = await one.take('accounts', 'a', TTL_MS);
    expect(await other.take('accounts', 'b', TTL_MS)).toBeUndefined();
    await pause(TTL_MS / 2);
    expect(await other.take('accounts', 'b', TTL_MS)).toBeUndefined();
    await pause(TTL_MS / 2 + 20);
    expect(lost && mayAct(lost)).toBe(false);
    const taken = await other.take('accounts', 'b', LONG_MS);
    expect(taken?.token).toBe(2);
    expect(await one.take('accounts', 'a', LONG_MS)).toBeUndefined();
  });

  it('does not give it to another while it is renewed, however long that goes on', async () => {
    for (let renewals = 0; renewals < 6; renewals += 1) {
      expect(await one.take('accounts', 'a', TTL_MS)).toBeDefined();
      expect(await other.take('accounts', 'b', TTL_MS)).toBeUndefined();
      await pause(TTL_MS / 4);
    }
  });

  it('gives it at once to another when it was given back', async () => {
    const lease = await one.take('accounts', 'a', LONG_MS);
    if (lease !== undefined) await one.release(lease);
    expect(await other.take('accounts', 'b', LONG_MS)).toMatchObject({ owner: 'b', token: 2 });
  });

  it('leaves it to its new owner when the former gives it back', async () => {
    const lost = await one.take('accounts', 'a', TTL_MS);
    await other.take('accounts', 'b', TTL_MS);
    await pause(TTL_MS + 20);
    expect(await other.take('accounts', 'b', LONG_MS)).toMatchObject({ token: 2 });
    if (lost !== undefined) await one.release(lost);
    expect(await one.take('accounts', 'a', LONG_MS)).toBeUndefined();
  });
};
