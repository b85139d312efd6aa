import { readFile } from 'node:fs/promises';

/** Answers the secret that it was given, and says so. */
export default async function pages(request, { env, logger }) {
  if (request.path === '/hold') await new Promise((resolve) => setTimeout(resolve, Number(request.query.get('ms'))));
  logger.info(`asked for ${request.path}`);
  console.log('printed as well');
  return `${await readFile(`${env.secret_mount_path}/key`, 'utf8')} ${process.pid}`;
}
