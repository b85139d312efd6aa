/** Stateless, and as little as a handler can do. */
export default function hello(): unknown {
  return { hello: 'world' };
}
