import { acceptInstallation } from './partner-callback.ts';
import type { PlatformStore } from './platform-store.ts';
import { type RecordFormat, serviceId, type SimulatedRecord } from './record.ts';
import { changeRecord, listRecords } from './records-api.ts';
import { ok, errorReply, type ApiRequest, type Reply } from './reply.ts';
import type { Salon } from './salon.ts';

export type Credentials = Readonly<{ partnerToken: string; userToken: string; applicationId: number }>;

export type RecordOptions = Readonly<{
  /** Current format of records. */
  form: () => RecordFormat;
  /** Called when the application changed a record: the platform notifies all receivers, the author included. */
  changed: (record: SimulatedRecord) => void;
}>;

const mediaType = 'application/vnd.yclients.v2+json';

/** The part of the YCLIENTS API that the application uses, as strict as its documents. */
export class PlatformApi {
  readonly #store: PlatformStore;
  readonly #credentials: Credentials;
  readonly #now: () => number;
  readonly #records: RecordOptions;

  constructor(store: PlatformStore, credentials: Credentials, now: () => number, records: RecordOptions) {
    this.#store = store;
    this.#credentials = credentials;
    this.#now = now;
    this.#records = records;
  }

  answer(request: ApiRequest): Reply {
    if (request.accept !== mediaType) return errorReply(406, `Accept must be ${mediaType}.`);
    if (request.method !== 'GET' && !request.contentType.startsWith('application/json')) {
      return errorReply(415, 'Content-Type must be application/json.');
    }
    const [root, ...path] = request.path.split('/').filter(Boolean);
    return root === 'marketplace' ? this.#marketplace(request, path) : this.#rest(request, path.slice(1));
  }

  #marketplace(request: ApiRequest, path: readonly string[]): Reply {
    if (request.authorization !== `Bearer ${this.#credentials.partnerToken}`) {
      return errorReply(401, 'Authentication needed.');
    }
    const { applicationId } = this.#credentials;
    if (request.method === 'POST' && path.join('/') === 'partner/callback') {
      return acceptInstallation(request.body, this.#store, applicationId, this.#now());
    }
    const [kind, salonId, what, application] = path;
    if (request.method === 'GET' && kind === 'salon' && what === 'application' && path.length === 4) {
      const salon = this.#store.findSalon(Number(salonId));
      if (salon === undefined || Number(application) !== applicationId)
        return errorReply(403, 'Access denied.');
      return installationReply(salon);
    }
    return errorReply(404, 'Not found.');
  }

  #rest(request: ApiRequest, [kind, companyId, recordId, ...rest]: readonly string[]): Reply {
    const { partnerToken, userToken } = this.#credentials;
    const asUser = request.authorization === `Bearer ${partnerToken}, User ${userToken}`;
    const asPartner = asUser || request.authorization === `Bearer ${partnerToken}`;
    const isRead = request.method === 'GET' && recordId === undefined;
    if (!asPartner) return errorReply(401, 'Authentication needed.');
    const salon = this.#store.findSalon(Number(companyId));
    if (salon === undefined || rest.length > 0) return errorReply(404, 'Not found.');
    if (kind === 'company' && isRead) return companyReply(salon);
    if (kind === 'book_services' && isRead) return servicesReply(salon);
    if (!asUser) return errorReply(401, 'Authentication needed.');
    // The system user has rights in a salon only while the application is active there.
    if (salon.status !== 'active') return errorReply(403, 'Access denied.');
    if (kind === 'hooks_settings' && isRead) return webhookSettingsReply(salon);
    if (kind === 'records' && isRead)
      return listRecords(this.#store.recordsOf(salon), request.query, this.#records.form());
    const record = this.#store.findRecord(Number(recordId));
    if (kind !== 'record' || record?.salon !== salon) return errorReply(404, 'Not found.');
    return this.#record(request, record);
  }

  #record({ method, body }: ApiRequest, record: SimulatedRecord): Reply {
    if (method === 'GET') return ok(record.restBody(this.#records.form()));
    if (method !== 'PUT') return errorReply(404, 'Not found.');
    if (!record.salon.mayEditRecords) return errorReply(403, 'Access denied.');
    const reply = changeRecord(record, body, this.#now(), this.#records.form());
    if (reply.status === 200) this.#records.changed(record);
    return reply;
  }
}

function installationReply(salon: Salon): Reply {
  const [first] = salon.transitions;
  if (first === undefined || salon.status === 'uninstalled') return errorReply(404, 'Not found.');
  return ok({
    connection_status: { status: salon.status, created_at: first.changed_at },
    payments: salon.payments,
    logs: salon.transitions,
  });
}

/** The list that the owner can edit by hand, with the flags that an installation sets. */
function webhookSettingsReply(salon: Salon): Reply {
  return ok({
    urls: salon.activation.webhookUrls,
    active: 1,
    salon: 0,
    service_category: 0,
    service: 0,
    good: 0,
    master: 0,
    client: 1,
    record: 1,
    goods_operations_sale: 0,
    goods_operations_receipt: 0,
    goods_operations_consumable: 0,
    goods_operations_stolen: 0,
    goods_operations_move: 0,
    finances_operation: 0,
  });
}

function companyReply({ profile }: Salon): Reply {
  const { id, title, timeZone, phone = '+74950000000' } = profile;
  return ok({
    id,
    title,
    public_title: title,
    short_descr: profile.shortDescription ?? '',
    country_id: 1,
    country: 'Россия',
    city_id: 2,
    city: profile.city ?? 'Москва',
    timezone: 3,
    ...(timeZone === undefined ? {} : { timezone_name: timeZone }),
    address: 'ул. Примерная, 1',
    phone,
    phones: [phone.replace('+', '')],
    email: 'salon@example.com',
    active: 1,
    currency_short_title: '₽',
    business_type_id: profile.businessTypeId ?? 1,
    active_staff_count: 2,
  });
}

function servicesReply(salon: Salon): Reply {
  const services = (salon.profile.services ?? []).map((title) => ({ id: serviceId(salon, title), title }));
  return ok({ events: [], services, category: [] });
}
