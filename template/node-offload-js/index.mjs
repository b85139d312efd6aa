/** Entry of the container: runs the function in function/ by itself, on PORT (8080), against the store at STORE_URL. */
import { fileURLToPath } from 'node:url';
import { runFunction } from 'xylem/standalone';

await runFunction(fileURLToPath(new URL('./function', import.meta.url)), process.env);
