/** The Store suite over every Store there is. */
import { temporaryStore } from "../sqlite/temporary-store.ts";
import { storeConformance } from "./store.ts";

storeConformance("SQLite", () => temporaryStore());
