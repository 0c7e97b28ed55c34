/** What the adapter never goes beyond, and the times that its promises rest on. */
export const mongoLimits = {
  /** Documents written by one command. */
  writesPerCommand: 500,
  /** Commands of one `save` under way at a time. */
  commandsAtOnce: 4,
  /** Ids asked for by one command. */
  idsPerCommand: 1_000,
  /** Connections of this process. */
  poolMax: 32,
  /** How long a server is looked for, a connection waited for or opened, and an answer waited for. */
  selectMs: 5_000,
  poolWaitMs: 5_000,
  connectMs: 5_000,
  answerMs: 10_000,
  /** How long a write waits for a majority of the replica set. */
  majorityMs: 8_000,
  /** How long a reader goes without asking which build is live: so late it may notice that another took its place. */
  liveKnownMs: 1_000,
  /** How long after asking an answer still counts, and how long at least a build stays after another took its place. */
  answerCountsMs: 30_000,
  formerKeptMs: 60_000,
  /** How often a read starts over because too long had passed. */
  rereadsMax: 3,
  /** How long the removal of a document is remembered: a writer that was halted for longer could bring it back. */
  removalsKeptMs: 24 * 3_600_000,
  /** Removals forgotten at a time, and the pause between two rounds of tidying up. */
  removalsPerRound: 10_000,
  tidyMs: 60_000,
  /** How often the start of a build is tried while others start theirs. */
  beginsMax: 5,
  /** How often the making of indexes is tried. */
  indexTriesMax: 3,
  /** How often rows are sent again because some of them were there. */
  rowTriesMax: 5,
} as const;

export type MongoLimits = { readonly [K in keyof typeof mongoLimits]: number };
