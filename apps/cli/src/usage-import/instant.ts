const DATE_TIME =
  /^(\d{4}-\d{2}-\d{2})[T ](\d{2}:\d{2}:\d{2})(?:[.,](\d{1,9}))?\s?(Z|[+-]\d{2}:?\d{2})?$/i;

/**
 * Reads a time as usage logs write it, and gives an ISO 8601 instant in UTC: a date and time of day, with up to
 * nine decimals (what is finer than a millisecond is cut off); without a zone it is UTC. Undefined where it is none.
 */
export const parseInstant = (text: string): string | undefined => {
  const match = DATE_TIME.exec(text);
  if (match === null) return undefined;
  const [, day = '', time = '', fraction = '', zone = 'Z'] = match;
  const local = new Date(`${day}T${time}.${fraction.slice(0, 3).padEnd(3, '0')}Z`);
  // A date that does not exist, such as 30 February, is read as another one.
  if (Number.isNaN(local.getTime()) || !local.toISOString().startsWith(`${day}T${time}`))
    return undefined;
  return new Date(local.getTime() - offsetMs(zone)).toISOString();
};

const offsetMs = (zone: string): number => {
  if (zone.toUpperCase() === 'Z') return 0;
  const digits = zone.replace(/\D/g, '');
  const minutes = Number(digits.slice(0, 2)) * 60 + Number(digits.slice(2));
  return (zone.startsWith('-') ? -minutes : minutes) * 60_000;
};
