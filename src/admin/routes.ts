/** The whole admin API on one screen: method, path, who may call it, and what it does. Everything else is made of this. */
import { type Route, routeTable } from "./api/endpoint.ts";
import * as contact from "./endpoint/contact.ts";
import * as conversation from "./endpoint/conversation.ts";
import * as daemon from "./endpoint/daemon.ts";
import * as event from "./endpoint/event.ts";
import * as expiry from "./endpoint/expiry.ts";
import * as file from "./endpoint/file.ts";
import * as invite from "./endpoint/invite.ts";
import * as message from "./endpoint/message.ts";
import * as operator from "./endpoint/operator.ts";
import * as store from "./endpoint/store.ts";
import * as token from "./endpoint/token.ts";
import * as waiting from "./endpoint/waiting.ts";

export const routes: readonly Route[] = routeTable({
  "GET /livez": ["open", daemon.live],
  "GET /readyz": ["open", daemon.ready],
  "GET /metrics": ["token", daemon.metrics],
  "GET /v1/status": ["token", daemon.status],
  "GET /v1/health": ["token", daemon.health],
  "POST /v1/stop": ["admin", daemon.stop],
  "POST /v1/reload": ["admin", operator.reload],
  "GET /v1/log": ["admin", operator.log],
  "GET /v1/log/level": ["admin", operator.levels],
  "POST /v1/log/level": ["admin", operator.changeLevels],
  "DELETE /v1/log/level": ["admin", operator.resetLevels],

  "POST /v1/invites": ["admin", invite.create],
  "POST /v1/invites/public": ["admin", invite.publicLink],
  "POST /v1/invites/accept": ["admin", invite.accept],
  "GET /v1/invites": ["admin", invite.list],
  "GET /v1/invites/:id": ["admin", invite.show],
  "POST /v1/invites/:id/revoke": ["admin", invite.revoke],

  "GET /v1/contacts": ["read", contact.list],
  "GET /v1/contacts/:contact": ["read", contact.show],
  "PATCH /v1/contacts/:contact": ["admin", contact.rename],
  "POST /v1/contacts/:contact/block": ["admin", contact.block],
  "POST /v1/contacts/:contact/unblock": ["admin", contact.unblock],
  "GET /v1/contacts/:contact/safety-number": ["read", contact.safetyNumber],
  "POST /v1/contacts/:contact/verify": ["admin", contact.verify],
  "POST /v1/contacts/:contact/unverify": ["admin", contact.unverify],
  "GET /v1/requests": ["read", contact.requests],
  "POST /v1/requests/:request/accept": ["admin", contact.accept],
  "POST /v1/requests/:request/reject": ["admin", contact.reject],

  "GET /v1/conversations": ["read", conversation.list],
  "GET /v1/conversations/:conversation": ["read", conversation.show],
  "PATCH /v1/conversations/:conversation": ["admin", conversation.rename],
  "POST /v1/conversations/:conversation/leave": ["admin", conversation.leave],
  "GET /v1/conversations/:conversation/expiry": ["read", expiry.show],
  "PATCH /v1/conversations/:conversation/expiry": ["admin", expiry.set],
  "GET /v1/conversations/:conversation/messages": ["read", conversation.messages],
  "POST /v1/conversations/:conversation/files": ["send", file.send],

  "POST /v1/messages": ["send", message.send],
  "GET /v1/messages/:id": ["read", message.show],
  "GET /v1/messages/:id/content": ["read", file.content],
  "GET /v1/messages/:id/trace": ["read", message.trace],

  "GET /v1/outbox": ["read", waiting.outbox],
  "POST /v1/outbox/:id/retry": ["send", waiting.retryMessage],
  "POST /v1/outbox/:id/cancel": ["send", waiting.cancelMessage],
  "GET /v1/parked": ["read", waiting.parked],
  "POST /v1/parked/retry": ["admin", waiting.retryAllParked],
  "POST /v1/parked/:id/retry": ["admin", waiting.retryParked],
  "DELETE /v1/parked/:id": ["admin", waiting.dropParked],

  "GET /v1/events": ["read", event.list],
  "GET /v1/consumers": ["read", event.consumers],
  "POST /v1/consumers/:consumer/ack": ["read", event.acknowledge],
  "DELETE /v1/consumers/:consumer": ["admin", event.dropConsumer],

  "POST /v1/store/backup": ["owner", store.backup],
  "POST /v1/store/rekey": ["owner", store.rekey],

  "GET /v1/tokens": ["owner", token.list],
  "POST /v1/tokens": ["owner", token.create],
  "DELETE /v1/tokens/:token": ["owner", token.revoke],
});
