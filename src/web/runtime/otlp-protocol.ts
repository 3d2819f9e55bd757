import type { Root, Type } from "protobufjs";
import type { Signal } from "./otlp-conventions.ts";
import messages from "./otlp-messages.json" with { type: "json" };
import { parsedJson } from "./request.ts";

export const contentTypes = ["application/json", "application/x-protobuf"] as const;
export type Protocol = (typeof contentTypes)[number];

/** The export request as OTLP/JSON names its fields, from either protocol; undefined where it is none. */
export async function readRequest(
  protocol: Protocol,
  signal: Signal,
  body: Uint8Array | undefined,
): Promise<Readonly<Record<string, unknown>> | undefined> {
  if (body === undefined) return undefined;
  const request = protocol === "application/json" ? parsedJson(body) : await decoded(signal.request, body);
  if (typeof request !== "object" || request === null || Array.isArray(request)) return undefined;
  const groups = (request as Readonly<Record<string, unknown>>)[signal.groups];
  return groups === undefined || Array.isArray(groups) ? (request as Readonly<Record<string, unknown>>) : undefined;
}

/** ExportTraceServiceResponse or ExportLogsServiceResponse; `partialSuccess` stands there only where something was rejected. */
export async function writeResponse(protocol: Protocol, signal: Signal, rejected: number, errorMessage: string): Promise<Uint8Array> {
  const answer = rejected === 0 ? {} : { partialSuccess: { [signal.rejected]: rejected, errorMessage } };
  if (protocol === "application/json") return Buffer.from(JSON.stringify(answer));
  const type = await typeOf(signal.response);
  return type.encode(type.fromObject(answer)).finish();
}

/** google.rpc.Status, as the specification asks of every refusal. `code` is gRPC's number for the HTTP status. */
export async function writeFailure(protocol: Protocol, status: number, message: string): Promise<Uint8Array> {
  const codes: Readonly<Record<number, number>> = { 400: 3, 401: 16, 413: 8, 415: 3, 422: 3, 429: 8, 503: 14 };
  const answer = { code: codes[status] ?? 2, message };
  if (protocol === "application/json") return Buffer.from(JSON.stringify(answer));
  const type = await typeOf("google.rpc.Status");
  return type.encode(type.fromObject(answer)).finish();
}

/** Bytes become base64, 64-bit numbers text, as OTLP/JSON has them. The library bounds how deep messages may nest. */
async function decoded(name: string, body: Uint8Array): Promise<unknown> {
  const type = await typeOf(name);
  try {
    return type.toObject(type.decode(body), { longs: String, bytes: String, enums: Number });
  } catch {
    return undefined;
  }
}

let root: Root | undefined;

/** Loaded with the first call in protobuf. The messages are those of opentelemetry-proto 1.11.0, without comments and options. */
async function typeOf(name: string): Promise<Type> {
  if (root === undefined) {
    const protobuf = (await import("protobufjs/light.js")).default;
    root = protobuf.Root.fromJSON(messages);
  }
  return root.lookupType(name);
}
