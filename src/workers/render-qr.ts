import { toDataURL } from 'qrcode';

const widthPixels = 320;
/** The quiet zone that scanners need, in modules. */
const margin = 4;

/** Worker entry: a PNG costs 12 to 15 ms, too long for the event loop that serves everybody. */
// oxlint-disable-next-line import/no-default-export -- piscina calls the default export
export default async function renderQr(text: string): Promise<string> {
  return await toDataURL(text, { errorCorrectionLevel: 'L', margin, width: widthPixels });
}
