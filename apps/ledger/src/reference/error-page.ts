import { problems, protocolStatus } from '@scrip/runtime';

/** The page that the `type` of a problem leads to: every code, and what it means. */
export const errorPage = (): string => {
  const rows = Object.entries(problems)
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(
      ([code, { kind, retryable, meaning }]) =>
        `<tr id="${code.toLowerCase()}"><td><code>${code}</code></td><td>${String(protocolStatus[kind].http)}</td>` +
        `<td>${retryable ? 'yes' : 'no'}</td><td>${shown(meaning)}</td></tr>`,
    );
  return (
    '<!doctype html><html lang="en"><meta charset="utf-8">' +
    '<meta name="viewport" content="width=device-width, initial-scale=1"><title>Scrip: error codes</title>' +
    '<style>body{font:16px/1.5 sans-serif;margin:2rem auto;max-width:64rem;padding:0 1rem}table{border-collapse:collapse}' +
    'td,th{text-align:left;padding:.4rem .8rem;vertical-align:top;border-bottom:1px solid #ddd}th{white-space:nowrap}' +
    'code{font-size:.9em}:target{background:#ffd}</style><h1>Error codes</h1>' +
    '<p>Every answer that is no success is <code>application/problem+json</code> with its <code>code</code>. Where a retry ' +
    'helps, send the same request again with the same <code>Idempotency-Key</code>. The routes are in the ' +
    '<a href="/docs">API reference</a>.</p>' +
    `<table><tr><th>Code</th><th>Status</th><th>Retry helps</th><th>Meaning</th></tr>${rows.join('')}</table></html>`
  );
};

/** Text with its `code` marked up. */
const shown = (text: string): string => escaped(text).replaceAll(/`([^`]*)`/g, '<code>$1</code>');

const escaped = (text: string): string =>
  text.replaceAll('&', '&amp;').replaceAll('<', '&lt;').replaceAll('>', '&gt;');
