import { problems, protocolStatus } from '@scrip/runtime';

/** The page that the `type` of a problem leads to: every code, and what it means. */
export const errorPage = (): string => {
  const rows = Object.entries(problems)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(
      ([code, { kind, retryable, meaning }]) =>
        `<tr id="${code.toLowerCase()}"><td><code>${code}</code></td><td>${String(protocolStatus[kind].http)}</td>` +
        `<td>${retryable ? 'yes' : 'no'}</td><td>${escaped(meaning)}</td></tr>`,
    );
  return (
    '<!doctype html><html lang="en"><meta charset="utf-8"><title>Scrip: error codes</title>' +
    '<style>body{font:16px/1.5 sans-serif;margin:2rem auto;max-width:60rem}td,th{text-align:left;padding:.3rem .8rem;' +
    'vertical-align:top}:target{background:#ffd}</style><h1>Error codes</h1>' +
    `<table><tr><th>Code</th><th>Status</th><th>Retry helps</th><th>Meaning</th></tr>${rows.join('')}</table></html>`
  );
};

const escaped = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
