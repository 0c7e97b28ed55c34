import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import type { User } from './access.js';
import type { CertificateFiles } from './certificate.js';
import type { Member } from './cluster-services.js';
import { DurableLog } from './durable-log.js';
import { Faults } from './faults.js';
import { HOST } from './gate.js';
import { type LogLimits, logLimits } from './kurrent-log.js';
import { KurrentNode } from './kurrent-node.js';

/** All of it is plain data, so that it can be handed to another process. */
export type KurrentModelOptions = Readonly<{
  /** Where the log is kept; in memory where there is none. */
  folder?: string;
  /** Whether an append is answered only after its sync to the disk; true, if not said. */
  sync?: boolean;
  /** How many nodes share the log; the first one leads. */
  nodes?: number;
  /** Their ports; any that are free, if not said. */
  ports?: readonly number[];
  /** The version that the server says it is of. */
  version?: string;
  /** Encrypts connections. Without it the client sends no credentials either. */
  tls?: CertificateFiles;
  /** Who may use it. Without a list everybody may do everything, as on a server in insecure mode. */
  users?: readonly User[];
  limits?: Partial<LogLimits>;
  /** Of the draws of faults that strike with a probability. */
  seed?: number;
  /** How often the server writes statistics of itself into the log, as a real one does; never, where it is 0. */
  statsEveryMs?: number;
}>;

/** How to connect: as whom, and whether by asking one address which nodes there are. */
export type ConnectionOptions = Readonly<{
  user?: Readonly<{ name: string; password: string }>;
  discover?: boolean;
}>;

const VERSION = '25.1.0';
const STATS_EVERY_MS = 30_000;
const NODES_MAX = 9;

/**
 * A protocol model of KurrentDB: the unmodified client talks to it over gRPC. It answers as the server's sources say that
 * the server would. It is no server, and what works with it is not proven to work with one.
 */
export class KurrentModel {
  readonly faults: Faults;
  readonly #store: DurableLog;
  readonly #nodes: readonly KurrentNode[];
  readonly #options: KurrentModelOptions;
  readonly #stats: NodeJS.Timeout | undefined;
  #version: string;
  #leader: number | undefined = 0;

  private constructor(
    options: KurrentModelOptions,
    store: DurableLog,
    identity: Readonly<{ key: Buffer; certificate: Buffer }> | undefined,
  ) {
    const { nodes = options.ports?.length ?? 1, statsEveryMs = STATS_EVERY_MS } = options;
    if (nodes < 1 || nodes > NODES_MAX) throw new Error(`A model has 1 to ${NODES_MAX} nodes`);
    this.faults = new Faults(options.seed);
    this.#options = options;
    this.#store = store;
    this.#version = options.version ?? VERSION;
    const around = {
      store,
      faults: this.faults,
      users: options.users,
      identity,
      appendBytesMax: options.limits?.appendBytesMax ?? logLimits.appendBytesMax,
      version: () => this.#version,
      members: () => this.#members(),
      leaderPort: () => this.#leaderNode()?.port,
    };
    this.#nodes = Array.from(
      { length: nodes },
      (_, index) => new KurrentNode(around, index, options.ports?.[index] ?? 0),
    );
    if (statsEveryMs > 0)
      this.#stats = setInterval(() => void this.writeStats(), statsEveryMs).unref();
  }

  static async start(options: KurrentModelOptions = {}): Promise<KurrentModel> {
    const { folder, sync = true, limits = {}, tls } = options;
    const identity =
      tls === undefined
        ? undefined
        : { key: await readFile(tls.keyFile), certificate: await readFile(tls.certificateFile) };
    const store = await DurableLog.open({
      ...(folder === undefined ? {} : { folder }),
      ...{ sync, limits },
    });
    const model = new KurrentModel(options, store, identity);
    try {
      for (const node of model.#nodes) await node.start();
      if (store.log.size === 0) await model.#writeFirstEvents();
      await model.writeStats();
      return model;
    } catch (error) {
      await model.close();
      throw error;
    }
  }

  get ports(): readonly number[] {
    return this.#nodes.map(({ port }) => port);
  }

  /** How many events the log has, those of the system included. */
  get size(): number {
    return this.#store.log.size;
  }

  /** What to give to the client. */
  connectionString(options: ConnectionOptions = {}): string {
    return connectionStringOf(this.ports, this.#options.tls, options);
  }

  /** The version that it says from now on. */
  setVersion(version: string): void {
    this.#version = version;
  }

  /** Makes a node the leader, or none. */
  elect(node: number | undefined): void {
    this.#leader = node;
  }

  /** A node loses its power. Where it was the leader there is none, until one is elected. */
  async stopNode(node: number): Promise<void> {
    await this.#nodes[node]?.stop();
  }

  /** The node is back on its port. */
  async startNode(node: number): Promise<void> {
    await this.#nodes[node]?.start();
  }

  /** Resets all connections. */
  cut(): void {
    for (const node of this.#nodes) node.cut();
  }

  /** Ends all subscriptions as if all was well. */
  endSubscriptions(): void {
    for (const node of this.#nodes) node.endSubscriptions();
  }

  /** Writes the statistics that a server writes of itself. */
  async writeStats(): Promise<void> {
    await this.#writeSystemEvent(`$stats-${HOST}:${String(this.ports[0])}`, '$statsCollected', {
      'proc-mem': process.memoryUsage.rss(),
    });
  }

  async close(): Promise<void> {
    clearInterval(this.#stats);
    for (const node of this.#nodes) await node.stop();
    await this.#store.close();
  }

  /** What a new database holds before anybody has used it. */
  async #writeFirstEvents(): Promise<void> {
    await this.#writeSystemEvent('$$$stats', '$metadata', { $maxAge: 86_400 });
    for (const name of ['admin', 'ops']) {
      await this.#writeSystemEvent(`$$$user-${name}`, '$metadata', { $acl: { $w: '$admins' } });
      await this.#writeSystemEvent(`$user-${name}`, '$UserCreated', { loginName: name });
    }
  }

  async #writeSystemEvent(stream: string, type: string, data: object): Promise<void> {
    const event = { id: randomUUID(), type, isJson: true, metadata: new Uint8Array(0) };
    const bytes = Buffer.from(JSON.stringify(data));
    await this.#store.append(stream, 'any', [{ ...event, data: bytes }]);
  }

  #leaderNode(): KurrentNode | undefined {
    const node = this.#leader === undefined ? undefined : this.#nodes[this.#leader];
    return node?.isUp === true ? node : undefined;
  }

  #members(): readonly Member[] {
    const leader = this.#leaderNode();
    return this.#nodes.map((node) => ({
      id: node.id,
      port: node.port,
      state: !node.isUp ? 'down' : node === leader ? 'leader' : 'follower',
    }));
  }
}

/** The address of nodes, as the client wants it. */
export const connectionStringOf = (
  ports: readonly number[],
  tls: CertificateFiles | undefined,
  { user, discover = false }: ConnectionOptions,
): string => {
  const credentials =
    user === undefined
      ? ''
      : `${encodeURIComponent(user.name)}:${encodeURIComponent(user.password)}@`;
  const [first = 0] = ports;
  const hosts = (discover ? [first] : ports).map((port) => `${HOST}:${port}`).join(',');
  const settings =
    tls === undefined
      ? 'tls=false'
      : `tls=true&tlsCAFile=${encodeURIComponent(tls.certificateFile)}`;
  return `esdb${discover ? '+discover' : ''}://${credentials}${hosts}?${settings}`;
};
