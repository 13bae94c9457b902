/** The conversation types this daemon speaks, by name. */
import type { AnyConversationType } from "../conversation/contract.ts";
import { invariant, UmbradError } from "./errors.ts";

export interface Registry {
  /** Throws `conversation/unsupported-type` for a type that is stored but no longer registered. */
  type(name: string): AnyConversationType;
  names(): string[];
}

/** Two types of one name would read each other's state, so they refuse to start. */
export function createRegistry(types: readonly AnyConversationType[]): Registry {
  const byName = new Map<string, AnyConversationType>();
  for (const type of types) {
    invariant(
      /^[a-z0-9]{1,32}\/[a-z0-9]{1,32}$/.test(type.name),
      `conversation type name ${type.name} has no form "type/version"`,
    );
    if (byName.has(type.name)) {
      throw new UmbradError("conversation/duplicate-type", `two conversation types are named ${type.name}`);
    }
    byName.set(type.name, type);
  }
  return {
    type(name) {
      const type = byName.get(name);
      if (type === undefined) {
        throw new UmbradError("conversation/unsupported-type", `no conversation type ${name} is registered`, {
          hint: `registered are: ${[...byName.keys()].join(", ")}`,
        });
      }
      return type;
    },
    names: () => [...byName.keys()],
  };
}
