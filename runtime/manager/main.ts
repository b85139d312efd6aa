/** The program: everything from the environment and the secret files, as in a container. Ends at SIGTERM or SIGINT. */
import { keepTickShape } from '../base/tick-shape.js';
import { configFromEnvironment } from '../model/environment.js';
import { startManager } from './manager.js';

async function main(): Promise<void> {
  keepTickShape();
  const config = configFromEnvironment(process.env);
  const { url } = config;
  if (!url) throw new Error('NODE_URL is missing: the address of this node\'s OpenFaaS gateway, by which the other nodes reach it.');
  const manager = await startManager({ ...config, url });
  let ending: Promise<void> | undefined;
  const end = () => {
    ending ??= manager.close().then(() => process.exit(0), () => process.exit(1));
  };
  process.on('SIGTERM', end);
  process.on('SIGINT', end);
}

await main().catch((error: Error) => {
  console.error(error.message);
  process.exit(1);
});
