import express, { type Request, type Response, type Router } from 'express';
import Joi from 'joi';
import { phoneFrom } from '../../domain/company/phone.ts';
import { AppError } from '../../domain/errors/app-error.ts';
import { secondsLeft } from '../../lib/text.ts';
import type { MarketplaceService } from '../../marketplace/marketplace-service.ts';
import { bearerToken, createAuthenticator, type TokenValidator } from '../middleware/authenticate.ts';
import { jsonBody } from '../middleware/json-body.ts';
import { type HttpLimiters, rateLimit } from '../middleware/rate-limit.ts';
import { parseWith, validate } from '../middleware/validate.ts';
import { pathParameter, Query } from '../request.ts';

export type PairingDeps = Readonly<{
  service: TokenValidator & Pick<MarketplaceService, 'generateQR' | 'sessionStatus' | 'requestPairingCode'>;
  limiters: Pick<HttpLimiters, 'page'>;
  trustProxy: number;
  now: () => Date;
}>;

const pairingSchema = Joi.object<Readonly<{ phone: string }>>({
  phone: parseWith((value) => phoneFrom(value)).required(),
});

/** Linking WhatsApp by QR code or pairing code, for the holder of a connect token. */
export function pairingRoutes({ service, limiters, trustProxy, now }: PairingDeps): Router {
  const router = express.Router();
  const auth = createAuthenticator((request) => service.validateToken(bearerToken(request)));
  const limited = rateLimit(limiters.page, trustProxy);

  const sendQr = async (token: string, request: Request, response: Response): Promise<void> => {
    const companyId = await service.validateToken(token);
    const isRestart = new Query(request).get('new') === '1';
    const { state } = await service.sessionStatus(companyId);
    if (state === 'qr_expired' && !isRestart) throw new AppError('QR_EXPIRED');
    const { qr, expiresAt } = await service.generateQR(companyId);
    response.json({ success: true, qr, expires_in: secondsLeft(expiresAt, now()) });
  };

  // After the last code has expired the response is 410, so that a page left open does not pair forever; `?new=1` restarts.
  router.get('/marketplace/qr', limited, (request, response) =>
    sendQr(bearerToken(request), request, response),
  );
  router.get('/marketplace/qr/:token', limited, (request, response) =>
    sendQr(pathParameter(request, 'token'), request, response),
  );

  router.post(
    '/marketplace/pairing-code',
    limited,
    auth.guard,
    jsonBody(),
    validate(pairingSchema),
    async (request, response) => {
      const { phone } = request.body;
      const { code, expiresAt } = await service.requestPairingCode(auth.caller(request), phone);
      response.json({ success: true, code, expires_in: secondsLeft(expiresAt, now()) });
    },
  );
  return router;
}
