// @ts-check
/**
 * Decodes the QR code that the page in the frame shows, from its pixels alone, as a phone's camera does.
 * @param {HTMLIFrameElement} frame
 * @param {HTMLCanvasElement} canvas shows the picture that was taken
 * @returns {string | undefined} undefined when the page shows no code
 */
export const photographQr = (frame, canvas) => {
  // A page of another origin, such as the marketplace, has no document here.
  const picture = frame.contentDocument?.querySelector('img#qr:not([hidden])');
  const image = /** @type {HTMLImageElement | null | undefined} */ (picture);
  const paper = canvas.getContext('2d', { willReadFrequently: true });
  if (!image || !image.complete || image.naturalWidth === 0 || paper === null) return undefined;
  canvas.width = image.naturalWidth;
  canvas.height = image.naturalHeight;
  paper.drawImage(image, 0, 0);
  const { data, width, height } = paper.getImageData(0, 0, canvas.width, canvas.height);
  return jsQR(data, width, height)?.data;
};

/** The library is not a module: it defines a global function. */
const { jsQR } = /** @type {{ jsQR: typeof import('jsqr').default }} */ (/** @type {unknown} */ (globalThis));
