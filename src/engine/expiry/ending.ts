/** Where the past ends, put together: of the event log and of messages. */
import { RetentionLoop } from "../loops/retention.ts";
import { ExpiryLoop } from "./expiry-loop.ts";

export class Ending {
  readonly #loops: readonly [RetentionLoop, ExpiryLoop];

  constructor(deps: ConstructorParameters<typeof RetentionLoop>[0]) {
    this.#loops = [new RetentionLoop(deps), new ExpiryLoop(deps)];
  }

  /** There may be something to delete. */
  wake(): void {
    for (const loop of this.#loops) loop.wake();
  }

  stop(): void {
    for (const loop of this.#loops) loop.stop();
  }
}
