import type { Instant, Revision } from '@scrip/kernel';

/** The category of account streams. */
export const ACCOUNT_CATEGORY = 'account';

const PREFIX = `${ACCOUNT_CATEGORY}-`;

let lastStream = '';
let lastAccount = '';

/** The key of an account in all views, `<tenant>/<account_id>`: its stream's name without the category. */
export const accountOf = (stream: string): string => {
  // Every projection asks for the same streams in the same order, and events of one stream come together.
  if (stream !== lastStream) {
    lastAccount = stream.slice(PREFIX.length);
    lastStream = stream;
  }
  return lastAccount;
};

/** The stream of an account, by its key. */
export const streamOfAccount = (account: string): string => PREFIX + account;

/** The tenant that an account's key names. */
export const tenantOf = (account: string): string => account.slice(0, account.indexOf('/'));

/** The stream of the account that a text starts with, as ids of documents and parts of keys do; undefined where none is named. */
export const streamNamedBy = (text: string): string | undefined => {
  const [tenant = '', accountId = ''] = text.split('/', 2);
  return accountId === '' ? undefined : streamOfAccount(`${tenant}/${accountId}`);
};

/** The account's id within its tenant. */
export const accountIdOf = (account: string): string => account.slice(account.indexOf('/') + 1);

const INSTANT_DIGITS = 9;
const REVISION_DIGITS = 7;

let lastInstant = Number.NaN;
let lastText = '';

/**
 * Where an event stands in its stream, as text that sorts both by time and by revision: instants never go
 * backwards within a stream. Good until the year 5188 and for 78 thousand million events.
 */
export const sequenceOf = (at: Instant, revision: Revision): string => {
  if (at !== lastInstant) {
    lastText = at.toString(36).padStart(INSTANT_DIGITS, '0');
    lastInstant = at;
  }
  return lastText + revision.toString(36).padStart(REVISION_DIGITS, '0');
};

/** Whether a text could be what {@link sequenceOf} gave. */
export const isSequence = (text: string): boolean => /^[0-9a-z]{16}$/.test(text);
