-- What clients write to a company. Phone and text are sealed by the application; the database cannot read them.

create table public.received_messages (
  id uuid primary key,
  company_id bigint not null references public.companies on delete cascade,
  whatsapp_message_id text not null,
  sequence bigint generated always as identity,
  content bytea not null,
  to_forward boolean not null,
  sent_at timestamptz not null,
  received_at timestamptz not null default clock_timestamp(),
  unique (company_id, whatsapp_message_id)
);
comment on column public.received_messages.id is 'Follows from the company and the WhatsApp message: the same message has the same id.';
comment on column public.received_messages.content is 'Phone and text, sealed.';
comment on column public.received_messages.to_forward is 'Whether the company''s webhook is still to be given a job for it.';
create index received_messages_in_order on public.received_messages (company_id, sequence);
create index received_messages_to_forward on public.received_messages (sequence) where to_forward;
create index received_messages_by_age on public.received_messages (received_at);

-- Where a company wants to be told of what clients write. Address and secrets are sealed.
create table public.outgoing_webhooks (
  company_id bigint primary key references public.companies on delete cascade,
  version uuid not null default gen_random_uuid(),
  url bytea not null,
  secret bytea not null,
  previous_secret bytea,
  previous_secret_until timestamptz,
  disabled_at timestamptz,
  failing_since timestamptz,
  failure_told_at timestamptz,
  created_at timestamptz not null default now()
);
comment on column public.outgoing_webhooks.version is 'Another with each address: what an old address answered says nothing of the new one.';

-- The lock of the company gives its messages numbers in the order in which readers see them, and none after an uninstallation.
-- Whether the message is still to be forwarded; null when the company is gone. A repeat changes nothing.
create function public.received_message_keep(
  p_id uuid, p_company_id bigint, p_whatsapp_message_id text, p_content text, p_sent_at timestamptz
) returns boolean language plpgsql set search_path = '' as $$
declare
  v_to_forward boolean;
begin
  perform from public.companies where id = p_company_id and integration_status <> 'uninstalled' for no key update;
  if not found then
    return null;
  end if;
  insert into public.received_messages (id, company_id, whatsapp_message_id, content, sent_at, to_forward)
  select p_id, p_company_id, p_whatsapp_message_id, decode(p_content, 'base64'), coalesce(p_sent_at, now()), exists (
    select from public.outgoing_webhooks where company_id = p_company_id and disabled_at is null)
  on conflict (company_id, whatsapp_message_id) do nothing;
  select to_forward into v_to_forward from public.received_messages
  where company_id = p_company_id and whatsapp_message_id = p_whatsapp_message_id;
  return v_to_forward;
end
$$;

create function public.received_message_by_id(p_company_id bigint, p_id uuid)
returns table (id uuid, sequence bigint, content text, sent_at timestamptz, received_at timestamptz)
language sql stable set search_path = '' as $$
  select id, sequence, encode(content, 'hex'), sent_at, received_at
  from public.received_messages where company_id = p_company_id and id = p_id
$$;

create function public.received_messages_after(p_company_id bigint, p_sequence bigint, p_limit integer)
returns table (id uuid, sequence bigint, content text, sent_at timestamptz, received_at timestamptz)
language sql stable set search_path = '' as $$
  select id, sequence, encode(content, 'hex'), sent_at, received_at
  from public.received_messages where company_id = p_company_id and sequence > p_sequence
  order by received_messages.sequence limit p_limit
$$;

create function public.received_messages_to_forward(p_limit integer)
returns table (id uuid, company_id bigint, content text)
language sql stable set search_path = '' as $$
  select id, company_id, encode(content, 'hex')
  from public.received_messages where to_forward order by sequence limit p_limit
$$;

create function public.received_messages_handed_over(p_ids uuid[])
returns void language sql set search_path = '' as $$
  update public.received_messages set to_forward = false where id = any (p_ids) and to_forward
$$;

-- How many were erased.
create function public.received_messages_forget(p_days integer, p_limit integer)
returns integer language sql set search_path = '' as $$
  with forgotten as (
    delete from public.received_messages where id in (
      select id from public.received_messages where received_at < now() - make_interval(days => p_days)
      order by received_at limit p_limit)
    returning 1)
  select count(*)::integer from forgotten
$$;

create function public.outgoing_webhook_of(p_company_id bigint)
returns table (version uuid, url text, secret text, previous_secret text, previous_secret_until timestamptz,
  disabled_at timestamptz, failing_since timestamptz, created_at timestamptz)
language sql stable set search_path = '' as $$
  select version, encode(url, 'hex'), encode(secret, 'hex'),
    case when previous_secret_until > now() then encode(previous_secret, 'hex') end,
    case when previous_secret_until > now() then previous_secret_until end,
    disabled_at, failing_since, created_at
  from public.outgoing_webhooks where company_id = p_company_id
$$;

-- The secret is only for a webhook that is new. Whether it is; null when the company is gone: until it is installed again its
-- old key still holds.
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
    failing_since = null, failure_told_at = null
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

-- Whether it was this call that disabled it.
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

-- Whether it has failed for so long that it is told now, once.
create function public.outgoing_webhook_failed(p_company_id bigint, p_version uuid, p_tell_after_hours integer)
returns boolean language plpgsql set search_path = '' as $$
declare
  v_told boolean;
begin
  update public.outgoing_webhooks set failing_since = now()
  where company_id = p_company_id and version = p_version and failing_since is null;
  update public.outgoing_webhooks set failure_told_at = now()
  where company_id = p_company_id and version = p_version and failure_told_at is null
    and failing_since <= now() - make_interval(hours => p_tell_after_hours);
  v_told := found;
  if v_told then
    perform public.event_record(p_company_id, 'outgoing_webhook_failing', 'forwarding');
  end if;
  return v_told;
end
$$;

create function public.outgoing_webhook_worked(p_company_id bigint, p_version uuid)
returns void language sql set search_path = '' as $$
  update public.outgoing_webhooks set failing_since = null, failure_told_at = null
  where company_id = p_company_id and version = p_version and failing_since is not null
$$;

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

alter table public.received_messages enable row level security;
alter table public.outgoing_webhooks enable row level security;
revoke all on public.received_messages, public.outgoing_webhooks from public, anon, authenticated;
grant select, insert, update, delete on public.received_messages, public.outgoing_webhooks to service_role;

revoke execute on function
  public.received_message_keep, public.received_message_by_id, public.received_messages_after,
  public.received_messages_to_forward, public.received_messages_handed_over, public.received_messages_forget,
  public.outgoing_webhook_of, public.outgoing_webhook_save, public.outgoing_webhook_rotate, public.outgoing_webhook_remove,
  public.outgoing_webhook_disable, public.outgoing_webhook_failed, public.outgoing_webhook_worked,
  public.companies_erase_received
from public, anon, authenticated;
grant execute on function
  public.received_message_keep, public.received_message_by_id, public.received_messages_after,
  public.received_messages_to_forward, public.received_messages_handed_over, public.received_messages_forget,
  public.outgoing_webhook_of, public.outgoing_webhook_save, public.outgoing_webhook_rotate, public.outgoing_webhook_remove,
  public.outgoing_webhook_disable, public.outgoing_webhook_failed, public.outgoing_webhook_worked,
  public.companies_erase_received
to service_role;
