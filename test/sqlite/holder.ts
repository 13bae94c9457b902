/** A process that holds a store: prints `held` or the code of the refusal, then one number after each commit. */
import { writeSync } from "node:fs";
import { UmbradError } from "../../src/engine/errors.ts";
import { createStore, openStore } from "../../src/sqlite/open.ts";
import { about, bytes, newMessage, outboxRow, turn } from "../conformance/store/store-rows.ts";
import { plaintext, random } from "./temporary-store.ts";

const [mode, stateDir = ""] = process.argv.slice(2);

const say = (line: string | number): void => {
  writeSync(1, `${line}\n`);
};

try {
  const open = mode === "create" ? createStore : openStore;
  const store = await open({ stateDir, seal: plaintext, random });
  say("held");
  if (mode === "hold" || mode === "create") process.stdin.resume();
  let revision = store.conversation(0)?.revision ?? 0;
  for (; mode === "write" || mode === "write-groups"; ) {
    const groupSize = mode === "write" ? 1 : 8;
    const turns = Array.from({ length: groupSize }, (_, index) => {
      const name = `m${revision + index}`;
      return turn({
        expectedRevision: revision + index,
        state: bytes(`${revision + index + 1} `.repeat(100)),
        newMessages: [newMessage(name)],
        events: [about("message.queued", name)],
        outbox: [outboxRow(name)],
      });
    });
    for (const receipt of store.commitAll(turns)) if (receipt instanceof UmbradError) throw receipt;
    revision += groupSize;
    say(revision);
  }
} catch (error) {
  say(error instanceof UmbradError ? `${error.code} ${error.message}` : String(error));
  process.exitCode = 1;
}
