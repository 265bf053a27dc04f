import { createServer } from 'node:http';
import { Pool } from 'pg';

/**
 * Lower bound for the cost of a webhook: bare node:http, one insert per request over ten connections, response after the
 * commit, no validation.
 */
const pool = new Pool({ connectionString: process.argv[2] ?? '', max: 10 });

const server = createServer((request, response) => {
  const chunks: Buffer[] = [];
  request.on('data', (chunk: Buffer) => chunks.push(chunk));
  request.on('end', () => {
    const body = Buffer.concat(chunks).toString();
    const { company_id: companyId } = JSON.parse(body) as { company_id: number };
    pool.query('insert into bench_inbox (company_id, body) values ($1, $2)', [companyId, body]).then(
      () => response.writeHead(200, { 'content-type': 'application/json' }).end('{"success":true}'),
      () => response.writeHead(500).end(),
    );
  });
});
server.listen(0, '127.0.0.1', () => {
  const address = server.address();
  if (typeof address === 'object' && address !== null) process.stdout.write(`${address.port}\n`);
});
