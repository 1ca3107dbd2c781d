// What the checks share: their list, clients for the server's regions, and the
// file of results. ../run starts the server.

import { appendFileSync, readFileSync } from "node:fs";
import { KinesisClient } from "@aws-sdk/client-kinesis";
import { NodeHttpHandler } from "@smithy/node-http-handler";

// The regions of the server, by how their accounts behave.
export const INSTANT = "us-east-1";
export const PACED = "us-west-2";
export const LIMITED = "eu-west-1";
export const HASTY = "ap-southeast-2"; // a second lasts a hundred

export const SHARD0 = "shardId-000000000000";
export const SHARD1 = "shardId-000000000001";
export const SHARD2 = "shardId-000000000002";

const version = JSON.parse(
  readFileSync(new URL("./node_modules/@aws-sdk/client-kinesis/package.json", import.meta.url))).version;

// The SDK's own choice for Kinesis is HTTP/2, in cleartext with prior knowledge.
const protocols = [
  { name: "JSON, h2c", endpoint: process.env.WEIR_HTTP, signed: process.env.WEIR_SIGNED_HTTP },
  { name: "JSON, HTTP/2 TLS", endpoint: process.env.WEIR_HTTPS },
  { name: "JSON, HTTP/1.1", endpoint: process.env.WEIR_HTTP, signed: process.env.WEIR_SIGNED_HTTP,
    handler: () => new NodeHttpHandler() },
];

let accounts = 0;

/** A session is an account of its own, reached over one protocol. */
export class Session {
  constructor(protocol) {
    this.protocol = protocol;
    this.account = "4" + String(++accounts).padStart(11, "0");
    this.clients = [];
    this.kinesis = this.client(INSTANT);
  }

  client(region, more = {}) {
    const c = new KinesisClient({
      region, endpoint: this.protocol.endpoint, maxAttempts: 1,
      credentials: { accessKeyId: this.account, secretAccessKey: "secret" },
      ...(this.protocol.handler ? { requestHandler: this.protocol.handler() } : {}), ...more,
    });
    this.clients.push(c);
    return c;
  }

  send(command) {
    return this.kinesis.send(command);
  }

  close() {
    for (const c of this.clients) c.destroy();
  }
}

const checks = [];

export const operation = (name, run) => checks.push({ kind: "operation", name, run });
export const check = (name, run, more = {}) => checks.push({ kind: "check", name, run, ...more });

/** Runs all checks over all protocols, eight at a time, and sets the exit code. */
export async function main() {
  const queue = protocols.flatMap((protocol) => 
    checks.filter((c) => protocol.signed || !c.needsSigned).map((c) => ({ protocol, ...c })));
  const worker = async () => {
    for (let next; (next = queue.shift()); ) await one(next);
  };
  await Promise.all(Array.from({ length: 8 }, worker));
}

async function one({ protocol, kind, name, run }) {
  const session = new Session(protocol);
  let detail = "";
  try {
    await Promise.race([run(session), deadline()]);
  } catch (e) {
    detail = String(e).slice(0, 300) || "failed";
    console.error(`FAIL ${protocol.name}: ${name}\n`, e);
    process.exitCode = 1;
  } finally {
    session.close();
  }
  const line = { client: "AWS SDK for JavaScript v3", version: `client-kinesis ${version}`, protocol: protocol.name,
    [kind]: name, pass: !detail, detail };
  appendFileSync(process.env.WEIR_RESULTS, JSON.stringify(line) + "\n");
}

const deadline = () => new Promise((_, reject) => setTimeout(() => reject(new Error("took more than two minutes")), 120_000).unref());
