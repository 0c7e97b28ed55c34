import { DateTime, IANAZone } from 'luxon';

/** A moment in UTC: whole milliseconds since 1970. Stored and shown as an ISO 8601 string. */
export type Instant = number;

const ISO = /^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(?:\.\d{1,3})?Z$/;

let lastInstant = Number.NaN;
let lastText = '';

/** Writes an instant as ISO 8601 in UTC, with milliseconds. */
export const formatInstant = (instant: Instant): string => {
  // A batch of events shares its instant, so the last text is nearly always the wanted one.
  if (instant !== lastInstant) {
    lastText = new Date(instant).toISOString();
    lastInstant = instant;
  }
  return lastText;
};

/** Reads an ISO 8601 instant in UTC (`Z`); undefined where it is not one. */
export const parseInstant = (text: string): Instant | undefined => {
  if (text === lastText) return lastInstant;
  if (!ISO.test(text)) return undefined;
  const instant = Date.parse(text);
  return Number.isNaN(instant) ? undefined : instant;
};

/** A calendar month (or day) of an account's time zone: its name (`2026-11`) and the instants it spans. */
export type Month = Readonly<{ name: string; start: Instant; end: Instant }>;

const months = new Map<string, Month>();

/** The month that an instant falls in, by the clocks of an IANA time zone; the end is exclusive. */
export const monthOf = (instant: Instant, timeZone: string): Month => {
  const known = months.get(timeZone);
  if (known !== undefined && instant >= known.start && instant < known.end) return known;
  const now = DateTime.fromMillis(instant, { zone: timeZone });
  const month: Month = {
    name: now.toFormat('yyyy-MM'),
    start: beginOf(now.startOf('month')),
    end: beginOf(now.plus({ months: 1 }).startOf('month')),
  };
  months.set(timeZone, month);
  return month;
};

const days = new Map<string, Month>();

/** The calendar day (`2026-11-23`) that an instant falls in, by the clocks of an IANA time zone. */
export const dayOf = (instant: Instant, timeZone: string): string => {
  const known = days.get(timeZone);
  if (known !== undefined && instant >= known.start && instant < known.end) return known.name;
  const now = DateTime.fromMillis(instant, { zone: timeZone });
  const name = now.toFormat('yyyy-MM-dd');
  // Not start plus a day: a day may begin at 01:00 and be of 23 or 25 hours.
  const end = beginOf(now.plus({ days: 1 }).startOf('day'));
  days.set(timeZone, { name, start: beginOf(now.startOf('day')), end });
  return name;
};

/** The first instant of a calendar day, by the clocks of an IANA time zone; undefined for what is no day. */
export const startOfDay = (day: string, timeZone: string): Instant | undefined => {
  const start = DateTime.fromFormat(day, 'yyyy-MM-dd', { zone: timeZone });
  return start.isValid ? beginOf(start.startOf('day')) : undefined;
};

/** The instant at which a day begins, given luxon's: where clocks go back to midnight, that may be the second one. */
const beginOf = (midnight: DateTime): Instant => {
  const before = midnight.minus({ hours: 1 });
  return (before.day === midnight.day ? before : midnight).toMillis();
};

/** Whether a name is an IANA time zone that this runtime knows. */
export const isTimeZone = (name: string): boolean => IANAZone.isValidZone(name);
