/** Invite links. */
import { z } from "zod";
import * as answers from "../api/answers.ts";
import { endpoint } from "../api/endpoint.ts";
import * as schema from "../schema.ts";
import { inviteJson, rfc3339 } from "../views.ts";

export const create = endpoint({
  id: "createInvite",
  summary: "Make an invite link",
  body: schema.inviteBody,
  status: 201,
  answer: answers.invite,
  async handle({ engine, host, body }) {
    const made = await engine.createInvite({ uses: body.uses, expiresAtMs: host.now() + body.expiresInMs });
    const { link, id, uses, expiresAtMs } = made;
    return { link, id, uses, expires: rfc3339(expiresAtMs) };
  },
});

export const publicLink = endpoint({
  id: "publicLink",
  summary: "The link for everybody: who uses it waits for a decision",
  answer: answers.publicLink,
  async handle({ engine }) {
    const { link, expiresAtMs } = await engine.people.publicLink();
    return { link, expires: rfc3339(expiresAtMs) };
  },
});

export const list = endpoint({
  id: "invites",
  summary: "The links that were given out",
  answer: z.strictObject({ invites: z.array(answers.inviteRecord) }),
  handle: async ({ engine }) => ({ invites: (await engine.people.invites()).map(inviteJson) }),
});

export const show = endpoint({
  id: "invite",
  summary: "One link, and who has used it",
  params: schema.inviteParams,
  answer: answers.inviteRecord,
  handle: async ({ engine, params }) => inviteJson(await engine.people.invite(params.id)),
});

export const revoke = endpoint({
  id: "revokeInvite",
  summary: "Let nobody use a link any more",
  params: schema.inviteParams,
  answer: answers.inviteRecord,
  handle: async ({ engine, params }) => inviteJson(await engine.people.revokeInvite(params.id)),
});

export const accept = endpoint({
  id: "acceptInvite",
  summary: "Open the conversation that a link offers",
  body: schema.acceptBody,
  status: 201,
  answer: answers.accepted,
  handle({ engine, body: { link, text } }) {
    return engine.acceptInvite(text === undefined ? { link } : { link, text });
  },
});
