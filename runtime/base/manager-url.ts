/** Where a manager is found: it is a function of its node's gateway, so its routes stand below the function's path. */
import { FUNCTION_PREFIX } from './function-path.js';

/** Seed 003 has one function that takes every command of the protocol. */
export const MANAGER = 'session-offloading-manager';

const PATH = `${FUNCTION_PREFIX}${MANAGER}`;

/** @param gateway address of an OpenFaaS gateway, e.g. http://milan:8080 */
export function managerUrl(gateway: string): string {
  const base = gateway.replace(/\/+$/, '');
  return base.endsWith(PATH) ? base : base + PATH;
}

export function gatewayUrl(manager: string): string {
  return manager.endsWith(PATH) ? manager.slice(0, -PATH.length) : manager;
}

/** What the container of a function asks of the manager beside it. */
export const BESIDE = {
  here: '/peer/beside/here', locate: '/peer/beside/locate', url: '/peer/beside/url', shed: '/peer/beside/shed',
  retire: '/peer/beside/retire', sendHome: '/peer/beside/send-home', owes: '/peer/beside/owes',
} as const;
