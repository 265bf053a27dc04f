import express, { type Request, type Router } from 'express';
import Joi from 'joi';
import type { Company, Language } from '../../domain/company/company.ts';
import { companyIdFrom, type CompanyId } from '../../domain/ids.ts';
import { type BookingMessageKind, bookingMessageKinds } from '../../domain/notification/message.ts';
import type { NotificationSettings } from '../../domain/notification/settings.ts';
import { maskPhone } from '../../domain/company/phone.ts';
import type { NotificationRules } from '../../messaging/notification-settings.ts';
import type { OutgoingWebhookRules } from '../../marketplace/replies/outgoing-webhook-settings.ts';
import { describeVariable, variablesOf } from '../../messaging/templates/variables.ts';
import { type AdminKey, bearerToken, hasApiKey } from '../middleware/authenticate.ts';
import { readJson } from '../middleware/json-body.ts';
import { languageOf } from '../request.ts';
import { pathParameter } from '../path-parameter.ts';
import { Query } from '../query.ts';
import { type HttpLimiters, rateLimit } from '../middleware/rate-limit.ts';
import { webhookState } from './receiving.ts';
import { checked } from '../middleware/validate.ts';

export type SettingsDeps = Readonly<{
  service: Readonly<{
    validateToken(token: string, companyId?: CompanyId): Promise<CompanyId>;
    getCompany(companyId: CompanyId): Promise<Company>;
  }>;
  rules: Pick<NotificationRules, 'of' | 'save' | 'defaultsOf' | 'preview' | 'optOuts'>;
  outgoingWebhooks: Pick<OutgoingWebhookRules, 'of' | 'waiting'>;
  adminKey: AdminKey;
  limiters: Pick<HttpLimiters, 'page'>;
  trustProxy: number;
}>;

type Body = Readonly<{
  enabled: Readonly<Record<BookingMessageKind, boolean>>;
  templates: Readonly<Record<string, string | null>>;
  quiet_hours: Readonly<{ from: string; to: string }> | null;
  small_shift_minutes: number;
  review_link: string | null;
}>;

const clock = Joi.string().pattern(/^([01]\d|2[0-3]):[0-5]\d$/);
const longestTemplateInput = 5_000;
const mostOptOuts = 200;
const kind = Joi.valid(...bookingMessageKinds);

const settingsBody = Joi.object<Body>({
  enabled: Joi.object().pattern(kind, Joi.boolean().required()).length(bookingMessageKinds.length).required(),
  templates: Joi.object().pattern(kind, Joi.string().max(longestTemplateInput).allow('', null)).default({}),
  quiet_hours: Joi.object({ from: clock.required(), to: clock.invalid(Joi.ref('from')).required() })
    .required()
    .allow(null),
  small_shift_minutes: Joi.number().integer().min(0).max(240).required(),
  review_link: Joi.string()
    .uri({ scheme: ['https'] })
    .max(500)
    .required()
    .allow(null),
});

const previewBody = Joi.object<Readonly<{ kind: BookingMessageKind; template: string }>>({
  kind: kind.required(),
  template: Joi.string().allow('').max(longestTemplateInput).required(),
});

/** What a salon's owner decides about the messages; the same access as to the salon's status. */
export function settingsRoutes(deps: SettingsDeps): Router {
  const { service, rules, outgoingWebhooks, adminKey, limiters, trustProxy } = deps;
  const router = express.Router();
  const limited = rateLimit(limiters.page, trustProxy);

  const companyOf = async (request: Request): Promise<Company> => {
    const companyId = companyIdFrom(pathParameter(request, 'companyId'));
    if (hasApiKey(request)) adminKey.require(request);
    else await service.validateToken(bearerToken(request), companyId);
    return await service.getCompany(companyId);
  };
  const answer = async (company: Company, language: Language): Promise<Record<string, unknown>> => ({
    success: true,
    language: company.language,
    settings: view(await rules.of(company)),
    defaults: rules.defaultsOf(company),
    variables: describedVariables(language),
  });

  router.get('/marketplace/settings/:companyId', limited, async (request, response) => {
    const company = await companyOf(request);
    response.json(await answer(company, languageOf(request)));
  });

  router.put('/marketplace/settings/:companyId', limited, async (request, response) => {
    const company = await companyOf(request);
    await rules.save(company, settingsFrom(checked(settingsBody, await readJson(request))));
    response.json(await answer(company, languageOf(request)));
  });

  router.post('/marketplace/settings/:companyId/preview', limited, async (request, response) => {
    const company = await companyOf(request);
    const { kind: previewed, template } = checked(previewBody, await readJson(request));
    const { text, length, problems } = await rules.preview(company, previewed, template);
    const language = languageOf(request);
    response.json({ success: true, text, length, problems: problems.map((problem) => problem[language]) });
  });

  router.get('/marketplace/settings/:companyId/opt-outs', limited, async (request, response) => {
    const company = await companyOf(request);
    const optOuts = await rules.optOuts(company, new Query(request).limit(mostOptOuts));
    response.json({
      success: true,
      opt_outs: optOuts.map(({ phone, since }) => ({ phone: maskPhone(phone), since: since.toISOString() })),
    });
  });

  router.get('/marketplace/settings/:companyId/outgoing-webhook', limited, async (request, response) => {
    const { id } = await companyOf(request);
    const webhook = await outgoingWebhooks.of(id);
    response.json({
      success: true,
      outgoing_webhook: webhook
        ? { ...webhookState(webhook), waiting: await outgoingWebhooks.waiting(id) }
        : null,
    });
  });
  return router;
}

function view(settings: NotificationSettings): Record<string, unknown> {
  return {
    enabled: settings.enabled,
    templates: settings.templates,
    quiet_hours: settings.quietHours ?? null,
    small_shift_minutes: settings.smallShiftMinutes,
    review_link: settings.reviewLink ?? null,
  };
}

function settingsFrom(body: Body): NotificationSettings {
  const own = bookingMessageKinds.flatMap((name) => {
    const template = body.templates[name];
    return typeof template === 'string' ? [[name, template.replaceAll('\r\n', '\n')] as const] : [];
  });
  return {
    enabled: body.enabled,
    templates: Object.fromEntries(own),
    quietHours: body.quiet_hours ?? undefined,
    smallShiftMinutes: body.small_shift_minutes,
    reviewLink: body.review_link ?? undefined,
  };
}

function describedVariables(language: Language): Record<string, unknown> {
  return Object.fromEntries(
    bookingMessageKinds.map((name) => [
      name,
      variablesOf(name).map((variable) => ({
        name: variable,
        description: describeVariable(variable)[language],
      })),
    ]),
  );
}
