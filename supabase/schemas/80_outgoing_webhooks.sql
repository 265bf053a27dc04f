-- A company's own webhook, which client messages are forwarded to. URL and secrets are encrypted by the application.

create table public.outgoing_webhooks (
  company_id bigint primary key references public.companies on delete cascade,
  -- Changes with the URL: a delivery result applies only to the URL that it was sent to.
  version uuid not null default gen_random_uuid(),
  url bytea not null,
  secret bytea not null,
  previous_secret bytea,
  previous_secret_until timestamptz,
  disabled_at timestamptz,
  failing_since timestamptz,
  failure_notified_at timestamptz,
  created_at timestamptz not null default now()
);

-- Ciphertexts in hex.
create function public.outgoing_webhook_get(p_company_id bigint)
returns table (version uuid, url text, secret text, previous_secret text, previous_secret_until timestamptz,
  disabled_at timestamptz, failing_since timestamptz, created_at timestamptz)
language sql stable set search_path = '' as $$
  select version, encode(url, 'hex'), encode(secret, 'hex'),
    case when previous_secret_until > now() then encode(previous_secret, 'hex') end,
    case when previous_secret_until > now() then previous_secret_until end,
    disabled_at, failing_since, created_at
  from public.outgoing_webhooks where company_id = p_company_id
$$;

-- Whether the webhook is new; p_secret is used only then. Null when the company is uninstalled.
create function public.outgoing_webhook_save(p_company_id bigint, p_url text, p_secret text)
returns boolean language plpgsql set search_path = '' as $$
declare
  v_is_new boolean;
begin
  perform from public.companies where id = p_company_id and integration_status <> 'uninstalled' for no key update;
  if not found then
    return null;
  end if;
  update public.outgoing_webhooks set url = decode(p_url, 'base64'), version = gen_random_uuid(), disabled_at = null,
    failing_since = null, failure_notified_at = null
  where company_id = p_company_id;
  v_is_new := not found;
  if v_is_new then
    insert into public.outgoing_webhooks (company_id, url, secret)
    values (p_company_id, decode(p_url, 'base64'), decode(p_secret, 'base64'));
  end if;
  perform public.event_record(p_company_id, 'outgoing_webhook_set', 'api');
  return v_is_new;
end
$$;

-- False when there is no webhook.
create function public.outgoing_webhook_rotate(p_company_id bigint, p_secret text, p_overlap_hours integer)
returns boolean language plpgsql set search_path = '' as $$
begin
  update public.outgoing_webhooks set previous_secret = secret, secret = decode(p_secret, 'base64'),
    previous_secret_until = now() + make_interval(hours => p_overlap_hours)
  where company_id = p_company_id;
  if found then
    perform public.event_record(p_company_id, 'outgoing_webhook_secret_rotated', 'api');
  end if;
  return found;
end
$$;

create function public.outgoing_webhook_remove(p_company_id bigint)
returns void language plpgsql set search_path = '' as $$
begin
  delete from public.outgoing_webhooks where company_id = p_company_id;
  if found then
    perform public.event_record(p_company_id, 'outgoing_webhook_removed', 'api');
  end if;
end
$$;

-- True when this call disabled it.
create function public.outgoing_webhook_disable(p_company_id bigint, p_version uuid, p_cause text)
returns boolean language plpgsql set search_path = '' as $$
declare
  v_disabled boolean;
begin
  update public.outgoing_webhooks set disabled_at = now()
  where company_id = p_company_id and version = p_version and disabled_at is null;
  v_disabled := found;
  if v_disabled then
    perform public.event_record(p_company_id, 'outgoing_webhook_disabled', p_cause);
  end if;
  return v_disabled;
end
$$;

-- True once per outage, when it has lasted p_notify_after_hours.
create function public.outgoing_webhook_record_failure(p_company_id bigint, p_version uuid, p_notify_after_hours integer)
returns boolean language plpgsql set search_path = '' as $$
declare
  v_notified boolean;
begin
  update public.outgoing_webhooks set failing_since = now()
  where company_id = p_company_id and version = p_version and failing_since is null;
  update public.outgoing_webhooks set failure_notified_at = now()
  where company_id = p_company_id and version = p_version and failure_notified_at is null
    and failing_since <= now() - make_interval(hours => p_notify_after_hours);
  v_notified := found;
  if v_notified then
    perform public.event_record(p_company_id, 'outgoing_webhook_failing', 'forwarding');
  end if;
  return v_notified;
end
$$;

create function public.outgoing_webhook_record_success(p_company_id bigint, p_version uuid)
returns void language sql set search_path = '' as $$
  update public.outgoing_webhooks set failing_since = null, failure_notified_at = null
  where company_id = p_company_id and version = p_version and failing_since is not null
$$;

-- An uninstallation erases received messages and the webhook.
create function public.companies_erase_received() returns trigger language plpgsql set search_path = '' as $$
begin
  delete from public.received_messages where company_id = new.id;
  delete from public.outgoing_webhooks where company_id = new.id;
  return null;
end
$$;

create trigger companies_erase_received after update of integration_status on public.companies
for each row when (new.integration_status = 'uninstalled' and old.integration_status <> 'uninstalled')
execute function public.companies_erase_received();

alter table public.outgoing_webhooks enable row level security;
revoke all on public.outgoing_webhooks from public, anon, authenticated;
grant select, insert, update, delete on public.outgoing_webhooks to service_role;

revoke execute on function
  public.outgoing_webhook_get, public.outgoing_webhook_save, public.outgoing_webhook_rotate,
  public.outgoing_webhook_remove, public.outgoing_webhook_disable, public.outgoing_webhook_record_failure,
  public.outgoing_webhook_record_success, public.companies_erase_received
from public, anon, authenticated;
grant execute on function
  public.outgoing_webhook_get, public.outgoing_webhook_save, public.outgoing_webhook_rotate,
  public.outgoing_webhook_remove, public.outgoing_webhook_disable, public.outgoing_webhook_record_failure,
  public.outgoing_webhook_record_success, public.companies_erase_received
to service_role;
