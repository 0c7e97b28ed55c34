import { hash } from 'node:crypto';

/**
 * A digest of what a command asks for: the same for bodies that mean the same, whatever the order of their fields or
 * the spelling of their amounts, because it is taken from the request as it was parsed. Whether it is a dry run does
 * not count.
 */
export const requestHash = (
  route: string,
  parameters: Readonly<Record<string, string>>,
  body: object,
): string =>
  hash('sha256', `${route}\n${canonical(parameters)}\n${fieldsOf(body, 'dry_run')}`, 'hex');

/** JSON with sorted names; `undefined` fields are left out, and big integers are marked as such. */
const canonical = (value: unknown): string => {
  if (typeof value === 'bigint') return `${String(value)}n`;
  if (typeof value !== 'object' || value === null)
    return value === undefined ? 'null' : JSON.stringify(value);
  return Array.isArray(value) ? `[${value.map(canonical).join(',')}]` : fieldsOf(value);
};

const fieldsOf = (value: object, except?: string): string => {
  let fields = '';
  for (const name of Object.keys(value).sort()) {
    const field = (value as Readonly<Record<string, unknown>>)[name];
    if (field === undefined || name === except) continue;
    fields += `${fields === '' ? '' : ','}${JSON.stringify(name)}:${canonical(field)}`;
  }
  return `{${fields}}`;
};
