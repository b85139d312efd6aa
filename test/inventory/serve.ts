/** An inventory in a process of its own, for tests that kill it: `serve.js FOLDER`. */
import { startInventory } from './support.js';

const { url } = await startInventory({ folder: process.argv[2]! });
process.send!({ url });
process.on('disconnect', () => process.exit(0));
