import { open, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { SCOPES, streamOfTenant, tenants } from '@scrip/access';
import { type Clock, type Execution, NO_STREAM, Refusal } from '@scrip/kernel';
import { type ApiKeyParts, formatApiKey, hashSecret, newApiKey, parseApiKey } from './api-key.js';
import { ConfigError } from './config.js';

/** The tenant that the first start creates. */
const FIRST_TENANT = 'default';

/** The key of the first start: where it is kept, and whether this start made it. */
export type AdminKey = Readonly<{ file: string; key: string; fresh: boolean }>;

/**
 * Makes sure that somebody can get in: on the first start, writes a key with all scopes to a file that only its owner
 * may read, and then admits it. Undefined when the ledger has tenants and the file was taken away.
 */
export const ensureAdminKey = async (
  folder: string,
  execution: Execution,
  clock: Clock,
): Promise<AdminKey | undefined> => {
  const file = join(folder, 'admin.key');
  const { revision } = await execution.stateAt(tenants, streamOfTenant(FIRST_TENANT));
  const written = await readKey(file);
  if (revision !== NO_STREAM)
    return written === undefined ? undefined : { file, key: written, fresh: false };
  // The file comes first: after a crash in between, the next start admits the key that it finds.
  const key = written ?? (await writeKey(file));
  const parts = parseApiKey(key);
  if (parts === undefined)
    throw new Error(`${file} does not hold an API key. Remove the file and start again.`);
  await admit(parts, '', execution, clock);
  return { file, key, fresh: true };
};

/**
 * Makes sure that somebody can get in where no folder could keep a key: the first start admits the key that it is given.
 * Any number of processes may start at once.
 *
 * @throws ConfigError when the ledger has no tenant yet, and no key is given
 */
export const admitGivenKey = async (
  key: string | undefined,
  execution: Execution,
  clock: Clock,
): Promise<undefined> => {
  const { revision } = await execution.stateAt(tenants, streamOfTenant(FIRST_TENANT));
  if (revision !== NO_STREAM) return;
  const parts = key === undefined ? undefined : parseApiKey(key);
  if (parts === undefined)
    throw new ConfigError(
      `Nobody could get in: this is the ledger's first start. Set SCRIP_ADMIN_KEY to a key that you keep, such as this one, which was drawn just now and is kept nowhere: ${formatApiKey(newApiKey())}`,
    );
  try {
    // The digest tells two first starts with different keys apart: the later one is refused.
    await admit(parts, hashSecret(parts.secret), execution, clock);
  } catch (error) {
    if (error instanceof Refusal && error.code === 'IDEMPOTENCY_KEY_REUSED')
      throw new ConfigError(
        'SCRIP_ADMIN_KEY: another process has just made the first start with another key. Give all processes the same key, or leave it out from now on.',
      );
    throw error;
  }
};

const admit = async (
  { keyId, secret }: ApiKeyParts,
  hash: string,
  execution: Execution,
  clock: Clock,
): Promise<void> => {
  const at = clock.now();
  await execution.run(tenants, {
    stream: streamOfTenant(FIRST_TENANT),
    meta: { key: 'first-start', hash, actor: 'first-start' },
    commands: [
      { type: 'CreateTenant', at, data: { tenant_id: FIRST_TENANT, name: 'Default' } },
      {
        type: 'IssueApiKey',
        at,
        data: {
          key_id: keyId,
          hash: hashSecret(secret),
          name: 'admin',
          scopes: SCOPES,
          by_scopes: SCOPES,
        },
      },
    ],
  });
};

const readKey = async (file: string): Promise<string | undefined> => {
  try {
    return (await readFile(file, 'utf8')).trim();
  } catch (error) {
    // Not by its class: under jest, Node's errors are of another realm.
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
};

const writeKey = async (file: string): Promise<string> => {
  const key = formatApiKey(newApiKey());
  const handle = await open(file, 'wx', 0o600);
  try {
    await handle.writeFile(`${key}\n`);
    await handle.sync();
  } finally {
    await handle.close();
  }
  return key;
};
