/** An object without its undefined fields: what is absent is no key, in events, in memory and in JSON. */
export const present = <T extends object>(
  fields: T,
): { [K in keyof T as undefined extends T[K] ? never : K]: T[K] } & {
  [K in keyof T as undefined extends T[K] ? K : never]?: Exclude<T[K], undefined>;
} => {
  const kept: Record<string, unknown> = {};
  for (const name in fields) if (fields[name] !== undefined) kept[name] = fields[name];
  // Only undefined fields are gone, which the type says.
  return kept as ReturnType<typeof present<T>>;
};
