import { Refusal } from '@scrip/kernel';
import { Ajv, type AnySchema, type ErrorObject, type SchemaValidateFunction } from 'ajv';
import type { FastifySchemaCompiler } from 'fastify';
import { Unparsable } from './amounts.js';
import { codeOfParser, parsers } from './fields.js';
import type { JsonSchema } from './schemas.js';

/** How many faults of one request an answer names. */
const FAULTS_MAX = 20;

/** Reads a field in place: what comes after sees a `bigint` for an amount and milliseconds for an instant. */
const readInPlace: SchemaValidateFunction = (parser: string, value, _, place) => {
  try {
    const read = parsers[parser]?.(value);
    // The place is a field of the request, whatever its name.
    if (place !== undefined)
      (place.parentData as Record<string | number, unknown>)[place.parentDataProperty] = read;
    return true;
  } catch (error) {
    if (!(error instanceof Unparsable)) throw error;
    const { message, code = codeOfParser(parser) } = error;
    readInPlace.errors = [{ keyword: 'x-parse', message, params: { code } }];
    return false;
  }
};

const ajvWith = (): Ajv => {
  const ajv = new Ajv({
    allErrors: true,
    strict: false,
    validateFormats: false,
  });
  ajv.addKeyword({
    keyword: 'x-parse',
    schemaType: 'string',
    modifying: true,
    errors: true,
    validate: readInPlace,
  });
  return ajv;
};

/** A parsed field is judged by its parser alone: what stands beside `x-parse` is for the reference. */
const withoutBeside = (schema: unknown): unknown => {
  if (Array.isArray(schema)) return schema.map(withoutBeside);
  if (typeof schema !== 'object' || schema === null) return schema;
  if ('x-parse' in schema) return { 'x-parse': schema['x-parse'] };
  return Object.fromEntries(
    Object.entries(schema).map(([name, inner]) => [name, withoutBeside(inner)]),
  );
};

/** Compiles the schema of a route's part into its validation, once, at start. */
export const createSchemaCompiler = (): FastifySchemaCompiler<JsonSchema> => {
  const ajv = ajvWith();
  return ({ schema, httpPart }) => {
    const part = httpPart ?? 'body';
    const validate = ajv.compile(withoutBeside(schema) as AnySchema);
    return (data: unknown) => {
      // Fastify says null where there is none: a command without fields needs no body.
      const value = data ?? {};
      if (part === 'querystring') readTexts(schema, value as Record<string, unknown>);
      return validate(value) ? { value } : { error: refusalOf(part, validate.errors ?? []) };
    };
  };
};

const WHOLE = /^-?\d{1,16}$/;

/** Text is all that addresses have: what a field says is a number or a flag is read as one, in its plain form only. */
const readTexts = ({ properties = {} }: JsonSchema, fields: Record<string, unknown>): void => {
  for (const [name, value] of Object.entries(fields)) {
    if (typeof value !== 'string') continue;
    const { type } = (properties as Readonly<Record<string, JsonSchema | undefined>>)[name] ?? {};
    if (type === 'integer' && WHOLE.test(value)) fields[name] = Number(value);
    if (type === 'boolean' && (value === 'true' || value === 'false'))
      fields[name] = value === 'true';
  }
};

const refusalOf = (part: string, errors: readonly ErrorObject[]): Refusal => {
  const faults = errors.slice(0, FAULTS_MAX).map(faultOf);
  const [first] = faults;
  const codes = new Set(faults.map(({ code }) => code));
  const code = codes.size === 1 && first !== undefined ? first.code : 'MALFORMED_REQUEST';
  const described = faults.map(({ field, message }) => `${field} ${message}`);
  return new Refusal(
    code,
    `The ${NAMES[part] ?? part} is not as declared: ${described.join('; ')}.`,
    {
      fields: [...new Set(faults.map(({ field }) => field))],
      faults: described,
    },
  );
};

const NAMES: Readonly<Record<string, string>> = {
  body: 'body',
  params: 'address',
  querystring: 'query',
};

type Fault = Readonly<{ code: string; field: string; message: string }>;

const faultOf = ({ keyword, instancePath, params, message = 'is wrong' }: ErrorObject): Fault => {
  const place = instancePath.slice(1).replaceAll('/', '.');
  const within = (name: unknown): string =>
    place === '' ? String(name) : `${place}.${String(name)}`;
  const { additionalProperty, missingProperty, allowedValues, code } = params;
  switch (keyword) {
    case 'x-parse':
      return { code: String(code), field: place, message };
    case 'additionalProperties':
      return {
        code: 'UNKNOWN_FIELD',
        field: within(additionalProperty).slice(0, 100),
        message: 'is not a declared field',
      };
    case 'required':
      return { code: 'MALFORMED_REQUEST', field: within(missingProperty), message: 'is missing' };
    case 'enum':
      return {
        code: 'MALFORMED_REQUEST',
        field: place,
        message: `must be one of ${(allowedValues as readonly unknown[]).join(', ')}`,
      };
    default:
      return { code: 'MALFORMED_REQUEST', field: place === '' ? 'body' : place, message };
  }
};
