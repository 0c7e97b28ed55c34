import { type Credits, creditsToNumber } from '@scrip/kernel';
import { ValidateBy } from 'class-validator';
import { JSONSchema } from 'class-validator-jsonschema';
import { applyDecorators } from '@nestjs/common';
import type { JsonSchema } from './schemas.js';

/** A field of an answer, as its schema says. */
export const Shown = (schema: JsonSchema): PropertyDecorator =>
  applyDecorators(
    ValidateBy({ name: 'parsed', constraints: [schema], validator: { validate: () => true } }),
    JSONSchema({}),
  );

/** Credits in an answer: a number of at most six decimals. */
export const ShownCredits = (description?: string): PropertyDecorator =>
  Shown({
    type: 'number',
    ...(description === undefined ? {} : { description }),
    examples: [45.6],
  });

/** An instant in an answer. */
export const ShownInstant = (description?: string): PropertyDecorator =>
  Shown({
    type: 'string',
    format: 'date-time',
    ...(description === undefined ? {} : { description }),
    examples: ['2026-11-23T12:00:00.000Z'],
  });

/** Text in an answer. */
export const ShownText = (description?: string, example?: string): PropertyDecorator =>
  Shown({
    type: 'string',
    ...(description === undefined ? {} : { description }),
    ...(example === undefined ? {} : { examples: [example] }),
  });

/** A whole number in an answer. */
export const ShownWhole = (description?: string): PropertyDecorator =>
  Shown({ type: 'integer', ...(description === undefined ? {} : { description }) });

/** True or false in an answer. */
export const ShownFlag = (description?: string): PropertyDecorator =>
  Shown({ type: 'boolean', ...(description === undefined ? {} : { description }) });

/** The `success: true` of every answer that is one. */
export const ShownSuccess = (): PropertyDecorator => Shown({ type: 'boolean', const: true });

/** Free facts, as they were given. */
export const ShownObject = (): PropertyDecorator =>
  Shown({ type: 'object', additionalProperties: true });

const EXACT = BigInt(Number.MAX_SAFE_INTEGER);

/** Credits as a JSON number. */
export const numberOf = (credits: Credits): number =>
  // Up to there both sides of the quotient are exact, and so its nearest double is the amount's.
  credits <= EXACT && credits >= -EXACT ? Number(credits) / 1e6 : creditsToNumber(credits);
