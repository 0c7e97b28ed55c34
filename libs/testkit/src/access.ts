import { timingSafeEqual } from 'node:crypto';

/** Somebody who may use a model that asks for credentials. */
export type User = Readonly<{ name: string; password: string; isAdmin: boolean }>;

/** What the model finds out about a caller by its credentials. */
export type Caller =
  | Readonly<{ is: 'user'; user: User }>
  | Readonly<{ is: 'anonymous' }>
  | Readonly<{ is: 'unknown' }>;

/** Who calls, by the `authorization` header of the call. */
export const callerOf = (users: readonly User[], header: string | undefined): Caller => {
  if (header === undefined) return { is: 'anonymous' };
  const [, encoded = ''] = /^Basic (.+)$/.exec(header) ?? [];
  const [name = '', ...rest] = Buffer.from(encoded, 'base64').toString().split(':');
  const user = users.find((one) => one.name === name);
  return user !== undefined && isSame(user.password, rest.join(':'))
    ? { is: 'user', user }
    : { is: 'unknown' };
};

/** Whether a caller may read or write a stream by the server's default access lists. */
export const mayUse = (caller: Caller, stream: string): boolean =>
  caller.is === 'user' && (caller.user.isAdmin || !isSystemStream(stream));

/** The metadata of a stream is as open as the stream itself. */
const isSystemStream = (stream: string): boolean =>
  (stream.startsWith('$$') ? stream.slice(2) : stream).startsWith('$');

const isSame = (one: string, other: string): boolean => {
  const [a, b] = [Buffer.from(one), Buffer.from(other)];
  return a.length === b.length && timingSafeEqual(a, b);
};
