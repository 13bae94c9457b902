/** `npm run bench -- <name>`: measurements that claims in the documentation rest on. Not part of the tests. */

import { benchAdmin } from "./admin.ts";
import { benchCli } from "./cli.ts";
import { benchLog } from "./log.ts";
import { benchReceive } from "./receive.ts";
import { benchRoute } from "./route.ts";
import { benchWire } from "./wire.ts";

const benches: Readonly<Record<string, () => Promise<void>>> = {
  route: benchRoute,
  receive: benchReceive,
  log: benchLog,
  admin: benchAdmin,
  wire: benchWire,
  cli: benchCli,
};

const names = process.argv.slice(2);
const unknown = names.filter((name) => benches[name] === undefined);
if (names.length === 0 || unknown.length > 0) {
  console.error(`usage: npm run bench -- ${Object.keys(benches).join("|")} ...`);
  process.exitCode = 64;
} else {
  for (const name of names) {
    console.log(`# ${name}, Node ${process.version}`);
    await benches[name]?.();
  }
}
