/** `umbrad invite …`. */
import type { AcceptedView, InviteView } from "../../admin/views.ts";
import { readStdin } from "../input.ts";
import type { Session } from "../session.ts";

export async function create({ admin, output }: Session, options: { uses?: number; expires?: number }): Promise<void> {
  const { uses, expires } = options;
  const invite = await (await admin()).post<InviteView>("/v1/invites", {
    ...(uses === undefined ? {} : { uses }),
    ...(expires === undefined ? {} : { expiresInMs: expires }),
  });
  output.answer(invite, invite.link);
  // On stderr, so that a pipe gets the link and nothing else.
  const times = invite.uses === 1 ? "once" : `${invite.uses} times`;
  output.note(`It can be used ${times}, until ${invite.expires}. The other side types: umbrad invite accept LINK`);
}

/** A link has a few hundred bytes. */
const linkBytesMax = 64 * 1024;

export async function accept({ admin, output }: Session, link: string, options: { message?: string }): Promise<void> {
  const text = link === "-" ? (await readStdin(linkBytesMax)).trim() : link;
  const { message } = options;
  const body = message === undefined ? { link: text } : { link: text, text: message };
  const accepted = await (await admin()).post<AcceptedView>("/v1/invites/accept", body);
  output.answer(accepted, accepted.conversation);
  output.note(`Say something: umbrad send ${accepted.conversation} TEXT`);
}
