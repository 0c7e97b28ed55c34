import { resolve } from 'node:path';

/** Where a log is: a data folder, or a KurrentDB server or cluster. */
export type StorePlace =
  Readonly<{ kind: 'embedded'; folder: string }> | Readonly<{ kind: 'kurrentdb'; url: string }>;

/** What was given names no store; the message says what to give. */
class StorePlaceError extends Error {
  override readonly name = 'StorePlaceError';
}

const FORM =
  'Give a data folder, as a path or embedded:<folder>, or the URL of KurrentDB: esdb://…, esdb+discover://…, kurrentdb://… or kurrentdb+discover://….';
const URL_OF_KURRENTDB = /^(?:esdb|kurrentdb)(?:\+discover)?:\/\/./;
const ANY_URL = /^[a-z][a-z0-9+.-]*:\/\//i;
const EMBEDDED = 'embedded:';

/** Reads a store as it is given on the command line. @throws StorePlaceError, which never repeats what may be secret */
export const parseStorePlace = (text: string): StorePlace => {
  if (URL_OF_KURRENTDB.test(text)) return { kind: 'kurrentdb', url: text };
  if (ANY_URL.test(text)) throw new StorePlaceError(`Events cannot be kept there. ${FORM}`);
  const folder = text.startsWith(EMBEDDED) ? text.slice(EMBEDDED.length) : text;
  if (folder === '') throw new StorePlaceError(`No store is named. ${FORM}`);
  return { kind: 'embedded', folder: resolve(folder) };
};

/** A place as it may be shown: without the credentials and settings of a URL. */
export const shownPlace = (place: StorePlace): string => {
  if (place.kind === 'embedded') return place.folder;
  const [scheme = '', rest = ''] = place.url.split('://', 2);
  // A password may hold any sign, so all up to the last @ goes; what follows the hosts may be secret, too.
  const hosts = rest.slice(rest.lastIndexOf('@') + 1).replace(/[/?].*$/s, '');
  return `${scheme}://${hosts}`;
};
