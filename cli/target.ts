/** Which domain a command speaks to: the one of a state folder, or whatever stands behind a gateway's URL. */
import type { Command } from 'commander';
import { readSecret } from '../runtime/base/credentials.js';
import { Client } from './client.js';
import { CliFailure, EXIT, reasonOfFile, wrongUsage } from './failure.js';
import { spelled } from './product.js';
import { ADMIN_USER, DEFAULT_STATE, type KnownNode, readRecord, stateFolder } from './state.js';

export interface TargetOptions {
  domain?: string;
  gateway?: string;
  passwordFile?: string;
  json?: boolean;
}

export interface Target {
  client: Client;
  /** Depth first, the root first. */
  nodes: KnownNode[];
  oracleUrl?: string;
}

interface Described {
  name: string;
  level: string;
  url: string;
  children: { name: string; url: string }[];
}

/** Adds the options that every command has which speaks to a domain. */
export function withTarget(command: Command): Command {
  return command
    .option('--domain <folder>', `state folder of the domain (default: ${DEFAULT_STATE})`)
    .option('--gateway <url>', 'any node of the domain, instead of a state folder')
    .option('--password-file <file>', 'file with the admin\'s password (default: the domain\'s own; or ADMIN_PASSWORD)')
    .option('--json', 'print JSON');
}

export async function findTarget(options: TargetOptions): Promise<Target> {
  if (options.gateway !== undefined) return throughGateway(options.gateway, options);
  const state = stateFolder(options.domain ?? DEFAULT_STATE);
  const record = await readRecord(state);
  if (!record) {
    throw new CliFailure(`no domain has been started in ${state.path}: start one with ${spelled('domain up')}, or name a node with --gateway URL`, EXIT.unreachable);
  }
  const password = await passwordOf({ ...options, fallback: record.passwordFile });
  return { client: new Client({ user: record.adminUser, password }), nodes: record.nodes, oracleUrl: record.oracleUrl };
}

async function throughGateway(gateway: string, options: TargetOptions): Promise<Target> {
  if (!URL.canParse(gateway) || !/^https?:$/.test(new URL(gateway).protocol)) throw wrongUsage(`--gateway ${gateway} is no http address, such as http://127.0.0.1:8080`);
  const client = new Client({ user: ADMIN_USER, password: await passwordOf(options) });
  return { client, nodes: await walk(client, gateway) };
}

/** A node and everything below it that answers. */
async function walk(client: Client, url: string, parent?: string): Promise<KnownNode[]> {
  const { name, level, children } = await client.json<Described>(url, 'GET', '/api/v1/node');
  const below = await Promise.all(children.map((child) => walk(client, child.url, name).catch((error: unknown) => {
    if (error instanceof CliFailure && error.exitCode === EXIT.unreachable) return [{ name: child.name, level: '', url: child.url, parent: name }];
    throw error;
  })));
  return [{ name, level, url: url.replace(/\/+$/, ''), ...(parent !== undefined && { parent }) }, ...below.flat()];
}

async function passwordOf({ passwordFile, fallback }: TargetOptions & { fallback?: string }): Promise<string> {
  if (passwordFile !== undefined) return secretOf(passwordFile);
  const { ADMIN_PASSWORD: fromEnvironment } = process.env;
  if (fromEnvironment) return fromEnvironment;
  if (fallback !== undefined) return secretOf(fallback);
  throw wrongUsage('the admin\'s password is needed: --password-file FILE, or the environment variable ADMIN_PASSWORD');
}

async function secretOf(file: string): Promise<string> {
  return readSecret(file).catch((error: Error) => {
    throw wrongUsage(`the password file cannot be read: ${reasonOfFile(error, file)}`);
  });
}

/** A node by its name; the root when there is none given. */
export function nodeNamed(target: Target, name: string | undefined): KnownNode {
  const node = name === undefined ? target.nodes[0] : target.nodes.find((each) => each.name === name);
  if (node) return node;
  throw new CliFailure(`there is no node ${name ?? 'at all'} in this domain; its nodes: ${target.nodes.map((each) => each.name).join(', ') || 'none'}`);
}
