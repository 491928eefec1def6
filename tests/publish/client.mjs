// A call by the TypeScript SDK's client: `node client.mjs URL TOKEN ANSWER`; tells what it saw as JSON.
import { Client, StreamableHTTPClientTransport } from '@modelcontextprotocol/client';

const [url, token, answer] = process.argv.slice(2);
const seen = { progress: [], asked: [] };

async function connected(headers) {
  const client = new Client({ name: 'another', version: '1' }, { capabilities: { elicitation: { form: {} } } });
  client.setRequestHandler('elicitation/create', request => {
    seen.asked.push(request.params.message);
    return { action: 'accept', content: JSON.parse(answer) };
  });
  await client.connect(new StreamableHTTPClientTransport(new URL(url), { requestInit: { headers } }));
  return client;
}

try {
  await connected({});
} catch (error) {
  seen.refused = error.status ?? error.code ?? (/401|[Uu]nauthorized/.test(String(error)) ? 401 : String(error));
}
const client = await connected({ Authorization: `Bearer ${token}` });
seen.tools = (await client.listTools()).tools.map(tool => tool.name);
const onprogress = ({ message }) => seen.progress.push(message);
const done = await client.callTool({ name: 'review', arguments: { contract: 'C-19' } }, { onprogress });
seen.result = done.structuredContent.result;
await client.close();
console.log(JSON.stringify(seen));
