/** Where operators decide about what waits. */
import type { Commands } from "../commands.ts";
import type { Conversations } from "../conversations.ts";
import type { Ending } from "../expiry/ending.ts";
import { ExpiryDesk } from "../expiry/expiry-desk.ts";
import type { OutboxLoop } from "../loops/outbox.ts";
import type { ParkingLoop } from "../loops/parking.ts";
import type { Clock, Store } from "../ports.ts";
import { OutboxDesk } from "./outbox-desk.ts";
import { ParkedDesk } from "./parked-desk.ts";
import type { OperatorDesk } from "./port.ts";

/** Over the loops that carry what waits. */
export function openDesk(deps: {
  readonly store: Store;
  readonly clock: Clock;
  readonly commands: Commands;
  readonly outbox: OutboxLoop;
  readonly parking: ParkingLoop;
  readonly conversations: Conversations;
  readonly ending: Ending;
}): OperatorDesk {
  return {
    outbox: new OutboxDesk(deps),
    parked: new ParkedDesk(deps),
    expiry: new ExpiryDesk({ ...deps, onExpiry: () => deps.ending.wake() }),
  };
}
