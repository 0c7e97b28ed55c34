import { hash } from 'node:crypto';

/**
 * A digest of what a command asks for: the same for bodies that mean the same, whatever the order of their fields or
 * the spelling of their amounts, because it is taken from the request as it was parsed.
 */
export const requestHash = (
  route: string,
  parameters: Readonly<Record<string, string>>,
  body: unknown,
): string => hash('sha256', `${route}\n${canonical(parameters)}\n${canonical(body)}`, 'hex');

/** JSON with sorted names; `undefined` fields are left out, and big integers are marked as such. */
const canonical = (value: unknown): string => {
  if (typeof value === 'bigint') return `${String(value)}n`;
  if (Array.isArray(value)) return `[${value.map(canonical).join(',')}]`;
  if (typeof value !== 'object' || value === null)
    return value === undefined ? 'null' : JSON.stringify(value);
  const fields: string[] = [];
  for (const [name, field] of Object.entries(value).sort(byName))
    if (field !== undefined) fields.push(`${JSON.stringify(name)}:${canonical(field)}`);
  return `{${fields.join(',')}}`;
};

const byName = ([a]: readonly [string, unknown], [b]: readonly [string, unknown]): number =>
  a < b ? -1 : 1;
