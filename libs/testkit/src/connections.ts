import { type ConnectionInjector, Server, type ServerCredentials } from '@grpc/grpc-js';
import { once } from 'node:events';
import { type AddressInfo, type Socket, createServer } from 'node:net';

const HOST = '127.0.0.1';
/** The server takes events of up to 16 MiB, and so does the client. */
const MESSAGE_BYTES_MAX = 17 * 1024 * 1024;

/** A gRPC server whose connections can be reset one by one. */
export class Connections {
  readonly #sockets = new Map<string, Socket>();
  readonly #listener = createServer({ noDelay: true }, (socket) => {
    this.#take(socket);
  });
  readonly #injector: ConnectionInjector;
  readonly server = new Server({ 'grpc.max_receive_message_length': MESSAGE_BYTES_MAX });

  constructor(credentials: ServerCredentials) {
    this.#injector = this.server.createConnectionInjector(credentials);
  }

  /** Listens on a port of this machine only, on any where it is 0, and resolves with it. */
  async listen(port: number): Promise<number> {
    this.#listener.listen(port, HOST);
    await once(this.#listener, 'listening');
    return (this.#listener.address() as AddressInfo).port;
  }

  /** Resets the connection of one peer, as gRPC calls it, or all of them. */
  cut(peer?: string): void {
    for (const [name, socket] of this.#sockets)
      if (peer === undefined || peer === name) socket.resetAndDestroy();
  }

  /** Resets all connections, and takes no more. */
  async close(): Promise<void> {
    const closed = once(this.#listener, 'close');
    this.#listener.close();
    this.cut();
    this.#injector.destroy();
    this.server.forceShutdown();
    await closed;
  }

  #take(socket: Socket): void {
    const peer = `${socket.remoteAddress ?? ''}:${String(socket.remotePort)}`;
    this.#sockets.set(peer, socket);
    socket.on('close', () => this.#sockets.delete(peer));
    // A client may go as it likes.
    socket.on('error', () => undefined);
    this.#injector.injectConnection(socket);
  }
}
