import { wordsFor } from './courier.js';
import type { Evidence, Fault } from './evidence.js';
import type { Ask, Operation } from './operations.js';
import type { Entry } from './truth.js';

const FAULTS_MAX = 20;
/** How much is shown of an account around what is wrong. */
const AROUND = 8;

/** Faults in words, each with what its clients were told and what the log has around it. */
export const tell = (faults: readonly Fault[], evidence: Evidence): readonly string[] => [
  ...faults.slice(0, FAULTS_MAX).map((fault) => storyOf(fault, evidence)),
  ...(faults.length > FAULTS_MAX ? [`and ${faults.length - FAULTS_MAX} more`] : []),
];

const storyOf = ({ account, key, says }: Fault, evidence: Evidence): string => {
  const head = `${account}${key === undefined ? '' : `, ${key}`}: ${says}`;
  const entries = evidence.truth.accounts.get(account)?.entries ?? [];
  const operations = evidence.byAccount.get(account) ?? [];
  const own = operations.filter((operation) => operation.key === key);
  const at = entries.findIndex((entry) => entry.key === key);
  const near =
    at < 0
      ? entriesBetween(entries, evidence, own)
      : entries.slice(Math.max(0, at - AROUND), at + AROUND);
  return [
    head,
    ...own.flatMap(shownOperation),
    '  the log there:',
    ...near.flatMap((entry) => shownEntry(entry, operations, evidence)),
  ].join('\n');
};

/** What was written to an account while operations of it were under way. */
const entriesBetween = (
  entries: readonly Entry[],
  { byAccount, entryOf }: Evidence,
  own: readonly Operation[],
): readonly Entry[] => {
  const times = own.flatMap(({ attempts }) => attempts);
  const from = Math.min(...times.map(({ sentAt }) => sentAt));
  const to = Math.max(...times.map(({ answeredAt = Infinity }) => answeredAt));
  const during = new Set<Entry>();
  for (const operation of byAccount.get(own[0]?.account ?? '') ?? []) {
    const entry = entryOf(operation);
    if (entry === undefined) continue;
    for (const { sentAt, answeredAt = Infinity } of operation.attempts)
      if (answeredAt >= from && sentAt <= to) during.add(entry);
  }
  return entries.filter((entry) => during.has(entry)).slice(0, 2 * AROUND);
};

const shownOperation = ({ client, ask, attempts }: Operation): readonly string[] => [
  `  client ${client} asked to ${wordsOf(ask)}`,
  ...attempts.map(
    ({ api, sentAt, answeredAt, outcome }) =>
      `    at api ${api}, ${sentAt.toFixed(0)} to ${answeredAt?.toFixed(0) ?? '…'} ms: ${wordsFor(outcome)}`,
  ),
];

const shownEntry = (
  { key, events }: Entry,
  operations: readonly Operation[],
  { entryOf }: Evidence,
): readonly string[] => [
  ...events.map(
    ({ event: { type, at, data }, revision, position }) =>
      `    ${revision} at ${position}: ${type} by ${key}, ${new Date(at).toISOString()}${'held' in data ? `, balance ${data.balance}, held ${data.held}` : ''}`,
  ),
  ...operations
    .filter((operation) => operation.key === key && entryOf(operation) !== undefined)
    .flatMap(({ attempts }) =>
      attempts.map(
        ({ api, sentAt, answeredAt, outcome }) =>
          `        api ${api}, ${sentAt.toFixed(0)} to ${answeredAt?.toFixed(0) ?? '…'} ms: ${outcome?.is ?? 'no answer yet'}`,
      ),
    ),
];

const wordsOf = (ask: Ask): string =>
  JSON.stringify(ask, (_, part: unknown) =>
    typeof part === 'bigint' ? `${String(part)} micros` : part,
  );
