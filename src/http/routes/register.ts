import express, { type Router } from 'express';
import Joi from 'joi';
import { phoneFrom } from '../../domain/company/phone.ts';
import { AppError } from '../../domain/errors/app-error.ts';
import { type SalonId, salonIdFrom } from '../../domain/ids.ts';
import type { Registration } from '../../marketplace/installation/registration.ts';
import type { AdminKey } from '../middleware/authenticate.ts';
import { jsonBody } from '../middleware/json-body.ts';
import { type HttpLimiters, rateLimit } from '../middleware/rate-limit.ts';
import { parseWith, validate } from '../middleware/validate.ts';
import { Query } from '../request.ts';

export type RegisterDeps = Readonly<{
  registration: Pick<Registration, 'fromRedirect' | 'byAdmin'>;
  adminKey: AdminKey;
  limiters: Pick<HttpLimiters, 'registration'>;
  /** The URL of the connect page with these tokens in the fragment, which browsers send neither to servers nor as `Referer`. */
  connectUrl: (tokens: readonly string[]) => string;
  trustProxy: number;
}>;

/** `phone` and `email` are validated but not stored: the data of a salon comes from YCLIENTS. */
const registerSchema = Joi.object<Readonly<{ salon_id: SalonId; phone?: string; email?: string }>>({
  salon_id: parseWith((value) => salonIdFrom(value)).required(),
  phone: parseWith((value) => phoneFrom(value)),
  email: Joi.string().max(254).email({ tlds: false }),
});

const maxSalons = 50;

/** Registration: the signed redirect of YCLIENTS in the browser, and by salon id with the admin key. */
export function registerRoutes(deps: RegisterDeps): Router {
  const router = express.Router();
  const limited = rateLimit(deps.limiters.registration, deps.trustProxy);

  router.get('/marketplace/register', limited, async (request, response) => {
    const query = new Query(request);
    const links = await deps.registration.fromRedirect({
      salonIds: readSalonIds(query),
      userData: requireParameter(query, 'user_data'),
      userDataSign: requireParameter(query, 'user_data_sign'),
    });
    response.redirect(303, deps.connectUrl(links.map(({ token }) => token)));
  });

  router.post(
    '/marketplace/register',
    limited,
    deps.adminKey.guard,
    jsonBody(),
    validate(registerSchema),
    async (request, response) => {
      const { company, created, connectUrl } = await deps.registration.byAdmin(request.body.salon_id);
      response.status(created ? 201 : 200).json({
        success: true,
        company_id: company.id,
        salon_id: company.salonId,
        connect_url: connectUrl,
      });
    },
  );
  return router;
}

function readSalonIds(query: Query): SalonId[] {
  const single = query.get('salon_id');
  const list = query.list('salon_ids');
  const values = single === undefined ? list : [single, ...list];
  if (values.length === 0 || values.length > maxSalons) throw wrongSalonCountError();
  return [...new Set(values.map((value) => salonIdFrom(value)))];
}

function requireParameter(query: Query, name: string): string {
  const value = query.get(name);
  if (value === undefined) throw new AppError('INVALID_TOKEN');
  return value;
}

function wrongSalonCountError(): AppError {
  return new AppError('VALIDATION_ERROR', {
    text: {
      ru: `В адресе нужен salon_id или от 1 до ${maxSalons} salon_ids[].`,
      en: `The query must contain salon_id, or 1 to ${maxSalons} salon_ids[].`,
    },
  });
}
