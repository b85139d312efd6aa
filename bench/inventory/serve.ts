/** An inventory by itself in a process of its own: `serve.js FOLDER PASSWORD`. Prints its URL when it answers. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { createInventory } from '../../oracle/inventory/create-inventory.js';
import { systemClock } from '../../runtime/base/clock.js';
import { systemIds } from '../../runtime/base/ids.js';
import { silentLog } from '../../runtime/base/log.js';

const [folder, password] = process.argv.slice(2) as [string, string];
const inventory = await createInventory({ folder, settings: {}, credentials: { user: 'admin', password }, clock: systemClock, ids: systemIds, log: silentLog });
const server = createServer((request, response) => inventory.serve(request, response));
server.listen(0, '127.0.0.1', () => console.log(`http://127.0.0.1:${(server.address() as AddressInfo).port}`));
