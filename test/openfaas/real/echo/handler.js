/** Says back what it is told, and that it did. */
export default function echo(request, { logger }) {
  logger.info('said');
  return request.text();
}
