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
  switch (typeof value) {
    case 'bigint':
      return `${String(value)}n`;
    case 'string':
      return quoted(value);
    case 'undefined':
      return 'null';
    case 'object':
      if (value === null) return 'null';
      return Array.isArray(value) ? `[${value.map(canonical).join(',')}]` : fieldsOf(value);
    default:
      return JSON.stringify(value);
  }
};

const fieldsOf = (value: object, except?: string): string => {
  let fields = '';
  for (const name of namesOf(value)) {
    const field = (value as Readonly<Record<string, unknown>>)[name];
    if (field === undefined || name === except) continue;
    fields += `${fields === '' ? '' : ','}${quoted(name)}:${canonical(field)}`;
  }
  return `{${fields}}`;
};

const FEW = 16;

/** The names of an object's fields, sorted. Few are, as nearly always, put in order in place: `sort` copies them twice. */
const namesOf = (value: object): readonly string[] => {
  const names = Object.keys(value);
  if (names.length > FEW) return names.sort();
  for (let next = 1; next < names.length; next += 1)
    for (let at = next; at > 0; at -= 1) {
      const before = names[at - 1];
      const name = names[at];
      if (before === undefined || name === undefined || before <= name) break;
      names[at - 1] = name;
      names[at] = before;
    }
  return names;
};

/** ASCII that JSON writes as it is. */
const PLAIN = /^[ !#-[\]-~]*$/;

/** A text as JSON writes it. */
const quoted = (text: string): string => (PLAIN.test(text) ? `"${text}"` : JSON.stringify(text));
