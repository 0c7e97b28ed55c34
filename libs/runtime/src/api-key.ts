import { hash, randomInt, timingSafeEqual } from 'node:crypto';

const LETTERS = '0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz';
const KEY_ID_CHARS = 12;
/** 40 letters of 62 are 238 bits. */
const SECRET_CHARS = 40;

const KEY = /^scrip_([0-9A-Za-z]{12})_([0-9A-Za-z]{32,64})$/;

/** The two parts of an API key, `scrip_<key id>_<secret>`: the id may be shown, the secret not. */
export type ApiKeyParts = Readonly<{ keyId: string; secret: string }>;

const draw = (count: number): string => {
  let text = '';
  for (let index = 0; index < count; index += 1) text += LETTERS.charAt(randomInt(LETTERS.length));
  return text;
};

/** Draws a new secret. */
export const newSecret = (): string => draw(SECRET_CHARS);

/** Draws a new key. */
export const newApiKey = (): ApiKeyParts => ({ keyId: draw(KEY_ID_CHARS), secret: newSecret() });

/** Writes a key as callers send it. */
export const formatApiKey = ({ keyId, secret }: ApiKeyParts): string => `scrip_${keyId}_${secret}`;

/** Reads a key; undefined where it is not one. */
export const parseApiKey = (text: string): ApiKeyParts | undefined => {
  const [, keyId, secret] = KEY.exec(text) ?? [];
  return keyId === undefined || secret === undefined ? undefined : { keyId, secret };
};

/** What is kept of a secret. A secret has 238 random bits, so a fast digest is as safe as a slow one. */
export const hashSecret = (secret: string): string => hash('sha256', secret, 'hex');

/** Whether a secret has this hash; takes the same time whatever the answer. */
export const matchesHash = (secret: string, expected: string): boolean => {
  const found = Buffer.from(hashSecret(secret));
  const wanted = Buffer.from(expected);
  return found.length === wanted.length && timingSafeEqual(found, wanted);
};
