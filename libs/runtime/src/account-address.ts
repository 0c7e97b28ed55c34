import { hash } from 'node:crypto';
import { streamOfAccount } from '@scrip/accounts';

/** Where an account is kept: its key in the views, its stream, and the tag that its movements' ids carry. */
export type AccountAddress = Readonly<{ key: string; stream: string; tag: () => string }>;

const TAG_CHARS = 8;

/** The address of an account of a tenant. */
export const addressOf = (tenant: string, accountId: string): AccountAddress => {
  const key = `${tenant}/${accountId}`;
  return { key, stream: streamOfAccount(key), tag: () => tagOf(key) };
};

const tagOf = (key: string): string =>
  BigInt(`0x${hash('sha256', key, 'hex')}`)
    .toString(36)
    .slice(-TAG_CHARS)
    .padStart(TAG_CHARS, '0');
