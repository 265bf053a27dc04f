-- What the notifications, the pacing and the reconciliation keep. The functions follow in the next files.

alter table public.messages drop constraint messages_kind_check;
alter table public.messages add constraint messages_kind_check check (kind in
  ('confirmation', 'change', 'cancellation', 'reminder_24h', 'reminder_2h', 'thanks', 'reply', 'direct', 'test'));
alter table public.messages drop constraint messages_status_check;
alter table public.messages add constraint messages_status_check check (status in
  ('queued', 'sending', 'unknown', 'sent', 'delivered', 'read', 'failed', 'expired', 'withdrawn'));
alter table public.messages
  add column due_at timestamptz not null default now(),
  add column heeds_quiet_hours boolean not null default true,
  add column tells jsonb,
  add column told_before jsonb,
  add column first_contact boolean not null default false,
  add column cause text;
update public.messages set due_at = not_before;
comment on column public.messages.due_at is 'Orders the messages of one client; unlike not_before it stays when a send is put off.';
comment on column public.messages.tells is 'What the client knows of the booking once this is on its way.';
comment on column public.messages.told_before is 'What the client knew when this was claimed last: put back when nothing left.';
comment on column public.messages.first_contact is 'Whether its claim was the first word to this client.';
-- A message that was withdrawn may be wanted again.
alter table public.messages drop constraint messages_company_id_idempotency_key_key;
create unique index messages_idempotency on public.messages (company_id, idempotency_key) where status <> 'withdrawn';
create index messages_of_record on public.messages (company_id, record_id) where record_id is not null;
create index messages_open_of_client on public.messages (company_id, phone, due_at, sequence)
where status in ('queued', 'sending');

create table public.contacts (
  company_id bigint not null references public.companies on delete cascade,
  phone text not null check (phone ~ '^\+[0-9]{5,15}$'),
  first_sent_at timestamptz,
  last_received_at timestamptz,
  opted_out_at timestamptz,
  primary key (company_id, phone)
);
comment on table public.contacts is 'Whom a company has written to, who wrote to it, and who wants no messages.';
create index contacts_opted_out on public.contacts (company_id, opted_out_at desc) where opted_out_at is not null;
insert into public.contacts (company_id, phone, first_sent_at)
select company_id, phone, min(sending_at) from public.messages where sending_at is not null group by company_id, phone;

alter table public.companies
  add column paced_down_until timestamptz,
  add column first_contacts_held_until timestamptz,
  add column reconciled_until timestamptz;
comment on column public.companies.paced_down_until is 'Until then the number sends at half its pace: WhatsApp refused a message.';
comment on column public.companies.reconciled_until is 'Changes of records up to here have been read from the platform.';

create table public.company_settings (
  company_id bigint primary key references public.companies on delete cascade,
  settings jsonb not null,
  updated_at timestamptz not null default now()
);

alter table public.bookings
  add column attendance smallint not null default 0,
  add column online boolean not null default false,
  add column duration_seconds integer not null default 0,
  add column created_at timestamptz,
  add column creation_seen boolean not null default true,
  add column start_known_at timestamptz not null default now(),
  add column told jsonb,
  add column told_count integer not null default 0;
comment on column public.bookings.told is 'What the client knows of the booking; null when nothing.';
update public.bookings set
  creation_seen = announced,
  start_known_at = updated_at,
  told = case when client_phone is not null then jsonb_build_object(
    'startsAt', to_char(starts_at, 'YYYY-MM-DD HH24:MI:SS'),
    'staffId', staff_id,
    'serviceIds', (select coalesce(jsonb_agg((service ->> 'id')::bigint order by (service ->> 'id')::bigint), '[]')
      from jsonb_array_elements(services) service),
    'phone', client_phone,
    'cancelled', cancelled,
    'assumed', not announced
  ) end,
  told_count = announced::int;
alter table public.bookings drop column announced;
create index bookings_upcoming on public.bookings (company_id, record_id) where not cancelled;

create index marketplace_events_of_record on public.marketplace_events (company_id, ((detail ->> 'record_id')), id)
where detail ? 'record_id';

alter table public.contacts enable row level security;
alter table public.company_settings enable row level security;
revoke all on public.contacts, public.company_settings from public, anon, authenticated;
grant select, insert, update, delete on public.contacts, public.company_settings to service_role;
