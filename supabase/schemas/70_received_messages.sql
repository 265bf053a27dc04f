-- Messages from clients. The application encrypts phone and text; the database holds no key.

create table public.received_messages (
  -- Deterministic: derived from the company and the WhatsApp message.
  id uuid primary key,
  company_id bigint not null references public.companies on delete cascade,
  whatsapp_message_id text not null,
  sequence bigint generated always as identity,
  -- Phone and text, encrypted.
  content bytea not null,
  -- Whether a forwarding job is still to be queued for the company's webhook.
  to_forward boolean not null,
  sent_at timestamptz not null,
  received_at timestamptz not null default clock_timestamp(),
  unique (company_id, whatsapp_message_id)
);
create index received_messages_company_id_sequence_idx on public.received_messages (company_id, sequence);
create index received_messages_unforwarded_idx on public.received_messages (sequence) where to_forward;
create index received_messages_received_at_idx on public.received_messages (received_at);

-- Idempotent. Returns whether the message is still to be forwarded; null when the company is uninstalled. The lock on the
-- company makes `sequence` follow the commit order, so that a reader's cursor skips nothing.
create function public.received_message_save(
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

create function public.received_messages_unforwarded(p_limit integer)
returns table (id uuid, company_id bigint, content text)
language sql stable set search_path = '' as $$
  select id, company_id, encode(content, 'hex')
  from public.received_messages where to_forward order by sequence limit p_limit
$$;

create function public.received_messages_mark_queued_for_forwarding(p_ids uuid[])
returns void language sql set search_path = '' as $$
  update public.received_messages set to_forward = false where id = any (p_ids) and to_forward
$$;

-- Number of deleted rows.
create function public.received_messages_delete_older_than(p_days integer, p_limit integer)
returns integer language sql set search_path = '' as $$
  with deleted as (
    delete from public.received_messages where id in (
      select id from public.received_messages where received_at < now() - make_interval(days => p_days)
      order by received_at limit p_limit)
    returning 1)
  select count(*)::integer from deleted
$$;

alter table public.received_messages enable row level security;
revoke all on public.received_messages from public, anon, authenticated;
grant select, insert, update, delete on public.received_messages to service_role;

revoke execute on function
  public.received_message_save, public.received_message_by_id, public.received_messages_after,
  public.received_messages_unforwarded, public.received_messages_mark_queued_for_forwarding,
  public.received_messages_delete_older_than
from public, anon, authenticated;
grant execute on function
  public.received_message_save, public.received_message_by_id, public.received_messages_after,
  public.received_messages_unforwarded, public.received_messages_mark_queued_for_forwarding,
  public.received_messages_delete_older_than
to service_role;
