import { type IncomingHttpHeaders, type ServerResponse, createServer } from 'node:http';
import { type AddressInfo } from 'node:net';

/** A request as the scripted ledger received it. */
type Received = Readonly<{
  method: string;
  url: string;
  headers: IncomingHttpHeaders;
  body: unknown;
}>;

/** How the scripted ledger answers one request. */
export type Reply = (response: ServerResponse, received: Received) => void;

/** A server that answers its requests with the replies it was given, in turn; the last one repeats. */
export type ScriptedLedger = Readonly<{
  url: string;
  received: readonly Received[];
  script: (...replies: readonly Reply[]) => void;
  stop: () => Promise<void>;
}>;

/** Starts a scripted ledger on a free port of this machine. */
export const startScriptedLedger = async (): Promise<ScriptedLedger> => {
  const received: Received[] = [];
  let replies: readonly Reply[] = [json(200, {})];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on('data', (chunk: Buffer) => chunks.push(chunk));
    request.on('end', () => {
      const text = Buffer.concat(chunks).toString();
      const { method = '', url = '', headers } = request;
      const body: unknown = text === '' ? undefined : JSON.parse(text);
      const entry = { method, url, headers, body };
      received.push(entry);
      const [reply = json(200, {}), ...rest] = replies;
      if (rest.length > 0) replies = rest;
      reply(response, entry);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  // A server that listens on a port has an address of this type.
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    received,
    script: (...next) => {
      received.length = 0;
      replies = next;
    },
    stop: () =>
      new Promise((resolve) => {
        server.close(() => {
          resolve();
        });
        server.closeAllConnections();
      }),
  };
};

/** Answers with JSON. */
export const json =
  (status: number, body: object, headers: Readonly<Record<string, string>> = {}): Reply =>
  (response) => {
    response.writeHead(status, { 'content-type': 'application/json', ...headers });
    response.end(JSON.stringify(body));
  };

/** Answers as the ledger does when it refuses. */
export const problem = (
  status: number,
  code: string,
  headers: Readonly<Record<string, string>> = {},
): Reply =>
  json(
    status,
    { type: 'about:blank', status, code, message: `Refused: ${code}`, request_id: 'req_1' },
    headers,
  );

/** Closes the connection without an answer. */
export const hangUp: Reply = (response) => {
  response.destroy();
};

/** Never answers. */
export const stayMute: Reply = () => undefined;
