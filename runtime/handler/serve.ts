/** `npm run function -- ./functions/shopping-cart`: runs one function by itself. */
import { keepTickShape } from '../base/tick-shape.js';
import { runFunction } from './standalone.js';

const source = process.argv[2];
if (source === undefined) {
  console.error('Name the folder of the function: npm run function -- ./functions/shopping-cart');
  process.exit(2);
}
keepTickShape();
await runFunction(source, process.env).catch((error: Error) => {
  console.error(error.message);
  process.exit(1);
});
