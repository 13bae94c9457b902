/** The Store suite over every Store there is. */
import { memoryDisk } from "../../sqlite/memory-store.ts";
import { random, temporaryStore } from "../../sqlite/temporary-store.ts";
import { storeConformance } from "./store.ts";

storeConformance("SQLite", () => temporaryStore());
storeConformance("SQLite in memory", async () => {
  const disk = memoryDisk(random);
  return { store: disk.open(), reopen: async () => disk.open(), dispose: () => disk.dispose() };
});
