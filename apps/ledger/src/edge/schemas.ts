import { validationMetadatasToSchemas } from 'class-validator-jsonschema';

/** A JSON schema, as far as it is handled here: never looked into, only put together. */
export type JsonSchema = Readonly<Record<string, unknown>>;

/** The fields of a declared class, without the class. */
export type FieldsOf<T> = { readonly [K in keyof T]: T[K] };

/** A request or response class: the one declaration that validation, serialisation and reference are made from. */
export type DeclaredClass = abstract new () => object;

const REFERENCE = '#/components/schemas/';

let known: Readonly<Record<string, JsonSchema>> | undefined;

/** The schemas of all declared classes by name; complete once all their modules are loaded. */
export const declaredSchemas = (): Readonly<Record<string, JsonSchema>> => {
  known ??= Object.fromEntries(
    Object.entries(
      validationMetadatasToSchemas({
        refPointerPrefix: REFERENCE,
        additionalConverters: {
          parsed: ({ constraints }) => constraints[0] as Record<string, never>,
          nestedValidation: () => ({}),
        },
      }),
    ).map(([name, schema]) => [name, { ...schema, additionalProperties: false }]),
  );
  return known;
};

/** The schema of a class with the schemas it refers to put in place. */
export const schemaOf = ({ name }: DeclaredClass): JsonSchema => {
  const schema = declaredSchemas()[name];
  if (schema === undefined) throw new Error(`${name} declares no fields`);
  return inlined(schema) as JsonSchema;
};

const inlined = (schema: unknown): unknown => {
  if (Array.isArray(schema)) return schema.map(inlined);
  if (typeof schema !== 'object' || schema === null) return schema;
  const { $ref: reference, ...rest } = schema as Record<string, unknown>;
  const fields = Object.fromEntries(
    Object.entries(rest).map(([name, value]) => [name, inlined(value)]),
  );
  if (typeof reference !== 'string') return fields;
  const target = declaredSchemas()[reference.slice(REFERENCE.length)];
  return { ...(inlined(target) as object), ...fields };
};
