import { sendRequest } from '../../../dev-env/clients/test-clients.ts';

type Page = Readonly<{ messages: readonly Readonly<{ text: string | null }>[]; next: number | null }>;

/** All received texts of the company, oldest first. */
export async function receivedTexts(url: string, apiKey: string): Promise<string[]> {
  const texts: string[] = [];
  let after: number | null = 0;
  while (after !== null) {
    const response = await sendRequest(`${url}/marketplace/received-messages?after=${after}&limit=200`, {
      headers: { 'x-api-key': apiKey },
    });
    const { messages, next } = (await response.json()) as Page;
    texts.push(...messages.map(({ text }) => text ?? ''));
    after = messages.length > 0 ? next : null;
  }
  return texts;
}
