// Makes the replica set and the ledger's user, where they are missing; run by mongosh. Can be run again.
const SET = 'scrip';
const MEMBERS = ['mongodb-1:27017', 'mongodb-2:27017', 'mongodb-3:27017'];
const DATABASE = 'scrip';
const USER = 'ledger';
/** How long an election may take. */
const TRIES_MAX = 60;
const PAUSE_MS = 1000;

const given = (name) => {
  const value = process.env[name];
  if (!value) throw new Error(`${name} is not set`);
  return value;
};

const connected = (hosts, options) =>
  connect(
    `mongodb://root:${encodeURIComponent(given('MONGODB_ROOT_PASSWORD'))}@${hosts}/admin?authSource=admin&${options}`,
  );

const makeSet = () => {
  const first = connected(MEMBERS[0], 'directConnection=true');
  try {
    first.adminCommand({ replSetGetStatus: 1 });
  } catch (error) {
    if (error.codeName !== 'NotYetInitialized') throw error;
    const members = MEMBERS.map((host, _id) => ({ _id, host }));
    first.adminCommand({ replSetInitiate: { _id: SET, members } });
    print(`The replica set ${SET} is made`);
  }
};

const giveUser = () => {
  const ledger = connected(MEMBERS.join(','), `replicaSet=${SET}`).getSiblingDB(DATABASE);
  const rights = {
    pwd: given('MONGODB_LEDGER_PASSWORD'),
    roles: [{ role: 'readWrite', db: DATABASE }],
  };
  if (ledger.getUser(USER) === null) ledger.createUser({ user: USER, ...rights });
  else ledger.updateUser(USER, rights);
  print(`MongoDB knows the user ${USER}`);
};

const tried = (run) => {
  for (let attempt = 1; ; attempt += 1)
    try {
      // Not `return run()`: mongosh makes promises of calls, and waits for this one only as a statement of its own.
      run();
      return;
    } catch (error) {
      print(`Try ${attempt} of ${TRIES_MAX}: ${error.message}`);
      if (attempt === TRIES_MAX) quit(1);
      sleep(PAUSE_MS);
    }
};

tried(makeSet);
tried(giveUser);
