import express, { type Router } from 'express';
import Joi from 'joi';
import type { Company } from '../../domain/company/company.ts';
import { maskPhone } from '../../domain/company/phone.ts';
import { companyIdFrom } from '../../domain/ids.ts';
import type { Language } from '../../domain/language.ts';
import { type BookingMessageKind, bookingMessageKinds } from '../../domain/notification/message.ts';
import type { NotificationSettings } from '../../domain/notification/settings.ts';
import type { MarketplaceService } from '../../marketplace/marketplace-service.ts';
import type { OutgoingWebhookSettingsService } from '../../marketplace/replies/outgoing-webhook-settings.ts';
import type { NotificationSettingsService } from '../../messaging/notification-settings.ts';
import { describeVariable, variablesFor } from '../../messaging/templates/variables.ts';
import {
  type AdminKey,
  createAuthenticator,
  requireOwnerOrAdmin,
  type TokenValidator,
} from '../middleware/authenticate.ts';
import { jsonBody } from '../middleware/json-body.ts';
import { type HttpLimiters, rateLimit } from '../middleware/rate-limit.ts';
import { validate } from '../middleware/validate.ts';
import { requestLanguage, pathParameter, Query } from '../request.ts';
import { toWebhookStateResponse } from './outgoing-webhook.ts';

export type SettingsDeps = Readonly<{
  service: TokenValidator & Pick<MarketplaceService, 'getCompany'>;
  notificationSettings: Pick<
    NotificationSettingsService,
    'get' | 'save' | 'defaultTemplates' | 'preview' | 'optOuts'
  >;
  outgoingWebhookSettings: Pick<OutgoingWebhookSettingsService, 'get' | 'pendingCount'>;
  adminKey: AdminKey;
  limiters: Pick<HttpLimiters, 'page'>;
  trustProxy: number;
}>;

type SettingsBody = Readonly<{
  enabled: Readonly<Record<BookingMessageKind, boolean>>;
  templates: Readonly<Record<string, string | null>>;
  quiet_hours: Readonly<{ from: string; to: string }> | null;
  small_shift_minutes: number;
  review_link: string | null;
}>;

const timeOfDaySchema = Joi.string().pattern(/^([01]\d|2[0-3]):[0-5]\d$/);
const maxTemplateInput = 5_000;
const maxOptOuts = 200;
const kindSchema = Joi.valid(...bookingMessageKinds);

const settingsSchema = Joi.object<SettingsBody>({
  enabled: Joi.object()
    .pattern(kindSchema, Joi.boolean().required())
    .length(bookingMessageKinds.length)
    .required(),
  templates: Joi.object().pattern(kindSchema, Joi.string().max(maxTemplateInput).allow('', null)).default({}),
  quiet_hours: Joi.object({
    from: timeOfDaySchema.required(),
    to: timeOfDaySchema.invalid(Joi.ref('from')).required(),
  })
    .required()
    .allow(null),
  small_shift_minutes: Joi.number().integer().min(0).max(240).required(),
  review_link: Joi.string()
    .uri({ scheme: ['https'] })
    .max(500)
    .required()
    .allow(null),
});

const previewSchema = Joi.object<Readonly<{ kind: BookingMessageKind; template: string }>>({
  kind: kindSchema.required(),
  template: Joi.string().allow('').max(maxTemplateInput).required(),
});

/** A salon's message settings, for the holder of its connect token or of the admin key. */
export function settingsRoutes(deps: SettingsDeps): Router {
  const { service, notificationSettings, outgoingWebhookSettings, adminKey, limiters, trustProxy } = deps;
  const router = express.Router();
  const limited = rateLimit(limiters.page, trustProxy);

  const auth = createAuthenticator(async (request) => {
    const companyId = companyIdFrom(pathParameter(request, 'companyId'));
    await requireOwnerOrAdmin(request, companyId, { service, adminKey });
    return await service.getCompany(companyId);
  });
  const settingsResponse = async (
    company: Company,
    language: Language,
  ): Promise<Record<string, unknown>> => ({
    success: true,
    language: company.language,
    settings: toSettingsResponse(await notificationSettings.get(company)),
    defaults: notificationSettings.defaultTemplates(company),
    variables: describeVariables(language),
  });

  router.get('/marketplace/settings/:companyId', limited, auth.guard, async (request, response) => {
    const company = auth.caller(request);
    response.json(await settingsResponse(company, requestLanguage(request)));
  });

  router.put(
    '/marketplace/settings/:companyId',
    limited,
    auth.guard,
    jsonBody(),
    validate(settingsSchema),
    async (request, response) => {
      const company = auth.caller(request);
      await notificationSettings.save(company, toSettings(request.body));
      response.json(await settingsResponse(company, requestLanguage(request)));
    },
  );

  router.post(
    '/marketplace/settings/:companyId/preview',
    limited,
    auth.guard,
    jsonBody(),
    validate(previewSchema),
    async (request, response) => {
      const { kind, template } = request.body;
      const { text, length, problems } = await notificationSettings.preview(
        auth.caller(request),
        kind,
        template,
      );
      const language = requestLanguage(request);
      response.json({ success: true, text, length, problems: problems.map((problem) => problem[language]) });
    },
  );

  router.get('/marketplace/settings/:companyId/opt-outs', limited, auth.guard, async (request, response) => {
    const company = auth.caller(request);
    const optOuts = await notificationSettings.optOuts(company, new Query(request).limit(maxOptOuts));
    response.json({
      success: true,
      opt_outs: optOuts.map(({ phone, since }) => ({ phone: maskPhone(phone), since: since.toISOString() })),
    });
  });

  router.get(
    '/marketplace/settings/:companyId/outgoing-webhook',
    limited,
    auth.guard,
    async (request, response) => {
      const { id } = auth.caller(request);
      const webhook = await outgoingWebhookSettings.get(id);
      response.json({
        success: true,
        outgoing_webhook: webhook
          ? { ...toWebhookStateResponse(webhook), waiting: await outgoingWebhookSettings.pendingCount(id) }
          : null,
      });
    },
  );
  return router;
}

function toSettingsResponse(settings: NotificationSettings): Record<string, unknown> {
  return {
    enabled: settings.enabled,
    templates: settings.templates,
    quiet_hours: settings.quietHours ?? null,
    small_shift_minutes: settings.smallShiftMinutes,
    review_link: settings.reviewLink ?? null,
  };
}

function toSettings(body: SettingsBody): NotificationSettings {
  const customTemplates = bookingMessageKinds.flatMap((name) => {
    const template = body.templates[name];
    return typeof template === 'string' ? [[name, template.replaceAll('\r\n', '\n')] as const] : [];
  });
  return {
    enabled: body.enabled,
    templates: Object.fromEntries(customTemplates),
    quietHours: body.quiet_hours ?? undefined,
    smallShiftMinutes: body.small_shift_minutes,
    reviewLink: body.review_link ?? undefined,
  };
}

function describeVariables(language: Language): Record<string, unknown> {
  return Object.fromEntries(
    bookingMessageKinds.map((name) => [
      name,
      variablesFor(name).map((variable) => ({
        name: variable,
        description: describeVariable(variable)[language],
      })),
    ]),
  );
}
