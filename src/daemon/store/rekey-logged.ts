/** Another passphrase for the state of the running daemon, which has its lock. */
import type { Log } from "../../engine/ports.ts";
import { rekey } from "../../sqlite/secret/rekey.ts";
import { systemClock } from "../clock.ts";

export async function rekeyLogged(
  { stateDir, log }: { readonly stateDir: string; readonly log: Log },
  passphrase: Uint8Array,
  next: Uint8Array,
): Promise<void> {
  await rekey({ stateDir, passphrase, next, random: systemClock.random });
  log.info({ event: "store.rekeyed", component: "store" }, "the state is sealed with another passphrase");
}
